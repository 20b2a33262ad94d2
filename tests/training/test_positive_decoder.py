"""`positive_decoder`: no weight of the decoder is ever negative, and units only add."""

import naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.decomposition import NMF

from skl_sae import SparseAutoencoder
from skl_sae._model import positive
from skl_sae._model.rows import Rows
from skl_sae._training.dead_units import resample
from skl_sae._training.optimizers import Adam
from skl_sae.compression import prune, quantize
from skl_sae.ensemble import ConsensusAutoencoder
from skl_sae.inspection import describe_units
from skl_sae.io import load, save
from skl_sae.sparsity import L1, RULES, Matryoshka, TopK
from skl_sae.transfer import SparseTransfer

rng = np.random.default_rng(0)
PARTS = np.where(rng.random((6, 12)) < 0.4, rng.random((6, 12)), 0)
X = (rng.random((240, 6)) < 0.4) * rng.gamma(2, size=(240, 6)) @ PARTS + 0.02 * rng.standard_normal((240, 12))
MISSING = np.where(rng.random(X.shape) < 0.1, np.nan, X)
FEW = sparse.csr_array(np.where(rng.random((240, 12)) < 0.3, X, 0))
REFUSED = "positive_decoder=True needs a start without negative weights"

pytestmark = pytest.mark.filterwarnings("ignore:.*of the units did not fire")


def make(**params):
    defaults = {"n_components": 10, "positive_decoder": True, "batch_size": 32, "max_iter": 3, "random_state": 0}
    return SparseAutoencoder(**{**defaults, **params})


def decoder(sae):
    return sae.coefs_[sae._network.architecture.encoder_depth :]


def least(sae):
    return min(float(weights.min()) for weights in decoder(sae))


def at_the_start(sae, X):
    """The network before its first step."""
    return sae._build(sae, sae._read(sae, X, reset=True), np.random.RandomState(0)).network


KINDS = {
    "dense": ({}, X),
    "missing": ({}, MISSING),
    "sparse": ({}, FEW),
    "tied": ({"tied_weights": True}, X),
    "deep": ({"hidden_layer_sizes": (9,), "decoder_layer_sizes": (8, 7)}, X),
    "deep tied": ({"hidden_layer_sizes": (9,), "tied_weights": True, "batch_norm": True}, X),
    "features": ({"scale": "features", "weight_l1": 1e-3, "weight_decay": 1e-3}, X * np.logspace(-3, 3, 12)),
    "layers": ({"hidden_layer_sizes": (9,), "pretrain": "layerwise", "pretrain_max_iter": 2}, X),
    "sgd": ({"solver": "sgd", "dropout": 0.2, "skip": True}, X),
}
OF_ALL_RULES = {"dense", "missing", "sparse", "tied", "deep"}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "rule, kind",
    [(rule, kind) for kind in KINDS for rule in [*RULES, None] if kind in OF_ALL_RULES or rule in ("topk", "l1")],
)
def test_no_weight_is_negative(rule, kind, dtype):
    params, data = KINDS[kind]
    sae = make(sparsity=rule, **params).fit(data.astype(dtype))
    assert least(sae) >= 0 and least(sae.partial_fit(data.astype(dtype))) >= 0
    assert np.isfinite(sae.score(data.astype(dtype)))
    assert all(weights.any() for weights in decoder(sae))
    if len(decoder(sae)) == 1:
        assert_array_equal(sae.components_, decoder(sae)[0])
    if kind == "dense" and rule == "topk":
        assert sae.set_params(positive_decoder=False).fit(data.astype(dtype)).components_.min() < -1e-3


