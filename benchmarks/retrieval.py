"""Retrieval of MNIST's digits by sparse codes: mean average precision, memory and speed, against pixels and hashes.

    python benchmarks/retrieval.py --mnist PATH [--select] [--queries 1000] [--rounds 7]

The 60,000 training images are the database, test images the queries, and an image is relevant if it shows the same
digit. No coder sees a label. "mAP" is the mean average precision over the whole database, "at 100" the share of
relevant images among the 100 nearest, "1-NN" the accuracy of the nearest one's label. Everything is ranked by cosine;
LSH by the Hamming distance, as its bits are +1 and -1.

"k of m" are the codes of an autoencoder with m units of which k are active: values and places of 4 bytes each, in CSR.
Those "taught with 1" learn with a single active unit, as in k-means, and `transform_k` lets k of them answer. Where two
or three are joined, it is a `FeatureUnion` of them. "Binary" codes keep the places alone. FlyHash (Dasgupta, Stevens
and Navlakha 2017) sums a tenth of the centred pixels for each of 20 k units, and the k largest become ones; LSH has the
signs of k random projections of the centred pixels. Ryali, Hopfield, Grinberg and Krotov (2020, "Bio-Inspired Hashing
for Unsupervised Similarity Search") compare such codes at an equal k.

Queries per second: the ten nearest images of 500 queries, methods by turns, the median of the rounds. Encoding the
queries is not in it, but has a column of its own.

``--select`` prints what the settings were chosen by: the same figures with some of 5000 training images as queries and
the other 55,000 as the database. Test images took no part. Writes retrieval.md.
"""

import argparse
import time
import warnings
from datetime import date
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import Binarizer, FunctionTransformer, StandardScaler
from threadpoolctl import threadpool_limits

import processors
import report
from skl_sae import SparseAutoencoder
from skl_sae.coding import KSVD
from skl_sae.datasets import load_mnist
from skl_sae.image import ImageRetrieval
from skl_sae.metrics import mean_average_precision
from skl_sae.sparsity import BatchTopK, TopK

EPOCHS = 8
ACTIVE = 2, 4, 8, 16, 32  # of a hash


class Flies(TransformerMixin, BaseEstimator):
    """Ones for the k largest of random sums of centred pixels; with `signs`, the signs of k random projections."""

    def __init__(self, k, signs=False, random_state=0):
        self.k, self.signs, self.random_state = k, signs, random_state

    def fit(self, X, y=None):
        rng, d = np.random.default_rng(self.random_state), X.shape[1]
        self.mean_ = X.mean(axis=0)
        if self.signs:
            self.weights_ = rng.standard_normal((d, self.k)).astype(X.dtype)
        else:
            self.weights_ = (rng.random((d, 20 * self.k)) < 0.1).astype(X.dtype)
        return self

    def transform(self, X):
        sums = (X - self.mean_) @ self.weights_
        if self.signs:
            return np.sign(sums)
        rows = np.repeat(np.arange(len(X)), self.k)
        columns = np.argpartition(-sums, self.k - 1, axis=1)[:, : self.k].ravel()
        return sparse.csr_array((np.ones(rows.size, X.dtype), (rows, columns)), shape=sums.shape)


def autoencoder(m, sparsity, seed=0, **options):
    return SparseAutoencoder(m, sparsity=sparsity, sparse_output=True, max_iter=EPOCHS, random_state=seed, **options)


def joined(*parts):
    """Codes of several autoencoders side by side: units, active units in training, active units in codes."""
    coders = [autoencoder(m, TopK(k, transform_k=more), seed) for seed, (m, k, more) in enumerate(parts)]
    if len(coders) == 1:
        return coders[0]
    return FeatureUnion([(str(number), coder) for number, coder in enumerate(coders)])


