"""Look inside a fitted autoencoder: what its units stand for, what they do, and pictures of it all."""

from ._displays.components import ComponentsDisplay
from ._displays.density import ActivationDensityDisplay
from ._displays.reconstruction import ReconstructionDisplay
from ._displays.training_curve import TrainingCurveDisplay

__all__ = ["ActivationDensityDisplay", "ComponentsDisplay", "ReconstructionDisplay", "TrainingCurveDisplay"]
