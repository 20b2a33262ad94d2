"""scikit-learn's own checks for `SparseTransfer`.

They bring data of many widths, and a transfer takes that of its source only: scikit-learn itself skips all checks of
`FrozenEstimator`. Here all are run, with sources that know the width of the data, and no check is expected to fail.
Without, those checks are run that bring data of the source's width, and the others must end in the error that says so.
"""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils import estimator_checks
from sklearn.utils.validation import _num_features
from test_common import MORE_CHECKS, fits, with_checks

from skl_sae import SparseAutoencoder
from skl_sae.coding import KSVD, SparseRecoveryAutoencoder
from skl_sae.sparsity import TopK
from skl_sae.transfer import SparseTransfer

WIDTH = 4  # of the data of many checks
KNOWN = {}


def fitted(source, width=WIDTH):
    """A clone of the source that was fitted on data of this width."""
    if (repr(source), width) not in KNOWN:
        KNOWN[repr(source), width] = clone(source).fit(np.random.default_rng(width).standard_normal((40, width)))
    return KNOWN[repr(source), width]


class AnyWidth(SparseTransfer):
    """A transfer whose source was fitted on data of the width that a check brings."""

    def _begin(self, X, reset=True):
        try:
            width = _num_features(X)
        except TypeError:  # what cannot be data is refused
            width = None
        if reset and width:
            self._stand_in = fitted(self.source, width)
        return super()._begin(X, reset)

    @property
    def _given(self):
        return vars(self).get("_stand_in", fitted(self.source))


QUICK = {"n_components": 12, "max_iter": 2, "random_state": 0}
SAE, DEEP = SparseAutoencoder(**QUICK), SparseAutoencoder(sparsity=TopK(3), hidden_layer_sizes=(8,), **QUICK)
JUMP = SparseAutoencoder(sparsity="jumprelu", tied_weights=True, scale="features", sparse_output=True, **QUICK)
DICTIONARY, ONLINE = KSVD(**QUICK), KSVD(method="online", sparse_output=True, **QUICK)
RECOVERY, PURSUED = (SparseRecoveryAutoencoder(recovery=how, **QUICK) for how in ("lista", "omp"))
FINETUNE, EXTEND = {"mode": "finetune", "random_state": 0}, {"mode": "extend", "random_state": 0}
CONFIGURATIONS = [
    AnyWidth(SAE),
    AnyWidth(SAE, recenter=True),
    AnyWidth(SAE, **FINETUNE),
    AnyWidth(SAE, n_new_components=3, **EXTEND),
    AnyWidth(DEEP, freeze=[1, 2], l2_sp=0.1, recenter=True, **FINETUNE),
    AnyWidth(JUMP, recenter=True, batch_size=16, **EXTEND),
    AnyWidth(DICTIONARY),
    AnyWidth(DICTIONARY, **FINETUNE),
    AnyWidth(ONLINE, **EXTEND),
    AnyWidth(RECOVERY),
    AnyWidth(RECOVERY, freeze="encoder", l2_sp=0.1, **FINETUNE),
    AnyWidth(PURSUED, recenter=True, max_iter=1, **EXTEND),
]


@with_checks(CONFIGURATIONS)
def test_estimator(estimator, check):
    check(estimator)


# The checks of set_output mix arrays and DataFrames; the one of feature names makes these warnings errors again.
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
@pytest.mark.parametrize(
    "estimator, name",
    [(e, name) for e in CONFIGURATIONS for name in MORE_CHECKS if fits(e.source, name)],
)
def test_more_checks(estimator, name):
    pytest.importorskip(MORE_CHECKS[name])
    getattr(estimator_checks, name)(type(estimator).__name__, clone(estimator))


@with_checks([SparseTransfer(SAE, **FINETUNE), SparseTransfer(ONLINE, **EXTEND), SparseTransfer(RECOVERY)])
def test_with_one_source(estimator, check):
    """The source is fitted here: at the import, each process that collects would compile what it needs."""
    try:
        check(SparseTransfer(**{**estimator.get_params(deep=False), "source": fitted(estimator.source)}))
    except (ValueError, AssertionError) as error:
        told = "".join(str(each) for each in (error, error.__cause__, error.__context__))
        assert f"was fitted on {WIDTH} features" in told
