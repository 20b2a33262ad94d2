"""SPAMS: sparse coding in C++."""

import numpy as np
import spams

from .sklearn_models import LASSO, SparseEncode


class Spams(SparseEncode):
    """The same problems as scikit-learn's; both arrays are transposed, and -1 means all cores."""

    def omp(self, X):
        return spams.omp(np.asfortranarray(X.T), np.asfortranarray(self.atoms().T), L=self.case.k, numThreads=-1)

    def lasso(self, X):
        return spams.lasso(np.asfortranarray(X.T), D=np.asfortranarray(self.atoms().T), lambda1=LASSO, numThreads=-1)
