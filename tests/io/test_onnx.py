"""ONNX models compute what the estimator computes: run by onnxruntime, over rules, types and options."""

import json
import os

import numpy as np
import onnx
import onnxruntime
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import skl_sae.sparsity as rules
from skl_sae import SparseAutoencoder, SparseAutoencoderImputer, __version__
from skl_sae._model.activations import ACTIVATIONS
from skl_sae.coding import SparseRecoveryAutoencoder
from skl_sae.compression import prune, quantize
from skl_sae.io import _onnx_graph, _onnx_rules, to_onnx
from skl_sae.sparsity import RULES, BaseSparsity, TopK

TOLERANCE = 1e-5
N_FEATURES = 12
BOTH = "transform", "reconstruct"


class Priced(BaseSparsity):
    """A rule of a user that leaves the code as it is, and charges for it."""

    def penalty(self, codes, p, g, step):
        codes[0].grad += 0.01 * step.weight
        return 0.01 * step.weight * float(codes[0].values.sum())


OF_RULES = {
    "none": {"sparsity": None},
    "none_tanh": {"sparsity": None, "activation": "tanh"},
    "l1": {"sparsity": "l1"},
    "l1_target": {"sparsity": rules.L1(target_l0=4)},
    "kl_sigmoid": {"sparsity": "kl"},
    "kl_tanh": {"sparsity": "kl", "activation": "tanh"},
    "topk": {"sparsity": TopK(3, transform_k=7)},
    "topk_all": {"sparsity": TopK(1.0)},
    "topk_sigmoid": {"sparsity": TopK(3), "activation": "sigmoid"},
    "topk_identity": {"sparsity": TopK(3), "activation": "identity"},
    "abs_topk": {"sparsity": rules.AbsTopK(3, transform_k=5)},
    "abs_topk_tanh": {"sparsity": rules.AbsTopK(3), "activation": "tanh"},
    "batch_topk": {"sparsity": rules.BatchTopK(3)},
    "batch_topk_identity": {"sparsity": rules.BatchTopK(3), "activation": "identity"},
    "lifetime_topk": {"sparsity": "lifetime_topk"},
    "jumprelu": {"sparsity": "jumprelu"},
    "jumprelu_target": {"sparsity": rules.JumpReLU(target_l0=4)},
    "gated": {"sparsity": "gated"},
    "gated_target": {"sparsity": rules.Gated(target_l0=4)},
    "matryoshka": {"sparsity": "matryoshka"},
    "matryoshka_topk": {"sparsity": rules.Matryoshka(TopK(3, transform_k=7))},
    "matryoshka_jumprelu": {"sparsity": rules.Matryoshka("jumprelu")},
    "matryoshka_gated": {"sparsity": rules.Matryoshka("gated")},
    "inherited_encode": {"sparsity": Priced()},
}
OPTIONS = {
    "hidden_layers": {"hidden_layer_sizes": (10, 14), "decoder_layer_sizes": (9,), "hidden_activation": "tanh"},
    "tied": {"tied_weights": True, "hidden_layer_sizes": (10,)},
    "batch_norm": {"batch_norm": True, "hidden_layer_sizes": (10,)},
    "batch_norm_tied_gated": {"batch_norm": True, "tied_weights": True, "sparsity": "gated"},
    "skip": {"skip": True},
    "skip_hidden_relu": {"skip": True, "hidden_layer_sizes": (10,), "output_activation": "relu"},
    "sigmoid_output": {"output_activation": "sigmoid", "loss": "binary_cross_entropy"},
    "tanh_output": {"output_activation": "tanh"},
    "not_scaled": {"scale": False},
    "scaled_in_total": {"scale": "total"},
    "scaled_by_features": {"scale": "features"},
}


def data(dtype=np.float64, missing=False, seed=0):
    """Rows of one kind. Thresholds may lie on rows that a model was fitted on, so others are looked at."""
    rng, atoms = np.random.default_rng(seed), np.random.default_rng(0).random((4, N_FEATURES))
    X = rng.random((60, 4)) @ atoms / 4 + 0.02 * rng.random((60, N_FEATURES))
    if missing:
        X[rng.random(X.shape) < 0.1] = np.nan
    return X.astype(dtype)


def fitted(X, **params):
    params = {"n_components": 16, "max_iter": 3, "batch_size": 16, "random_state": 0, **params}
    return SparseAutoencoder(**params).fit(X)


def run(model, X):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: X})


