"""What is told of units, against twins that compute it by the definition."""

import naive_units as naive
import numpy as np
import pandas as pd
import pytest
from naive_units import Directions
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.decomposition import PCA, MiniBatchDictionaryLearning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skl_sae import SparseAutoencoder
from skl_sae.coding import KSVD
from skl_sae.inspection import _model
from skl_sae.inspection._units.facts import unit_facts
from skl_sae.inspection._units.lifts import class_lifts

RNG = np.random.default_rng(0)
X = RNG.standard_normal((90, 5)) + 0.2
Y = RNG.choice(["ant", "bee", "cow"], size=90)
SPARSE = np.where(RNG.random((90, 12)) < 0.3, RNG.random((90, 12)), 0.0)
MODELS = {
    "one sign": Directions(),
    "both signs": Directions(signed=True),
    "PCA": PCA(3),
    "PCA, whitened": PCA(3, whiten=True),
    "autoencoder": SparseAutoencoder(6, max_iter=20, random_state=0),
    "KSVD": KSVD(6, n_nonzero_coefs=2, max_iter=3, random_state=0),
    "dictionary": MiniBatchDictionaryLearning(6, max_iter=10, random_state=0),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    return MODELS[request.param].fit(X)


def close(a, b, tol=1e-6):
    assert_allclose(a, b, rtol=1e-4, atol=tol)


def test_how_often_and_how_much(model):
    facts, codes = unit_facts(model, X, n_top=4), model.transform(X)
    assert_array_equal(facts.density, (codes != 0).mean(axis=0))
    close(facts.typical_value, naive.typical(codes))
    active = np.maximum((codes != 0).sum(axis=0), 1)
    close(facts.positive_share, (codes > 0).sum(axis=0) / active)
    signs, _ = naive.sides(codes)
    for j, (rows, values) in enumerate(zip(facts.top_rows, facts.top_values)):
        aligned = codes[:, j] * signs[j]
        expected = [i for i in np.argsort(-aligned, kind="stable") if aligned[i] > 0][:4]
        close(values, aligned[expected])
        close(aligned[rows], aligned[expected])


def test_effects_and_shares(model):
    facts, codes = unit_facts(model, X), model.transform(X)
    zero = model.inverse_transform(np.zeros((1, codes.shape[1])))
    atoms = model.inverse_transform(np.eye(codes.shape[1])) - zero
    close(facts.amounts, atoms * naive.typical(codes)[:, None], 1e-5)
    close(facts.spreads, X.std(axis=0))
    weights = 1 / model.scale_ if isinstance(getattr(model, "scale_", None), np.ndarray) else 1.0
    shares = naive.explained_shares(X, codes, model.inverse_transform, weights)
    assert_allclose(facts.explained_share, shares, rtol=1e-3, atol=1e-4)
    for amounts, effects in zip(facts.amounts, facts.effects):
        order = np.argsort(-np.abs(amounts / X.std(axis=0)), kind="stable")
        assert [column for column, _ in effects] == [f"x{c}" for c in order if amounts[c]]
        assert_array_equal([amount for _, amount in effects], [amounts[c] for c in order if amounts[c]])


def test_neighbours(model):
    facts, codes = unit_facts(model, X, n_top=50), model.transform(X)
    _, on = naive.sides(codes)
    weights = 1 / model.scale_ if isinstance(getattr(model, "scale_", None), np.ndarray) else 1.0
    zero = model.inverse_transform(np.zeros((1, codes.shape[1])))
    atoms = (model.inverse_transform(np.eye(codes.shape[1])) - zero) * weights
    close(facts.redundancy, naive.redundancy(codes, atoms), 1e-5)
    for j, (nearest, coactive) in enumerate(zip(facts.nearest_units, facts.coactive_units)):
        for other, cosine in nearest:
            norms = np.linalg.norm(atoms[[j, other]], axis=1)
            assert cosine == pytest.approx(atoms[j] @ atoms[other] / norms.prod(), abs=1e-5)
        assert np.all(np.diff([abs(cosine) for _, cosine in nearest]) <= 0)
        assert j not in dict(nearest) and j not in dict(coactive)
        for other, phi in coactive:
            assert phi == pytest.approx(np.corrcoef(on[:, j], on[:, other])[0, 1])
            assert phi > 0


def test_classes(model):
    facts, codes = unit_facts(model, X, y=Y, n_top=3), model.transform(X)
    _, on = naive.sides(codes)
    for j, classes in enumerate(facts.classes):
        if not on[:, j].any():
            assert classes == []
            continue
        assert {each[0] for each in classes} == {"ant", "bee", "cow"}
        for name, *numbers in classes:
            close(numbers, naive.lift(on[:, j], name == Y))
        lows = [low for _, _, low, _ in classes]
        assert lows == sorted(lows, reverse=True)


@pytest.mark.parametrize("signed", [False, True])
def test_csr_is_as_dense_numbers_are(signed):
    model = Directions(9, signed=signed).fit(SPARSE)
    dense, csr = unit_facts(model, SPARSE, y=Y), unit_facts(model, sparse.csr_array(SPARSE), y=Y)
    for name in ("density", "explained_share", "typical_value", "amounts", "redundancy"):
        close(getattr(dense, name), getattr(csr, name))
    assert dense.classes == csr.classes
    close(csr.explained_share, naive.explained_shares(SPARSE, model.transform(SPARSE), model.inverse_transform))
    assert_array_equal(csr.spreads, np.ones(12))


def test_terms():
    model = Directions(6).fit(SPARSE)
    names = [f"term{i}" for i in range(12)]
    facts = unit_facts(model, sparse.csr_matrix(SPARSE), feature_names=names, n_top=12)
    _, on = naive.sides(model.transform(SPARSE))
    for j, terms in enumerate(facts.terms):
        if not on[:, j].any():
            assert terms == []
            continue
        expected = naive.log_odds(on[:, j], SPARSE > 0)
        assert {term for term, _, _ in terms} == {names[w] for w in range(12) if expected[w, 1] > 0}
        for term, *numbers in terms:
            close(numbers, expected[names.index(term)])


def test_terms_of_texts_beside_an_embedding():
    words = np.where(RNG.random((90, 5)) < 0.4, [["red", "green", "blue", "tin", "wood"]], "")
    texts = [" ".join(each) + "\n the" for each in words]
    model = Directions(4).fit(X)
    facts = unit_facts(model, X, texts=texts)
    names = np.array(["blue", "green", "red", "the", "tin", "wood"])
    has_term = np.array([[name in text.split() for name in names] for text in texts])
    _, on = naive.sides(model.transform(X))
    for j, terms in enumerate(facts.terms[:-1]):
        for term, *numbers in terms:
            close(numbers, naive.log_odds(on[:, j], has_term)[names == term][0])
    assert facts.texts == texts


def test_a_term_of_a_single_row_tells_nothing():
    facts = unit_facts(Directions(4).fit(X), X, texts=[f"word{i}" for i in range(90)])
    assert facts.terms == [[]] * 4


def test_a_model_of_dead_units():
    class Dead(Directions):
        def transform(self, X):
            return 0 * super().transform(X)

    for model in (Dead().fit(X), Dead(squash=True).fit(X)):
        facts = unit_facts(model, X, y=Y, texts=[""] * 90)
        assert facts.names[1] == "never active #2" and facts.classes == [[]] * 7 and facts.terms is None
        assert not facts.density.any() and not facts.amounts.any() and not facts.redundancy.any()


def test_missing_values():
    holed = np.where(RNG.random(X.shape) < 0.2, np.nan, X)
    model = Directions().fit(X)
    facts = unit_facts(model, holed)
    codes = model.transform(holed)
    close(facts.explained_share, naive.explained_shares(holed, codes, model.inverse_transform))
    close(facts.spreads, np.nanstd(holed, axis=0))
    close(facts.typical_value, naive.typical(codes))


@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler()])
def test_effects_go_back_through_a_scaler(scaler):
    table = X * [1.0, 1e3, 1e-3, 5.0, 1.0] + [0.0, 1e4, 0.0, 0.0, 7.0]
    model = make_pipeline(scaler, Directions()).fit(table)
    facts = unit_facts(model, table)
    codes, atoms = (
        model.transform(table),
        model[-1].decoder_ / (scaler.transform(np.eye(5)) - scaler.transform(np.zeros((1, 5)))).diagonal(),
    )
    close(facts.amounts, naive.typical(codes)[:, None] * atoms)
    close(facts.spreads, table.std(axis=0))
    close(facts.explained_share, naive.explained_shares(scaler.transform(table), codes, model[-1].inverse_transform))
    close(facts.redundancy, naive.redundancy(codes, model[-1].decoder_))


