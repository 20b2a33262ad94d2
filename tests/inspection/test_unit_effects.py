"""Effects of units on predictions: what a loop over units would find."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris, make_classification
from sklearn.decomposition import NMF, PCA
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LinearRegression, LogisticRegression, Perceptron
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from skl_sae import SparseAutoencoder
from skl_sae.inspection import edit, unit_effects

X, y = make_classification(90, 12, n_informative=6, n_classes=3, random_state=0)
LABELS = np.array(["red", "green", "blue"])[y]


def new_sae(**parameters):
    return SparseAutoencoder(n_components=10, max_iter=3, random_state=0, **parameters)


def naive_effects(after, codes, predict):
    """Set a unit to zero in all rows, and predict them all."""
    codes = codes.toarray() if sparse.issparse(codes) else np.asarray(codes)
    changes = []
    for unit in range(codes.shape[1]):
        without = codes.copy()
        without[:, unit] = 0
        change = predict(after, codes) - predict(after, without)
        changes.append(change.reshape(len(codes), -1))
    return np.array(changes)


def check(effects, changes, codes):
    codes = codes.toarray() if sparse.issparse(codes) else np.asarray(codes)
    active = codes != 0
    assert_array_equal(effects.n_active, active.sum(axis=0))
    assert_allclose(effects.effects, changes.mean(axis=1), atol=1e-6)
    assert_allclose(effects.sizes, np.abs(changes).mean(axis=1), atol=1e-6)
    nothing = np.full(changes.shape[2], np.nan)
    where_active = [each[on].mean(axis=0) if on.any() else nothing for each, on in zip(changes, active.T)]
    assert_allclose(effects.effects_where_active, where_active, atol=1e-6)


@pytest.mark.parametrize("sparse_output", [False, True])
@pytest.mark.parametrize("block_entries", [1 << 22, 70])
def test_probabilities(sparse_output, block_entries, monkeypatch):
    monkeypatch.setattr("skl_sae.inspection._interventions.ablation.BLOCK_ENTRIES", block_entries)
    pipeline = make_pipeline(StandardScaler(), new_sae(sparse_output=sparse_output), LogisticRegression())
    pipeline.fit(X, LABELS)
    codes = pipeline[:-1].transform(X)
    effects = unit_effects(pipeline, X)
    changes = naive_effects(pipeline[-1], codes, lambda model, rows: model.predict_proba(rows))
    check(effects, changes, codes)
    assert effects.outputs.tolist() == ["blue", "green", "red"] and effects.response_method == "predict_proba"

    codes = codes.toarray() if sparse_output else codes
    predict, others = pipeline[-1].predict, np.arange(10) != np.arange(10)[:, None]
    flips = [(predict(codes) != predict(codes * keep)).sum() for keep in others]
    assert_array_equal(effects.n_flips, flips)


def decision(model, rows):
    return model.decision_function(rows)


@pytest.mark.parametrize(
    ("predictor", "target", "predict", "method", "outputs"),
    [
        (LinearSVC(), y, decision, "decision_function", [0, 1, 2]),
        (LinearSVC(), y > 0, decision, "decision_function", [True]),
        (LinearRegression(), X[:, 0], lambda m, r: m.predict(r), "predict", ["prediction"]),
        (LinearRegression(), X[:, :2], lambda m, r: m.predict(r), "predict", ["output 0", "output 1"]),
        (IsolationForest(random_state=0), None, decision, "decision_function", ["decision_function"]),
    ],
    ids=["classes", "two_classes", "regressor", "outputs", "outliers"],
)
def test_other_predictors(predictor, target, predict, method, outputs):
    pipeline = make_pipeline(new_sae(), StandardScaler(), predictor).fit(X, target)
    codes = pipeline[0].transform(X)
    effects = unit_effects(pipeline, X)
    check(effects, naive_effects(pipeline[1:], codes, predict), codes)
    assert effects.response_method == method and effects.outputs.tolist() == outputs
    assert (effects.n_flips is None) == isinstance(predictor, LinearRegression)


@pytest.mark.parametrize(
    "predictor",
    [
        SVC(decision_function_shape="ovo"),
        make_pipeline(StandardScaler(), SVC(decision_function_shape="ovo")),
        FixedThresholdClassifier(LogisticRegression(), threshold=0.2),
        LogisticRegression(),
        IsolationForest(n_estimators=5, random_state=0),
    ],
    ids=["pairs", "scaled_pairs", "threshold", "largest", "outliers"],
)
def test_flips_are_of_what_is_predicted(predictor):
    target = LABELS == "red" if isinstance(predictor, FixedThresholdClassifier) else LABELS
    pipeline = make_pipeline(new_sae(), predictor).fit(X, target)
    codes, predict = pipeline[0].transform(X), pipeline[-1].predict
    effects = unit_effects(pipeline, X)
    others = np.arange(10) != np.arange(10)[:, None]
    assert_array_equal(effects.n_flips, [(predict(codes) != predict(codes * keep)).sum() for keep in others])


def test_outputs_of_pairs_of_classes():
    pipeline = make_pipeline(new_sae(), SVC(decision_function_shape="ovo")).fit(X, LABELS)
    effects = unit_effects(pipeline, X)
    assert effects.outputs.tolist() == ["blue against green", "blue against red", "green against red"]
    assert (pipeline.decision_function(X)[LABELS == "blue", 0] > 0).mean() > 0.5
    assert repr(effects) == "<UnitEffects: decision_function, n_units=10, n_outputs=3>"


def test_clusters_are_no_numbers():
    with pytest.raises(TypeError, match="Got a clusterer"):
        unit_effects(make_pipeline(new_sae(), KMeans(3, random_state=0)).fit(X), X)


def test_labels_are_counted():
    pipeline = make_pipeline(new_sae(), RandomForestClassifier(5, random_state=0)).fit(X, LABELS)
    effects = unit_effects(pipeline, X, response_method="predict", units=[3, 1])
    codes = pipeline[0].transform(X)
    changes = naive_effects(
        pipeline[-1], codes, lambda m, r: (m.predict(r)[:, None] == np.unique(LABELS)).astype(float)
    )
    assert_allclose(effects.effects, changes.mean(axis=1)[[3, 1]])
    assert_array_equal(effects.units, [3, 1])
    assert_array_equal(effects.n_flips, (np.abs(changes).sum(axis=2) > 0).sum(axis=1)[[3, 1]])


def test_a_linear_model_has_the_effects_of_its_weights():
    """Of a linear regression the effect is the weight times the mean value of the unit."""
    pipeline = make_pipeline(PCA(n_components=3), LinearRegression()).fit(X, X[:, 0])
    codes = pipeline[0].transform(X[:20])
    effects = unit_effects(pipeline, X[:20])
    assert_allclose(effects.effects[:, 0], codes.mean(axis=0) * pipeline[-1].coef_, atol=1e-12)


@pytest.mark.parametrize("block_entries", [1 << 22, 70])
def test_units_of_an_encoder_explain_a_predictor_of_the_data(block_entries, monkeypatch):
    monkeypatch.setattr("skl_sae.inspection._interventions.ablation.BLOCK_ENTRIES", block_entries)
    encoder = make_pipeline(StandardScaler(), new_sae()).fit(X)
    classifier = RandomForestClassifier(5, random_state=0).fit(X.astype(np.float32), y)
    effects = unit_effects(classifier, X, encoder=encoder, units=[0, 4])
    for row, unit in enumerate([0, 4]):
        change = classifier.predict_proba(X) - classifier.predict_proba(edit(encoder, X, {unit: 0.0}))
        assert_allclose(effects.effects[row], change.mean(axis=0), atol=0.01)
    sparse_X = sparse.csr_array(np.where(X > 0.5, X, 0))
    encoder = new_sae().fit(sparse_X)
    classifier = LogisticRegression().fit(sparse_X, y)
    effects = unit_effects(classifier, sparse_X.tocoo(), encoder=encoder)
    change = classifier.predict_proba(sparse_X) - classifier.predict_proba(edit(encoder, sparse_X, {2: 0.0}))
    assert_allclose(effects.effects[2], change.mean(axis=0), atol=1e-6)


def test_sparse_rows_are_never_made_dense(monkeypatch):
    rows = sparse.random_array((40, 3000), density=0.01, format="csr", rng=0)
    pipeline = make_pipeline(new_sae(sparse_output=True), LogisticRegression()).fit(rows, np.arange(40) % 2)

    def refuse(self, *args, **kwargs):
        assert np.prod(self.shape) < rows.shape[0] * rows.shape[1] / 10, "made dense"
        return original(self, *args, **kwargs)

    original = sparse.csr_array.toarray
    monkeypatch.setattr(sparse.csr_array, "toarray", refuse)
    assert unit_effects(pipeline, rows).effects.shape == (10, 2)


def test_texts_data_frames_and_missing_values():
    texts = ["the cat sat", "the dog ran", "a cat and a dog", "the dog sat"] * 5
    pipeline = make_pipeline(TfidfVectorizer(), new_sae(), LogisticRegression()).fit(texts, np.arange(20) % 4)
    assert unit_effects(pipeline, texts).effects.shape == (10, 4)

    frame = pd.DataFrame(X, columns=[f"column {i}" for i in range(12)])
    frame.iloc[::9, 2] = np.nan
    pipeline = make_pipeline(new_sae(), LogisticRegression()).set_output(transform="pandas").fit(frame, LABELS)
    effects = unit_effects(pipeline, frame, units=["sparseautoencoder2"])
    table = effects.to_frame()
    assert table.index.tolist() == [2] and table.index.name == "unit"
    assert table.columns.tolist() == ["n_active", "n_flips", *(f"effect on {c}" for c in ("blue", "green", "red"))]
    encoder = new_sae().fit(frame)
    forest = RandomForestClassifier(5, random_state=0).fit(frame, y)
    assert np.isfinite(unit_effects(forest, frame, encoder=encoder).effects).all()


def test_frames_of_polars():
    frame = pytest.importorskip("polars").DataFrame(X, schema=[f"c{i}" for i in range(12)])
    pipeline = make_pipeline(new_sae(), LogisticRegression()).set_output(transform="polars").fit(frame, LABELS)
    of_arrays = make_pipeline(new_sae(), LogisticRegression()).fit(X, LABELS)
    assert_allclose(unit_effects(pipeline, frame).effects, unit_effects(of_arrays, X).effects, atol=1e-6)
    after, encoder = LogisticRegression().fit(frame, LABELS), new_sae().fit(frame)
    expected = unit_effects(LogisticRegression().fit(X, LABELS), X, encoder=new_sae().fit(X))
    assert_allclose(unit_effects(after, frame, encoder=encoder).effects, expected.effects, atol=1e-6)


def test_one_row_and_units_that_never_fire():
    pipeline = make_pipeline(new_sae(), LogisticRegression()).fit(X, y)
    effects = unit_effects(pipeline, X[:1])
    silent = pipeline[0].transform(X[:1])[0] == 0
    assert silent.any() and (effects.effects[silent] == 0).all() and (effects.n_active[silent] == 0).all()
    assert np.isnan(effects.effects_where_active[silent]).all()
    assert (effects.effects[~silent] != 0).any()


def test_which_step_has_the_units():
    X, y = load_iris(return_X_y=True)
    scaled = make_pipeline(NMF(3, max_iter=1000), StandardScaler(), SelectKBest(k=2), LogisticRegression()).fit(X, y)
    assert len(unit_effects(scaled, X).units) == 3
    assert len(unit_effects(scaled, X, step="selectkbest").units) == 2
    both = make_pipeline(make_union(PCA(2), NMF(3, max_iter=1000)), LogisticRegression()).fit(X, y)
    assert len(unit_effects(both, X, step="featureunion").units) == 5
    search = GridSearchCV(make_pipeline(PCA(), LogisticRegression()), {"pca__n_components": [2]}).fit(X, y)
    assert len(unit_effects(search, X).units) == 2


@pytest.mark.parametrize(
    ("estimator", "options", "error", "said"),
    [
        (LogisticRegression(), {}, TypeError, "encoder="),
        (make_pipeline(StandardScaler(), LogisticRegression()), {}, TypeError, "no step"),
        (make_pipeline(PCA(2), LogisticRegression()), {"step": "nmf"}, ValueError, "'pca'"),
        (make_pipeline(PCA(2), LogisticRegression()), {"units": [2]}, ValueError, "from 0 to 1"),
        (make_pipeline(PCA(2), LogisticRegression()), {"units": [1, 1]}, ValueError, "each of them once"),
        (make_pipeline(PCA(2), LogisticRegression()), {"units": []}, ValueError, "at least one"),
        (make_pipeline(PCA(2), LogisticRegression()), {"response_method": "score"}, ValueError, "predict_proba"),
        (make_pipeline(PCA(2), Perceptron()), {"response_method": "predict_proba"}, TypeError, "predict_proba"),
        (make_pipeline(PCA(2), LogisticRegression()), {"step": "pca", "encoder": PCA()}, ValueError, "one of them"),
    ],
)
def test_what_cannot_be_explained(estimator, options, error, said):
    with pytest.raises(error, match=said):
        unit_effects(estimator.fit(X, y), X, **options)


def test_several_targets_with_classes_are_refused():
    for several in (MultiOutputClassifier(LogisticRegression()), OneVsRestClassifier(LogisticRegression())):
        pipeline = make_pipeline(PCA(2), several).fit(X, np.column_stack([y > 0, y > 1]))
        with pytest.raises(ValueError, match="several targets"):
            unit_effects(pipeline, X)


def test_an_encoder_of_texts_is_refused():
    texts = ["the cat sat", "the dog ran"] * 5
    encoder = make_pipeline(TfidfVectorizer(), new_sae()).fit(texts)
    classifier = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, np.arange(10) % 2)
    with pytest.raises(TypeError, match="without an inverse"):
        unit_effects(classifier, texts, encoder=encoder)
