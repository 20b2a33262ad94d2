"""Transfer from a fitted dictionary: its atoms begin another one, and change or stay."""

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from .._kernels.norms import unit_rows
from ._residual_rows import residual_rows
from ._source import copy_of


class DictionaryTransfer:
    """What a `KSVD` can take to other data.

    Parameters
    ----------
    source : KSVD
        Fitted.
    options : SparseTransfer
    """

    def __init__(self, source, options):
        self.source, self.options = source, options

    @property
    def dtype(self):
        """Of the codes, where nothing is learned; None before the fit of the source."""
        atoms = vars(self.source).get("components_")
        return None if atoms is None else atoms.dtype

    def frozen(self, X):
        """An estimator that encodes as the source does."""
        if self.options.recenter:
            raise ValueError(
                "recenter=True takes mean and scale from the target, and KSVD has neither, because it does not centre "
                "data. Subtract the mean before, from source and target, or use recenter=False."
            )
        return copy_of(self.source)

    def begin(self, estimator, X):
        """An estimator that will go on from the source's atoms when it is fitted."""
        o, atoms = self.options, self.source.components_
        self._assert_no_layers()
        estimator = clone(self.source).set_output(transform="default")
        given = {name: getattr(o, name) for name in ("max_iter", "batch_size") if getattr(o, name) is not None}
        if o.mode == "finetune":
            given |= {"min_usage": 0, "max_coherence": 1.0}
        else:
            n, n_new = len(atoms), o._n_new(len(atoms))
            given |= {"n_components": n + n_new, "n_frozen_components": n}
            new = residual_rows(X, self._decode, n_new, check_random_state(o.random_state))
            atoms = np.concatenate([atoms, unit_rows(new[new.any(axis=1)]).astype(atoms.dtype)])
        return estimator.set_params(dict_init=atoms, random_state=o.random_state, verbose=o.verbose, **given)

    def _assert_no_layers(self):
        """Raise where a dictionary is asked for what only a network has."""
        o = self.options
        of_networks = {"learning_rate_init": o.learning_rate_init}
        if o.mode == "finetune":
            of_networks |= {"freeze": o.freeze, "l2_sp": o.l2_sp or None}
        for name, value in of_networks.items():
            if value is not None:
                raise ValueError(
                    f"Got {name}={value!r} with a KSVD as the source, which has one layer, of atoms, and no learning "
                    f"rate: expected {name} as it is by default. With mode='finetune', atoms that the target does not "
                    "use stay as they are; to keep all, use mode='frozen' or 'extend'."
                )

    def _decode(self, X):
        source = copy_of(self.source).set_params(sparse_output=True)
        return source.inverse_transform(source.transform(X))

    def learn(self, estimator, method, X, y):
        """Fit it by a method of its own."""
        getattr(estimator, method)(X)

    def score(self, estimator, X, y):
        """Explained variance."""
        return estimator.score(X)