def test_decoders_that_are_not_affine_are_asked_at_rows():
    """With at most 16 active rows a unit, all of them are."""
    few = X[:16]
    model = Directions(squash=True).fit(few)
    facts, codes = unit_facts(model, few), model.transform(few)
    for j in range(codes.shape[1] - 1):
        rows = np.flatnonzero(codes[:, j])
        without = codes[rows].copy()
        without[:, j] = 0.0
        lost = model.inverse_transform(codes[rows]) - model.inverse_transform(without)
        close(facts.amounts[j], lost.mean(axis=0) if len(rows) else np.zeros(5))
    close(facts.explained_share, naive.explained_shares(few, codes, model.inverse_transform))


class Squashed(PCA):
    """Decodes a little less of large values."""

    def inverse_transform(self, X):
        X = X.toarray() if sparse.issparse(X) else X
        return super().inverse_transform(X - 0.2 * X * np.tanh(np.abs(X) / 5))


def test_shares_of_decoders_that_are_not_affine_from_some_rows():
    """Few large values make up most of a share, and are rarely among the rows: the others tell what they lose."""
    rng = np.random.default_rng(3)
    many = (rng.exponential(size=(600, 3)) * (rng.random((600, 3)) < 0.3)) @ rng.standard_normal((3, 6))
    model = Squashed(3).fit(many)
    codes = model.transform(many)
    expected = naive.explained_shares(many, codes, model.inverse_transform)
    assert_allclose(unit_facts(model, many).explained_share, expected, rtol=0.15, atol=0.01)


