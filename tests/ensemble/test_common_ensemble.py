"""scikit-learn's own checks for `ConsensusAutoencoder`: no check is expected to fail."""

import pytest
from sklearn.base import clone
from sklearn.utils import estimator_checks
from test_common import MORE_CHECKS, fits, with_checks

from skl_sae import SparseAutoencoder
from skl_sae.ensemble import ConsensusAutoencoder
from skl_sae.sparsity import AbsTopK

QUICK, FEW = {"n_components": 12, "max_iter": 2}, {"n_fits": 2, "min_fits": 1, "random_state": 0}
CONFIGURATIONS = [
    ConsensusAutoencoder(SparseAutoencoder(**QUICK), **FEW),
    ConsensusAutoencoder(SparseAutoencoder(sparsity="l1", tied_weights=True, **QUICK), similarity=0.5, **FEW),
    ConsensusAutoencoder(SparseAutoencoder(sparsity=AbsTopK(4), sparse_output=True, **QUICK), signed=False, **FEW),
    ConsensusAutoencoder(
        SparseAutoencoder(sparsity="batch_topk", hidden_layer_sizes=(8,), decoder_layer_sizes=(), **QUICK), **FEW
    ),
]


@with_checks(CONFIGURATIONS)
def test_estimator(estimator, check):
    check(estimator)


# The checks of set_output mix arrays and DataFrames; the one of feature names makes these warnings errors again.
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
@pytest.mark.parametrize(
    "estimator, name", [(e, name) for e in CONFIGURATIONS for name in MORE_CHECKS if fits(e.estimator, name)]
)
def test_more_checks(estimator, name):
    pytest.importorskip(MORE_CHECKS[name])
    getattr(estimator_checks, name)(type(estimator).__name__, clone(estimator))
