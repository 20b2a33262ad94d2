"""What a smaller model saves, and what it costs."""

import pickle
import time

import numpy as np
from scipy.sparse import issparse

from .._autoencoder import SparseAutoencoder
from .._estimator.sparse_weights import trainable_or_stored

# Seconds that a rate of a model is measured for, at least, and rows of the batch that it is measured on, at most.
SECONDS, BATCH_ROWS = 0.2, 4096
# Rows that are encoded one by one.
SINGLE_ROWS = 20
# A rate counts as higher from this factor on: less is noise.
FASTER = 1.05


def compression_report(before, after=None, X=None):
    """Compare a model with a smaller one: parameters, bytes, explained variance and speed.

    Parameters
    ----------
    before : SparseAutoencoder
        Fitted.
    after : SparseAutoencoder, optional
        Fitted; what was made of it. Without, the report is about one model.
    X : {array-like, sparse matrix} of shape (n_samples, n_features), optional
        Rows to measure on, best ones that no training has seen. Without, there is no explained variance and no speed.

    Returns
    -------
    report : DataFrame
        Rows "before", "after" and "ratio", which is after / before. Columns:

        ``parameters``
            Weights, intercepts and what a rule learns for each unit.
        ``non_zeros``
            Those of the weights that are not zero, and all others.
        ``bytes_in_memory``
            Of the parameters, as they are kept.
        ``bytes_on_disk``
            Of the whole estimator, as ``pickle`` writes it: also the state of the optimizer, if it is kept.
        ``explained_variance``
            ``score(X)``.
        ``rows_per_s_single``, ``rows_per_s_batch``
            Of ``transform``, row by row and of up to 4096 rows at once: timings of this machine, which should have
            nothing else to do meanwhile.
        ``single_row_faster``
            Whether the rate of single rows is higher by more than 5 %. Checks of the input take most of that time, so
            that a small model may not be faster.

    Raises
    ------
    TypeError
        If a model is something else than a `SparseAutoencoder`.
    ImportError
        Without pandas, which ``pip install "skl-sae[report]"`` brings.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.compression import compression_report, prune
    >>> X, y = load_digits(return_X_y=True)
    >>> sae = SparseAutoencoder(n_components=64, max_iter=20, random_state=0).fit(X)
    >>> report = compression_report(sae, prune(sae, 0.5).sparsify())
    >>> report.loc[["before", "after"], "non_zeros"].tolist()
    [8320.0, 4224.0]
    """
    import pandas as pd

    models = {"before": before} if after is None else {"before": before, "after": after}
    for name, model in models.items():
        if not isinstance(model, SparseAutoencoder):
            raise TypeError(f"{name}: compression_report takes a fitted SparseAutoencoder, got {type(model).__name__}.")
    rows = {name: _sizes(model) for name, model in models.items()}
    if X is not None:
        X = X.tocsr() if issparse(X) else X if hasattr(X, "shape") else np.asarray(X)
        if X.ndim != 2:
            raise ValueError(f"Got X of shape {X.shape}; expected rows of data, two dimensions.")
        rates = _rates(models, X)
        rows = {
            name: rows[name] | {"explained_variance": model.score(X)} | rates[name] for name, model in models.items()
        }
    report = pd.DataFrame(rows).T
    counts = ["parameters", "non_zeros", "bytes_in_memory", "bytes_on_disk"]
    report = report.astype(dict.fromkeys(counts, "int64"))
    if after is None:
        return report
    ratio = report.loc["after"] / report.loc["before"]
    report = report.astype("float64")
    report.loc["ratio"] = ratio
    report = report.convert_dtypes()
    if X is not None:
        faster = bool(ratio["rows_per_s_single"] > FASTER)
        report["single_row_faster"] = pd.array([None, faster, None], dtype="boolean")
    return report


def _sizes(model):
    network = trainable_or_stored(model, "compression_report")
    p = network.parameters
    sizes = {name: int(np.prod(shape)) for name, shape in p.shapes().items()}
    weights = sum(sizes[name] for name in p.matrix_names)
    return {
        "parameters": sum(sizes.values()),
        "non_zeros": round(model.density_ * weights) + sum(sizes.values()) - weights,
        "bytes_in_memory": p.nbytes,
        "bytes_on_disk": _bytes_of_pickle(model),
    }


class _Counter:
    """A file that only counts what is written."""

    n_bytes = 0

    def write(self, data):
        """Count, and forget."""
        self.n_bytes += memoryview(data).nbytes


def _bytes_of_pickle(model):
    counter = _Counter()
    pickle.Pickler(counter, pickle.HIGHEST_PROTOCOL).dump(model)
    return counter.n_bytes


def _rates(models, X):
    """Rows that each model encodes in a second, one by one and in a batch."""
    rows = [X[i : i + 1] for i in range(min(SINGLE_ROWS, X.shape[0]))]
    batch = X[: min(BATCH_ROWS, X.shape[0])]
    work = {"single": (rows, len(rows)), "batch": ([batch], batch.shape[0])}
    rates = {name: {} for name in models}
    for kind, (parts, n_rows) in work.items():
        for name, seconds in _fastest(models, parts).items():
            rates[name][f"rows_per_s_{kind}"] = n_rows / seconds
    return rates


def _fastest(models, parts):
    """Seconds that each model needs for some parts of the data, each part at best: what else is running disturbs.

    Models take turns, so that a machine that slows down does so for all.
    """
    best, start, n_rounds = np.full((len(models), len(parts)), np.inf), time.perf_counter(), 0
    while n_rounds < 4 or time.perf_counter() - start < SECONDS * len(models):
        for i, part in enumerate(parts):
            for times, model in zip(best, models.values(), strict=True):
                begin = time.perf_counter()
                model.transform(part)
                times[i] = min(times[i], time.perf_counter() - begin)
        n_rounds += 1
    return dict(zip(models, best.sum(axis=1), strict=True))
