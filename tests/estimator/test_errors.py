"""Bad input: every message says what was got and what was expected, and a fit that fails loses nothing."""

import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skl_sae import SparseAutoencoder
from skl_sae._estimator.checks import check_sparse_is_finite, check_widths, differ
from skl_sae.sparsity import L1, KLDivergence, Matryoshka, TopK

X = np.random.default_rng(0).uniform(size=(30, 5))
NAN = np.where(X > 0.9, np.nan, X)
BCE = {"loss": "binary_cross_entropy", "output_activation": "sigmoid"}

# parameters, data, message
BAD_FITS = [
    # data
    ({}, X[0], "Expected 2D array, got 1D array"),
    ({}, X[None], "Found array with dim 3, while dim <= 2 is required"),
    ({}, X[:0], r"Found array with 0 sample\(s\) \(shape=\(0, 5\)\) while a minimum of 1 is required"),
    ({}, X[:, :0], r"Found array with 0 feature\(s\) \(shape=\(30, 0\)\) while a minimum of 1 is required"),
    ({}, X * 1j, "Complex data not supported"),
    ({}, sparse.csr_array(NAN), "Input X contains NaN"),
    ({}, np.where(X > 0.9, np.inf, X), "Input X contains infinity"),
    ({}, [["a", "b"]], "Convert your data to numeric values explicitly"),
    (BCE, 2 * X, r"expects data in \[0, 1\], got values from 0.\d+ to 1.9"),
    (BCE, -X, r"expects data in \[0, 1\], got values from -0.9"),
    ({"pretrain": "layerwise", "decoder_layer_sizes": (7,)}, X, r"decoder_layer_sizes=None or \(\), got \(7,\)"),
    ({"corruption": "masking", "corruption_level": 1.5}, X, "expected at most 1, got 1.5"),
    ({"corruption_emphasis": 0.5}, X, "Got corruption_emphasis=0.5 with corruption=None, expected 0"),
    ({"corruption": "gaussian", "corruption_emphasis": 1}, X, "corruption_emphasis=1 with corruption='gaussian'"),
    ({"corruption_emphasis": 2}, X, r"'corruption_emphasis' parameter.* in the range \[0.0, 1.0\]. Got 2 instead"),
    ({"skip": True}, sparse.csr_array((3, 40_000)), "expected at most 32768 features, got 40000"),
    ({"dropout": 1.0}, X, r"'dropout' parameter.* in the range \[0.0, 1.0\)"),
    # names and types
    ({"sparsity": "top"}, X, r"'sparsity' parameter.* must be a str among .*'topk'.* Got 'top' instead"),
    ({"sparsity": TopK}, X, r"'sparsity' parameter.* an instance of .*BaseSparsity.* Got <class"),
    ({"activation": "gelu"}, X, r"'activation' parameter.* must be a str among .*'relu'.* Got 'gelu' instead"),
    ({"n_components": 0}, X, r"'n_components' parameter.* in the range \[1, inf\). Got 0 instead"),
    ({"n_components": 2.5}, X, r"'n_components' parameter.* must be an int.* Got 2.5 instead"),
    ({"weight_decay": -1}, X, r"'weight_decay' parameter.* in the range \[0.0, inf\). Got -1 instead"),
    ({"weight_l1": -1}, X, r"'weight_l1' parameter.* in the range \[0.0, inf\). Got -1 instead"),
    ({"learning_rate_init": 0}, X, r"'learning_rate_init' parameter.* in the range \(0.0, inf\). Got 0 instead"),
    # the rule
    *(
        ({"sparsity": TopK(k)}, X, rf"Got k={k!r}, expected None, an int of at least 1 .*or a float in \(0, 1\]")
        for k in (0, -1, 1.5, True, "a", 0.0, float("nan"))
    ),
    ({"sparsity": TopK(2, transform_k=0)}, X, "Got transform_k=0, expected None, an int of at least 1"),
    ({"sparsity": L1(-0.1)}, X, "L1: got alpha=-0.1, expected a number of at least 0"),
    ({"sparsity": L1(float("nan"))}, X, "L1: got alpha=nan, expected a number of at least 0"),
    ({"sparsity": KLDivergence(alpha=-1)}, X, "KLDivergence: got alpha=-1, expected a number of at least 0"),
    *(
        ({"sparsity": KLDivergence(target)}, X, f"got target={target!r}, expected a number between 0 and 1")
        for target in (0, 1, -0.1, float("nan"))
    ),
    ({"sparsity": KLDivergence(momentum=1)}, X, r"got momentum=1, expected a number in \[0, 1\)"),
    *(
        ({"sparsity": Matryoshka(prefixes=prefixes)}, X, "Matryoshka: got prefixes=.*, expected ascending fractions")
        for prefixes in (
            (),
            0.5,
            (0.5, 0.25, 1),
            (float("nan"), 1),
            (0.5, float("nan"), 1),
            (-0.5, 1),
            ("a", 1),
            (1, 2),
        )
    ),
    *(
        (
            {"sparsity": Matryoshka(prefixes=(0.5, 1), weights=weights)},
            X,
            "Matryoshka: got weights=.*, expected 2 positive",
        )
        for weights in ((), 1, (1, 0), (1, float("nan")), (float("nan"), 1), (1, float("inf")), ("a", 1))
    ),
    ({"sparsity": Matryoshka("matryoshka")}, X, "Matryoshka cannot wrap another Matryoshka"),
    # combinations
    ({"sparsity": "kl", "activation": "relu"}, X, "expected activation='sigmoid' or 'tanh', got 'relu'"),
    ({"sparsity": "kl", "activation": "identity"}, X, "expected activation='sigmoid' or 'tanh', got 'identity'"),
    ({"loss": "binary_cross_entropy"}, X, "needs output_activation='sigmoid', got output_activation='identity'"),
    # layers
    *(
        (
            {name: sizes},
            X,
            rf"'{name}' parameter.* must be an array-like.* in the range \[1, inf\).* Got {sizes} instead",
        )
        for name in ("hidden_layer_sizes", "decoder_layer_sizes")
        for sizes in (0, -3, 2.5, True)
    ),
    *(
        ({name: sizes}, X, rf"Got {name}={re.escape(repr(sizes))}, expected positive ints, one a layer, or an int")
        for name in ("hidden_layer_sizes", "decoder_layer_sizes")
        for sizes in ((0,), (4, -1), (1.5,), ("a",), [[3]], [True], np.array([4.0]), np.array([[4, 3]]), np.array(2.5))
    ),
    (
        {"tied_weights": True, "hidden_layer_sizes": (6, 5), "decoder_layer_sizes": (4,)},
        X,
        r"expected decoder_layer_sizes=None or \(5, 6\), got \(4,\)",
    ),
]


