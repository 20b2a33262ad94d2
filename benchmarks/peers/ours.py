"""`skl_sae`, through the estimator."""

import numpy as np
from sklearn.base import clone
from threadpoolctl import threadpool_info

from skl_sae._kernels.thread_count import n_threads

from ._base import Peer


class Ours(Peer):
    """`SparseAutoencoder.partial_fit`, input checks included. The seed gives the weights that the peers are given."""

    def build(self, layers):
        self.sae = self.case.estimator()

    def train(self, X):
        return self.sae.partial_fit(X).loss_

    def reconstruct(self, X):
        return self.sae.inverse_transform(self.sae.transform(X))

    def density(self, X):
        """Share of the entries of the code that are not zero."""
        return float(np.mean(self.sae.transform(X[:2048]) != 0))

    # transform.py

    def encode(self, X):
        return self.sae.transform(X)

    def encode_csr(self, X):
        if not hasattr(self, "sparse_twin"):
            self.sparse_twin = clone(self.sae).set_params(sparse_output=True)
            self.sparse_twin.__dict__.update(vars(self.sae), sparse_output=True)
        return self.sparse_twin.transform(X)

    def decode(self, codes):
        return self.sae.inverse_transform(codes)


def describe():
    """Threads, and the BLAS that makes the products: its choice of kernels matters for the dense cases."""
    blas = [info for info in threadpool_info() if info["user_api"] == "blas"]
    kernels = {f"{info['internal_api']} {info['version']} {info.get('architecture', '')}".strip() for info in blas}
    return f"skl_sae {n_threads()} threads, {', '.join(sorted(kernels))}"
