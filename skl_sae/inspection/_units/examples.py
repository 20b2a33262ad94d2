"""Rows of given units."""

import numpy as np

from ..._extras import extra
from ..._parameters import with_plain_arguments
from .._chosen_units import unit_indices
from .._displays.common import check_count
from .._model import InspectedModel
from .company import row_texts
from .describe import shorten
from .survey import known_signs, survey_signs
from .top_rows import TopRows
from .totals import rows_of


@with_plain_arguments
def top_examples(estimator, X, *, units=None, n_top=5, texts=None):
    """Show the rows with the largest values of units.

    Parameters
    ----------
    estimator : object
        Fitted estimator with `transform` and `inverse_transform`, or a pipeline of such.
    X : {array-like, sparse matrix, data frame, sequence of str} of shape (n_samples, n_features)
        Data.
    units : int, str or array-like of such, default=None
        The units, by index or by the estimator's name of an output. None takes all.
    n_top : int, default=5
        Rows of each unit, fewer if it is active in fewer. Of a unit whose values have both signs, values of the more
        frequent one.
    texts : sequence of str of shape (n_samples,), default=None
        A text of each row. None takes X where this is texts.

    Returns
    -------
    pandas.DataFrame
        With the index "unit" and "rank", and the columns "row", "value", and with texts "text".

    Raises
    ------
    ValueError
        If a unit does not exist, or texts do not match the rows of X.

    See Also
    --------
    describe_units : All that is known of units.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.inspection import top_examples
    >>> X, y = load_digits(return_X_y=True)
    >>> sae = SparseAutoencoder(20, max_iter=5, random_state=0).fit(X)
    >>> top_examples(sae, X, units=[3, 7], n_top=2).columns.tolist()
    ['row', 'value']
    """
    with extra("report"):
        import pandas as pd
    check_count("n_top", n_top)
    model = InspectedModel(estimator)
    chosen, numbers = unit_indices(model, units), model.read(X)
    texts = row_texts(model, X, texts, numbers.shape[0])
    signs, top = survey_signs(model, numbers)[chosen], TopRows(len(chosen), n_top)
    for rows, codes in model.blocks(numbers):
        codes = codes[:, chosen]
        values = codes.data.astype(np.float64)
        signs = known_signs(signs, codes.indices, values)
        top.add(codes.indices, rows_of(codes) + rows.start, values * signs[codes.indices])
    rows, values = top.by_unit()
    table = [
        (unit, rank, row, value * sign)
        for unit, sign, *found in zip(chosen.tolist(), signs, rows, values, strict=True)
        for rank, (row, value) in enumerate(zip(*found, strict=True))
    ]
    table = pd.DataFrame(table, columns=["unit", "rank", "row", "value"]).set_index(["unit", "rank"])
    if texts is not None:
        table["text"] = [shorten(texts[row]) for row in table["row"]]
    return table