def make(**params):
    return SparseAutoencoder(**{"n_components": 6, "max_iter": 2, "random_state": 0, **params})


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("params, data, message", BAD_FITS)
def test_a_bad_fit_raises(method, params, data, message):
    sae = make(**params)
    with pytest.raises(ValueError, match=message):
        getattr(sae, method)(data)
    with pytest.raises(NotFittedError):
        sae.transform(X)


@pytest.mark.parametrize("params, data, message", BAD_FITS)
def test_a_failed_fit_leaves_the_last_one(params, data, message):
    sae = make().fit(X)
    before = clone(sae).fit(X)
    with pytest.raises(ValueError, match=message):
        sae.set_params(**params).fit(data)
    assert_array_equal(sae.transform(X), before.transform(X))
    assert sae.score(X) == before.score(X)
    assert {name for name in vars(sae) if name.endswith("_")} == {name for name in vars(before) if name.endswith("_")}
    assert (sae.n_features_in_, sae.n_iter_, sae.loss_) == (5, 2, before.loss_)


@pytest.mark.parametrize("one", [7, np.int32(7), np.array(7), (7,), [7], np.array([7])], ids=repr)
@pytest.mark.parametrize("name", ["hidden_layer_sizes", "decoder_layer_sizes"])
def test_an_int_is_one_layer(name, one):
    assert check_widths(name, one) == (7,)
    sae, expected = (make(**{name: sizes}).fit(X) for sizes in (one, (7,)))
    assert_array_equal(clone(sae).fit(X).transform(X), expected.transform(X))
    assert [w.shape for w in sae.coefs_] == [w.shape for w in expected.coefs_]


def test_widths_may_be_an_array():
    assert check_widths("hidden_layer_sizes", np.array([8, 6])) == (8, 6)
    params = {"hidden_layer_sizes": np.array([8, 6]), "decoder_layer_sizes": np.array([6, 8])}
    sae = make(**params, tied_weights=True, pretrain="layerwise", pretrain_max_iter=1).fit(X)
    assert len(sae.pretrain_loss_curves_) == 3
    with pytest.raises(ValueError, match=r"expected decoder_layer_sizes=None or \(7,\), got \(6, 8\)"):
        make(hidden_layer_sizes=7, decoder_layer_sizes=np.array([6, 8]), pretrain="layerwise").fit(X)


@pytest.mark.parametrize(
    "value, other, same",
    [
        (np.array([8, 6]), (8, 6), True),
        (np.array([8, 6]), (8,), False),
        (np.array([8, 6]), np.array([8, 7]), False),
        ((8, 6), (8, 6), True),
        ("topk", "topk", True),
        ("topk", None, False),
        ("topk", TopK(), False),
        ("auto", 0.1, False),
        (TopK(), TopK(), True),
        (TopK(2), TopK(3), False),
        (0.1, 0.1, True),
        (True, False, False),
    ],
)
def test_values_of_parameters_are_compared_as_a_whole(value, other, same):
    assert differ({"a": value}, {"a": other}) is differ({"a": other}, {"a": value}) is not same
    assert not differ({"a": value}, {"a": value})


