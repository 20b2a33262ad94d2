"""What the data says against a fit: warnings with names, at the caller's line, and errors where numbers end."""

import re
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine, make_blobs
from sklearn.exceptions import FitFailedWarning
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from skl_sae import SparseAutoencoder
from skl_sae._estimator.data_checks import RANGES, check_size, naming
from skl_sae._model.rows import Rows
from skl_sae._training import training
from skl_sae.sparsity import L1, RULES, JumpReLU, Matryoshka, TopK

DIGITS = load_digits().data
WINE, CANCER = load_wine(as_frame=True).data, load_breast_cancer(as_frame=True).data


def make(**params):
    return SparseAutoencoder(**{"n_components": 32, "max_iter": 2, "random_state": 0, **params})


def changed(row, column, value, data=DIGITS):
    data = data.copy()
    data[row, column] = value
    return data


# data as it usually is


def texts(n=400):
    rng = np.random.default_rng(0)
    chance = 1 / np.arange(1, 301)
    words = np.array([f"w{i}" for i in range(300)])
    return [" ".join(rng.choice(words, rng.integers(5, 60), p=chance / chance.sum())) for _ in range(n)]


def pictures(n=400):
    """Like MNIST: a border that is always empty, a fifth of the pixels is not, in bytes."""
    rng = np.random.default_rng(0)
    ink = rng.random((n, 784)) < 0.25 * (np.abs(np.arange(784) % 28 - 14) < 10)
    return (ink * rng.integers(1, 256, ink.shape)).astype(np.uint8)


USUAL = {
    "digits": lambda: DIGITS,
    "digits in [0, 1]": lambda: DIGITS / 16,
    "iris": lambda: load_iris().data,
    "iris, standardised": lambda: StandardScaler().fit_transform(load_iris().data),
    "wine, standardised": lambda: StandardScaler().fit_transform(WINE),
    "breast cancer, standardised": lambda: StandardScaler().fit_transform(CANCER),
    "diabetes": lambda: load_diabetes().data,
    "blobs": lambda: make_blobs(400, 10, random_state=0)[0],
    "log-normal": lambda: np.random.default_rng(0).lognormal(size=(500, 20)),
    "heavy tails": lambda: np.random.default_rng(0).standard_t(3, size=(500, 20)),
    "pictures": pictures,
    "pictures, CSR": lambda: sparse.csr_array(pictures() / np.float32(255)),
    "tf-idf": lambda: TfidfVectorizer().fit_transform(texts()),
    "counts": lambda: CountVectorizer().fit_transform(texts()),
    "hashes": lambda: HashingVectorizer(n_features=2**12).fit_transform(texts()),
    "one-hot": lambda: OneHotEncoder().fit_transform(np.random.default_rng(0).geometric(0.3, (500, 8))),
    "missing values": lambda: np.where(np.random.default_rng(0).random(DIGITS.shape) < 0.2, np.nan, DIGITS),
    "one row": lambda: DIGITS[:1],
    "constant": lambda: np.full((30, 4), 0.1),
    "tiny": lambda: DIGITS * 1e-150,
    "huge": lambda: DIGITS * 1e147,
    "tiny, float32": lambda: (DIGITS * 1e-36).astype(np.float32),
    "huge, float32": lambda: (DIGITS * 1e36).astype(np.float32),
    "far from zero": lambda: DIGITS + 1e9,
}


@pytest.mark.parametrize("load", USUAL.values(), ids=USUAL)
def test_usual_data_gives_no_warning(load):
    """Warnings are errors in these tests."""
    X = load()
    sae = make(max_iter=5).fit(X)
    assert np.isfinite(sae.transform(X)).all()


# warnings


def warned(call, *args):
    with pytest.warns(UserWarning) as caught:
        call(*args)
    return caught[0]


@pytest.mark.parametrize(
    "X, message",
    [
        (WINE, r"1 of 13 features that vary \(proline\): here lie 99.8 % of the variance of X.*Set scale='features'"),
        (CANCER, r"2 of 30 features that vary \(worst area, mean area\): here lie 99.1 %"),
        (WINE.to_numpy(), r"1 of 13 features that vary \(12\): here lie"),
        (np.c_[DIGITS, 1e5 * np.cos(np.arange(1797))], r"1 of 62 features that vary \(64\): here lie 100.0 %"),
        (changed(7, 3, 1e6), r"1 of 1797 rows \(7\): here lie 99.\d % .* in the features 3, .*RobustScaler"),
        (sparse.csr_array(changed(7, 3, 1e6)), r"1 of 1797 rows \(7\): .* in the features 3, "),
        (changed(7, 3, 1e6).astype(np.float32), r"1 of 1797 rows \(7\): "),
        (changed(7, 3, -1e6, changed(5, 3, np.nan)), r"1 of 1797 rows \(7\): "),
    ],
)
@pytest.mark.filterwarnings("ignore:.*of the units did not fire")
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_variance_in_few_numbers(X, message, method):
    warning = warned(getattr(make(scale="total"), method), X)
    assert warning.filename == __file__
    assert re.match(message, str(warning.message))


