"""Short names of units, made from terms, columns or classes."""

from collections import Counter

import numpy as np

# Parts of a name: at most so many, each at least so large in comparison with the first.
_PARTS, _COMPARED = 3, 0.5
# Columns tell little where the ones of a name hold less than this share of the squares: then classes are better.
_TELLING = 0.1
# The lesser sign of a unit that means two opposite things has at least this share of its active rows.
_BOTH = 0.1


def name_units(n_units, *, density, positive_share, strengths, feature_names, indicators, classes, terms):
    """Name each unit.

    Parameters
    ----------
    n_units : int
        Number of units.
    density, positive_share : ndarray of shape (n_units,)
        How often a unit is active, and how often its values are positive then.
    strengths : ndarray of shape (n_units, n_features) or None
        Amounts that a unit adds, in standard deviations of the columns.
    feature_names : ndarray of shape (n_features,) or None
        Names of the columns; None where nobody gave any.
    indicators : ndarray of shape (n_features,)
        Whether a column has only zeros and ones.
    classes : list or None
        Of each unit, (class, lift, low, high).
    terms : list or None
        Of each unit, (term, log-odds, z).

    Returns
    -------
    list of str
        All different.
    """
    names = []
    for j in range(n_units):
        two_sided = _BOTH <= positive_share[j] <= 1 - _BOTH
        by_class = [str(each[0]) for each in classes[j] if each[2] > 1][:_PARTS] if classes else []
        by_term = [str(each[0]) for each in terms[j] if each[2] > 2][:_PARTS] if terms else []
        by_column, share = _columns(strengths[j], feature_names, indicators)
        if not density[j]:
            parts = ["never active"]
        elif by_term:
            parts = by_term
        elif by_class and (feature_names is None or share < _TELLING):
            parts = by_class
        else:
            parts = by_column or ["no effect"]
            parts = [*parts, "or the reverse"] if two_sided and by_column else parts
        names.append(", ".join(parts))
    return _distinct(names)


def _columns(strengths, feature_names, indicators):
    """Parts of a name from columns, and the share of the squares that they have."""
    sizes = np.abs(strengths)
    order = np.argsort(-sizes, kind="stable")[:_PARTS]
    chosen = [c for c in order if sizes[c] > 0 and sizes[c] >= _COMPARED * sizes[order[0]]]
    parts = []
    for c in chosen:
        name = f"x{c}" if feature_names is None else feature_names[c]
        if indicators[c]:
            parts.append(name if strengths[c] > 0 else f"not {name}")
        else:
            parts.append(f"high {name}" if strengths[c] > 0 else f"low {name}")
    total = np.square(sizes).sum()
    return parts, np.square(sizes[chosen]).sum() / total if total > 0 else 0.0


def _distinct(names):
    """Number the names that several units have."""
    often, seen, distinct = Counter(names), Counter(), []
    for name in names:
        seen[name] += 1
        distinct.append(f"{name} ({seen[name]})" if often[name] > 1 else name)
    return distinct
