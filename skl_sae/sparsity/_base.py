"""What a sparsity rule is: the hooks that it may have."""

from .._doc_link import DocLinkMixin
from .._kernels.kernel import recordable
from .._model.codes import DenseCode
from .._parameters import PlainParametersMixin


class BaseSparsity(DocLinkMixin, PlainParametersMixin):
    """A sparsity rule, and by itself the rule of an ordinary autoencoder: no sparsity.

    A rule says which entries of the pre-activations become the code, what the code costs, and how a gradient of the
    code becomes a gradient of the pre-activations. It never decodes and never sees the network. Every hook is
    optional. To add a rule, derive from this class, override the hooks it needs, and add a row to
    ``skl_sae.sparsity.RULES``.

    The hooks receive `p` and `g`, the parameters of the units and their gradients. Both have the arrays ``encoder``
    (n_units, inputs), ``encoder_bias`` (n_units,), ``decoder`` (n_units, outputs), and one (n_units,) for each
    parameter that `initialize` names. Gradients are added, never assigned: with tied weights several terms share an
    array. `step` is a :class:`~skl_sae.sparsity.StepContext`.

    Attributes
    ----------
    scope : {"entry", "row", "unit", "batch"}
        What `encode` must see at once: single entries, all units of a row, all rows of a unit, or everything.
    unit_norm : bool
        Whether the rows of the decoder are kept at norm one.
    default_activation : str
        What ``activation=None`` of the estimator means.
    initial_bias : float
        Where the pre-activations of the units are centred at the start.
    dead_units : {"auxiliary", "resample"} or None
        What ``dead_units="auto"`` of the estimator means.
    calibrates : bool
        Whether `after_fit` is to see rows that the training has not seen.
    shrinks : bool
        Whether the rule leaves codes too small for the data, so that one factor on them is chosen after the fit.
    signed : bool
        Whether entries are chosen by their absolute values: then those of dead units are, too.

    Examples
    --------
    A penalty on the squares of the codes, with its gradient:

    >>> from sklearn.datasets import load_digits
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.sparsity import BaseSparsity
    >>> class Squares(BaseSparsity):
    ...     def penalty(self, codes, p, g, step):
    ...         (code,) = codes
    ...         code.grad += 2 * step.weight * code.values
    ...         return step.weight * float((code.values**2).sum())
    >>> X, y = load_digits(return_X_y=True)
    >>> SparseAutoencoder(16, sparsity=Squares(), max_iter=5, random_state=0).fit_transform(X).shape
    (1797, 16)
    """

    scope = "entry"
    unit_norm = False
    default_activation = "relu"
    initial_bias = 0.0
    dead_units = None
    calibrates = False
    shrinks = False
    signed = False

    def initialize(self, n_units, activation):
        """Check the setting once the number of units is known, and name the rule's own parameters.

        Parameters
        ----------
        n_units : int
            Number of units of the code.
        activation : str
            Activation of the code, resolved.

        Returns
        -------
        own : dict of str to float
            Initial values of the rule's per-unit parameters. One whose gradient stays zero serves as state.
        """
        return {}

    @recordable
    def encode(self, a, p, step):
        """Turn pre-activations into codes.

        Parameters
        ----------
        a : ndarray of shape (rows, n_units)
            Pre-activations; may be overwritten.
        p : Units
            Per-unit parameters.
        step : StepContext
            What the training step lends.

        Returns
        -------
        codes : list of DenseCode or RowCode
            The first is the code. Others, if any, are decoded beside it, and have the same support.
        """
        step.activation.forward(a)
        return [DenseCode(a)]

    @recordable
    def penalty(self, codes, p, g, step):
        """Charge a block of units: add the cost's gradient to ``grad`` of the codes and to `g`.

        Parameters
        ----------
        codes : list of DenseCode or UnitCode
            What `encode` returned, of the block.
        p, g : Units
            Parameters of the block and their gradients.
        step : StepContext
            What the training step lends.

        Returns
        -------
        value : float
            The cost, a mean over the rows; of a hook that is recorded, the array of one number that a kernel writes.
        """
        return 0.0

    @recordable
    def backward(self, codes, p, g, step):
        """Turn the gradient of a block of codes into that of pre-activations; add those of own parameters to `g`.

        Parameters
        ----------
        codes : list of DenseCode or UnitCode
            What `encode` returned, of the block; ``grad`` is complete and may be overwritten.
        p, g : Units
            Parameters of the block and their gradients.
        step : StepContext
            What the training step lends.

        Returns
        -------
        delta : ndarray or None
            Gradient of the pre-activations, in the layout of ``codes[0].grad``; None if it stands there.
        """
        return codes[0].through(step.activation)

    def after_step(self, codes, p, step):
        """Change the rule's state after the parameters have moved. No other hook changes it during a step.

        Parameters
        ----------
        codes : list of DenseCode or UnitCode
            What `encode` returned, of all units.
        p : Units
            Per-unit parameters.
        step : StepContext
            What the training step lends.
        """

    def after_fit(self, tiles, p):
        """Set what ``transform`` needs from the data as a whole; not called by ``partial_fit``.

        Parameters
        ----------
        tiles : callable
            Each call returns an iterator over the pre-activations of the training rows (the validation rows, or those
            held out for a rule that `calibrates`, where there are some), arrays of shape (rows, n_units).
        p : Units
            Per-unit parameters.
        """

    def after_chunk(self, tiles, p):
        """Set what ``transform`` needs from a chunk of ``partial_fit``; not called for chunks of fewer than 300 rows.

        Parameters
        ----------
        tiles : callable
            Each call returns an iterator over the pre-activations of up to 500 rows of the chunk, evenly spaced, arrays
            of shape (rows, n_units).
        p : Units
            Per-unit parameters.
        """

    def deployed(self):
        """Tell the rule of scope entry or row that ``transform`` applies.

        Returns
        -------
        rule : BaseSparsity
            A rule that can encode without a call of `initialize`.
        """
        return self

    def scored(self):
        """Tell the rule that ``score``, ``reconstruct`` and ``impute`` apply: with the active units of the training.

        Returns
        -------
        rule : BaseSparsity
            This one if it looks at a row at a time, else what is deployed.
        """
        return self if self.scope in ("entry", "row") else self.deployed()

    def publish(self, p, unit):
        """Set fitted attributes: what was learned, on the scale that codes are given on.

        Parameters
        ----------
        p : Units
            Per-unit parameters, on the network's own scale.
        unit : float
            What pre-activations and values of codes are divided by before they are given.
        """

    @property
    def only_charges(self):
        """Whether codes are the plain activation, so that layers before the code can be charged, too."""
        return not self.overrides("encode")

    def records(self, hook):
        """Tell whether a hook of the rule is recorded once, instead of being run in each step.

        Parameters
        ----------
        hook : {"encode", "penalty", "backward"}
            Name of the hook.

        Returns
        -------
        records : bool
            Whether it is marked as ``recordable``, and no class derived from the one that has it has an `after_step`
            of its own: that may change numbers which were recorded.
        """
        owner, later = (next(cls for cls in type(self).__mro__ if name in vars(cls)) for name in (hook, "after_step"))
        return getattr(vars(owner)[hook], "recordable", False) and (owner is BaseSparsity or issubclass(owner, later))

    def overrides(self, hook):
        """Tell whether the rule has a hook of its own.

        Parameters
        ----------
        hook : str
            Name of the hook.

        Returns
        -------
        overrides : bool
            False where it is inherited from `BaseSparsity`.
        """
        return getattr(type(self), hook) is not getattr(BaseSparsity, hook)
