"""K-SVD and online dictionary learning: the estimator, which checks and wires."""

from sklearn.base import _fit_context
from sklearn.utils._param_validation import StrOptions

from .._callbacks import CallbackSupportMixin
from .._doc_link import DocLinkMixin
from .._parameters import integer, real
from ._learning.dictionary_fitting import DictionaryFittingMixin
from ._learning.dictionary_start import STARTS
from ._learning.fitted_dictionary import FittedDictionaryMixin
from ._learning.ksvd_loop import UPDATES
from ._learning.learners import transform_coding
from ._sparse_encode import CODERS


class KSVD(DocLinkMixin, CallbackSupportMixin, DictionaryFittingMixin, FittedDictionaryMixin):
    r"""Dictionary learning: K-SVD, or online.

    Learns a dictionary D, whose atoms are rows of norm one, so that sparse codes Z reconstruct the data,

    .. math::

        \min_{D, Z} \tfrac12 \|X - Z D\|_F^2 \quad \text{with few entries in each row of } Z

    or, for the algorithms "lasso" and "fista", plus :math:`\alpha \|Z\|_1`. Codes and atoms take turns. With
    ``method="ksvd"`` each iteration encodes all rows, and then updates one atom after the other together with its
    entries of the codes. With ``method="online"`` a batch of rows is encoded and added to sums over all codes so far,
    of which the memory does not grow, and the atoms become the best ones for these sums.

    Data is not centred. NaN in a dense X is a missing value: codes and atoms are fitted to the observed values.

    Read more in the :ref:`user guide <guide_sparse_coding>`.

    Parameters
    ----------
    **Dictionary and method**

    n_components : int, default=128
        Number of atoms.

    method : {"ksvd", "online"}, default="ksvd"
        How ``fit`` learns. ``partial_fit`` learns online.

    update : {"approximate", "exact"}, default="approximate"
        How K-SVD updates an atom. "exact": with its entries it becomes the best matrix of rank one for what the others
        leave. "approximate": one step towards it, first of the atom, then of the entries; atoms are shared out to
        threads in blocks. It is faster, and as good. Where values are missing, or X is sparse, there is one kind of
        update only: a step by the observed values, or of all atoms in one block.

    **Codes while it is learned**

    algorithm : {"omp", "lasso", "fista", "threshold", "topk", "iht", "basis_pursuit"}, default="omp"
        How ``fit`` encodes; see `sparse_encode`.

    n_nonzero_coefs : int or None, default=None
        Largest number of entries of a code. None, without `tol`: ``min(32, n_components // 8, n_features // 4)``, at
        least 1.

    tol : float or None, default=None
        The error of a row that is good enough, or the accuracy of its code; see `sparse_encode`.

    alpha : float or None, default=None
        The penalty of "lasso" and "fista", the threshold of "threshold". None is 1, as in scikit-learn.

    alpha_start : float or None, default=None
        The penalty at the beginning of ``fit``, which lasts for nearly half of `max_iter`, and then falls to `alpha`
        along a geometric line. A larger one finds atoms sooner, a smaller one finds them more exactly.

    positive : bool, default=False
        Whether codes are kept from being negative.

    **Start**

    dict_init : {"data", "random", "svd", "dct", "dct2"} or array-like of shape (n_atoms, n_features), default="data"
        The dictionary at the start. "data": different rows of X. "random": any directions. "svd": right singular
        vectors. "dct": cosines, more than there are features if `n_components` is larger. "dct2": their products along
        both sides of a square image. An array: atoms as they are. Where these are fewer than `n_components`, rows of X
        follow.

    n_frozen_components : int, default=0
        Number of first atoms of an array `dict_init` that never change, nor their norm.

    **Atoms that are replaced**

    min_usage : int, default=1
        Atoms that fewer rows use are replaced by what is left of badly represented rows of X.

    max_coherence : float, default=0.95
        Of two atoms with a larger absolute cosine, the one that fewer rows use is replaced likewise. 1.0: none.

    replace_every : int, default=1
        Number of iterations of ``fit`` between replacements. The last 30 % of `max_iter` have none.

    **Online steps**

    batch_size : int, default=256
        Number of rows of an online step.

    memory : int or None, default=None
        Number of rows after which past codes have faded, online. None: a pass over the data in ``fit``, never in
        ``partial_fit``.

    max_share : float or None, default=None
        Online: the largest share that one row may hold of the sum of squares of an atom's entries, as it was so far. An
        entry beyond that counts for its atom as if it were smaller. It keeps atoms from becoming single rows where
        rows are few: try 0.2, with a `batch_size` of all rows and many iterations.

    relaxation : float, default=1.0
        Online: atoms go this much further than to the minimum of a step, at most 2. Above 1 it can save iterations.

    **Iterations and stopping**

    max_iter : int, default=30
        Largest number of iterations, or of passes over the data.

    convergence_tol : float, default=1e-3
        ``fit`` ends when the loss falls by less than this share of it in an iteration. 0.0 runs all iterations.

    **Codes of transform**

    transform_algorithm : str or None, default=None
        How ``transform`` encodes. None means `algorithm`.

    transform_n_nonzero_coefs : int or None, default=None
        `n_nonzero_coefs` of ``transform``. None means that of the fit.

    transform_tol : float or None, default=None
        `tol` of ``transform``. None means that of the fit, where the algorithm is the same.

    transform_alpha : float or None, default=None
        `alpha` of ``transform``. None means that of the fit.

    sparse_output : bool, default=False
        Whether ``transform`` returns a CSR matrix.

    **Repetition and output**

    random_state : int, RandomState instance or None, default=None
        Start, order of atoms and rows. An int gives the same bits in every run, with any number of threads.

    verbose : bool, default=False
        Whether to print a line for each iteration, and once that kernels are being compiled. Callbacks as in
        :class:`~skl_sae.SparseAutoencoder`.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        The dictionary.

    loss_curve_ : list of float
        The objective after each iteration, the mean over the rows; online, the mean over the batches of a pass, each
        before it was learned from.

    n_iter_ : int
        Number of iterations, or of calls of ``partial_fit``.

    n_features_in_ : int
        Number of features seen by ``fit``.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where X has names that are all strings.

    See Also
    --------
    sklearn.decomposition.MiniBatchDictionaryLearning : Online, for the lasso.
    skl_sae.SparseAutoencoder : Codes by an encoder, which are much cheaper.

    Notes
    -----
    K-SVD keeps the residual of all rows, an array of the shape of X; a sparse X is read by tiles and has none. Learning
    online needs ``n_components * (n_components + n_features)`` numbers, and a batch.

    References
    ----------
    M. Aharon, M. Elad and A. Bruckstein, *K-SVD: An Algorithm for Designing Overcomplete Dictionaries for Sparse
    Representation*, IEEE Transactions on Signal Processing 54, 2006.

    R. Rubinstein, M. Zibulevsky and M. Elad, *Efficient Implementation of the K-SVD Algorithm using Batch Orthogonal
    Matching Pursuit*, Technion CS-2008-08, 2008.

    J. Mairal, F. Bach, J. Ponce and G. Sapiro, *Online Learning for Matrix Factorization and Sparse Coding*, JMLR 11,
    2010.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sae.coding import KSVD
    >>> X, _ = load_digits(return_X_y=True)
    >>> ksvd = KSVD(100, n_nonzero_coefs=5, max_iter=5, random_state=0).fit(X)
    >>> codes = ksvd.transform(X)
    >>> int((codes != 0).sum(axis=1).max())
    5
    >>> ksvd.score(X) > 0.8
    True
    """

    _parameter_constraints = {
        "n_components": [integer()],
        "method": [StrOptions({"ksvd", "online"})],
        "update": [StrOptions(set(UPDATES))],
        "algorithm": [StrOptions({*CODERS})],
        "n_nonzero_coefs": [integer(), None],
        "tol": [real(0, None, closed="left"), None],
        "alpha": [real(0, None, closed="left"), None],
        "alpha_start": [real(0, None, closed="neither"), None],
        "positive": ["boolean"],
        "dict_init": [StrOptions(set(STARTS)), "array-like"],
        "n_frozen_components": [integer(0)],
        "min_usage": [integer(0)],
        "max_coherence": [real(0, 1, closed="right")],
        "replace_every": [integer()],
        "batch_size": [integer()],
        "memory": [integer(), None],
        "max_share": [real(0, 1, closed="right"), None],
        "relaxation": [real(0, 2, closed="right")],
        "max_iter": [integer()],
        "convergence_tol": [real(0, None, closed="left")],
        "transform_algorithm": [StrOptions({*CODERS}), None],
        "transform_n_nonzero_coefs": [integer(), None],
        "transform_tol": [real(0, None, closed="left"), None],
        "transform_alpha": [real(0, None, closed="left"), None],
        "sparse_output": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_components=128,
        *,
        method="ksvd",
        update="approximate",
        algorithm="omp",
        n_nonzero_coefs=None,
        tol=None,
        alpha=None,
        alpha_start=None,
        positive=False,
        dict_init="data",
        n_frozen_components=0,
        min_usage=1,
        max_coherence=0.95,
        replace_every=1,
        batch_size=256,
        memory=None,
        max_share=None,
        relaxation=1.0,
        max_iter=30,
        convergence_tol=1e-3,
        transform_algorithm=None,
        transform_n_nonzero_coefs=None,
        transform_tol=None,
        transform_alpha=None,
        sparse_output=False,
        random_state=None,
        verbose=False,
    ):
        self.n_components = n_components
        self.method = method
        self.update = update
        self.algorithm = algorithm
        self.n_nonzero_coefs = n_nonzero_coefs
        self.tol = tol
        self.alpha = alpha
        self.alpha_start = alpha_start
        self.positive = positive
        self.dict_init = dict_init
        self.n_frozen_components = n_frozen_components
        self.min_usage = min_usage
        self.max_coherence = max_coherence
        self.replace_every = replace_every
        self.batch_size = batch_size
        self.memory = memory
        self.max_share = max_share
        self.relaxation = relaxation
        self.max_iter = max_iter
        self.convergence_tol = convergence_tol
        self.transform_algorithm = transform_algorithm
        self.transform_n_nonzero_coefs = transform_n_nonzero_coefs
        self.transform_tol = transform_tol
        self.transform_alpha = transform_alpha
        self.sparse_output = sparse_output
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the dictionary.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return self._learn(X)

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None):
        """Learn online from a chunk of data, in batches; after ``fit``, go on from its dictionary and its codes.

        The past fades over the last `memory` rows. Atoms begin with rows of the first chunk; those that it is too small
        for begin anywhere, and are replaced by later rows if they are not used.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            A chunk of data; one row is enough.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return self._learn_chunk(X)

    def _coder(self):
        return transform_coding(self)
