"""Slow, obvious twins of the engine, written from the equations in float64 NumPy, sharing nothing with the package.

Codes are (rows, units), weights (inner, outer). A twin reads what was passed to a constructor, never fitted state.
Every parameter may have leading axes: a stack of parameter vectors gives a stack of objectives, so that all central
differences of a configuration are one call.

A new rule is one function and one row of `RULES`: ``(rule, activation, point) -> ([Code, ...], penalty of the batch)``.
"""

from typing import NamedTuple

import numpy as np

# activations: values only, slopes come from differences


def sigmoid(a):
    return np.exp(-np.logaddexp(0, -a))


ACTIVATIONS = {
    "identity": lambda a: a,
    "relu": lambda a: np.where(a > 0, a, 0.0),
    "sigmoid": sigmoid,
    "tanh": np.tanh,
}

# losses of the entries, from the output layer's pre-activations


def squared_error(u, target, output_activation):
    return (ACTIVATIONS[output_activation](u) - target) ** 2


def binary_cross_entropy(u, target, output_activation):
    """-x log y - (1 - x) log(1 - y), with -log sigmoid(u) = log(1 + exp(-u))."""
    return target * np.logaddexp(0, -u) + (1 - target) * np.logaddexp(0, u)


LOSSES = {"squared_error": squared_error, "binary_cross_entropy": binary_cross_entropy}


def loss(name, u, target, output_activation):
    """Sum over the entries, without those whose target is missing; the last two axes are summed."""
    seen = ~np.isnan(target)
    entries = LOSSES[name](u, np.where(seen, target, 0.5), output_activation)
    return np.where(seen, entries, 0.0).sum(axis=(-2, -1))


# selection


def largest(a, k):
    """Whether an entry is among the k largest of its row; of equal entries the one of lower index is larger."""
    order = np.argsort(-a, axis=-1, kind="stable")
    keep = np.zeros(a.shape, bool)
    np.put_along_axis(keep, order[..., :k], True, axis=-1)
    return keep


def at_least_the_largest(a, k):
    """Whether an entry is at least the k-th largest of its row: entries that are tied stay together."""
    return a >= -np.sort(-a, axis=-1)[..., k - 1 : k]


