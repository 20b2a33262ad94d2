"""Look inside a fitted autoencoder: what its units stand for, what they do, and pictures of it all."""

from ._displays.components import ComponentsDisplay
from ._displays.density import ActivationDensityDisplay
from ._displays.reconstruction import ReconstructionDisplay
from ._displays.training_curve import TrainingCurveDisplay
from ._units.describe import describe_units
from ._units.finding import find_units, top_examples, top_features

__all__ = [
    "ActivationDensityDisplay",
    "ComponentsDisplay",
    "ReconstructionDisplay",
    "TrainingCurveDisplay",
    "describe_units",
    "find_units",
    "top_examples",
    "top_features",
]
