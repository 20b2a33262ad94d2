"""What rules make of pre-activations, as ONNX operations: one row for each way to encode."""

import numpy as np

from ..sparsity import AbsTopK, BaseSparsity, Gated, JumpReLU, Matryoshka, TopK
from ..sparsity._batch_topk import Threshold
from ..sparsity._gated import GatedCode

#: Operators by the names of activations; the identity needs none.
ACTIVATIONS = {"identity": None, "relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh"}


def activate(graph, value, activation):
    """Apply an activation by its name."""
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"to_onnx knows the activations {', '.join(map(repr, ACTIVATIONS))}; got {activation!r}. "
            "Add its operator to skl_sae.io._onnx_rules.ACTIVATIONS."
        )
    operator = ACTIVATIONS[activation]
    return value if operator is None else graph.add(operator, value)


def _all(graph, a, rule, p, activation):
    return activate(graph, a, activation)


def _number_of_units(graph, rule):
    return graph.constant(np.array([rule.k_]), f"k_{rule.k_}")


def _scattered(graph, a, index, values, activation):
    """The kept entries in their places; operators that choose the largest take the lower index first, as the rule."""
    values = activate(graph, values, activation)
    return graph.add("ScatterElements", graph.zeros_like(a), index, values, axis=1)


def _largest(graph, a, rule, p, activation):
    values, index = graph.add("TopK", a, _number_of_units(graph, rule), axis=1)
    return _scattered(graph, a, index, values, activation)


def _largest_in_size(graph, a, rule, p, activation):
    _, index = graph.add("TopK", graph.add("Abs", a), _number_of_units(graph, rule), axis=1)
    return _scattered(graph, a, index, graph.add("GatherElements", a, index, axis=1), activation)


def _above_threshold(graph, a, rule, p, activation):
    keep = graph.add("Greater", a, graph.constant(p.threshold, "threshold"))
    return graph.add("Where", keep, activate(graph, a, activation), graph.number(0, "zero"))


def _gated(graph, a, rule, p, activation):
    magnitude = graph.add("Sub", a, graph.constant(p.encoder_bias, "gate_bias"))
    magnitude = graph.add("Mul", magnitude, graph.constant(np.exp(p.gain), "gain"))
    magnitude = graph.add("Add", magnitude, graph.constant(p.magnitude_bias, "magnitude_bias"))
    zero = graph.number(0, "zero")
    return graph.add("Where", graph.add("Greater", a, zero), graph.add("Relu", magnitude), zero)


def _of_inner_rule(graph, a, rule, p, activation):
    return encode(graph, a, rule.rule_, p, activation)


#: By the method that encodes: of the rules that `transform` and `reconstruct` apply, and of those that inherit it.
ENCODERS = {
    BaseSparsity.encode: _all,
    TopK.encode: _largest,
    AbsTopK.encode: _largest_in_size,
    Threshold.encode: _above_threshold,
    JumpReLU.encode: _above_threshold,
    Gated.encode: _gated,
    GatedCode.encode: _gated,
    Matryoshka.encode: _of_inner_rule,
}


def encode(graph, a, rule, p, activation):
    """The code of pre-activations.

    Parameters
    ----------
    graph : Graph
    a : str
        The pre-activations.
    rule : BaseSparsity
        One that is deployed or scored.
    p : Units
    activation : str

    Returns
    -------
    codes : str

    Raises
    ------
    ValueError
        If the rule encodes by a method of its own.
    """
    if type(rule).encode not in ENCODERS:
        raise ValueError(
            f"to_onnx knows how the rules of skl_sae.sparsity encode; got {type(rule).__name__}, which has an `encode` "
            "of its own. Add its operations to skl_sae.io._onnx_rules.ENCODERS."
        )
    return ENCODERS[type(rule).encode](graph, a, rule, p, activation)
