"""What the units of a model stand for, as arrays."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from sklearn.utils import gen_batches

from ..._parameters import is_number
from .._model import BLOCK_ENTRIES, InspectedModel
from .effects import strongest
from .gathering import gather
from .lifts import class_lifts
from .names import name_units
from .ranking import largest
from .terms import term_log_odds

# A term of fewer rows is a row's own, and tells nothing of others.
_ROWS_OF_A_TERM = 2
# Characters of a text that may be a part of a name.
_SHORT = 40
# Units whose terms are looked at together.
_UNITS = 1 << 6
# Probability that the name of any unit has a class that is not over-represented.
_ANY_WRONG = 0.05


@dataclass(frozen=True, eq=False)
class UnitFacts:
    """What the units of a model stand for; one entry a unit in each field. See `describe_units`.

    Parameters
    ----------
    names : list of str
        Short names, all different.
    density : ndarray of shape (n_units,)
        Share of the rows in which the unit is active.
    explained_share : ndarray of shape (n_units,)
        What would be lost of the explained variance without the unit, as a share of it.
    typical_value : ndarray of shape (n_units,)
        Mean absolute value where it is active, with the more frequent sign.
    positive_share : ndarray of shape (n_units,)
        Share of the values above zero, of those that are not zero.
    top_rows : list of ndarray of int
        Rows with the largest values of the more frequent sign, largest first.
    top_values : list of ndarray
        Their values, times that sign.
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
        Largest absolute cosine of what the unit adds to all rows with what another one adds.
    feature_names : ndarray of shape (n_features,)
        Names of the columns.
    texts : list of str or None
        A text of each row.
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
    texts: list | None
    n_rows: int


def unit_facts(estimator, X, *, feature_names=None, y=None, texts=None, n_top=5, confidence=0.95):
    """Find out what the units of a fitted estimator stand for; see `describe_units` for the parameters.

    Returns
    -------
    UnitFacts
        Arrays and lists, one entry a unit.
    """
    check_confidence(confidence)
    gathered = gather(InspectedModel(estimator, feature_names), X, y=y, texts=texts, n_top=n_top)
    return facts_of(gathered, n_top, confidence)


def check_confidence(confidence):
    """Raise unless it is one, before work that takes long."""
    if not is_number(confidence) or not 0 < confidence < 1:
        raise ValueError(f"Got confidence={confidence!r}; expected a number between 0 and 1, such as 0.95.")


def facts_of(gathered, n_top=5, confidence=0.95):
    """Draw conclusions from what was gathered."""
    totals, model, amounts = gathered.totals, gathered.model, gathered.amounts
    spreads, names = gathered.columns.spreads(), model.feature_names
    best = strongest(amounts, spreads, n_top)
    telling = strongest(gathered.contrasts, spreads, n_top) if gathered.company.terms is None else best
    effects = [
        [(names[c], float(a[c])) for c in columns[:n_top] if a[c]]
        for a, columns in zip(amounts, best.columns, strict=True)
    ]
    classes, terms = unit_classes(gathered, n_top, confidence), unit_terms(gathered, n_top)
    sure = 1 - _ANY_WRONG / max(model.n_units * len(gathered.company.classes), 1)
    positive_share = totals.positive / np.maximum(totals.active, 1)
    top_rows, top_values = totals.top.by_unit()
    return UnitFacts(
        names=name_units(
            telling,
            active=totals.active > 0,
            positive_share=positive_share,
            feature_names=names if model.has_names else None,
            indicators=gathered.columns.indicators,
            classes=unit_classes(gathered, n_top, sure),
            terms=terms,
            examples=_short_examples(gathered.company.texts, top_rows),
        ),
        density=totals.active / gathered.n_rows,
        explained_share=gathered.explained_share,
        typical_value=gathered.typical_value,
        positive_share=positive_share,
        top_rows=top_rows,
        top_values=top_values,
        amounts=amounts,
        spreads=spreads,
        effects=effects,
        classes=classes,
        terms=terms,
        nearest_units=gathered.relations.nearest,
        coactive_units=gathered.relations.coactive,
        redundancy=gathered.relations.redundancy,
        feature_names=names,
        texts=gathered.company.texts,
        n_rows=gathered.n_rows,
    )


def _short_examples(texts, top_rows):
    """Texts of the top rows of each unit, if all texts are short enough for a name, as those of words are."""
    if texts is None or not 0 < min(map(len, texts)) <= max(map(len, texts)) <= _SHORT:
        return None
    lines = [[" ".join(texts[row].split()) for row in rows] for rows in top_rows]
    return [[line for line in each if line] for each in lines]


def unit_classes(gathered, n_top, confidence):
    """Classes with the largest lower bounds of the lift, of each unit; None without classes."""
    totals, classes = gathered.totals, gathered.company.classes
    if not classes:
        return None
    found = []
    for units in gen_batches(len(totals.on), max(1, BLOCK_ENTRIES // len(classes))):
        joint, on = totals.by_class[units].toarray(), totals.on[units]
        lift, low, high = class_lifts(joint, on, totals.n_class, gathered.n_rows, confidence)
        order = largest(np.nan_to_num(low), min(n_top, len(classes)))
        found += [
            [(classes[k], float(lift[j, k]), float(low[j, k]), float(high[j, k])) for k in best if on[j]]
            for j, best in enumerate(order)
        ]
    return found


def unit_terms(gathered, n_top):
    """Terms with the largest z, of each unit; None without terms."""
    totals, names = gathered.totals, gathered.company.term_names
    if names is None:
        return None
    found = []
    for units in gen_batches(totals.by_term.shape[0], _UNITS):
        inside = totals.by_term[units]
        log_odds, z = term_log_odds(inside, totals.n_term, gathered.n_rows)
        z[totals.n_term[inside.indices] < _ROWS_OF_A_TERM] = 0.0
        for start, end in pairwise(inside.indptr):
            best = start + largest(z[None, start:end], n_top)[0, :n_top]
            found.append([(str(names[inside.indices[b]]), float(log_odds[b]), float(z[b])) for b in best if z[b] > 0])
    return found
