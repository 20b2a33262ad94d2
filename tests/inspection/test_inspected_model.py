"""Any fitted estimator as an encoder and a decoder of numbers."""

import numpy as np
import pandas as pd
import pytest
from naive_units import Directions
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import NMF, PCA, TruncatedSVD
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, OneHotEncoder, StandardScaler

from skl_sae import SparseAutoencoder
from skl_sae.inspection import describe_units
from skl_sae.inspection._model import InspectedModel, directions
from skl_sae.inspection._units.facts import unit_facts

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 4))
TEXTS = [" ".join(RNG.choice(["goal", "season", "coach", "vote", "party", "law"], size=5)) for _ in range(60)]
HOLED = np.where(RNG.random(X.shape) < 0.1, np.nan, X)


@pytest.mark.parametrize(
    ("steps", "data", "n_read"),
    [
        ([Directions()], X, 0),
        ([StandardScaler(), Directions()], X, 0),
        (["passthrough", StandardScaler(), Directions()], X, 0),
        ([StandardScaler(), Directions(), "passthrough"], X, 0),
        ([SimpleImputer(), StandardScaler(), Directions()], HOLED, 1),  # it has an inverse that raises
        ([SimpleImputer(add_indicator=True), StandardScaler(), Directions()], HOLED, 1),  # one that takes numbers away
        ([FunctionTransformer(np.arctan), StandardScaler(), Directions()], X, 1),  # one that does nothing
        ([FunctionTransformer(np.arctan, np.tan), Directions()], X, 0),
        ([StandardScaler(), PCA(3), Directions()], X, 0),
        ([StandardScaler(), Normalizer(), Directions()], X, 2),
        ([TfidfVectorizer(), NMF(2, max_iter=1000)], TEXTS, 1),
        ([CountVectorizer(), TfidfTransformer(), TruncatedSVD(2), PCA(2)], TEXTS, 2),
    ],
)
def test_steps_that_do_not_invert_read(steps, data, n_read):
    pipeline = make_pipeline(*steps).fit(data)
    model = InspectedModel(pipeline)
    assert (0 if model.reader is None else len(model.reader)) == n_read
    numbers = model.read(data)
    codes = model.encode(numbers)
    assert_allclose(codes.toarray(), pipeline.transform(data), atol=1e-12)
    assert codes.shape[1] == model.n_units
    assert model.decode(codes).shape == (60, model.n_features)
    assert len(model.feature_names) == model.n_features
    assert_allclose(model.learner_encode(model.for_learner(numbers)).toarray(), codes.toarray(), atol=1e-12)
    assert len(unit_facts(pipeline, data).names) == model.n_units


def test_texts_are_their_own_examples():
    model = make_pipeline(TfidfVectorizer(), NMF(2, max_iter=1000)).fit(TEXTS)
    facts = unit_facts(model, TEXTS)
    assert facts.texts == TEXTS
    for kind in (np.array, pd.Series):
        assert unit_facts(model, kind(TEXTS)).texts == TEXTS
    assert {term for terms in facts.terms for term, _, _ in terms} <= {
        "goal",
        "season",
        "coach",
        "vote",
        "party",
        "law",
    }
    # numbers of words, without their names: the texts say which words
    embedded = make_pipeline(TfidfVectorizer(), TruncatedSVD(3), Normalizer(), Directions()).fit(TEXTS)
    facts = unit_facts(embedded, TEXTS)
    assert facts.feature_names.tolist()[:1] == ["truncatedsvd0"]
    assert any(facts.terms)


