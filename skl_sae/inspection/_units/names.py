"""Short names of units, made from terms, columns, examples or classes."""

from collections import Counter

import numpy as np

# Parts of a name: at most so many, each at least so large in comparison with the first.
_PARTS, _COMPARED = 3, 0.5
# Columns tell little where those of a name hold less than this share of the squares: then classes are better.
_TELLING = 0.1
# A unit means two opposite things where the rarer sign has at least this share of its values.
_BOTH = 0.1
# A term is named from this z on.
_Z = 3.0


def name_units(best, *, active, positive_share, feature_names, indicators, classes, terms, examples):
    """Name each unit: by its terms if there are some, else by columns with names, examples, or classes.

    Parameters
    ----------
    best : Strongest
        Columns that tell the rows of units from all rows.
    active : ndarray of shape (n_units,)
        Whether a unit is ever active.
    positive_share : ndarray of shape (n_units,)
        How often the values of a unit are positive.
    feature_names : ndarray of shape (n_features,) or None
        Names of the columns; None where nobody gave any.
    indicators : ndarray of shape (n_features,)
        Whether a column has only zeros and ones.
    classes : list or None
        Of each unit, (class, lift, low, high).
    terms : list or None
        Of each unit, (term, log-odds, z).
    examples : list or None
        Of each unit, short texts of its top rows.

    Returns
    -------
    list of str
        All different.
    """
    names = []
    for j, is_active in enumerate(active):
        of_class = [str(each[0]) for each in (classes[j] if classes else []) if each[2] > 1][:_PARTS]
        of_term = [each[0] for each in (terms[j] if terms else []) if each[2] >= _Z][:_PARTS]
        of_columns, share = _columns(best, j, feature_names, indicators)
        if not is_active:
            name = "never active"
        elif of_term:
            name = ", ".join(of_term)
        elif examples and examples[j] and feature_names is None:
            name = ", ".join(examples[j][:_PARTS])
        elif of_class and (feature_names is None or share < _TELLING):
            name = ("" if isinstance(classes[j][0][0], str) else "class ") + ", ".join(of_class)
        else:
            both = _BOTH <= positive_share[j] <= 1 - _BOTH
            name = ", ".join([*of_columns, "or the reverse"] if both and of_columns else of_columns) or "no effect"
        names.append(name)
    return _distinct(names)


def _columns(best, unit, feature_names, indicators):
    """Parts of a name from columns, and the share of the squares that these have."""
    strengths = best.strengths[unit]
    sizes = np.abs(strengths[:_PARTS])
    parts, n = [], int(np.sum((sizes > 0) & (sizes >= _COMPARED * sizes[0])))
    for column, strength in zip(best.columns[unit, :n], strengths, strict=False):
        name = f"x{column}" if feature_names is None else feature_names[column]
        if indicators[column]:
            parts.append(name if strength > 0 else f"not {name}")
        else:
            parts.append(f"high {name}" if strength > 0 else f"low {name}")
    return parts, np.square(sizes[:n]).sum() / (best.squares[unit] or 1.0)


def _distinct(names):
    """Number the names that several units have."""
    often, seen, distinct = Counter(names), Counter(), []
    for name in names:
        seen[name] += 1
        distinct.append(f"{name} #{seen[name]}" if often[name] > 1 else name)
    return distinct
