"""scikit-learn's own checks of outlier detectors: none is expected to fail."""

import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks
from test_common import with_checks

from skl_sae import SparseAutoencoder
from skl_sae.coding import KSVD
from skl_sae.outliers import ReconstructionOutlierDetector

QUICK = {"n_components": 12, "max_iter": 3, "random_state": 0}
CONFIGURATIONS = [
    ReconstructionOutlierDetector(SparseAutoencoder(**QUICK)),
    ReconstructionOutlierDetector(SparseAutoencoder(skip=True, corruption="masking", **QUICK), random_state=0),
    ReconstructionOutlierDetector(make_pipeline(StandardScaler(), SparseAutoencoder(**QUICK)), calibration=5),
    ReconstructionOutlierDetector(PCA(1), contamination=0.2),
    ReconstructionOutlierDetector(KSVD(3, max_iter=2, random_state=0), calibration=0.5),
]
# The checks that `check_estimator` does not yield, and the library that each needs.
MORE_CHECKS = {"check_dataframe_column_names_consistency": "pandas", "check_param_validation": "sklearn"}


few_rows = pytest.mark.filterwarnings("ignore:With .* held-out rows the smallest p-value")


@few_rows
@with_checks(CONFIGURATIONS)
def test_estimator(estimator, check):
    check(estimator)


@few_rows
@pytest.mark.parametrize("estimator", CONFIGURATIONS)
@pytest.mark.parametrize("name", MORE_CHECKS)
def test_more_checks(estimator, name):
    pytest.importorskip(MORE_CHECKS[name])
    getattr(estimator_checks, name)(type(estimator).__name__, clone(estimator))
