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
from .loop import train
from .training import Training


def pretrain(network, rows, params, random_state, course):
    """Train the layers of a network one after the other, outermost first.

    Parameters
    ----------
    network : Network
        With a decoder that mirrors the encoder; receives the parameters.
    rows : Rows
    params : dict
        Parameters of the estimator; each layer is trained for ``pretrain_max_iter`` epochs.
    random_state : RandomState
    course : Course

    Returns
    -------
    training : Training or None
        That of the last layer, done; None where a resumed fit is past it.
    """
    training, depth = None, network.architecture.encoder_depth
    params = {**params, "max_iter": params["pretrain_max_iter"]}
    for layer in course.layers(network, depth):
        below = Rows(inference.hidden_values(network, rows, layer)) if layer else rows
        stage = _stage(network, layer, below)
        stage.scaling.look_at_density(below)
        initialize(stage, below, draw_sample(below, stage, random_state), random_state)
        level = _corruption_level(params, network, rows, stage, below)
        training = Training(stage, {**params, "corruption_level": level}, random_state)
        label = f"Layer {layer + 1} of {depth}, "
        train(training, below, None, course, params["batch_size"], label)
        _adopt(network, stage, layer)
    return training


def _stage(network, layer, rows):
    """One pair of layers as an autoencoder, with a scaling of its data."""
    kind = network.architecture
    hidden, last = kind.hidden_activation, layer == kind.encoder_depth - 1
    rule, output, loss = network.rule, kind.output_activation, kind.loss
    if not last and (not rule.only_charges or hidden != kind.activation):
        rule = BaseSparsity()
    if layer:  # of values that are not negative, a linear output with squared error is the classic choice
        output, loss = "identity" if hidden == "relu" else hidden, "squared_error"
    sizes = kind.encoder_sizes[layer : layer + 2]
    pair = kind._replace(encoder_sizes=sizes, decoder_sizes=sizes, output_activation=output, loss=loss, skip=False)
    stage = Network(pair if last else pair._replace(activation=hidden), clone(rule))
    if layer:
        mean, variance, count = rows.moments()
        scaled = stage.architecture.rescaled and not (kind.tied or stage.unit_norm)
        stage.scaling.measure(mean, variance, "total" if scaled else None)
        stage.scaling.observe(mean, count, anew=True)
    else:
        stage.scaling = network.scaling.of(stage.architecture)
    return stage


def _corruption_level(params, network, rows, stage, below):
    """Gaussian noise as strong, relative to the values of the layer below, as that on the data."""
    level = params["corruption_level"]
    if params["corruption"] != "gaussian" or below is rows:
        return level
    here, there = (_spread(*each) for each in [(stage, below), (network, rows)])
    return level * here / (there or 1.0)


def _spread(network, rows):
    """Size of what varies in the data, as the network sees it."""
    return 1.0 if network.scaling.scaled else float(np.sqrt(rows.moments()[1].mean()))


def _adopt(network, stage, layer):
    """Copy the parameters of a stage; inner layers of the network have no scaling, so it is folded in."""
    p, q, kind, scaling = network.parameters, stage.parameters, network.architecture, stage.scaling
    scale, offset = (scaling.scale, scaling.offset) if layer else (1.0, 0 * scaling.offset)
    with single_threaded_blas():
        weight = q["enc0.weight"] / scale
        shift = weight @ offset
    bias = q["enc0.bias"] if kind.batch_norm else q["enc0.bias"] - shift
    p[f"enc{layer}.weight"][:], p[f"enc{layer}.bias"][:] = weight, bias
    for name in p.norm_arrays:
        p[f"enc{layer}.{name}"][:] = q[f"enc0.{name}"] + (shift if name == "norm_mean" else 0)
    if not stage.architecture.centred:
        scale, offset = 1.0, 0.0
    if not kind.tied:
        p[f"dec{layer}.weight"][:] = q["dec0.weight"] * scale
    p[f"dec{layer}.bias"][:] = q["dec0.bias"] * scale + offset
    if layer == kind.encoder_depth - 1:
        for name in p.own:
            getattr(p.units, name)[:] = getattr(q.units, name)
