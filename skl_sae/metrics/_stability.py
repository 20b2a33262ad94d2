"""Whether units come back when a model is fitted again."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from sklearn.utils import check_random_state

from .._parameters import check_named_array, checked
from ._dictionaries import best_pairs, common_units, last_step


@dataclass(frozen=True, eq=False)
class Stability:
    """Agreement of several fits of one model; see `stability`.

    Parameters
    ----------
    mean : float
        Mean over the pairs of fits of the mean cosine of matched units (PW-MCC).
    random : float
        `mean` of random dictionaries of the same shapes.
    pairs : ndarray of shape (n_fits, n_fits)
        Mean cosine of the matched units of each pair of fits; 1 on the diagonal.
    units : list of n_fits ndarrays of shape (n_components,)
        For each unit of each fit, the mean over the other fits of the cosine with the unit that it is matched with.

    Examples
    --------
    >>> import numpy as np
    >>> from skl_sae.metrics import stability
    >>> found = stability([np.eye(3), np.eye(3)[::-1]], random_state=0)
    >>> found.mean, found.units[0]
    (1.0, array([1., 1., 1.]))
    """

    mean: float
    random: float
    pairs: np.ndarray
    units: list


@checked({"signed": ["boolean"], "random_state": ["random_state"]}, prefer_skip_nested_validation=False)
def stability(fits, *, signed=False, random_state=None):
    r"""Measure how far several fits of one model agree about their units.

    Units have no order, so those of two fits a and b are matched one to one, such that their cosines are largest. With
    :math:`c^{ab}_{ij}` the absolute cosine of unit i of fit a and unit j of fit b, and
    :math:`P = \min(m_a, m_b)` pairs,

    .. math::

        \mathrm{MCC}_{ab} = \frac{1}{P} \max_\pi \sum_{(i, j) \in \pi} c^{ab}_{ij}
        \qquad
        \text{PW-MCC} = \frac{2}{F (F - 1)} \sum_{a < b} \mathrm{MCC}_{ab}

    the mean over the pairs of F fits [1]_. The stability of one unit is the mean over the other fits of the cosine with
    the unit that it is matched with, or 0 where it is left over: a unit near 1 is learned whatever the seed, one near
    the value of random dictionaries is an accident of its fit.

    Parameters
    ----------
    fits : list of at least 2 estimators or array-likes of shape (n_components, n_features)
        Fits that differ in their seed, or in their rows: fitted estimators with `components_`, pipelines that end in
        one, searches that found one, or the dictionaries themselves, one unit a row. Norms do not matter; a row of
        zeros matches nothing. Fits may differ in their number of units. Where estimators divide each feature by its
        unit (`scale_` is an array), cosines are of directions in these units, so that no column of large numbers hides
        the others.
    signed : bool, default=False
        Whether units that point in opposite ways count as different: cosines then keep their sign.
    random_state : int, RandomState instance or None, default=None
        Determines the random dictionaries. Pass an int for reproducible results.

    Returns
    -------
    Stability
        The mean, that of random dictionaries, each pair, and each unit.

    See Also
    --------
    dictionary_match : Compares a dictionary with the true one.
    skl_sae.ensemble.ConsensusAutoencoder : Keeps the units that several fits have in common.

    References
    ----------
    .. [1] X. Song et al., "Mechanistic Interpretability Should Prioritize Feature Consistency in Sparse Autoencoders",
       2025, arXiv:2505.20254.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.metrics import stability
    >>> X = load_digits().data
    >>> fits = [SparseAutoencoder(32, max_iter=20, random_state=seed).fit(X) for seed in range(3)]
    >>> found = stability(fits, random_state=0)
    >>> found.mean > 2 * found.random
    True
    """
    if hasattr(fits, "fit") or not hasattr(fits, "__iter__"):
        raise TypeError(f"Got fits={fits!r}; expected a list of fits, or of their dictionaries.")
    models = [last_step(fit) for fit in fits]
    dictionaries = [_dictionary(model, i) for i, model in enumerate(models)]
    if len(dictionaries) < 2:
        raise ValueError(f"Got {len(dictionaries)} fits; expected at least 2, of which the units are compared.")
    widths = [dictionary.shape[1] for dictionary in dictionaries]
    if len(set(widths)) > 1:
        raise ValueError(f"The fits have dictionaries of {widths} columns; expected the same number in all.")
    units_of_columns = common_units(models)
    dictionaries = [dictionary / units_of_columns for dictionary in dictionaries]
    rng = check_random_state(random_state)
    pairs, units = _compare(dictionaries, signed)
    random_pairs, _ = _compare([rng.standard_normal(dictionary.shape) for dictionary in dictionaries], signed)
    above = np.triu_indices(len(dictionaries), 1)
    return Stability(float(pairs[above].mean()), float(random_pairs[above].mean()), pairs, units)


def _dictionary(model, i):
    """The dictionary of one fit, one unit a row."""
    if hasattr(model, "fit") or hasattr(model, "transform"):
        if not hasattr(model, "components_"):
            raise TypeError(
                f"fits[{i}] is a {type(model).__name__} without 'components_'; expected a fitted estimator with one "
                "row of 'components_' a unit, or an array of such rows."
            )
        model = model.components_
    return check_named_array(f"fits[{i}]", model, dtype=np.float64)


def _compare(dictionaries, signed):
    """Mean matched cosine of each pair, and the stability of each unit of each dictionary."""
    n_fits = len(dictionaries)
    pairs = np.eye(n_fits)
    units = [np.zeros(len(dictionary)) for dictionary in dictionaries]
    for a, b in combinations(range(n_fits), 2):
        cosines, rows, columns = best_pairs(dictionaries[a], dictionaries[b], signed)
        matched = cosines[rows, columns]
        pairs[a, b] = pairs[b, a] = matched.mean()
        units[a][rows] += matched / (n_fits - 1)
        units[b][columns] += matched / (n_fits - 1)
    return pairs, units
