"""Transfer from any fitted transformer, which is used as it is."""

import numpy as np

from ..metrics import explained_variance


class AnyTransfer:
    """What any transformer can do with other data: encode them.

    Parameters
    ----------
    source : transformer
        Fitted.
    options : SparseTransfer
    """

    def __init__(self, source, options):
        self.source, self.options = source, options

    dtype = None  #: that of the codes is what the source says of itself

    def frozen(self, X):
        """The source itself; raises where something is to be learned."""
        options, source = self.options, self.source
        if options.mode != "frozen" or options.recenter:
            raise ValueError(
                f"A source of the kind {type(source).__name__} can be used as it is only: got "
                f"mode={options.mode!r} and recenter={options.recenter}, expected mode='frozen' and recenter=False, or "
                "a SparseAutoencoder, a KSVD or a SparseRecoveryAutoencoder."
            )
        return source

    def score(self, estimator, X, y):
        """Explained variance of the target, NaN where nothing is reconstructed."""
        if not hasattr(estimator, "inverse_transform"):
            return np.nan
        return explained_variance(X, estimator.inverse_transform(estimator.transform(X)))
