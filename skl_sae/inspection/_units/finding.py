"""Units that are looked for, and columns of given units."""

from numbers import Integral, Real

import numpy as np

from ..._extras import extra
from ..._parameters import named, with_plain_arguments
from .._chosen_units import unit_indices
from .._displays.common import check_count
from .._model import InspectedModel
from .effects import row_gains, strongest
from .facts import check_confidence, facts_of
from .gathering import gather
from .lifts import class_lifts
from .terms import term_log_odds


@with_plain_arguments
def top_features(estimator, X, *, units=None, n_top=10, feature_names=None):
    """Show the columns that units change most.

    Parameters
    ----------
    estimator : object
        Fitted estimator with `transform` and `inverse_transform`, or a pipeline of such.
    X : {array-like, sparse matrix, data frame, sequence of str} of shape (n_samples, n_features)
        Data, for the typical values of units and the spread of columns.
    units : int, str or array-like of such, default=None
        The units, by index or by the estimator's name of an output. None takes all.
    n_top : int, default=10
        Columns of each unit, at most all.
    feature_names : array-like of str of shape (n_features,), default=None
        Names of the columns. None takes those that the estimator or X knows.

    Returns
    -------
    pandas.DataFrame
        With the index "unit" and "rank", and the columns "feature", "amount" (what the unit adds at its typical value,
        in the column's own unit) and "strength" (the same in standard deviations of the column; of CSR, the amount).
        Ordered by the absolute strength.

    See Also
    --------
    describe_units : All that is known of units.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.inspection import top_features
    >>> X = load_wine(as_frame=True).data
    >>> sae = make_pipeline(StandardScaler(), SparseAutoencoder(8, max_iter=5, random_state=0)).fit(X)
    >>> top_features(sae, X, units=0, n_top=3).shape
    (3, 3)
    """
    with extra("report"):
        import pandas as pd
    gathered = gather(InspectedModel(estimator, feature_names), X, n_top=n_top)
    names, amounts = gathered.model.feature_names, gathered.amounts
    best = strongest(amounts, gathered.columns.spreads(), n_top)
    rows = [
        (unit, rank, names[column], amounts[unit, column], strength)
        for unit in unit_indices(gathered.model, units)
        for rank, (column, strength) in enumerate(zip(best.columns[unit, :n_top], best.strengths[unit], strict=False))
    ]
    return pd.DataFrame(rows, columns=["unit", "rank", "feature", "amount", "strength"]).set_index(["unit", "rank"])


@with_plain_arguments
def find_units(
    estimator,
    X,
    *,
    example=None,
    label=None,
    term=None,
    column=None,
    feature_names=None,
    y=None,
    texts=None,
    n_top=5,
    confidence=0.95,
):
    """Find the units for an example, a class, a term or a column.

    Parameters
    ----------
    estimator : object
        Fitted estimator with `transform` and `inverse_transform`, or a pipeline of such.
    X : {array-like, sparse matrix, data frame, sequence of str} of shape (n_samples, n_features)
        Data.
    example : int or object, default=None
        A row of X by its number, or data of one row in the form of X. Units that explain most of it come first.
    label : object, default=None
        One of the classes in y. Units with the largest lower bounds of its lift come first.
    term : str, default=None
        A term of the texts, or the name of a column of CSR. Units with the largest z come first.
    column : str, default=None
        Name of a column. Units that change it most come first.
    feature_names : array-like of str of shape (n_features,), default=None
        Names of the columns. None takes those that the estimator or X knows.
    y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_classes), default=None
        Class of each row, for `label`, or zeros and ones, a column a class: as of `describe_units`.
    texts : sequence of str of shape (n_samples,), default=None
        A text of each row, for `term`. None takes X where this is texts.
    n_top : int, default=5
        Units to return, at most; only those that have to do with what is looked for.
    confidence : float, default=0.95
        Confidence of the intervals of lifts.

    Returns
    -------
    pandas.DataFrame
        With the index "unit" and the column "name", and these:

        for `example`
            "value", "typical_value", and "gain": what the squared error of the row grows by without the unit, over the
            squared distance of the row from the reconstruction of a code of zeros.
        for `label`
            "lift", "low", "high", "precision" (share of the class where the unit is on) and "recall" (share of the
            class in which it is on).
        for `term`
            "log_odds", "z", and "share": of the rows in which the unit is on, those with the term.
        for `column`
            "amount", "strength": what the unit adds, in the column's own unit and in its standard deviations.

    Raises
    ------
    ValueError
        If not exactly one of `example`, `label`, `term` and `column` is given, or if it is not found in the data.

    See Also
    --------
    describe_units : What the columns of the result mean.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.inspection import find_units
    >>> X, y = load_digits(return_X_y=True)
    >>> sae = SparseAutoencoder(30, max_iter=20, random_state=0).fit(X)
    >>> sevens = find_units(sae, X, label=7, y=y)
    >>> sevens.columns.tolist()
    ['name', 'lift', 'low', 'high', 'precision', 'recall']
    """
    with extra("report"):
        import pandas as pd
    wanted = {"example": example, "label": label, "term": term, "column": column}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    if len(wanted) != 1:
        got = ", ".join(wanted) or "none"
        raise ValueError(f"Got {got} of example, label, term and column; expected exactly one of them.")
    check_count("n_top", n_top)
    check_confidence(confidence)
    gathered = gather(InspectedModel(estimator, feature_names), X, y=y, texts=texts)
    names = facts_of(gathered, confidence=confidence).names
    for kind, value in wanted.items():
        if kind == "example":
            found = _of_example(gathered, X, value)
        elif kind == "label":
            found = _of_label(gathered, value, confidence)
        else:
            found = _of_term(gathered, value) if kind == "term" else _of_column(gathered, value)
    units, key, columns = found
    order = np.argsort(-key, kind="stable")
    order = order[key[order] > 0][:n_top]
    table = {"name": [names[unit] for unit in units[order]]} | {name: each[order] for name, each in columns.items()}
    return pd.DataFrame(table, index=pd.Index(units[order], name="unit"))


