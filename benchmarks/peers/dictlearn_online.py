"""dictlearn: online dictionary learning, compiled by numba where that is installed, as it is here."""

import dictlearn

from ._base import DictionaryLearner


class Online(DictionaryLearner):
    """`MiniBatchDictionaryLearning.partial_fit` with its defaults: the algorithm of Mairal et al., codes by OMP."""

    def build(self, layers):
        self.learner = dictlearn.MiniBatchDictionaryLearning(
            self.case.units, n_nonzero_coefs=self.case.k, batch_size=self.case.batch, random_state=0
        )

    def step(self, x):
        self.learner.partial_fit(x)


def describe():
    return f"dictlearn {dictlearn.__version__}"
