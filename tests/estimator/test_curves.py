"""The curves of a stream: lists for whoever reads them, that are not copied for each chunk."""

import copy
import pickle

import numpy as np
import pytest

from skl_sae import SparseAutoencoder
from skl_sae._estimator.curves import longer

X = np.random.default_rng(0).normal(size=(30, 5))
CURVES = "loss_curve_", "auxiliary_loss_curve_"


@pytest.fixture
def sae():
    return SparseAutoencoder(4, random_state=0).partial_fit(X)


@pytest.mark.parametrize("name", CURVES)
def test_a_chunk_copies_no_curve(sae, name):
    numbers = vars(sae)[name].numbers
    for n in range(2, 20):
        sae.partial_fit(X)
        assert vars(sae)[name].numbers is numbers and len(numbers) == n


@pytest.mark.parametrize("name", CURVES)
def test_what_was_read_stays_as_it_was(sae, name):
    before = getattr(sae, name)
    sae.partial_fit(X)
    after = getattr(sae, name)
    assert type(before) is type(after) is list
    assert len(before) == 1 and len(after) == 2 and after[:1] == before
    after.clear()
    assert len(getattr(sae, name)) == 2


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, lambda sae: pickle.loads(pickle.dumps(sae))])
def test_copies_go_on_by_themselves(sae, twin):
    other = twin(sae)
    assert {type(vars(other)[name]) for name in CURVES} == {list}
    sae.partial_fit(2 * X), other.partial_fit(X), other.partial_fit(X)
    assert len(sae.loss_curve_) == 2 and len(other.loss_curve_) == 3
    assert sae.loss_curve_[0] == other.loss_curve_[0] and sae.loss_curve_[1] != other.loss_curve_[1]


def test_a_stream_after_a_fit_goes_on_with_its_curves(sae):
    sae.set_params(max_iter=3).fit(X)
    fitted = sae.loss_curve_
    for n in range(4, 7):
        sae.partial_fit(X)
        assert sae.loss_curve_[:3] == fitted and len(sae.loss_curve_) == n and sae.loss_ == sae.loss_curve_[-1]


def test_a_chunk_that_ended_before_its_curve_was_kept(sae, monkeypatch):
    """Its loss is in the list that is shared, and in no curve."""

    def interrupted(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(SparseAutoencoder, "_commit", interrupted)
        sae.partial_fit(3 * X)
    assert len(sae.loss_curve_) == 1
    undisturbed = SparseAutoencoder(4, random_state=0).partial_fit(X).partial_fit(X)
    assert sae.partial_fit(X).loss_curve_ == undisturbed.loss_curve_


def test_curves_that_go_on_in_two_ways():
    both = longer([1.0], 2.0)
    one, other = longer(both, 3.0), longer(both, 4.0)
    assert [*both] == [1.0, 2.0] and [*one] == [1.0, 2.0, 3.0] and [*other] == [1.0, 2.0, 4.0]
    assert one[-1] == 3.0 and len(both) == 2
    assert one[-2:] == [2.0, 3.0] and both[:] == [1.0, 2.0]
    with pytest.raises(IndexError):
        both[2]


def test_there_is_none_before_a_fit():
    assert not any(hasattr(SparseAutoencoder(), name) for name in (*CURVES, "validation_scores_"))


def test_the_class_has_none_and_an_estimator_can_lose_its_own(sae):
    assert not any(hasattr(SparseAutoencoder, name) for name in CURVES)
    del sae.loss_curve_
    with pytest.raises(AttributeError, match="'SparseAutoencoder' object has no attribute 'loss_curve_'"):
        sae.loss_curve_  # noqa: B018
    sae.partial_fit(X)
    assert len(sae.loss_curve_) == 1
