"""Rows unlike the training data: how sure that is, and which columns say so."""

from ._detector import ReconstructionOutlierDetector

__all__ = ["ReconstructionOutlierDetector"]
