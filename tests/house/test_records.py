"""The benchmark's records: a folder for each processor, and the page's tables made from all of them."""

from argparse import Namespace
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"

pytestmark = pytest.mark.skipif(not BENCHMARKS.exists(), reason="needs the checkout")


@pytest.fixture(autouse=True)
def path(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def record(processor="A", speedups=(), **rates):
    """A record of a case with two cores."""
    peers = {peer: {"rates": each} for peer, each in rates.items()}
    return {"machine": {"processor": processor, "cores": 2}, "speedups": list(speedups), "peers": peers}


def others(**ratios):
    """A record whose rates nobody knows."""
    return {"machine": {"processor": "B", "cores": 2}, "ratios": ratios, "roofline": 0.5, "remarks": ["from elsewhere"]}


def test_the_page_has_the_tables_of_the_records():
    import records
    import speed_page

    page = speed_page.PAGE.read_text(encoding="utf-8")
    assert speed_page.block(page)[1] == speed_page.text(records.read_all()), "python benchmarks/run.py --table"


def test_each_folder_has_the_tables_of_its_records():
    import records
    import report

    for folder, each in records.read_all().items():
        text = (records.RESULTS / folder / "results.md").read_text(encoding="utf-8")
        assert text == report.document(each), "python benchmarks/run.py --table"


def test_results_lie_in_the_folders_of_processors():
    assert all(path.is_dir() for path in (BENCHMARKS / "results").iterdir())


@pytest.mark.parametrize(
    "fields, slug",
    [
        ({"model name": "AMD EPYC", "cpu family": "25", "model": "17"}, "amd-epyc-25-17-2-cores"),
        ({"model name": "AMD EPYC 9R14 96-Core Processor"}, "amd-epyc-9r14-2-cores"),
        (
            {"model name": "Intel(R) Xeon(R) CPU @ 2.00GHz", "cpu family": "6", "model": "143"},
            "intel-xeon-6-143-2-cores",
        ),
    ],
)
def test_folders_tell_generations_apart(fields, slug):
    import processors

    assert processors.slug(fields, cores=2) == slug


def test_a_table_has_the_ratios_and_marks_what_is_slower():
    import speed_page

    mine = record(ours=[20.0], torch=[10.0], keras=[10.0])
    assert [speed_page.cell(mine, peer) for peer in ("torch", "jax")] == ["2.0", ""]
    assert speed_page.cell(others(torch=0.95), "torch") == "**0.95**"
    assert "     - 20\n     - 2.0\n     - 2.0" in speed_page.table({"digits": mine})
    mine["speedups"] = [1.9, 1.2]
    tables = speed_page.text({"a": {"digits": mine}, "b": {"digits": others(torch=0.95)}})
    assert "A, 2 cores\n----------\n\n† rounds of such models in which a core was missing: 1." in tables
    assert "B, 2 cores\n----------\n\nFrom elsewhere." in tables


def test_rounds_without_a_core_are_taken_again_and_kept_in_the_end(monkeypatch):
    import rounds
    import second_core

    class Worker:
        """Counts the turns it gets."""

        turns = 0

        def ask(self, do, seconds):
            self.turns += 1
            return {"rate": float(self.turns)}

    # probes before and after the tries of three rounds; a good one after a round is also the one before the next
    first, second, third = [2.0, 1.2, 2.0, 2.0], [1.2, 1.1, 1.0], [2.0, 1.9]
    found = iter(first + second + third)
    monkeypatch.setattr(second_core, "probe", lambda: next(found))
    monkeypatch.setattr(rounds, "n_cores", lambda: 2)
    options = Namespace(rounds=3, seconds=0, repeats=1)
    rates, speedups, _ = rounds.take({"ours": Worker()}, {}, options)
    assert speedups == [2.0, 1.0, 1.9]
    assert rates["ours"] == [2.0, 4.0, 5.0]


def test_the_probe_finds_no_more_than_the_cores():
    import second_core
    from processors import n_cores

    assert 0 < second_core.probe(settle=0) < 1.5 * n_cores()
    assert second_core.is_there(1.7, 2) and not second_core.is_there(1.69, 2)
    assert second_core.is_there(1.0, 1)


def test_verdicts():
    import quick

    every = {
        "a": {"digits": record(ours=[20.0, 22.0], torch=[10.0, 10.0])},
        "b": {"digits": others(torch=0.95, mlp=2.0)},
    }

    def said(slug, peer="torch", **rates):
        return quick.verdict(record(**rates), "digits", peer, every, slug)

    assert "above 2.10 (2.00-2.20)" in said("a", ours=[30.0, 31.0], torch=[10.0, 10.0])
    assert "within the spread of 2.10" in said("a", ours=[30.0, 21.0], torch=[10.0, 10.0])
    assert "below 2.10" in said("a", ours=[15.0, 16.0], torch=[10.0, 10.0])
    # beside the worst where the processor was never measured
    assert "above 0.95" in said("c", ours=[15.0, 16.0], torch=[10.0, 10.0])
    assert "never measured" in said("c", "keras", ours=[15.0, 16.0], keras=[10.0, 10.0])
    assert "missing in all rounds but 1" in said("a", ours=[30.0], torch=[10.0])
    lines = [said("c", ours=[each] * 2, torch=[10.0] * 2) for each in (30.0, 9.0)] + [said("a", ours=[], torch=[])]
    assert quick.summary(lines) == "above 1, below 1, within 0, no verdict 1"