#: What is compared: coders by name, of codes and of hashes.
CODES = {
    "16 of 64": joined((64, 16, 16)),
    "8 of 256": joined((256, 8, 8)),
    "4 of 64, taught with 1": joined((64, 1, 4)),
    "4 of 128, taught with 1": joined((128, 1, 4)),
    "4 of 64 and 4 of 128, taught with 1": joined((64, 1, 4), (128, 1, 4)),
    "4 of 64, 128 and 256, taught with 1": joined((64, 1, 4), (128, 1, 4), (256, 1, 4)),
    "4 of 64, taught with 1, and 8 of 64": joined((64, 1, 4), (64, 8, 8)),
    "4 of 64, taught with 1, binary": make_pipeline(joined((64, 1, 4)), Binarizer()),
}
HASHES = {
    **{f"FlyHash, {k} of {20 * k}": Flies(k) for k in ACTIVE},
    **{f"LSH, {k} bits": Flies(k, signs=True) for k in ACTIVE},
}
#: What else was tried, in the selection alone.
TRIED = {
    **{f"{k} of {m}": joined((m, k, k)) for m in (64, 256, 1024) for k in (4, 8, 16)},
    **{f"{k} of {m}, taught with 1": joined((m, 1, k)) for m in (32, 64, 128, 256) for k in (3, 4, 8)},
    "4 of 64, taught with 2": joined((64, 2, 4)),
    "4 of 64, BatchTopK": autoencoder(64, BatchTopK(4)),
    "4 of 64, masking": autoencoder(64, TopK(4), corruption="masking", corruption_level=0.5),
    "4 of 64, taught with 1, masking": autoencoder(
        64, TopK(1, transform_k=4), corruption="masking", corruption_level=0.5
    ),
    "4 of 64, hidden layer of 512": autoencoder(64, TopK(4), hidden_layer_sizes=(512,)),
    "4 of 64, KSVD": KSVD(64, n_nonzero_coefs=4, method="online", max_iter=3, sparse_output=True, random_state=0),
}
#: What is ranked as dense rows.
ROWS = {
    "pixels": FunctionTransformer(),
    "centred pixels": StandardScaler(with_std=False),
    **{f"PCA, {k}": PCA(k, random_state=0) for k in (8, 16, 32)},
}


class DenseIndex:
    """The figures and the search of dense rows, by scikit-learn."""

    def __init__(self, transformer, X, y):
        self.transformer, self.y = clone(transformer).fit(X), y
        self.rows = self.transformer.transform(X)
        self.search = NearestNeighbors(metric="cosine", algorithm="brute").fit(self.rows)
        self.bytes = self.rows.nbytes / len(self.rows)

    def encode(self, X):
        return self.transformer.transform(X)

    def kneighbors(self, rows, n):
        return self.search.kneighbors(rows, n, return_distance=False)

    def mean_average_precision(self, X, y):
        return mean_average_precision(self.encode(X), self.rows, y, self.y)


class SparseIndex:
    """The same of sparse codes, by `ImageRetrieval`, or by scikit-learn's search on the same codes."""

    def __init__(self, coder, X, y):
        self.retrieval, self.y = ImageRetrieval(coder).fit(X, y), y
        self.codes = self.retrieval.index_.tocsr()
        parts = [self.codes.data, self.codes.indices, self.codes.indptr]
        self.bytes = sum(x.nbytes for x in (parts if np.ptp(parts[0]) else parts[1:])) / len(y)  # ones need no place
        # searches codes that are made already
        self.search = ImageRetrieval(FrozenEstimator(FunctionTransformer(accept_sparse=True))).fit(self.codes)

    def encode(self, X):
        return self.retrieval.coder_.transform(X)

    def kneighbors(self, codes, n):
        return self.search.kneighbors(codes, n, return_distance=False)

    def mean_average_precision(self, X, y):
        return self.retrieval.mean_average_precision(X, y)


def figures(index, X, y):
    """mAP, precision at 100 and accuracy of the nearest neighbour in percent, and bytes of an image."""
    labels = index.y[index.kneighbors(index.encode(X), 100)] == y[:, None]
    return 100 * np.array([index.mean_average_precision(X, y), labels.mean(), labels[:, 0].mean()]), index.bytes


def rates(indexes, X, rounds):
    """Queries per second: of the search, methods by turns."""
    searches = {name: partial(index.kneighbors, index.encode(X), 10) for name, index in indexes.items()}
    name, index = list(indexes.items())[-1]
    other = NearestNeighbors(metric="cosine", algorithm="brute").fit(index.codes)
    searches[f"{name}, by NearestNeighbors"] = partial(other.kneighbors, index.encode(X), 10)
    taken = {name: [] for name in searches}
    for _ in range(rounds + 1):
        for name, search in searches.items():
            start = time.perf_counter()
            search()
            taken[name].append(time.perf_counter() - start)
    return {name: len(X) / median(seconds[1:]) for name, seconds in taken.items()}


