"""Scores, p-values and reasons against their definitions, and false alarms at the rate that they are said to have."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_sae import SparseAutoencoder
from skl_sae.outliers import ReconstructionOutlierDetector, _residuals
from skl_sae.outliers._conformal import number_of_held_out

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 3)) @ rng.normal(size=(3, 6)) + 0.1 * rng.normal(size=(300, 6))
NEW = rng.normal(size=(50, 3)) @ rng.normal(size=(3, 6))
FAR_APART = np.array([1e-3, 1e-2, 1.0, 10.0, 1e2, 1e3])


def quick(**params):
    return SparseAutoencoder(**{"n_components": 8, "max_iter": 3, "random_state": 0, **params})


def fitted(estimator=None, data=X, **params):
    return ReconstructionOutlierDetector(estimator or PCA(3), **{"random_state": 0, **params}).fit(data)


# scores


def naive_scores(detector, data, expected):
    scores = []
    for row, guess in zip(data, expected, strict=True):
        seen = ~np.isnan(row)
        errors = ((row - guess) / detector.units_)[seen]
        scores.append(-np.mean(errors**2) if seen.any() else 0.0)
    return np.array(scores)


@pytest.mark.parametrize("make", [lambda: PCA(3), lambda: make_pipeline(StandardScaler(), quick()), quick])
def test_scores_are_mean_squared_errors_in_units(make):
    detector = fitted(make())
    inner = detector.estimator_
    expected = inner.inverse_transform(inner.transform(NEW))
    assert_allclose(detector.score_samples(NEW), naive_scores(detector, NEW, expected), rtol=1e-6)


def test_missing_values_have_no_error():
    holed = np.where(rng.random(NEW.shape) < 0.3, np.nan, NEW)
    holed[0] = np.nan
    detector = fitted(quick(corruption="masking"), data=np.where(rng.random(X.shape) < 0.1, np.nan, X))
    scores = detector.score_samples(holed)
    assert_allclose(scores, naive_scores(detector, holed, detector.estimator_.reconstruct(holed)), rtol=1e-6)
    assert scores[0] == 0 and detector.p_values(holed)[0] == 1 and detector.predict(holed)[0] == 1
    assert detector.explain(holed[:1]).empty


@pytest.mark.parametrize("data, own", [(X, False), (X * FAR_APART, True)])
def test_units_are_those_of_columns_where_columns_have_units_of_their_own(data, own):
    units = fitted(data=data).units_
    assert (np.ptp(units) > 0) == own
    assert_allclose(units, data.std(axis=0) if own else np.sqrt(data.var(axis=0).mean()), rtol=0.3)


def test_units_of_columns_do_not_matter_behind_a_scaler():
    factors = np.array([1e-4, 1e-2, 1.0, 1.0, 1e3, 1e4])
    a, b = (fitted(make_pipeline(StandardScaler(), PCA(2)), data=X * FAR_APART * f) for f in (1.0, factors))
    assert_allclose(a.score_samples(NEW * FAR_APART), b.score_samples(NEW * FAR_APART * factors), rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_the_scale_of_the_data_does_not_matter(scale, dtype):
    detector = fitted(quick(), data=(X * scale).astype(dtype))
    scores = detector.score_samples((NEW * scale).astype(dtype))
    assert scores.dtype == np.float64
    assert_allclose(scores, fitted(quick()).score_samples(NEW), rtol=0.02)


def test_a_constant_column():
    constant = np.where(np.arange(6) == 2, 5.0, X)
    detector = fitted(quick(), data=constant)
    row = constant[:1].copy()
    row[0, 2] = 50.0
    assert detector.predict(row) == -1
    assert np.isfinite(detector.score_samples(np.full((1, 6), 1e200) * np.eye(6)[2])).all()


def test_csr_is_dense_a_block_at_a_time(monkeypatch):
    dense = np.where(rng.random((200, 40)) < 0.1, rng.random((200, 40)), 0.0)
    whole = fitted(quick(), data=dense).score_samples(dense)
    monkeypatch.setattr(_residuals, "BLOCK_ENTRIES", 40 * 16)
    shapes = []
    original = sparse.csr_matrix.toarray
    monkeypatch.setattr(sparse.csr_matrix, "toarray", lambda self: (shapes.append(self.shape), original(self))[1])
    detector = fitted(quick(), data=sparse.csr_matrix(dense))
    assert_allclose(detector.score_samples(sparse.csr_matrix(dense)), whole, rtol=1e-6)
    assert {"row", "column"} < set(detector.explain(sparse.csr_matrix(dense), n_top=2).columns)
    assert shapes and max(rows for rows, _ in shapes) <= 16


# p-values and thresholds


def test_p_values_are_ranks_among_held_out_rows():
    detector = fitted(calibration=39)
    held_out = detector.calibration_scores_
    assert len(held_out) == 39 and (np.diff(held_out) >= 0).all()
    expected = [(1 + np.sum(held_out <= score)) / 40 for score in detector.score_samples(NEW)]
    assert_array_equal(detector.p_values(NEW), expected)


def test_held_out_rows_do_not_train():
    """Rows that are held out have the scores that the fitted estimator gives to new rows."""
    detector = fitted(calibration=39)
    scores = detector.score_samples(X)
    found = np.array([np.abs(scores - score).argmin() for score in detector.calibration_scores_])
    assert_allclose(scores[found], detector.calibration_scores_, rtol=1e-6)
    others = np.setdiff1d(np.arange(300), found)
    assert_allclose(detector.estimator_.mean_, X[others].mean(axis=0), rtol=1e-10)


def test_rounding_is_no_error():
    detector = fitted(PCA(6))
    assert (detector.score_samples(NEW) < 0).any()
    assert (detector.p_values(NEW) == 1).all() and (detector.predict(NEW) == 1).all()


def test_ties_count_as_at_least_as_extreme():
    detector = fitted(PCA(3))
    detector.calibration_scores_ = np.array([-3.0, -2.0, -2.0, -1.0])
    detector._residuals.scores = lambda X: np.array([-4.0, -2.0 * (1 + 1e-9), -2.0, -1.5, 0.0])
    with pytest.warns(UserWarning, match="With 4 held-out rows the smallest p-value is 0.2"):
        assert_array_equal(detector.p_values(NEW), np.array([1, 4, 4, 4, 5]) / 5)


@pytest.mark.parametrize("calibration, n_rows", [(0.2, 59), (0.1, 39), (0.5, 159), (25, 25)])
def test_number_of_held_out_rows(calibration, n_rows):
    assert len(fitted(calibration=calibration).calibration_scores_) == n_rows


def test_too_many_held_out_rows():
    with pytest.raises(ValueError, match="calibration=300, rows to hold out, and X has 300 rows"):
        fitted(calibration=300)


@pytest.mark.parametrize("seed", range(5))
def test_auto_calls_outliers_what_has_a_small_p_value(seed):
    detector = fitted(random_state=seed)
    for data in (X, NEW, 3 * NEW):
        assert_array_equal(detector.predict(data) == -1, detector.p_values(data) <= 0.05)


def test_few_held_out_rows_warn():
    with pytest.warns(UserWarning, match="Hold out at least 19 rows"):
        detector = fitted(calibration=10)
    far = 100 * rng.normal(size=(1, 6))
    assert detector.predict(far) == -1
    with pytest.warns(UserWarning, match="smallest p-value is 0.0909"):
        assert detector.p_values(far) == 1 / 11


def test_contamination_is_the_share_of_the_rows_of_fit():
    detector = fitted(contamination=0.1)
    assert np.sum(detector.predict(X) == -1) == 30
    assert_array_equal(detector.fit_predict(X), detector.predict(X))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_rows_are_on_one_side_of_the_line(dtype):
    """Whatever rows they are predicted with: the rounding of products depends on that."""
    data = np.repeat(np.random.default_rng(0).normal(size=(10, 100)), 30, axis=0).astype(dtype)
    for contamination in (0.15, 0.25):
        detector = fitted(PCA(20), data=data, contamination=contamination)
        whole = detector.predict(data)
        assert_array_equal([detector.predict(data[[i]])[0] for i in range(0, 300, 7)], whole[::7])
        assert_array_equal(detector.predict(data[7:90]), whole[7:90])


@pytest.mark.parametrize("data", [X, X.astype(np.float32)])
def test_rows_of_fit_are_not_kept(data):
    few, many = (fitted(data=data[:n], calibration=39) for n in (100, 300))
    assert len(pickle.dumps(many)) - len(pickle.dumps(few)) < 100
    rows = [value for value in vars(many).values() if np.shape(value)[:1] == (300,) or np.shape(value)[:1] == (261,)]
    assert not rows


@pytest.mark.parametrize("kind", ["continuous", "tied"])
def test_p_values_are_valid_for_each_level(kind):
    """Of one new row, over draws of all rows: P(p <= a) is a at multiples of 1 / (n + 1); at most a where rows tie."""
    p = []
    for seed in range(400):
        random = np.random.default_rng(seed)
        data = random.standard_t(3, size=(41, 2)) if kind == "continuous" else 1.0 * random.integers(0, 3, size=(41, 2))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            p.append(fitted(PCA(1), data=data[1:], calibration=9, random_state=seed).p_values(data[:1])[0])
    p = np.array(p)
    assert_allclose(p * 10, np.rint(p * 10), atol=1e-9)
    for level in np.arange(1, 10) / 10:
        share, error = np.mean(p <= level + 1e-9), np.sqrt(level * (1 - level) / len(p))
        assert share <= level + 3 * error
        assert kind == "tied" or share >= level - 3 * error


def false_alarms(make, data, draws):
    """Share of new rows with a p-value of at most 5 %, over random halves."""
    shares = []
    for seed in range(draws):
        seen, new = np.array_split(np.random.default_rng(seed).permutation(len(data)), 2)
        detector = make(seed).fit(data[seen])
        shares.append(np.mean(detector.p_values(data[new]) <= 0.05))
    return np.mean(shares)


@pytest.mark.parametrize("estimator", [PCA(3), make_pipeline(StandardScaler(), PCA(7))], ids=["rough", "close"])
def test_false_alarms(estimator):
    """Whatever the estimator is; of 200 rows with heavy tails, which are no sample of a normal distribution."""
    data = np.random.default_rng(0).standard_t(3, size=(400, 8)) * np.linspace(0.1, 1, 8)
    rate = false_alarms(lambda seed: ReconstructionOutlierDetector(estimator, random_state=seed), data, 200)
    assert 0.045 <= rate <= 0.055


@pytest.mark.slow
def test_false_alarms_of_the_default():
    def make(seed):
        return ReconstructionOutlierDetector(random_state=seed).set_params(estimator__max_iter=20)

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*here lie")
        rate = false_alarms(make, load_breast_cancer().data, 200)
    assert 0.045 <= rate <= 0.055


# what it finds, and why


def test_finds_other_digits():
    data, y = load_digits(return_X_y=True)
    ones = np.flatnonzero(y == 1)
    ranked = np.concatenate([ones[120:], np.flatnonzero(y != 1)[:300]])
    detector = ReconstructionOutlierDetector(random_state=0).set_params(estimator__max_iter=150).fit(data[ones[:120]])
    assert roc_auc_score(y[ranked] != 1, -detector.score_samples(data[ranked])) > 0.95


def test_reasons_name_the_column_in_its_own_unit():
    pd = pytest.importorskip("pandas")
    names = [f"column {j}" for j in range(6)]
    data = pd.DataFrame(X * FAR_APART + 7, columns=names, index=[f"row {i}" for i in range(300)])
    detector = fitted(make_pipeline(StandardScaler(), PCA(3)), data=data)
    odd = data.iloc[:2].copy()
    odd.iloc[1, 3] += 100  # the others are within 10
    reasons = detector.explain(odd, n_top=3)
    assert list(reasons.columns) == ["row", "column", "observed", "expected", "share", "times_usual"]
    assert list(reasons["row"]) == ["row 0"] * 3 + ["row 1"] * 3
    first = reasons.iloc[3]
    assert first["column"] == "column 3" and first["observed"] == odd.iloc[1, 3]
    inner = detector.estimator_
    expected = inner.inverse_transform(inner.transform(odd.to_numpy()))
    assert first["expected"] == pytest.approx(expected[1, 3])
    errors = ((odd.to_numpy() - expected)[1] / detector.units_) ** 2
    assert first["share"] == pytest.approx(errors[3] / errors.sum())
    usual = detector.usual_errors_[3]
    assert first["times_usual"] == pytest.approx(abs(odd.iloc[1, 3] - expected[1, 3]) / usual)
    everything = detector.explain(odd, n_top=100)
    assert_allclose(everything.groupby("row")["share"].sum(), 1.0)


def test_reasons_without_names():
    pytest.importorskip("pandas")
    reasons = fitted().explain(NEW[:3], n_top=1)
    assert list(reasons["row"]) == [0, 1, 2]
    assert set(reasons["column"]) <= {f"x{j}" for j in range(6)}
    with pytest.raises(ValueError, match="n_top=0; expected a number of columns"):
        fitted().explain(NEW, n_top=0)


def test_usual_errors_are_those_of_held_out_rows():
    detector = fitted(calibration=39)
    scores = detector.score_samples(X)
    held_out = [np.abs(scores - score).argmin() for score in detector.calibration_scores_]
    inner = detector.estimator_
    errors = X[held_out] - inner.inverse_transform(inner.transform(X[held_out]))
    assert_allclose(detector.usual_errors_, np.sqrt(np.mean(errors**2, axis=0)), rtol=1e-6)


# an estimator among others


def test_parameters_of_the_default_can_be_set():
    detector = ReconstructionOutlierDetector().set_params(estimator__max_iter=7)
    assert detector.estimator.max_iter == 7 and detector.estimator.corruption == "gaussian"
    assert clone(detector).get_params()["estimator__max_iter"] == 7


def test_the_same_seed_gives_the_same_detector():
    a, b = (fitted(SparseAutoencoder(8, max_iter=3)) for _ in range(2))
    assert_array_equal(a.score_samples(NEW), b.score_samples(NEW))
    assert_array_equal(pickle.loads(pickle.dumps(a)).p_values(NEW), b.p_values(NEW))
    other = fitted(SparseAutoencoder(8, max_iter=3), random_state=1)
    assert not np.array_equal(a.score_samples(NEW), other.score_samples(NEW))


def test_what_cannot_reconstruct_is_refused():
    with pytest.raises(TypeError, match="has no inverse_transform; expected one that reconstructs"):
        fitted(make_pipeline(PCA(3), NoInverse()))


class NoInverse(StandardScaler):
    inverse_transform = property(lambda self: self.nothing)


def test_a_fit_that_fails_leaves_the_last_one():
    detector = fitted()
    before = detector.score_samples(NEW)
    with pytest.raises(ValueError, match="n_components"):
        detector.set_params(estimator__n_components=50).fit(X)
    assert_array_equal(detector.score_samples(NEW), before)


def test_estimators_say_what_they_take():
    holed = np.where(rng.random(X.shape) < 0.1, np.nan, X)
    with pytest.raises(ValueError, match="NaN"):
        fitted(PCA(3), data=holed)
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        fitted(data=X[:1])


def test_a_fit_that_fails_leaves_the_features_of_the_last_one():
    detector = fitted()
    with pytest.raises(ValueError, match="calibration=500"):
        detector.set_params(calibration=500).fit(X[:, :3])
    assert detector.n_features_in_ == 6
    assert_array_equal(detector.predict(X), fitted().predict(X))


def test_an_expectation_that_is_no_number_is_an_outlier():
    detector = fitted()
    expected = np.zeros((2, 6))
    expected[0] = np.nan
    squares, n_seen = detector._residuals.errors(np.array([[1.0, np.nan] * 3, [0.0] * 6]), expected)
    assert_array_equal(squares, [[_residuals.LARGEST, 0] * 3, [0] * 6])
    assert_array_equal(n_seen, [3, 6])


@pytest.mark.parametrize("zone", [None, "Europe/Paris"])
def test_blocks_play_no_part_in_the_types_of_reasons(zone, monkeypatch):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X[:60], index=pandas.date_range("2020-01-01", periods=60, tz=zone)).add_prefix("c")
    frame.iloc[3] = np.nan
    detector = fitted(quick(), data=frame, calibration=19)
    whole = detector.explain(frame, n_top=2)
    monkeypatch.setattr(_residuals, "BLOCK_ENTRIES", 6)
    pandas.testing.assert_frame_equal(detector.explain(frame, n_top=2), whole)
    assert_array_equal(whole["row"].unique(), frame.index.delete(3))
    assert whole["row"].dtype == frame.index.dtype


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.99])
def test_a_share_of_many_rows_has_a_p_value_of_five_percent(share):
    for n_samples in range(60, 401):
        n_held_out = number_of_held_out(share, n_samples)
        assert n_held_out < n_samples
        assert (n_held_out + 1) % 20 == 0
        assert abs(n_held_out - share * n_samples) <= 20