@pytest.mark.parametrize("imputed", [False, True])
def test_scalers_inside_a_column_transformer(imputed):
    frame = pd.DataFrame(X * [1, 100, 1, 1] + [0, 1e4, 0, 0], columns=list("abcd"))
    frame["city"] = RNG.choice(["Bern", "Rome"], size=60)
    scaler = make_pipeline(SimpleImputer(), StandardScaler()) if imputed else StandardScaler()
    parts = [("numbers", scaler, list("abc")), ("city", OneHotEncoder(sparse_output=False), ["city"])]
    pipeline = make_pipeline(ColumnTransformer(parts), Directions()).fit(frame)
    facts = unit_facts(pipeline, frame)
    assert facts.feature_names.tolist() == ["a", "b", "c", "city_Bern", "city_Rome"]
    assert_allclose(facts.spreads[:3], frame[list("abc")].std(ddof=0))
    codes = pipeline.transform(frame)
    typical = np.array([values[values > 0].mean() if values.any() else 0.0 for values in codes.T])
    decoder = pipeline[-1].decoder_ * [*frame[list("abc")].std(ddof=0), 1, 1]
    assert_allclose(facts.amounts, typical[:, None] * decoder, atol=1e-8)
    arrays, frames = (
        make_pipeline(ColumnTransformer(parts), PCA(3)).set_output(transform=to) for to in ("default", "pandas")
    )
    amounts = [unit_facts(each.fit(frame), frame).amounts for each in (arrays, frames)]
    assert_allclose(*amounts, atol=1e-8)
    sparse_parts = [parts[0], ("city", OneHotEncoder(), ["city"])]
    scaled = make_pipeline(ColumnTransformer(sparse_parts, sparse_threshold=1.0), Directions()).fit(frame)
    assert unit_facts(scaled, frame).feature_names[0] == "numbers__a"  # of CSR, columns stay as they are scaled


def test_steps_that_give_data_frames():
    frame = pd.DataFrame(X, columns=list("abcd"))
    columns = ColumnTransformer([("scale", StandardScaler(), ["a", "b"])], remainder="passthrough")
    for steps in ([], [StandardScaler()]):
        pipeline = make_pipeline(columns, *steps, SparseAutoencoder(3, max_iter=2, random_state=0))
        pipeline.set_output(transform="pandas").fit(frame)
        model = InspectedModel(pipeline)
        assert_allclose(model.encode(model.read(frame)).toarray(), pipeline.transform(frame), atol=1e-6)


def test_a_search_is_its_best_estimator():
    search = GridSearchCV(PCA(), {"n_components": [1, 3]}).fit(X)
    assert InspectedModel(search).n_units == search.best_params_["n_components"]


def test_names():
    frame = pd.DataFrame(X, columns=list("abcd"))
    assert InspectedModel(PCA().fit(frame)).feature_names.tolist() == list("abcd")
    assert InspectedModel(PCA().fit(X)).feature_names.tolist() == ["x0", "x1", "x2", "x3"]
    assert unit_facts(PCA().fit(X), frame).feature_names.tolist() == list("abcd")
    assert unit_facts(PCA().fit(X), frame, feature_names=list("efgh")).feature_names.tolist() == list("efgh")
    with pytest.raises(ValueError, match="their order is another one"):
        unit_facts(PCA().fit(frame), frame[list("dcba")])
    pipeline = make_pipeline(StandardScaler(), PCA()).set_output(transform="pandas").fit(frame)
    assert_array_equal(unit_facts(pipeline, frame).density, np.ones(4))


def test_what_does_not_decode_or_is_not_fitted():
    with pytest.raises(TypeError, match=r"pipeline\[:-1\]"):
        InspectedModel(make_pipeline(PCA(), LogisticRegression()).fit(X, X[:, 0] > 0))
    with pytest.raises(TypeError, match="no 'inverse_transform'"):
        InspectedModel(SparseAutoencoder(2, skip=True, max_iter=1).fit(X))
    with pytest.raises(NotFittedError):
        describe_units(PCA(), X)


def test_a_malformed_matrix_is_refused():
    csr = sparse.csr_array(np.abs(X))
    csr.indices[0] = 99
    with pytest.raises(ValueError, match="not well formed"):
        unit_facts(NMF(2, max_iter=1000).fit(np.abs(X)), csr)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_affine_decoders_are_recognised(dtype, offset):
    model = PCA(3).fit((X + offset).astype(dtype))
    decode = InspectedModel(model).decode
    codes = InspectedModel(model).encode((X + offset).astype(dtype))
    atoms = directions(decode, 3, codes)
    assert_allclose(atoms, model.components_, rtol=0.02, atol=1e-2 if offset and dtype == np.float32 else 1e-5)
    assert directions(lambda codes: np.tanh(decode(codes) - offset), 3, codes) is None
