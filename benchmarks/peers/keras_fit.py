"""Keras on TensorFlow, through `Model.fit`."""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
from keras import ops
from scipy import sparse

from cases import LEARNING_RATE

from ._base import Peer


class Rule(keras.layers.Layer):
    """Activation and penalty of the code."""

    def __init__(self, case):
        super().__init__()
        self.case = case

    def call(self, a):
        case = self.case
        if case.rule == "topk":
            least = ops.top_k(a, case.k)[0][:, -1:]
            return ops.where(a >= least, ops.relu(a), 0.0)
        code = ops.sigmoid(a) if case.rule == "kl" else ops.relu(a)
        if case.rule == "kl":
            t, q = case.target, ops.mean(code, axis=0)
            self.add_loss(case.alpha * ops.sum(t * ops.log(t / q) + (1 - t) * ops.log((1 - t) / (1 - q))))
        elif case.rule == "l1" and case.alpha:
            self.add_loss(case.alpha * ops.mean(ops.sum(ops.abs(code), axis=1)))
        return code


class TangentAdam(keras.optimizers.Adam):
    """Adam that removes from the gradient of a weight of constrained norm its part along the weight's rows."""

    def apply(self, grads, trainable_variables=None):
        grads = [
            g if v.constraint is None else g - v * ops.sum(v * g, axis=1, keepdims=True)
            for g, v in zip(grads, self._trainable_variables if trainable_variables is None else trainable_variables)
        ]
        return super().apply(grads, trainable_variables)


def squared_error(x, y):
    return ops.sum(ops.square(y - x), axis=-1)


class Keras(Peer):
    """Layers `Dense`, compiled with the defaults."""

    def build(self, layers):
        case = self.case
        sizes = case.sizes(layers[0][0].shape[0])
        middle = len(sizes) // 2 - 1
        h = inputs = keras.Input((sizes[0],))
        for i, width in enumerate(sizes[1:]):
            activation = None if i in (middle, len(sizes) - 2) else "relu"
            unit = keras.constraints.UnitNorm(axis=1) if case.rule == "l1" and i == middle + 1 else None
            h = keras.layers.Dense(width, activation=activation, kernel_constraint=unit)(h)
            if i == middle:
                h = Rule(case)(h)
        self.model = keras.Model(inputs, h)
        dense = [layer for layer in self.model.layers if isinstance(layer, keras.layers.Dense)]
        for layer, (weight, intercept) in zip(dense, layers):
            layer.kernel.assign(weight)
            layer.bias.assign(intercept)
        self.model.compile(TangentAdam(LEARNING_RATE, epsilon=1e-8), squared_error)

    def train(self, X):
        if sparse.issparse(X):
            batches = ((x, x) for x in self.batches(X))
            fitted = self.model.fit(batches, steps_per_epoch=-(-X.shape[0] // self.case.batch), verbose=0)
        else:
            fitted = self.model.fit(X, X, batch_size=self.case.batch, shuffle=False, verbose=0)
        return float(fitted.history["loss"][-1])

    def reconstruct(self, X):
        return self.model.predict(X, batch_size=1024, verbose=0)


def describe():
    return f"keras {keras.__version__} on {keras.config.backend()}"
