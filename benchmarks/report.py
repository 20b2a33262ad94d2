"""Tables and a plot of the records that `run.py` takes. Records of several runs stand together, each with its date."""

from cases import CASES
from peers import PEERS
from records import has_rates, keep, peers_of, processor, rate, ratio, roofline, rounds_alone


def save(folder, name, record):
    """Put the record of a case among those in the folder, and write table and plot anew."""
    records = keep(folder / "results.json", name, record, CASES)
    (folder / "results.md").write_text(document(records), encoding="utf-8")
    plot(records, folder / "results.png")


def document(records):
    """All tables."""
    parts = [f"# Training speed: {processor(records)}"]
    parts += ["Written by `benchmarks/run.py`; the README beside it says how to read this."]
    parts += ["## Our rows/s over each peer's", summary(records)]
    for name, record in records.items():
        parts += [f"## {name}: {record['title']}", table(record)]
    return "\n\n".join(parts) + "\n"


def lines(header, rows):
    """A table in markdown; all columns but the first to the right."""
    rule = ["---"] + ["---:"] * (len(header) - 1)
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, rule, *rows])


def summary(records):
    """Ratios of medians, a row a case, and the roofline column."""
    peers = [peer for peer in PEERS if any(peer in peers_of(record) for record in records.values())]
    rows = []
    for name, record in records.items():
        ratios = [f"{ratio(record, peer):.2f}" if peer in peers_of(record) else "" for peer in peers]
        rows.append([name, *ratios, f"{roofline(record):.2f}"])
    return lines(["case", *peers, "roofline"], rows)


def table(record):
    """One case: a row a peer, and notes."""
    if not has_rates(record):
        rows = [[peer, f"{ratio(record, peer):.2f}"] for peer in peers_of(record)]
        return with_notes(lines(["peer", "ours / peer"], rows), [f"Roofline {roofline(record):.2f}.", *remarks(record)])
    rows = []
    for peer, result in record["peers"].items():
        low, high = min(result["rates"]), max(result["rates"])
        row = [peer, f"{rate(record, peer):,.0f}", f"{low:,.0f}-{high:,.0f}"]
        row += [f"{1e3 * record['batch'] / rate(record, peer):.3g}", f"{ratio(record, peer):.2f}"]
        rows.append([*row, loss(result), megabytes(result["peak"]), megabytes(result["model"])])
    header = ["peer", "rows/s", "min-max", "ms a step", "ours / peer", "loss", "peak MB", "model MB"]
    m = record["machine"]
    notes = [
        f"Roofline {roofline(record):.2f}: a step needs {1e3 * record['least_seconds']:.3g} ms at "
        f"{m['gflops']:,.0f} GFLOP/s and {m['gbytes']:,.0f} GB/s.",
        f"Density of the code: {record['density'][0]:.1%} at the start, {record['density'][1]:.1%} at the end.",
        *cores(record),
        f"{m['date']}, {record['protocol']}, {processor({'': record})}, Python {m['python']}, "
        f"numpy {m['numpy']}, skl_sae {m['skl_sae']}; "
        + "; ".join(dict.fromkeys(r["about"] for r in record["peers"].values() if r["about"]))
        + ".",
        *([record["data_note"] + "."] if record["data_note"] else []),
        *remarks(record),
    ]
    return with_notes(lines(header, rows), notes)


def cores(record):
    """What the probe of the cores found; nothing where nobody looked."""
    if not record.get("speedups"):
        return []
    told = f"Cores: the least speed-up in a round {min(record['speedups']):.2f}"
    alone = rounds_alone(record)
    return [told + (f"; **in {alone} of {len(record['speedups'])} rounds a core was missing**." if alone else ".")]


def remarks(record):
    """What else is to be said, and why peers are missing."""
    said = [f"{remark}." for remark in record.get("remarks", [])]
    return said + [f"{peer} skipped: {note}." for peer, note in record.get("notes", {}).items()]


def with_notes(table, notes):
    return table + "\n\n" + "\n".join(f"- {note}" for note in notes)


def loss(result):
    """The loss after the same steps; marked where the model is another."""
    if result["loss"] is None:
        return "other model"
    return f"{result['loss']:.5g}" + ("" if result["agrees"] else " (!)")


def megabytes(number):
    return "" if number is None else f"{number:,.0f}"


def plot(records, path):
    """Rows a second, a panel a case, with the spread; skipped without matplotlib."""
    records = {name: record for name, record in records.items() if has_rates(record)}
    try:
        import matplotlib
    except ImportError:
        print("matplotlib is missing: no plot")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    n_columns = min(3, len(records))
    n_rows = -(-len(records) // n_columns)
    figure, axes = plt.subplots(
        n_rows, n_columns, figsize=(4.2 * n_columns, 2.6 * n_rows), squeeze=False, layout="constrained"
    )
    for axis in axes.flat[len(records) :]:
        axis.remove()
    for axis, record in zip(axes.flat, records.values()):
        peers = list(record["peers"])[::-1]
        medians = [rate(record, peer) for peer in peers]
        spread = [
            [m - min(record["peers"][p]["rates"]) for p, m in zip(peers, medians)],
            [max(record["peers"][p]["rates"]) - m for p, m in zip(peers, medians)],
        ]
        colours = ["tab:orange" if peer == "ours" else "tab:gray" for peer in peers]
        axis.barh(peers, medians, xerr=spread, color=colours, error_kw={"linewidth": 1})
        axis.set_title(record["title"], fontsize=9)
        axis.set_xlabel("rows/s", fontsize=8)
        axis.tick_params(labelsize=8)
        axis.ticklabel_format(axis="x", style="sci", scilimits=(3, 3))
    figure.savefig(path, dpi=120)
    plt.close(figure)
