"""Ctrl-C at the client."""

import signal

import distributed
import pytest
from sklearn.base import clone

from skl_sae.dask import fit


def interrupt_in(monkeypatch, wanted):
    """While the client waits for the sum of this name."""
    original = distributed.wait

    def wait(future):
        if f"-{wanted}-" in future.key[0]:
            signal.raise_signal(signal.SIGINT)
        return original(future)

    monkeypatch.setattr(distributed, "wait", wait)


def test_the_model_of_the_last_round_is_left(client, monkeypatch, interruptible, sae, blocks):
    whole = fit(clone(sae).set_params(max_iter=30), blocks)
    interrupt_in(monkeypatch, "round-3")
    with pytest.warns(UserWarning, match="interrupted by user.*round 2"):
        fit(sae.set_params(max_iter=30), blocks)
    assert sae.loss_curve_ == whole.loss_curve_[:2]
    assert sae.transform(blocks.compute()).any()
    assert not [key for keys in client.processing().values() for key in keys]


def test_before_the_first_round_there_is_none(client, monkeypatch, interruptible, sae, blocks):
    interrupt_in(monkeypatch, "round-1")
    with pytest.raises(KeyboardInterrupt):
        fit(sae, blocks)
    assert not hasattr(sae, "n_iter_")
