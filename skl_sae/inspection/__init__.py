"""Pictures of a fitted autoencoder: what it makes of its input, its components, its training, and its units."""

from ._components import ComponentsDisplay
from ._density import ActivationDensityDisplay
from ._reconstruction import ReconstructionDisplay
from ._training_curve import TrainingCurveDisplay

__all__ = ["ActivationDensityDisplay", "ComponentsDisplay", "ReconstructionDisplay", "TrainingCurveDisplay"]
