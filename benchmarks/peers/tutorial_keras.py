"""A tutorial's model in Keras on TensorFlow, through `Model.fit`, built from the parameters of our estimator."""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from keras import ops

from skl_sae.sparsity import L1, KLDivergence

from .keras_fit import describe  # noqa: F401  (a request asks for it)

# Of our batch normalisation: memory of the running statistics, and what is added to the variance.
MOMENTUM, EPSILON = 0.9, 1e-5
# Rows that a start is adapted to.
SAMPLE = 1024


class Penalty(keras.layers.Layer):
    """The rule's penalty of the code: what ``activity_regularizer`` is for, but the same in all versions of Keras.

    Before the change #22021 of 2026, version 3 forgot to divide the regularizer's sum by the number of rows.
    """

    def __init__(self, rule, factor):
        super().__init__()
        self.rule, self.weight = rule, rule.alpha * factor

    def call(self, code):
        if isinstance(self.rule, L1):
            self.add_loss(self.weight * ops.mean(ops.sum(ops.abs(code), axis=1)))
        elif isinstance(self.rule, KLDivergence):
            t, q = self.rule.target, ops.mean(code, axis=0)
            self.add_loss(self.weight * ops.sum(t * ops.log(t / q) + (1 - t) * ops.log((1 - t) / (1 - q))))
        else:
            raise TypeError(f"No penalty for {self.rule!r}.")
        return code


