"""Several fits of one autoencoder, and what recurs in them."""

__all__ = []