def number_of_units(k, n_units):
    """What `k` means: a number, a fraction, or the default."""
    if k is None:
        return max(1, min(32, n_units // 8))
    return min(k, n_units) if isinstance(k, int) else max(1, round(k * n_units))


# rules


class Code(NamedTuple):
    """Values of shape (..., rows, units) and how the decoder reads them."""

    values: np.ndarray
    prefixes: list | None = None  # (stop, weight) of each reconstruction
    frozen: bool = False  # whether the decoder learns nothing from this code


class Point(NamedTuple):
    """Where a rule is evaluated; `a_0` and `p_0` are held fixed while `a` and `p` move (stop-gradients)."""

    a: np.ndarray
    a_0: np.ndarray
    p: dict
    p_0: dict
    number: int


def per_sample(x):
    """Mean over the rows of the sum over the units."""
    return x.sum(axis=-1).mean(axis=-1)


def no_sparsity(rule, activation, at):
    return [Code(ACTIVATIONS[activation](at.a))], 0.0


def norms(at):
    """Of the decoder's rows."""
    return np.sqrt((at.p["decoder"] ** 2).sum(axis=-1))[..., None, :]


def weight_of(rule, at):
    """Of the penalty; with a target it is state, one number a unit."""
    return rule.alpha if rule.target_l0 is None else at.p_0["alpha"]


def l1(rule, activation, at):
    f = ACTIVATIONS[activation](at.a)
    return [Code(f)], per_sample(weight_of(rule, at) * abs(f) * (norms(at) if rule.norm_aware else 1))


def topk(rule, activation, at):
    keep = largest(at.a, number_of_units(rule.k, at.a.shape[-1]))
    return [Code(np.where(keep, ACTIVATIONS[activation](at.a), 0.0))], 0.0


def abs_topk(rule, activation, at):
    keep = largest(abs(at.a), number_of_units(rule.k, at.a.shape[-1]))
    return [Code(np.where(keep, ACTIVATIONS[activation](at.a), 0.0))], 0.0


def batch_topk(rule, activation, at):
    """The k * rows largest of all entries."""
    budget = number_of_units(rule.k, at.a.shape[-1]) * at.a.shape[-2]
    keep = at_least_the_largest(at.a.reshape(*at.a.shape[:-2], -1), budget).reshape(at.a.shape)
    return [Code(np.where(keep, ACTIVATIONS[activation](at.a), 0.0))], 0.0


def lifetime_topk(rule, activation, at):
    """The largest fraction of the rows, for each unit."""
    n_kept = max(1, round(rule.fraction * at.a.shape[-2]))
    keep = at_least_the_largest(at.a.swapaxes(-1, -2), n_kept).swapaxes(-1, -2)
    return [Code(np.where(keep, ACTIVATIONS[activation](at.a), 0.0))], 0.0


def jumprelu(rule, activation, at):
    """The step is replaced by its straight-through linearisation at the point held fixed.

    There ``1[a > theta]`` has the slope ``-K`` in theta and ``a 1[a > theta]`` the slope ``-theta K``, with K one over
    the bandwidth within half a bandwidth of theta.
    """
    theta, theta_0, alpha = at.p["threshold"][..., None, :], at.p_0["threshold"], weight_of(rule, at)
    on = at.a_0 > theta_0
    width = rule.bandwidth * at.p_0["size"]
    K = np.where(abs(at.a_0 - theta_0) < width / 2, 1 / width, 0)
    f = at.a * on - theta_0 * K * (theta - theta_0)
    if rule.cost == "l0":
        return [Code(f)], per_sample(alpha * (on - K * (theta - theta_0)))
    return [Code(f)], per_sample(alpha * np.tanh(rule.sharpness * f * norms(at)))


def gated(rule, activation, at):
    u = at.a - at.p["encoder_bias"][..., None, :]
    magnitude = u * np.exp(at.p["gain"])[..., None, :] + at.p["magnitude_bias"][..., None, :]
    gate = np.maximum(at.a, 0)
    code = (at.a > 0) * np.maximum(magnitude, 0)
    return [Code(code), Code(gate, frozen=True)], per_sample(weight_of(rule, at) * gate)


def matryoshka(rule, activation, at):
    codes, value = RULES[type(rule.rule).__name__](rule.rule, activation, at)
    weights = rule.weights or [1] * len(rule.prefixes)
    stops = [round(prefix * at.a.shape[-1]) for prefix in rule.prefixes]
    prefixes = [(stop, weight / sum(weights)) for stop, weight in zip(stops, weights)]
    return [code._replace(prefixes=prefixes) for code in codes], value


def probability(activation, a):
    """A bounded code as a probability."""
    return sigmoid(a) if activation == "sigmoid" else (1 + np.tanh(a)) / 2


def running_mean(memory, number, old, q):
    rate = max(1 - memory, 1 / number)
    return (1 - rate) * old + rate * q


def divergence(t, q):
    """Of Bernoulli variables with the means t and q, summed over the units."""
    return (t * np.log(t / q) + (1 - t) * np.log((1 - t) / (1 - q))).sum(axis=-1)


def kl(rule, activation, at):
    """With momentum, value and slope are those at the running mean; the slope acts on the mean of this batch."""
    t, q = rule.target, np.clip(probability(activation, at.a).mean(axis=-2), 1e-6, 1 - 1e-6)
    codes = [Code(ACTIVATIONS[activation](at.a))]
    if not rule.momentum:
        return codes, rule.alpha * divergence(t, q)
    q_0 = np.clip(probability(activation, at.a_0).mean(axis=-2), 1e-6, 1 - 1e-6)
    r = running_mean(rule.momentum, at.number, at.p_0["mean_activation"], q_0)
    slope = (1 - t) / (1 - r) - t / r
    return codes, rule.alpha * (divergence(t, r) + (slope * (q - q_0)).sum(axis=-1))


RULES = {
    "AbsTopK": abs_topk,
    "BaseSparsity": no_sparsity,
    "BatchTopK": batch_topk,
    "Gated": gated,
    "JumpReLU": jumprelu,
    "KLDivergence": kl,
    "L1": l1,
    "LifetimeTopK": lifetime_topk,
    "Matryoshka": matryoshka,
    "TopK": topk,
}

# the network


class Model(NamedTuple):
    """What was passed to the constructors."""

    encoder_sizes: tuple
    decoder_sizes: tuple
    activation: str
    hidden_activation: str
    output_activation: str
    loss: str
    rule: object
    tied: bool = False
    l2: float = 0.0
    l1: float = 0.0
    number: int = 1
    batch_norm: bool = False
    dropout: float = 0.0
    skip: bool = False
    masks: tuple = ()  # what dropout multiplies the values of the hidden layers, and of the code, by


def masked(model, i, values):
    return values * model.masks[i] if model.masks else values


def layer(h, weight, bias):
    """From the outer to the inner side."""
    return h @ weight.swapaxes(-1, -2) + bias[..., None, :]


def decoder_weight(model, P, i):
    return P[f"enc{i}.weight" if model.tied else f"dec{i}.weight"]


def encoder_layer(model, P, i, x):
    weight, bias = P[f"enc{i}.weight"], P[f"enc{i}.bias"]
    if not model.batch_norm:
        return layer(x, weight, bias)
    a = layer(x, weight, 0 * bias)
    mean = a.mean(axis=-2, keepdims=True)
    variance = ((a - mean) ** 2).mean(axis=-2, keepdims=True)
    return P[f"enc{i}.norm_gain"][..., None, :] * (a - mean) / np.sqrt(variance + 1e-5) + bias[..., None, :]


def pre_activations(model, P, x):
    last = len(model.encoder_sizes) - 2
    for i in range(last):
        x = masked(model, i, ACTIVATIONS[model.hidden_activation](encoder_layer(model, P, i, x)))
    return encoder_layer(model, P, last, x)


def past_the_code(model, P, x):
    """What the path past the code adds to the pre-activations of the output layer."""
    return x @ P["skip.weight"] if model.skip else 0.0


def decode(model, P, code, x):
    """Pre-activations of the output layer, of a code of the inputs x."""
    u = code
    for i in reversed(range(len(model.decoder_sizes) - 1)):
        u = u @ decoder_weight(model, P, i) + P[f"dec{i}.bias"][..., None, :]
        if i:
            u = ACTIVATIONS[model.hidden_activation](u)
    return u + past_the_code(model, P, x)


def unit_arrays(model, P):
    """Per-unit arrays as the rules know them."""
    own = {name.removeprefix("rule."): array for name, array in P.items() if name.startswith("rule.")}
    last = len(model.encoder_sizes) - 2
    return {
        "encoder": P[f"enc{last}.weight"],
        "encoder_bias": P[f"enc{last}.bias"],
        "decoder": decoder_weight(model, P, len(model.decoder_sizes) - 2),
        **own,
    }


def codes_and_penalty(model, P, P_0, x):
    a, a_0 = pre_activations(model, P, x), pre_activations(model, P_0, x)
    at = Point(a, a_0, unit_arrays(model, P), unit_arrays(model, P_0), model.number)
    return RULES[type(model.rule).__name__](model.rule, model.activation, at)


def weight_penalty(model, P):
    total = 0.0
    for name, weight in P.items():
        if name.endswith(".weight") and not (model.tied and name.startswith("dec")):
            total += model.l2 / 2 * (weight**2).sum(axis=(-2, -1)) + model.l1 * abs(weight).sum(axis=(-2, -1))
    return total


def objective(model, P, P_0, x, target):
    """Mean over the rows of loss and penalty, and the weight penalties.

    `P_0` is where stop-gradients are taken: the same values as `P`, but they do not move.
    """
    codes, value = codes_and_penalty(model, P, P_0, x)
    n_units = model.encoder_sizes[-1]
    for code in codes:
        for stop, weight in code.prefixes or [(n_units, 1.0)]:
            prefix = masked(model, -1, np.where(np.arange(n_units) < stop, code.values, 0.0))
            u = decode(model, P_0 if code.frozen else P, prefix, x)
            value = value + weight * loss(model.loss, u, target, model.output_activation) / len(x)
    return value + weight_penalty(model, P)


def residual(model, P_0, x, target, h=1e-6):
    """Minus half the gradient of each row's loss at the output of the decoder's first layer, by differences."""
    codes, _ = codes_and_penalty(model, P_0, P_0, x)
    first = len(model.decoder_sizes) - 2
    u = masked(model, -1, codes[0].values) @ decoder_weight(model, P_0, first) + P_0[f"dec{first}.bias"]

    def value(u):
        for i in reversed(range(first)):
            u = ACTIVATIONS[model.hidden_activation](u) @ decoder_weight(model, P_0, i) + P_0[f"dec{i}.bias"]
        u = u + past_the_code(model, P_0, x)
        return loss(model.loss, u, target, model.output_activation)

    shifts = h * np.eye(u.size).reshape(u.size, *u.shape)
    return -0.5 * ((value(u + shifts) - value(u - shifts)) / (2 * h)).reshape(u.shape)


def auxiliary_loss(model, P, P_0, x, target, dead, k, weight, signed=False):
    """Of the dead units the k largest of a row reconstruct the residual, without bias, relative to its variance.

    Of signed codes, those of largest absolute value.
    """
    a = pre_activations(model, P, x)
    keep = largest(np.where(dead, abs(a) if signed else a, -np.inf), min(k, dead.sum())) & dead
    f = np.where(keep, ACTIVATIONS[model.activation](a), 0.0)
    e = residual(model, P_0, x, target)
    error = f @ decoder_weight(model, P, len(model.decoder_sizes) - 2) - e
    if len(model.decoder_sizes) == 2:
        error = np.where(np.isnan(target), 0.0, error)
    share = min(dead.sum() / k, 1)
    return weight * share * (error**2).sum(axis=(-2, -1)) / ((e - e.mean(axis=0)) ** 2).sum()


# optimizers: one step from the gradient, state in a dictionary


def adam(theta, gradient, state, rate, params):
    """Kingma & Ba (2015), algorithm 1."""
    t = state["t"] = state.get("t", 0) + 1
    b1, b2 = params["beta_1"], params["beta_2"]
    m = state["m"] = b1 * state.get("m", 0) + (1 - b1) * gradient
    v = state["v"] = b2 * state.get("v", 0) + (1 - b2) * gradient**2
    return theta - rate * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + params["epsilon"])


def sgd(theta, gradient, state, rate, params):
    """Momentum, and Nesterov's: the gradient step is taken from where the momentum leads."""
    mu = params["momentum"]
    v = state["v"] = mu * state.get("v", 0) - rate * gradient
    return theta + (mu * v - rate * gradient if params["nesterovs_momentum"] else v)


OPTIMIZERS = {"adam": adam, "sgd": sgd}

# codes in compressed layouts


def entries_by_row(dense, support):
    """(row, unit, value) of the support, row by row."""
    return [(i, j, dense[i, j]) for i in range(len(dense)) for j in range(dense.shape[1]) if support[i, j]]


def entries_by_unit(dense, support):
    """The same, unit by unit, and within a unit row by row."""
    return sorted(entries_by_row(dense, support), key=lambda entry: (entry[1], entry[0]))
