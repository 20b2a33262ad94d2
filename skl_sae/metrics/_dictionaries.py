"""Whether a dictionary is the true one."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state

from .._kernels.norms import unit_rows
from .._parameters import check_named_array, checked


@dataclass(frozen=True, eq=False)
class DictionaryMatch:
    """Agreement of a learned dictionary with the true one; see `dictionary_match`.

    Parameters
    ----------
    mean_max_cosine : float
        Mean over the true features of their largest cosine with a learned row.
    hungarian : float
        Mean cosine of the pairs of the best one-to-one matching.
    random_mean_max_cosine : float
        `mean_max_cosine` of a random dictionary of the learned shape.
    random_hungarian : float
        `hungarian` of a random dictionary of the learned shape.
    assignment : ndarray of shape (n_true,)
        The learned row matched with each true feature; -1 for a true feature left over.

    Examples
    --------
    >>> from skl_sae.metrics import dictionary_match
    >>> match = dictionary_match([[0.0, 2.0]], [[1.0, 0.0], [0.0, 1.0]], random_state=0)
    >>> match.mean_max_cosine, match.hungarian, match.assignment
    (0.5, 1.0, array([-1,  0]))
    """

    mean_max_cosine: float
    hungarian: float
    random_mean_max_cosine: float
    random_hungarian: float
    assignment: np.ndarray


@checked({"signed": ["boolean"], "random_state": ["random_state"]}, prefer_skip_nested_validation=False)
def dictionary_match(learned, true, *, signed=False, random_state=None):
    r"""Compare a learned dictionary with the true one.

    With :math:`c_{gj}` the absolute cosine of true row g and learned row j,

    .. math::

        \text{mean max cosine} = \frac{1}{G} \sum_g \max_j c_{gj}
        \qquad
        \text{Hungarian} = \frac{1}{P} \max_\pi \sum_{(g, j) \in \pi} c_{gj}

    where :math:`\pi` runs over the one-to-one matchings, of :math:`P = \min(n_{true}, n_{learned})` pairs. The first
    grows with the number of learned rows and forgives duplicates, the second does not forgive them. Both are above
    zero for random rows, so each comes with its value for a random dictionary: rows of norm one and Gaussian direction.

    Parameters
    ----------
    learned : array-like of shape (n_learned, n_features)
        Learned dictionary, one unit a row (`components_`). Norms do not matter; a row of zeros matches nothing.
    true : array-like of shape (n_true, n_features)
        True dictionary, one feature a row.
    signed : bool, default=False
        Whether a row that points the opposite way counts as a mismatch: cosines then keep their sign.
    random_state : int, RandomState instance or None, default=None
        Determines the random dictionary. Pass an int for reproducible results.

    Returns
    -------
    DictionaryMatch
        Both measures, both of the random dictionary, and the matching.

    References
    ----------
    L. Sharkey, D. Braun and B. Millidge, *Taking features out of superposition with sparse autoencoders*, 2022: the
    mean max cosine.

    X. Song et al., *Mechanistic Interpretability Should Prioritize Feature Consistency in SAEs*, 2025,
    arXiv:2505.20254: the matching.

    Examples
    --------
    >>> import numpy as np
    >>> from skl_sae.metrics import dictionary_match
    >>> true = np.eye(3, 20)
    >>> match = dictionary_match(true[[2, 0, 1]], true, random_state=0)
    >>> match.hungarian, match.assignment
    (1.0, array([1, 2, 0]))
    >>> match.random_hungarian < 0.4
    True
    """
    learned = check_named_array("learned", learned, dtype=np.float64)
    true = check_named_array("true", true, dtype=np.float64)
    if learned.shape[1] != true.shape[1]:
        raise ValueError(
            f"learned has {learned.shape[1]} columns; expected {true.shape[1]}, as in true. Rows are dictionary atoms."
        )
    random = check_random_state(random_state).standard_normal(learned.shape)
    mean_max, hungarian, assignment = _match(learned, true, signed)
    random_mean_max, random_hungarian, _ = _match(random, true, signed)
    return DictionaryMatch(mean_max, hungarian, random_mean_max, random_hungarian, assignment)


def _match(learned, true, signed):
    """Mean max cosine, Hungarian mean cosine and assignment of one dictionary."""
    cosines, rows, columns = best_pairs(true, learned, signed)
    assignment = np.full(len(true), -1)
    assignment[rows] = columns
    return float(cosines.max(axis=1).mean()), float(cosines[rows, columns].mean()), assignment


def best_pairs(a, b, signed):
    """Cosines of the rows of two dictionaries, and the rows of both in the best one-to-one matching."""
    cosines = unit_rows(a) @ unit_rows(b).T
    if not signed:
        np.abs(cosines, out=cosines)
    return cosines, *linear_sum_assignment(cosines, maximize=True)


def common_units(models):
    """The units in which directions of several models are compared: what they divide features by, or else 1.

    They may differ a little from fit to fit, so it is their geometric mean.
    """
    scales = [np.asarray(getattr(model, "scale_", 1.0), dtype=np.float64) for model in models]
    scales = [scale for scale in scales if scale.ndim == 1]
    return np.exp(np.mean(np.log(scales), axis=0)) if scales else 1.0


def last_step(fit):
    """What has the dictionary of a fit, which may be a pipeline or a search."""
    fit = getattr(fit, "best_estimator_", fit)
    return fit.steps[-1][1] if isinstance(fit, Pipeline) else fit
