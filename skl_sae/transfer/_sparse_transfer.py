"""Transfer from a fitted source to other data: the estimator, which checks and wires."""

import warnings
from copy import copy

import numpy as np
from sklearn.base import _fit_context
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import get_tags
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils.metaestimators import available_if

from .._autoencoder import SparseAutoencoder
from .._doc_link import DocLinkMixin
from .._kept_model import KeptModelMixin, holds, unwrapped
from .._parameters import PlainParametersMixin, integer, real
from ..coding import KSVD
from ._as_it_is import AnyTransfer
from ._dictionaries import DictionaryTransfer
from ._encoding import EncodingMixin, encoder_has
from ._networks import NetworkTransfer
from ._source import assert_fitted, assert_same_features

#: What can be done with the kinds of sources that go on learning.
KINDS = {SparseAutoencoder: NetworkTransfer, KSVD: DictionaryTransfer}
# Parameters that have their say when a transfer begins.
BEGINNING = "source", "mode", "recenter", "n_new_components", "freeze", "l2_sp", "learning_rate_init", "batch_size"
# New units, as a share of the source's, if nobody says how many.
NEW_SHARE = 4


def _learns_from_chunks(self):
    if self.mode == "frozen":
        raise AttributeError("partial_fit learns, and mode='frozen' does not: expected mode='finetune' or 'extend'.")
    return encoder_has("partial_fit")(self)


def _apart(transfer):
    """The source; raises where it holds the transfer itself."""
    source = unwrapped(transfer.source)
    if not isinstance(source, tuple(KINDS)) and holds(source, transfer):  # one of these kinds needs no other model
        raise ValueError(
            f"The source of {type(transfer).__name__}, a {type(source).__name__}, is the transfer itself, or a model "
            "that holds it: expected one that is made without it."
        )
    return source