@pytest.mark.filterwarnings("ignore:.*of the units did not fire")
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_no_feature_holds_the_variance_where_each_has_a_unit(method):
    """But rows may, and are judged in these units."""
    for X in (WINE, CANCER):
        getattr(make(), method)(X)
    marked = changed(7, 3, -999, WINE.to_numpy())
    warning = warned(getattr(make(), method), marked)
    assert re.match(
        r"1 of 178 rows \(7\): .* in the features 3, .*Other values of these features", str(warning.message)
    )


@pytest.mark.filterwarnings("ignore:.*of the units did not fire")
def test_outliers_are_named_by_their_number_in_X():
    """Also where some rows are held out."""
    sae = make(early_stopping=True, n_components=8, sparsity=None, random_state=1)
    with pytest.warns(UserWarning, match=r"1 of 1617 rows \(1000\): ") as caught:
        sae.fit(changed(1000, 3, 1e6))
    assert "1000" in str(caught[0].message)


@pytest.mark.parametrize("output", RANGES)
def test_data_that_an_output_cannot_reach(output):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(DIGITS - 5).rename(columns=str)
    for X in (frame, sparse.csr_array(DIGITS - 5)):
        with pytest.warns(UserWarning, match=f"output_activation='{output}' gives values .* from -5 to 11") as caught:
            make(output_activation=output).fit(X)
        assert caught[0].filename == __file__
    make(output_activation=output).fit(DIGITS / 16)
    make(output_activation=output).fit(DIGITS / 16 * 1.005)
    with pytest.raises(ValueError, match=r"expects data in \[0, 1\], got values from -5 to 11"):
        make(output_activation="sigmoid", loss="binary_cross_entropy").fit(frame)


