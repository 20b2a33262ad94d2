"""The table of units, and units that are looked for."""

import numpy as np
import pandas as pd
import pytest
from naive_units import Directions
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.decomposition import NMF
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skl_sae.inspection import describe_units, find_units, top_examples, top_features
from skl_sae.inspection._units.facts import unit_facts

RNG = np.random.default_rng(0)
X = RNG.standard_normal((80, 5))
Y = np.where(X[:, 0] > 0, "hot", "cold")
FRAME = pd.DataFrame(X * [1, 10, 100, 1, 1], columns=["a", "b", "c", "d", "e"])
MODEL = make_pipeline(StandardScaler(), Directions(6)).fit(FRAME)
TEXTS = [" ".join(RNG.choice(["red", "green", "blue", "tin", "wood"], 6)) for _ in range(80)]


def test_the_table():
    table = describe_units(MODEL, FRAME, y=Y, texts=TEXTS, n_top=3)
    facts = unit_facts(MODEL, FRAME, y=Y, texts=TEXTS, n_top=3)
    assert table.index.name == "unit"
    assert table.columns.tolist() == [
        *("name", "density", "explained_share", "typical_value", "top_rows", "examples", "effects", "classes", "terms"),
        *("nearest_units", "coactive_units", "redundancy"),
    ]
    assert table["name"].tolist() == facts.names
    assert table["examples"][0] == [TEXTS[row] for row in facts.top_rows[0]]
    assert "positive_share" in describe_units(Directions(signed=True).fit(X), X)
    for name in ("classes", "terms", "examples"):
        assert name not in describe_units(MODEL, FRAME)


def test_long_texts_are_shortened():
    examples = describe_units(MODEL, FRAME, texts=["word\n " * 99] * 80).examples[0]
    assert len(examples[0]) <= 80 and examples[0].startswith("word word") and examples[0].endswith("…")


def test_confidence():
    narrow, wide = (describe_units(MODEL, FRAME, y=Y, confidence=c).classes[0][0] for c in (0.5, 0.999))
    assert wide[2] < narrow[2] <= narrow[1] <= narrow[3] < wide[3]
    with pytest.raises(ValueError, match="confidence=95"):
        describe_units(MODEL, FRAME, y=Y, confidence=95)


def test_examples_and_features():
    examples = top_examples(Directions(signed=True).fit(X), X, n_top=2, units=[0, 1], texts=TEXTS)
    assert_array_equal(examples.loc[0, "row"], unit_facts(Directions(signed=True).fit(X), X, n_top=2).top_rows[0])
    codes = Directions(signed=True).fit(X).transform(X)
    assert_allclose(examples["value"], [codes[row, unit] for (unit, _), row in examples["row"].items()])
    assert examples["text"].tolist() == [TEXTS[row] for row in examples["row"]]
    features, facts = top_features(MODEL, FRAME, units=2, n_top=5), unit_facts(MODEL, FRAME)
    strengths = facts.amounts[2] / facts.spreads
    order = np.argsort(-np.abs(strengths))
    assert features["feature"].tolist() == [FRAME.columns[c] for c in order]
    assert_allclose(features["amount"], facts.amounts[2, order])
    assert_allclose(features["strength"], strengths[order])
    with pytest.raises(ValueError, match="Got unit 9; expected one of the 6 units"):
        top_features(MODEL, FRAME, units=[9])


def test_units_by_name_where_a_step_gives_none():
    model = make_pipeline(FunctionTransformer(np.arcsinh, np.sinh), Directions(6)).fit(X)
    assert_array_equal(top_examples(model, X, units="unit2"), top_examples(model, X, units=2))
    with pytest.raises(ValueError, match="Got the unit 'none'; expected an index or a name such as 'unit0'"):
        top_examples(model, X, units="none")


@pytest.mark.parametrize("n_top", [None, 0, -1, 2.5, True])
def test_numbers_of_results(n_top):
    for find, options in ((find_units, {"example": 0}), (top_features, {}), (top_examples, {}), (describe_units, {})):
        with pytest.raises(ValueError, match=r"Got n_top=.*; expected an int of at least 1\."):
            find(MODEL, FRAME, n_top=n_top, **options)


