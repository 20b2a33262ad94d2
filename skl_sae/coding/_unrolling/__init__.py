"""Encoders that are iterations of a pursuit, as networks that are trained."""
