"""How many bits describe a row by means of a model."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils import check_array
from sklearn.utils._param_validation import HasMethods

from .._kernels.sparse_structure import check_sparse_structure
from .._parameters import checked, integer, real
from ._coded_rows import CodedRows
from ._rate import bits_of_columns, noise_level, spread


@dataclass(frozen=True)
class DescriptionLength:
    """Bits of a row; see `description_length`.

    Parameters
    ----------
    total : float
        The sum of the four parts.
    support : float
        Bits that say which units are active.
    values : float
        Bits for the values of these.
    residual : float
        Bits for what the codes leave of the data.
    dictionary : float
        A row's share of the bits for the dictionary.
    without_model : float
        Bits of a row if there is no model: of the data as they are.

    Examples
    --------
    >>> from skl_sae.metrics import DescriptionLength
    >>> DescriptionLength(8.0, 1.0, 2.0, 4.0, 1.0, 11.0).total
    8.0
    """

    total: float
    support: float
    values: float
    residual: float
    dictionary: float
    without_model: float


# Smaller errors have bits that cannot be told from infinitely many.
SMALLEST = 1e-100


@checked(
    {
        "estimator": [HasMethods(["transform", "inverse_transform"])],
        "X": ["array-like", "sparse matrix"],
        "tolerance": [real(SMALLEST, 1, closed="left")],
        "n_rows": [integer(), None],
    },
    prefer_skip_nested_validation=True,
)
def description_length(estimator, X, *, tolerance=0.05, n_rows=None):
    r"""Count the bits that a row takes when it is described by a fitted model, the model included.

    Wider and denser codes always reconstruct better, and sparser codes are always shorter. The description length
    has both in one unit, so it has a minimum between: the model by which the data is told most briefly [1]_. No label
    is needed. With codes z and reconstructions :math:`\hat x` of n rows,

    .. math::

        L = \underbrace{\frac1n \sum_j K(a_j, n - a_j)}_{\text{support}}
        + \underbrace{\frac1n \sum_j K(c_{j1}, \dots, c_{jB_j})}_{\text{values}}
        + \underbrace{\sum_i \frac{o_i}{2} \log_2 \max\Big(1, \frac{r_i}{D}\Big)}_{\text{residual}}
        + \underbrace{\frac{1}{2N} \sum_{ij} \log_2\Big(1 + \frac{N}{n} \frac{d_{ji}^2 \sum z_j^2}{D}
        \Big)}_{\text{dictionary}}

    **The precision** is given by the `tolerance`, the share of the variance that need not be described. D is the error
    that is allowed in each column: :math:`\sum_i o_i \min(D, v_i) = \text{tolerance} \sum_i o_i v_i`, with
    variances :math:`v_i` of the columns and shares :math:`o_i` of observed values. So L does not depend on
    the unit of the data, nor on the scale of the codes.

    **Codes** are rounded to steps of :math:`\sqrt{12 D} / \|d_j\|`, by which a value costs an error of D in the
    row, and :math:`\hat x` is decoded from the rounded codes. :math:`a_j` is the number of rows in which unit j is then
    active, and :math:`c_{jb}` how often it has its b-th value, of :math:`B_j` between its smallest and its largest.
    Both are told by a code that learns the frequencies as it goes, so that these need not be sent [2]_ (the smallest
    and the largest are not counted: a few bits a unit, shared by all rows):

    .. math::

        K(c_1, \dots, c_B) = -\log_2 \frac{\Gamma(B / 2) \prod_b \Gamma(c_b + 1/2)}
        {\Gamma(1/2)^B\, \Gamma(\sum_b c_b + B / 2)}

    **The residual** has the mean square :math:`r_i` in column i, and costs what a Gaussian source costs at
    an error of D [3]_: nothing, if that is already reached.

    **The dictionary**: :math:`d_{ji}` is what unit j adds to column i of a row, for a code of 1; of a decoder that
    is not linear, at the largest code of the unit. An entry is told so finely that its rounding adds an error of D once
    in all N rows that share the dictionary. Zeros are free, and so are units that are never active.

    That precision, and what it makes of the four parts, are this library's choice; [1]_ is the idea.

    Parameters
    ----------
    estimator : object
        Fitted estimator with `transform` and `inverse_transform`, such as a pipeline of these.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Data to describe; NaN is a missing value, and is not described.
    tolerance : float, default=0.05
        Share of the variance of `X` that need not be described. A smaller one asks for details, and so for more units.
    n_rows : int, default=None
        Number N of rows that share the dictionary. None is the number of rows of `X`. Where `X` is held out, that of
        all the data says what the choice is for.

    Returns
    -------
    DescriptionLength
        Bits a row: the total, its four parts, and what it would be without a model.

    See Also
    --------
    neg_description_length_scorer : The same for ``scoring=`` of a search.

    Notes
    -----
    What is the same for every model, such as the mean of each column, is left out. The rows are encoded twice, by
    blocks.

    References
    ----------
    .. [1] K. Ayonrinde, M. T. Pearce and L. Sharkey, "Interpretability as Compression: Reconsidering SAE Explanations
       of Neural Activations with MDL-SAEs", 2024, arXiv:2410.11179.
    .. [2] R. Krichevsky and V. Trofimov, "The Performance of Universal Encoding", IEEE Transactions on Information
       Theory 27, 1981.
    .. [3] T. Cover and J. Thomas, "Elements of Information Theory", chapter "Rate Distortion Theory", Wiley, 2006.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.metrics import description_length
    >>> from skl_sae.sparsity import TopK
    >>> X = load_digits().data
    >>> few, many = (
    ...     description_length(SparseAutoencoder(64, sparsity=TopK(k), max_iter=30, random_state=0).fit(X), X)
    ...     for k in (2, 32)
    ... )
    >>> many.residual < few.residual, few.total < many.total, few.total < few.without_model
    (True, True, True)
    """
    check_sparse_structure(X)
    numbers = check_array(X, accept_sparse="csr", dtype="numeric", ensure_all_finite="allow-nan", input_name="X")
    columns = spread(numbers)
    noise = noise_level(columns, tolerance)
    told = CodedRows(estimator, columns.exponent).measure(X, numbers, noise)
    n_samples = numbers.shape[0]
    n_sharing = n_rows or n_samples
    errors = told.errors / np.maximum(columns.shares * n_samples, 1)
    ratios = told.squares * (n_sharing / n_samples / noise)
    dictionary = 0.5 * sum(np.log2(1 + atom**2 * ratio).sum() for atom, ratio in zip(told.atoms, ratios, strict=True))
    parts = {
        "support": float(told.support / n_samples),
        "values": float(told.values / n_samples),
        "residual": bits_of_columns(errors, columns.shares, noise),
        "dictionary": float(dictionary / n_sharing),
    }
    without_model = bits_of_columns(columns.variances, columns.shares, noise)
    return DescriptionLength(sum(parts.values()), **parts, without_model=without_model)
