"""scikit-learn's own checks for the estimators of `skl_sae.coding`: no check is expected to fail."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils import estimator_checks
from test_common import MORE_CHECKS, fits, with_checks

from skl_sae.coding import KSVD, SparseRecovery, SparseRecoveryAutoencoder
from skl_sae.sparsity import TopK


class Measured(SparseRecovery):
    """Random atoms for data of any width, which a check brings."""

    def _measured_atoms(self, width):
        return np.random.default_rng(width).standard_normal((2 * width, width))


QUICK = {"n_components": 12, "max_iter": 3, "random_state": 0}
CONFIGURATIONS = [
    KSVD(**QUICK),
    KSVD(update="exact", sparse_output=True, **QUICK),
    KSVD(method="online", batch_size=16, **QUICK),
    KSVD(n_nonzero_coefs=2, positive=True, dict_init="svd", **QUICK),
    KSVD(tol=1e-3, dict_init="dct", transform_n_nonzero_coefs=1, **QUICK),
    KSVD(method="online", memory=50, min_usage=2, max_coherence=0.9, sparse_output=True, **QUICK),
    SparseRecovery(),
    SparseRecovery(algorithm="basis_pursuit"),
    SparseRecovery(sparse_output=True),
    Measured(n_nonzero_coefs=2),
    Measured(tol=0.1, polish=True),
    Measured(n_nonzero_coefs=2, positive=True, polish=True, sparse_output=True),
    Measured(algorithm="basis_pursuit"),
    Measured(algorithm="lasso", alpha=0.1),
    Measured(algorithm="basis_pursuit", tol=0.5, polish=True),
    KSVD(method="online", memory=50, max_share=0.5, relaxation=1.5, sparse_output=True, **QUICK),
    KSVD(algorithm="lasso", alpha=0.1, alpha_start=0.2, **QUICK),
    KSVD(algorithm="fista", alpha=0.1, tol=1e-3, method="online", positive=True, **QUICK),
    SparseRecoveryAutoencoder(**QUICK),
    SparseRecoveryAutoencoder(n_layers=1, sparsity="topk", **QUICK),
    SparseRecoveryAutoencoder(variant="lista", positive=True, unshrunk=0.2, **QUICK),
    SparseRecoveryAutoencoder(variant="step", n_layers=5, **QUICK),
    SparseRecoveryAutoencoder(pretrain="layerwise", pretrain_max_iter=2, **QUICK),
    SparseRecoveryAutoencoder(sparsity=TopK(3), sparse_output=True, **QUICK),
    SparseRecoveryAutoencoder(sparsity="l1", early_stopping=True, corruption="masking", **QUICK),
    SparseRecoveryAutoencoder(warm_start=True, learning_rate_init=1e-12, **QUICK),
    SparseRecoveryAutoencoder(recovery="omp", n_nonzero_coefs=2, **QUICK),
    SparseRecoveryAutoencoder(recovery="lasso", dead_units=None, center=False, **QUICK),
    SparseRecoveryAutoencoder(recovery="fista", positive=True, **QUICK),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@with_checks(CONFIGURATIONS)
def test_estimator(estimator, check):
    check(estimator)


# The checks of set_output mix arrays and DataFrames; the one of feature names makes these warnings errors again.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
@pytest.mark.parametrize(
    "estimator, name", [(e, name) for e in CONFIGURATIONS for name in MORE_CHECKS if fits(e, name)]
)
def test_more_checks(estimator, name):
    pytest.importorskip(MORE_CHECKS[name])
    getattr(estimator_checks, name)(type(estimator).__name__, clone(estimator))
