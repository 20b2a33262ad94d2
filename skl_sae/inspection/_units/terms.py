"""Which terms tell the rows of a unit from the others."""

import numpy as np

# The prior weighs as much as this many occurrences, spread as the terms are over all rows.
_PRIOR = 500.0


def term_log_odds(inside, all_rows):
    r"""Log-odds ratios of terms, with an informative Dirichlet prior.

    .. math::

        \hat\delta_w = \log \frac{y_w + \alpha_w}{n + \alpha_0 - y_w - \alpha_w}
        - \log \frac{y'_w + \alpha_w}{n' + \alpha_0 - y'_w - \alpha_w}
        \qquad
        z_w = \hat\delta_w \Big/ \sqrt{\frac{1}{y_w + \alpha_w} + \frac{1}{y'_w + \alpha_w}}

    with :math:`y_w` the number of rows with the term in which the unit is on, n the sum of these over all terms, a
    dash for the rows in which it is not, and :math:`\alpha_w` proportional to the rows with the term. Equations 15, 16
    and 20 to 22 of Monroe, Colaresi and Quinn 2008, "Fightin' Words", Political Analysis 16(4); rows with a term are
    counted in the place of occurrences, so that weights (tf-idf) do for counts.

    Parameters
    ----------
    inside : csr_array of shape (n_units, n_terms)
        Rows with each term in which each unit is on.
    all_rows : ndarray of shape (n_terms,)
        Rows with each term.

    Returns
    -------
    log_odds, z : ndarray of shape (n_stored,)
        The ratios, and these over their standard errors, of the stored entries.
    """
    unit_of = np.repeat(np.arange(inside.shape[0]), np.diff(inside.indptr))
    n_inside = np.asarray(inside.sum(axis=1)).ravel()[unit_of]
    prior = (_PRIOR * all_rows / max(all_rows.sum(), 1.0))[inside.indices]
    y, other = inside.data + prior, all_rows[inside.indices] - inside.data + prior
    n_outside = all_rows.sum() - n_inside
    log_odds = np.log(y / (n_inside + _PRIOR - y)) - np.log(other / (n_outside + _PRIOR - other))
    return log_odds, log_odds / np.sqrt(1 / y + 1 / other)
