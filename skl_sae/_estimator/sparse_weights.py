"""Weights of a fitted estimator as CSR, and back as arrays."""

import numpy as np
from sklearn.utils.metaestimators import available_if

from .._model.network import Network
from .._model.stored_matrix import StoredMatrix
from .._model.stored_network import StoredNetwork
from .checks import has_weights


class SparseWeightsMixin:
    """Turns the weights of an autoencoder into CSR, in place, as scikit-learn's sparse linear models do."""

    @available_if(has_weights)
    def sparsify(self):
        """Keep the weights as sparse matrices: the items of `coefs_` are then CSR, and no dense weights are left.

        Worth it after :func:`skl_sae.compression.prune`: a sparse weight of float32 takes 8 bytes in memory, a dense
        one 4. Encoding visits the weights of a matrix one by one if at most 30 % of them are left and it has 8192
        places or more; else dense blocks are made meanwhile, and nothing is gained but memory. Files have the places
        of the weights as compressed bits, and are smaller still. What ``transform`` gives is the same but for rounding.

        Such a model is for use: ``partial_fit``, and ``fit`` with ``warm_start=True``, need ``densify`` first. What
        training alone needs is let go: the optimizer's moments, and a pull to other weights. Pruned weights stay zero
        all the same, when training goes on after ``densify``.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the autoencoder is of a kind with other weights besides, as `SparseRecoveryAutoencoder`.

        See Also
        --------
        skl_sae.compression.quantize : Weights in few bits.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from skl_sae import SparseAutoencoder
        >>> from skl_sae.compression import prune
        >>> X, y = load_digits(return_X_y=True)
        >>> sae = SparseAutoencoder(n_components=64, max_iter=20, random_state=0).fit(X)
        >>> small = prune(sae, 0.9).sparsify()
        >>> small.coefs_[0].format, small.coefs_[0].shape
        ('csr', (64, 64))
        """
        with self._training_lock():
            network = trainable_or_stored(self, "sparsify")
            stored = network.sparsely() if isinstance(network, StoredNetwork) else StoredNetwork(network)
            if stored is not network:
                self._keep(stored)
        return self

    @available_if(has_weights)
    def densify(self):
        """Keep the weights as arrays in full precision again, so that training can go on: the opposite of ``sparsify``.

        Also of weights that :func:`skl_sae.compression.quantize` has brought to few bits; they keep these values.
        Pruned weights stay zero in a training that goes on.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        with self._training_lock():
            network = trainable_or_stored(self, "densify")
            if isinstance(network, StoredNetwork):
                self._keep(network.opened())
        return self

    def _keep(self, network):
        """Replace the network by one of the same numbers, and let go of what only training needs."""
        training = self._training
        dead_units = self._dead_units if training is None else training.dead_units.copy()
        self._commit(self, {"_network": network, "_training": None, "_dead_units": dead_units})

    @property
    def density_(self):
        p = self._fitted("density_").parameters
        weights = [p[name] for name in p.matrix_names]
        numbers = [each.values if isinstance(each, StoredMatrix) else each for each in weights]
        return float(sum(map(np.count_nonzero, numbers)) / sum(len(each) * each.shape[1] for each in weights))


def trainable_or_stored(sae, what):
    """The network of a fitted autoencoder, if it is of the plain kind; else raise, in words about `what` is to be done.

    Parameters
    ----------
    sae : SparseAutoencoder
    what : str

    Returns
    -------
    network : Network or StoredNetwork
    """
    network = sae._fitted(what)
    if type(network) not in (Network, StoredNetwork):
        raise ValueError(
            f"{what} knows the weights of a SparseAutoencoder; got a {type(sae).__name__}, whose network has others "
            "besides. Use it as it is."
        )
    return network
