"""What units do to the predictions of a model that comes after them."""

from dataclasses import dataclass

import numpy as np

from ..._extras import extra
from ..._parameters import with_plain_arguments
from .._chosen_units import unit_indices
from .ablation import ablations
from .response import Response


@dataclass(frozen=True, eq=False)
class UnitEffects:
    """Change of predictions where units are set to zero; see `unit_effects`.

    Parameters
    ----------
    units : ndarray of shape (n_units,)
        Index of each unit.
    outputs : ndarray of shape (n_outputs,)
        What is predicted: the classes, pairs of classes of a support vector machine with ``"ovo"``, or the names of the
        outputs of a regressor.
    effects : ndarray of shape (n_units, n_outputs)
        Mean over all rows of the prediction less that without the unit. Rows in which the unit is zero add nothing.
    effects_where_active : ndarray of shape (n_units, n_outputs)
        The same mean over the rows in which the unit is active; NaN for a unit that is active in none.
    sizes : ndarray of shape (n_units, n_outputs)
        Mean over all rows of the absolute change, which does not cancel out.
    n_active : ndarray of shape (n_units,)
        Number of rows in which each unit is active.
    n_flips : ndarray of shape (n_units,) or None
        Number of rows of which ``predict`` gives another class without the unit. None for a regressor.
    response_method : str
        Method whose output changes, such as "predict_proba".

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skl_sae.inspection import unit_effects
    >>> X, y = load_iris(return_X_y=True)
    >>> effects = unit_effects(make_pipeline(PCA(n_components=2), LogisticRegression()).fit(X, y), X)
    >>> effects.outputs, effects.response_method
    (array([0, 1, 2]), 'predict_proba')
    """

    units: np.ndarray
    outputs: np.ndarray
    effects: np.ndarray
    effects_where_active: np.ndarray
    sizes: np.ndarray
    n_active: np.ndarray
    n_flips: np.ndarray | None
    response_method: str

    def __repr__(self):
        return f"<UnitEffects: {self.response_method}, n_units={len(self.units)}, n_outputs={len(self.outputs)}>"

    def to_frame(self):
        """Return a table, a row a unit.

        Returns
        -------
        pandas.DataFrame
            Indexed by unit, with the columns n_active, n_flips for a classifier, and of each output "effect on ...",
            the mean over all rows.
        """
        with extra("report"):
            import pandas as pd

        columns = {"n_active": self.n_active}
        if self.n_flips is not None:
            columns["n_flips"] = self.n_flips
        columns.update((f"effect on {output}", self.effects[:, i]) for i, output in enumerate(self.outputs))
        return pd.DataFrame(columns, index=pd.Index(self.units, name="unit"))


@with_plain_arguments
def unit_effects(estimator, X, *, encoder=None, step=None, units=None, response_method="auto"):
    r"""Compute how predictions change when one unit at a time is set to zero.

    With :math:`f_i` the code of row i and p the prediction that is made of it, the effect of unit j is

    .. math::

        \frac{1}{n} \sum_i p(f_i) - p(f_i \odot (1 - e_j))

    what the prediction loses without the unit: positive where the unit speaks for a class. It is exact, by predicting
    again, with no gradient or other approximation; only rows in which the unit is active are predicted again, in
    batches.

    Parameters
    ----------
    estimator : object
        Fitted pipeline of an encoder, what comes after it, and a classifier, a regressor or an outlier detector. With
        `encoder`, any fitted predictor of X.
    X : {array-like, sparse matrix, dataframe} of shape (n_samples, n_features)
        Data that the estimator predicts, as it takes them.
    encoder : object, default=None
        Fitted estimator with `transform` and `inverse_transform`. Its units are removed from X itself, as `edit` does,
        and `estimator` predicts the edited rows: so units explain a predictor that has never seen them. None takes the
        units that the pipeline itself makes.
    step : str, default=None
        Name of the step of the pipeline whose outputs are the units. None takes the last step before the predictor
        that decodes, scalers and selectors of features left aside.
    units : array-like of int or of str, default=None
        Units, by index or by name. None takes all.
    response_method : {"auto", "predict_proba", "decision_function", "predict"}, default="auto"
        What is predicted. "auto" takes the first of them that the estimator has. Labels that ``predict`` of a
        classifier gives are counted: one output for each class, 1 where it is predicted.

    Returns
    -------
    UnitEffects
        Effects by unit and output, and how many rows they come from.

    Raises
    ------
    TypeError
        If there is no step that decodes, or the estimator lacks the method or numbers clusters.
    ValueError
        If a unit or the step does not exist, or the predictions are of several targets with classes.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    edit : Change units to other values than zero, in the data.
    sklearn.inspection.permutation_importance : What a score loses when columns are shuffled.

    References
    ----------
    Zeiler & Fergus, *Visualizing and Understanding Convolutional Networks*, ECCV 2014, arXiv:1311.2901: occlusion, here
    of units. Marks et al., *Sparse Feature Circuits*, ICLR 2025, arXiv:2403.19647: the same with units of sparse
    autoencoders, approximated by gradients.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.inspection import unit_effects
    >>> X, y = load_digits(return_X_y=True)
    >>> sae = SparseAutoencoder(n_components=32, max_iter=10, random_state=0)
    >>> pipeline = make_pipeline(sae, LogisticRegression(max_iter=1000)).fit(X, y)
    >>> effects = unit_effects(pipeline, X)
    >>> effects.effects.shape
    (32, 10)
    >>> zero = effects.effects[:, 0].argmax()  # the unit that speaks most for the digit 0
    >>> float(effects.effects_where_active[zero, 0]) > 0
    True
    """
    source = ablations(estimator, encoder, step)
    response = Response(source.predictor, response_method)
    chosen = unit_indices(source, units)
    n_units, totals = source.n_units, None
    n_active, n_flips, n_samples = np.zeros(n_units, np.int64), np.zeros(n_units, np.int64), 0
    for block in source.blocks(X):
        base, decided = response(block.inputs)
        n_samples += len(base)
        if totals is None:
            totals = np.zeros((2, n_units, base.shape[1]))
        for rows, columns in block.entries(chosen):
            changed, decided_without = response(block.without(rows, columns))
            lost = base[rows] - changed
            np.add.at(totals[0], columns, lost)
            np.add.at(totals[1], columns, np.abs(lost))
            np.add.at(n_active, columns, 1)
            if response.decides:
                np.add.at(n_flips, columns, decided[rows] != decided_without)
    sums, sizes, n_active = totals[0][chosen], totals[1][chosen], n_active[chosen]
    where_active = np.divide(sums, n_active[:, None], out=np.full(sums.shape, np.nan), where=n_active[:, None] > 0)
    flips = n_flips[chosen] if response.decides else None
    return UnitEffects(
        **{"units": chosen, "outputs": response.outputs(sums.shape[1]), "effects": sums / n_samples},
        **{"effects_where_active": where_active, "sizes": sizes / n_samples, "n_active": n_active},
        **{"n_flips": flips, "response_method": response.method},
    )