def _of_example(gathered, X, example):
    model = gathered.model
    if isinstance(example, bool) or (isinstance(example, list | tuple) and len(example) == 0):
        raise ValueError(f"Got example={example!r}; expected the number of a row of X, or data of one row.")
    if isinstance(example, Integral):
        if not 0 <= example < gathered.n_rows:
            raise ValueError(f"Got example={example}; expected a row of X, from 0 to {gathered.n_rows - 1}.")
        rows = slice(example, example + 1)
        example = X.iloc[rows] if hasattr(X, "iloc") else X[rows]
    elif isinstance(example, str):
        if model.reader is None:
            raise ValueError(f"Got example={example!r}, but the estimator reads no texts; expected numbers of one row.")
        example = [example]
    elif isinstance(example, list | tuple) and np.ndim(example) == 1 and isinstance(example[0], Real):
        example = np.asarray([example])
    elif getattr(example, "ndim", 2) == 1:
        example = example.to_frame().T if hasattr(example, "to_frame") else example.reshape(1, -1)
    with named("example"):
        row = model.read(example)
    if row.shape != (1, model.n_features):
        raise ValueError(f"Got an example of shape {row.shape}; expected one row of {model.n_features} columns.")
    units, values, gains = row_gains(model, row, gathered.weights)
    return units, gains, {"value": values, "typical_value": gathered.typical_value[units], "gain": gains}


def _of_label(gathered, label, confidence):
    totals, classes = gathered.totals, gathered.company.classes
    if (hasattr(label, "__len__") and not isinstance(label, str)) or label not in classes:
        known = f"one of {', '.join(map(repr, classes[:10]))}" if classes else "y to be given"
        raise ValueError(f"Got label={label!r}; expected {known}.")
    k = classes.index(label)
    units = np.flatnonzero(totals.on)
    joint, on, n_class = totals.by_class[units][:, [k]].toarray(), totals.on[units], totals.n_class[[k]]
    lift, low, high = (each[:, 0] for each in class_lifts(joint, on, n_class, gathered.n_rows, confidence))
    columns = {"lift": lift, "low": low, "high": high}
    columns |= {"precision": joint[:, 0] / on, "recall": joint[:, 0] / n_class}
    return units, low, columns


def _of_term(gathered, term):
    totals, names = gathered.totals, gathered.company.term_names
    if names is None:
        raise ValueError(f"Got term={term!r}, but rows have no terms; expected texts, or CSR without negative numbers.")
    at = _place(names, "term", term)
    log_odds, z = term_log_odds(totals.by_term, totals.n_term, gathered.n_rows)
    inside = totals.by_term.tocoo()
    chosen = inside.col == at
    units, count = inside.row[chosen], inside.data[chosen]
    columns = {"log_odds": log_odds[chosen], "z": z[chosen], "share": count / totals.on[units]}
    return units, z[chosen], columns


def _place(names, kind, wanted):
    """Where a name stands; a data frame may have ints as names."""
    at = np.flatnonzero(names == str(wanted))
    if not len(at):
        raise ValueError(f"Got {kind}={wanted!r}; expected one of the {len(names)} {kind}s, as {str(names[0])!r}.")
    if len(at) > 1:
        raise ValueError(
            f"Got {kind}={wanted!r}, the name of {len(at)} columns; expected one that a single column has. Pass "
            "feature_names that are all different."
        )
    return at[0]


def _of_column(gathered, column):
    names = gathered.model.feature_names
    at = _place(names, "column", column)
    amounts, spread = gathered.amounts[:, at], gathered.columns.spreads()[at]
    strengths = amounts / spread if spread > 0 else np.zeros(len(amounts))
    return np.arange(len(amounts)), np.abs(strengths), {"amount": amounts, "strength": strengths}
