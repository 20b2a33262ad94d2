"""How the estimator builds what is trained: a new network, or one that starts where the last fit has ended."""

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from .._model.architecture import Architecture
from .._model.initialization import draw_sample, initialize
from .._model.network import Network
from .._model.rows import merge_means, row_numbers
from .._model.units import find_units, have_own_units
from .._training.pretraining import pretrain
from .._training.schedule import n_epochs
from .._training.training import Training
from .checks import check_corruption, check_skip, check_widths, copy_parameters, differ
from .data_checks import (
    check_means,
    check_size,
    warn_of_dominance,
    warn_of_first_chunk,
    warn_of_random_reads,
    warn_of_range,
)
from .given_start import bring_in_finite, check_columns, given_start

# Rows that are held out for a rule with a target: a tenth, up to so many; in small tables so few, but at most a fifth.
MOST_HELD_OUT, FEWEST_HELD_OUT, ENOUGH_ROWS = 2000, 50, 50
#: Kinds of `Scaling` in words.
SCALES = {None: "not scaled", "total": "divided by one number", "features": "divided by a number for each feature"}


def split(rows, held_out, random_state):
    """Hold out a share or a number of the rows at random: two `Rows`, each in the order of the data, as files are read.

    Returns
    -------
    left, held_out : Rows
    """
    halves = train_test_split(row_numbers(len(rows)), test_size=held_out, random_state=random_state)
    return [rows.subset(np.sort(half)) for half in halves]


