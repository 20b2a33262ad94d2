"""Ctrl-C at the client."""

import os
import signal
import threading
import time

import distributed
import pytest
from sklearn.base import clone

from skl_sae.dask import fit
from skl_sae.dask._cluster import Cluster


def interrupt_in(monkeypatch, wanted):
    """Ctrl-C while the client waits for a sum, which takes long."""
    original = Cluster._attempt

    def attempt(self, name, *rest):
        if name == wanted:
            monkeypatch.setattr(distributed, "wait", _wait_long)
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        return original(self, name, *rest)

    monkeypatch.setattr(Cluster, "_attempt", attempt)


def _wait_long(total):
    for _ in range(600):  # a signal may go to another thread, and does not end a sleep then
        time.sleep(0.1)


def test_the_model_of_the_last_round_is_left(client, monkeypatch, interruptible, sae, blocks):
    whole = fit(clone(sae), blocks)
    interrupt_in(monkeypatch, "round-3")
    with pytest.warns(UserWarning, match="interrupted by user.*round 2"):
        fit(sae, blocks)
    assert sae.loss_curve_ == whole.loss_curve_[:2]
    assert sae.transform(blocks.compute()).any()
    assert not [key for keys in client.processing().values() for key in keys]


def test_before_the_first_round_there_is_none(client, monkeypatch, interruptible, sae, blocks):
    interrupt_in(monkeypatch, "round-1")
    with pytest.raises(KeyboardInterrupt):
        fit(sae, blocks)
    assert not hasattr(sae, "n_iter_")
