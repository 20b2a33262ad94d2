"""Which weights magnitude pruning removes, by sorting, in plain Python."""

import math

import numpy as np


def by_layer(layers, amount):
    """Pruned copies of arrays, each with its share."""
    orders = [_order(abs(layer).ravel().tolist()) for layer in layers]
    counts = [math.floor(amount * layer.size + 0.5) for layer in layers]
    return [_without(layer, order[:n]) for layer, order, n in zip(layers, orders, counts, strict=True)]


def of_all(layers, amount):
    """Pruned copies of arrays that lose a share together, measured in units of each, with 2 % left in each."""
    magnitudes = []
    for layer in layers:
        size = abs(layer).ravel().astype(float)
        size /= math.sqrt(sum(x * x for x in size) / np.count_nonzero(size)) if size.any() else 1
        least = math.ceil(0.02 * size.size)
        size[_order(size.tolist())[size.size - least :]] = math.inf
        magnitudes.append(size.tolist())
    flat = [(m, i, j) for i, each in enumerate(magnitudes) for j, m in enumerate(each)]
    gone = sorted(flat)[: math.floor(amount * len(flat) + 0.5)]
    return [_without(layer, [j for _, which, j in gone if which == i]) for i, layer in enumerate(layers)]


def _order(magnitudes):
    return sorted(range(len(magnitudes)), key=lambda i: (magnitudes[i], i))


def _without(layer, places):
    out = layer.copy().ravel()
    out[places] = 0
    return out.reshape(layer.shape)