def test_names_that_repeat_or_are_ints():
    model = MODEL[-1]
    Z = MODEL[0].transform(FRAME)
    with pytest.raises(ValueError, match="Got column='a', the name of 2 columns"):
        find_units(model, Z, column="a", feature_names=["a", "a", "b", "c", "d"])
    found = find_units(model, pd.DataFrame(Z), column=3)
    assert_array_equal(found["amount"], find_units(model, Z, column="x3")["amount"])


@pytest.mark.parametrize(
    "example", [7, FRAME.iloc[7], FRAME.iloc[7:8], FRAME.to_numpy()[7], FRAME.to_numpy()[7].tolist()]
)
@pytest.mark.parametrize("block_entries", [1 << 22, 12])
def test_units_of_an_example(example, block_entries, monkeypatch):
    monkeypatch.setattr("skl_sae.inspection._units.effects.BLOCK_ENTRIES", block_entries)
    found = find_units(MODEL, FRAME, example=example, n_top=9)
    codes, Z = MODEL.transform(FRAME)[7], MODEL[0].transform(FRAME)[7]
    decode = MODEL[-1].inverse_transform
    gains = {}
    for j in np.flatnonzero(codes):
        without = codes.copy()
        without[j] = 0
        errors = [np.sum((Z - decode(each)) ** 2) for each in (without, codes, 0 * codes)]
        gains[j] = (errors[0] - errors[1]) / errors[2]
    expected = {j: gain for j, gain in sorted(gains.items(), key=lambda each: -each[1]) if gain > 0}
    assert found.index.tolist() == list(expected)
    assert_allclose(found["gain"], list(expected.values()))
    assert_allclose(found["value"], codes[list(expected)])


def test_units_of_a_class():
    found = find_units(MODEL, FRAME, label="hot", y=Y)
    facts, codes = unit_facts(MODEL, FRAME, y=Y), MODEL.transform(FRAME)
    assert found["low"].is_monotonic_decreasing
    for unit, row in found.iterrows():
        assert (row["lift"], row["low"], row["high"]) in [each[1:] for each in facts.classes[unit]]
    rare = [unit for unit in found.index if facts.density[unit] <= 0.5]
    for unit in rare:
        assert found["precision"][unit] == pytest.approx(np.mean(Y[codes[:, unit] > 0] == "hot"))
        assert found["recall"][unit] == pytest.approx(np.mean(codes[Y == "hot", unit] > 0))


def test_units_of_a_term_or_a_column():
    model = make_pipeline(CountVectorizer(), NMF(3, init="nndsvda", max_iter=2000)).fit(TEXTS)
    facts = unit_facts(model, TEXTS, n_top=50)
    found = find_units(model, TEXTS, term="tin")
    for unit, row in found.iterrows():
        assert ("tin", row["log_odds"], row["z"]) in facts.terms[unit]
    assert found["z"].is_monotonic_decreasing and len(found)
    found, facts = find_units(MODEL, FRAME, column="b", n_top=3), unit_facts(MODEL, FRAME)
    assert found.index.tolist() == np.argsort(-np.abs(facts.amounts[:, 1]))[:3].tolist()
    assert_allclose(found["strength"] * FRAME["b"].std(ddof=0), found["amount"])
    assert find_units(model, TEXTS, example="tin tin wood")["gain"].gt(0).all()
    counts = model[0].transform(TEXTS)
    nmf = NMF(3, init="nndsvda", max_iter=2000).fit(counts)
    assert len(find_units(nmf, sparse.csr_array(counts), example=sparse.csr_array(counts)[[3]]))


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({}, "Got none of"),
        ({"example": 1, "column": "a"}, "Got example, column of"),
        ({"example": 80}, "from 0 to 79"),
        ({"example": "tin"}, "the estimator reads no texts"),
        ({"column": "a", "confidence": "high"}, "Got confidence='high'"),
        ({"example": [[1.0, 2.0]]}, "expected one row of 5 columns|2 features"),
        ({"label": "hot"}, "expected y to be given"),
        ({"label": "warm", "y": Y}, "expected one of 'cold', 'hot'"),
        ({"term": "tin"}, "rows have no terms"),
        ({"term": "gold", "texts": TEXTS}, "expected one of the 5 terms"),
        ({"column": "z"}, "expected one of the 5 columns"),
    ],
)
def test_what_is_not_there(wanted, message):
    with pytest.raises(ValueError, match=message):
        find_units(MODEL, FRAME, **wanted)