@pytest.mark.parametrize("hidden", ["relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("output", ["identity", "sigmoid", "relu"])
@pytest.mark.parametrize("layers", [(), (8,), (8, 7)])
@pytest.mark.filterwarnings("ignore:output_activation='(tanh|relu)' gives values")
def test_a_unit_only_adds(layers, output, hidden):
    """In the units of X, whatever is between the code and X."""
    data = np.clip(X / X.max(), 0, 1) * np.linspace(0.1, 1, 12)
    sae = make(decoder_layer_sizes=layers, output_activation=output, hidden_activation=hidden, scale="features")
    codes = sae.fit(data).transform(data)
    more = codes + rng.gamma(1, size=codes.shape) * (rng.random(codes.shape) < 0.3)
    added = sae.inverse_transform(more) - sae.inverse_transform(codes)
    assert added.min() > -1e-12 and added.max() > 1e-3


def test_a_negative_code_takes_away():
    sae = make(sparsity="abs_topk", max_iter=20).fit(X)
    codes = sae.transform(X)
    assert codes.min() < 0 <= sae.components_.min()
    assert_allclose(sae.inverse_transform(codes), codes @ sae.components_ + sae.intercept_)


# steps


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_steps_are_those_of_plain_numpy(solver):
    """A linear decoder behind relu: gradients by hand, the optimizer's step, and what is negative becomes zero."""
    settings = {"sparsity": None, "scale": False, "solver": solver, "learning_rate": "constant", "shuffle": False}
    sae = make(**settings, learning_rate_init=0.05, batch_size=240, max_iter=4, tol=0)
    start = at_the_start(sae, X).parameters
    names = ["enc0.weight", "enc0.bias", "dec0.weight", "dec0.bias"]
    theta, states = {name: start[name].copy() for name in names}, {name: {} for name in names}
    x, n_cut = X - X.mean(axis=0), 0
    for _ in range(4):
        encoder, bias, atoms, intercept = theta.values()
        a = x @ encoder.T + bias
        codes = np.maximum(a, 0)
        error = 2 / len(x) * (codes @ atoms + intercept - x)
        delta = (error @ atoms.T) * (a > 0)
        gradients = [delta.T @ x, delta.sum(axis=0), codes.T @ error, error.sum(axis=0)]
        for name, gradient in zip(names, gradients, strict=True):
            theta[name] = naive.OPTIMIZERS[solver](theta[name], gradient, states[name], 0.05, vars(sae))
        n_cut += np.count_nonzero(theta["dec0.weight"] < 0)
        theta["dec0.weight"] = np.maximum(theta["dec0.weight"], 0)
    sae.fit(X)
    assert n_cut > 50
    for name in names:
        assert_allclose(sae._network.parameters[name], theta[name], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rule", [*RULES, None])
@pytest.mark.parametrize("params", [{}, {"hidden_layer_sizes": (9,)}, {"tied_weights": True}], ids=str)
def test_a_step_is_the_free_one_and_the_projection(rule, params):
    start = make(sparsity=rule, **params).fit(X)
    options = {"sparsity": rule, "init": start, "batch_size": 240, "learning_rate_init": 0.03, **params}
    bounded, free = (make(positive_decoder=each, **options).partial_fit(X)._network for each in (True, False))
    p, q = bounded.parameters, free.parameters
    assert min(q[name].min() for name in q.decoder_names) < 0
    for name in q.decoder_names:
        np.maximum(q[name], 0, out=q[name])
    if free.unit_norm:
        q.units.decoder /= np.linalg.norm(q.units.decoder, axis=1, keepdims=True)
        assert_allclose(p.theta, q.theta, rtol=1e-12, atol=1e-15)
    else:
        assert_array_equal(p.theta, q.theta)


@pytest.mark.parametrize(
    "params",
    [{"sparsity": None}, {"sparsity": L1(0.05, norm_aware=True)}, {"sparsity": L1(0.05)}, {"decoder_layer_sizes": 8}],
    ids=str,
)
def test_small_steps_descend(params):
    """Projected gradient descent: no step of all rows makes the objective larger, with bounds that are met."""
    plain = {"solver": "sgd", "momentum": 0.0, "learning_rate": "constant", "shuffle": False, "tol": 0}
    sae = make(**{"sparsity": None, **params}, **plain, learning_rate_init=0.01, batch_size=240, max_iter=300).fit(X)
    assert np.diff(sae.loss_curve_).max() <= 0 and sae.loss_ < 0.95 * sae.loss_curve_[0]
    assert 0.1 < (decoder(sae)[-1] == 0).mean() < 0.95


def test_parts_are_found():
    """Data that is made of parts: the components are these, where free ones are mixtures."""
    sae = make(n_components=6, sparsity=L1(0.05), max_iter=300).fit(X)
    cosines = PARTS @ sae.components_.T
    cosines /= np.outer(np.linalg.norm(PARTS, axis=1), np.linalg.norm(sae.components_, axis=1))
    assert np.median(cosines.max(axis=1)) > 0.95


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_projection_to_the_bit(dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    special = np.array([-0.0, 0.0, tiny, -tiny, 1.5, -1.5, np.inf, -np.inf, np.nan] * 5, dtype)
    for weights in (special.copy(), np.tile(special, (4, 1)).copy(), np.tile(special, (4, 2))[::2, 3:50]):
        expected = np.where(weights < 0, dtype(0), weights)
        positive.project(weights)
        assert weights.tobytes() == expected.tobytes()


# starts


@pytest.mark.parametrize("rule", ["topk", "l1", "kl"])
@pytest.mark.parametrize("width", [1, 2, 12])
@pytest.mark.parametrize(
    "layers", [{}, {"tied_weights": True}, {"decoder_layer_sizes": 1}, {"decoder_layer_sizes": (6, 20)}], ids=str
)
def test_a_start_has_no_negative_weight_and_units_that_read_also_write(layers, width, rule):
    network = at_the_start(make(n_components=40, sparsity=rule, **layers), X[:, :width])
    p = network.parameters
    assert min(p[name].min() for name in p.decoder_names) >= 0
    reads, writes = p.units.encoder.any(axis=1), p.units.decoder.any(axis=1)
    assert writes[reads].all() and reads.any()
    assert width == 1 or reads.all()  # a row and its noise may cancel
    if not network.architecture.tied and width > 1:
        assert p.units.encoder.min() < 0
    if network.unit_norm:
        assert_allclose(np.linalg.norm(p.units.decoder[writes], axis=1), 1)


@pytest.mark.parametrize("tied", [False, True])
def test_components_that_are_given(tied):
    given = NMF(10, random_state=0, max_iter=1000, tol=1e-3).fit(np.maximum(X, 0))
    given.components_[3] = 0  # starts as ever
    network = at_the_start(make(init=given, tied_weights=tied), X)
    made, kept = network.coefs()[-1], np.arange(10) != 3
    factor = np.linalg.norm(made[kept]) / np.linalg.norm(given.components_)
    assert_allclose(made[kept], factor * given.components_[kept])
    assert made[3].any() and made.min() >= 0
    assert make(init=given, max_iter=20).fit(X).score(X) > make().fit(X).score(X)


def test_a_model_gives_all_it_has_to_a_free_one_and_back():
    bounded = make().fit(X)
    for each in (make(positive_decoder=False, init=bounded), make(init=bounded)):
        assert_allclose(at_the_start(each, X).parameters.theta, bounded._network.parameters.theta, rtol=1e-12)


@pytest.mark.parametrize("kind", ["array", "model", "other layers", "chunks", "warm", "loaded"])
def test_a_start_with_negative_weights_is_refused(kind, tmp_path):
    free = make(positive_decoder=False, warm_start=kind == "warm").fit(X)
    before = free.transform(X)
    if kind in ("chunks", "warm", "loaded"):
        save(free, tmp_path)
        sae = (load(tmp_path) if kind == "loaded" else free).set_params(positive_decoder=True)
        with pytest.raises(ValueError, match=REFUSED):
            (sae.fit if kind == "warm" else sae.partial_fit)(X)
        assert_array_equal(sae.transform(X), before)
        return
    init, rule = (free if kind != "array" else free.components_), "l1" if kind == "other layers" else "topk"
    with pytest.raises(ValueError, match=REFUSED):
        make(sparsity=rule, init=init).fit(X)
    assert least(make(sparsity=rule, init=np.maximum(free.components_, 0)).fit(X)) >= 0


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("width", [1, 12])
def test_units_that_start_anew(width, tied):
    sae = make(tied_weights=tied).fit(X[:, :width])
    network, dead = sae._network.copy(), np.arange(10) % 2 == 0
    network.parameters.units.decoder[dead] = 0
    theta = network.parameters.theta
    resample(network, Adam(theta.size, theta.dtype, vars(sae)), Rows(X[:, :width]), dead, np.random.RandomState(0))
    units = network.parameters.units
    assert units.decoder.min() >= 0 and units.decoder[dead].any(axis=1).all()
    assert tied or width == 1 or units.encoder[dead].min() < 0
    again = make(tied_weights=tied, n_components=40, sparsity=TopK(1), dead_units="resample", max_iter=12)
    assert least(again.fit(X[:, :width])) >= 0


# what goes on with a model


def test_entries_that_stay():
    source = make(max_iter=20).fit(X)
    frozen = SparseTransfer(source, mode="finetune", freeze="decoder", random_state=0).fit(X * 2 + 1).estimator_
    assert_array_equal(frozen.components_, source.components_)
    pulled = SparseTransfer(source, mode="finetune", l2_sp=0.1, random_state=0).partial_fit(X * 2).estimator_
    assert least(pulled) >= 0
    for tied in (False, True):
        source = make(tied_weights=tied, max_iter=20).fit(X)
        wide = SparseTransfer(source, mode="extend", n_new_components=5, random_state=0).fit(X[:, ::-1]).estimator_
        assert_array_equal(wide.components_[:10], source.components_)
        assert wide.components_.min() == 0 and wide.components_[10:].any(axis=1).all()
    small = prune(source, 0.6, drop_dead=False)
    zero = small._network.restraint.fixed.copy()
    small.partial_fit(X)
    assert least(small) >= 0 and not small._network.parameters.theta[zero].any()
    for each in (small.sparsify(), quantize(source, 8)):
        assert each.components_.min() >= 0


def test_a_frozen_weight_that_is_negative_is_a_conflict():
    source = make(positive_decoder=False).fit(X).set_params(positive_decoder=True)
    for options in ({"mode": "finetune", "freeze": "decoder"}, {"mode": "extend"}):
        with pytest.raises(ValueError, match=REFUSED):
            SparseTransfer(source, random_state=0, **options).fit(X)


def test_units_that_several_fits_share():
    consensus = ConsensusAutoencoder(make(max_iter=20), n_fits=3, random_state=0).fit(X)
    assert consensus.components_.min() >= 0 and all(least(each) >= 0 for each in consensus.estimators_)


@pytest.mark.parametrize("rule", ["topk", "l1", L1(0.1, norm_aware=True), "jumprelu", "gated", Matryoshka("topk")])
def test_units_without_any_weight(rule):
    """As a penalty, or the projection, may leave them."""
    sae = make(sparsity=rule, warm_start=True).fit(X)
    for network in (sae._network, sae._training.network):
        if network is not None:
            network.parameters.units.decoder[:4] = 0
    sae.partial_fit(X)
    assert np.isfinite(sae._network.parameters.theta).all() and np.isfinite(sae.score(X))
    sae._network.parameters.units.decoder[:4] = 0
    assert len(describe_units(sae, X)) == 10
    bare = make(sparsity=rule, weight_l1=100.0, learning_rate_init=0.1).fit(X)
    assert np.isfinite(bare.score(X)) and least(bare) == 0


def test_a_file_keeps_it(tmp_path):
    sae = make(warm_start=True).fit(X)
    save(sae, tmp_path)
    other = load(tmp_path)
    assert other.positive_decoder and other._network.architecture.positive_decoder
    assert_array_equal(other.partial_fit(X).components_, sae.partial_fit(X).components_)
    assert least(other) >= 0
