"""Which terms tell the rows of a unit from the others."""

import numpy as np

# The prior weighs as much as the terms of this many rows.
_PRIOR_ROWS = 10.0


def term_log_odds(inside, all_rows, n_rows):
    r"""Log-odds ratios of terms, with an informative Dirichlet prior.

    .. math::

        \hat\delta_w = \log \frac{y_w + \alpha_w}{n + \alpha_0 - y_w - \alpha_w}
        - \log \frac{y'_w + \alpha_w}{n' + \alpha_0 - y'_w - \alpha_w}
        \qquad
        z_w = \hat\delta_w \Big/ \sqrt{\frac{1}{y_w + \alpha_w} + \frac{1}{y'_w + \alpha_w}}

    with :math:`y_w` the number of rows with the term in which the unit is on, n the sum of these over all terms, and a
    dash for the rows in which it is not. :math:`\alpha_w` is proportional to the rows with the term, and the prior
    weighs as much as ten rows. From Monroe, Colaresi and Quinn 2008, "Fightin' Words", Political Analysis 16(4), with
    rows that have a term in the place of occurrences: a term that one long text repeats is not more telling for it, and
    weights such as tf-idf do for counts.

    Parameters
    ----------
    inside : csr_array of shape (n_units, n_terms)
        Rows with each term in which each unit is on.
    all_rows : ndarray of shape (n_terms,)
        Rows with each term.
    n_rows : int
        All rows.

    Returns
    -------
    log_odds, z : ndarray of shape (n_stored,)
        The ratios, and these over their standard errors, of the stored entries.
    """
    unit_of = np.repeat(np.arange(inside.shape[0]), np.diff(inside.indptr))
    total = all_rows.sum()
    share, alpha = all_rows[inside.indices] / max(total, 1), _PRIOR_ROWS * total / n_rows
    n_inside = inside.sum(axis=1)[unit_of]
    y = inside.data + alpha * share
    other = all_rows[inside.indices] - inside.data + alpha * share
    rest, other_rest = n_inside + alpha - y, total - n_inside + alpha - other
    if all_rows.max(initial=0) == total:  # of a single term the odds have no limit
        return np.zeros(len(y)), np.zeros(len(y))
    log_odds = np.log(y / rest) - np.log(other / other_rest)
    return log_odds, log_odds / np.sqrt(1 / y + 1 / other)
