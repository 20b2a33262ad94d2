"""Weights in few bits."""

from copy import deepcopy

from .._autoencoder import SparseAutoencoder
from .._estimator.sparse_weights import trainable_or_stored
from .._model.stored_network import StoredNetwork
from .._parameters import is_count, with_plain_arguments

# Share of the weights up to which sparse ones take less memory: a place takes 4 bytes, a number 2 or 1.
WORTH_IT = {16: 2 / 6, 8: 1 / 5}


@with_plain_arguments
def quantize(sae, bits=16):
    r"""Keep the weights in 16 or in 8 bits; returns a copy for inference, the estimator that is given stays as it is.

    Each row of a weight matrix, the weights of one unit of the layer nearer the code, is kept as integers of b bits and
    a scale in full precision,

    .. math::

        w_{ij} \approx s_i q_{ij}, \qquad s_i = \max_j |w_{ij}| / (2^{b-1} - 1)

    so that no weight is off by more than half of :math:`s_i`: 1/65534 of the largest of its row, or 1/254. They are
    kept so in memory and in files, dense or, if that is smaller or the weights are sparse already, as CSR; products
    turn blocks of them into full precision when they need them. Intercepts, and what a rule has learned, are not
    touched.

    Parameters
    ----------
    sae : SparseAutoencoder
        Fitted; its weights may be sparse.
    bits : {16, 8}, default=16
        Bits of a weight.

    Returns
    -------
    quantized : SparseAutoencoder
        For ``transform`` and all else that does not train. ``partial_fit``, and ``fit`` with ``warm_start=True``, raise
        ValueError until :meth:`~skl_sae.SparseAutoencoder.densify` has brought the same weights to full precision.

    Raises
    ------
    ValueError
        If `bits` is another number, or the weights are in few bits already.
    TypeError
        If `sae` is something else than a `SparseAutoencoder`.

    References
    ----------
    B. Jacob et al., *Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference*,
    CVPR 2018, section 2.1, with the zero point at zero.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.compression import quantize
    >>> X, y = load_digits(return_X_y=True)
    >>> sae = SparseAutoencoder(n_components=64, max_iter=20, random_state=0).fit(X)
    >>> abs(quantize(sae, 8).score(X) - sae.score(X)) < 0.01
    True
    """
    if not isinstance(sae, SparseAutoencoder):
        raise TypeError(f"quantize takes a fitted SparseAutoencoder, got {type(sae).__name__}.")
    if not is_count(bits) or bits not in WORTH_IT:
        raise ValueError(f"Got bits={bits!r}, expected one of {list(WORTH_IT)}.")
    network = trainable_or_stored(sae, "quantize")
    sparsely = sae.density_ < WORTH_IT[bits]
    if isinstance(network, StoredNetwork):
        if network.bits is not None:
            raise ValueError(f"The weights have {network.bits} bits already; quantize the model that they came from.")
        sparsely, network = network.sparse, network.opened()
    result = deepcopy(sae)
    result._keep(StoredNetwork(network, bits, sparsely))
    return result
