"""What the units of a model stand for, as arrays."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _num_samples, column_or_1d

from .._model import InspectedModel, directions
from .effects import LocalEffects
from .lifts import class_lifts
from .names import name_units
from .relations import relations
from .shares import Shares
from .survey import survey
from .terms import term_log_odds
from .totals import TopRows, Totals, presence

# Rows at which a unit of a decoder that is not affine is set to zero.
_LOCAL_ROWS = 16


@dataclass(frozen=True, eq=False)
class UnitFacts:
    """What the units of a model stand for; one entry a unit in each field.

    A unit is *active* in a row where its value is not zero. It is *on* where it is active with its more frequent sign;
    a unit that is active in more than half of the rows is on only where its value is among the highest quarter.

    Parameters
    ----------
    names : list of str
        Short names, all different.
    density : ndarray of shape (n_units,)
        Share of the rows in which the unit is active.
    explained_share : ndarray of shape (n_units,)
        What would be lost of the explained variance without the unit, as a share of it. Shares need not add up to 1.
    typical_value : ndarray of shape (n_units,)
        Mean absolute value where it is active, with the more frequent sign.
    positive_share : ndarray of shape (n_units,)
        Share of the values above zero, of those that are not zero.
    top_rows : list of ndarray of int
        Rows with the largest values of the more frequent sign, largest first.
    top_values : list of ndarray
        The values, times that sign.
    amounts : ndarray of shape (n_units, n_features)
        What the unit adds to each column at its typical value, in the column's own unit.
    spreads : ndarray of shape (n_features,)
        Standard deviation of each column; ones for CSR, where amounts are compared as they are.
    effects : list of list of (str, float)
        Columns with the largest amounts in comparison with their spread, and the amounts.
    classes : list of list of (object, float, float, float) or None
        Classes that are most over-represented where the unit is on: class, lift, and its interval.
    terms : list of list of (str, float, float) or None
        Terms that tell rows in which the unit is on from others: term, log-odds ratio, and z.
    nearest_units : list of list of (int, float)
        Units that add the most similar, and the cosine.
    coactive_units : list of list of (int, float)
        Units that are on in the same rows, and the correlation.
    redundancy : ndarray of shape (n_units,)
        Largest absolute cosine of what the unit adds to all rows with what another one adds: the cosine of their codes
        times the cosine of their directions. 1: the other one does the same.
    feature_names : ndarray of shape (n_features,)
        Names of the columns.
    n_rows : int
        Rows that were looked at.
    """

    names: list
    density: np.ndarray
    explained_share: np.ndarray
    typical_value: np.ndarray
    positive_share: np.ndarray
    top_rows: list
    top_values: list
    amounts: np.ndarray
    spreads: np.ndarray
    effects: list
    classes: list | None
    terms: list | None
    nearest_units: list
    coactive_units: list
    redundancy: np.ndarray
    feature_names: np.ndarray
    n_rows: int


def unit_facts(estimator, X, *, feature_names=None, y=None, texts=None, n_top=5, confidence=0.95):
    """Find out what the units of a fitted estimator stand for; see `describe_units` for the parameters.

    Returns
    -------
    UnitFacts
        Arrays and lists, one entry a unit.
    """
    if texts is not None and len(texts) != _num_samples(X):
        raise ValueError(f"Got {len(texts)} texts for {_num_samples(X)} rows of X; expected one a row.")
    model = InspectedModel(estimator, feature_names)
    X = model.read(X)
    labels, class_names = _labels(y, X.shape[0])
    seen = survey(model, X)
    zero = model.learner_decode(np.zeros((1, model.n_units)))
    atoms = directions(model.learner_decode, model.n_units, seen.codes)
    weights = _weights(model.learner, zero.shape[1])
    totals = Totals(seen, n_top, len(class_names))
    shares, columns, sample = Shares(zero, atoms, weights), Columns(model), TopRows(model.n_units, _LOCAL_ROWS)
    has_terms = issparse(X) and X.data.min(initial=0) >= 0
    priority = check_random_state(0).permutation(X.shape[0]) + 1.0
    for rows in model.batches(X):
        Z = model.for_learner(X[rows])
        codes = model.learner_encode(Z)
        terms = presence(X[rows]) if has_terms else None
        totals.add(rows.start, codes, None if labels is None else labels[rows], terms)
        shares.add(Z, codes, model.learner_decode)
        columns.add(X[rows])
        at = rows.start + np.repeat(np.arange(codes.shape[0]), np.diff(codes.indptr))
        sample.add(codes.indices, at, priority[at])
    totals.flush()
    return _facts(model, X, totals, shares, columns, sample, atoms, weights, class_names, n_top, confidence, seen)


def _facts(model, X, totals, shares, columns, sample, atoms, weights, class_names, n_top, confidence, seen):
    """Draw conclusions from the sums."""
    n = X.shape[0]
    signs = np.where(2 * totals.positive >= totals.active, 1.0, -1.0)
    typical = signs * totals.magnitude / np.maximum(totals.active, 1)
    outer = directions(model.decode, model.n_units, seen.codes)
    local = LocalEffects(model, X, sample.by_unit()[0], signs)
    gains = None if atoms is not None else local.gains(totals.active, weights)
    amounts = local.amounts(model.decode, model.n_features) if outer is None else outer * typical[:, None]
    inner = local.amounts(model.learner_decode, len(shares._zero)) if atoms is None else atoms
    spreads = np.ones(model.n_features) if issparse(X) else columns.spreads()
    strengths = np.divide(amounts, spreads, out=np.zeros(amounts.shape), where=spreads > 0)
    names = model.feature_names
    best = np.argsort(-np.abs(strengths), axis=1, kind="stable")[:, :n_top]
    effects = [[(names[c], float(a[c])) for c in b if a[c]] for a, b in zip(amounts, best, strict=True)]
    classes = _classes(totals, class_names, n, n_top, confidence) if class_names else None
    terms = _terms(totals, names, columns.present, n_top) if totals.terms is not None else None
    nearest, coactive, redundancy = relations(inner * weights, totals.gram, totals.joint, totals.on, n, n_top)
    density, positive = totals.active / n, totals.positive / np.maximum(totals.active, 1)
    unit_names = name_units(
        model.n_units,
        density=density,
        positive_share=positive,
        strengths=strengths,
        feature_names=names if model.has_names else None,
        indicators=columns.indicators,
        classes=classes,
        terms=terms,
    )
    top_rows, top_values = totals.top.by_unit()
    return UnitFacts(
        names=unit_names,
        density=density,
        explained_share=shares.finish(totals.gram, gains),
        typical_value=typical,
        positive_share=positive,
        top_rows=top_rows,
        top_values=top_values,
        amounts=amounts,
        spreads=spreads,
        effects=effects,
        classes=classes,
        terms=terms,
        nearest_units=nearest,
        coactive_units=coactive,
        redundancy=redundancy,
        feature_names=names,
        n_rows=n,
    )


class Columns:
    """Spreads of the columns, which are indicators, and in how many rows each is not zero."""

    def __init__(self, model):
        self._zero = model._at_zero[0].astype(np.float64)
        self._n, self._sums, self._squares, self.present = np.zeros((4, model.n_features))
        self.indicators = np.ones(model.n_features, dtype=bool)

    def add(self, X):
        """Add a block."""
        if issparse(X):
            self.present += np.bincount(X.indices[X.data != 0], minlength=X.shape[1])
            self.indicators[X.indices[(X.data != 0) & (X.data != 1)]] = False
            return
        seen = ~np.isnan(X)
        self.indicators &= ((X == 0) | (X == 1) | ~seen).all(axis=0)
        self.present += ((X != 0) & seen).sum(axis=0)
        X = np.where(seen, X - self._zero, 0.0)
        self._n += seen.sum(axis=0)
        self._sums += X.sum(axis=0)
        self._squares += np.square(X).sum(axis=0)

    def spreads(self):
        """Standard deviations."""
        n = np.maximum(self._n, 1)
        spreads = np.sqrt(np.maximum(self._squares / n - np.square(self._sums / n), 0.0))
        return spreads if spreads.any() else np.ones(len(spreads))


def _labels(y, n_rows):
    """Number of each row's class, and the classes."""
    if y is None:
        return None, []
    y = column_or_1d(y)
    if len(y) != n_rows:
        raise ValueError(f"Got {len(y)} values of y for {n_rows} rows of X; expected one a row.")
    if type_of_target(y).startswith("continuous"):
        raise ValueError(
            "Got y with continuous values; expected classes. Cut it first, for instance by numpy.digitize."
        )
    classes, labels = np.unique(y, return_inverse=True)
    return labels, classes.tolist()


def _weights(learner, n_columns):
    """Weights of columns in the loss: one over what the learner divides them by, if it does."""
    scale = np.asarray(getattr(learner, "scale_", 1.0), dtype=np.float64)
    return 1.0 / scale if scale.shape == (n_columns,) and (scale > 0).all() else 1.0


def _classes(totals, class_names, n, n_top, confidence):
    n_class = totals.n_class
    lift, low, high = class_lifts(totals.classes, totals.on, n_class, n, confidence)
    order = np.argsort(-np.nan_to_num(low, nan=-1.0), axis=1, kind="stable")[:, :n_top]
    return [
        [(class_names[k], float(lift[j, k]), float(low[j, k]), float(high[j, k])) for k in order[j]]
        if totals.on[j]
        else []
        for j in range(len(order))
    ]


def _terms(totals, names, present, n_top):
    inside = totals.terms.tocsr()
    log_odds, z = term_log_odds(inside, present)
    found = []
    for j in range(inside.shape[0]):
        at = slice(inside.indptr[j], inside.indptr[j + 1])
        best = at.start + np.argsort(-z[at], kind="stable")[:n_top]
        found.append([(str(names[inside.indices[b]]), float(log_odds[b]), float(z[b])) for b in best if z[b] > 0])
    return found
