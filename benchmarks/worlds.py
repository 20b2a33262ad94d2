"""Data of many kinds, for the choice of defaults: tables, pictures, text, generated features, embeddings.

Each world has rows for training and for testing, and a width and a number of active units that suit it. Some have
labels, for a classifier, and some the true features, for a match.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_sample_images, load_wine
from sklearn.feature_extraction.image import extract_patches_2d
from sklearn.model_selection import train_test_split

from skl_sae.datasets import load_mnist, make_sparse_features


class World(NamedTuple):
    """Data, and what is asked of a model of it.

    Parameters
    ----------
    train, test : {ndarray, CSR matrix}
    labels : tuple of two ndarray, or None
        Of the rows, where there is something to classify.
    features : ndarray or None
        The true features, where they are known.
    n_units, k : int
        Width of the code and mean number of active units.
    """

    train: np.ndarray
    test: np.ndarray
    labels: tuple | None = None
    features: np.ndarray | None = None
    n_units: int = 128
    k: int = 8


def _split(X, y=None, **wanted):
    """A quarter of the rows, or 4,000, for testing; float32."""
    rows = np.arange(X.shape[0])
    train, test = train_test_split(rows, test_size=min(4000, len(rows) // 4), random_state=0, stratify=y)
    X = X.astype(np.float32)
    return World(X[train], X[test], None if y is None else (y[train], y[test]), **wanted)


def digits(mnist):
    X, y = load_digits(return_X_y=True)
    return _split(X / 16, y)


def breast_cancer(mnist):
    return _split(*load_breast_cancer(return_X_y=True), n_units=64)


def wine(mnist):
    return _split(*load_wine(return_X_y=True), n_units=32, k=4)


def diabetes(mnist):
    return _split(load_diabetes(scaled=False).data, n_units=32, k=4)


def iris(mnist):
    return _split(*load_iris(return_X_y=True), n_units=16, k=2)


def mnist(path):
    X, y, X_test, y_test = load_mnist(path)
    return World(X[:20_000], X_test[:4000], (y[:20_000], y_test[:4000]), n_units=1000, k=25)


def low_rank(mnist):
    """Gaussian rows of rank 8 in 64 dimensions, with a little noise."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((8000, 8)) @ rng.standard_normal((8, 64)) + 0.1 * rng.standard_normal((8000, 64))
    return _split(X, k=4)


def one_hot(mnist):
    """Twelve columns of five levels, which depend on a hidden class of six."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 6, 6000)
    chances = rng.dirichlet(np.full(5, 0.5), (12, 6))
    levels = np.stack([(rng.random((6000, 1)) > chances[c, y].cumsum(axis=1)).sum(axis=1) for c in range(12)], axis=1)
    return _split(np.eye(5)[np.minimum(levels, 4)].reshape(6000, 60), y)


def counts(mnist):
    """Counts of 300 words in documents of about 80, by Zipf's law within two of twenty topics."""
    rng = np.random.default_rng(0)
    topics = rng.dirichlet(0.3 / np.sqrt(np.arange(1, 301)), 20)
    mine = rng.integers(0, 20, (6000, 2))
    rates = 80 * topics[mine].mean(axis=1)
    return _split(rng.poisson(rates), mine.min(axis=1) // 7)


def tf_idf(mnist):
    """The same for 4,000 words, with weights by TF-IDF; CSR."""
    from sklearn.feature_extraction.text import TfidfTransformer

    rng = np.random.default_rng(0)
    topics = rng.dirichlet(30 / np.arange(1, 4001), 30)
    mine = rng.integers(0, 30, (6000, 2))
    X = np.stack([rng.multinomial(120, topics[pair].mean(axis=0)) for pair in mine])
    X = TfidfTransformer().fit_transform(sparse.csr_matrix(X)).astype(np.float32)
    return _split(X, mine.min(axis=1) // 8, n_units=256)


def features(mnist):
    """384 sparse features in 128 dimensions, 6 of them active."""
    X, _, dictionary = make_sparse_features(12_000, 384, 128, mean_active=6, random_state=0)
    return _split(X, features=dictionary, n_units=384, k=6)


def heavy_tailed(mnist):
    """As activations of language models are: correlated features by Zipf's law, magnitudes with a long tail.

    A mean far from zero, and one direction that has 83 % of the variance.
    """
    rng = np.random.default_rng(0)
    _, codes, dictionary = make_sparse_features(
        12_000, 256, 96, mean_active=8, zipf_exponent=1.0, correlation_scale=0.3, random_state=0
    )
    codes.data = rng.lognormal(0, 0.8, codes.nnz).astype(np.float32)
    X = codes @ dictionary
    direction, offset = (v / np.linalg.norm(v) for v in rng.standard_normal((2, 96)))
    size = np.sqrt(0.83 / 0.17 * X.var(axis=0).sum())
    X = X + size * np.outer(rng.standard_normal(len(X)), direction) + 3 * size * offset
    return _split(X, features=dictionary, n_units=256, k=9)


def patches(mnist):
    """Patches of 8 x 8 from two photographs in gray."""
    images = [image.mean(axis=2) / 255 for image in load_sample_images().images]
    found = [extract_patches_2d(image, (8, 8), max_patches=8000, random_state=0) for image in images]
    return _split(np.concatenate(found).reshape(-1, 64), n_units=256)


def convolution(mnist):
    """Embeddings of digits: 256 units of a random convolution, rectified and averaged over quarters."""
    rng = np.random.default_rng(0)
    X, y = load_digits(return_X_y=True)
    images = np.pad(X.reshape(-1, 8, 8) / 16, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(images, (3, 3), axis=(1, 2)).reshape(-1, 8, 8, 9)
    maps = np.maximum(windows @ rng.standard_normal((9, 64)), 0)
    return _split(maps.reshape(-1, 2, 4, 2, 4, 64).mean(axis=(2, 4)).reshape(len(X), 256), y, n_units=256, k=16)


WORLDS = {
    each.__name__: each
    for each in (
        digits, breast_cancer, wine, diabetes, iris, mnist, low_rank, one_hot, counts, tf_idf, features, heavy_tailed,
        patches, convolution,
    )
}  # fmt: skip


@cache
def load(name, path=None):
    """A world by its name; `path` is that of MNIST's file."""
    return WORLDS[name](path)
