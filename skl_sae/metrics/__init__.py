"""How well an autoencoder reconstructs, how sparse its codes are, what they find, whether its dictionary is true.

`SCORERS` holds the scorers for a model selection with several metrics; each is also a name of its own.
A unit is active (it "fired") in a row when its code there is not zero. For non-negative codes this is "greater than
zero": an entry that a rule selected but that is 0, and an explicit zero of a sparse matrix, do not count.
"""

from ._baselines import baseline_scores
from ._codes import dead_fraction, feature_density, l0
from ._description_length import DescriptionLength, description_length
from ._dictionaries import DictionaryMatch, dictionary_match
from ._reconstruction import explained_variance
from ._retrieval import mean_average_precision
from ._scorers import (
    explained_variance_scorer,
    neg_dead_fraction_scorer,
    neg_description_length_scorer,
    neg_l0_scorer,
)
from ._stability import Stability, stability

__all__ = [
    "SCORERS",
    "DescriptionLength",
    "DictionaryMatch",
    "Stability",
    "baseline_scores",
    "dead_fraction",
    "description_length",
    "dictionary_match",
    "explained_variance",
    "explained_variance_scorer",
    "feature_density",
    "l0",
    "mean_average_precision",
    "neg_dead_fraction_scorer",
    "neg_description_length_scorer",
    "neg_l0_scorer",
    "stability",
]

#: For ``GridSearchCV(..., scoring=SCORERS, refit="explained_variance")``.
SCORERS = {
    "explained_variance": explained_variance_scorer,
    "neg_l0": neg_l0_scorer,
    "neg_dead_fraction": neg_dead_fraction_scorer,
    "neg_description_length": neg_description_length_scorer,
}