def test_of_both_signs_the_rarer_one_is_mirrored():
    few = X[:16]
    model = Directions(signed=True, squash=True).fit(few)
    facts, codes = unit_facts(model, few), model.transform(few)
    signs, _ = naive.sides(codes)
    rows = np.flatnonzero(codes[:, 0])
    assert 0 < facts.positive_share[0] < 1
    without = codes[rows].copy()
    without[:, 0] = 0.0
    lost = model.inverse_transform(codes[rows]) - model.inverse_transform(without)
    close(facts.amounts[0], (lost * np.sign(codes[rows, :1]) * signs[0]).mean(axis=0))


def test_a_deep_decoder():
    model = SparseAutoencoder(5, hidden_layer_sizes=(7,), output_activation="sigmoid", max_iter=100, random_state=0)
    table = (X > 0).astype(np.float32)
    facts = unit_facts(model.fit(table), table, y=Y)
    assert facts.amounts.shape == (5, 5)
    assert np.isfinite(facts.explained_share).all()
    assert facts.amounts[facts.density > 0].any(axis=1).all()


def test_blocks_give_what_the_whole_gives(monkeypatch):
    model = Directions(signed=True).fit(SPARSE)
    whole = unit_facts(model, SPARSE, y=Y), unit_facts(model, sparse.csr_array(SPARSE), y=Y)
    monkeypatch.setattr(_model, "BLOCK_ENTRIES", 100)
    monkeypatch.setattr("skl_sae.inspection._units.totals._WAITING", 20)
    monkeypatch.setattr("skl_sae.inspection._units.shares.BLOCK_ENTRIES", 30)
    monkeypatch.setattr("skl_sae.inspection._units.effects.BLOCK_ENTRIES", 30)
    monkeypatch.setattr("skl_sae.inspection._units.relations._UNITS", 2)
    for a, b in zip(whole, (unit_facts(model, SPARSE, y=Y), unit_facts(model, sparse.csr_array(SPARSE), y=Y))):
        for name in ("density", "explained_share", "typical_value", "amounts", "redundancy", "spreads"):
            close(getattr(a, name), getattr(b, name))
        assert [rows.tolist() for rows in a.top_rows] == [rows.tolist() for rows in b.top_rows]
        assert (a.names, a.classes) == (b.names, b.classes)


def test_numbers_of_any_scale():
    for factor in (1e-150, 1e150):
        table = X * factor
        scaled = unit_facts(make_pipeline(StandardScaler(), Directions()).fit(table), table)
        assert np.isfinite(scaled.spreads).all()
        close(scaled.spreads / factor, X.std(axis=0))
    pca = unit_facts(PCA(2).fit(X), X)
    close(unit_facts(PCA(2).fit(X * 1e120), X * 1e120).explained_share, pca.explained_share)


def test_single_precision():
    model = SparseAutoencoder(6, max_iter=20, random_state=0).fit(X)
    wide = unit_facts(model, X, y=Y)
    narrow = unit_facts(
        SparseAutoencoder(6, max_iter=20, random_state=0).fit(X.astype(np.float32)), X.astype(np.float32)
    )
    assert narrow.amounts.dtype == np.float32
    for name in ("amounts", "explained_share", "redundancy", "spreads"):
        assert_allclose(getattr(narrow, name), getattr(wide, name), rtol=0.02, atol=2e-3)


