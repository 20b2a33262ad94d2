"""The README's table of training speed, made from the records of all processors: the worst ratio beside the best.

``python benchmarks/run.py --table`` writes it, and the tables of each processor's folder. A test compares them.
"""

import string
from pathlib import Path

import records
import report
from cases import CASES

README = Path(__file__).resolve().parents[1] / "README.md"
START, END = "<!-- table of benchmarks/run.py -->", "<!-- end of the table -->"

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
    """Table, and what it is about.

    Parameters
    ----------
    processors : dict
        Records by case, by the name of the processor's folder.
    """
    letters = dict(zip(processors, string.ascii_uppercase))
    rates = [slug for slug in processors if any(map(records.has_rates, processors[slug].values()))]
    header = ["model", *(f"ours, rows/s, {letters[slug]}" for slug in rates)]
    header += [
        f"{title} ({', '.join(letters[slug] for slug in measuring(processors, peer))})"
        for peer, title in TITLES.items()
    ]
    rows = []
    for case in CASES:
        mine = {slug: each[case] for slug, each in processors.items() if case in each}
        if mine:
            speeds = [f"{records.rate(mine[slug], 'ours'):,.0f}" if slug in mine else "" for slug in rates]
            cells = [cell(mine, peer, letters, len(measuring(processors, peer)) > 1) for peer in TITLES]
            rows.append([CASES[case].title, *speeds, *cells])
    told = [f"* {letters[slug]}: {about(each)}" for slug, each in processors.items()]
    return "\n\n".join([report.lines(header, rows), "\n".join(told), *learners(processors, letters)])


def measuring(processors, peer):
    """Folders with a record of a peer."""
    return [
        slug for slug, each in processors.items() if any(peer in records.peers_of(record) for record in each.values())
    ]


def cell(mine, peer, letters, several):
    """The worst ratio and the best, with the letters of their processors where the column has several."""
    found = [(records.ratio(record, peer), slug) for slug, record in mine.items() if peer in records.peers_of(record)]
    told = []
    for ratio, slug in sorted({min(found), max(found)}) if found else []:
        mark = MARK if records.rounds_alone(mine[slug]) else ""
        told.append(f"{figure(ratio)} x{f' {letters[slug]}' if several else ''}{mark}")
    return " to ".join(told)


def figure(ratio):
    """A ratio with as many digits as matter: two behind the point where who is faster depends on them."""
    return f"{ratio:.{2 if ratio < 2 else 1 if ratio < 10 else 0}f}"


def about(each):
    """A processor: its name, when it was measured, and what else its records say."""
    dates = sorted({record["machine"]["date"] for record in each.values() if "date" in record["machine"]})
    remarks = list(dict.fromkeys(remark for record in each.values() for remark in record.get("remarks", [])))
    span = [f"measured {dates[0]}" + (f" to {dates[-1]}" if len(dates) > 1 else "")] if dates else []
    alone = sum(map(records.rounds_alone, each.values()))
    marked = [f"{MARK} rounds of such cases in which a core was missing: {alone}"] if alone else []
    return "; ".join([records.processor(each), *span, *remarks, *marked])


def learners(processors, letters):
    """A sentence on dictionary learning, where it was measured."""
    told = []
    for slug, each in processors.items():
        for case, record in each.items():
            found = [
                f"{LEARNERS[p]} {figure(records.ratio(record, p))} x" for p in LEARNERS if p in records.peers_of(record)
            ]
            if found:
                told.append(f"{CASES[case].title}, on {letters[slug]}: {', '.join(found)}")
    return [f"Dictionary learning is another model for the same purpose. {'; '.join(told)}."] if told else []


def block(page):
    """The page in three parts: up to the start of the table, the table, and from its end on."""
    before, rest = page.split(START)
    table, after = rest.split(END)
    return before + START, table.strip(), END + after


def write(readme=README, results=records.RESULTS):
    """Write the README's table, and the tables of every folder, from the records."""
    processors = records.read_all(results)
    for slug, each in processors.items():
        (results / slug / "results.md").write_text(report.document(each), encoding="utf-8")
    before, _, after = block(readme.read_text(encoding="utf-8"))
    readme.write_text(f"{before}\n\n{text(processors)}\n\n{after}", encoding="utf-8")
