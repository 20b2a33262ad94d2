"""The benchmark's arithmetic, and one short run of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"

pytestmark = pytest.mark.skipif(not BENCHMARKS.exists(), reason="needs the checkout")


@pytest.fixture
def path(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_operations_of_a_step(path):
    from cases import CASES
    from machine import flops, n_parameters

    dense, sparse = CASES["l1_dense"], CASES["topk_1000"]
    assert n_parameters((784, 196, 784)) == 784 * 196 * 2 + 196 + 784
    # five products of 2 batch d m, without the gradient of the input; four of them as thin as the code
    assert flops(dense, (784, 1024, 784), 0.9) == 5 * 2 * 256 * 784 * 1024
    assert flops(sparse, (784, 1000, 784), 0.025) == pytest.approx((1 + 4 * 0.025) * 2 * 256 * 784 * 1000)
    # each of six layers three products, the first two
    sizes = (784, 128, 64, 32, 64, 128, 784)
    weights = [a * b for a, b in zip(sizes, sizes[1:], strict=False)]  # noqa: RUF007
    assert flops(CASES["deep"], sizes, 1.0) == 2 * 256 * (3 * sum(weights) - weights[0])


def test_seconds_to_a_score(path):
    from quality import seconds_to

    curve = {"seconds": [0.0, 2.0, 4.0], "scores": [0.0, 0.8, 0.9]}
    assert seconds_to(curve, 0.4) == pytest.approx(1.0)
    assert seconds_to(curve, 0.85) == pytest.approx(3.0)
    assert seconds_to(curve, 0.95) is None


def test_a_short_run(tmp_path):
    command = [sys.executable, str(BENCHMARKS / "run.py"), "--case", "digits", "--peer", "mlp", "torch"]
    command += ["--rounds", "2", "--seconds", "0.01", "--out", str(tmp_path)]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL, timeout=300)
    record = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["digits"]
    assert len(record["peers"]["ours"]["rates"]) == len(record["peers"]["mlp"]["rates"]) == 2
    assert record["density"][0] == pytest.approx(16 / 128, rel=0.05)
    # PyTorch is either there and agrees, or is skipped with a note
    assert "torch" in record["notes"] or record["peers"]["torch"]["agrees"]
    table = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert "| digits |" in table
    assert "| ours |" in table
