"""A parameter that is a fitted model may hold the estimator itself: nothing runs in circles, and a fit says so."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from skl_sae import SparseAutoencoder
from skl_sae._kept_model import holds
from skl_sae.transfer import SparseTransfer

X = np.random.default_rng(0).normal(size=(50, 6))


def fitted(**options):
    return SparseAutoencoder(4, max_iter=2, random_state=0, **options).fit(X)


def itself():
    sae = fitted()
    return sae.set_params(init=sae)


def each_other():
    first, second = fitted(), fitted()
    first.set_params(init=second)
    second.set_params(init=first)
    return first


def frozen_itself():
    sae = fitted()
    return sae.set_params(init=FrozenEstimator(sae))


def source_is_itself():
    transfer = SparseTransfer(fitted()).fit(X)
    return transfer.set_params(source=transfer)


def source_is_unfitted_itself():
    transfer = SparseTransfer(None)
    return transfer.set_params(source=transfer)


def sources_of_each_other():
    first = SparseTransfer(fitted()).fit(X)
    first.set_params(source=SparseTransfer(first).fit(X))
    return first


def source_in_a_pipeline():
    transfer = SparseTransfer(fitted()).fit(X)
    return transfer.set_params(source=make_pipeline(transfer))


CIRCLES = [itself, each_other, frozen_itself, source_is_itself, sources_of_each_other, source_in_a_pipeline]


@pytest.mark.parametrize("make", [*CIRCLES, source_is_unfitted_itself])
def test_circles_end(make):
    model = make()
    kept = model._kept_model
    params = model.get_params()
    assert params[kept] is getattr(model, kept)
    assert not [name for name in params if name.startswith(f"{kept}__")]
    assert getattr(clone(model), kept) is params[kept]
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert type(getattr(other, kept)) is type(params[kept])
    assert holds(params[kept], model)
    hasattr(model, "partial_fit")
    model.set_params(random_state=1)


@pytest.mark.parametrize("make", [itself, frozen_itself])
def test_no_fit_starts_from_the_estimator_itself(make):
    model = make()
    before = model.transform(X)
    with pytest.raises(ValueError, match="'init' parameter of SparseAutoencoder is the estimator itself: expected"):
        model.fit(X)
    assert_array_equal(model.transform(X), before)
    model.partial_fit(X)  # which goes on, and starts from nothing
    copied = fitted()
    expected = fitted(init=copy.deepcopy(copied)).transform(X)
    assert_array_equal(copied.set_params(init=copy.deepcopy(copied)).fit(X).transform(X), expected)


def test_two_may_start_from_each_other():
    first = each_other()
    expected = fitted(init=fitted()).transform(X)
    assert_array_equal(first.fit(X).transform(X), expected)


MESSAGE = "source of SparseTransfer, a .*, is the transfer itself, or a model that holds it: expected one"


@pytest.mark.parametrize("make", [*CIRCLES[3:], source_is_unfitted_itself])
def test_no_transfer_is_its_own_source(make):
    transfer = make()
    with pytest.raises(ValueError, match=MESSAGE):
        transfer.fit(X)
    with pytest.raises(ValueError, match=MESSAGE):
        get_tags(transfer)


def test_a_source_is_not_looked_into():
    """Nested parameters of others are still there."""
    inner = fitted()
    transfer = SparseTransfer(SparseTransfer(inner).fit(X)).fit(X)
    assert_array_equal(transfer.transform(X), inner.transform(X))
    sae = SparseAutoencoder(init=inner, sparsity="topk")
    assert {name for name in sae.get_params() if "__" in name} == {"sparsity__k", "sparsity__transform_k"}
