"""What a card of a unit shows, and a page of all units."""

import re
from typing import NamedTuple

import numpy as np
from scipy.sparse import csc_array, issparse

from .._model import InspectedModel
from .._units.describe import shorten
from .._units.effects import strongest
from .._units.facts import UnitFacts, facts_of
from .._units.gathering import gather
from .common import as_images


class UnitData(NamedTuple):
    """Facts, codes and data.

    Parameters
    ----------
    model : InspectedModel
        The model.
    facts : UnitFacts
        What the units stand for.
    codes : csc_array of shape (n_samples, n_units)
        Codes of the data.
    X : {ndarray, csr_matrix} of shape (n_samples, n_features)
        The data as numbers.
    image_shape : tuple of int or None
        Shape of a row that is an image.
    """

    model: InspectedModel
    facts: UnitFacts
    codes: csc_array
    X: object
    image_shape: tuple | None

    def values(self, unit):
        """Return the values of a unit in the rows in which it is active."""
        return self.codes.data[self.codes.indptr[unit] : self.codes.indptr[unit + 1]]

    def rows(self, unit):
        """Return the top rows of a unit as numbers, dense."""
        rows = self.X[self.facts.top_rows[unit]]
        return rows.toarray() if issparse(rows) else rows

    def filter(self, unit):
        """Return what the unit adds to an image, with its sign: height, width, and channels if there are some."""
        return as_images(self.facts.amounts[unit][None], self.image_shape)[0]

    def images(self, unit):
        """Return the top rows as images."""
        return as_images(self.rows(unit), self.image_shape)

    def mean_image(self, unit):
        """Return the mean of the top rows, weighted by the values; missing pixels of a row do not count."""
        rows, weights = self.rows(unit), np.asarray(self.facts.top_values[unit])[:, None]
        seen = ~np.isnan(rows)
        sums, total = (np.where(seen, rows, 0) * weights).sum(axis=0), (seen * weights).sum(axis=0)
        mean = np.divide(sums, total, out=np.full(sums.shape, np.nan), where=total > 0)
        return as_images(mean[None], self.image_shape)[0]

    def columns(self, unit, n_columns):
        """Return the columns that the unit changes most, and by how many standard deviations."""
        found = strongest(self.facts.amounts[unit][None], self.facts.spreads, n_columns)
        best, sizes = found.columns[0, :n_columns], found.strengths[0, :n_columns]
        return best[sizes != 0], sizes[sizes != 0]

    def bars(self, unit, n_bars):
        """Return the columns that the unit changes most: names, amounts in their units, and in standard deviations."""
        best, sizes = self.columns(unit, n_bars)
        return self.facts.feature_names[best], self.facts.amounts[unit][best], sizes

    def name(self, unit):
        """Return the name of the unit; "" for an image with no class of its own, whose pixels tell nothing."""
        facts = self.facts
        of_class = facts.classes is not None and any(low > 1 for _, _, low, _ in facts.classes[unit])
        told = self.image_shape is None or of_class or not facts.density[unit]
        return facts.names[unit] if told else ""

    def line(self, unit):
        """Return how often the unit is active, and what it counts for, in words."""
        facts = self.facts
        if not facts.density[unit]:
            return f"active in none of {facts.n_rows} rows"
        parts = [f"active in {_percent(facts.density[unit])} of {facts.n_rows} rows"]
        if np.isfinite(facts.explained_share[unit]):
            parts.append(f"{_percent(facts.explained_share[unit])} of the explained variance")
        parts.append(f"typical value {facts.typical_value[unit]:.3g}")
        return ", ".join(parts)


def unit_data(model, X, *, y, texts, image_shape, n_top):
    """Collect what a card shows, for all units, in one pass over the data."""
    if image_shape is not None:
        as_images(model.at_zero, image_shape)
    gathered = gather(model, X, y=y, texts=texts, n_top=n_top, keep_codes=True)
    return UnitData(model, facts_of(gathered, n_top), gathered.codes.tocsc(), gathered.numbers, image_shape)


def beginning(text, n_letters):
    """Return the first letters of a text on one line, with rulers of signs made short."""
    return shorten(re.sub(r"([^\w\s])\1{3,}", r"\1\1\1", text), n_letters)


def _percent(share):
    return f"{100 * share:.3g} %"