class Keras:
    """Layers `Dense`, the mean of squared errors, Keras's optimizers.

    Parameters
    ----------
    model : Tutorial
    """

    def __init__(self, model):
        self.model, self.params = model, model.estimator().get_params(deep=False)
        self.offset = 0.0
        #: ours is a sum over the features, Keras's loss their mean
        self.factor = 1 / model.n_features
        self.layers = self._make_layers()
        self.depth = len(self.layers) // 2
        inputs = code = keras.Input((model.n_features,))
        for i in range(self.depth):
            code = self._encode(i, code)
        outputs = code
        for dense, activation in zip(self.layers[self.depth :], self.activations[self.depth :]):
            outputs = activation(dense(outputs))
        self.encoder, self.network = keras.Model(inputs, code), keras.Model(inputs, outputs)
        self._compile(self.network, model.n_features)
        self.stages = [self._stage(i) for i in range(self.depth)] if model.pretraining else []

    def _make_layers(self):
        """The layers from the data to the reconstruction, linear; activations and normalisations are apart."""
        p = self.params
        hidden = tuple(p["hidden_layer_sizes"])
        decoder = hidden[::-1] if p["decoder_layer_sizes"] is None else tuple(p["decoder_layer_sizes"])
        code = p["activation"] or ("sigmoid" if isinstance(p["sparsity"], KLDivergence) else "relu")
        inner = p["hidden_activation"]
        names = [*[inner] * len(hidden), code, *[inner] * len(decoder), p["output_activation"]]
        names = [{"identity": "linear"}.get(name, name) for name in names]
        self.activations = [keras.layers.Activation(name) for name in names]
        self.norms = []
        if p["batch_norm"]:
            self.norms = [keras.layers.BatchNormalization(momentum=MOMENTUM, epsilon=EPSILON) for _ in [*hidden, code]]
        widths = (*hidden, p["n_components"], *decoder, self.model.n_features)
        return [
            keras.layers.Dense(width, use_bias=i >= len(self.norms), kernel_regularizer=self._regularizer())
            for i, width in enumerate(widths)
        ]

    def _regularizer(self):
        l1, l2 = self.params["weight_l1"] * self.factor, self.params["weight_decay"] * self.factor / 2
        return keras.regularizers.L1L2(l1=l1, l2=l2) if l1 or l2 else None

    def _encode(self, i, h):
        """Layer `i` of the encoder with all that belongs to it."""
        h = self.layers[i](h)
        if self.norms:
            h = self.norms[i](h)
        h = self.activations[i](h)
        if i == self.depth - 1 and self.params["sparsity"] is not None:
            h = Penalty(self.params["sparsity"], self.factor)(h)
        if self.params["dropout"]:
            h = keras.layers.Dropout(self.params["dropout"])(h)
        return h

    def _compile(self, network, width):
        """Set optimizer and loss; rates of ours are for sums over the `width` features of the output."""
        p = self.params
        if p["solver"] == "adam":
            epsilon = p["epsilon"] / width
            optimizer = keras.optimizers.Adam(p["learning_rate_init"], p["beta_1"], p["beta_2"], epsilon)
        else:
            rate = p["learning_rate_init"] * width
            optimizer = keras.optimizers.SGD(rate, p["momentum"], p["nesterovs_momentum"])
        network.compile(optimizer, "mean_squared_error")

    def _stage(self, i):
        """Autoencoder of a pair of layers on the values of the layer before, and its encoder."""
        width = self.layers[i - 1].units if i else self.model.n_features
        inputs = keras.Input((width,))
        code = self._encode(i, inputs)
        outputs = self.layers[len(self.layers) - 1 - i](code)
        stage = keras.Model(inputs, outputs if i else self.activations[-1](outputs))  # inner outputs are linear
        self._compile(stage, width)
        return stage, keras.Model(inputs, code)

    def warm(self, X):
        """Trace and compile everything."""
        self._train(X, *([1] * 2))
        self.reconstruct(X)
        self.encode(X)

    def start(self, X, seed, path):
        """Take the weights of the start, with fresh optimizers; they are for data less its mean, as in ours."""
        keras.utils.set_random_seed(seed)
        self._forget()
        with np.load(path) as start:
            self.offset = start["mean"]
            for i, layer in enumerate(self.layers):
                layer.kernel.assign(start[f"{i}.0"])
                bias = self.norms[i].beta if self.norms and i < self.depth else layer.bias
                bias.assign(start[f"{i}.1"])
        h = X[:SAMPLE] - self.offset
        for layer, norm, activation in zip(self.layers, self.norms, self.activations):
            h = layer(h)
            self._adapt(norm, h)
            h = activation(norm(h))

    @staticmethod
    def _adapt(norm, h):
        """Start a normalisation as ours does: the identity on a sample, but for the mean, which is small there."""
        mean, variance = ops.moments(h, axes=[0])
        norm.moving_mean.assign(mean)
        norm.moving_variance.assign(variance)
        norm.gamma.assign(ops.sqrt(variance + EPSILON))

    def start_alone(self, seed):
        """Draw Keras's own initial weights, for the data as they are; intercepts are zero."""
        keras.utils.set_random_seed(seed)
        self._forget()
        self.offset = 0.0
        for layer in self.layers:
            layer.kernel.assign(keras.initializers.GlorotUniform()(layer.kernel.shape))
        for bias in [*(layer.bias for layer in self.layers if layer.use_bias), *(norm.beta for norm in self.norms)]:
            bias.assign(ops.zeros_like(bias))

    def _forget(self):
        """Clear the state of optimizers and of the batch normalisation."""
        for network in [self.network, *(stage for stage, _ in self.stages)]:
            rate = float(network.optimizer.learning_rate)
            for variable in network.optimizer.variables:
                variable.assign(ops.zeros_like(variable))
            network.optimizer.learning_rate = rate
        for norm in self.norms:
            for variable, value in ((norm.gamma, 1), (norm.moving_mean, 0), (norm.moving_variance, 1)):
                variable.assign(ops.full(variable.shape, value))

    def fit(self, X):
        """Train; returns the last training loss."""
        return self._train(X, self.model.pretraining, self.model.fine_tuning)

    def _train(self, X, pretraining, fine_tuning):
        if self.model.by_steps:
            inputs = X - self.offset
            return [float(self.network.train_on_batch(inputs, X)) for _ in range(fine_tuning)][-1]
        inputs = h = X - self.offset
        options = {"batch_size": self.params["batch_size"], "verbose": 0}
        for i, (stage, encoder) in enumerate(self.stages):
            z, mean, scale = self._scaled(h) if i else (h, None, None)
            if i:
                self._rescale(i, scale, 0.0)
            stage.fit(z, z if i else X, epochs=pretraining, **options)
            if i < self.depth - 1:
                h = encoder.predict(z, **options)
            if i:
                self._rescale(i, 1 / scale, mean)
        return float(self.network.fit(inputs, X, epochs=fine_tuning, **options).history["loss"][-1])

    @staticmethod
    def _scaled(h):
        """Data of mean zero and total variance one: as they are, SGD diverges on the values of a layer."""
        mean, scale = h.mean(axis=0), float(np.sqrt(h.var(axis=0).sum()))
        return (h - mean) / scale, mean, scale

    def _rescale(self, i, factor, mean):
        """Change the scale of the data of a pair of layers: by a factor, then by the mean."""
        first, last = self.layers[i], self.layers[len(self.layers) - 1 - i]
        first.kernel.assign(first.kernel * factor)
        first.bias.assign(first.bias - ops.matmul(mean + ops.zeros(first.kernel.shape[0]), first.kernel))
        last.kernel.assign(last.kernel / factor)
        last.bias.assign(last.bias / factor + mean)

    def encode(self, X):
        """Codes."""
        return self.encoder.predict(X - self.offset, batch_size=1024, verbose=0)

    def reconstruct(self, X):
        """Output of the network."""
        return self.network.predict(X - self.offset, batch_size=1024, verbose=0)

    def filters(self):
        """Weights of the first layer, a row a unit."""
        return np.asarray(self.layers[0].kernel).T
