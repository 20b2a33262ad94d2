"""Bounds on data: how many entries exceed them, and that they do not lie on an entry."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.datasets import load_digits

from skl_sae import SparseAutoencoder
from skl_sae._kernels.quantile import between, beyond, lowest, upper_quantile
from skl_sae._model.codes import DenseCode
from skl_sae._model.parameters import Units
from skl_sae.metrics import l0
from skl_sae.sparsity import L1, BatchTopK, JumpReLU, Matryoshka, StepContext

DTYPES = [np.float32, np.float64]
X = load_digits().data[:400]
few_values = st.integers(-2, 2).map(float)
extremes = st.sampled_from([0.0, -0.0, 1e-45, -1e-45, 5e-324, 1e300, -1e300, np.inf, -np.inf, np.nan])


def matrices(elements):
    shapes = st.tuples(st.integers(1, 6), st.integers(1, 8))
    return st.sampled_from(DTYPES).flatmap(lambda t: hnp.arrays(float, shapes, elements=elements).map(cast(t)))


def cast(dtype):
    def to_dtype(a):
        with np.errstate(all="ignore"):
            return a.astype(dtype)

    return to_dtype


@settings(deadline=None)
@given(matrices(few_values | extremes | st.floats()), st.floats(0, 10), st.integers(1, 6))
@example(np.zeros((2, 2)), 1, 1)
@example(np.array([[1.0, np.nan]]), 1, 1)
def test_number_of_entries_above(a, mean_count, tile):
    """As many as were asked for; of those that are tied at the cut none."""
    bound, reached = upper_quantile(lambda: (a[i : i + tile] for i in range(0, len(a), tile)), mean_count)
    descending = -np.sort(-a[~np.isnan(a)])
    budget = round(mean_count * len(a))
    if budget >= descending.size:
        assert bound == -np.inf and reached == descending.size / len(a)
        return
    expected = np.count_nonzero(descending > descending[budget])
    assert reached == expected / len(a)
    assert a.dtype.type(bound) == bound, "the bound is a number of the type in which it is compared"
    if np.isfinite(descending[budget]):
        assert np.count_nonzero(a > a.dtype.type(bound)) == expected


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_bound_is_half_way(dtype):
    a = np.array([[5, 3, 1, -2, 1, 1]], dtype)
    for mean_count, bound in [(1, 4), (2, 2), (3, 2), (5, -0.5)]:
        assert upper_quantile(lambda: iter([a]), mean_count)[0] == bound
    assert 5 < upper_quantile(lambda: iter([a]), 0)[0] < 5.1
    assert -2.1 < lowest(lambda: iter([a])) < -2


@settings(deadline=None)
@given(st.sampled_from(DTYPES), st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_between_and_beyond(dtype, low, high):
    low, high = cast(dtype)(np.array(sorted([low, high])))
    with np.errstate(all="ignore"):
        middle, adjacent = dtype(between(low, high)), not low < np.nextafter(low, high) < high
    assert low <= middle <= high
    if low < high and np.isfinite([low, high]).all() and not adjacent:
        assert low < middle < high
    assert np.isfinite([beyond(low, 1), beyond(low, -1)]).all()
    if abs(low) < np.finfo(dtype).max:
        assert beyond(low, -1) < low < beyond(low, 1)


RULES = [BatchTopK(5), Matryoshka(BatchTopK(5)), JumpReLU(target_l0=5), L1(target_l0=5)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rule, go_on", [*((rule, False) for rule in RULES), *((rule, True) for rule in RULES[:2])])
def test_no_activation_of_the_training_lies_on_its_threshold(rule, go_on, dtype):
    """Or its last bit, which depends on the processor, would switch a unit between zero and a large value."""
    sae = SparseAutoencoder(32, sparsity=rule, max_iter=3, random_state=0, learning_rate_init=1e-12)
    data = X.astype(dtype)
    for _ in range(2):
        sae = sae.partial_fit(data[:128]) if go_on else sae.fit(data)
    units, seen = sae._network.parameters.units, data[:128] if go_on else data
    a = pre_activations(sae, seen)
    threshold = getattr(units, "threshold", np.zeros(32, dtype))
    nearest = np.abs(a - threshold).min()
    assert nearest > 2 * np.finfo(dtype).eps * np.abs(a).max()
    for sign in -1, 1:
        shifted = np.abs(a) * dtype(sign * np.finfo(dtype).eps) + a
        assert ((shifted > threshold) == (a > threshold)).all()


def pre_activations(sae, data):
    """By the public coefficients, in float64, rounded: another order of sums than the kernels'."""
    z = data.astype(float) @ sae.coefs_[0].astype(float) + sae.intercepts_[0]
    return z.astype(data.dtype)


