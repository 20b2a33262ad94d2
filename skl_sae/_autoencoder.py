"""The estimator: checks its input, puts the parts together, and leaves the computing to them."""

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import check_array
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from ._callbacks import CallbackSupportMixin
from ._doc_link import DocLinkMixin
from ._estimator.checkpoints import checkpoints_in
from ._estimator.checks import check_sparse_is_finite, decodes_codes_alone, offers_partial_fit
from ._estimator.data_checks import check_probabilities
from ._estimator.fitted import FittedStateMixin
from ._estimator.fitting import FittingMixin
from ._estimator.output import csr_kind, like_the_input
from ._estimator.sparse_weights import SparseWeightsMixin
from ._kept_model import KeptModelMixin
from ._kernels.sparse_structure import check_sparse_structure
from ._model import inference
from ._model.activations import ACTIVATIONS
from ._model.losses import LOSSES
from ._model.rows import Rows
from ._parameters import PlainParametersMixin, integer, real
from ._training.optimizers import OPTIMIZERS
from ._training.schedule import SCHEDULES
from ._warning import warn
from .sparsity._names import RuleParametersMixin


class SparseAutoencoder(
    DocLinkMixin,
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    SparseWeightsMixin,
    FittedStateMixin,
    FittingMixin,
    RuleParametersMixin,
    KeptModelMixin,
    PlainParametersMixin,
):
    r"""Sparse autoencoder.

    Learns an encoder and a decoder such that a sparse code reconstructs the data. For one layer on each side

    .. math::

        a = W_e (x - \mu) / s + b_e, \qquad f = \mathrm{rule}(\mathrm{act}(a)), \qquad
        \hat x = \mu + s\,(W_d^\top f + b_d)

    with :math:`\mu` the mean and :math:`s` the scale of the training data, one number or one a feature. ``transform``
    returns the codes f, ``inverse_transform`` the reconstructions of given codes. What is minimised is

    .. math::

        \frac1n \sum_i \Big[ \sum_j \ell(x_{ij}, \hat x_{ij}) + \text{sparsity penalty}_i \Big]
        + \tfrac12 \text{weight\_decay}\, \|W\|_2^2 + \text{weight\_l1}\, \|W\|_1

    **Scale of the data.** With a linear or relu output and squared error, data is divided by one number,
    :math:`s = \sqrt{\text{total variance}}` of the training data (of the first chunk in ``partial_fit``). So
    penalties, `tol`, learning rates and the sparsity reached do not depend on the scale of X, and neither do the
    codes. Where features have units of their own, as in most raw tables, each is divided by its unit first
    (``scale="features"``), and nothing depends on these units either. ``scale=False`` sets s = 1: the objective is
    then on the scale of X, for comparisons with other software.

    **Scale of the codes.** Where data is scaled so and the code has no bounds ("relu", "identity"), codes are given
    on a scale of their own: active entries have a root mean square of 1 over the training data (in ``partial_fit``,
    over about a thousand rows, up to 32 of each of the last chunks). A penalised model that follows can take such
    numbers as they are. `coefs_`, `intercepts_` and `components_` belong to these codes. Penalties, thresholds and
    targets of the rules are about the network's own activations, the codes times `code_scale_`.

    **Missing values.** NaN in a dense X is a missing value: it counts neither in the loss nor in a gradient, and
    the encoder sees the mean of the feature's observed values in its place. ``impute`` fills it with the
    reconstruction; to learn that, train with ``corruption="masking"``.

    Read more in the :ref:`user guide <user_guide>`.

    Parameters
    ----------
    **Sparsity**

    n_components : int, default=128
        Number of units of the code.

    sparsity : str, BaseSparsity or None, default="topk"
        Sparsity rule. A name, for the rule's defaults: "topk", "abs_topk", "batch_topk", "lifetime_topk", "l1", "kl",
        "jumprelu", "gated" or "matryoshka". Or an object of :mod:`skl_sae.sparsity`, for control. None trains an
        ordinary autoencoder. Parameters of the rule can be set and searched in either case:
        ``set_params(sparsity__k=8)``.

    dead_units : {"auto", "auxiliary", "resample"} or None, default="auto"
        How units that have not fired (had a value other than zero) for a quarter of an epoch are revived.
        "auxiliary": they learn to reconstruct what the others leave over. "resample": after an epoch they start anew on
        rows that are badly reconstructed; for networks without hidden layers. None: not at all. "auto" means
        "auxiliary" for the rules "topk", "abs_topk", "batch_topk" and "jumprelu", and for "matryoshka" of these, None
        for the others.

    **Architecture**

    hidden_layer_sizes : int or array-like of int, default=()
        Widths of the encoder's layers between the data and the code. An int is one layer.

    decoder_layer_sizes : int, array-like of int or None, default=None
        Widths of the decoder's layers between the code and the data. An int is one layer, None mirrors the encoder.

    activation : {"relu", "sigmoid", "tanh", "identity"} or None, default=None
        Activation of the code. None means "sigmoid" for the rule "kl", "identity" for "abs_topk" (also within
        "matryoshka"), "relu" otherwise.

    hidden_activation : {"relu", "sigmoid", "tanh", "identity"}, default="relu"
        Activation of the hidden layers on both sides.

    output_activation : {"identity", "sigmoid", "tanh", "relu"}, default="identity"
        Activation of the reconstruction.

    tied_weights : bool, default=False
        Whether the decoder's weights are the encoder's transposed, layer by layer.

    skip : bool, default=False
        Whether a linear path leads from the input to the output, past the code (a skip connection):

        .. math::

            \hat x = \mu + s\,(W_d^\top f + S^\top (x - \mu) / s + b_d)

        with S of shape (n_features, n_features), zero at the start. The code is left with what is not linear. A path
        that may copy the input leaves it nothing, so combine this with `corruption`; the path sees the corrupted
        input. Codes alone are then not enough to reconstruct: ``reconstruct`` takes X, and there is no
        ``inverse_transform``. Weight penalties include S, and `pretrain` leaves it to what follows.

    batch_norm : bool, default=False
        Whether the pre-activations of the encoder's layers, the code's included, are normalised over the batch, with
        a trained gain and the intercept as the shift. After training, running statistics take the place of the
        batch's; `coefs_` and `intercepts_` contain them. The decoder is never normalised: that would make penalties
        of the code vacuous.

    **Objective and start**

    loss : {"squared_error", "binary_cross_entropy"}, default="squared_error"
        Loss of an entry. Cross-entropy needs a sigmoid output and data in [0, 1].

    scale : {"auto", "total", "features"} or bool, default="auto"
        What data is divided by; see above. "total", or True: its total standard deviation. "features": each feature by
        its unit, then all by the total standard deviation in units. The unit is the standard deviation; where single
        values lie far out it is half the width of the inner 98 % of the values, but not less than a sixteenth of the
        standard deviation (if the inner half of the values is not all the same); of constant features it is 1. "auto"
        means "features" if the feature near the upper end (of 97 %) has 30 times the range, and 30 times the standard
        deviation, of that near the lower end (of 10 %), among those that vary in up to 4096 rows, and if there are 20
        rows; else "total". A fit that goes on keeps its scale. False: data is not divided. It never is with a sigmoid
        or tanh output, or cross-entropy.

    init : fitted estimator, array-like of shape (n_components, n_features) or None, default=None
        What a new network starts from; None: rows of the data. Another fitted `SparseAutoencoder` with the same layers
        and rule gives all weights and thresholds, brought to the mean and scale of the new data (exactly, but with
        ``tied_weights`` where units of features differ or an activation has bounds). Other fitted models give their
        `components_`: like an array, the decoder's rows in units of X (up to one factor where codes have a scale of
        their own), whose directions the encoder starts from; rows of zeros start as ever. Such a model is kept as it is
        by ``clone``, and in a search must be ``FrozenEstimator(model)``. A fit that goes on (`warm_start`) does not
        look at it.

    **Optimizer**

    solver : {"adam", "sgd"}, default="adam"
        Optimizer.

    learning_rate_init : "auto" or float, default="auto"
        Learning rate at the start. "auto" means, for ``solver="adam"``, ``0.002 * sqrt(1000 / w)`` with w the larger
        of `n_components`, the width of the layer before the code, and 1000; with hidden layers at most 0.001. For
        ``solver="sgd"`` it means 0.1.

    learning_rate : {"cooldown", "cosine", "linear", "constant"}, default="cooldown"
        Schedule over the `max_iter` epochs. "cooldown": constant, then to zero along a line over the last fifth of the
        steps. "cosine" and "linear": to zero along a half cosine or a line, from the first step on. "constant": no
        change. ``partial_fit`` always uses a constant rate.

    momentum : float, default=0.9
        Momentum of ``solver="sgd"``.

    nesterovs_momentum : bool, default=True
        Whether the momentum is Nesterov's.

    beta_1 : float, default=0.9
        Decay rate of the first moment of ``solver="adam"``.

    beta_2 : float, default=0.999
        Decay rate of the second moment of ``solver="adam"``.

    epsilon : float, default=1e-8
        Term for numerical stability of ``solver="adam"``.

    batch_size : int, default=128
        Number of rows of a step.

    shuffle : bool or "blocks", default=True
        Whether rows are drawn in a new order in each epoch. "blocks" is for files larger than memory: blocks of 4 MB
        come in random order, and rows are shuffled inside windows of 32 blocks; data of less than 128 MB as a whole.

    **Regularisation**

    weight_decay : float, default=0.0
        L2 penalty of all weight matrices. It is part of the objective, so its gradient passes through the optimizer
        (it is not decoupled as in AdamW).

    weight_l1 : float, default=0.0
        L1 penalty of all weight matrices.

    dropout : float, default=0.0
        Probability that, in a step, a value of the encoder's hidden layers or of the code is set to zero; the others
        are divided by one minus it (inverted dropout). Penalties see the code before dropout.

    **Noise on the input**

    corruption : {"gaussian", "masking"} or None, default=None
        Noise on the input, which the network learns to undo: the loss is against the clean data. "gaussian" adds
        noise; "masking" replaces values by the mean of their feature, as if they were missing.

    corruption_level : float, default=0.3
        The probability that a value is masked, or the standard deviation of the noise. The latter is relative to the
        root mean square of the features' standard deviations (in their units, if they have any) where data is scaled,
        else on the scale of X. With `pretrain`, inner layers get noise of the same strength relative to theirs.

    corruption_emphasis : float, default=0.0
        With masking, the share of the visible values, drawn anew in each step, that the loss leaves out: masked
        values weigh more, up to a loss of these alone at 1.0. A network that can copy learns little else without.

    **Layers one by one**

    pretrain : {"layerwise", "layerwise_only"} or None, default=None
        Whether ``fit`` first trains the layers one after the other, outermost first, each as an autoencoder on the
        codes of the layer below; with "layerwise_only" nothing else follows. Hidden layers take the penalty of the
        rules "l1" (without a target) and "kl", if they have the code's activation; the other rules act on the code
        alone. A fit that goes on (`warm_start`) does not train the layers again. The decoder must mirror the encoder.

    pretrain_max_iter : "auto" or int, default="auto"
        Number of epochs of each layer; "auto" as in `max_iter`.

    **Epochs and stopping**

    max_iter : "auto" or int, default="auto"
        Number of epochs; the largest number where `tol` or `early_stopping` may end the fit. "auto" means as many as
        make 10,000 steps, but at least 10 and at most 100; and in any case 1500 steps.

    tol : float, default=1e-4
        With a constant learning rate, the fit ends when the loss has not improved by `tol` for `n_iter_no_change`
        epochs; with `early_stopping`, the score of the held-out rows takes the place of the loss. Otherwise a decaying
        schedule runs to its end.

    n_iter_no_change : int, default=10
        Number of epochs without improvement that are let pass.

    early_stopping : bool, default=False
        Whether held-out rows decide when to end. If their score no longer improves, a schedule that decays does so at
        once: the rate goes from where it is to zero along a line, over a quarter of the epochs so far (but not beyond
        `max_iter`), and the fit ends. With a constant rate it ends at once. The weights of the best epoch are kept.

    validation_fraction : float, default=0.1
        Share of rows held out by `early_stopping` where no `X_val` is passed to ``fit``. Without it, rules with a
        `target_l0` hold out a tenth of the rows, at most 2000 and of fewer than 500 rows up to a fifth, to meet it.

    **Output and repetition**

    sparse_output : bool, default=False
        Whether ``transform`` returns a CSR matrix.

    warm_start : bool, default=False
        Whether ``fit`` goes on from the last solution, with the optimizer's moments; the schedule starts anew.

    random_state : int, RandomState instance or None, default=None
        Start of the weights, order of the rows, and the validation split. An int gives the same bits in every run,
        with any number of threads.

    verbose : bool, default=False
        Whether to print a line for each epoch, with the time that is left where that is more than a second; and, once,
        that kernels are being compiled. With scikit-learn 1.9 or later, callbacks such as
        ``sklearn.callback.ProgressBar`` are an alternative; that one needs rich, ``pip install "skl-sae[progress]"``.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Decoder: the direction in the data that a unit stands for. Only where the decoder has a single layer.

    intercept_ : ndarray of shape (n_features,)
        Intercept of the decoder's last layer.

    coefs_ : list of ndarray of shape (fan_in, fan_out)
        Weights of all layers, from the data to the code and on to the reconstruction, on X's scale; see `sparsify`.

    density_ : float
        Share of the weights that are not zero.

    intercepts_ : list of ndarray of shape (fan_out,)
        Intercepts of all layers, likewise.

    skip_coef_ : ndarray of shape (n_features, n_features)
        With `skip`, the weights S of the path past the code, likewise: with one layer on each side and a linear
        output, the reconstruction of X is ``X @ skip_coef_ + codes @ components_ + intercept_``.

    sparsity_ : BaseSparsity
        The rule that was used, with its numbers resolved.

    activation_ : str
        The activation of the code that was used.

    dead_fraction_ : float
        Share of the units that did not fire in the last pass over the data; after ``partial_fit``, in the last 10,000
        rows (in all rows if there were fewer, in the last chunk if it has more).

    mean_ : ndarray of shape (n_features,)
        The mean of the training data, which is subtracted from the input.

    scale_ : float or ndarray of shape (n_features,)
        The number s that data is divided by, or with the scale "features" what each feature is divided by.

    code_scale_ : float
        The scale of the codes: the network's own activations are the codes times this number. See above.

    pretrain_loss_curves_ : list of list of float or None
        Loss of each epoch of each layer, with `pretrain`. With "layerwise_only" the last of them is `loss_curve_`, too.

    loss_ : float
        Loss of the last epoch. For scaled data, a squared error of 1 is that of reconstructing each row by the mean.

    loss_curve_ : list of float
        Loss of each epoch: the objective above, without the auxiliary loss.

    auxiliary_loss_curve_ : list of float
        What the auxiliary loss of dead units (`dead_units`) has added in each epoch; 0.0 where no unit was dead. It is
        relative to the variance of what the living units leave over, so it can be much larger than `loss_curve_`.

    validation_scores_ : list of float or None
        Score of the held-out rows after each epoch, with `early_stopping` or an `X_val`; NaN where there is none, as
        after ``partial_fit``.

    n_iter_ : int
        Number of epochs, without those of `pretrain` (with "layerwise_only", of the last layer).

    n_steps_ : int
        Number of steps of the optimizer, likewise.

    n_features_in_ : int
        Number of features seen by ``fit``.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where X has names that are all strings.

    See Also
    --------
    sklearn.decomposition.MiniBatchDictionaryLearning : Sparse codes by optimisation; slower to transform.
    sklearn.decomposition.PCA : Dense linear codes.

    Notes
    -----
    The gradient moments of units that no longer fire are flushed to zero instead of becoming denormal numbers.

    ``fit`` with a folder for checkpoints resumes where a killed process has ended, to the same bits. Ctrl-C during the
    training ends it with a warning, and leaves a fitted estimator.

    References
    ----------
    A. Makhzani and B. Frey, *k-Sparse Autoencoders*, 2013, arXiv:1312.5663.

    L. Gao et al., *Scaling and evaluating sparse autoencoders*, 2024, arXiv:2406.04093.

    A. Hägele et al., *Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations*, 2024,
    arXiv:2405.18392: the learning rate with a cooldown.

    P. Vincent et al., *Stacked denoising autoencoders*, JMLR 11, 2010: `corruption` and its emphasis.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sae import SparseAutoencoder
    >>> X, y = load_digits(return_X_y=True)
    >>> sae = SparseAutoencoder(n_components=64, max_iter=20, random_state=0).fit(X)
    >>> codes = sae.transform(X)
    >>> codes.shape
    (1797, 64)
    >>> int((codes != 0).sum(axis=1).max())
    8
    >>> sae.inverse_transform(codes).shape
    (1797, 64)
    """

    _named_parameters, _kept_model = ("sparsity",), "init"

    _parameter_constraints = {
        "n_components": [integer()],
        "sparsity": "no_validation",  # RuleParametersMixin checks it, against the names of the moment
        "dead_units": [StrOptions({"auto", "auxiliary", "resample"}), None],
        "hidden_layer_sizes": ["array-like", integer()],
        "decoder_layer_sizes": ["array-like", integer(), None],
        "activation": [StrOptions(set(ACTIVATIONS)), None],
        "hidden_activation": [StrOptions(set(ACTIVATIONS))],
        "output_activation": [StrOptions(set(ACTIVATIONS))],
        "tied_weights": ["boolean"],
        "skip": ["boolean"],
        "batch_norm": ["boolean"],
        "loss": [StrOptions(set(LOSSES))],
        "scale": [StrOptions({"auto", "total", "features"}), "boolean"],
        "init": "no_validation",  # looked at in fit, where the network is known
        "solver": [StrOptions(set(OPTIMIZERS))],
        "learning_rate_init": [StrOptions({"auto"}), real(0, None, closed="neither")],
        "learning_rate": [StrOptions(set(SCHEDULES))],
        "momentum": [real(0, 1, closed="left")],
        "nesterovs_momentum": ["boolean"],
        "beta_1": [real(0, 1, closed="left")],
        "beta_2": [real(0, 1, closed="left")],
        "epsilon": [real(0, None, closed="neither")],
        "batch_size": [integer()],
        "shuffle": ["boolean", StrOptions({"blocks"})],
        "weight_decay": [real(0, None, closed="left")],
        "weight_l1": [real(0, None, closed="left")],
        "dropout": [real(0, 1, closed="left")],
        "corruption": [StrOptions({"gaussian", "masking"}), None],
        "corruption_level": [real(0, None, closed="left")],
        "corruption_emphasis": [real(0, 1, closed="both")],
        "pretrain": [StrOptions({"layerwise", "layerwise_only"}), None],
        "pretrain_max_iter": [StrOptions({"auto"}), integer()],
        "max_iter": [StrOptions({"auto"}), integer()],
        "tol": [real(0, None, closed="left")],
        "n_iter_no_change": [integer()],
        "early_stopping": ["boolean"],
        "validation_fraction": [real(0, 1, closed="neither")],
        "sparse_output": ["boolean"],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_components=128,
        *,
        sparsity="topk",
        dead_units="auto",
        hidden_layer_sizes=(),
        decoder_layer_sizes=None,
        activation=None,
        hidden_activation="relu",
        output_activation="identity",
        tied_weights=False,
        skip=False,
        batch_norm=False,
        loss="squared_error",
        scale="auto",
        init=None,
        solver="adam",
        learning_rate_init="auto",
        learning_rate="cooldown",
        momentum=0.9,
        nesterovs_momentum=True,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        batch_size=128,
        shuffle=True,
        weight_decay=0.0,
        weight_l1=0.0,
        dropout=0.0,
        corruption=None,
        corruption_level=0.3,
        corruption_emphasis=0.0,
        pretrain=None,
        pretrain_max_iter="auto",
        max_iter="auto",
        tol=1e-4,
        n_iter_no_change=10,
        early_stopping=False,
        validation_fraction=0.1,
        sparse_output=False,
        warm_start=False,
        random_state=None,
        verbose=False,
    ):
        self.n_components = n_components
        self.sparsity = sparsity
        self.dead_units = dead_units
        self.hidden_layer_sizes = hidden_layer_sizes
        self.decoder_layer_sizes = decoder_layer_sizes
        self.activation = activation
        self.hidden_activation = hidden_activation
        self.output_activation = output_activation
        self.tied_weights = tied_weights
        self.skip = skip
        self.batch_norm = batch_norm
        self.loss = loss
        self.scale = scale
        self.init = init
        self.solver = solver
        self.learning_rate_init = learning_rate_init
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.weight_decay = weight_decay
        self.weight_l1 = weight_l1
        self.dropout = dropout
        self.corruption = corruption
        self.corruption_level = corruption_level
        self.corruption_emphasis = corruption_emphasis
        self.pretrain = pretrain
        self.pretrain_max_iter = pretrain_max_iter
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.sparse_output = sparse_output
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    # fitting

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, X_val=None, checkpoint=None, every=1):
        """Learn encoder and decoder.

        Ctrl-C ends the training after the step that is on its way: a warning tells, and the estimator is fitted, with
        the weights of that step, or with `early_stopping` those of the best epoch so far. The second Ctrl-C, or one
        before the first step or after the last, raises KeyboardInterrupt and leaves the estimator as it was. If the
        training diverges, an error tells; the estimator is then fitted with the last finite weights, if an epoch has
        ended with such, else as it was.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : None
            Ignored.
        X_val : {array-like, sparse matrix} of shape (n_validation, n_features), optional
            Held-out data, scored after each epoch (`validation_scores_`). With `early_stopping` it takes the place of a
            share of X; without, nothing else changes. In a Pipeline, pass it with ``transform_input=["X_val"]``.
        checkpoint : str or path-like, optional
            Folder for checkpoints, made if it is missing. If a process ends in the middle of the fit, the same call in
            another one resumes it from there, and gives the same bits as without an end; after the end it gives the
            same model at once. Each fit needs a folder of its own.
        every : int, str or datetime.timedelta, default=1
            When a checkpoint is written: after so many epochs, or so much time, as "30s", "10min" or "2h", after the
            step that is on its way. One is also written at the end, and after Ctrl-C.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        with self._learning(), checkpoints_in(checkpoint, every) as checkpoints:
            self._fit(X, X_val, y, checkpoints)
        return self

    @available_if(offers_partial_fit)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None):
        """Go on learning with one pass over a chunk of data, at a constant learning rate.

        The mean and the scale of the data, and what ``scale="auto"`` means, are taken from the first chunk; missing
        values are filled with the mean of all values so far. `pretrain` is ignored.

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
        with self._learning():
            self._partial_fit(X, y)
        return self

    def _parameters(self):
        """Parameters of this class, also where a subclass sets them in a constructor of its own.

        What a fit has started from is no part of what goes on.
        """
        return {name: getattr(self, name) for name in SparseAutoencoder._parameter_constraints} | {"init": None}

    def _read(self, seen, X, reset=False, dtype=None, known_means=False):
        """Check X and return its rows, in `dtype`; without one, in float32 if X is, else in float64.

        Dense data may have NaN, what is stored in a sparse matrix must be finite.
        """
        check_sparse_structure(X)  # before anything else touches it
        X = validate_data(seen, X, accept_sparse="csr", dtype="numeric", ensure_all_finite=False, reset=reset)
        check_sparse_is_finite(X, type(self).__name__)
        with np.errstate(all="ignore"):  # numbers too large for the type become infinite, and are refused next
            rows = Rows(X, dtype or (np.float32 if X.dtype == np.float32 else np.float64))
            rows.assert_no_infinity(type(self).__name__, known_means)
        return rows

    def _read_to_learn(self, seen, X, *options, **named):
        rows = self._read(seen, X, *options, **named)
        if self.loss == "binary_cross_entropy":
            check_probabilities(rows)
        return rows

    # what a fitted autoencoder does

    def transform(self, X):
        """Encode.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        codes : {ndarray, CSR matrix} of shape (n_samples, n_components)
            Codes; CSR if `sparse_output`.
        """
        network, rows = self._network_and_rows(X)
        with np.errstate(all="ignore"):
            rule = network.rule.deployed()
            if not self.sparse_output:
                return inference.encode(network, rule, rows)
            return inference.encode_sparse(network, rule, rows, csr_kind())

    @available_if(decodes_codes_alone)
    def inverse_transform(self, X):
        """Decode. Not with `skip`, where the reconstruction needs X as well; see ``reconstruct``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_components)
            Codes, from ``transform`` or made otherwise.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            Reconstructions, dense.
        """
        check_is_fitted(self)
        network = self._network
        check_sparse_structure(X)
        with np.errstate(all="ignore"):
            codes = check_array(X, accept_sparse="csr", dtype=network.dtype, order="C", input_name="X")
        n_units = network.architecture.n_units
        if codes.shape[1] != n_units:
            raise ValueError(f"X has {codes.shape[1]} columns, but inverse_transform expects {n_units}, one a unit.")
        with np.errstate(all="ignore"):
            return inference.decode(network, codes)

    def reconstruct(self, X):
        """Encode and decode, with as many active units as in the training, as ``score`` and ``impute`` do.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        X_reconstructed : ndarray of shape (n_samples, n_features)
            Reconstructions, dense.
        """
        network, rows = self._network_and_rows(X)
        with np.errstate(all="ignore"):
            return inference.reconstruct(network, rows)

    def impute(self, X):
        """Replace missing values by their reconstruction.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data with NaN where a value is missing.

        Returns
        -------
        X_imputed : {ndarray, CSR matrix} of shape (n_samples, n_features)
            X, with every observed value as it was. Features that had no observed value in the training stay NaN.
        """
        network, rows = self._network_and_rows(X, own_type=True)
        with np.errstate(all="ignore"):
            return like_the_input(self, X, inference.impute(network, rows))

    def score(self, X, y=None):
        """Explained variance of the reconstruction: R2 weighted by the variance of the features.

        One minus the ratio of two sums: of squared errors, and of squared distances from the mean of X. Both run over
        all observed values of X, in float64. Where each feature was divided by its unit (`scale_` is an array), they
        are measured in these units, so that no feature hides the others. Constant data scores 1.0 if it is
        reconstructed exactly, else 0.0. More active units score higher: compare scores at equal sparsity.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        y : None
            Ignored.

        Returns
        -------
        score : float
            At most 1.0.
        """
        network, rows = self._network_and_rows(X)
        with np.errstate(all="ignore"):
            score = inference.explained_variance(network, rows)
        if np.isnan(score):
            what = "a single row" if rows.means()[1].any() else "rows without any observed value"
            warn(f"The explained variance of {what} is not defined: the score is NaN.", UndefinedMetricWarning)
        return score

    def score_samples(self, X):
        """Return minus the squared error of the reconstruction of each row: low where data is unlike the training's.

        Missing values have no error. Errors are on the scale of X or, where each feature was divided by its unit
        (`scale_` is an array), in these units.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Never positive.
        """
        network, rows = self._network_and_rows(X)
        with np.errstate(all="ignore"):
            return inference.score_samples(network, rows)

    def _network_and_rows(self, X, own_type=False):
        """Return the network of the last fit and the rows of X, in the network's type or in that of X."""
        check_is_fitted(self)
        seen = self._copy_for_features()  # features and network of one fit, even if another thread ends one meanwhile
        network = seen._network
        return network, self._read(seen, X, dtype=None if own_type else network.dtype)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
