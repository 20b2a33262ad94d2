"""Which weights go: those of smallest magnitude, an exact number of them."""

import numpy as np

#: Share of the weights that scope="global" leaves in each layer, at least.
LEFT = 0.02


def smallest(score, n):
    """Mask of the n smallest numbers of a vector; of equal ones the first."""
    mask = np.zeros(score.size, bool)
    if n:
        bound = np.partition(score, n - 1)[n - 1]
        mask[:] = score < bound
        mask[np.flatnonzero(score == bound)[: n - np.count_nonzero(mask)]] = True
    return mask


def count_of(amount, size):
    """The number of weights that a share stands for, rounded."""
    return int(np.floor(amount * size + 0.5))


def masks_by_layer(scores, amount):
    """A mask for each vector of scores, with this share of its entries."""
    return [smallest(score, count_of(amount, score.size)) for score in scores]


def masks_of_all(scores, amount):
    """Masks that have this share of all entries together; magnitudes count in units of their layer.

    The unit is the root of the mean square of a layer's weights that are not zero. The largest weights of each layer
    stay, `LEFT` of all its weights.
    """
    ranked = []
    for score in scores:
        kept = score[score > 0]
        ranked.append(score / np.sqrt(np.mean(np.square(kept, dtype=np.float64))) if kept.size else score + 0.0)
        n_free = score.size - int(np.ceil(LEFT * score.size))
        ranked[-1][~smallest(ranked[-1], n_free)] = np.inf
    together = np.concatenate(ranked)
    n, free = count_of(amount, together.size), np.count_nonzero(together < np.inf)
    if n > free:
        raise ValueError(
            f"Got amount={amount}, which is {n} of {together.size} weights; scope='global' leaves {LEFT:.0%} in each "
            f"layer, so that at most {free} can go. Ask for less, or use scope='layer'."
        )
    return np.split(smallest(together, n), np.cumsum([score.size for score in scores])[:-1])


MASKS = {"layer": masks_by_layer, "global": masks_of_all}
