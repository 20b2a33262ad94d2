"""Two dictionaries beside each other."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..._extras import extra
from ..._kernels.norms import unit_rows
from ..._parameters import check_named_array, checked, is_number
from ...metrics import dictionary_match
from ...metrics._dictionaries import common_units, last_step
from .._model import InspectedModel


@dataclass(frozen=True, eq=False)
class DictionaryComparison:
    """Which units two dictionaries share; see `compare_dictionaries`.

    Parameters
    ----------
    mean_similarity : float
        Mean similarity of the pairs.
    random_similarity : float
        The same for random dictionaries of these shapes: what chance gives.
    pairs : ndarray of shape (n_pairs, 2)
        Unit of a and unit of b, matched one to one, the most similar pair first.
    similarities : ndarray of shape (n_pairs,)
        Cosine of each pair, absolute unless signed.
    nearest_in_b : ndarray of shape (n_units_a,)
        The unit of b that is most similar to each unit of a, also if another one is as near to it.
    similarity_a : ndarray of shape (n_units_a,)
        Similarity of each unit of a and its nearest one in b.
    nearest_in_a : ndarray of shape (n_units_b,)
        The unit of a that is most similar to each unit of b.
    similarity_b : ndarray of shape (n_units_b,)
        Similarity of each unit of b and its nearest one in a.

    Examples
    --------
    >>> from skl_sae.inspection import compare_dictionaries
    >>> comparison = compare_dictionaries([[1.0, 0.0], [0.0, 2.0]], [[0.0, 1.0], [3.0, 4.0]], random_state=0)
    >>> comparison.pairs, comparison.similarities
    (array([[1, 0],
           [0, 1]]), array([1. , 0.6]))
    >>> comparison.n_shared(0.9)
    1
    """

    mean_similarity: float
    random_similarity: float
    pairs: np.ndarray
    similarities: np.ndarray
    nearest_in_b: np.ndarray
    similarity_a: np.ndarray
    nearest_in_a: np.ndarray
    similarity_b: np.ndarray

    def __repr__(self):
        return (
            f"<DictionaryComparison of {len(self.similarity_a)} with {len(self.similarity_b)} units: mean similarity "
            f"{self.mean_similarity:.3g}, by chance {self.random_similarity:.3g}>"
        )

    def n_shared(self, threshold=0.7):
        """Count the pairs that are at least so similar.

        Parameters
        ----------
        threshold : float, default=0.7
            Similarity of units that count as the same.

        Returns
        -------
        int
            Number of pairs.
        """
        if not is_number(threshold):
            raise ValueError(f"Got threshold={threshold!r}; expected a number, such as 0.7.")
        return int((self.similarities >= threshold).sum())

    def to_frame(self):
        """Return a table, a row a unit of a.

        Returns
        -------
        pandas.DataFrame
            Indexed by the unit of a, with the columns match (its partner in b, or missing), similarity (of the two),
            nearest (the most similar unit of b) and nearest_similarity.
        """
        with extra("report"):
            import pandas as pd

        partners = pd.Series(self.pairs[:, 1], index=self.pairs[:, 0], dtype="Int64")
        similarities = pd.Series(self.similarities, index=self.pairs[:, 0])
        table = {"match": partners, "similarity": similarities}
        index = pd.RangeIndex(len(self.nearest_in_b), name="unit")
        return pd.DataFrame(
            {**table, "nearest": self.nearest_in_b, "nearest_similarity": self.similarity_a}, index=index
        )


@checked({"signed": ["boolean"], "random_state": ["random_state"]}, prefer_skip_nested_validation=False)
def compare_dictionaries(a, b, *, signed=False, random_state=None):
    r"""Match the units of two dictionaries: two seeds, two sizes, two rules, or a model before and after.

    With :math:`c_{ij}` the cosine of unit i of a and unit j of b, absolute unless `signed`, pairs are the one-to-one
    matching :math:`\pi` of the largest sum, and

    .. math::

        \text{mean similarity} = \frac{1}{P} \max_\pi \sum_{(i, j) \in \pi} c_{ij},
        \qquad P = \min(n_a, n_b)

    For two fits of one estimator this is their stability, the pairwise MCC of the source below. It is above zero for
    random directions too, most of all in few dimensions: compare it with `random_similarity`.

    Parameters
    ----------
    a, b : object, or array-like of shape (n_units, n_features)
        Fitted estimators, or dictionaries with a unit a row. Of an estimator, its `components_`; without these (a deep
        decoder), what a unit at 1 adds to the reconstruction of a code of zeros. Of a pipeline, the last step: columns
        as that step sees them, so that after a scaler no column outweighs the others. Where estimators divide each
        feature by its unit (`scale_` is an array), cosines are of directions in these units.
    signed : bool, default=False
        Whether units that point opposite ways are different: right for codes of one sign. Signed codes (PCA,
        :class:`~skl_sae.sparsity.AbsTopK`) have no direction of their own.
    random_state : int, RandomState instance or None, default=None
        Determines the random dictionary. Pass an int for reproducible results.

    Returns
    -------
    DictionaryComparison
        Pairs with their similarities, and the nearest unit of each.

    Raises
    ------
    ValueError
        If the dictionaries have different numbers of columns, or have values that are not finite.
    TypeError
        If a model has neither `components_` nor `inverse_transform`.
    sklearn.exceptions.NotFittedError
        If a model is not fitted.

    See Also
    --------
    skl_sae.metrics.dictionary_match : A learned dictionary against the true one.

    References
    ----------
    Song et al., *Position: Mechanistic Interpretability Should Prioritize Feature Consistency in SAEs*, 2025,
    arXiv:2505.20254: PW-MCC, the mean over pairs of fits.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.inspection import compare_dictionaries
    >>> X, y = load_digits(return_X_y=True)
    >>> a, b = (SparseAutoencoder(n_components=16, max_iter=20, random_state=seed).fit(X) for seed in (0, 1))
    >>> comparison = compare_dictionaries(a, b, random_state=0)
    >>> comparison.mean_similarity > 1.5 * comparison.random_similarity
    True
    """
    models = last_step(a), last_step(b)
    a, b = (_directions(model, name) for model, name in zip(models, "ab", strict=True))
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"a has {a.shape[1]} columns and b has {b.shape[1]}; expected dictionaries of the same columns."
        )
    units_of_columns = common_units(models)
    a, b = a / units_of_columns, b / units_of_columns
    match = dictionary_match(b, a, signed=signed, random_state=random_state)
    cosines = unit_rows(a) @ unit_rows(b).T
    if not signed:
        np.abs(cosines, out=cosines)
    matched = np.flatnonzero(match.assignment >= 0)
    pairs = np.column_stack([matched, match.assignment[matched]])
    similarities = cosines[pairs[:, 0], pairs[:, 1]]
    order = np.argsort(-similarities, kind="stable")
    return DictionaryComparison(
        **{"mean_similarity": match.hungarian, "random_similarity": match.random_hungarian},
        **{"pairs": pairs[order], "similarities": similarities[order]},
        **{"nearest_in_b": cosines.argmax(axis=1), "similarity_a": cosines.max(axis=1)},
        **{"nearest_in_a": cosines.argmax(axis=0), "similarity_b": cosines.max(axis=0)},
    )


def _directions(model, name):
    """A direction a unit, (n_units, n_features)."""
    if not hasattr(model, "fit"):
        return check_named_array(name, model, dtype=np.float64)
    check_is_fitted(model)
    if hasattr(model, "components_"):
        return np.asarray(model.components_, dtype=np.float64)
    inspected = InspectedModel(model)
    return inspected.decode(np.eye(inspected.n_units)) - inspected.decode(np.zeros((1, inspected.n_units)))
