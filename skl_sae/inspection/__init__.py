"""Look inside a fitted autoencoder: what its units stand for, what they do, and pictures of it all."""

from ._comparing.data import DataComparison, compare_data
from ._comparing.dictionaries import DictionaryComparison, compare_dictionaries
from ._displays.components import ComponentsDisplay
from ._displays.density import ActivationDensityDisplay
from ._displays.frontier import FrontierDisplay
from ._displays.reconstruction import ReconstructionDisplay
from ._displays.training_curve import TrainingCurveDisplay
from ._displays.unit import UnitDisplay
from ._displays.unit_pair import UnitPairDisplay
from ._interventions.edit import edit
from ._interventions.effects import UnitEffects, unit_effects
from ._report.page import unit_report
from ._units.describe import describe_units
from ._units.examples import top_examples
from ._units.finding import find_units, top_features

__all__ = [
    "ActivationDensityDisplay",
    "ComponentsDisplay",
    "DataComparison",
    "DictionaryComparison",
    "FrontierDisplay",
    "ReconstructionDisplay",
    "TrainingCurveDisplay",
    "UnitDisplay",
    "UnitEffects",
    "UnitPairDisplay",
    "compare_data",
    "compare_dictionaries",
    "describe_units",
    "edit",
    "find_units",
    "top_examples",
    "top_features",
    "unit_effects",
    "unit_report",
]
