"""The record of plain arrays: from an estimator and back, whatever scales and options the estimator has."""

from pathlib import Path

import numpy as np
import pytest
from exchange_files import N_FEATURES, N_UNITS, assert_computes, data, weights
from sklearn.datasets import load_digits

from skl_sae import SparseAutoencoder
from skl_sae.coding import SparseRecoveryAutoencoder
from skl_sae.io import ModelFileError
from skl_sae.io._plain import PlainSAE, from_estimator, to_estimator
from skl_sae.sparsity import L1, BatchTopK, JumpReLU, Matryoshka, TopK

X = load_digits(return_X_y=True)[0][:600]
RULES = {
    **{"topk": "topk", "abs_topk": "abstopk", "batch_topk": "jumprelu", "lifetime_topk": "standard", "l1": "standard"},
    **{"jumprelu": "jumprelu", "gated": "gated", "matryoshka": "jumprelu"},
}


def record(kind="jumprelu", **changes):
    """A record of random arrays."""
    t = weights(kind)
    own = {"threshold": "threshold", "r_mag": "gain", "b_mag": "magnitude_bias"}
    plain = PlainSAE(
        **{"kind": kind, "encoder": t["W_enc"].T, "decoder": t["W_dec"], "bias": t["b_dec"], "k": 4},
        **{"encoder_bias": t.get("b_enc", t.get("b_gate"))},
        **{name: t[theirs] for theirs, name in own.items() if theirs in t},
    )
    return plain._replace(**changes)


def unit_rows(plain):
    return plain._replace(decoder=plain.decoder / np.linalg.norm(plain.decoder, axis=1, keepdims=True))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", ["auto", "features", False])
@pytest.mark.parametrize("rule", RULES)
def test_there_and_back(rule, scale, dtype):
    """Also where means are large beside the spread, and features have units of their own."""
    rows = (X * (1 + np.arange(64) % 5) + 1000).astype(dtype)
    sae = SparseAutoencoder(16, sparsity=rule, scale=scale, max_iter=2, random_state=0).fit(rows)
    plain = from_estimator(sae, "x")
    assert plain.kind == RULES[rule] and plain.centred and not plain.tied and plain.skip is None
    other = to_estimator(plain._replace(**{name: getattr(plain, name).astype(dtype) for name in ARRAYS}), "here")
    tolerance = 2e-5 if dtype is np.float32 else 1e-12
    assert_computes(other, rows, sae.transform(rows), sae.reconstruct(rows), tolerance)
    assert other.components_.dtype == dtype


ARRAYS = "encoder", "encoder_bias", "decoder", "bias"


@pytest.mark.parametrize("rule", [None, L1(target_l0=4), Matryoshka(TopK(4)), Matryoshka(BatchTopK(4))])
@pytest.mark.parametrize("options", [{}, {"tied_weights": True}, {"skip": True}, {"batch_norm": True}])
def test_options_of_the_estimator(options, rule):
    sae = SparseAutoencoder(16, sparsity=rule, scale=False, max_iter=2, random_state=0, **options).fit(X)
    plain = from_estimator(sae, "x")
    assert plain.tied == ("tied_weights" in options) and (plain.skip is not None) == ("skip" in options)
    other = to_estimator(plain, "here")
    assert other.tied_weights == plain.tied
    assert_computes(other, X, sae.transform(X), sae.reconstruct(X), 1e-10)
    other.partial_fit(X[:100])


def test_sparse_weights():
    sae = SparseAutoencoder(16, sparsity=TopK(4), weight_l1=0.01, max_iter=2, random_state=0).fit(X)
    sae.sparsify()
    assert_computes(to_estimator(from_estimator(sae, "x"), "here"), X, sae.transform(X), sae.reconstruct(X), 1e-10)


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("with_skip", [True, False])
def test_what_a_record_computes(centred, with_skip):
    skip = 0.1 * np.random.default_rng(1).standard_normal((N_FEATURES, N_FEATURES)) if with_skip else None
    plain = record(centred=centred, skip=skip)
    a = (data() - plain.bias * centred) @ plain.encoder.T + plain.encoder_bias
    codes = a * (a > plain.threshold)
    sae = to_estimator(plain, "here")
    assert_computes(sae, data(), codes, codes @ plain.decoder + plain.bias + (data() @ skip if with_skip else 0))
    again = from_estimator(sae, "x")
    assert_computes(to_estimator(again, "here"), data(), codes, sae.reconstruct(data()))
    holes = data(5).copy()
    holes[:, 2] = np.nan  # the decoder's bias stands in for what is missing
    filled = np.where(np.isnan(holes), plain.bias, holes)
    np.testing.assert_allclose(sae.transform(holes), sae.transform(filled), atol=1e-5)


