"""Unrolled networks and their objective in NumPy: no blocks, no tiles, no gradients."""

import numpy as np

from skl_sae.coding._unrolling import unrolled
from skl_sae.coding._unrolling.shrinkage import SoftThreshold
from skl_sae.sparsity import L1, TopK


def shrink(a, theta, positive, n_kept):
    """Soft thresholds, but not for the largest of each row."""
    size = a if positive else abs(a)
    theta = theta if positive else abs(theta)
    free = np.zeros(a.shape, bool)
    if n_kept:
        free = size >= np.sort(size, axis=1)[:, -n_kept, None]
    left = np.where(size <= theta, 0, np.where(free, size, size - theta))
    return left if positive else np.sign(a) * left


def pre_activations(p, kind, x):
    """Of the code's layer; NaN is missing."""
    seen = ~np.isnan(x)
    x = np.where(seen, x, 0)
    W, n = p["enc0.weight"], kind.n_layers
    z = np.zeros((len(x), len(W)))
    for t in range(n):
        last = t == n - 1
        if kind.variant == "coupled" or n == 1:
            weight = W if last else p[f"unrolled{t}.weight"]
            residual = x if t == 0 else np.where(seen, x - z @ p["unrolled.dictionary"], 0)
            a = z + residual @ weight.T
        elif kind.variant == "lista":
            a = x @ W.T + (z @ p["unrolled.lateral"] if t else 0)
        else:
            a = z + p[f"unrolled{t}.step"] * np.where(seen, x - z @ W, 0) @ W.T
        if last:
            return a + p["enc0.bias"]
        share = min(unrolled.KEPT_STEP * (t + 1), kind.kept)
        z = shrink(a, p[f"unrolled{t}.threshold"], kind.positive, int(share * len(W)))


def objective(p, kind, rule, x, target, taught):
    """Mean over the rows of squared error and penalty."""
    a = pre_activations(p, kind, x)
    penalty = 0.0
    if isinstance(rule, SoftThreshold):
        f = shrink(a, p["rule.threshold"], False, int(rule.kept * a.shape[1]))
        penalty = rule.alpha * abs(f).sum()
    else:
        f = np.maximum(a, 0)
        if isinstance(rule, L1):
            penalty = rule.alpha * f.sum()
        if isinstance(rule, TopK):
            f = np.where(a >= np.sort(a, axis=1)[:, -rule.k, None], f, 0)
    error = f - target if taught else f @ p["dec0.weight"] + p["dec0.bias"] - target
    return (np.nansum(error**2) + penalty) / len(x)


def ista(x, atoms, alpha, n_steps, positive):
    """Steps for the LASSO from zero."""
    L, z = 1.001 * np.linalg.norm(atoms, 2) ** 2, np.zeros((len(x), len(atoms)))
    for _ in range(n_steps):
        a = z - (z @ atoms - x) @ atoms.T / L
        z = np.maximum(a - alpha / L, 0) if positive else np.sign(a) * np.maximum(abs(a) - alpha / L, 0)
    return z


def dense(entries, n_units):
    """A compressed code as an array."""
    out = np.zeros((len(entries.count), n_units))
    for row, index, values, n in zip(out, entries.index, entries.values, entries.count, strict=True):
        row[index[:n]] = values[:n]
    return out
