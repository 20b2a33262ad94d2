"""What the fuzz tries: parameters, data, and sequences of calls, drawn from a generator."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import sparse

from skl_sae.sparsity import L1, AbsTopK, BatchTopK, Gated, JumpReLU, KLDivergence, LifetimeTopK, Matryoshka, TopK

ACTIVATIONS = ["relu", "sigmoid", "tanh", "identity"]
NAMES = ["topk", "abs_topk", "batch_topk", "lifetime_topk", "l1", "kl", "jumprelu", "gated", "matryoshka", None]


class Case(NamedTuple):
    """One sequence of calls on one estimator."""

    params: dict
    calls: list  # (method, X)
    strangers: list  # data that only `transform` sees
    active: int | None  # largest number of active units of a row, where the rule has one


def draw(rng, folder):
    """A case; `folder` is for data that is mapped into memory."""
    wide = rng.random() < 0.06
    params = draw_params(rng, wide)
    rule, active = draw_rule(rng, params["n_components"], wide)
    params["sparsity"] = rule
    n_features = int(pick(rng, [1, 2, 5, 12, 30], [0.1, 0.1, 0.3, 0.3, 0.2]))
    if params["init"] is not None:
        params["init"] = draw_components(rng, params["n_components"], n_features)
        if params["positive_decoder"] and rng.random() < 0.8:  # others are refused
            params["init"] = np.abs(params["init"])
    bounded = params["loss"] == "binary_cross_entropy"
    kinds = pick(rng, [("fit",), ("fit", "fit"), ("partial_fit",) * 3, ("fit", "partial_fit"), ("partial_fit", "fit")])
    dtype = pick(rng, [np.float32, np.float64])
    calls = [(method, draw_data(rng, n_features, bounded, dtype, folder)) for method in kinds]
    if rng.random() < 0.15:
        calls.append((calls[-1][0], draw_data(rng, n_features + 1, bounded, dtype, folder)))
    strangers = [draw_data(rng, n_features, bounded, dtype, folder)] if rng.random() < 0.4 else []
    return Case(params, calls, strangers, active)


def pick(rng, options, weights=None):
    return options[rng.choice(len(options), p=weights)]


def often(rng, usual, others, share=0.75):
    """The usual value, or now and then another one."""
    return usual if rng.random() < share else pick(rng, others)


def draw_params(rng, wide):
    cross_entropy = rng.random() < 0.12
    corruption = often(rng, None, ["gaussian", "masking"])
    hidden = often(rng, (), [(8,), (1,), (16, 8), (3, 5, 4)], 0.7)
    return {
        "n_components": int(rng.integers(2049, 2300)) if wide else pick(rng, [1, 2, 3, 8, 17, 33, 64]),
        "hidden_layer_sizes": () if wide else hidden,
        "decoder_layer_sizes": often(rng, None, [(), (4,), (6, 7)], 0.9),
        "activation": often(rng, None, ACTIVATIONS),
        "hidden_activation": often(rng, "relu", ACTIVATIONS),
        "output_activation": "sigmoid" if cross_entropy else often(rng, "identity", ACTIVATIONS, 0.85),
        "loss": "binary_cross_entropy" if cross_entropy else "squared_error",
        "tied_weights": rng.random() < 0.2,
        "skip": rng.random() < 0.2,
        "positive_decoder": rng.random() < 0.2,
        "scale": often(rng, "auto", ["total", "features", False]),
        "init": often(rng, None, ["components"], 0.9),
        "solver": often(rng, "adam", ["sgd"]),
        "learning_rate_init": often(rng, "auto", [1e-12, 1e-5, 0.01, 0.3, 10.0, 1e6, 1e30], 0.6),
        "learning_rate": often(rng, "cooldown", ["constant", "linear", "cosine"]),
        "momentum": often(rng, 0.9, [0.0, 0.999]),
        "nesterovs_momentum": rng.random() < 0.7,
        "beta_1": often(rng, 0.9, [0.0, 0.999]),
        "beta_2": often(rng, 0.999, [0.0, 0.5]),
        "epsilon": often(rng, 1e-8, [1e-300, 1e-30, 1.0]),
        "weight_decay": often(rng, 0.0, [1e-3, 1.0, 1e10]),
        "weight_l1": often(rng, 0.0, [1e-3, 1.0], 0.85),
        "dropout": often(rng, 0.0, [0.1, 0.9]),
        "batch_norm": rng.random() < 0.2,
        "corruption": corruption,
        "corruption_level": often(rng, 0.3, [0.0, 1.0, 5.0]),
        "corruption_emphasis": often(rng, 0.0, [0.5, 1.0], 0.5 if corruption == "masking" else 0.98),
        "pretrain": often(rng, None, ["layerwise", "layerwise_only"], 0.85),
        "pretrain_max_iter": pick(rng, [1, 2]),
        "batch_size": pick(rng, [1, 3, 16, 128, 1000], [0.05, 0.15, 0.4, 0.3, 0.1]),
        "shuffle": often(rng, True, [False, "blocks"]),
        "max_iter": 1 if wide else pick(rng, [1, 2, 5]),
        "tol": often(rng, 1e-4, [0.0, 1.0]),
        "n_iter_no_change": pick(rng, [1, 2, 10]),
        "early_stopping": rng.random() < 0.1,
        "validation_fraction": often(rng, 0.1, [1e-6, 0.5, 0.99]),
        "dead_units": often(rng, "auto", ["auxiliary", "resample", None]),
        "sparse_output": rng.random() < 0.25,
        "warm_start": rng.random() < 0.3,
        "random_state": int(rng.integers(1000)),
    }


def draw_components(rng, n_units, n_features):
    """Rows of a decoder to start from, now and then of a wrong shape, of any scale, or zero."""
    rows = rng.standard_normal((n_units, n_features + int(rng.random() < 0.1)))
    return rows * pick(rng, [0.0, 1.0, 1e-30, 1e30], [0.1, 0.7, 0.1, 0.1])


def draw_rule(rng, n_units, wide):
    """A rule by name or as an object, and the largest number of active units of a row."""
    if wide:
        k = int(rng.integers(1, n_units // 33))
        return pick(rng, [(TopK(k), k), (AbsTopK(k), k), (Matryoshka(TopK(k)), k), (BatchTopK(k), None)])
    if rng.random() < 0.35:
        name = pick(rng, NAMES)
        return name, max(1, min(32, n_units // 8)) if name in ("topk", "abs_topk") else None
    k = int(rng.integers(1, n_units + 2))
    target = often(rng, float(rng.uniform(0.1, n_units)), [1e-3, float(n_units), float(n_units + 1)])
    prefixes = pick(rng, [(1.0,), (0.5, 1.0), (0.0, 0.3, 1.0)])
    rule = pick(
        rng,
        [
            TopK(k, transform_k=often(rng, None, [1, n_units])),
            AbsTopK(k, transform_k=often(rng, None, [1, n_units])),
            BatchTopK(often(rng, k, [0.5, 1.0])),
            LifetimeTopK(float(rng.uniform(1e-3, 1))),
            L1(pick(rng, [0.0, 0.1, 1e4]), norm_aware=rng.random() < 0.3, target_l0=often(rng, None, [target], 0.5)),
            KLDivergence(float(rng.uniform(1e-6, 0.999)), pick(rng, [0.1, 1e5]), momentum=pick(rng, [0.0, 0.9])),
            JumpReLU(
                pick(rng, [0.0, 1e-3, 10.0]),
                threshold=pick(rng, [1e-30, 0.03, 100.0]),
                bandwidth=pick(rng, [1e-3, 0.1, 0.4, 10.0]),
                cost=pick(rng, ["l0", "tanh"]),
                target_l0=often(rng, None, [target], 0.5),
            ),
            Gated(pick(rng, [0.0, 0.1, 1e4]), target_l0=often(rng, None, [target], 0.5)),
            Matryoshka(BatchTopK(k), prefixes=prefixes),
            Matryoshka(TopK(k), prefixes=prefixes),
            Matryoshka(AbsTopK(k), prefixes=prefixes),
        ],
    )
    top = rule.rule if isinstance(rule, Matryoshka) else rule
    active = None
    if isinstance(top, TopK):
        active = k if top.transform_k is None else top.transform_k
    return rule, active


def draw_data(rng, d, bounded, dtype, folder):
    """Rows of one of many kinds, as dense or sparse arrays of either type."""
    n = int(pick(rng, [1, 2, 7, 40, 150], [0.08, 0.07, 0.2, 0.45, 0.2]))
    with np.errstate(over="ignore"):
        X = rng.random((n, d)) if bounded else draw_numbers(rng, n, d, dtype)
    if rng.random() < 0.2:
        X[:, rng.integers(d)] = pick(rng, [0.0, 1.0])
    form = pick(
        rng, ["C", "F", "strided", "read-only", "mapped", "integers", "sparse"], [0.4, 0.1, 0.1, 0.1, 0.05, 0.05, 0.2]
    )
    if form == "sparse":
        X = np.where(rng.random(X.shape) < pick(rng, [0.005, 0.1, 0.6]), X, 0)
        return pick(rng, [sparse.csr_array, sparse.csr_matrix, sparse.csc_array, sparse.coo_matrix])(cast(X, dtype))
    if form == "integers" and np.abs(X).max() < 1e9:
        return X.astype(np.int64)
    X = punch(rng, cast(X, dtype))
    if form == "F":
        return np.asfortranarray(X)
    if form == "strided":
        return np.repeat(X, 2, axis=0)[::2]
    if form == "mapped":
        path = Path(folder, f"{rng.integers(1 << 60)}.npy")
        np.save(path, X)
        return np.load(path, mmap_mode="r")
    X.flags.writeable = form != "read-only"
    return X


def cast(X, dtype):
    """What is out of the range of float32 becomes infinite: data that is refused."""
    with np.errstate(over="ignore"):
        return X.astype(dtype)


def draw_numbers(rng, n, d, dtype):
    X = rng.standard_normal((n, d))
    kind = rng.integers(16)
    if kind == 0:
        X[:] = pick(rng, [0.0, 1.0, -3.5, 1e-30])
    elif kind == 1:
        X = X[rng.integers(0, n, n)]
    elif kind == 2:
        X = rng.standard_normal((n, 1)) * rng.standard_normal(d)
    elif kind == 3:
        X = rng.standard_cauchy((n, d))
    elif kind == 4:
        X += pick(rng, [1e3, 1e8, -1e15])
    elif kind in (5, 6):
        small = dtype == np.float32
        X *= pick(
            rng, [1e-44, 1e-38, 1e-20, 1e-8, 1e8, 1e19, 1e37] if small else [1e-320, 1e-200, 1e-30, 1e30, 1e155, 1e300]
        )
    elif kind in (7, 8):
        X[rng.integers(n)] *= pick(rng, [1e4, 1e10, 1e20, 1e37, 3e38] + [1e160, 1e308] * (dtype == np.float64))
    elif kind == 9:
        X[rng.integers(n), rng.integers(d)] = pick(rng, [np.finfo(dtype).max, np.finfo(dtype).min, np.inf, -np.inf])
    elif kind == 10:
        X = np.round(X)
    return X


def punch(rng, X):
    """Holes of some pattern, in a quarter of the cases."""
    if rng.random() < 0.25:
        pattern = rng.integers(4)
        if pattern == 0:
            X[rng.random(X.shape) < rng.uniform(0, 0.9)] = np.nan
        elif pattern == 1:
            X[rng.integers(len(X))] = np.nan
        elif pattern == 2:
            X[:, rng.integers(X.shape[1])] = np.nan
        else:
            X[rng.random(len(X)) < 0.5, : X.shape[1] // 2] = np.nan
    return X