class SparseTransfer(DocLinkMixin, EncodingMixin, KeptModelMixin, PlainParametersMixin):
    r"""Use what a fitted source has learned on other data, the target.

    ``mode="frozen"`` encodes the target with the source as it is. ``mode="finetune"`` lets a copy of the source go on
    learning from the target. ``mode="extend"`` keeps the source's units as they are, and learns new ones that explain
    what these leave of the target. The source is never fitted nor changed, whatever is fitted, cloned or searched.

    **Fine-tuning** minimises the source's objective on the target, from the source's parameters
    :math:`\theta^s`, with a pull towards them (L2-SP):

    .. math::

        \min_\theta\; L_{target}(\theta) + \frac{\lambda}{2} \|\theta - \theta^s\|^2

    with :math:`\lambda` = `l2_sp`, on the network's own scale, on which the data has a total variance of about one, and
    the layers named by `freeze` left out, because they stay. A dictionary goes on with its atoms; those that the target
    does not use stay as they are.

    **Extending** makes a wider network, or dictionary. Weights, intercepts and thresholds of the source's units, its
    hidden layers and atoms stay to the bit; new rows begin with directions of what the source leaves of badly explained
    rows. The output's intercept follows the target. Units of both kinds take part in the rule: a number of active units
    that is given, as ``TopK(16)`` or `n_nonzero_coefs`, is that of all, and one that is not grows with their number.

    **Recentring** takes mean and scale of the data from the target. Where the source saw
    :math:`(x - \mu_s) / \sigma_s`, the copy sees

    .. math::

        \tilde x = (x - \mu_t) / \sigma_t, \qquad \hat x = \mu_t + \sigma_t\, \mathrm{decode}(\mathrm{encode}(\tilde x))

    with :math:`\sigma` found as the source found its own: one number, one for each feature, or 1.

    Codes are given on the scale of the source's codes in every mode.

    Parameters
    ----------
    source : estimator
        What was fitted before: a :class:`~skl_sae.SparseAutoencoder`, :class:`~skl_sae.coding.KSVD` or
        :class:`~skl_sae.coding.SparseRecoveryAutoencoder`. With ``mode="frozen"`` and ``recenter=False``, any fitted
        transformer. It may be wrapped in a ``FrozenEstimator``, and must be as a candidate of a search. Its parameters
        are not among those of the transfer, since setting them could not change what it has learned.

    mode : {"frozen", "finetune", "extend"}, default="frozen"
        What is learned from the target: nothing, all, or new units.

    recenter : bool, default=False
        Whether mean and scale of the data come from the target. Not for dictionaries, which have neither.

    n_new_components : int or None, default=None
        Number of new units or atoms with ``mode="extend"``. None is a quarter of the source's, at least 1.

    freeze : {"encoder", "decoder"}, array-like of int or None, default=None
        Layers that stay as they are, to the bit, with ``mode="finetune"``: all of the encoder, with thresholds; all of
        the decoder, with the path past the code; or some, by their numbers in `coefs_`. Where encoder and decoder share
        weights, these stay with either. Layers of the encoder cannot stay with ``batch_norm=True``. Not for
        dictionaries; by numbers only where a source has `coefs_`.

    l2_sp : float, default=0.0
        Strength of the pull towards the source's parameters with ``mode="finetune"``. About 1e-4 is weak, 0.1 is
        strong. What is measured of the data, such as the threshold of a :class:`~skl_sae.sparsity.BatchTopK` or the
        statistics of a batch normalisation, follows the target. Not for dictionaries.

    learning_rate_init : float or None, default=None
        Learning rate on the target. None is what the source's parameters say. Not for dictionaries.

    max_iter : int, "auto" or None, default=None
        Number of epochs, or of iterations, on the target. None is what the source's parameters say.

    batch_size : int or None, default=None
        Number of rows of a step on the target. None is what the source's parameters say.

    random_state : int, RandomState instance or None, default=None
        Order of rows, and where new units begin. An int gives the same bits in every run.

    verbose : bool, default=False
        Whether to print a line for each epoch or iteration.

    Attributes
    ----------
    estimator_ : estimator
        What encodes the target: a copy of the source, or of another kind of transformer the source itself.

    source_score_ : float
        Explained variance of the target by the source alone, before anything is learned, with mean and scale of the
        target if `recenter`; after ``partial_fit``, that of the first chunk. NaN where it is not defined. A low score
        says that the source knows little about the target.

    n_iter_ : int
        Number of epochs, iterations or chunks on the target; where nothing is learned, those of the source, or 1.

    n_features_in_ : int
        Number of features seen by ``fit``.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where X has names that are all strings.

    See Also
    --------
    sklearn.frozen.FrozenEstimator : Keeps a fitted transformer as it is in a pipeline, without any check of the data.

    Notes
    -----
    A source can be worse than nothing: compare with the same model fitted on the target alone.

    References
    ----------
    R. Raina, A. Battle, H. Lee, B. Packer and A. Ng, *Self-taught Learning: Transfer Learning from Unlabeled Data*,
    ICML 2007.

    X. Li, Y. Grandvalet and F. Davoine, *Explicit Inductive Bias for Transfer Learning with Convolutional Networks*,
    ICML 2018, arXiv:1802.01483: L2-SP.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.transfer import SparseTransfer
    >>> X, y = load_digits(return_X_y=True)
    >>> source = SparseAutoencoder(64, max_iter=20, random_state=0).fit(X[y >= 5])
    >>> transfer = SparseTransfer(source, mode="extend", n_new_components=16, max_iter=20, random_state=0)
    >>> transfer.fit_transform(X[y < 5]).shape
    (901, 80)
    >>> transfer.score(X[y < 5]) > transfer.source_score_
    True
    """

    _kept_model = "source"

    _parameter_constraints = {
        "source": [HasMethods(["transform"])],
        "mode": [StrOptions({"frozen", "finetune", "extend"})],
        "recenter": ["boolean"],
        "n_new_components": [integer(), None],
        "freeze": [StrOptions({"encoder", "decoder"}), "array-like", None],
        "l2_sp": [real(0, None, closed="left")],
        "learning_rate_init": [real(0, None, closed="neither"), None],
        "max_iter": [StrOptions({"auto"}), integer(), None],
        "batch_size": [integer(), None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        source,
        mode="frozen",
        *,
        recenter=False,
        n_new_components=None,
        freeze=None,
        l2_sp=0.0,
        learning_rate_init=None,
        max_iter=None,
        batch_size=None,
        random_state=None,
        verbose=False,
    ):
        self.source = source
        self.mode = mode
        self.recenter = recenter
        self.n_new_components = n_new_components
        self.freeze = freeze
        self.l2_sp = l2_sp
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.random_state = random_state
        self.verbose = verbose

    # fitting

    def _validate_params(self):
        _apart(self)  # one that holds the transfer itself cannot be asked for its methods
        super()._validate_params()

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Check that the source knows the target's features and, but with ``mode="frozen"``, learn from the target.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The target, with what the source takes.
        y : array-like, optional
            What a :class:`~skl_sae.coding.SparseRecoveryAutoencoder` with a `target` learns from; otherwise ignored.

        Returns
        -------
        self : object
            The fitted transfer.
        """
        seen, kind, X = self._begin(X)
        self._commit(seen, kind, X, y, "fit")
        return self

    @available_if(_learns_from_chunks)
    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None):
        """Go on learning from a chunk of the target; the first one decides on mean, scale and the start of new units.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            A chunk of the target.
        y : array-like, optional
            As in ``fit``.

        Returns
        -------
        self : object
            The fitted transfer.
        """
        first = not self.__sklearn_is_fitted__()
        seen, kind, X = self._begin(X, reset=first)
        if first:
            self._commit(seen, kind, X, y, "partial_fit")
        else:
            self._assert_goes_on()
            kind.learn(self.estimator_, "partial_fit", X, y)
        return self

    def _assert_goes_on(self):
        """Raise where a parameter has changed that has its say at the beginning alone."""
        for name, was in self._begun_with.items():
            now = getattr(self, name)
            if now is not was and not (name != "source" and np.array_equal(now, was)):
                shown = f": got {name}={now!r}, was {was!r}" if name != "source" else ": got another source"
                raise ValueError(
                    f"partial_fit goes on as it has begun, and {name} has changed{shown}. Set it back, or begin anew "
                    "with fit."
                )

    def _begin(self, X, reset=True):
        """What notes the features, what can be done with the source, and the data, checked."""
        seen = copy(self)
        assert_fitted(self._given)
        X = seen._read(X, reset)
        if reset:
            assert_same_features(self._given, seen)
        return seen, self._kind, X

    def _commit(self, seen, kind, X, y, method):
        """Let a copy of the source learn by a method of its own, and take over what was fitted and seen."""
        estimator = kind.frozen(X)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UndefinedMetricWarning)
            score = float(kind.score(estimator, X, y))
        if self.mode != "frozen":
            estimator = kind.begin(estimator, X)
            kind.learn(estimator, method, X, y)
        fitted = {name: value for name, value in vars(seen).items() if name.endswith("_in_")}
        begun_with = {name: getattr(self, name) for name in BEGINNING} | {"freeze": copy(self.freeze)}
        fitted |= {"source_score_": score, "estimator_": estimator, "_begun_with": begun_with}
        vars(self).pop("feature_names_in_", None)
        vars(self).update(fitted)

    @property
    def _kind(self):
        """What can be done with it."""
        kind = next((each for known, each in KINDS.items() if isinstance(self._given, known)), AnyTransfer)
        return kind(self._given, self)

    @property
    def _given(self):
        """The fitted source."""
        return _apart(self)

    def _n_new(self, n_components):
        """Number of new units beside so many."""
        return self.n_new_components or max(1, n_components // NEW_SHARE)

    def __sklearn_is_fitted__(self):
        return "estimator_" in vars(self)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if not hasattr(self._given, "__sklearn_tags__"):
            return tags
        inner = get_tags(self._given)
        tags.input_tags = inner.input_tags
        if inner.transformer_tags is not None:
            tags.transformer_tags = inner.transformer_tags
        if self.mode == "frozen" and self._kind.dtype is not None:  # nothing is made of the target's type
            tags.transformer_tags.preserves_dtype = [self._kind.dtype.name]
        return tags