def encoding_rate(index, X):
    start = time.perf_counter()
    index.encode(X)
    return len(X) / (time.perf_counter() - start)


def table(found):
    """One row a method: the figures."""
    rows = []
    for name, (percent, size) in found.items():
        rows.append([name, *(f"{value:.1f}" for value in percent), f"{size:,.4g}"])
    return report.lines(["ranked by", "mAP, %", "at 100, %", "1-NN, %", "bytes an image"], rows)


def quality(X, y, X_queries, y_queries, coders, rows, more=None):
    """Figures by name, and the indexes that may be timed."""
    found, indexes = {}, {}
    for name, transformer in {**rows, **coders, **(more or {})}.items():
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*of the units did not fire")
            index = (DenseIndex if name in rows or name.startswith("LSH") else SparseIndex)(transformer, X, y)
        found[name] = figures(index, X_queries, y_queries)
        if name.startswith("LSH"):
            found[name] = found[name][0], int(name.split()[1]) / 8
        told = " ".join(f"{value:.2f}" for value in found[name][0])
        print(f"{name}: {told} % {found[name][1]:.0f} bytes ({time.perf_counter() - start:.0f} s)", flush=True)
        if name in ("pixels", "PCA, 16") or name in coders:
            indexes[name] = index
    return found, indexes


def selection(X, y, n_queries):
    """What settings were chosen by."""
    order = np.random.default_rng(0).permutation(len(X))
    queries, database = order[:5000][:n_queries], order[5000:]
    data = X[database], y[database], X[queries], y[queries]
    return quality(*data, CODES | TRIED, ROWS)[0]


def speeds(indexes, X, options):
    """Searches with one thread and with all."""
    shown = ["pixels", "PCA, 16", "8 of 256", options.timed]
    some = {name: indexes[name] for name in shown}
    with threadpool_limits(1):
        alone = rates(some, X, options.rounds)
    together = rates(some, X, options.rounds)
    rows = []
    for name in alone:
        cells = [f"{rate[name]:,.0f}" for rate in (alone, together)]
        cells += [f"{rate[name] / rate['pixels']:.1f}" for rate in (alone, together)]
        rows.append([name, *cells, f"{encoding_rate(some[name], X):,.0f}" if name in some else ""])
    header = ["search", "queries/s, 1 thread", f"{processors.n_cores()} cores", "over pixels, 1 thread"]
    return report.lines([*header, f"{processors.n_cores()} cores", "encoded/s"], rows)


def document(found, told, options):
    parts = __doc__.split("\n\n")
    texts = [" ".join(part.split()) for part in parts[2:]]
    sizes = "Pixels have 784 bytes as integers, and 3136 as float32, which is what is ranked."
    machine = f"{date.today().isoformat()}, {processors.title()}, {options.queries} queries, {EPOCHS} epochs."
    pieces = ["# Retrieval", parts[0], *texts, "## Quality", table(found), sizes, "## Speed", told, machine]
    return "\n\n".join(pieces) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", help="path of a .npz file with X (70000, 784) and y; by default it is downloaded")
    parser.add_argument("--queries", type=int, default=1000, help="the first test images")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--timed", default="4 of 64 and 4 of 128, taught with 1", help="the codes that are timed")
    parser.add_argument("--select", action="store_true", help="the selection alone, on training images")
    parser.add_argument("--quick", action="store_true", help="6000 images, 200 queries; nothing is written")
    parser.add_argument("--out", type=Path, default=processors.folder())
    options = parser.parse_args()
    X, y, X_test, y_test = load_mnist(options.mnist)
    if options.quick:
        X, y, options.queries, options.rounds = X[:6000], y[:6000], 200, 2
    if options.select:
        print(table(selection(X, y, options.queries)))
        return
    queries, labels = X_test[: options.queries], y_test[: options.queries]
    found, indexes = quality(X, y, queries, labels, CODES, ROWS, HASHES)
    text = document(found, speeds(indexes, X_test[:500], options), options)
    print(text)
    if not options.quick:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "retrieval.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
