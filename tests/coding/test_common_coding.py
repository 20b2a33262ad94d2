"""scikit-learn's own checks, for the estimators of sparse coding: no check is expected to fail."""

import pytest
from sklearn.base import clone
from sklearn.utils import estimator_checks
from test_common import MORE_CHECKS, fits, with_checks

from skl_sae.coding import SparseRecoveryAutoencoder
from skl_sae.sparsity import TopK

QUICK = {"n_components": 12, "max_iter": 3, "random_state": 0}
CONFIGURATIONS = [
    SparseRecoveryAutoencoder(**QUICK),
    SparseRecoveryAutoencoder(n_layers=1, sparsity="topk", **QUICK),
    SparseRecoveryAutoencoder(variant="lista", positive=True, unshrunk=0.2, **QUICK),
    SparseRecoveryAutoencoder(variant="step", n_layers=5, **QUICK),
    SparseRecoveryAutoencoder(sparsity=TopK(3), sparse_output=True, **QUICK),
    SparseRecoveryAutoencoder(sparsity="l1", early_stopping=True, corruption="masking", **QUICK),
    SparseRecoveryAutoencoder(warm_start=True, learning_rate_init=1e-12, **QUICK),
    SparseRecoveryAutoencoder(recovery="omp", n_nonzero_coefs=2, **QUICK),
    SparseRecoveryAutoencoder(recovery="omp", n_nonzero_coefs=2, dead_units=None, center=False, **QUICK),
]


@with_checks(CONFIGURATIONS)
def test_estimator(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
@pytest.mark.parametrize(
    "estimator, name", [(e, name) for e in CONFIGURATIONS for name in MORE_CHECKS if fits(e, name)]
)
def test_more_checks(estimator, name):
    pytest.importorskip(MORE_CHECKS[name])
    getattr(estimator_checks, name)(type(estimator).__name__, clone(estimator))