@pytest.mark.parametrize("rule", RULES[2:], ids=repr)
def test_target_l0_is_met_exactly(rule):
    """On all rows where there are few of them, else on those that are held out."""
    sae = SparseAutoencoder(32, sparsity=rule, max_iter=3, random_state=0).fit(X[:49])
    assert l0(sae.transform(X[:49])) == 5
    sae.set_params(early_stopping=True).fit(X[:300], X_val=X[300:])
    assert l0(sae.transform(X[300:])) == 5


@pytest.mark.parametrize("rule", [L1, JumpReLU])
def test_a_target_above_the_number_of_units_is_refused(rule):
    message = "got target_l0=33 for a layer of 32 units, expected at most 32. Lower the target, or raise n_components"
    with pytest.raises(ValueError, match=message):
        SparseAutoencoder(32, sparsity=rule(target_l0=33), max_iter=1).fit(X)


def test_a_target_of_all_units():
    sae = SparseAutoencoder(16, sparsity=L1(target_l0=16), max_iter=2, random_state=0).fit(X[:49])
    assert l0(sae.transform(X[:49])) == 16


def test_a_target_out_of_reach_is_told():
    with pytest.warns(
        UserWarning, match=r"JumpReLU: target_l0=32 is out of reach: .* has \d+.* active units"
    ) as caught:
        sae = SparseAutoencoder(32, sparsity=JumpReLU(target_l0=32), max_iter=2, random_state=0).fit(X[:49])
    assert f"has {l0(sae.transform(X[:49])):.4g} active" in str(caught[0].message)
    assert caught[0].filename == __file__
    assert (sae._network.parameters.units.threshold == 0).all()
    threshold = sae.partial_fit(X)._network.parameters.units.threshold
    assert (threshold > 0).all() and np.isfinite(threshold).all(), "from zeros it goes on"


def test_tied_entries_are_told():
    with pytest.warns(UserWarning, match=r"L1: target_l0=1 is out of reach: .* has 0 active units"):
        SparseAutoencoder(2, sparsity=L1(target_l0=1), max_iter=1, random_state=0).fit(np.ones((20, 3)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ["relu", "identity"])
@pytest.mark.parametrize("k", [8, 20, 1.0])
def test_a_budget_of_all_units_keeps_everything(k, activation, dtype):
    sae = SparseAutoencoder(8, sparsity=BatchTopK(k), activation=activation, max_iter=1, random_state=0)
    data = X.astype(dtype)
    for step in range(3):
        sae = sae.partial_fit(data) if step else sae.fit(data)
        threshold = sae._network.parameters.units.threshold
        assert np.isfinite(threshold).all() and np.isfinite(sae.intercepts_[0]).all()
        codes = sae.transform(data)
        positive = pre_activations(sae, data) > 1e-6
        assert (codes[positive] > 0).all()
        assert activation == "relu" or (codes != 0).mean() > 0.999


@pytest.mark.parametrize("dtype", DTYPES)
def test_state_stays_finite(dtype):
    """Targets that push in one direction for ever, at any rate."""
    rng = np.random.default_rng(0)
    data = rng.standard_normal((64, 6)).astype(dtype)
    for rule in (
        JumpReLU(target_l0=1e-3, bandwidth=0.1),
        JumpReLU(target_l0=4, threshold=1e-30),
        JumpReLU(threshold=1e6),
        L1(target_l0=1e-3),
        L1(1e-30, target_l0=4),
    ):
        sae = SparseAutoencoder(4, sparsity=rule, random_state=0, batch_size=8, learning_rate_init=1e-5)
        for _ in range(300):
            sae.partial_fit(data)
        assert np.isfinite(sae._network.parameters.theta).all(), rule


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("start", [0.0, 1e-45, 0.1, 1e30, np.inf])
def test_a_threshold_stays_where_it_can_be_crossed(start, dtype):
    rule, a = JumpReLU(), np.random.default_rng(0).standard_normal((10, 4)).astype(dtype)
    own = rule.initialize(4, "relu") | {"threshold": start}
    units = Units(**{name: np.full(4, value, dtype) for name, value in own.items()})
    rule.after_step([DenseCode(a, pre=a)], units, StepContext("relu", 1 / 10))
    assert (1e-6 <= units.threshold).all() and (units.threshold <= np.maximum(a.max(axis=0), 0.03)).all()
