"""Dropout, batch normalisation, penalties of the weights, and noise on the input, against twins in plain NumPy.

With a rate of `STILL` nothing moves: the losses of a fit are then draws of the noisy objective at the start.
"""

import itertools
import pickle

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skl_sae import SparseAutoencoder
from skl_sae._kernels.noise import MAX_KEY, add_gaussian, drop, layer_key, leave_out_visible, mask_inputs
from skl_sae._model import batch_norm
from skl_sae._model.codes import DenseCode, RowCode
from skl_sae._model.rows import Rows
from skl_sae._training.dead_units import RESAMPLED_NORM, resample
from skl_sae._training.optimizers import Adam

rng = np.random.default_rng(0)
X = (rng.exponential(size=(200, 4)) * (rng.random((200, 4)) < 0.5)) @ rng.normal(size=(4, 10)) + 3
STILL = 1e-30
DEEP = {"hidden_layer_sizes": (12,)}


def make(**params):
    return SparseAutoencoder(**{"n_components": 16, "batch_size": 32, "max_iter": 10, "random_state": 0, **params})


def stand_still(noise, **params):
    """A trained network, and then the losses of 200 steps of the whole data with noise and without moving."""
    sae = make(sparsity=None, warm_start=True, max_iter=30, learning_rate_init=0.01, **params).fit(X)
    return sae.set_params(max_iter=200, batch_size=200, learning_rate_init=STILL, **noise).fit(X)


def assert_same_distribution(losses, others):
    error = np.hypot(np.std(losses), np.std(others)) / np.sqrt(len(losses))
    assert abs(np.mean(losses) - np.mean(others)) < 4 * error
    assert_allclose(np.std(losses), np.std(others), rtol=0.4)
    return error


def plain_model(sae):
    """The naive twin of a network of squared error without a rule, and the arrays of the fitted one."""
    sizes = sae._network.architecture.encoder_sizes
    settings = sae.activation_, sae.hidden_activation, sae.output_activation, "squared_error", sae.sparsity_
    return naive.Model(sizes, sizes, *settings), sae._network.parameters.views


def flattened(sae):
    return sae._network.parameters.theta


# dropout


def ones_dropped(key=1, row=0, unit=0, level=0.3, shape=(400, 50), dtype=np.float64, layer=0):
    x = np.ones(shape, dtype)
    drop(x, np.array([key]), layer, row, unit, level)
    return x


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("level", [0.0, 0.1, 0.5, 0.9])
def test_share_and_scale_of_what_is_dropped(level, dtype):
    x = ones_dropped(level=level, dtype=dtype)
    assert_allclose(np.unique(x[x != 0]), 1 / (1 - level), rtol=1e-6)
    assert_allclose((x == 0).mean(), level, atol=4 * np.sqrt(level * (1 - level) / x.size))
    spread = np.sqrt(level * (1 - level) / 50)
    assert_allclose((x == 0).mean(axis=1).std(), spread, atol=0.15 * spread), "rows differ"
    assert_allclose((x == 0).mean(axis=0).std(), spread * np.sqrt(50 / 400), rtol=0.4, atol=1e-9), "units differ"


def test_a_mask_does_not_depend_on_tiles_and_blocks():
    whole = ones_dropped()
    for lo, hi, first, last in [(0, 7, 0, 50), (31, 400, 3, 17), (399, 400, 49, 50)]:
        assert_array_equal(ones_dropped(1, lo, first, shape=(hi - lo, last - first)), whole[lo:hi, first:last])


def test_masks_of_steps_layers_and_inputs_have_nothing_in_common():
    keys = [layer_key(layer_key(123, step), i) for step in range(1, 3000) for i in (-1, 0, 1, 2)]
    assert len(set(keys)) == len(keys) and 0 <= min(keys) and max(keys) <= MAX_KEY
    steps = [layer_key(123, step) for step in range(1, 5)]
    masks = [ones_dropped(key, level=0.5, layer=i).ravel() for key in steps for i in (-1, 0, 1, 2)]
    for one, other in itertools.combinations(masks, 2):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.03  # 4 standard deviations


