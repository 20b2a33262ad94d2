"""Rows without one of their units, as a predictor takes them."""

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.base import OneToOneFeatureMixin
from sklearn.feature_selection import SelectorMixin
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, gen_batches
from sklearn.utils.validation import _num_samples, check_is_fitted

from .._as_seen import frame_like
from .._model import BLOCK_ENTRIES, InspectedModel


def ablations(estimator, encoder, step):
    """Return where units are removed: in the data, or, without an encoder, in the codes inside of the pipeline."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    check_is_fitted(estimator)
    if encoder is not None:
        if step is not None:
            raise ValueError(f"Got step={step!r} and an encoder; expected one of them.")
        return InData(estimator, InspectedModel(encoder))
    if not isinstance(estimator, Pipeline):
        raise TypeError(
            f"Got {type(estimator).__name__}; expected a fitted pipeline of an encoder and a predictor. For a "
            "predictor that takes the data themselves, pass encoder= as well."
        )
    at = _place(estimator, step)
    return InCodes(estimator[at + 1 :], estimator[at], estimator[:at] if at else None)


def _place(pipeline, step):
    """Index of the step whose outputs are the units."""
    names = [name for name, _ in pipeline.steps[:-1]]
    if step is not None:
        if step not in names:
            raise ValueError(f"Got step={step!r}; expected one of {', '.join(map(repr, names)) or 'no step at all'}.")
        return names.index(step)
    for at in reversed(range(len(names))):
        transformer = pipeline.steps[at][1]
        same_columns = isinstance(transformer, OneToOneFeatureMixin | SelectorMixin)
        if hasattr(transformer, "inverse_transform") and hasattr(transformer, "transform") and not same_columns:
            return at
    raise TypeError(
        f"Got a pipeline of {', '.join(map(repr, [*names, pipeline.steps[-1][0]]))}, in which no step before the last "
        "one encodes and decodes; expected one, or name the step whose outputs are the units by step=."
    )


class InCodes:
    """Units of a step of a pipeline, whose codes the later steps take."""

    def __init__(self, predictor, model, before):
        self.predictor, self.model, self.before = predictor, model, before
        self.n_units = len(model.get_feature_names_out())

    def blocks(self, X):
        """Yield blocks of rows."""
        size = max(1, BLOCK_ENTRIES // max(self.n_units, 1))
        for block in _row_blocks(X, size):
            yield Block(self.model.transform(block if self.before is None else self.before.transform(block)), size)


class Block:
    """Rows that the predictor takes, which are codes: dense, sparse or a data frame."""

    def __init__(self, inputs, size):
        self.inputs, self.size = inputs, size
        self.codes = inputs.tocsr() if issparse(inputs) else np.asarray(inputs)

    def entries(self, units):
        """Yield batches of the entries of these units that are not zero: rows and units."""
        rows, columns = self.codes[:, units].nonzero()
        for start in range(0, len(rows), self.size):
            batch = slice(start, start + self.size)
            yield rows[batch], units[columns[batch]]

    def without(self, rows, units):
        """Return a copy of the row of each entry, without the entry."""
        return self._like_inputs(_less_one_entry(self.codes[rows], units))

    def _like_inputs(self, rows):
        return frame_like(self.inputs, rows) if hasattr(self.inputs, "columns") else rows


class InData:
    """Units of an encoder of the data; the predictor takes the data."""

    def __init__(self, predictor, inspected):
        if inspected.reader is not None:
            raise TypeError(
                "Got an encoder that reads its data by a step without an inverse; expected one of numbers. Pass the "
                "numbers as X, and the steps after that one as the encoder."
            )
        self.predictor, self.inspected, self.model = predictor, inspected, inspected.model
        self.n_units = inspected.n_units

    def blocks(self, X):
        """Yield blocks of rows."""
        size = max(1, BLOCK_ENTRIES // max(self.n_units, self.inspected.n_features, 1))
        for block in _row_blocks(X, size):
            yield DataBlock(self.inspected, block, size)


class DataBlock(Block):
    """Rows that the predictor takes, which are data, and their codes in CSR."""

    def __init__(self, inspected, inputs, size):
        self.inspected, self.inputs, self.size = inspected, inputs, size
        self.numbers = inspected.read(inputs)
        self.codes = inspected.encode(self.numbers)

    def without(self, rows, units):
        """Return a copy of the row of each entry, less what the entry adds to its reconstruction."""
        codes, numbers, decode = self.codes[rows], self.numbers[rows], self.inspected.decode
        delta = decode(_less_one_entry(codes.copy(), units)) - decode(codes)
        return (numbers + csr_array(delta)).tocsr() if issparse(numbers) else self._like_inputs(numbers + delta)


def _row_blocks(X, size):
    """Yield blocks of rows, in the container of X."""
    X = X.tocsr() if issparse(X) else X
    for rows in gen_batches(_num_samples(X), size):
        yield _safe_indexing(X, rows)


def _less_one_entry(codes, units):
    """Set one unit of each row to zero, in place."""
    if issparse(codes):
        entry_rows = np.repeat(np.arange(codes.shape[0]), np.diff(codes.indptr))
        codes.data[codes.indices == units[entry_rows]] = 0
        codes.eliminate_zeros()
    else:
        codes[np.arange(len(units)), units] = 0
    return codes
