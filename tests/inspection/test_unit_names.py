"""Names of units: short, made from what is known."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_sae import SparseAutoencoder
from skl_sae.inspection._units.facts import unit_facts

RNG = np.random.default_rng(0)
ATOMS = np.array([[1.0, -0.9, 0.1, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0]])


class Known(TransformerMixin, BaseEstimator):
    """Codes that are given beside the data: the row's number is the only column that is read."""

    def __init__(self, codes, atoms=ATOMS):
        self.codes = codes
        self.atoms = atoms

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        rows = X[:, [-1]].toarray().ravel() if sparse.issparse(X) else X[:, -1]
        return self.codes[np.rint(rows).astype(int)]

    def inverse_transform(self, codes):
        return codes @ np.pad(self.atoms, ((0, 0), (0, 1))) + [*np.zeros(self.atoms.shape[1]), 99.5]

    def get_feature_names_out(self, input_features=None):
        return np.array([f"unit{i}" for i in range(len(self.atoms))])


def known(signed=False, indicator=False, atoms=ATOMS):
    """A table that codes make, the numbers of the rows as the last column."""
    codes = np.where(RNG.random((200, len(atoms))) < 0.3, 1 + RNG.random((200, len(atoms))), 0.0)
    codes *= RNG.choice([-1, 1], codes.shape) if signed else 1
    X = codes @ atoms + RNG.standard_normal((200, atoms.shape[1])) * np.where(np.arange(atoms.shape[1]) == 1, 0.3, 0.01)
    if indicator:
        X[:, 2] = codes[:, 1] > 0
    X = np.column_stack([X, np.arange(200)])
    return Known(codes, atoms).fit(X), X, codes


NAMES = ["income", "age", "rent", "height", "row"]


def test_columns():
    model, X, _ = known()
    names = unit_facts(model, X, feature_names=NAMES).names
    assert names == ["high income, low age", "high rent", "high height #1", "high height #2"]


def test_columns_of_both_signs():
    model, X, codes = known(signed=True)
    facts = unit_facts(model, X, feature_names=NAMES)
    sign = "high income, low age" if (codes[:, 0] > 0).sum() >= (codes[:, 0] < 0).sum() else "low income, high age"
    assert facts.names[0] == f"{sign}, or the reverse"


def test_indicators():
    model, X, _ = known(indicator=True)
    assert unit_facts(model, X, feature_names=[*NAMES[:2], "smoker", *NAMES[3:]]).names[1] == "smoker"
    model.atoms = -ATOMS
    assert unit_facts(model, X, feature_names=[*NAMES[:2], "smoker", *NAMES[3:]]).names[1] == "not smoker"


def test_classes_where_columns_have_no_names():
    model, X, codes = known()
    y = np.where(codes[:, 1] > 0, "tenant", "owner")
    facts = unit_facts(model, X, y=y)
    assert facts.names[1] == "tenant"
    assert unit_facts(model, X, y=(y == "tenant") * 7).names[1] == "class 7"
    assert unit_facts(model, X).names[0] == "high x0, low x1"
    assert unit_facts(model, X, y=y, feature_names=NAMES).names[1] == "high rent"


def test_classes_where_columns_tell_little():
    atoms = np.ones((2, 60))
    model, X, codes = known(atoms=atoms)
    y = np.where(codes[:, 0] > 0, "tenant", "owner")
    names = [f"pixel {i}" for i in range(61)]
    assert unit_facts(model, X, y=y, feature_names=names).names[0] == "tenant"


def test_short_texts_are_examples():
    model, X, codes = known()
    texts = [f"word{i:03}" for i in range(200)]
    best = [texts[row] for row in np.argsort(-codes[:, 0], kind="stable")[:3]]
    assert unit_facts(model, X, texts=texts).names[0] == ", ".join(best)
    assert unit_facts(model, X, texts=texts, feature_names=NAMES).names[0] == "high income, low age"
    assert unit_facts(model, X, texts=["\n"] * 200).names[0] == "high x0, low x1"
    assert unit_facts(model, X, texts=[f"{text} {'x' * 40}" for text in texts]).names[0] == "high x0, low x1"


def test_dead_units():
    model, X, codes = known()
    codes[:, 1:3] = 0.0
    facts = unit_facts(model, X, y=np.arange(200) % 2, feature_names=NAMES)
    assert facts.names[1:3] == ["never active #1", "never active #2"]
    assert facts.density[1] == facts.typical_value[1] == facts.explained_share[1] == facts.redundancy[1] == 0
    assert facts.classes[1] == facts.effects[1] == facts.coactive_units[1] == [] == facts.top_rows[1].tolist()


def test_terms():
    topics = [["goal", "season", "coach"], ["vote", "party", "law"], ["planet", "orbit", "star"]]
    y = RNG.integers(3, size=300)
    texts = [" ".join([*RNG.choice(topics[k], 4), *RNG.choice(["said", "year", "new", "time"], 4)]) for k in y]
    model = make_pipeline(TfidfVectorizer(), SparseAutoencoder(6, max_iter=60, random_state=0)).fit(texts)
    facts = unit_facts(model, texts)
    alive = [name for name, density in zip(facts.names, facts.density) if density > 0]
    known = [set(name.partition(" #")[0].split(", ")) for name in alive]
    assert sum(any(words <= set(topic) for topic in topics) for words in known) >= 0.8 * len(alive)


def test_breast_cancer_names_columns_in_their_units():
    data = load_breast_cancer(as_frame=True)
    model = make_pipeline(StandardScaler(), SparseAutoencoder(8, max_iter=30, random_state=0)).fit(data.data)
    facts = unit_facts(model, data.data)
    codes, spreads = model.transform(data.data), data.data.std(ddof=0).to_numpy()
    decoded = model.inverse_transform(codes)
    for name, values, effects, strengths in zip(facts.names, codes.T, facts.effects, facts.amounts / facts.spreads):
        assert all(part.split(" ", 1)[1] in data.feature_names for part in name.partition(" #")[0].split(", "))
        column, amount = effects[0]
        assert amount == pytest.approx(
            strengths[data.feature_names.tolist().index(column)] * data.data[column].std(ddof=0)
        )
        contrast = (np.average(decoded, axis=0, weights=values) - decoded.mean(axis=0)) / spreads
        best = np.abs(contrast).argmax()
        assert name.startswith(("high " if contrast[best] > 0 else "low ") + data.feature_names[best])


def test_digits_name_classes():
    X, y = load_digits(return_X_y=True)
    model = SparseAutoencoder(16, max_iter=20, random_state=0).fit(X)
    for name in unit_facts(model, X, y=y).names:
        assert name.startswith("class ") and set(name.partition(" #")[0][6:].split(", ")) <= set("0123456789")
