"""A fitted estimator, as an encoder and a decoder of numbers."""

from functools import cached_property

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import check_array, gen_batches
from sklearn.utils.validation import _num_samples, check_is_fitted

from .._kernels.sparse_structure import check_sparse_structure
from ._as_seen import as_seen
from ._column_units import column_units

# Numbers of data, of codes and of reconstructions that are held at a time.
BLOCK_ENTRIES = 1 << 22
# A decoder is called affine where this many reconstructions are what effects of single units add up to, so closely in
# comparison with what all units add, and with the reconstruction of zeros.
_CHECKED_ROWS, _TOLERANCE, _ROUNDING = 32, 1e-3, 1e-5


class InspectedModel:
    """A fitted estimator with `transform` and `inverse_transform`, or a pipeline of such.

    Leading steps of a pipeline that have no inverse in numbers, as a vectoriser of texts, are applied to the data
    first; what is explained are the numbers that they give; columns that a ColumnTransformer scaled are told in their
    own units. Of a search, the best estimator is taken. The last step is
    the *learner*: errors and directions are compared in its space, which scalers in front of it have made, and amounts
    are told in the units of the numbers.

    Parameters
    ----------
    estimator : object
        Fitted; never changed.
    feature_names : array-like of str of shape (n_features,), default=None
        Names of the columns of these numbers. None takes those that the estimator knows, or else x0, x1, ...
    """

    def __init__(self, estimator, feature_names=None):
        check_is_fitted(estimator)
        self.estimator = estimator
        estimator = getattr(estimator, "best_estimator_", estimator)
        self.reader, self.model = _split(estimator)
        self._columns = _own_units(self.reader, _steps(self.model)[0][1])
        if self._columns is not None:
            self.model = Pipeline([("columns", self._columns), *_steps(self.model)])
        for needed in ("transform", "inverse_transform"):
            if not hasattr(self.model, needed):
                raise TypeError(
                    f"Got {type(self.model).__name__}, which has no {needed!r}; expected a fitted estimator that "
                    "encodes and decodes, or a pipeline of such. Of a pipeline that ends in a classifier, pass the "
                    "steps before it: pipeline[:-1]."
                )
        is_pipeline = isinstance(self.model, Pipeline)
        self.learner = self.model.steps[-1][1] if is_pipeline else self.model
        self._before = self.model[:-1] if is_pipeline and len(self.model) > 1 else None
        self._given_names = None if feature_names is None else np.asarray(feature_names, dtype=object)
        if self._given_names is not None and self._given_names.ndim != 1:
            raise ValueError(f"Got feature_names={feature_names!r}; expected a sequence of names, one a column.")

    def read(self, X):
        """Return the data as numbers: a dense array, which may have NaN, or CSR."""
        if self.reader is not None:
            X = self.reader.transform(X)
            X = X if self._columns is None else self._columns.inverse_transform(X)
        elif hasattr(X, "columns"):
            self._check_columns(list(X.columns))
        check_sparse_structure(X)
        X = check_array(X, accept_sparse="csr", dtype="numeric", ensure_all_finite="allow-nan", input_name="X")
        if self._given_names is not None:  # before work that takes long
            _check_names(self._given_names, X.shape[1])
        return _as_numbers(X)

    def _check_columns(self, columns):
        """Compare a data frame with the one that was fitted; names that the model does not know are taken from it."""
        known = getattr(self.model, "feature_names_in_", None)
        if known is None:
            self._given_names = np.asarray(columns, dtype=object) if self._given_names is None else self._given_names
        elif columns != list(known):
            raise ValueError(_other_columns(columns, list(known)))

    def encode(self, X):
        """Return the codes of numbers in CSR, without stored zeros."""
        return _as_codes(self.model.transform(as_seen(self.model, X)))

    def decode(self, codes):
        """Return the reconstructions of codes, dense."""
        return _as_dense(self.model.inverse_transform(self._decodable(codes)))

    def for_learner(self, X):
        """Return numbers in the space of the last step."""
        return X if self._before is None else _as_numbers(self._before.transform(as_seen(self._before, X)))

    def learner_encode(self, Z):
        """Return the codes of numbers in the space of the last step."""
        return _as_codes(self.learner.transform(as_seen(self.learner, Z)))

    def learner_decode(self, codes):
        """Return the reconstructions of codes in the space of the last step, dense."""
        return _as_dense(self.learner.inverse_transform(self._decodable(codes)))

    def _decodable(self, codes):
        """CSR stays what it is where it can be decoded."""
        return _as_dense(codes) if issparse(codes) and not self._decodes_sparse else codes

    @cached_property
    def _decodes_sparse(self):
        one = np.zeros((1, self.n_units))
        one[0, 0] = 1.0
        try:
            decoded = self.learner.inverse_transform(csr_array(one))
        except (TypeError, ValueError):
            return False
        return getattr(decoded, "shape", None) == (1, self.learner_at_zero.shape[1]) and np.allclose(
            _as_dense(decoded), self.learner_decode(one)
        )

    def blocks(self, X):
        """Yield slices of the rows, with the codes of these in CSR."""
        for rows in self.batches(X):
            yield rows, self.encode(X[rows])

    def batches(self, X):
        """Yield slices of the rows, of which data, codes and reconstructions can be held."""
        width = max(self.n_features, self.n_units, 1)
        yield from gen_batches(_num_samples(X), max(1, BLOCK_ENTRIES // width))

    @cached_property
    def n_features(self):
        """Number of columns of the numbers."""
        return self.at_zero.shape[1]

    @cached_property
    def n_units(self):
        """Number of units of the code."""
        if hasattr(self.learner, "get_feature_names_out"):
            return len(self.learner.get_feature_names_out())
        return len(self.learner.components_)

    @cached_property
    def at_zero(self):
        """Reconstruction of a code of zeros, of shape (1, n_features)."""
        return self.decode(np.zeros((1, self.n_units)))

    @cached_property
    def learner_at_zero(self):
        """Reconstruction of a code of zeros in the space of the last step, of shape (1, n_columns)."""
        return self.learner_decode(np.zeros((1, self.n_units)))

    @cached_property
    def has_names(self):
        """Whether the columns have names that somebody gave them."""
        return self._known_names is not None

    @cached_property
    def feature_names(self):
        """Names of the columns, an array of str."""
        names = self._known_names if self.has_names else [f"x{i}" for i in range(self.n_features)]
        _check_names(names, self.n_features)
        return np.array([str(name) for name in names], dtype=object)

    @cached_property
    def _known_names(self):
        if self._given_names is not None:
            return self._given_names
        if self.reader is None:
            return getattr(self.model, "feature_names_in_", None)
        try:
            names = self.reader.get_feature_names_out()
        except AttributeError:  # one of the steps that read has none
            return None
        short = [name.partition("__")[2] for name in names] if self._columns is not None else names
        return short if len(set(short)) == len(names) else names


def directions(decode, n_units, codes):
    """Return what each unit adds to the output at a value of one, if decoding is affine; else None.

    Parameters
    ----------
    decode : callable
        Gives the reconstructions of codes.
    n_units : int
        Number of units.
    codes : csr_array of shape (n, n_units)
        Codes of data, on which it is checked.

    Returns
    -------
    atoms : ndarray of shape (n_units, n_columns) or None
        Rows add up to reconstructions.
    """
    zero = decode(np.zeros((1, n_units)))
    atoms = np.empty((n_units, zero.shape[1]), dtype=zero.dtype)
    # Powers of two as large as the values: small steps drown in the offset.
    largest = abs(codes).max(axis=0).toarray().ravel()
    steps = np.ldexp(np.ones(n_units, dtype=zero.dtype), np.frexp(largest)[1])
    for units in gen_batches(n_units, max(1, BLOCK_ENTRIES // max(atoms.shape))):
        n = units.stop - units.start
        places = np.arange(n), np.arange(units.start, units.stop)
        alone = csr_array((steps[units], places), shape=(n, n_units))
        atoms[units] = (decode(alone) - zero) / steps[units, None]
    some = codes[np.unique(np.linspace(0, codes.shape[0] - 1, _CHECKED_ROWS).astype(int))]
    decoded = decode(some) - zero
    error = np.abs(some @ atoms - decoded).max(axis=0)
    rounding = _ROUNDING * np.abs(zero[0])
    return atoms if (error <= _TOLERANCE * np.abs(decoded).max(axis=0) + rounding).all() else None


def _check_names(names, n_columns):
    if len(names) != n_columns:
        raise ValueError(f"Got {len(names)} feature_names; expected {n_columns}, one a column.")


def _as_dense(X):
    return X.toarray() if issparse(X) else np.asarray(X)


def _other_columns(columns, known):
    """The message for a data frame whose columns are not those of the fit."""
    missing, extra = [name for name in known if name not in columns], [name for name in columns if name not in known]
    found = [f"{len(missing)} are missing, such as {missing[0]!r}"] if missing else []
    found += [f"{len(extra)} are others, such as {extra[0]!r}"] if extra else []
    return (
        f"Got X with {len(columns)} columns; expected the {len(known)} of the fit: "
        f"{'; '.join(found) or 'their order is another one, X[estimator.feature_names_in_] has it'}."
    )


def _as_numbers(X):
    return csr_array(X) if issparse(X) else np.asarray(X)


def _as_codes(codes):
    codes = csr_array(codes if issparse(codes) else np.asarray(codes))
    codes.sum_duplicates()
    codes.eliminate_zeros()
    return codes


def _split(estimator):
    """Return the leading steps that read, or None, and the steps that encode and decode."""
    if not isinstance(estimator, Pipeline):
        return None, estimator
    while len(estimator) > 1 and _does_nothing(estimator.steps[-1][1]):
        estimator = estimator[:-1]
    steps = [step for _, step in estimator.steps]
    first = 0
    for i, step in enumerate(steps[:-1]):
        if not _does_nothing(step) and not _inverts(step, steps[i + 1 :]):
            first = i + 1
    return (estimator[:first] if first else None), (estimator[first:] if first else estimator)


def _does_nothing(step):
    return step is None or isinstance(step, str)  # "passthrough"


def _inverts(step, later):
    """Whether a step of a pipeline goes back from numbers to numbers; some have the method and raise."""
    if not hasattr(step, "inverse_transform") or isinstance(step, SimpleImputer):  # which makes missing values again
        return False
    if isinstance(step, FunctionTransformer):  # without an inverse it says that it is its own
        return step.func is None or step.inverse_func is not None
    widths = [after.n_features_in_ for after in later if hasattr(after, "n_features_in_")]
    if not widths:
        return True
    try:
        back = step.inverse_transform(np.zeros((1, widths[0])))
    except (AttributeError, NotImplementedError, TypeError, ValueError):
        return False
    return getattr(back, "ndim", 0) == 2 and back.dtype.kind in "biuf"


def _own_units(reader, following):
    """The step for the scalers of a ColumnTransformer, if the last of the steps that read is one; else None."""
    last = reader.steps[-1][1] if isinstance(reader, Pipeline) else reader
    return column_units(last, _split, following) if isinstance(last, ColumnTransformer) else None


def _steps(model):
    return model.steps if isinstance(model, Pipeline) else [("model", model)]
