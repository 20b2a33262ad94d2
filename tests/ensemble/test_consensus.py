"""The consensus of several fits: what is pooled, what it keeps, and that it is worth its time."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_sae import SparseAutoencoder
from skl_sae.coding import SparseRecoveryAutoencoder
from skl_sae.datasets import make_sparse_features
from skl_sae.ensemble import ConsensusAutoencoder
from skl_sae.ensemble._pooling import most_common, pool
from skl_sae.metrics import stability
from skl_sae.outliers import ReconstructionOutlierDetector
from skl_sae.sparsity import TopK


def test_units_of_three_fits_are_pooled():
    """Unit 0 in all fits, unit 1 in two, and the others alone; norms and order play no part."""
    e = np.eye(8)
    fits = [[e[0], e[1], e[2]], [3 * e[1], e[3], 2 * e[0]], [e[4], e[0] + 0.1 * e[5], e[6]]]
    directions, n_found = pool(fits, [0, 1, 2], 0.8, True)
    assert_array_equal(n_found, [3, 2, 1, 1, 1, 1])
    assert_allclose(np.linalg.norm(directions, axis=1), 1)
    assert_allclose(directions[1:], e[[1, 2, 3, 4, 6]], atol=1e-12)
    assert directions[0] @ e[0] > 0.999 > 0.99 > directions[0] @ (e[0] + 0.1 * e[5]) / np.sqrt(1.01) - 0.01
    assert_array_equal(most_common(directions, n_found, 2, 1), directions[:2])
    assert_array_equal(most_common(directions, n_found, 9, 2), directions[:2])
    assert len(most_common(directions, n_found, 9, 1)) == 6


def test_a_unit_joins_one_group_and_zeros_none():
    e = np.eye(3)
    directions, n_found = pool([[e[0], e[0]], [e[0], 0 * e[0]], [e[0], e[0]]], [0, 1, 2], 0.8, True)
    assert_array_equal(np.sort(n_found), [2, 3])
    assert_allclose(directions, e[[0, 0]])


def test_opposite_units_are_the_same_unless_signed():
    e = np.eye(3)
    assert_array_equal(pool([[e[0]], [-e[0]]], [0, 1], 0.8, True)[1], [1, 1])
    directions, n_found = pool([[e[0]], [-e[0]]], [0, 1], 0.8, False)
    assert_array_equal(n_found, [2])
    assert_allclose(directions, e[:1])


@pytest.fixture(scope="module")
def data():
    """40 parts of 24 dimensions, and noise: a single fit finds most of them."""
    return make_sparse_features(1500, 40, 24, mean_active=4, zipf_exponent=1.0, noise=0.05, random_state=0)[0]


SAE = SparseAutoencoder(48, sparsity=TopK(4), max_iter=15)


@pytest.fixture(scope="module")
def fitted(data):
    return ConsensusAutoencoder(SAE, n_fits=4, random_state=0).fit(data[:1000])


def test_it_is_more_stable_and_explains_as_much(data, fitted):
    other = ConsensusAutoencoder(SAE, n_fits=4, random_state=1).fit(data[:1000])
    single = stability([fitted.estimators_[0], other.estimators_[0]], signed=True, random_state=0)
    assert stability([fitted, other], signed=True, random_state=0).mean > single.mean + 0.02
    single = np.mean([fit.score(data[1000:]) for fit in fitted.estimators_])
    assert fitted.score(data[1000:]) > single - 0.01


def test_what_was_fitted(data, fitted):
    assert len(fitted.estimators_) == 4
    assert len({fit.random_state for fit in [*fitted.estimators_, fitted.estimator_]}) == 5
    assert fitted.stability_.mean == stability(fitted.estimators_, signed=True, random_state=0).mean
    assert fitted.components_.shape == (len(fitted.unit_stability_), 24)
    assert 20 < len(fitted.components_) <= 48
    per_fit = [stability([fitted, fit], signed=True, random_state=0).units[0] for fit in fitted.estimators_]
    assert_allclose(fitted.unit_stability_, np.mean(per_fit, axis=0))
    codes = fitted.transform(data)
    assert_array_equal(codes, fitted.estimator_.transform(data))
    assert_array_equal(fitted.inverse_transform(codes), fitted.estimator_.inverse_transform(codes))
    assert fitted.score(data) == fitted.estimator_.score(data)
    assert fitted.get_feature_names_out()[0] == "consensusautoencoder0"
    assert SAE.random_state is None and not hasattr(SAE, "components_")


def test_the_units_of_columns_play_no_part(data):
    """Units are pooled and compared in the units that features are divided by."""
    X, factors = data[:600, :8].astype(np.float64), 2.0 ** np.arange(-16, 16, 4)
    sae = SparseAutoencoder(10, sparsity=TopK(2), max_iter=6)
    a, b = (ConsensusAutoencoder(sae, n_fits=3, random_state=0).fit(X * f) for f in (factors, factors[::-1]))
    assert a.estimator_.scale_.shape == (8,)
    assert_allclose(a.components_ / factors, b.components_ / factors[::-1], rtol=1e-6)
    assert_allclose(a.stability_.pairs, b.stability_.pairs, rtol=1e-6)
    assert_allclose(a.unit_stability_, b.unit_stability_, rtol=1e-6)


def test_rare_units_are_left_out(data):
    kept = [
        len(ConsensusAutoencoder(SAE, n_fits=3, min_fits=n, similarity=0.8, random_state=0).fit(data).components_)
        for n in (1, 2)
    ]
    assert kept[0] == 48 > kept[1] > 0


@pytest.mark.parametrize(
    "rule, k, transform_k",
    [("topk", 6, 6), (TopK(0.25), 12, 12), (TopK(4, transform_k=0.25), 4, 12), ("matryoshka", 6, None)],
)
def test_fewer_units_keep_the_number_that_is_active(data, rule, k, transform_k):
    """Where that number depends on how many units there are."""
    sae = SparseAutoencoder(48, sparsity=rule, max_iter=6)
    consensus = ConsensusAutoencoder(sae, n_fits=3, similarity=0.7, random_state=0).fit(data[:600])
    assert 12 < len(consensus.components_) < 44
    for fit in (consensus.estimator_, *consensus.estimators_):
        fitted = getattr(fit.sparsity_, "rule_", fit.sparsity_)
        assert (fitted.k_, getattr(fitted, "transform_k_", None)) == (k, transform_k)


def test_the_order_of_the_fits_plays_no_part():
    rng = np.random.default_rng(0)
    fits = [rng.normal(size=(6, 8)) for _ in range(4)]
    fits[1][:4] = fits[0][[2, 0, 1, 3]] + 0.05 * rng.normal(size=(4, 8))
    fits[2][:3], fits[3][2:5] = fits[0][:3], fits[0][1:4]

    def pooled(order):
        chosen = [fits[i] for i in order]
        agreement = stability(chosen, random_state=0).pairs.sum(axis=0)
        directions, n_found = pool(chosen, np.argsort(-agreement), 0.7, True)
        rows = np.lexsort(directions.T)
        return directions[rows], n_found[rows]

    expected = pooled([0, 1, 2, 3])
    assert expected[1].max() == 4
    for order in ([3, 2, 1, 0], [1, 3, 0, 2]):
        assert_allclose(pooled(order)[0], expected[0])
        assert_array_equal(pooled(order)[1], expected[1])


def test_a_path_past_the_code(data):
    """Codes alone do not tell X; what reconstructs does."""
    consensus = ConsensusAutoencoder(clone(SAE).set_params(skip=True, max_iter=3), n_fits=2, min_fits=1, random_state=0)
    assert not hasattr(consensus, "inverse_transform")
    consensus.fit(data[:300])
    with pytest.raises(AttributeError, match="inverse_transform"):
        _ = consensus.inverse_transform
    assert_array_equal(consensus.reconstruct(data), consensus.estimator_.reconstruct(data))
    scores = ReconstructionOutlierDetector(consensus, random_state=0).fit(data[:300]).score_samples(data)
    assert np.isfinite(scores).all()


def test_same_bits_for_any_number_of_jobs(data, fitted):
    other = clone(fitted).set_params(n_jobs=2).fit(data[:1000])
    assert_array_equal(other.components_, fitted.components_)
    assert_array_equal(other.transform(data), fitted.transform(data))


def test_sparse_data_and_missing_values(data):
    X = np.where(np.abs(data) > 0.2, data, 0)
    few = ConsensusAutoencoder(SAE, n_fits=2, min_fits=1, random_state=0)
    dense = few.fit(X).transform(X)
    assert_allclose(few.fit(sparse.csr_array(X)).transform(sparse.csr_array(X)), dense, atol=0.05)
    X = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, data)
    assert few.fit(X).score(X) > 0.5


def test_in_a_pipeline_and_a_pickle(data):
    consensus = ConsensusAutoencoder(SAE, n_fits=2, random_state=0)
    pipeline = make_pipeline(StandardScaler(), consensus).fit(data)
    assert_array_equal(pickle.loads(pickle.dumps(pipeline)).transform(data), pipeline.transform(data))
    pipeline.set_params(consensusautoencoder__estimator__sparsity__k=3).fit(data)
    assert np.count_nonzero(pipeline.transform(data), axis=1).max() == 3


def test_what_it_refuses(data):
    for estimator in (PCA(2), SparseRecoveryAutoencoder()):
        with pytest.raises(TypeError, match="expected a SparseAutoencoder, which can start from given units"):
            ConsensusAutoencoder(estimator).fit(data)
    with pytest.raises(ValueError, match="Got min_fits=4, of n_fits=3"):
        ConsensusAutoencoder(SAE, n_fits=3, min_fits=4).fit(data)
    with pytest.raises(ValueError, match="No unit was found in 2 of 2 fits with similarity=1"):
        ConsensusAutoencoder(SAE, n_fits=2, similarity=1.0, random_state=0).fit(data[:100])
    deep = clone(SAE).set_params(decoder_layer_sizes=(8,))
    with pytest.raises(ValueError, match=r"decoder_layer_sizes=\(8,\); expected a decoder of one layer"):
        ConsensusAutoencoder(deep, n_fits=2).fit(data)
    for init in (data[:48], clone(SAE).fit(data[:100])):
        with pytest.raises(ValueError, match="Got an estimator with init, from which all fits would start"):
            ConsensusAutoencoder(clone(SAE).set_params(init=init), n_fits=2).fit(data)
    with pytest.raises(AttributeError, match="no attribute 'components_' before fit"):
        _ = ConsensusAutoencoder().components_


def test_a_fit_that_fails_leaves_the_last_one(data, fitted):
    consensus = pickle.loads(pickle.dumps(fitted))
    with pytest.raises(ValueError, match="infinity"):
        consensus.fit(np.full((10, 7), np.inf))
    assert consensus.n_features_in_ == 24
    assert_array_equal(consensus.transform(data), fitted.transform(data))


def test_parameters_of_the_default_can_be_set():
    consensus = ConsensusAutoencoder(n_fits=2, random_state=0)
    assert consensus.get_params()["estimator__n_components"] == SparseAutoencoder().n_components
    consensus.set_params(estimator__n_components=4, estimator__max_iter=5)
    assert consensus.estimator.get_params() == SparseAutoencoder(4, max_iter=5).get_params()
    assert clone(ConsensusAutoencoder()).estimator is None
