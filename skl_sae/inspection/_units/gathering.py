"""One pass over the data, by blocks, and what follows from its sums."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import vstack
from sklearn.utils import check_random_state

from .._displays.common import check_count
from .._model import InspectedModel, directions
from .columns import Columns
from .company import Company, company
from .contrasts import Contrasts
from .effects import local_effects
from .relations import Relations, relations
from .shares import Shares
from .survey import survey
from .top_rows import TopRows
from .totals import Totals, rows_of

# Rows in which a unit is set to zero where decoding is not affine; the same ones in each call.
_LOCAL_ROWS, _SEED = 16, 0


class Gathered(NamedTuple):
    """What is known of a model and data.

    Parameters
    ----------
    model : InspectedModel
        The model.
    company : Company
        Classes, texts and terms.
    n_rows : int
        Number of rows.
    totals : Totals
        Sums of codes.
    explained_share : ndarray of shape (n_units,)
        Share of the explained variance that would be lost.
    amounts : ndarray of shape (n_units, n_features)
        What units add at their typical values.
    contrasts : Contrasts
        What is high or low in the rows of units.
    relations : Relations
        Neighbours of units.
    columns : Columns
        Spreads of the columns.
    weights : ndarray of shape (n_columns,)
        What columns are multiplied by in the space of the learner before squares are summed.
    numbers : {ndarray, csr_array} of shape (n_rows, n_features)
        The data as numbers.
    codes : csr_array of shape (n_rows, n_units) or None
        Codes of all rows, if they were asked for.
    """

    model: InspectedModel
    company: Company
    n_rows: int
    totals: Totals
    explained_share: np.ndarray
    amounts: np.ndarray
    contrasts: Contrasts
    relations: Relations
    columns: Columns
    weights: np.ndarray
    numbers: object
    codes: object

    @property
    def typical_value(self):
        """Mean absolute value of each unit where it is active, with the more frequent sign."""
        return self.totals.signs * self.totals.magnitude / np.maximum(self.totals.active, 1)


def gather(model, X, *, y=None, texts=None, n_top=5, keep_codes=False):
    """Look at all rows; see `describe_units` for the parameters."""
    check_count("n_top", n_top)
    given, X = X, model.read(X)
    around = company(model, given, X, y, texts)
    seen = survey(model, X)
    atoms = directions(model.learner_decode, model.n_units, seen.codes)
    outer = atoms if model.learner is model.model else directions(model.decode, model.n_units, seen.codes)
    weights = _weights(model.learner, seen.learner_sizes)
    weighted = None if atoms is None else atoms * weights.astype(atoms.dtype)
    shares = Shares(model.learner_at_zero[0] * weights, weighted, weights)
    totals, columns = Totals(seen, n_top, len(around.classes)), Columns(seen.sizes)
    some_rows, is_local = TopRows(model.n_units, _LOCAL_ROWS), atoms is None or outer is None
    contrasts = Contrasts(outer, model.at_zero, totals)
    priority = check_random_state(_SEED).permutation(X.shape[0]) + 1.0 if is_local else None
    kept = []
    for rows in model.batches(X):
        block = X[rows]
        Z = model.for_learner(block)
        codes = model.learner_encode(Z)
        kept += [codes] if keep_codes else []
        totals.add(rows.start, codes, *around.of(rows))
        shares.add(Z, codes, model.learner_decode)
        columns.add(block)
        contrasts.add(codes, model.decode)
        if is_local:
            at = rows_of(codes) + rows.start
            some_rows.add(codes.indices, at, priority[at])
    totals.flush()
    gains = None
    if is_local:
        local = local_effects(model, X, some_rows.by_unit()[0], totals.signs, weights)
        amounts = local.amounts
    if atoms is None:
        weighted, gains = local.directions * weights, local.gains * totals.gram.diagonal()
    related = relations(weighted, totals, X.shape[0], n_top)
    share = shares.finish(totals.gram.diagonal(), related.common, gains)
    kept = vstack(kept, format="csr") if keep_codes else None
    gathered = Gathered(model, around, X.shape[0], totals, share, outer, contrasts, related, columns, weights, X, kept)
    if not is_local:
        amounts = outer * gathered.typical_value[:, None].astype(outer.dtype)
    return gathered._replace(amounts=amounts)


def _weights(learner, sizes):
    """Weights of columns under the square in the loss of the learner, but for a factor that keeps sums in range."""
    weights = np.ones(len(sizes))
    scale = np.asarray(getattr(learner, "scale_", 1.0), dtype=np.float64)
    if scale.shape == weights.shape and (scale > 0).all():
        weights /= scale
    return weights / max((sizes * weights).max(), np.finfo(np.float64).tiny)
