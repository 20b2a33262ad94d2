"""What a fit prints: that kernels are compiled, epochs, and the time that is left."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

from skl_sae import SparseAutoencoder
from skl_sae._training import report
from skl_sae._training.history import History
from skl_sae._training.report import Report

X = np.random.default_rng(0).normal(size=(200, 6))
FIT = """
import sys
import numpy as np
from skl_sae import SparseAutoencoder
X = np.random.default_rng(0).normal(size=(64, 4))
SparseAutoencoder(8, max_iter=1, verbose=False, random_state=0).fit(X) if "quiet" in sys.argv else None
SparseAutoencoder(8, max_iter=1, verbose=True, random_state=0).fit(X)
SparseAutoencoder(8, max_iter=1, verbose=True, random_state=0).fit(X.astype(np.float32))
"""


def make(**options):
    return SparseAutoencoder(**{"n_components": 8, "random_state": 0, "verbose": True, **options})


def printed(capsys):
    """Lines about the training: without the one that kernels are compiled, and without times."""
    lines = capsys.readouterr().out.splitlines()
    return [re.sub(", about .* left$", "", line) for line in lines if not line.startswith("Compiling")]


class Clock:
    """Time that passes when it is told to."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(report, "monotonic", lambda: self.now)


def a_report(label="", n_done=0):
    history = History(0.0, 1)
    for _ in range(n_done):
        history.note((0.5, 0.0))
    return Report(True, history, 1000, label), history


def test_a_line_an_epoch(capsys):
    sae = make(max_iter=3).fit(X)
    assert printed(capsys) == [f"Epoch {i} of 3, loss = {loss:.8g}" for i, loss in enumerate(sae.loss_curve_, 1)]
    sae = make(max_iter=2).fit(X, X_val=X[:50])
    both = zip(sae.loss_curve_, sae.validation_scores_, strict=True)
    expected = [f"Epoch {i} of 2, loss = {a:.8g}, validation score = {b:.6f}" for i, (a, b) in enumerate(both, 1)]
    assert printed(capsys) == expected
    make(max_iter=2, verbose=False).fit(X)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.05, ""), (2, "18 s"), (9, "81 s"), (12, "2 min"), (400, "60 min"), (1000, "2.5 h")]
)
def test_the_time_that_is_left(seconds, words, monkeypatch, capsys):
    """Of an epoch of so many seconds, after the first of ten, whose first step has compiled for a minute."""
    clock = Clock(monkeypatch)
    told, history = a_report()
    clock.now += 60
    told.step(0, 10)
    clock.now += seconds
    history.note((0.25, 0.0))
    told.epoch(10)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if ", loss" in line]
    assert line == "Epoch 1 of 10, loss = 0.25" + (f", about {words} left" if words else "")


def test_long_epochs_are_told_of_before_their_end(monkeypatch, capsys):
    clock = Clock(monkeypatch)
    told, _ = a_report("Layer 1 of 2, ")
    for rows in range(10, 1000, 10):  # a second each
        told.step(rows, 5)
        clock.now += 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("Layer 1 of 2, Epoch 1 of 5, 32 %, about 8 min left")


def test_a_fit_that_is_resumed_counts_from_there(monkeypatch, capsys):
    clock = Clock(monkeypatch)
    told, history = a_report(n_done=8)
    clock.now += 10
    history.note((0.5, 0.0))
    told.epoch(10)
    assert capsys.readouterr().out == "Epoch 9 of 10, loss = 0.5, about 10 s left\n"


@pytest.mark.slow
def test_compiling_is_announced_once_and_only_where_it_happens(tmp_path):
    def run(*args, **more):
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), **more}
        command = [sys.executable, "-c", FIT, *args]
        lines = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.splitlines()
        return [line.split(" ")[0] for line in lines]

    assert run() == ["Compiling", "Epoch", "Epoch"]  # also for the second type
    assert run() == run("quiet") == ["Epoch", "Epoch"]
    assert run(NUMBA_DISABLE_JIT="1") == ["Epoch", "Epoch"]
