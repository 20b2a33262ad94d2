"""The scale of data and codes, taken over by other networks."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skl_sae import SparseAutoencoder
from skl_sae._model.architecture import Architecture
from skl_sae._model.network import Network
from skl_sae._model.scaling import Scaling
from skl_sae.sparsity import BaseSparsity

X = np.random.default_rng(0).random((200, 6))
DOUBLE = Architecture((6, 4), (6, 4), "relu")


def test_of_another_type():
    """All numbers are taken over; the arrays that rows are computed with have the other's type."""
    scaling = Scaling(DOUBLE)
    scaling.measure(X.mean(axis=0), X.var(axis=0), True)
    scaling.observe(X.mean(axis=0), np.full(6, 200), anew=True)
    scaling.set_code_scale(0.25, 200)
    single = scaling.of(DOUBLE._replace(dtype=np.dtype(np.float32)))
    assert single.offset.dtype == single.fill.dtype == np.float32
    assert_array_equal(single.offset, scaling.offset.astype(np.float32))
    assert scaling.offset.dtype == np.float64
    assert (single.scale, single.measured, single.code_scale) == (scaling.scale, True, 0.5)


def test_a_copy_of_a_network_measures_for_itself():
    network = Network(DOUBLE, BaseSparsity())
    network.scaling.measure(X.mean(axis=0), X.var(axis=0), True)
    before = {name: np.copy(value) for name, value in vars(network.scaling).items() if name != "architecture"}
    other = network.copy()
    other.scaling.observe(np.ones(6), np.full(6, 3), anew=False)
    other.scaling.measure(np.ones(6), np.ones(6), True)
    other.scaling.set_code_scale(9.0, 10)
    for name, value in before.items():
        assert_array_equal(getattr(network.scaling, name), value, name)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_code_with_bounds_means_what_it_is(method):
    """Also where the network before had a code without bounds, and one with a scale."""
    sae = SparseAutoencoder(4, sparsity=None, warm_start=True, max_iter=2, random_state=0).fit(X)
    assert sae.code_scale_ != 1
    getattr(sae.set_params(activation="sigmoid"), method)(X)
    assert sae.code_scale_ == 1 and sae.transform(X).max() < 1
