"""scikit-learn's own checks of the estimators of sparse coding: no check is expected to fail."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skl_sae.coding import KSVD

QUICK = {"n_components": 12, "max_iter": 3, "random_state": 0}
ESTIMATORS = [
    KSVD(**QUICK),
    KSVD(update="exact", sparse_output=True, **QUICK),
    KSVD(method="online", batch_size=16, **QUICK),
    KSVD(n_nonzero_coefs=2, positive=True, dict_init="svd", **QUICK),
    KSVD(tol=1e-3, dict_init="dct", transform_n_nonzero_coefs=1, **QUICK),
    KSVD(method="online", memory=50, min_usage=2, max_coherence=0.9, sparse_output=True, **QUICK),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_agrees(estimator, check):
    check(estimator)