def test_every_layout_of_a_code_has_the_same_mask():
    n_rows, n_units, key, level = 30, 20, 5, 0.4
    support = rng.random((n_rows, n_units)) < 0.3
    dense = np.where(support, rng.normal(size=support.shape), 0.0)
    expected, step = dense * ones_dropped(key, 0, 0, level, dense.shape, layer=2), np.array([key])
    assert 0 < np.count_nonzero(expected) < np.count_nonzero(dense)
    for lo, hi in [(0, 30), (11, 25)]:
        code = DenseCode(dense[lo:hi].copy(), seen=np.empty((hi - lo, n_units)), grad=dense[lo:hi].copy())
        code.drop_values(step, 2, lo, level)
        code.drop_gradient(step, 2, lo, level)
        assert_array_equal(code.values, dense[lo:hi])
        assert_array_equal(code.seen, expected[lo:hi])
        assert_array_equal(code.grad, expected[lo:hi])

        rows = RowCode.empty(n_rows, n_units, dense.dtype)
        rows.index[:], rows.values[:], rows.grad[:] = 0, 0, 0
        rows.compress(0, n_rows, DenseCode(dense, support=support))
        rows.seen, rows.grad[:] = np.zeros_like(rows.values), rows.values
        tile, back = rows.rows(lo, hi), np.zeros((hi - lo, n_units))
        tile.drop_values(step, 2, lo, level)
        tile.decode(np.eye(n_units), 0, n_units, back)
        assert_array_equal(back, expected[lo:hi])
        tile.drop_gradient(step, 2, lo, level)
        assert_array_equal(tile.grad, tile.seen)

    rows.compress(0, n_rows, DenseCode(dense, support=support))
    for first, last in [(0, 20), (6, 13)]:
        whole, back = rows.ordered(n_units), np.zeros((n_rows, last - first))
        whole.whole["seen"] = whole.whole["grad"]
        block = whole.block(first, last)
        block.drop_values(step, 2, 0, first, level)
        block.add_gradient(back)
        assert_array_equal(back, expected[:, first:last])


@pytest.mark.parametrize("params", [{}, DEEP, {"hidden_layer_sizes": (12, 8), "hidden_activation": "tanh"}])
def test_hidden_values_and_code_are_dropped_in_training(params):
    """The losses have the mean and the spread that masks of another generator lead to."""
    sae = stand_still({"dropout": 0.3}, **params)
    model, P = plain_model(sae)
    x, losses = (X - sae.mean_) / sae.scale_, []
    for _ in range(200):
        masks = [(rng.random((200, n)) >= 0.3) / 0.7 for n in model.encoder_sizes[1:]]
        losses.append(naive.objective(model._replace(masks=masks), P, P, x, x))
    error = assert_same_distribution(sae.loss_curve_, losses)
    assert np.mean(losses) > naive.objective(model, P, P, x, x) + 20 * error


@pytest.mark.parametrize("params", [{"dropout": 0.4}, {"batch_norm": True}, {"dropout": 0.2, "batch_norm": True}])
@pytest.mark.parametrize("layers", [{}, DEEP, {**DEEP, "tied_weights": True}])
def test_coefs_are_all_there_is_at_inference(params, layers):
    """Nothing is dropped, and batch normalisation is folded."""
    sae = make(sparsity=None, **params, **layers).fit(X)
    h, n_encoder = X, len(sae.coefs_) // 2
    for coef, intercept in zip(sae.coefs_[:n_encoder], sae.intercepts_[:n_encoder]):
        h = np.maximum(h @ coef + intercept, 0)
    codes = sae.transform(X)
    assert_allclose(codes, h, atol=1e-12)
    assert np.count_nonzero(codes) > 1000
    for number, (coef, intercept) in enumerate(zip(sae.coefs_[n_encoder:], sae.intercepts_[n_encoder:]), 1):
        h = h @ coef + intercept
        h = np.maximum(h, 0) if number < n_encoder else h
    assert_allclose(sae.inverse_transform(codes), h, atol=1e-12)


# batch normalisation


def test_only_the_encoder_is_normalised():
    P = make(batch_norm=True, **DEEP).fit(X)._network.parameters
    assert [name for name in P.views if "norm" in name] == [
        f"enc{i}.{name}" for i in range(2) for name in batch_norm.ARRAYS
    ]