def with_dead_units(n_dead, rule, **params):
    """A warm fit that moves nothing, in which some of 40 units are silent."""
    options = {"n_components": 40, "max_iter": 1, "learning_rate_init": 1e-12, "warm_start": True, **params}
    sae = make(sparsity=rule, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sae.fit(DIGITS)
    sae._network.parameters.units.encoder_bias[:n_dead] = -100
    return sae


@pytest.mark.parametrize(
    "rule, dead_units, remedy",
    [
        (L1(1e-5), "auto", r"revive units with dead_units='auxiliary', lower alpha of L1 \(now 1e-05\), lower lear"),
        (L1(1e-5), "auxiliary", r"To have fewer of them, lower alpha of L1 \(now 1e-05\), lower learning_rate_init"),
        (L1(target_l0=30), "resample", r"dead_units='auxiliary', raise target_l0 of L1 \(now 30\), lower"),
        (JumpReLU(target_l0=5), "auto", r"them, raise target_l0 of JumpReLU \(now 5\), lower"),
        (TopK(), "auto", r"them, raise k of TopK \(now 5\), lower learning_rate_init \(now 1e-12\), or ask for fewer"),
        (Matryoshka(TopK(20)), None, r"dead_units='auxiliary', raise k of TopK \(now 20\), lower"),
        (None, "auto", r"dead_units='auxiliary', lower learning_rate_init .* or ask .*n_components, now 40\)\.$"),
    ],
)
def test_units_without_use(rule, dead_units, remedy):
    """More than a tenth of them, among enough rows; the warning says what helps under the rule."""
    sae = with_dead_units(24, rule, dead_units=dead_units)
    with pytest.warns(UserWarning, match=r"\d\d % of the units did not fire in the last epoch.*" + remedy) as caught:
        sae.fit(DIGITS)
    assert caught[0].filename == __file__
    assert 24 / 40 <= sae.dead_fraction_ < 1


def test_few_units_may_be_without_use():
    sae = with_dead_units(1, None, n_components=50)
    assert sae.fit(DIGITS).dead_fraction_ == 0.02
    with_dead_units(40, None).fit(DIGITS[:499])


def test_equal_rows_at_the_beginning_of_a_stream():
    for first in (np.ones((3, 4)), sparse.csr_array(np.ones((3, 4)))):
        with pytest.warns(UserWarning, match="The first chunk, of 3 rows, has no variance") as caught:
            make().partial_fit(first)
        assert caught[0].filename == __file__
    make().partial_fit(np.ones((1, 4)))


def test_features_without_values_are_named():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(DIGITS).rename(columns=lambda i: f"pixel{i}")
    frame[["pixel3", "pixel9"]] = np.nan
    for call in make().fit, make().partial_fit:
        with pytest.warns(UserWarning, match="2 of 64 features have no observed value: pixel3, pixel9.") as caught:
            call(frame)
        assert caught[0].filename == __file__


def test_many_names_are_cut_short():
    assert naming(np.arange(5), None) == "0, 1, 2, 3, 4"
    assert naming(np.arange(6), None) == "0, 1, 2, 3, 4, ..."
    assert naming([2, 0], ["a", "b", "c"]) == "c, a"


@pytest.mark.parametrize("method", ["fit", "fit_transform"])
def test_a_warning_points_at_the_line_of_the_caller(method):
    """Through a Pipeline of a Pipeline, and a search."""
    inner = make_pipeline(FunctionTransformer(), make(scale="total"))
    warning = warned(getattr(make_pipeline(inner, FunctionTransformer()), method), WINE)
    assert warning.filename == __file__
    assert "proline" in str(warning.message)
    warning = warned(GridSearchCV(inner, {"sparseautoencoder__n_components": [4]}, cv=2).fit, WINE)
    assert warning.filename == __file__


# errors

LARGEST = np.finfo(np.float64).max
SMALL_F4 = (DIGITS * 1e-42).astype(np.float32)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("params", [{}, {"scale": False}, {"output_activation": "relu"}], ids=repr)
@pytest.mark.parametrize("container", [np.array, sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize(
    "X, message",
    [
        (changed(3, 4, LARGEST), r"too large: the variance of 1 features \(4\) .* values from 0 to 1.8e\+308"),
        (changed(3, 4, -LARGEST), r"too large: the variance of 1 features \(4\) .* values from -1.8e\+308 to 16"),
        (changed(3, 4, 1e160), r"too large: the variance of 1 features \(4\) .*Write NaN"),
        (DIGITS * 1e160, "too large"),
        (np.full((30, 4), 1e200), "Values of X are too large"),
        (np.full((30, 4), np.float32(3e38)), "the norm of the mean is not a finite number"),
        (np.full((30, 4), np.float32(1e-44)), "too small: one over the norm of the mean"),
        (DIGITS * 1e-170, "float64 cannot square or invert: their total standard deviation is 0"),
        (DIGITS * 1e-310, "float64 cannot square or invert"),
        (SMALL_F4, "float32 cannot square or invert: their total standard deviation is 3.47e-41"),
        ((DIGITS * 1e37).astype(np.float32), "float32 cannot square or invert: .* is 3.47e[+]38"),
    ],
)
@pytest.mark.filterwarnings("ignore:output_activation='relu'")
def test_numbers_whose_squares_are_none(X, message, container, params, method):
    sae = make(**params)
    with pytest.raises(ValueError, match=message):
        getattr(sae, method)(container(X))
    assert not hasattr(sae, "n_features_in_")


def test_the_features_that_are_too_large_are_named():
    rows = Rows(changed(3, 4, LARGEST))
    with pytest.raises(ValueError, match=r"1 features \(n4\)"):
        check_size(rows, *rows.moments()[:2], [f"n{i}" for i in range(64)])


@pytest.mark.parametrize("value", [LARGEST, 1e160])
def test_squares_that_are_not_finite_are_refused(value):
    sae, X = make().fit(DIGITS), changed(3, 4, value)
    with pytest.raises(ValueError, match=r"too large for this network: (sums of squares|the sums of the encoder)"):
        sae.score(X)
    for call in sae.partial_fit, make(warm_start=True).fit(DIGITS).fit:
        with pytest.raises(ValueError, match=r"Values of X are too large: the means of 1 features \(4\)"):
            call(X)


def test_a_value_too_large_for_the_type_of_the_fit():
    sae = make().fit(DIGITS.astype(np.float32))
    for method in "transform", "score", "score_samples", "partial_fit":
        with pytest.raises(ValueError, match=r"too large|infinity"):
            getattr(sae, method)(changed(3, 4, 1e39))
    X = np.where(DIGITS == 5, np.nan, changed(3, 4, 1e39))
    assert sae.impute(X)[3, 4] == 1e39


def test_codes_too_large_for_the_decoder():
    sae = make().fit(DIGITS.astype(np.float32))
    with pytest.raises(ValueError, match="The reconstruction is not finite in float32"):
        sae.inverse_transform(np.full((2, 32), 3e38, np.float32))
    with pytest.raises(ValueError, match="Input X contains infinity or a value too large for dtype"):
        sae.inverse_transform(np.full((2, 32), 1e39))


# divergence


@pytest.mark.filterwarnings("ignore:.*of the units did not fire")
@pytest.mark.parametrize("rule", [None, *RULES])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("rate", [1e2, 1e8, 1e16, 1e37, 1e60, 1e300])
def test_a_rate_that_is_too_large_raises_or_scores_badly(rule, solver, rate):
    """In the last step as well: never NaN, infinity or a perfect score."""
    X = DIGITS[:300].astype(np.float32)
    for n_steps in (1, 2, 3, 8):
        sae = make(sparsity=rule, solver=solver, learning_rate_init=rate, batch_size=300, max_iter=n_steps)
        for call in (sae.set_params(learning_rate="constant", tol=0).fit, sae.partial_fit):
            try:
                call(X)
            except ValueError as error:
                assert "Lower learning_rate_init" in str(error)
                continue
            with np.errstate(all="ignore"):
                assert np.isfinite(sae.transform(X)).all()
                assert all(np.isfinite(array).all() for array in [*sae.coefs_, *sae.intercepts_])
                assert sae.score(X) < 0.9


@pytest.mark.filterwarnings("ignore:.*of the units did not fire")
def test_a_search_over_rates_leaves_out_what_diverges():
    search = GridSearchCV(make(solver="sgd"), {"learning_rate_init": [0.1, 1e20]}, cv=2)
    with pytest.warns(FitFailedWarning, match="Lower learning_rate_init"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "One or more of the test scores are non-finite")
        search.fit(DIGITS.astype(np.float32))
    good, bad = search.cv_results_["mean_test_score"]
    assert 0 < good < 1 and np.isnan(bad)
    assert search.best_params_ == {"learning_rate_init": 0.1}


def test_an_epsilon_that_float32_cannot_hold():
    X = np.where(np.arange(64) % 2, DIGITS, 0).astype(np.float32)
    plain, small = (make(epsilon=epsilon, max_iter=5).fit(X) for epsilon in (1e-8, 1e-50))
    assert np.isfinite(small.transform(X)).all()
    assert abs(small.score(X) - plain.score(X)) < 0.1


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_last_step_that_diverges(method, monkeypatch):
    """Nothing follows in which the loss would show it."""
    step, sae = training.Training._step, make(sparsity=TopK(4), batch_size=2000, max_iter=1)
    for value in (np.nan, np.inf, 1e300):

        def spoilt(self, *args, value=value):
            loss = step(self, *args)
            self.network.parameters.units.decoder[3, 5] = value
            return loss

        monkeypatch.setattr(training.Training, "_step", spoilt)
        with pytest.raises(ValueError, match="Lower learning_rate_init"):
            getattr(sae, method)(1e10 * DIGITS)


def test_parameters_that_only_the_units_of_the_data_make_infinite(monkeypatch):
    """Of a unit that never fires: no code and no reconstruction shows them."""
    step = training.Training._step

    def spoilt(self, *args):
        loss, units = step(self, *args), self.network.parameters.units
        units.encoder[3], units.encoder_bias[3], units.decoder[3, 5] = 0, -1e6, 1e305
        return loss

    monkeypatch.setattr(training.Training, "_step", spoilt)
    with pytest.raises(ValueError, match="the parameters are not finite on the scale of the data"):
        make(sparsity=TopK(4), batch_size=2000, max_iter=1).fit(1e10 * DIGITS)


@pytest.mark.filterwarnings("ignore:.*of the units did not fire")
@pytest.mark.parametrize("method, n_rows", [("fit", 9000), ("partial_fit", 100)])
def test_a_row_that_was_not_sampled_and_has_no_finite_code(method, n_rows, monkeypatch):
    """The scale of the codes comes from some rows; another one has a feature that no other row has."""
    X = np.random.default_rng(0).normal(size=(n_rows, 3)).astype(np.float32)
    X[:, 0] = 10 * (np.arange(n_rows) == 1)
    step, sae = training.Training._step, make(sparsity=TopK(4), scale=False, batch_size=10_000, max_iter=1)
    before = getattr(sae, method)(X).transform(X)

    def spoilt(self, *args):
        loss = step(self, *args)
        self.network.parameters.units.encoder[3] = [3e38, 0, 0]
        return loss

    monkeypatch.setattr(training.Training, "_step", spoilt)
    with pytest.raises(ValueError, match="its codes or reconstructions are not finite"):
        getattr(sae, method)(X)
    np.testing.assert_array_equal(sae.transform(X), before)


@pytest.mark.filterwarnings("ignore:.*of the units did not fire")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rule", [None, *RULES])
def test_other_rows_are_looked_at_where_parameters_are_large(rule, dtype):
    """Not after a fit like any other: that would cost as much as a step."""
    for options in ({}, {"hidden_layer_sizes": (16, 8), "batch_norm": True}):
        network = make(sparsity=rule, **options).fit(DIGITS.astype(dtype))._network
        assert network.has_bounded_codes()
        if network.architecture.activation in ("relu", "identity"):
            network.parameters.units.encoder_bias[:] = np.finfo(dtype).max
            assert not network.has_bounded_codes()
