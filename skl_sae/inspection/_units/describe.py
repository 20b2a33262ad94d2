"""A table of what units stand for."""

from ..._extras import extra
from ..._parameters import with_plain_arguments
from .facts import unit_facts

# Characters of a text that stand in a table.
SHOWN = 80


@with_plain_arguments
def describe_units(estimator, X, *, feature_names=None, y=None, texts=None, n_top=5, confidence=0.95):
    r"""Tell what each unit of a fitted model stands for.

    It works on any fitted estimator with `transform` and `inverse_transform`, such as
    :class:`~skl_sae.SparseAutoencoder`, ``KSVD``, ``PCA`` or ``NMF``, and on pipelines of such: effects go back through
    scalers to the units of the data, and steps in front that have no inverse, such as a vectoriser of texts, only read.
    Data is looked at in blocks of rows; CSR is never made dense as a whole.

    A unit is *active* in a row where its value is not zero. Values of both signs may mean opposite things, so classes,
    terms, examples and co-activation are about rows in which it is *on*: active with the more frequent sign. A unit
    that is active in more than half of the rows (all of PCA are) is on where its value is in the highest quarter, as
    found on at most 8192 rows.

    Parameters
    ----------
    estimator : object
        Fitted estimator with `transform` and `inverse_transform`, or a pipeline of such.
    X : {array-like, sparse matrix, data frame, sequence of str} of shape (n_samples, n_features)
        Data to describe the units with, best held out. NaN in dense data is a missing value, if the estimator takes it.
    feature_names : array-like of str of shape (n_features,), default=None
        Names of the columns. None takes those that the estimator or X knows.
    y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_classes), default=None
        Class or category of each row: strings, ints or bools. Or zeros and ones, a column a class, where a row may have
        several classes or none; a data frame names them. Numbers that are amounts have to be cut into classes first.
    texts : sequence of str of shape (n_samples,), default=None
        A text of each row, for examples and terms. None takes X where this is texts.
    n_top : int, default=5
        Length of the lists: rows, columns, classes, terms, units.
    confidence : float, default=0.95
        Confidence of the intervals of lifts, each on its own. Many are looked at: of intervals at 95 %, one in twenty
        misses its true value. To be right in all of them at once, ask for ``1 - 0.05 / (n_units * n_classes)``.

    Returns
    -------
    pandas.DataFrame
        A row a unit, with the index "unit" and these columns:

        name
            A few words: terms that are over-represented; else "high" or "low" and the columns that tell its rows from
            all rows ("not" where a column is 0 or 1), see the notes; else, where columns have no names, the texts of
            top rows if all texts are short, as words are; else classes that are over-represented for sure: the
            probability that the name of any unit has a wrong one is 5 % at most. "or the reverse" where a unit has both
            signs.
        density
            Share of the rows in which the unit is active; 0 for a dead one.
        explained_share
            What would be lost of the explained variance without the unit, as a share of it. Shares of units that
            overlap do not add up to 1. Columns weigh as in the loss of the last step, scaled if it scales. NaN where
            the model explains nothing. Where decoding is not affine, an estimate from 16 rows in which it is active.
        typical_value
            Mean absolute value where it is active, with the more frequent sign.
        positive_share
            Share of its values above zero. Only there if some unit has values below zero.
        top_rows
            Rows with its largest values.
        examples
            With texts: the beginnings of those of the top rows.
        effects
            (column, amount): what the unit adds at its typical value, in the column's own unit, for the columns where
            this is most in comparison with the standard deviation (of CSR, where it is most). Where decoding is not
            affine, the mean of what setting the unit to zero takes away, over 16 rows in which it is active.
        classes
            With y: (class, lift, low, high), the classes with the largest lower bounds; see the notes.
        terms
            With texts, or CSR without negative numbers: (term, log-odds ratio, z), for terms of two rows or more; see
            the notes.
        nearest_units
            (unit, cosine): units that add the most similar, in the space of the last step.
        coactive_units
            (unit, correlation): units that are on in the same rows (phi coefficient).
        redundancy
            Largest absolute cosine of what the unit adds to all rows with what another one adds: the cosine of their
            codes times the cosine of their directions. At 1, the other one does the same.

    Raises
    ------
    TypeError
        If the estimator does not decode.
    ValueError
        If y or texts do not match the rows of X, if y has continuous or missing values or
        nearly as many classes as rows, or if names do not match the
        columns.

    See Also
    --------
    find_units : Units for an example, a class, a term or a column.
    top_examples : Rows with the largest values of units.
    top_features : Columns that units change most.

    Notes
    -----
    The *lift* of a class is its share among the rows in which the unit is on, over its share among all rows. With the
    share :math:`\pi` of the rows in which the unit is on, and the relative risk :math:`\varphi` of the class where it
    is on against where it is not,

    .. math::

        L = \frac{P(class \mid on)}{P(class)} = \frac{\varphi}{\pi \varphi + 1 - \pi}
        \qquad
        z(\varphi) = \frac{\hat p_1 - \varphi \hat p_0}
        {\sqrt{\tilde p_1 (1 - \tilde p_1) / n_1 + \varphi^2 \tilde p_0 (1 - \tilde p_0) / n_0}}

    where :math:`\hat p` are the shares of the class among the :math:`n_1` rows with the unit on and the :math:`n_0`
    others, and :math:`\tilde p` those of largest likelihood with :math:`\tilde p_1 = \varphi \tilde p_0`. The interval
    has the lifts of all :math:`\varphi` that this score test does not reject [1]_. It nearly holds its level for counts
    of a few rows, and needs no correction of zeros. It supposes that rows are independent.

    Columns of a *name* are those with the largest contrasts, in standard deviations of the column: the mean of the
    reconstructions :math:`\hat x` of its rows, weighted by the values :math:`c_j` of the unit, less that of all rows,

    .. math::

        d_j = s_j \frac{\sum_i c_{ij} (\hat x_i - \bar x)}{\sum_i |c_{ij}|}

    with :math:`s_j` the more frequent sign. It has what is active beside the unit, or would be in its place, and so
    differs from *effects*. Those are no names: where each row has k active units, anything may be added to the typical
    contribution of each, and k times as much taken from the reconstruction of a code of zeros, with the same result.

    *Terms* are ranked by log-odds ratios with an informative Dirichlet prior, over their standard errors [2]_:

    .. math::

        \delta_w = \log \frac{y_w + \alpha_w}{n + \alpha_0 - y_w - \alpha_w}
        - \log \frac{y'_w + \alpha_w}{n' + \alpha_0 - y'_w - \alpha_w}
        \qquad
        z_w = \delta_w \Big/ \sqrt{\frac{1}{y_w + \alpha_w} + \frac{1}{y'_w + \alpha_w}}

    with :math:`y_w` the rows with term w in which the unit is on, n their sum over terms, a dash for the other rows,
    and :math:`\alpha_w` proportional to the rows with w, as much as ten rows in all. Of thousands of terms the best one
    has a large z by chance too: below 3 or 4 it means little.

    References
    ----------
    .. [1] P. A. R. Koopman, "Confidence Intervals for the Ratio of Two Binomial Proportions", Biometrics 40(2), 1984.
    .. [2] B. L. Monroe, M. P. Colaresi and K. M. Quinn, "Fightin' Words: Lexical Feature Selection and Evaluation for
       Identifying the Content of Political Conflict", Political Analysis 16(4), 2008, https://doi.org/10.1093/pan/mpn018

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.inspection import describe_units
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> sae = make_pipeline(StandardScaler(), SparseAutoencoder(8, max_iter=50, random_state=0)).fit(X)
    >>> units = describe_units(sae, X, y=y.map({0: "malignant", 1: "benign"}))
    >>> units.columns.tolist()[:4]
    ['name', 'density', 'explained_share', 'typical_value']
    >>> column, amount = units.effects[0][0]  # such as "worst area", and how much of it
    >>> column in X.columns
    True
    """
    with extra("report"):
        import pandas as pd
    facts = unit_facts(estimator, X, feature_names=feature_names, y=y, texts=texts, n_top=n_top, confidence=confidence)
    columns = {name: getattr(facts, name) for name in ("density", "explained_share", "typical_value")}
    if (facts.positive_share[facts.density > 0] < 1).any():
        columns["positive_share"] = facts.positive_share
    columns["top_rows"] = [rows.tolist() for rows in facts.top_rows]
    if facts.texts is not None:
        columns["examples"] = [[shorten(facts.texts[row]) for row in rows] for rows in facts.top_rows]
    for name in ("effects", "classes", "terms", "nearest_units", "coactive_units"):
        if getattr(facts, name) is not None:
            columns[name] = getattr(facts, name)
    columns["redundancy"] = facts.redundancy
    return pd.DataFrame({"name": facts.names, **columns}, index=pd.RangeIndex(len(facts.names), name="unit"))


def shorten(text, n_letters=SHOWN):
    """Return the beginning of a text, on one line."""
    text = " ".join(text.split())
    return text if len(text) <= n_letters else text[: n_letters - 1].rstrip() + "…"