def test_running_statistics():
    """Each batch moves them a tenth of the way."""
    data, order = X[:65], [slice(0, 21), slice(21, 43), slice(43, 65)] * 3
    few = {"sparsity": None, "batch_norm": True, "shuffle": False, "learning_rate_init": STILL, **DEEP}
    sae = make(max_iter=3, n_components=14, **few).fit(data)
    P, x, h = sae._network.parameters, (data - sae.mean_) / sae.scale_, [None, None]
    sets = [slice(0, 65), *order]  # the start is fitted to all rows
    mean, variance = [None, None], [None, None]
    for number, at in enumerate(sets):
        h = x[at]
        for i in range(2):
            a, n = h @ P[f"enc{i}.weight"].T, len(h)
            m, v = a.mean(axis=0), a.var(axis=0)
            if number == 0:
                mean[i], variance[i] = m, v
            else:
                mean[i] = 0.9 * mean[i] + 0.1 * m
                variance[i] = 0.9 * variance[i] + 0.1 * v * n / (n - 1)
            h = np.maximum(P[f"enc{i}.norm_gain"] * (a - m) / np.sqrt(v + 1e-5) + P[f"enc{i}.bias"], 0)
    for i in range(2):
        assert_allclose(P[f"enc{i}.norm_mean"], mean[i], atol=1e-12)
        assert_allclose(P[f"enc{i}.norm_variance"], variance[i], rtol=1e-10)


@pytest.mark.parametrize("params", [{}, DEEP, {**DEEP, "tied_weights": True}, {"sparsity": "jumprelu"}])
def test_batch_normalisation_starts_at_the_same_function(params):
    first, plain = (make(batch_size=200, batch_norm=b, **params).fit(X).loss_curve_ for b in (True, False))
    assert_allclose(first[0], plain[0], rtol=1e-9)
    assert abs(first[-1] - plain[-1]) > 1e-6 * plain[-1]


def test_a_single_row_is_normalised_by_the_running_statistics():
    gain, bias, mean, variance = rng.uniform(0.5, 2, (4, 6))
    before, a, standardised = (mean.copy(), variance.copy()), rng.normal(size=(1, 6)), np.empty((1, 6))
    z = (a - mean) / np.sqrt(variance + 1e-5)
    expected = gain * z + bias
    inverse, d_gain, d_bias = np.empty((3, 6))
    batch_norm.forward(a, standardised, gain, bias, mean, variance, inverse)
    assert_allclose(a, expected)
    assert_array_equal((mean, variance), before)
    delta = rng.normal(size=(1, 6))
    wanted = delta[0] * z[0], delta[0].copy(), delta * gain / np.sqrt(variance + 1e-5)
    batch_norm.backward(delta, standardised, inverse, gain, d_gain, d_bias)
    for got, want in zip((d_gain, d_bias, delta), wanted):
        assert_allclose(got, want)


@pytest.mark.parametrize("params", [{}, DEEP])
def test_a_stream_of_single_rows_learns_as_well_as_without(params):
    """There is no variance to measure, neither at the start nor later."""
    scores = {}
    for normalises in (False, True):
        sae = make(batch_norm=normalises, learning_rate_init=0.003, **params)
        for row in np.resize(X, (300, 10)):
            sae.partial_fit(row[None])
        scores[normalises] = sae.score(X)
    assert scores[False] > 0.2 and abs(scores[True] - scores[False]) < 0.1
    assert_array_equal(sae._network.parameters["enc0.norm_variance"], 1)


def test_a_resampled_unit_is_as_small_as_its_gain():
    sae = make(sparsity=None, batch_norm=True).fit(X)
    network, dead = sae._network, np.arange(16) < 3
    network.parameters.units.norm_gain[:] = np.where(dead, 1e-9, 2.0) * np.resize([1, -1], 16)
    optimizer = Adam(network.parameters.theta.size, network.dtype, sae.get_params())
    optimizer.first[:] = optimizer.second[:] = 1
    resample(network, optimizer, Rows(X), dead, np.random.RandomState(0))
    assert_allclose(network.parameters.units.norm_gain[dead], 2 * RESAMPLED_NORM)
    moments = optimizer.first[network.parameters.start["enc0.norm_gain"] :][:16]
    assert_array_equal(moments, ~dead)


