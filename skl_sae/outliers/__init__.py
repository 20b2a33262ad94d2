"""Rows unlike the training data: how sure that is, and which columns say so."""

__all__ = []
