"""Change units of a code, and what that makes of the data."""

import numpy as np
from scipy.sparse import csr_array, csr_matrix, issparse, isspmatrix, vstack

from .._as_seen import frame_like
from .._chosen_units import unit_index
from .._model import InspectedModel


def edit(estimator, X, changes):
    r"""Return the data as it would be if units had other values.

    With :math:`f` the code of a row x, :math:`f'` the code after the changes, and g the decoder,

    .. math::

        x' = x + g(f') - g(f)

    The change of the reconstruction is added to the data themselves, once: what the model does not reconstruct, the
    error :math:`x - g(f)`, is kept, and rows whose units have these values already come back bit for bit. Decoding
    the changed code alone would lose the error; adding the error of the *changed* reconstruction would undo the edit.
    Of a pipeline with a scaler, the change is in the units of the data.

    Parameters
    ----------
    estimator : object
        Fitted estimator with `transform` and `inverse_transform`, or a pipeline of such. Leading steps of a pipeline
        that have no inverse in numbers, as a vectoriser of texts, are applied first, and what they give is edited.
    X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
        Data. Missing values (NaN), where the estimator accepts them, stay missing.
    changes : dict
        New values by unit. A unit is an index, or one of the names that ``estimator.get_feature_names_out`` gives; a
        value is a number for all rows, or an array of shape (n_samples,). 0 removes the unit; other values are in
        units of the codes that `transform` returns.

    Returns
    -------
    {ndarray, sparse array, dataframe} of shape (n_samples, n_features)
        Edited data, a copy of what was given and of its kind. Sparse rows that change get as many entries as the
        decoder writes.

    Raises
    ------
    ValueError
        If a unit does not exist, a value is not finite, an array of values does not have one value a row, or a value
        is negative where codes are not.
    TypeError
        If a unit is neither an int nor a name, or the estimator does not decode.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    unit_effects : What units change in the predictions of a pipeline.

    Notes
    -----
    The code of the edited row is not the edited code in general: it is what the encoder makes of the row.

    References
    ----------
    Templeton et al., `Scaling Monosemanticity
    <https://transformer-circuits.pub/2024/scaling-monosemanticity/>`_, 2024, where the residual stream of a model is
    steered in this way, with the error left as it is.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skl_sae.inspection import edit
    >>> X = load_iris().data
    >>> pca = make_pipeline(StandardScaler(), PCA(n_components=2)).fit(X)
    >>> edit(pca, X[:1], {0: 2.0}).round(1)  # the size of a flower, in centimetres
    array([[6.9, 3. , 5.8, 2. ]])
    >>> X[:1]
    array([[5.1, 3.5, 1.4, 0.2]])
    """
    model = InspectedModel(estimator)
    numbers = model.read(X)
    units, values = _checked(model, changes, numbers.shape[0])
    edited = [_edited(model, numbers[rows], codes, units, values[rows]) for rows, codes in model.blocks(numbers)]
    if issparse(numbers):
        edited = vstack(edited, format="csr")
        return csr_matrix(edited) if isspmatrix(X) else edited
    edited = np.concatenate(edited)
    if model.reader is None and hasattr(X, "columns"):
        return frame_like(X, edited, getattr(X, "index", None))
    return edited


def _checked(model, changes, n_samples):
    """Indices of the units, and their values, a column a unit."""
    if not isinstance(changes, dict):
        raise TypeError(f"Got changes={changes!r}; expected a dict of values by unit, such as {{3: 0.0}}.")
    units = np.array([unit_index(model, unit) for unit in changes], dtype=np.intp)
    if len(np.unique(units)) < len(units):
        raise ValueError(f"Got {list(changes)!r}; expected each unit once, and two of these are the same.")
    values = np.empty((n_samples, len(units)))
    for column, (unit, value) in enumerate(changes.items()):
        value = np.asarray(value, dtype=np.float64)
        if value.ndim and value.shape != (n_samples,):
            raise ValueError(
                f"Got values of shape {value.shape} for unit {unit!r}; expected a number, or one for each of the "
                f"{n_samples} rows."
            )
        if not np.isfinite(value).all():
            raise ValueError(f"Got values for unit {unit!r} that are not finite; expected numbers. 0 removes a unit.")
        if (value < 0).any() and has_no_negative_codes(model.learner):
            raise ValueError(
                f"Got {value.min():g} for unit {unit!r}; expected values of at least 0, as all codes of this model "
                "are. 0 removes the unit."
            )
        values[:, column] = value
    return units, values


def has_no_negative_codes(learner):
    """Whether the codes of an estimator are known to be at least zero."""
    if hasattr(learner, "activation_"):
        return learner.activation_ not in ("identity", "tanh")
    if getattr(learner, "positive", False) is True or getattr(learner, "positive_code", False) is True:
        return True
    tags = learner.__sklearn_tags__() if hasattr(learner, "__sklearn_tags__") else None
    return tags is not None and tags.input_tags.positive_only  # factorisations of data that are not negative


def _edited(model, X, codes, units, values):
    """A block of rows, edited."""
    with np.errstate(over="ignore"):
        values = values.astype(codes.dtype)
    if not np.isfinite(values).all():
        raise ValueError(f"Got values that {codes.dtype}, the type of the codes, cannot hold; expected smaller ones.")
    rows = np.flatnonzero((codes[:, units].toarray() != values).any(axis=1))
    X = X.copy() if issparse(X) or X.dtype.kind == "f" else X.astype(np.float64)
    if len(rows) == 0:
        return X
    before = codes[rows]
    delta = model.decode(replaced(before, units, values[rows])) - model.decode(before)
    if not issparse(X):
        X[rows] = np.where(delta != 0, X[rows] + delta, X[rows])
        return X
    entry_rows, entry_columns = np.nonzero(delta)
    place = rows[entry_rows], entry_columns
    dtype = X.dtype if X.dtype.kind == "f" else np.float64
    return (X + csr_array((delta[entry_rows, entry_columns], place), shape=X.shape)).astype(dtype)


def replaced(codes, units, values):
    """Return codes in CSR with other values, (n_rows, n_changed), in the columns `units`."""
    kept = codes.copy()
    kept.data[np.isin(kept.indices, units)] = 0
    rows, columns = np.nonzero(values)
    edited = kept + csr_array((values[rows, columns], (rows, units[columns])), shape=codes.shape, dtype=codes.dtype)
    edited.eliminate_zeros()
    return edited
