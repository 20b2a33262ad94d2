"""JAX: one jitted step with Adam written out."""

from functools import partial

import jax
from jax import numpy as jnp

from cases import LEARNING_RATE

from ._base import Peer


def forward(layers, x, case):
    """Code and reconstruction."""
    middle = len(layers) // 2 - 1
    for i, (w, b) in enumerate(layers):
        x = x @ w + b
        if i == middle:
            x = code = activate(x, case)
        elif i < len(layers) - 1:
            x = jax.nn.relu(x)
    return code, x


def activate(a, case):
    if case.rule == "topk":
        least = jax.lax.top_k(a, case.k)[0][:, -1:]
        return jnp.where(a >= least, jax.nn.relu(a), 0)
    return jax.nn.sigmoid(a) if case.rule == "kl" else jax.nn.relu(a)


def objective(layers, x, case):
    code, y = forward(layers, x, case)
    value = jnp.square(y - x).sum(1).mean()
    if case.rule == "l1" and case.alpha:
        return value + case.alpha * jnp.abs(code).sum(1).mean()
    if case.rule == "kl":
        t, q = case.target, code.mean(0)
        return value + case.alpha * (t * jnp.log(t / q) + (1 - t) * jnp.log((1 - t) / (1 - q))).sum()
    return value


@partial(jax.jit, static_argnames="case", donate_argnames="state")
def step(state, x, case):
    layers, first, second, t = state
    loss, gradients = jax.value_and_grad(objective)(layers, x, case)
    decoder = len(layers) // 2
    if case.rule == "l1":
        w, g = layers[decoder][0], gradients[decoder][0]
        gradients[decoder] = g - w * (w * g).sum(1, keepdims=True), gradients[decoder][1]
    t += 1
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
    layers = jax.tree.map(
        lambda p, m, v: p - LEARNING_RATE * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8),
        layers,
        first,
        second,
    )
    if case.rule == "l1":
        w, b = layers[decoder]
        layers[decoder] = w / jnp.linalg.norm(w, axis=1, keepdims=True), b
    return (layers, first, second, t), loss


class Jax(Peer):
    """State on the device, batches from numpy."""

    def build(self, layers):
        layers = [(jnp.array(w), jnp.array(b)) for w, b in layers]
        first, second = jax.tree.map(jnp.zeros_like, layers), jax.tree.map(jnp.zeros_like, layers)
        self.state = layers, first, second, jnp.float32(0)

    def train(self, X):
        losses = []
        for x in self.batches(X):
            self.state, loss = step(self.state, x, self.case)
            losses.append(loss * len(x))
        return float(sum(losses)) / X.shape[0]

    def reconstruct(self, X):
        return forward(self.state[0], X, self.case)[1]


def describe():
    return f"jax {jax.__version__}"