# penalties of the weights


@pytest.mark.parametrize("params", [{}, {"hidden_layer_sizes": (5,)}, {"tied_weights": True}])
@pytest.mark.parametrize("l2, l1", [(0.5, 0.0), (0.0, 0.01)])
def test_penalties_alone_shrink_weights_step_by_step(l2, l1, params):
    """All rows are alike and reconstructed at once: nothing but the penalties has a gradient."""
    few = {"sparsity": None, "solver": "sgd", "momentum": 0, "learning_rate": "constant", "max_iter": 7, **params}
    same = np.zeros((20, 6))
    start = make(**few, learning_rate_init=STILL).fit(same)._network.parameters
    end = make(**few, learning_rate_init=0.1, weight_decay=l2, weight_l1=l1).fit(same)._network.parameters
    for name, weight in start.views.items():
        expected = weight.copy()
        if weight.ndim == 2:
            assert expected.any()
            for _ in range(7):
                expected -= 0.1 * (l2 * expected + l1 * np.sign(expected))
        assert_allclose(end[name], expected, atol=1e-12)


def test_weight_decay_passes_through_adam():
    """It is part of the objective: where nothing else has a gradient, each step of Adam has its length."""
    few = {"sparsity": None, "learning_rate": "constant", "max_iter": 5}
    same = np.zeros((20, 6))
    start = flattened(make(**few, learning_rate_init=STILL).fit(same))
    end = flattened(make(**few, learning_rate_init=1e-6, weight_decay=0.1).fit(same))
    large = abs(start) > 1e-3
    assert large.sum() > 100
    assert_allclose((start - end)[large], 5e-6 * np.sign(start[large]), rtol=1e-3)


# noise on the input


def test_masked_share_and_value():
    x, fill = np.full((300, 40), -1.0), np.arange(40.0)
    mask_inputs(x[:100], fill, np.array([3]), 0, 0.3)
    mask_inputs(x[100:], fill, np.array([3]), 100, 0.3)
    hidden = x != -1
    assert_array_equal(x, np.where(hidden, fill, -1))
    assert_allclose(hidden.mean(), 0.3, atol=0.02)
    whole = np.full((300, 40), -1.0)
    mask_inputs(whole, fill, np.array([3]), 0, 0.3)
    assert_array_equal(whole, x)
    mask_inputs(whole, fill, np.array([3]), 0, 1.0)
    assert_array_equal(whole, np.broadcast_to(fill, whole.shape))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gaussian_noise_spares_missing_values(dtype):
    target = np.where(rng.random((300, 40)) < 0.2, np.nan, 1.0).astype(dtype)
    x = np.zeros_like(target)
    add_gaussian(x, target, np.array([3]), 0, 0.7)
    seen = ~np.isnan(target)
    assert not x[~seen].any()
    assert_allclose([x[seen].mean(), x[seen].std()], [0, 0.7], atol=0.03)
    again, other = np.zeros_like(x), np.zeros_like(x)
    add_gaussian(again, target, np.array([3]), 0, 0.7)
    add_gaussian(other, target, np.array([3]), 64, 0.7)
    assert_array_equal(again, x)
    assert abs(np.corrcoef(x[seen], other[seen])[0, 1]) < 0.05


