"""SPAMS: sparse coding and dictionary learning in C++."""

from importlib.metadata import version

import numpy as np
import spams

from ._base import DictionaryLearner
from .sklearn_models import LASSO, SparseEncode


class Spams(SparseEncode):
    """The same problems as scikit-learn's; both arrays are transposed, and -1 means all cores."""

    def omp(self, X):
        return spams.omp(np.asfortranarray(X.T), np.asfortranarray(self.atoms().T), L=self.case.k, numThreads=-1)

    def lasso(self, X):
        return spams.lasso(np.asfortranarray(X.T), D=np.asfortranarray(self.atoms().T), lambda1=LASSO, numThreads=-1)


class SpamsOnline(DictionaryLearner):
    """Its online dictionary learning, an iteration a batch, with k atoms a row at most (mode 3)."""

    def build(self, layers):
        self.state = {"K": self.case.units}

    def step(self, x):
        atoms, model = spams.trainDL(
            np.asfortranarray(x.T),
            return_model=True,
            batchsize=self.case.batch,
            iter=1,
            mode=3,
            lambda1=self.case.k,
            numThreads=-1,
            verbose=False,
            **self.state,
        )
        self.state = {"D": atoms, "model": model}


def describe():
    return f"spams {version('spams-bin')}"
