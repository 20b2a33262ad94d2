"""The layers and the scaling of a network, as ONNX operations."""

from ._onnx_rules import activate


def inputs(graph, network, X):
    """Data as the encoder sees it: missing values filled, then centred and divided."""
    scaling = network.scaling
    fill = graph.constant(scaling.fill, "fill")
    x = graph.add("Where", graph.add("IsNaN", X), fill, X)
    x = graph.add("Sub", x, graph.constant(scaling.offset, "offset"))
    return graph.add("Mul", x, graph.constant(scaling.factor.astype(network.dtype), "factor"))


def pre_activations(graph, network, x):
    """Pre-activations of the code."""
    for i, (weight, bias) in enumerate(network.encoder()):
        if i:
            x = activate(graph, x, network.architecture.hidden_activation)
        weight, bias = graph.constant(weight, f"enc{i}.weight"), graph.constant(bias, f"enc{i}.bias")
        x = graph.add("Gemm", x, weight, bias, transB=1)
    return x


def given(graph, network, codes):
    """Codes on the scale that they are given on."""
    scale = network.scaling.code_scale
    return codes if scale == 1 else graph.add("Div", codes, graph.number(scale, "code_scale"))


def taken(graph, network, codes):
    """Given codes on the network's own scale."""
    scale = network.scaling.code_scale
    return codes if scale == 1 else graph.add("Mul", codes, graph.number(scale, "code_scale"))


def outputs(graph, network, codes, x):
    """Reconstructions of codes on the network's own scale; `x` are the inputs behind them, for the path past them."""
    p, kind, scaling = network.parameters, network.architecture, network.scaling
    u = codes
    for i in reversed(range(kind.decoder_depth)):
        if i < kind.decoder_depth - 1:
            u = activate(graph, u, kind.hidden_activation)
        names = f"dec{i}.weight", f"dec{i}.bias"
        u = graph.add("Gemm", u, *(graph.constant(p[name], name) for name in names))
    if kind.skip:
        u = graph.add("Add", u, graph.add("MatMul", x, graph.constant(p["skip.weight"], "skip.weight")))
    u = activate(graph, u, kind.output_activation)
    if kind.rescaled:
        u = graph.add("Mul", u, graph.constant(scaling.output_divisor, "output_divisor"))
    return graph.add("Add", u, graph.constant(scaling.offset, "offset")) if kind.centred else u