@pytest.mark.filterwarnings("ignore:output_activation='sigmoid' gives values from 0 to 1")
@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("corruption, level", [("gaussian", 0.8), ("masking", 0.4)])
@pytest.mark.parametrize("output", ["identity", "sigmoid"])
def test_corruption_of_the_input_against_the_clean_target(output, corruption, level, scale):
    """The losses have the mean that noise of another generator, in the documented units, leads to."""
    noise = {"corruption": corruption, "corruption_level": level}
    sae = stand_still(noise, activation="identity", scale=scale, output_activation=output)
    model, P = plain_model(sae)
    size = level * np.sqrt(X.var(axis=0).mean()) if scale and output == "identity" else level
    target, losses = (X - sae.mean_) / sae.scale_ if output == "identity" else X, []
    for _ in range(200):
        noisy = X + size * rng.standard_normal(X.shape)
        if corruption == "masking":
            noisy = np.where(rng.random(X.shape) < level, X.mean(axis=0), X)
        losses.append(naive.objective(model, P, P, (noisy - sae.mean_) / sae.scale_, target))
    error = assert_same_distribution(sae.loss_curve_, losses)
    assert np.mean(losses) > naive.objective(model, P, P, (X - sae.mean_) / sae.scale_, target) + 20 * error


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("level, share", [(0.3, 0.6), (0.0, 0.5), (0.3, 1.0), (1.0, 1.0)])
def test_visible_values_that_do_not_count(level, share, dtype):
    """All that is masked counts, and of the rest all but a share, whatever the tiles."""
    x, target = np.ones((400, 50), dtype), np.ones((400, 50), dtype)
    target[0] = np.nan
    for lo, hi in (0, 100), (100, 400):
        mask_inputs(x[lo:hi], np.zeros(50, dtype), np.array([3]), lo, level)
        leave_out_visible(target[lo:hi], np.array([3]), lo, level, share)
    assert np.isnan(target[0]).all()
    masked, counts = x[1:] == 0, ~np.isnan(target[1:])
    assert counts[masked].all()
    if not masked.all():
        assert_allclose(counts[~masked].mean(), 1 - share, atol=0.02 if share < 1 else 0)


@pytest.mark.parametrize("emphasis", [0.7, 1.0])
def test_the_loss_of_masked_values_and_of_a_share_of_the_others(emphasis):
    noise = {"corruption": "masking", "corruption_level": 0.4, "corruption_emphasis": emphasis}
    sae = stand_still(noise)
    model, P = plain_model(sae)
    losses = []
    for _ in range(200):
        masked, left_out = rng.random(X.shape) < 0.4, rng.random(X.shape) < emphasis
        noisy = (np.where(masked, X.mean(axis=0), X) - sae.mean_) / sae.scale_
        target = np.where(left_out & ~masked, np.nan, (X - sae.mean_) / sae.scale_)
        losses.append(naive.objective(model, P, P, noisy, target))
    assert_same_distribution(sae.loss_curve_, losses)


@pytest.mark.parametrize("params", [{"corruption": "gaussian"}, {"corruption": "masking", "batch_norm": True}, DEEP])
def test_units_of_the_data_do_not_matter(params):
    codes = make(dropout=0.1, **params).fit(X).transform(X)
    for factor in (1e3, 1e-4):
        assert_allclose(make(dropout=0.1, **params).fit(factor * X).transform(factor * X), codes, atol=1e-6)


@pytest.mark.parametrize("corruption", ["gaussian", "masking"])
def test_a_denoising_autoencoder_undoes_noise(corruption):
    generator = np.random.default_rng(1)
    data = generator.normal(size=(8, 20))[generator.integers(8, size=900)] + 0.1 * generator.normal(size=(900, 20))
    train, clean = data[:600], data[600:]
    noisy = clean + 0.5 * data.std() * generator.normal(size=clean.shape)
    if corruption == "masking":
        noisy = np.where(generator.random(clean.shape) < 0.5, train.mean(axis=0), clean)

    def error(**params):
        sae = make(sparsity=None, n_components=32, max_iter=60, **params).fit(train)
        return np.square(sae.inverse_transform(sae.transform(noisy)) - clean).mean()

    assert error(corruption=corruption) < 0.6 * error()


# going on


@pytest.mark.parametrize(
    "params", [{"dropout": 0.3}, {"batch_norm": True}, {"corruption": "gaussian"}, {"corruption": "masking"}]
)
@pytest.mark.parametrize("layers", [{}, DEEP])
def test_an_unpickled_estimator_goes_on_with_the_same_noise(params, layers):
    sae = make(**params, **layers).partial_fit(X)
    again = pickle.loads(pickle.dumps(sae))
    for each in (sae, again):
        each.partial_fit(X).partial_fit(X[:33]).partial_fit(X[:1])
    assert_array_equal(flattened(sae), flattened(again))
    assert (flattened(sae) != flattened(make(**params, **layers).fit(X))).any()
