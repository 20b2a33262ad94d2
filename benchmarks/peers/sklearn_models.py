"""scikit-learn: `MLPRegressor` taught to return its input, dictionary learning, and sparse coding."""

import sklearn
from sklearn.decomposition import MiniBatchDictionaryLearning, sparse_encode
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import normalize

from cases import LEARNING_RATE

from ._base import DictionaryLearner, Peer, Unsuitable
from .ours import Ours

# On data of total variance one this leaves some tens of atoms a row.
LASSO = 0.02


class MLP(Peer):
    """The layers of the case with the activation of its code; there is no sparsity rule."""

    def build(self, layers):
        case = self.case
        if case.data not in ("digits", "mnist"):
            raise Unsuitable("its dense network is out of proportion here")
        self.same_model = case.rule is None
        self.mlp = MLPRegressor(
            hidden_layer_sizes=case.sizes(layers[0][0].shape[0])[1:-1],
            activation="logistic" if case.rule == "kl" else "relu",
            alpha=0.0,
            learning_rate_init=LEARNING_RATE,
            batch_size=case.batch,
            shuffle=False,
        )
        self.layers = layers

    def train(self, X):
        if self.layers is not None:  # the arrays exist after the first fit; then a new optimizer takes them
            self.mlp.partial_fit(X[: self.case.batch], X[: self.case.batch])
            for weight, intercept, given in zip(self.mlp.coefs_, self.mlp.intercepts_, self.layers):
                weight[:], intercept[:] = given
            del self.mlp._optimizer
            self.layers = None
        self.mlp.partial_fit(X, X)
        return 2 * X.shape[1] * self.mlp.loss_  # it halves, and takes the mean over the features

    def reconstruct(self, X):
        return self.mlp.predict(X)


class Dictionary(DictionaryLearner):
    """`MiniBatchDictionaryLearning.partial_fit`."""

    def build(self, layers):
        self.learner = MiniBatchDictionaryLearning(
            self.case.units, batch_size=self.case.batch, transform_n_nonzero_coefs=self.case.k, random_state=0
        )

    def step(self, x):
        self.learner.partial_fit(x)


class SparseEncode(Ours):
    """Codes by optimisation for the dictionary that our estimator learns."""

    def atoms(self):
        """Decoder rows of norm one."""
        return normalize(self.sae.components_)

    def omp(self, X):
        return sparse_encode(X, self.atoms(), algorithm="omp", n_nonzero_coefs=self.case.k)

    def lasso(self, X):
        return sparse_encode(X, self.atoms(), algorithm="lasso_cd", alpha=LASSO)


def describe():
    return f"scikit-learn {sklearn.__version__}"
