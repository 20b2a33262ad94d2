"""What a network is built of, apart from its rule and its numbers."""

from typing import NamedTuple

import numpy as np


class Architecture(NamedTuple):
    """Widths and kinds of the layers of an autoencoder.

    Parameters
    ----------
    encoder_sizes, decoder_sizes : tuple of int
        Widths from the data to the code, both included.
    activation : str
        Of the code.
    hidden_activation, output_activation, loss : str
    tied : bool
        Whether the decoder uses the encoder's weights.
    batch_norm : bool
        Whether the pre-activations of the encoder's layers are normalised.
    skip : bool
        Whether a linear path leads from the input to the output, past the code.
    dtype : dtype
        Of all numbers.
    positive_decoder : bool
        Whether no weight of the decoder is negative.
    """

    encoder_sizes: tuple
    decoder_sizes: tuple
    activation: str
    hidden_activation: str = "relu"
    output_activation: str = "identity"
    loss: str = "squared_error"
    tied: bool = False
    batch_norm: bool = False
    skip: bool = False
    dtype: np.dtype = np.dtype(np.float64)
    # Pickles know fields by their places: new ones come last.
    positive_decoder: bool = False

    encoder_depth = property(lambda self: len(self.encoder_sizes) - 1)
    decoder_depth = property(lambda self: len(self.decoder_sizes) - 1)
    n_features = property(lambda self: self.encoder_sizes[0])
    n_units = property(lambda self: self.encoder_sizes[-1])

    @property
    def is_deep(self):
        """Whether there is a hidden layer on either side."""
        return max(self.encoder_depth, self.decoder_depth) > 1

    @property
    def centred(self):
        """Whether the mean is subtracted from the target: only a linear output can reproduce the difference."""
        return self.output_activation == "identity"

    @property
    def rescaled(self):
        """Whether the target is divided by the scale of the data: an output without a largest value can follow."""
        return self.output_activation in ("identity", "relu")