def test_what_a_record_cannot_say():
    plain = {"hidden layers": {"hidden_layer_sizes": (8,)}, "output_activation": {"output_activation": "sigmoid"}}
    plain |= {"tanh": {"activation": "tanh", "sparsity": None}, "identity": {"activation": "identity"}}
    for reason, options in plain.items():
        sae = SparseAutoencoder(6, max_iter=1, **options).fit(X / 16)
        with pytest.raises(ValueError, match=rf"(?s){reason}.*'skl_sae'"):
            from_estimator(sae, "x")
    atoms = np.random.default_rng(0).standard_normal((8, 64))
    recovery = SparseRecoveryAutoencoder(8, n_layers=1, dict_init=atoms, max_iter=1).fit(X)
    with pytest.raises(ValueError, match="SoftThreshold"):
        from_estimator(recovery, "x")
    with pytest.raises(AttributeError, match="before fit"):
        from_estimator(SparseAutoencoder(), "x")


@pytest.mark.parametrize(
    "changes",
    [
        *({name: np.zeros((3, 3), np.float32)} for name in ("encoder", "decoder", "skip")),
        *({name: np.zeros(3)} for name in ("encoder", "encoder_bias", "decoder", "bias", "threshold")),
        *({name: np.zeros(N_UNITS, int)} for name in ("encoder_bias", "threshold")),
        {"encoder": np.zeros((0, N_FEATURES)), "decoder": np.zeros((0, N_FEATURES))},
        {"encoder_bias": np.full(N_UNITS, 1e300)},  # infinite in float32
        {"bias": np.full(N_FEATURES, 1e39)},
        {"bias": np.full(N_FEATURES, np.nan), "centred": False},
        *({"kind": "topk", "k": k} for k in (None, 0, N_UNITS + 1, True, 2.0, "3")),
    ],
)
def test_wrong_records(changes):
    with pytest.raises(ModelFileError, match=r"^here"):
        to_estimator(record(**changes), Path("here"))


def test_types_of_sixteen_bits():
    plain = record("standard")
    narrow = plain._replace(**{name: getattr(plain, name).astype(np.float16) for name in ARRAYS})
    sae = to_estimator(narrow, "here")
    assert sae.components_.dtype == np.float32 and np.array_equal(sae.components_, narrow.decoder)


# training goes on


@pytest.mark.parametrize("kind", ["standard", "jumprelu", "gated"])
def test_norms_of_the_decoder_stay_what_they_are(kind):
    """At one, if they were; else they are free, also where parameters are changed before the training goes on."""
    for plain, kept in (unit_rows(record(kind)), True), (record(kind), False):
        sae = to_estimator(plain, "here").set_params(random_state=0)
        for options in {}, {"batch_size": 32}:
            before = np.linalg.norm(sae.components_, axis=1)
            sae.set_params(**options).partial_fit(data())
            after = np.linalg.norm(sae.components_, axis=1)
            np.testing.assert_allclose(after, before, rtol=0.3)
            assert np.allclose(after, 1, atol=1e-5) == kept


def test_the_penalty_follows_the_norms():
    """With free rows, the plain penalty would be escaped by small codes and large rows."""
    assert to_estimator(record("standard"), "here").sparsity.norm_aware
    assert not to_estimator(unit_rows(record("standard")), "here").sparsity.norm_aware


def test_steps_are_small_beside_the_weights():
    plain = record("standard")
    rate = to_estimator(plain, "here").learning_rate_init
    assert 0.001 < rate / 0.5 < 0.02
    small = plain._replace(encoder=plain.encoder / 1000)
    np.testing.assert_allclose(to_estimator(small, "here").learning_rate_init, rate / 1000, rtol=0.1)
    nothing = plain._replace(encoder=0 * plain.encoder)
    assert to_estimator(nothing, "here").learning_rate_init == "auto"


@pytest.mark.parametrize("threshold", [0, 1e-30, 0.05, 20, 1e6])
def test_thresholds_of_any_size_survive_the_first_chunk(threshold):
    """Also without units that are active: what the rule remembers of them is guessed from the thresholds."""
    plain = record(threshold=np.full(N_UNITS, threshold, np.float32))
    sae = to_estimator(plain, "here").set_params(sparsity=JumpReLU(), dead_units=None)
    np.testing.assert_allclose(sae.sparsity_.threshold_, threshold)
    sae.partial_fit(data(256))
    assert np.isfinite(sae.coefs_[0]).all()
    np.testing.assert_allclose(sae.sparsity_.threshold_, threshold, rtol=0.3, atol=0.02)


def test_a_mixture_of_thresholds_survives():
    threshold = np.where(np.arange(N_UNITS) % 2, 2.0, 0).astype(np.float32)
    sae = to_estimator(record(threshold=threshold), "here").set_params(dead_units=None)
    sae.partial_fit(data(256))
    np.testing.assert_allclose(sae.sparsity_.threshold_, threshold, rtol=0.2, atol=0.05)
