"""Several fits of one autoencoder, and what recurs in them."""

from ._consensus_autoencoder import ConsensusAutoencoder

__all__ = ["ConsensusAutoencoder"]
