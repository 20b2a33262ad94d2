"""scikit-learn's own checks for the estimators of `skl_sae.image`: no check is expected to fail.

Like scikit-learn's `PatchExtractor`, `SparseImageCoder` says that its input is no table, and `check_estimator` leaves
out all checks with tables. They are made here all the same, with tables that are read as small gray images, but for
those that are about samples and features.
"""

import pytest
from sklearn.base import clone
from sklearn.exceptions import SkipTestWarning
from sklearn.utils import estimator_checks
from test_common import with_checks

from skl_sae import SparseAutoencoder
from skl_sae.coding import KSVD
from skl_sae.image import SparseImageCoder


class OfTables(SparseImageCoder):
    """The estimator, claiming to take tables."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


DICTIONARY = {"coder": KSVD(8, max_iter=2), "max_patches": 50, "random_state": 0}
NETWORK = {"coder": SparseAutoencoder(8, max_iter=2), "patch_size": (1, 2), "noise": 0.1, "random_state": 0}
NOT_OF_IMAGES = {
    "check_n_features_in": "an image may have any width",
    "check_n_features_in_after_fitting": "an image may have any width",
    "check_estimators_empty_data_messages": "an image has no samples and features that an error could speak of",
    "check_estimators_dtypes": "images have no values of int32 and int64",
    "check_dtype_object": "images have no objects as values",
}


@pytest.mark.parametrize("parameters", [DICTIONARY, NETWORK], ids=["dictionary", "network"])
def test_estimator(parameters):
    with pytest.warns(SkipTestWarning, match="three_d_array=True"):
        estimator_checks.check_estimator(SparseImageCoder(**parameters))


@with_checks([OfTables(**DICTIONARY), OfTables(**NETWORK)])
def test_estimator_with_tables(estimator, check):
    if check.func.__name__ not in NOT_OF_IMAGES:
        check(estimator)


@pytest.mark.parametrize("parameters", [DICTIONARY, NETWORK], ids=["dictionary", "network"])
def test_parameters_are_checked(parameters):
    estimator_checks.check_param_validation("SparseImageCoder", clone(SparseImageCoder(**parameters)))