def test_a_row_and_a_column():
    model = Directions().fit(X)
    facts = unit_facts(model, X[:1], y=Y[:1])
    assert np.isnan(facts.explained_share).all()
    assert facts.n_rows == 1
    one = unit_facts(SparseAutoencoder(2, max_iter=2, random_state=0).fit(X[:, :1]), X[:, :1])
    assert one.amounts.shape == (2, 1)


def test_constant_columns_have_no_spread():
    """Rounding of sums would give them a tiny one, in which any effect is huge."""
    model, constant = Directions().fit(np.c_[X, X[:, :2]]), np.c_[X, np.full(90, 0.1), np.full(90, 1e6)]
    facts = unit_facts(model, constant)
    assert_array_equal(facts.spreads[5:], 0)
    assert not {"x5", "x6"} & {column for effects in facts.effects for column, _ in effects}


def test_spreads_far_from_the_reconstruction_of_zeros():
    assert_allclose(unit_facts(Directions().fit(X), X + 1e8).spreads, X.std(axis=0), rtol=1e-6)


def test_units_are_compared_with_many_classes_in_blocks(monkeypatch):
    model, y = Directions().fit(X), np.arange(90) // 2
    whole = unit_facts(model, X, y=y).classes
    monkeypatch.setattr("skl_sae.inspection._units.facts.BLOCK_ENTRIES", 100)
    assert unit_facts(model, X, y=y).classes == whole


def test_read_only_memory_maps(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, X)
    mapped = unit_facts(Directions().fit(X), np.load(path, mmap_mode="r"))
    assert_array_equal(mapped.density, unit_facts(Directions().fit(X), X).density)


def test_what_does_not_match_is_refused():
    model = Directions().fit(X)
    with pytest.raises(ValueError, match="Got 89 values of y for 90 rows"):
        unit_facts(model, X, y=Y[1:])
    with pytest.raises(ValueError, match="Got 2 texts for 90 rows"):
        unit_facts(model, X, texts=["a", "b"])
    with pytest.raises(ValueError, match="Got one str for texts"):
        unit_facts(model, X, texts="a" * 90)
    with pytest.raises(TypeError, match="Got int for the text of row 0"):
        unit_facts(model, X, texts=list(range(90)))
    with pytest.raises(ValueError, match="continuous values in y"):
        unit_facts(model, X, y=X[:, 0])
    with pytest.raises(ValueError, match="y has missing values"):
        unit_facts(model, X, y=[None, *Y[1:]])
    with pytest.raises(ValueError, match="y has missing values"):
        unit_facts(model, X, y=pd.Series([pd.NA, *Y[1:]], dtype="string"))
    with pytest.raises(ValueError, match="y mixes types"):
        unit_facts(model, X, y=np.array([1, *Y[1:]], dtype=object))
    with pytest.raises(ValueError, match="Got n_top=0; expected an int of at least 1"):
        unit_facts(model, X, n_top=0)
    with pytest.raises(ValueError, match="Got 2 feature_names; expected 5"):
        unit_facts(model, X, feature_names=["a", "b"])
    with pytest.raises(ValueError, match="Got feature_names='abcde'; expected a sequence"):
        unit_facts(model, X, feature_names="abcde")
    with pytest.raises(TypeError, match="no 'inverse_transform'"):
        unit_facts(_NoDecoder().fit(X), X)


class _NoDecoder(Directions):
    inverse_transform = property()  # an attribute that raises is none


@pytest.mark.parametrize("shares", [(0.1, 0.3), (0.3, 0.3), (0.05, 0.5)])
def test_intervals_of_lifts_cover_as_often_as_they_say(shares):
    """Of independent draws with a known lift of 1.5, the share of intervals that have it."""
    rng, n, n_draws = np.random.default_rng(1), 1000, 4000
    both = 1.5 * shares[0] * shares[1]
    cells = [both, shares[0] - both, shares[1] - both, 1 - shares[0] - shares[1] + both]
    a, b, c, _ = rng.multinomial(n, cells, size=n_draws).T
    _, low, high = class_lifts(a[:, None], a + b, (a + c)[:, None], n)
    assert 0.935 <= np.mean((low <= 1.5) & (high >= 1.5)) <= 0.97


def test_counts_of_zero_have_intervals():
    lift, low, high = class_lifts(np.array([[0, 5], [0, 0]]), np.array([5, 0]), np.array([10, 20]), 30)
    assert lift[0, 0] == low[0, 0] == 0 < high[0, 0] < 4
    assert low[0, 1] < lift[0, 1] == 1.5 < high[0, 1]
    assert np.isnan([low[1], high[1]]).all()
