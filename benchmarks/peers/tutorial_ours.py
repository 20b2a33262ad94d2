"""A tutorial's model in `skl_sae`, through `SparseAutoencoder.fit`."""

import numpy as np

from data import as_trained

from .ours import describe  # noqa: F401  (a request asks for it)


class Ours:
    """The estimator of a model.

    Parameters
    ----------
    model : Tutorial
    """

    def __init__(self, model):
        self.model = model

    def warm(self, X):
        """Compile, and wake the threads."""
        sae = self.model.shortened(1).estimator(random_state=0).fit(X)
        sae.inverse_transform(sae.transform(X))

    def start(self, X, seed, path):
        """Save weights and intercepts of a new network, fitted with a rate that moves nothing, for centred input."""
        off = {"pretrain": None, "dropout": 0.0, "batch_norm": False}
        off = {name: value for name, value in off.items() if name in self.model.params}
        still = {"max_iter": 1, "learning_rate_init": 1e-30, "random_state": seed}
        self.sae = self.model.estimator(**still, **off).fit(X)
        weights, intercepts = as_trained(self.sae)
        intercepts[0] += self.sae.mean_ @ weights[0]
        layers = enumerate(zip(weights, intercepts))
        np.savez(
            path, mean=self.sae.mean_, **{f"{i}.{j}": array for i, layer in layers for j, array in enumerate(layer)}
        )
        self.seed = seed

    def fit(self, X):
        """Train; the seed gives the same start again. Returns the last training loss, of an entry as in Keras."""
        self.sae = self.model.estimator(random_state=self.seed).fit(X)
        return self.sae.loss_ / X.shape[1]

    def encode(self, X):
        """Codes."""
        return self.sae.transform(X)

    def reconstruct(self, X):
        """Output of the network."""
        return self.sae.inverse_transform(self.sae.transform(X))

    def filters(self):
        """Weights of the first layer, a row a unit."""
        return self.sae.coefs_[0].T
