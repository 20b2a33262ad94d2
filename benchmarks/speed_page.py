"""The tables of training speed in ``docs/benchmarks.rst``, one for each processor, made from all records.

``python benchmarks/run.py --table`` writes them, and the tables of each processor's folder. A test compares them.
"""

from pathlib import Path

import records
import report
from cases import CASES

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.rst"
START, END = ".. tables of benchmarks/run.py", ".. end of the tables"

#: Columns: peers of the same model.
TITLES = {
    "torch": "PyTorch, Adam as it comes",
    "torch-fused": "fused Adam",
    "torch-bf16": "bfloat16",
    "torch-compile": "compiled",
    "jax": "JAX",
    "keras": "Keras",
    "mlp": "MLPRegressor",
}
#: Another model for the same purpose; one case alone has them.
LEARNERS = {"dictionary": "scikit-learn", "spams-online": "SPAMS", "dictlearn": "dictlearn"}
MARK = "†"


def text(processors):
    """A section for each processor.

    Parameters
    ----------
    processors : dict
        Records by case, by the name of the processor's folder.
    """
    return "\n\n".join(section(each) for each in processors.values())


def section(each):
    """Heading, what is known of the measurement, a table, and what else was compared."""
    heading = records.processor(each)
    parts = [f"{heading}\n{'-' * len(heading)}", *about(each), table(each), *learners(each)]
    return "\n\n".join(parts)


def table(each):
    """A row a model: our rows a second where they are known, then ours over each peer's."""
    peers = [peer for peer in TITLES if any(peer in records.peers_of(record) for record in each.values())]
    has_rates = any(map(records.has_rates, each.values()))
    rows = [["model", *(["ours, rows/s"] if has_rates else []), *(TITLES[peer] for peer in peers)]]
    for case, record in each.items():
        speed = [f"{records.rate(record, 'ours'):,.0f}" if records.has_rates(record) else ""] if has_rates else []
        mark = MARK if records.rounds_alone(record) else ""
        rows.append([CASES[case].title + mark, *speed, *(cell(record, peer) for peer in peers)])
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in rows:
        lines += [f"   {'* -' if i == 0 else '  -'} {text}".rstrip() for i, text in enumerate(row)]
    return "\n".join(lines)


def cell(record, peer):
    """Ours over the peer's, with a word where the peer is faster; empty where it was not measured."""
    if peer not in records.peers_of(record):
        return ""
    ratio = records.ratio(record, peer)
    return f"**{figure(ratio)}**" if ratio < 1 else figure(ratio)


def figure(ratio):
    """A ratio with as many digits as matter: two behind the point where who is faster depends on them."""
    return f"{ratio:.{2 if ratio < 2 else 1 if ratio < 10 else 0}f}"


def about(each):
    """When a processor was measured, and what else its records say."""
    dates = sorted({record["machine"]["date"] for record in each.values() if "date" in record["machine"]})
    remarks = list(dict.fromkeys(remark for record in each.values() for remark in record.get("remarks", [])))
    span = [f"measured {dates[0]}" + (f" to {dates[-1]}" if len(dates) > 1 else "")] if dates else []
    alone = sum(map(records.rounds_alone, each.values()))
    marked = [f"{MARK} rounds of such models in which a core was missing: {alone}"] if alone else []
    told = "; ".join([*span, *remarks, *marked])
    return [f"{told[0].upper()}{told[1:]}."] if told else []


def learners(each):
    """A sentence on dictionary learning, where it was measured."""
    told = []
    for case, record in each.items():
        found = [f"{LEARNERS[p]} {figure(records.ratio(record, p))}" for p in LEARNERS if p in records.peers_of(record)]
        told += [f"{CASES[case].title}: {', '.join(found)}"] if found else []
    return [f"Dictionary learning, another model for the same purpose. {'; '.join(told)}."] if told else []


def block(page):
    """The page in three parts: up to the start of the tables, the tables, and from their end on."""
    before, rest = page.split(START)
    tables, after = rest.split(END)
    return before + START, tables.strip(), END + after


def write(page=PAGE, results=records.RESULTS):
    """Write the tables of the page, and those of every folder, from the records."""
    processors = records.read_all(results)
    for slug, each in processors.items():
        (results / slug / "results.md").write_text(report.document(each), encoding="utf-8")
    before, _, after = block(page.read_text(encoding="utf-8"))
    page.write_text(f"{before}\n\n{text(processors)}\n\n{after}", encoding="utf-8")
