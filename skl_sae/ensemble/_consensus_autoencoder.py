"""An autoencoder of the units that several fits have in common."""

from copy import copy

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context, clone
from sklearn.utils import check_random_state, get_tags
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.metaestimators import available_if
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted, validate_data

from .._autoencoder import SparseAutoencoder
from .._doc_link import DocLinkMixin
from .._kernels.sparse_structure import check_sparse_structure
from .._named_parameters import NamedParametersMixin
from .._parameters import PlainParametersMixin, integer, real
from ..metrics import stability
from ..metrics._dictionaries import common_units
from ._pooling import most_common, pool

# Seeds of the fits are below.
SEEDS = 2**31


def _decodes_codes_alone(consensus):
    """Tell ``available_if`` that the estimator has ``inverse_transform``, or raise its reason why not."""
    estimator = vars(consensus).get("estimator_", consensus._stand_in("estimator", consensus.estimator))
    return estimator.inverse_transform is not None


class ConsensusAutoencoder(
    DocLinkMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, NamedParametersMixin, PlainParametersMixin
):
    r"""Sparse autoencoder of the units that several fits have in common.

    A fit from another seed finds some of the units again, and others in their place. This one is fitted several times,
    puts units that are the same into one group, and fits once more, from the groups that were found most often [1]_.
    So its units depend less on the seed, at the explained variance of a single fit.

    Two units are the same if they are matched one to one between two fits, as in :func:`skl_sae.metrics.stability`, and
    their cosine is at least `similarity`. With :math:`g` a group and :math:`f` the number of fits with a unit in it,
    the last fit starts from

    .. math::

        d_g = \frac{s_g}{\|s_g\|}, \qquad s_g = \sum_{j \in g} \pm \frac{d_j}{\|d_j\|}, \qquad
        f_g \ge \text{min\_fits}

    with the signs that make the units point the same way, and at most as many groups as the estimator has units. Where
    the fits divide each feature by its unit (`scale_` is an array), directions are compared and added in these units.

    Parameters
    ----------
    estimator : estimator, default=None
        What is fitted: a :class:`~skl_sae.SparseAutoencoder` with a decoder of one layer. None is one with its default
        parameters. It is cloned, never fitted itself; its `init` must be None, so that fits start differently. Its
        parameters can be set and searched in either case: ``set_params(estimator__n_components=64)``.
    n_fits : int, default=5
        Number of fits that are pooled, 2 at least.
    min_fits : int, default=2
        Number of fits, `n_fits` at most, in which a unit must be found. 1 lets units of a single fit fill the places
        that are left. Otherwise the last fit has fewer units than `estimator` says, if fewer recur; as many of them are
        active in a row.
    similarity : float, default=0.7
        Smallest cosine, above 0, of two units that are the same.
    signed : bool, default=True
        Whether units that point in opposite ways are different. False suits rules with codes of both signs.
    n_jobs : int, default=None
        Number of fits at a time, as in :class:`sklearn.ensemble.BaggingClassifier`. The result is the same to the bit.
    random_state : int, RandomState instance or None, default=None
        Determines the seeds of all fits. Pass an int for reproducible results.

    Attributes
    ----------
    estimator_ : estimator
        The last fit, which transforms.
    estimators_ : list of `n_fits` estimators
        The fits that were pooled.
    components_ : ndarray of shape (n_components, n_features)
        Dictionary of `estimator_`.
    unit_stability_ : ndarray of shape (n_components,)
        For each unit of `estimator_`, the mean over the pooled fits of the cosine with the unit that it is matched
        with. Near 1, a unit is found from every seed. The last fit starts from these fits, so it agrees with them
        more than they do with one another; whether a consensus comes again, ``stability`` of several of them says.
    stability_ : Stability
        How far the pooled fits agree; see :func:`skl_sae.metrics.stability`.
    n_features_in_ : int
        Number of features seen by ``fit``.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where X has names that are all strings.

    See Also
    --------
    skl_sae.metrics.stability : Measures how far several fits agree.

    References
    ----------
    .. [1] V. Kurochkin, D. Gavrilov et al., "Unstable Features, Reproducible Subspaces: Understanding Seed Dependence
       in Sparse Autoencoders", 2026, arXiv:2606.12138. Pooling is theirs; groups and the last fit are ours.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skl_sae import SparseAutoencoder
    >>> from skl_sae.ensemble import ConsensusAutoencoder
    >>> X = load_digits().data
    >>> sae = SparseAutoencoder(32, max_iter=20)
    >>> consensus = ConsensusAutoencoder(sae, n_fits=3, random_state=0).fit(X)
    >>> bool(consensus.unit_stability_.mean() > consensus.stability_.mean)
    True
    """

    _named_parameters = ("estimator",)

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "transform"]), None],
        "n_fits": [integer(2)],
        "min_fits": [integer()],
        "similarity": [real(0, 1, closed="right")],
        "signed": ["boolean"],
        "n_jobs": [integer(None), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        n_fits=5,
        min_fits=2,
        similarity=0.7,
        signed=True,
        n_jobs=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.n_fits = n_fits
        self.min_fits = min_fits
        self.similarity = similarity
        self.signed = signed
        self.n_jobs = n_jobs
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Fit several times, pool the units, and fit once more from what recurs.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, with what `estimator` takes: NaN is a missing value.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted consensus.
        """
        if self.min_fits > self.n_fits:
            raise ValueError(f"Got min_fits={self.min_fits}, of n_fits={self.n_fits}; expected at most as many.")
        seen = copy(self)
        vars(seen).pop("feature_names_in_", None)
        X = seen._read(X, reset=True)
        template = self._template()
        seeds = check_random_state(self.random_state).randint(SEEDS, size=self.n_fits + 1)
        fits = Parallel(n_jobs=self.n_jobs)(delayed(_fit)(template, X, seed) for seed in seeds[:-1])
        agreement = stability(fits, signed=self.signed, random_state=0)
        last = _refit(template, X, seeds[-1], self._pooled(fits, agreement), fits[0])
        fitted = {"estimator_": last, "estimators_": fits, "stability_": agreement}
        fitted["unit_stability_"] = np.mean(
            [stability([last, fit], signed=self.signed, random_state=0).units[0] for fit in fits], axis=0
        )
        # Assigned together at the end: a fit that fails leaves what the last one has learned.
        vars(self).pop("feature_names_in_", None)
        vars(self).update({name: value for name, value in vars(seen).items() if name.endswith("_in_")}, **fitted)
        return self

    def _stand_in(self, name, value):
        return SparseAutoencoder() if value is None else value

    def _template(self):
        """What is fitted, unfitted."""
        estimator = self._stand_in("estimator", self.estimator)
        if not isinstance(estimator, SparseAutoencoder) or "init" not in estimator.get_params(deep=False):
            raise TypeError(
                f"Got estimator={estimator!r}; expected a SparseAutoencoder, which can start from given units. Scale "
                "or otherwise prepare the data in a pipeline around the consensus."
            )
        if estimator.init is not None:
            raise ValueError(
                "Got an estimator with init, from which all fits would start and so agree; expected init=None, so that "
                "what they have in common was found from different starts."
            )
        sizes = estimator.decoder_layer_sizes
        if np.size(estimator.hidden_layer_sizes if sizes is None else sizes) > 0:
            shown = "hidden_layer_sizes" if sizes is None else "decoder_layer_sizes"
            raise ValueError(
                f"Got an estimator with {shown}={getattr(estimator, shown)!r}; expected a decoder of one layer, whose "
                "units have directions that can be compared: decoder_layer_sizes=()."
            )
        return clone(estimator).set_output(transform="default")

    def _pooled(self, fits, agreement):
        """Directions to start from, pooled in the units that features are divided by."""
        order = np.argsort(-agreement.pairs.sum(axis=0), kind="stable")
        units = common_units(fits)
        directions, n_found = pool([fit.components_ / units for fit in fits], order, self.similarity, self.signed)
        directions = most_common(directions, n_found, fits[0].n_components, self.min_fits)
        if len(directions) == 0:
            raise ValueError(
                f"No unit was found in {self.min_fits} of {self.n_fits} fits with similarity={self.similarity}. Lower "
                "these, ask for fewer units (n_components), or train for longer (max_iter)."
            )
        return directions * units

    def _read(self, X, reset=False):
        """Check shape and features of X; its values are checked where they are read."""
        check_sparse_structure(X)
        return validate_data(self, X, accept_sparse="csr", dtype="numeric", ensure_all_finite=False, reset=reset)

    @property
    def components_(self):
        if "estimator_" not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute 'components_' before fit.")
        return self.estimator_.components_

    @property
    def _n_features_out(self):
        return self.estimator_._n_features_out

    def transform(self, X):
        """Encode with the units that recur.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        codes : {ndarray, CSR matrix} of shape (n_samples, n_components)
            Codes of `estimator_`; CSR if its `sparse_output` says so.
        """
        check_is_fitted(self)
        return self.estimator_.transform(self._read(X))

    @available_if(_decodes_codes_alone)
    def inverse_transform(self, X):
        """Decode. Not with `skip`, where the reconstruction needs X as well; see ``reconstruct``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_components)
            Codes, from ``transform`` or made otherwise.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            Reconstructions.
        """
        check_is_fitted(self)
        return self.estimator_.inverse_transform(X)

    def reconstruct(self, X):
        """Encode and decode, as the last fit does.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.

        Returns
        -------
        X_reconstructed : ndarray of shape (n_samples, n_features)
            Reconstructions, dense.
        """
        check_is_fitted(self)
        return self.estimator_.reconstruct(self._read(X))

    def score(self, X, y=None):
        """Explained variance of the reconstruction.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        y : None
            Ignored.

        Returns
        -------
        score : float
            At most 1.0.
        """
        check_is_fitted(self)
        return self.estimator_.score(self._read(X))

    def __sklearn_is_fitted__(self):
        return "estimator_" in vars(self)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self._stand_in("estimator", self.estimator))
        tags.input_tags, tags.transformer_tags = inner.input_tags, inner.transformer_tags
        return tags


def _fit(template, X, seed):
    """A fit of its own."""
    return clone(template).set_params(random_state=seed).fit(X)


def _refit(template, X, seed, directions, fit):
    """A fit that starts from given directions, with as many active units as another fit had."""
    parameters = {"n_components": len(directions), "init": directions, "random_state": seed}
    if len(directions) < fit.n_components:
        parameters.update(_numbers_of_active(fit))
    return clone(template).set_params(**parameters).fit(X)


def _numbers_of_active(fit):
    """Parameters of a fitted rule that may be shares of its units, or depend on these, as numbers."""
    numbers = {}
    for name in fit.get_params():
        first, *others = name.split("__")
        if first == "sparsity" and others and others[-1] in ("k", "transform_k"):
            rule = fit.sparsity_
            for part in others[:-1]:
                rule = getattr(rule, f"{part}_", None)
            numbers[name] = getattr(rule, f"{others[-1]}_", None)
    return {name: number for name, number in numbers.items() if number is not None}
