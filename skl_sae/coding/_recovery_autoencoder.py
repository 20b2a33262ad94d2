"""The sparse recovery autoencoder: an autoencoder whose encoder recovers a sparse code."""

import numpy as np
from sklearn.utils import check_array
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._autoencoder import SparseAutoencoder
from .._estimator.checks import offers_partial_fit
from .._estimator.output import like_the_input
from .._kernels.memory import read_only
from .._model import inference
from .._parameters import integer, real
from ..metrics import explained_variance
from ._unrolling.recovery_building import RecoveryBuildingMixin
from ._unrolling.recovery_start import check_matrix, check_target, lift

# Parameters of the autoencoder that are those of this one, too; the others have no meaning here.
SHARED = (
    *("n_components", "sparsity", "scale", "solver", "learning_rate_init", "learning_rate", "momentum"),
    *("nesterovs_momentum", "beta_1", "beta_2", "epsilon", "weight_decay", "weight_l1", "corruption"),
    *("corruption_level", "corruption_emphasis", "pretrain", "pretrain_max_iter", "batch_size", "shuffle"),
    *("max_iter", "tol", "n_iter_no_change"),
    *("early_stopping", "validation_fraction", "dead_units", "sparse_output", "warm_start", "random_state", "verbose"),
)


class SparseRecoveryAutoencoder(RecoveryBuildingMixin, SparseAutoencoder):
    r"""Autoencoder that recovers a sparse code first, then decodes it, and learns the dictionary.

    The encoder is an unrolled pursuit, whose layers are learned, or a pursuit itself:

    .. math::

        z_1 = \eta_1(W_1 x), \qquad z_{t+1} = \eta_{t+1}\big(z_t - W_{t+1} (B^\top z_t - x)\big), \qquad
        \hat x = \mu + D^\top z_T

    with :math:`\eta_t` the soft thresholds of layer t, one a unit. The network starts as `n_layers` steps of ISTA for
    the LASSO :math:`\tfrac12\|x - D^\top z\|^2 + \alpha\|z\|_1` from z = 0, with :math:`W_t = D / L`,
    :math:`\theta_t = \alpha / L` and B = D; L is the largest eigenvalue of :math:`D D^\top`, and D are directions of
    the data, or `dict_init`. Then weights, thresholds and dictionary are trained, and ``transform`` is one pass of
    fixed cost. It is trained like :class:`~skl_sae.SparseAutoencoder`, with the same objective, and what is said there
    of optimizers, schedules, missing values and dead units holds here. A :class:`~skl_sae.SparseAutoencoder` with relu
    is the case of one layer: ``n_layers=1`` with a rule takes the same steps, to the bit.

    **What is learned from.** With ``target=None`` the network reconstructs X, and `y` is ignored. With
    ``target="codes"``, ``fit(X, y)`` learns to encode: `y` are the codes of X, and the loss is the squared distance
    from these. With ``target="signals"``, `y` are the signals that X is to be turned into: clean ones of noisy ones, or
    those that were measured.

    **Measurements.** With a `measurement_matrix` A of shape (n_measurements, n_signal_features), X are measurements
    :math:`y = A x` of signals x that are sparse in the dictionary, in ``fit`` and in all other methods, and
    ``reconstruct``, ``inverse_transform`` and `components_` give signals; ``score``, ``score_samples`` and ``impute``
    measure these again, to compare them with X (the scorers of :mod:`skl_sae.metrics` don't). ``target="signals"``
    learns the dictionary from the signals behind the measurements. Without, a dictionary can be given (`dict_init`);
    what is learned of it from measurements alone is the part that A sees, and of all dictionaries with these
    measurements, `components_` is the one that is nearest to the given one, or has the least norm.

    **Scale.** Data is divided by one number as in :class:`~skl_sae.SparseAutoencoder`, and penalties, `alpha` and
    learning rates are about such data; but codes are given on the scale of X, so that with the rules that keep atoms at
    norm one, the rows of `components_` have norm one. Where atoms are given, or found from given codes, or measured,
    the root mean square of the norms of what the encoder compares with X is divided out as well: `alpha` and the others
    don't depend on the scale of `dict_init`, of `measurement_matrix`, nor of codes as targets, but with ``scale=False``
    they do. The mean of X is subtracted unless atoms, targets or measurements are given, where
    :math:`\hat x = D^\top z` (see `center`).

    **Missing values.** NaN in a dense X has no part in the residual of any layer, nor in the loss.

    Not offered: layers of other kinds on either side, dropout, batch normalisation, tied weights, other outputs and
    losses, because an unrolled pursuit is one of a linear dictionary and squared error. ``dead_units="resample"`` needs
    ``n_layers=1`` or a pursuit, because a unit that starts anew would be a new one in each layer, and ``"auxiliary"``
    needs pre-activations, which a pursuit lacks. Codes as targets say themselves when units fire: no unit is revived.
    `early_stopping` is for networks that reconstruct X.

    Parameters
    ----------
    **Recovery and sparsity**

    n_components : int, default=128
        Number of units of the code, the atoms of the dictionary.

    recovery : {"lista", "omp", "lasso", "fista"}, default="lista"
        The encoder. "lista": the unrolled network. The others find codes by ``sparse_encode`` with the dictionary as it
        is, in training and in ``transform``; the dictionary is learned from them, and no gradient passes through the
        pursuit.

    n_layers : int, default=3
        Number of layers of the unrolled network; that of the code is the last one.

    variant : {"coupled", "lista", "step"}, default="coupled"
        What layers are made of. "coupled": the equation above, with weights of each layer's own and B, which is learned
        beside D. "lista": :math:`\eta(S^\top z + W x)` with S and W shared by all layers. "step":
        :math:`\eta(z - \gamma_t W (W^\top z - x))` with a step size for each layer and one dictionary W.

    alpha : float, default=0.1
        Weight of the L1 norm in the LASSO: in the start of the network and, where no other rule is given, in its
        objective (with twice the weight, as the squared error is not halved there); of the pursuits "lasso" and
        "fista".

    n_nonzero_coefs : int or None, default=None
        Number of active units of ``recovery="omp"``; None as in ``sparse_encode``.

    positive : bool, default=False
        Whether codes have no negative entries. Where a rule is given, its activation decides.

    unshrunk : float, default=0.0
        Share of the units, the largest of a row, whose values pass unshrunk where they exceed their thresholds
        (support selection): the layers let up to 1.2, 2.4, 3.6, ... percent pass, and at most this share. For codes
        that have about so many active units it speeds up convergence.

    sparsity : str, BaseSparsity or None, default=None
        Sparsity rule of the code, in the place of the last layer's thresholds, as in
        :class:`~skl_sae.SparseAutoencoder`. None means soft thresholds and an L1 penalty.

    dead_units : {"auto", "auxiliary", "resample"} or None, default="auto"
        How units that no longer fire are revived, as in :class:`~skl_sae.SparseAutoencoder`. "auto" means "resample"
        for pursuits.

    **Dictionary and data**

    dict_init : array-like of shape (n_components, n_features) or None, default=None
        The dictionary at the start, in the space of the signals. With ``target="codes"`` and None, it is the one with
        which the codes reconstruct X best.

    learn_dictionary : bool, default=True
        Whether the dictionary is trained; that of the decoder never is by codes as targets.

    measurement_matrix : array-like of shape (n_measurements, n_signal_features) or None, default=None
        What measures signals; see above. A fit that goes on (`warm_start`, ``partial_fit``) needs that of the last one,
        and the same `dict_init`.

    target : {"signals", "codes"} or None, default=None
        What `y` is, if it is not to be ignored. Without a `measurement_matrix`, signals are of the unit of X.

    center : bool or "auto", default="auto"
        Whether the mean of X is subtracted, and an intercept learned. "auto" means where neither `dict_init`, nor
        `measurement_matrix`, nor `target` is given; with the latter two it cannot be.

    scale : {"auto", "total", "features"} or bool, default="auto"
        What data is divided by, as in :class:`~skl_sae.SparseAutoencoder`. Features have no units of their own where
        `dict_init`, `measurement_matrix` or `target` is given.

    **Optimizer**

    solver : {"adam", "sgd"}, default="adam"
        Optimizer.

    learning_rate_init : "auto" or float, default="auto"
        Learning rate at the start, as in :class:`~skl_sae.SparseAutoencoder`.

    learning_rate : {"cooldown", "cosine", "linear", "constant"}, default="cooldown"
        Schedule of the learning rate, likewise.

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
        Whether rows are drawn in a new order in each epoch; "blocks" as in :class:`~skl_sae.SparseAutoencoder`.

    **Regularisation**

    weight_decay : float, default=0.0
        L2 penalty of all weight matrices.

    weight_l1 : float, default=0.0
        L1 penalty of all weight matrices.

    **Noise on the input**

    corruption : {"gaussian", "masking"} or None, default=None
        Noise on the input, as in :class:`~skl_sae.SparseAutoencoder`; values that are masked are missing for the
        encoder.

    corruption_level : float, default=0.3
        The probability that a value is masked, or the standard deviation of the noise.

    corruption_emphasis : float, default=0.0
        With masking, the share of the visible values that the loss of a step leaves out.

    **Layers one by one**

    pretrain : {"layerwise", "layerwise_only"} or None, default=None
        Whether ``fit`` first trains the layers one after the other: each as the last one of a network, on what the
        layers before it leave, from the numbers of the one before it. Where layers share weights ("lista", "step"), all
        layers so far are trained. The whole is then trained at a tenth of the learning rate; with "layerwise_only"
        nothing follows. Deep networks gain much from it.

    pretrain_max_iter : "auto" or int, default="auto"
        Number of epochs of each layer; "auto" as in `max_iter`.

    **Epochs and stopping**

    max_iter : "auto" or int, default="auto"
        Number of epochs, as in :class:`~skl_sae.SparseAutoencoder`.

    tol : float, default=1e-4
        With a constant learning rate, the improvement that is waited for; as in :class:`~skl_sae.SparseAutoencoder`.

    n_iter_no_change : int, default=10
        Number of epochs without improvement that are let pass.

    early_stopping : bool, default=False
        Whether held-out rows decide when to end, likewise.

    validation_fraction : float, default=0.1
        Share of rows held out by `early_stopping`.

    **Output and repetition**

    sparse_output : bool, default=False
        Whether ``transform`` returns a CSR matrix.

    warm_start : bool, default=False
        Whether ``fit`` goes on from the last solution.

    random_state : int, RandomState instance or None, default=None
        Start of the dictionary and order of the rows. An int gives the same bits in every run, with any number of
        threads.

    verbose : bool, default=False
        Whether to print a line for each epoch.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_signal_features)
        The dictionary: an atom a row.

    intercept_ : ndarray of shape (n_signal_features,)
        What a code of zero is decoded to.

    sparsity_ : BaseSparsity
        The rule that was used, with its numbers resolved.

    coefs_ : list of ndarray
        Weights of encoder and decoder; only with one layer, as in :class:`~skl_sae.SparseAutoencoder`.

    intercepts_ : list of ndarray
        Intercepts that belong to them.

    activation_ : str
        The activation of the code that was used.

    dead_fraction_ : float
        Share of the units that did not fire in the last pass over the data.

    mean_ : ndarray of shape (n_features,)
        What is subtracted from X.

    scale_ : float or ndarray of shape (n_features,)
        What X is then divided by.

    code_scale_ : float
        The network's own activations are the codes times this number.

    pretrain_loss_curves_ : list of list of float or None
        Loss of each epoch of each layer, with `pretrain`.

    loss_ : float
        Loss of the last epoch.

    loss_curve_ : list of float
        Loss of each epoch.

    auxiliary_loss_curve_ : list of float
        What the auxiliary loss of dead units has added in each epoch.

    validation_scores_ : list of float or None
        Score of the held-out rows after each epoch, with `early_stopping` or an `X_val`.

    n_iter_ : int
        Number of epochs.

    n_steps_ : int
        Number of steps of the optimizer.

    n_features_in_ : int
        Number of features, or of measurements, seen by ``fit``.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where X has names that are all strings.

    See Also
    --------
    sparse_encode : Codes by a pursuit with a fixed dictionary.
    skl_sae.SparseAutoencoder : The case of one layer, and with hidden layers.

    References
    ----------
    K. Gregor and Y. LeCun, *Learning Fast Approximations of Sparse Coding*, ICML 2010: ``variant="lista"``.

    X. Chen, J. Liu, Z. Wang and W. Yin, *Theoretical Linear Convergence of Unfolded ISTA and its Practical Weights and
    Thresholds*, NeurIPS 2018, arXiv:1808.10038: ``variant="coupled"``, and support selection.

    J. Liu, X. Chen, Z. Wang and W. Yin, *ALISTA: Analytic Weights Are As Good As Learned Weights in LISTA*, ICLR 2019:
    that steps and thresholds alone go far.

    Examples
    --------
    >>> import numpy as np
    >>> from skl_sae.coding import SparseRecoveryAutoencoder
    >>> rng = np.random.default_rng(0)
    >>> atoms = rng.normal(size=(32, 16))
    >>> codes = rng.normal(size=(500, 32)) * (rng.random((500, 32)) < 0.1)
    >>> X = codes @ atoms
    >>> model = SparseRecoveryAutoencoder(32, n_layers=4, alpha=0.05, max_iter=50, random_state=0).fit(X)
    >>> model.transform(X).shape
    (500, 32)
    >>> model.score(X) > 0.9
    True
    """

    _parameter_constraints = {
        **{name: SparseAutoencoder._parameter_constraints[name] for name in SHARED},
        "recovery": [StrOptions({"lista", "omp", "lasso", "fista"})],
        "n_layers": [integer()],
        "variant": [StrOptions({"coupled", "lista", "step"})],
        "alpha": [real(0, None, closed="left")],
        "n_nonzero_coefs": [integer(), None],
        "positive": ["boolean"],
        "unshrunk": [real(0, 1, closed="both")],
        "dict_init": ["array-like", None],
        "learn_dictionary": ["boolean"],
        "measurement_matrix": ["array-like", None],
        "target": [StrOptions({"signals", "codes"}), None],
        "center": [StrOptions({"auto"}), "boolean"],
    }

    # What an unrolled encoder or a pursuit does not have.
    hidden_layer_sizes, decoder_layer_sizes, activation, hidden_activation = (), None, None, "relu"
    output_activation, loss, tied_weights, skip = "identity", "squared_error", False, False
    dropout, batch_norm, init = 0.0, False, None

    def __init__(
        self,
        n_components=128,
        *,
        recovery="lista",
        n_layers=3,
        variant="coupled",
        alpha=0.1,
        n_nonzero_coefs=None,
        positive=False,
        unshrunk=0.0,
        sparsity=None,
        dead_units="auto",
        dict_init=None,
        learn_dictionary=True,
        measurement_matrix=None,
        target=None,
        center="auto",
        scale="auto",
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
        self.recovery = recovery
        self.n_layers = n_layers
        self.variant = variant
        self.alpha = alpha
        self.n_nonzero_coefs = n_nonzero_coefs
        self.positive = positive
        self.unshrunk = unshrunk
        self.sparsity = sparsity
        self.dead_units = dead_units
        self.dict_init = dict_init
        self.learn_dictionary = learn_dictionary
        self.measurement_matrix = measurement_matrix
        self.target = target
        self.center = center
        self.scale = scale
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

    def fit(self, X, y=None, *, X_val=None, checkpoint=None, every=1):
        """Learn encoder and decoder.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Signals; with a `measurement_matrix` what was measured of them, of shape (n_samples, n_measurements).
        y : array-like of shape (n_samples, n_signal_features) or (n_samples, n_components), optional
            The signals or the codes that belong to X, as `target` says; codes may be a sparse matrix. With
            ``target=None`` it is ignored.
        X_val : {array-like, sparse matrix} of shape (n_validation, n_features), optional
            Held-out data, scored after each epoch, and what `early_stopping` looks at. Not with `target` and
            `measurement_matrix`.
        checkpoint : str or path-like, optional
            Folder for checkpoints, from which the same call resumes, as in :class:`~skl_sae.SparseAutoencoder`.
        every : int, str or datetime.timedelta, default=1
            Epochs or time between two checkpoints, likewise.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        if X_val is not None and (self.target is not None or self.measurement_matrix is not None):
            raise ValueError("X_val has no meaning with target and measurement_matrix: got X_val, expected None.")
        return super().fit(X, y, X_val=X_val, checkpoint=checkpoint, every=every)

    @available_if(offers_partial_fit)
    def partial_fit(self, X, y=None):
        """Go on learning with one pass over a chunk of data, at a constant learning rate.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            A chunk of what ``fit`` takes; one row is enough.
        y : array-like, optional
            The signals or codes that belong to it, as `target` says.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return super().partial_fit(X, y)

    # from codes to signals

    def inverse_transform(self, X):
        """Decode.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_components)
            Codes, from ``transform`` or made otherwise.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            Signals, dense; with a `measurement_matrix` these, not their measurements.
        """
        decoded = super().inverse_transform(X)
        if not self._lifts:
            return decoded
        codes = check_array(X, accept_sparse="csr", dtype=self._network.dtype)
        return np.asarray(codes @ self.components_)

    def reconstruct(self, X):
        """Encode and decode.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Signals, or what was measured of them.

        Returns
        -------
        X_reconstructed : ndarray of shape (n_samples, n_signal_features)
            Signals, dense.
        """
        if not self._lifts:
            return super().reconstruct(X)
        network, rows = self._network_and_rows(X)
        with np.errstate(all="ignore"):
            codes = inference.encode(network, network.rule.scored(), rows)
        return codes @ self.components_

    def impute(self, X):
        """Replace missing values by their reconstruction.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, or measurements, with NaN where a value is missing.

        Returns
        -------
        X_imputed : {ndarray, CSR matrix} of shape (n_samples, n_features)
            X, with every observed value as it was. Features that had no observed value in the training stay NaN.
        """
        check_is_fitted(self)
        if not self._measures:
            return super().impute(X)
        network, rows = self._network_and_rows(X, own_type=True)
        if rows.sparse:
            return super().impute(X)  # it has no missing values
        imputed = rows.tile(0, len(rows)).copy()
        missing = np.isnan(imputed) & (network.scaling.observed > 0)
        imputed[missing] = self._measured_again(X)[missing]
        return like_the_input(self, X, imputed)

    def score(self, X, y=None):
        """Explained variance of the reconstruction, as of an autoencoder.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Signals, or what was measured of them.
        y : array-like of shape (n_samples, n_signal_features), optional
            With ``target="signals"``, the signals that the reconstruction is compared with. Otherwise, and without,
            that is X: measurements are compared with those of the reconstruction.

        Returns
        -------
        score : float
            At most 1.0.
        """
        check_is_fitted(self)
        if self._params["target"] == "signals" and y is not None:
            network, rows = self._network_and_rows(X)
            check_target("signals", y, rows, network.architecture.decoder_sizes[0])
            return explained_variance(y, self.reconstruct(X))
        rows = self._network_and_rows(X)[1]
        if not self._measures or len(rows) < 2 or not rows.means()[1].any():
            return super().score(X)  # which says where it is not defined
        return explained_variance(X, self._measured_again(X))

    def score_samples(self, X):
        """Return minus the squared error of the reconstruction of each row, or of its measurements.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Signals, or what was measured of them.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Never positive.
        """
        check_is_fitted(self)
        if not self._measures:
            return super().score_samples(X)
        rows = self._network_and_rows(X)[1]
        with np.errstate(all="ignore"):
            errors = np.square(rows.tile(0, len(rows)) - self._measured_again(X), dtype=np.float64)
        return np.where(np.isnan(errors).all(axis=1), -np.inf, -np.nansum(errors, axis=1))  # as of an autoencoder

    # measurements and signals

    @property
    def _matrix(self):
        """The measurement matrix of the fit, or None."""
        return check_matrix("measurement_matrix", self._fitted_params["measurement_matrix"], self._network.dtype)

    @property
    def _fitted_params(self):
        return vars(self).get("_params") or self._parameters()

    @property
    def _measures(self):
        """Whether X are measurements: what they are compared with is that of the reconstructed signals."""
        return self._fitted_params["measurement_matrix"] is not None

    @property
    def _lifts(self):
        """Whether the network makes measurements of measurements, whose atoms are lifted to those of signals."""
        return self._measures and self._fitted_params["target"] != "signals"

    def _measured_again(self, X):
        return self.reconstruct(X) @ self._matrix.T

    @property
    def components_(self):
        network, params = self._fitted("components_"), self._fitted_params
        atoms = network.coefs()[-1]
        if not self._lifts:
            return read_only(atoms)
        given = check_matrix("dict_init", params["dict_init"], network.dtype)
        if given is not None and not params["learn_dictionary"]:
            return read_only(given.copy())
        return read_only(lift(atoms, self._matrix, given))

    @property
    def intercept_(self):
        intercept = self._fitted("intercept_").intercepts()[-1]
        return read_only(np.zeros(self._matrix.shape[1], intercept.dtype) if self._lifts else intercept)

    @property
    def coefs_(self):
        self._assert_one_layer("coefs_")
        return super().coefs_

    @property
    def intercepts_(self):
        self._assert_one_layer("intercepts_")
        return super().intercepts_

    def _assert_one_layer(self, name):
        params = self._fitted_params
        if params["recovery"] != "lista" or params["n_layers"] > 1:
            raise AttributeError(f"{name} exists only for recovery='lista' with n_layers=1; see components_.")