def test_nan_in_a_sparse_matrix_is_no_missing_value():
    for X_sparse in (sparse.csr_array(NAN), sparse.csr_matrix(NAN), sparse.csc_array(NAN)):
        with pytest.raises(ValueError, match="NaN is a missing value in a dense X only") as caught:
            check_sparse_is_finite(X_sparse, "Name")
        message = str(caught.value)
        assert message.startswith("Input X contains NaN")
        assert "Name" in message and "X.toarray()" in message
        assert "does not accept missing values" not in message
    with pytest.raises(ValueError, match="Input X contains infinity"):
        check_sparse_is_finite(sparse.csr_array(np.where(X > 0.9, np.inf, X)), "Name")
    check_sparse_is_finite(NAN, "Name")
    check_sparse_is_finite(sparse.csr_array(X), "Name")


class Interruption(BaseException):
    pass


@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize("reason", ["divergence", "interrupt"])
def test_a_fit_that_breaks_off_leaves_the_last_one(warm_start, reason, monkeypatch):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcde"))
    sae = make(warm_start=warm_start, solver="sgd", shuffle=False).fit(frame)
    before, again = sae.transform(frame), clone(sae).fit(frame).fit(frame)
    with monkeypatch.context() as patch:
        if reason == "divergence":
            error, params = ValueError, {"learning_rate_init": 1e9, "max_iter": 99}
        else:
            error, params = Interruption, {"verbose": True, "max_iter": 3}
            patch.setattr("skl_sae._training.report.Report.epoch", lambda *_: (_ for _ in ()).throw(Interruption))
        with pytest.raises(error):
            sae.set_params(**params).fit(X)
    assert_array_equal(sae.transform(frame), before)
    assert list(sae.feature_names_in_) == list("abcde")
    sae.set_params(**again.get_params(deep=False)).fit(frame)  # a warm start finds its moments too
    assert_array_equal(sae.transform(frame), again.transform(frame))


@pytest.mark.parametrize(
    "X_val, message",
    [
        (X[:, :3], "X has 3 features, but SparseAutoencoder is expecting 5 features"),
        (sparse.csr_array(NAN), "contains NaN"),
        (X[:0], r"Found array with 0 sample\(s\)"),
    ],
)
def test_bad_validation_data(X_val, message):
    for early_stopping in (True, False):
        with pytest.raises(ValueError, match=message):
            make(early_stopping=early_stopping).fit(X, X_val=X_val)


def test_layers_alone_do_not_stop_early():
    with pytest.raises(ValueError, match="watches the training of the whole network"):
        make(pretrain="layerwise_only", early_stopping=True).fit(X)
    with pytest.raises(ValueError, match="X_val watches the training of the whole network"):
        make(pretrain="layerwise_only").fit(X, X_val=X)


def test_one_row_cannot_be_split():
    with pytest.raises(ValueError, match="n_samples=1"):
        make(early_stopping=True).fit(X[:1])


@pytest.mark.parametrize("method", ["transform", "inverse_transform", "impute", "score", "score_samples"])
def test_before_fit(method):
    with pytest.raises(NotFittedError, match="This SparseAutoencoder instance is not fitted yet"):
        getattr(make(), method)(X)


@pytest.mark.parametrize("name", ["coefs_", "intercepts_", "components_", "intercept_"])
def test_attributes_before_fit(name):
    with pytest.raises(AttributeError, match=name):
        getattr(make(), name)


@pytest.mark.parametrize("method", ["transform", "impute", "score", "score_samples", "partial_fit"])
@pytest.mark.parametrize(
    "data, message",
    [
        (X[:, :3], "X has 3 features, but SparseAutoencoder is expecting 5 features"),
        (sparse.csr_array(NAN), "Input X contains NaN"),
        (np.where(X > 0.9, np.inf, X), "Input X contains infinity"),
        (X[0], "Expected 2D array, got 1D array"),
        (X * 1j, "Complex data not supported"),
        (X[:0], r"Found array with 0 sample\(s\)"),
    ],
)
def test_bad_data_after_fit(method, data, message):
    with pytest.raises(ValueError, match=message):
        getattr(make().fit(X), method)(data)


@pytest.mark.parametrize(
    "codes, message",
    [
        (np.ones((3, 5)), "X has 5 columns, but inverse_transform expects 6, one a unit"),
        (sparse.csr_array(np.ones((3, 7))), "X has 7 columns, but inverse_transform expects 6, one a unit"),
        (np.ones(6), "Expected 2D array, got 1D array"),
        (np.full((3, 6), np.nan), "Input X contains NaN"),
    ],
)
def test_bad_codes(codes, message):
    with pytest.raises(ValueError, match=message):
        make().fit(X).inverse_transform(codes)
