"""What a peer is."""

import numpy as np
from scipy import sparse


class Unsuitable(Exception):
    """The peer has no such model, or can't run here; the message is the note in the report."""


class Peer:
    """A model under training, built for a case and started from given weights.

    Parameters
    ----------
    case : Case
    start : dict
        ``mean`` and ``scale`` of the data, ``layers``, a pair of weights (fan_in, fan_out) and intercepts each.
    """

    #: Whether the loss is that of the case, so that it must agree with the others' after the same steps.
    same_model = True
    #: The most steps of a call, for a peer that would not come back from a whole chunk.
    most_steps = None

    def __init__(self, case, start):
        self.case = case
        self.mean, self.scale = start["mean"], start["scale"]
        self.build(start["layers"])

    def build(self, layers):
        """Make model and optimizer."""
        raise NotImplementedError

    def train(self, X):
        """One pass over the rows of X in batches, in order; returns the mean loss of a row."""
        raise NotImplementedError

    def reconstruct(self, X):
        """Output of the network."""
        raise NotImplementedError

    def batches(self, X):
        """Batches as dense arrays; rows of a CSR matrix are filled in, centred and scaled on the way."""
        for lo in range(0, X.shape[0], self.case.batch):
            x = X[lo : lo + self.case.batch]
            if sparse.issparse(x):
                x = x.toarray()
                x -= self.mean
                x *= np.float32(1 / self.scale)
            yield x


class DictionaryLearner(Peer):
    """Learns a dictionary for codes that are solved for, batch by batch: another model for the same purpose."""

    same_model = False
    most_steps = 4

    def __init__(self, case, start):
        if case.data != "digits":
            raise Unsuitable("only compared on the small case: it takes seconds a step on the others")
        super().__init__(case, start)

    def train(self, X):
        for x in self.batches(X):
            self.step(x)
        return float("nan")

    def step(self, x):
        """Learn from a batch."""
        raise NotImplementedError