class BuildingMixin:
    """Makes networks and trainings from the parameters of the estimator, and of what an earlier fit has left."""

    def _training_for_chunk(self, seen, rows, first):
        """The training of the last chunk, or one that goes on from the last fit or with changed parameters."""
        if first:
            training = self._build(seen, rows, check_random_state(self.random_state))
            warn_of_first_chunk(training.network, rows)
            return training
        self._network.assert_trains("partial_fit")
        check_means(rows, getattr(seen, "feature_names_in_", None))
        if not self._network.scaling.measured:
            training = self._build_on_variance(seen, rows)
            if training is not None:
                return training
        if differ(self._parameters(), self._params):
            self._validate_params()  # scikit-learn does that before the first chunk alone
            return self._build(seen, rows, None, "partial_fit")
        training = self._training
        if training is None:
            training = self._train_on(self._network.copy(), self._params)
        else:
            training.begin_chunk(self._network)
        training.network.scaling.observe(*rows.means(), anew=False)
        return training

    def _train_on(self, network, params):
        """A training that goes on from the last fit with `network`, which has its parameters already."""
        random_state = check_random_state(self.random_state)
        if self._training is None:
            training = self._new_training(network, params, random_state)
            training.n_steps, training.dead_units = self.n_steps_, self._dead_units.copy()
            return training
        if not differ({"random_state": self.random_state}, self._params):
            random_state = None
        return self._training.go_on(self._network, network, params, random_state)

    def _build_on_variance(self, seen, rows):
        """A new training, if all chunks so far were constant and this one differs; else None."""
        moments = rows.moments()
        if not moments[1].any():
            scaling = self._network.scaling
            moments = merge_means(scaling.fill, scaling.observed, *rows.means())
        if not moments[1].any():
            return None
        training = self._build(seen, rows, check_random_state(self.random_state), moments=moments)
        training.n_steps = training.n_earlier_steps = self.n_steps_
        return training

    def _goes_on(self, rows):
        """What goes on with a fit to these rows, as `_build` takes it: None where one begins anew."""
        if not self.warm_start or "_network" not in vars(self):
            return None
        # constant data gave no scale to go on with
        goes_on = self._network.scaling.measured or not rows.moments()[1].any()
        return "warm_start=True" if goes_on else None

    def _build(self, seen, rows, random_state, going_on=None, moments=None):
        """Return a network under training: a new one, or one that goes on from the last fit.

        `going_on` is what goes on, in the words of an error: "partial_fit" or "warm_start=True". `moments` are those of
        the data where it is more than these rows. Of rows that are elsewhere, those at hand are looked at.
        """
        warn_of_random_reads(rows, self.shuffle)
        network = self._new_network(rows)
        params, names = copy_parameters(self._parameters()), getattr(seen, "feature_names_in_", None)
        if going_on:
            self._network.assert_trains(going_on)
            check_means(rows, names)
            network.go_on_from(self._network, going_on)
            self._check_scale(network.scaling, going_on)
            network.scaling.observe(*rows.means(), anew=going_on != "partial_fit")
            return self._train_on(network, params)
        check_columns(self.init, seen)
        (mean, variance, count), near = moments or rows.moments(), rows.at_hand
        check_size(near, mean, variance, names)
        warn_of_range(rows, self.output_activation)
        kind = self._kind_of_scale(network.architecture, lambda: "features" if have_own_units(near) else "total")
        network.scaling.measure(mean, variance, kind, find_units(near, mean, variance) if kind == "features" else None)
        if near is rows:
            warn_of_dominance(rows, names, network.scaling)
        network.scaling.observe(mean, count, anew=True)
        network.scaling.look_at_density(rows)
        self._start(network, rows, random_state)
        return self._new_training(network, params, random_state)

    # what a subclass may have of other kinds

    def _with_target(self, rows, y):
        """Rows with what they are to be turned into; here that is themselves, whatever `y` is."""
        return rows

    def _new_network(self, rows):
        return Network(*self._design(rows.shape[1], rows.dtype))

    def _new_training(self, network, params, random_state):
        return Training(network, params, random_state)

    def _pretrain(self, training, rows, course):
        """Train layer by layer; returns the training of the last layer."""
        return pretrain(training.network, rows, training.params, training.random_state, course)

    def _n_pretrained(self):
        """Number of layers that are trained one by one."""
        return len(check_widths("hidden_layer_sizes", self.hidden_layer_sizes)) + 1

    def _start(self, network, rows, random_state):
        """Write the first parameters, those of `init` or what is fitted to some rows; the scaling is known."""
        rows, picked = rows.brought(draw_sample(rows, network, random_state))
        other, components = given_start(self.init, network)
        if other is not None:
            bring_in_finite(network, other)
        else:
            initialize(network, rows, picked, random_state, components)

    def _kind_of_scale(self, architecture, choose):
        """What the parameter `scale` asks for, `Scaling.kind`; with "auto", what is chosen."""
        if self.scale is False or not architecture.rescaled or architecture.loss != "squared_error":
            return None
        if self.scale == "auto":
            return choose()
        return "total" if self.scale is True else self.scale

    def _check_scale(self, scaling, going_on):
        """Raise where data was scaled in one way and is to be scaled in another one from now on."""
        asked = self._kind_of_scale(scaling.architecture, lambda: scaling.kind or "total")  # it is chosen once
        if asked != scaling.kind:
            was, now = (SCALES[kind] for kind in (scaling.kind, asked))
            raise ValueError(
                f"{going_on} goes on from a fit on data that was {was}; got scale={self.scale!r}, loss={self.loss!r} "
                f"and output_activation={self.output_activation!r}, for data that is {now}. Leave them as they were, "
                "or start anew: fit with warm_start=False."
            )

    def _design(self, n_features, dtype):
        """The architecture of the network, and its rule."""
        rule = self._new_rule("sparsity")
        if self.loss == "binary_cross_entropy" and self.output_activation != "sigmoid":
            raise ValueError(
                "loss='binary_cross_entropy' needs output_activation='sigmoid', "
                f"got output_activation={self.output_activation!r}."
            )
        check_corruption(self.corruption, self.corruption_level, self.corruption_emphasis)
        if self.skip:
            check_skip(n_features)
        encoder, decoder = self._hidden_sizes()
        architecture = Architecture(
            encoder_sizes=(n_features, *encoder, self.n_components),
            decoder_sizes=(n_features, *decoder, self.n_components),
            activation=self.activation or rule.default_activation,
            hidden_activation=self.hidden_activation,
            output_activation=self.output_activation,
            loss=self.loss,
            tied=self.tied_weights,
            batch_norm=self.batch_norm,
            skip=self.skip,
            dtype=dtype,
        )
        return architecture, rule

    def _hidden_sizes(self):
        """Widths of the hidden layers of encoder and decoder, both from the data to the code."""
        hidden = check_widths("hidden_layer_sizes", self.hidden_layer_sizes)
        decoder = hidden
        if self.decoder_layer_sizes is not None:
            decoder = check_widths("decoder_layer_sizes", self.decoder_layer_sizes)[::-1]
        if self.tied_weights and decoder != hidden:
            raise ValueError(
                "tied_weights=True needs a decoder that mirrors the encoder: expected decoder_layer_sizes=None or "
                f"{hidden[::-1]}, got {decoder[::-1]}."
            )
        if self.pretrain is not None and decoder != hidden:
            raise ValueError(
                f"pretrain={self.pretrain!r} needs a decoder that mirrors the encoder: expected "
                f"decoder_layer_sizes=None or {hidden[::-1]}, got {decoder[::-1]}."
            )
        return hidden, decoder

    def _hold_out(self, rows, validation, random_state):
        """Hold rows out for a rule that is calibrated on such: rows learned by heart have fewer active units."""
        if validation is not None or len(rows) < ENOUGH_ROWS or not self._new_rule("sparsity").calibrates:
            return rows, None
        n = min(max(len(rows) // 10, min(FEWEST_HELD_OUT, len(rows) // 5)), MOST_HELD_OUT)
        left, held_out = split(rows, n, random_state)
        if rows.missing and ((left.means()[1] == 0) & (rows.means()[1] > 0)).any():
            return rows, None  # a feature is known from these alone
        return left, held_out

    def _count_epochs(self, n_rows, pretrains):
        """Number of epochs of the whole network and, if it is pretrained, of each layer."""
        if pretrains and self.init is not None:
            raise ValueError(
                f"Got init and pretrain={self.pretrain!r}, which both say what the weights start from: expected "
                "init=None or pretrain=None."
            )
        if pretrains and self.skip and self.pretrain == "layerwise_only":
            raise ValueError(
                "skip=True learns in the training of the whole network, and pretrain='layerwise_only' has none: "
                "expected skip=False or pretrain='layerwise'."
            )
        whole, layer = (n_epochs(n, n_rows, self.batch_size) for n in (self.max_iter, self.pretrain_max_iter))
        layers = [layer] * self._n_pretrained() if pretrains else []
        return [0 if pretrains and self.pretrain == "layerwise_only" else whole, *layers]
