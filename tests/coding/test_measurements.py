"""Measurements, given atoms and given codes: their scale, missing ones, noise, and what a fit that goes on expects."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import UndefinedMetricWarning
from test_recovery_autoencoder import KINDS, make, problem, signals

from skl_sae.metrics import explained_variance


@pytest.mark.parametrize("size", [2.0**-100, 2.0**-10, 2.0**100])
@pytest.mark.parametrize(
    "kind", [*KINDS, {"recovery": "lasso"}, {"pretrain": "layerwise", "pretrain_max_iter": 2}], ids=str
)
def test_the_scale_of_measurements_and_given_atoms_does_not_matter(kind, size):
    atoms, A, X, Z = problem(200, n_measurements=9)
    Y = X @ A.T
    cases = [({"dict_init": atoms}, None, Y), ({"dict_init": atoms, "learn_dictionary": False}, None, Y)]
    if "recovery" not in kind:
        cases.append(({"target": "signals"}, X, Y))
    for options, y, measured in cases:
        one = make(measurement_matrix=A, **options, **kind).fit(measured, y)
        other = make(measurement_matrix=A * size, **options, **kind).fit(measured * size, y)
        np.testing.assert_allclose(other.transform(measured * size), one.transform(measured), atol=1e-6)
        np.testing.assert_allclose(other.reconstruct(measured * size), one.reconstruct(measured), atol=1e-6)
        np.testing.assert_allclose(other.components_, one.components_, atol=1e-6)
    fixed = {"learn_dictionary": False, **kind}
    one, other = (make(dict_init=atoms * each, **fixed).fit(X) for each in (1, size))
    np.testing.assert_allclose(other.transform(X) * size, one.transform(X), atol=1e-6)
    np.testing.assert_allclose(other.components_ / size, atoms, rtol=1e-12)
    if "recovery" not in kind:
        one, other = (make(target="codes", **kind).fit(X * each, Z) for each in (1, size))
        np.testing.assert_allclose(other.transform(X * size), one.transform(X), atol=1e-6)
        np.testing.assert_allclose(other.reconstruct(X * size) / size, one.reconstruct(X), atol=1e-6)


@pytest.mark.parametrize("target", [None, "signals"])
def test_more_measurements_than_signal_features(target):
    """Then atoms learned of measurements need not be measurements of signals: all methods are about the signals."""
    _, A, X, _ = problem(200, n_measurements=30)
    Y = X @ A.T
    model = make(measurement_matrix=A, target=target).fit(Y, X)
    again = model.reconstruct(Y) @ A.T
    assert model.score(Y) == pytest.approx(explained_variance(Y, again))
    np.testing.assert_allclose(model.score_samples(Y), -np.square(Y - again).sum(axis=1))
    holed = Y.copy()
    holed[3, 5] = holed[7] = np.nan
    np.testing.assert_allclose(
        model.impute(holed)[[3, 7]][np.isnan(holed[[3, 7]])],
        (model.reconstruct(holed) @ A.T)[[3, 7]][np.isnan(holed[[3, 7]])],
    )
    assert model.score_samples(holed)[7] == -np.inf  # as of an autoencoder
    with pytest.warns(UndefinedMetricWarning):
        assert np.isnan(model.score(holed[7:8]))
    assert sparse.issparse(model.impute(sparse.csr_array(Y)))


@pytest.mark.filterwarnings("ignore:1 of 9 features have no observed value")
@pytest.mark.parametrize("target", [None, "signals"])
def test_a_measurement_never_observed_stays_missing(target):
    _, A, X, _ = problem(100, n_measurements=9)
    Y = X @ A.T
    Y[:, 2] = Y[5, 4] = np.nan
    imputed = make(measurement_matrix=A, target=target).fit(Y, X).impute(Y)
    assert np.isnan(imputed[:, 2]).all() and np.isnan(imputed).sum() == len(Y)


def test_noise_on_measurements_of_signals():
    _, A, X, _ = problem(300, n_measurements=9)
    Y = X @ A.T
    Y[::5, 1] = np.nan
    options = {"measurement_matrix": A, "target": "signals", "corruption_level": 0.1}
    assert make(corruption="gaussian", max_iter=20, **options).fit(Y, X).score(Y, X) > 0.3
    with pytest.raises(ValueError, match=r"corruption_emphasis=.* has no meaning"):
        make(corruption="masking", corruption_emphasis=0.5, **options).fit(Y, X)


@pytest.mark.parametrize("name", ["dict_init", "measurement_matrix"])
def test_a_fit_goes_on_with_the_same_atoms_and_measurements(name):
    """Else `components_` would be those of other ones, without a word."""
    atoms, A, X, _ = problem(100, n_measurements=9)
    Y = X @ A.T
    model = make(dict_init=atoms, measurement_matrix=A, learn_dictionary=False, warm_start=True).fit(Y)
    before = model.reconstruct(Y)
    model.set_params(dict_init=atoms.copy(), measurement_matrix=A.copy()).fit(Y).partial_fit(Y)
    before = model.reconstruct(Y)
    model.set_params(**{name: getattr(model, name)[::-1].copy()})
    for go_on in model.fit, model.partial_fit:
        with pytest.raises(ValueError, match=f"with another {name}"):
            go_on(Y)
        np.testing.assert_array_equal(model.reconstruct(Y), before)


def test_errors_of_shapes_name_the_parameters_that_decide():
    X = signals(100)
    for kind, change in (({}, {"n_layers": 2}), ({"recovery": "omp"}, {"n_components": 5})):
        with pytest.raises(ValueError, match=r"Leave n_components, .*recovery"):
            make(**kind).fit(X).set_params(**change).partial_fit(X)


def test_a_score_says_which_signals_it_expects():
    _, A, X, _ = problem(100, n_measurements=9)
    model = make(measurement_matrix=A, target="signals").fit(X @ A.T, X)
    with pytest.raises(ValueError, match=r"y has the shape \(100, 5\), expected \(100, 12\)"):
        model.score(X @ A.T, X[:, :5])
