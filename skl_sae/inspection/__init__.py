"""Look inside a fitted autoencoder: what its units stand for, what they do, and pictures of it all."""

from ._comparing.dictionaries import DictionaryComparison, compare_dictionaries
from ._displays.components import ComponentsDisplay
from ._displays.density import ActivationDensityDisplay
from ._displays.reconstruction import ReconstructionDisplay
from ._displays.training_curve import TrainingCurveDisplay
from ._interventions.edit import edit
from ._interventions.effects import UnitEffects, unit_effects

__all__ = [
    "ActivationDensityDisplay",
    "ComponentsDisplay",
    "DictionaryComparison",
    "ReconstructionDisplay",
    "TrainingCurveDisplay",
    "UnitEffects",
    "compare_dictionaries",
    "edit",
    "unit_effects",
]
