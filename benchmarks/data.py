"""The data of the cases, and where every peer starts from.

``python benchmarks/data.py CASE FOLDER [--mnist PATH]`` writes, once for all peers of a case,

``X.npy`` or ``X.npz``    rows scaled such that their first chunk has mean zero and total variance one; CSR as it is
``start.npz``             mean and scale that are still to be applied (to CSR only), and the weights of a new estimator
``note.txt``              what stands in for data that could not be had
"""

import argparse
from pathlib import Path

import numpy as np
from scipy import sparse

from cases import CASES, QUALITY


def mnist_whole(path, rng):
    """Training and test images, or blobs of the same shape where they can't be had."""
    from skl_sae.datasets import load_mnist

    try:
        X_train, _, X_test, _ = load_mnist(path)
    except OSError as error:
        if path is not None:
            raise
        return _blobs(14000, rng), f"MNIST could not be loaded ({type(error).__name__}): random blobs instead"
    return np.concatenate([X_train, X_test]), ""


def mnist(path, rng):
    """The training images."""
    X, note = mnist_whole(path, rng)
    return X[: len(X) * 6 // 7], note


def _blobs(n, rng):
    """Images of 28 x 28 that are sums of eight random bumps."""
    grid = np.arange(28, dtype=np.float32)
    X = np.zeros((n, 28, 28), np.float32)
    for _ in range(8):
        x, y = rng.uniform(4, 24, (2, n, 1)).astype(np.float32)
        X += np.exp(-((grid - y) ** 2) / 8)[:, :, None] * np.exp(-((grid - x) ** 2) / 8)[:, None, :]
    return np.minimum(X, 1).reshape(n, 784)


def gaussian(path, rng):
    """White noise, the size of a batch of activations of a language model."""
    return rng.standard_normal((65536, 768), dtype=np.float32), ""


def digits(path, rng):
    """scikit-learn's digits, ten times over, in random order."""
    from sklearn.datasets import load_digits

    X = load_digits().data.astype(np.float32)
    return X[np.concatenate([rng.permutation(len(X)) for _ in range(10)])], ""


def text(path, rng, n_rows=20000, n_words=20000, n_topics=100):
    """TF-IDF of documents of about 200 words: half from three topics of 200 words, half from Zipf's law; CSR."""
    from sklearn.feature_extraction.text import TfidfTransformer

    zipf = 1 / np.arange(1, n_words + 1)
    topics = rng.integers(0, n_words, (n_topics, 200))
    lengths = rng.poisson(200, n_rows) + 1
    document = np.repeat(np.arange(n_rows), lengths)
    word = rng.choice(n_words, len(document), p=zipf / zipf.sum())
    mine = rng.integers(0, n_topics, (n_rows, 3))[document, rng.integers(0, 3, len(document))]
    topical = rng.random(len(document)) < 0.5
    word[topical] = topics[mine, rng.integers(0, 200, len(document))][topical]
    counts = sparse.csr_matrix((np.ones(len(word)), (document, word)), shape=(n_rows, n_words))
    X = TfidfTransformer().fit_transform(counts).astype(np.float32)
    X.sort_indices()
    return X, ""


SOURCES = {"digits": digits, "gaussian": gaussian, "mnist": mnist, "mnist_whole": mnist_whole, "text": text}


def standardise(X, n_first):
    """Give the first `n_first` rows mean zero and total variance one: the estimator would do it, peers would not."""
    mean = X[:n_first].mean(axis=0, dtype=np.float64)
    scale = np.sqrt(X[:n_first].var(axis=0, dtype=np.float64).sum())
    return ((X - mean) / scale).astype(np.float32)


def as_trained(sae):
    """Copies of weights and intercepts for codes as the network learns with them; the sides mirror each other."""
    weights, intercepts = ([array.copy() for array in arrays] for arrays in (sae.coefs_, sae.intercepts_))
    code = len(weights) // 2
    weights[code - 1] *= sae.code_scale_
    intercepts[code - 1] *= sae.code_scale_
    weights[code] /= sae.code_scale_
    return weights, intercepts


def start(case, first):
    """Scale, weights and intercepts of a new estimator: fitted to the first chunk with a rate that moves nothing."""
    sae = case.estimator(learning_rate_init=1e-30, batch_size=first.shape[0]).partial_fit(first)
    weights, intercepts = as_trained(sae)
    intercepts[0] += sae.mean_ @ weights[0]
    intercepts[-1] = (intercepts[-1] - sae.mean_) / sae.scale_
    weights[0] *= sae.scale_
    weights[-1] /= sae.scale_
    arrays = {f"weight{i}": w for i, w in enumerate(weights)} | {f"intercept{i}": b for i, b in enumerate(intercepts)}
    return {"mean": sae.mean_, "scale": sae.scale_, **arrays}


def write(case, folder, path=None):
    """Write the files of a case; the rows of its first call set mean and scale."""
    X, note = SOURCES[case.data](path, np.random.default_rng(0))
    n_first = len(X) * 6 // 7 if case is QUALITY else case.chunk_rows
    if sparse.issparse(X):
        sparse.save_npz(folder / "X.npz", X, compressed=False)
    else:
        X = standardise(X, n_first)
        np.save(folder / "X.npy", X)
    np.savez(folder / "start.npz", **start(case, X[:n_first]))
    (folder / "note.txt").write_text(note, encoding="utf-8")


def read(folder):
    """The rows, and a dictionary with mean, scale and layers."""
    folder = Path(folder)
    dense = folder / "X.npy"
    X = np.load(dense) if dense.exists() else sparse.load_npz(folder / "X.npz")
    with np.load(folder / "start.npz") as archive:
        arrays = dict(archive)
    layers = [(arrays[f"weight{i}"], arrays[f"intercept{i}"]) for i in range(len(arrays) // 2 - 1)]
    return X, {"mean": arrays["mean"], "scale": float(arrays["scale"]), "layers": layers}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", choices=[*CASES, "quality"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mnist", help="path of a .npz file with X (70000, 784) and y")
    arguments = parser.parse_args()
    write((CASES | {"quality": QUALITY})[arguments.case], arguments.folder, arguments.mnist)
