"""Greedy layer-wise training: each layer as an autoencoder of its own on the codes of the layer below.

See Bengio, Lamblin, Popovici and Larochelle, *Greedy layer-wise training of deep networks*, NeurIPS 2006.
"""

import numpy as np
from sklearn.base import clone

from .._kernels.blas import single_threaded_blas
from .._model import inference
from .._model.initialization import draw_sample, initialize
from .._model.network import Network
from .._model.rows import Rows
from ..sparsity import BaseSparsity
from .loop import Training, train


def pretrain(network, rows, params, random_state, epochs):
    """Train the layers of a network one after the other, outermost first.

    Parameters
    ----------
    network : Network
        With a decoder that mirrors the encoder; receives the parameters.
    rows : Rows
    params : dict
        Parameters of the estimator; each layer is trained for ``pretrain_max_iter`` epochs.
    random_state : RandomState
    epochs : Epochs

    Returns
    -------
    training : Training
        That of the last layer, done.
    histories : list of History
    """
    histories, depth = [], network.parameters.encoder_depth
    params = {**params, "max_iter": params["pretrain_max_iter"]}
    for layer in range(depth):
        below = Rows(inference.hidden_values(network, rows, layer)) if layer else rows
        stage = _stage(network, layer, below)
        stage.look_at_density(below)
        initialize(stage, below, draw_sample(below, stage, random_state), random_state)
        level = _corruption_level(params, network, rows, stage, below)
        training = Training(stage, {**params, "corruption_level": level}, random_state)
        label = f"Layer {layer + 1} of {depth}, "
        histories.append(train(training, below, None, epochs, params["batch_size"], label))
        _adopt(network, stage, layer)
    return training, histories


def _stage(network, layer, rows):
    """One pair of layers as an autoencoder, in units of its data."""
    p, hidden = network.parameters, network.hidden_activation
    last = layer == p.encoder_depth - 1
    activation = network.activation if last else hidden
    rule, output, loss = network.rule, network.output_activation, network.loss_name
    if not last and (rule.overrides("encode") or hidden != network.activation):
        rule = BaseSparsity()
    if layer:  # of values that are not negative, a linear output with squared error is the classic choice
        output, loss = "identity" if hidden == "relu" else hidden, "squared_error"
    sizes = p.encoder_sizes[layer : layer + 2]
    stage = Network(sizes, sizes, activation, hidden, output, loss, clone(rule), p.tied, network.dtype, p.batch_norm)
    if layer:
        mean, variance, count = rows.moments()
        stage.measure(mean, variance, scale=not (p.tied or stage.unit_norm))
        stage.observe(mean, count, anew=True)
    else:
        stage.take_units(network)
    return stage


def _corruption_level(params, network, rows, stage, below):
    """Gaussian noise as strong, relative to the values of the layer below, as that on the data."""
    level = params["corruption_level"]
    if params["corruption"] != "gaussian" or below is rows:
        return level
    spreads = [1.0 if n.scaled else float(np.sqrt(r.moments()[1].mean())) for n, r in [(stage, below), (network, rows)]]
    return level * spreads[0] / (spreads[1] or 1.0)


def _adopt(network, stage, layer):
    """Copy the parameters of a stage; inner layers of the network know no units, so these are folded in."""
    p, q = network.parameters, stage.parameters
    scale, offset = (stage.scale, stage.offset) if layer else (1.0, 0 * stage.offset)
    with single_threaded_blas():
        weight = q["enc0.weight"] / scale
        shift = weight @ offset
    bias = q["enc0.bias"] if p.batch_norm else q["enc0.bias"] - shift
    p[f"enc{layer}.weight"][:], p[f"enc{layer}.bias"][:] = weight, bias
    for name in p.norm_arrays:
        p[f"enc{layer}.{name}"][:] = q[f"enc0.{name}"] + (shift if name == "norm_mean" else 0)
    if not stage.centred:
        scale, offset = 1.0, 0.0
    if not p.tied:
        p[f"dec{layer}.weight"][:] = q["dec0.weight"] * scale
    p[f"dec{layer}.bias"][:] = q["dec0.bias"] * scale + offset
    if layer == p.encoder_depth - 1:
        for name in p.own:
            getattr(p.units, name)[:] = getattr(q.units, name)
