"""scikit-learn's own checks, for every rule and many configurations: no check is expected to fail."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from skl_sae import SparseAutoencoder, SparseAutoencoderImputer
from skl_sae.sparsity import RULES, AbsTopK, Matryoshka, TopK


class Float32(SparseAutoencoder):
    """The estimator on float32, whatever a check passes."""

    def _read(self, seen, X, reset=False, dtype=None, known_means=False):
        return super()._read(seen, X, reset, np.float32, known_means)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


QUICK = {"n_components": 12, "max_iter": 3, "random_state": 0}
CONFIGURATIONS = [
    *(SparseAutoencoder(sparsity=rule, **QUICK) for rule in [None, *RULES]),
    *(Float32(sparsity=rule, **QUICK) for rule in [None, *RULES]),
    SparseAutoencoder(hidden_layer_sizes=(8,), **QUICK),
    SparseAutoencoder(hidden_layer_sizes=(8, 6), sparsity="l1", tied_weights=True, **QUICK),
    SparseAutoencoder(decoder_layer_sizes=(8,), sparsity="kl", **QUICK),
    SparseAutoencoder(tied_weights=True, **QUICK),
    SparseAutoencoder(sparse_output=True, **QUICK),
    SparseAutoencoder(sparse_output=True, sparsity="l1", **QUICK),
    SparseAutoencoder(early_stopping=True, **QUICK),
    # A fit goes on from the last one: small steps, for the checks that two fits agree.
    SparseAutoencoder(warm_start=True, learning_rate_init=1e-12, **QUICK),
    SparseAutoencoder(batch_size=8, **QUICK),
    SparseAutoencoder(solver="sgd", learning_rate="linear", **QUICK),
    SparseAutoencoder(output_activation="sigmoid", sparsity="kl", **QUICK),
    SparseAutoencoder(activation="tanh", sparsity=TopK(0.5), weight_decay=1e-3, **QUICK),
    SparseAutoencoder(activation="tanh", sparsity=AbsTopK(0.5, transform_k=1.0), tied_weights=True, **QUICK),
    SparseAutoencoder(sparsity=Matryoshka("abs_topk"), hidden_layer_sizes=(8,), sparse_output=True, **QUICK),
    SparseAutoencoder(activation="identity", sparsity=None, weight_l1=1e-3, scale=False, **QUICK),
    SparseAutoencoder(dropout=0.2, **QUICK),
    SparseAutoencoder(hidden_layer_sizes=(8,), batch_norm=True, sparsity="l1", **QUICK),
    SparseAutoencoder(corruption="masking", **QUICK),
    SparseAutoencoder(corruption="masking", corruption_emphasis=0.8, skip=True, **QUICK),
    SparseAutoencoder(corruption="gaussian", sparsity=None, tied_weights=True, **QUICK),
    SparseAutoencoder(hidden_layer_sizes=(8,), pretrain="layerwise", pretrain_max_iter=3, **QUICK),
    SparseAutoencoder(hidden_layer_sizes=(8, 6), pretrain="layerwise_only", pretrain_max_iter=3, **QUICK),
    SparseAutoencoderImputer(SparseAutoencoder(**QUICK)),
    SparseAutoencoderImputer(SparseAutoencoder(corruption="masking", **QUICK), standardize=False),
    SparseAutoencoderImputer(SparseAutoencoder(**QUICK), add_indicator=True, keep_empty_features=True),
    SparseAutoencoderImputer(SparseAutoencoder(**QUICK), missing_values=-1, random_state=0),
]

# The checks that `check_estimator` does not yield, and the library that each needs.
MORE_CHECKS = {
    "check_dataframe_column_names_consistency": "pandas",
    "check_global_output_transform_pandas": "pandas",
    "check_global_set_output_transform_polars": "polars",
    "check_inplace_ensure_writeable": "sklearn",
    "check_param_validation": "sklearn",
    "check_set_output_transform": "sklearn",
    "check_set_output_transform_pandas": "pandas",
    "check_set_output_transform_polars": "polars",
    "check_transformer_get_feature_names_out": "sklearn",
    "check_transformer_get_feature_names_out_pandas": "pandas",
}


def with_checks(estimators):
    """scikit-learn's decorator with its checks in a list: it may pass a generator, which pytest 9 warns of.

    An estimator is written out once: its decorator does so for each check, seconds in every process that collects.
    """
    mark = parametrize_with_checks(estimators).mark
    (names, cases), write = mark.args, mark.kwargs["ids"]
    written = {id(estimator): write(estimator) for estimator in estimators}
    return pytest.mark.parametrize(names, list(cases), ids=lambda value: written.get(id(value)) or write(value))


def fits(estimator, name):
    """Whether a check is meant for the estimator.

    A DataFrame does not hold CSR codes: `test_sparse_output_in_a_dataframe_is_refused`. With scikit-learn 1.7, one
    check takes NaN for every imputer's marker.
    """
    if name == "check_inplace_ensure_writeable":
        return getattr(estimator, "missing_values", None) != -1
    return not (getattr(estimator, "sparse_output", False) and "output_transform_" in name)


# No check gives a sigmoid output the data that it can reconstruct.
out_of_range = pytest.mark.filterwarnings("ignore:output_activation='sigmoid' gives values from 0 to 1")


@out_of_range
@with_checks(CONFIGURATIONS)
def test_estimator(estimator, check):
    check(estimator)


# The checks of set_output mix arrays and DataFrames; the one of feature names makes these warnings errors again.
@out_of_range
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
@pytest.mark.parametrize(
    "estimator, name", [(e, name) for e in CONFIGURATIONS for name in MORE_CHECKS if fits(e, name)]
)
def test_more_checks(estimator, name):
    pytest.importorskip(MORE_CHECKS[name])
    getattr(estimator_checks, name)(type(estimator).__name__, clone(estimator))


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_sparse_output_in_a_dataframe_is_refused(container):
    pytest.importorskip(container)
    X = np.random.default_rng(0).normal(size=(20, 3))
    sae = SparseAutoencoder(sparse_output=True, **QUICK).fit(X).set_output(transform=container)
    with pytest.raises(ValueError, match="sparse"):
        sae.transform(X)


@pytest.mark.parametrize("rule", [None, *RULES])
@pytest.mark.parametrize("hidden", [(), (32,)])
def test_a_row_is_encoded_alike_among_any_others(rule, hidden):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 30))
    sae = SparseAutoencoder(64, sparsity=rule, hidden_layer_sizes=hidden, max_iter=5, random_state=0).fit(X)
    codes = sae.transform(X)
    assert np.count_nonzero(codes) > 200
    for size in (1, 2, 7, 64, 199):
        chosen = rng.choice(200, size, replace=False)
        np.testing.assert_allclose(sae.transform(X[chosen]), codes[chosen], rtol=0, atol=1e-6)