def assert_close(got, expected):
    assert got.dtype == expected.dtype and got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=TOLERANCE, atol=TOLERANCE * np.abs(expected).max())


def clear_rows(sae, X):
    """Rows in which no unit is within rounding of being active, or no longer."""
    rng, support = np.random.default_rng(1), np.sign(sae.transform(X))
    clear = np.ones(len(X), bool)
    for _ in range(6):
        noise = 1 + 2e-6 * rng.standard_normal(X.shape)
        clear &= (np.sign(sae.transform((X * noise).astype(X.dtype))) == support).all(axis=1)
    assert clear.mean() > 0.7
    return clear


def assert_computes_the_same(sae, X):
    X = X[clear_rows(sae, X)]
    codes, reconstruction = run(to_onnx(sae, methods=BOTH), X)
    assert_close(codes, sae.transform(X))
    assert_close(reconstruction, sae.reconstruct(X))
    if not sae.skip:
        assert_close(*run(to_onnx(sae, methods="inverse_transform"), codes), sae.inverse_transform(codes))


pytestmark = pytest.mark.filterwarnings("ignore:.*dead:UserWarning", "ignore:.*active units:UserWarning")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", OF_RULES)
def test_rules(case, dtype):
    sae, X = fitted(data(dtype), **OF_RULES[case]), data(dtype, seed=1)
    assert np.count_nonzero(sae.transform(X)) > len(X)
    assert_computes_the_same(sae, X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", OPTIONS)
def test_options(case, dtype):
    assert_computes_the_same(fitted(data(dtype), **OPTIONS[case]), data(dtype, seed=1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("far", [0, 1e3])
def test_missing_values_are_filled(dtype, far):
    X, more = (data(dtype, missing=True, seed=seed) + dtype(far) for seed in range(2))
    more[0] = np.nan
    assert_computes_the_same(fitted(X, scale="features"), more)


def test_every_rule_and_activation_has_its_operations():
    covered = {
        type(params["sparsity"]) if not isinstance(params["sparsity"], str) else RULES[params["sparsity"]]
        for params in OF_RULES.values()
    }
    assert set(RULES.values()) <= covered
    assert set(_onnx_rules.ACTIVATIONS) == set(ACTIVATIONS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_units", [16, 700])
@pytest.mark.parametrize("rule", [TopK, rules.AbsTopK])
def test_ties_go_to_the_lower_index(rule, n_units, dtype):
    """Pre-activations that are small integers, computed without rounding."""
    for k in (1, 2, 5, n_units // 2):
        sae = fitted(data(dtype), sparsity=rule(k), n_components=n_units, scale=False, max_iter=1)
        network, rng = sae._network, np.random.default_rng(k)
        p, d = network.parameters, N_FEATURES
        p.theta[:] = rng.integers(-2, 3, p.theta.size)
        network.scaling.offset = np.zeros(d, dtype)
        X = rng.integers(0, 3, (20, d)).astype(dtype)
        codes, reconstruction = run(to_onnx(sae, methods=BOTH), X)
        np.testing.assert_array_equal(codes, sae.transform(X))
        np.testing.assert_array_equal(reconstruction, sae.reconstruct(X))


@pytest.mark.parametrize("n_rows", [1, 2, 1000])
def test_any_number_of_rows(n_rows):
    sae = fitted(data())
    X = np.resize(data(seed=1), (n_rows, N_FEATURES))
    assert_computes_the_same(sae, X)


@pytest.mark.parametrize("smaller", [lambda sae: prune(sae, 0.7).sparsify(), lambda sae: quantize(sae, bits=8)])
def test_weights_that_are_stored_sparse_or_in_few_bits(smaller):
    assert_computes_the_same(smaller(fitted(data(np.float32))), data(np.float32, seed=1))


def test_the_model_says_what_it_is():
    pd = pytest.importorskip("pandas")
    names = [f"band {i}" for i in range(N_FEATURES)]
    sae = fitted(pd.DataFrame(data(np.float32), columns=names), sparsity=TopK(3, transform_k=7))
    model = to_onnx(sae, methods=BOTH)
    properties = {each.key: each.value for each in model.metadata_props}
    assert properties["skl_sae_version"] == __version__ == model.producer_version
    assert json.loads(properties["feature_names"]) == names
    assert json.loads(properties["methods"]) == list(BOTH)
    assert properties["sparsity"] == "TopK(k=3, transform_k=7)"
    assert [each.version for each in model.opset_import] == [_onnx_graph.OPSET]
    (x,), (codes, reconstruction) = model.graph.input, model.graph.output
    assert (x.name, codes.name, reconstruction.name) == ("X", "codes", "reconstruction")
    for value, width in (x, N_FEATURES), (codes, 16), (reconstruction, N_FEATURES):
        rows, columns = value.type.tensor_type.shape.dim
        assert rows.dim_param == "n_samples" and columns.dim_value == width
        assert value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT


def test_what_is_shared_is_there_once():
    """One encoder for both outputs, and one matrix of tied weights."""
    model = to_onnx(fitted(data(), tied_weights=True), methods=BOTH)
    assert sorted(array.name for array in model.graph.initializer if len(array.dims) == 2) == ["enc0.weight"]
    assert [node.op_type for node in model.graph.node].count("TopK") == 1


def test_it_is_saved_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "sae.onnx"
    sae = fitted(data())
    model = to_onnx(sae, path)
    assert onnx.load(path) == model
    before = path.read_bytes()

    def fail(*args):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        to_onnx(sae, str(path), methods="reconstruct")
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


class Halved(TopK):
    """A rule of a user."""

    def encode(self, a, p, step):
        (code,) = super().encode(a, p, step)
        code.values /= 2
        return [code]


class Shifted(SparseAutoencoder):
    """An estimator of a user."""

    def transform(self, X):
        return super().transform(X) + 1


def test_a_rule_with_its_own_encode_is_refused_by_name():
    for rule in Halved(3), rules.Matryoshka(Halved(3)):
        with pytest.raises(ValueError, match="got Halved, which has an `encode` of its own"):
            to_onnx(fitted(data(), sparsity=rule))


def test_a_row_makes_it_known(monkeypatch):
    def halved(graph, a, rule, p, activation):
        largest = _onnx_rules.ENCODERS[TopK.encode](graph, a, rule, p, activation)
        return graph.add("Mul", largest, graph.number(0.5, "half"))

    monkeypatch.setitem(_onnx_rules.ENCODERS, Halved.encode, halved)
    assert_computes_the_same(fitted(data(), sparsity=Halved(3)), data(seed=1))


@pytest.mark.parametrize("methods", ["encode", (), ("transform", "transform"), ("transform", "inverse_transform")])
def test_methods_are_checked(methods):
    with pytest.raises(ValueError, match="Got methods="):
        to_onnx(fitted(data()), methods=methods)


def test_other_objects_are_refused_by_name():
    X = data()
    with pytest.raises(TypeError, match="got SparseAutoencoderImputer"):
        to_onnx(SparseAutoencoderImputer())
    with pytest.raises(NotFittedError):
        to_onnx(SparseAutoencoder())
    recovery = SparseRecoveryAutoencoder(n_components=16, max_iter=1, random_state=0).fit(X)
    with pytest.raises(ValueError, match="got a SparseRecoveryAutoencoder"):
        to_onnx(recovery)
    shifted = Shifted(16, max_iter=1, random_state=0).fit(X)
    with pytest.raises(ValueError, match="Shifted has a transform of its own"):
        to_onnx(shifted)
    assert len(to_onnx(shifted, methods="reconstruct").graph.output) == 1
    with pytest.raises(AttributeError):
        to_onnx(fitted(X, skip=True), methods="inverse_transform")


def test_an_activation_without_an_operator_is_refused_by_name(monkeypatch):
    monkeypatch.delitem(_onnx_rules.ACTIVATIONS, "tanh")
    with pytest.raises(ValueError, match="got 'tanh'"):
        to_onnx(fitted(data(), **OF_RULES["kl_tanh"]))


def test_weights_that_no_file_can_hold_are_refused(monkeypatch):
    sae = fitted(data())
    monkeypatch.setattr(_onnx_graph, "LARGEST_FILE", _onnx_graph.OF_NODES + 1000)
    with pytest.raises(ValueError, match="holds 2 GB"):
        to_onnx(sae)


def test_the_error_without_onnx_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ImportError, match=r"skl-sae\[onnx\]"):
        to_onnx(fitted(data()))


def test_the_estimator_stays_as_it_is():
    sae = fitted(data(), batch_norm=True)
    before = sae._network.parameters.theta.copy()
    to_onnx(sae, methods=BOTH)
    np.testing.assert_array_equal(sae._network.parameters.theta, before)
    assert isinstance(clone(sae).sparsity, str) and isinstance(sae.sparsity_, BaseSparsity)
