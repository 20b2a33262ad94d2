"""Checks of the data, and of what was learned of it.

Values out of range or too large, variance that few rows or features hold, dead units, features without values.
"""

import numpy as np

from .._model.mapped import map_of, physical_memory
from .._warning import warn

# Shares of the variance that may be held without a warning: by a tenth of the features, by a hundredth of the rows.
SHARE_OF_FEATURES, SHARE_OF_ROWS = 0.99, 0.5
# Among fewer rows, none is called an outlier.
ENOUGH_ROWS = 20
# Share of the units that may be dead without a warning. With fewer rows it is not looked at.
DEAD_SHARE, FEWEST_ROWS = 0.02, 500
# What makes more units active, by the first of these numbers that a rule has.
MORE_ACTIVE = [("target_l0", "raise"), ("alpha", "lower"), ("k_", "raise"), ("fraction", "raise")]
# Largest size of numbers whose squares can be summed in float64.
LARGEST = 1e150
# Data may leave the range of the output by this part of its width without a warning.
SLACK = 0.01
RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, np.inf)}


def naming(columns, names, most=5):
    """List the first few features, by name or by number."""
    shown = [str(i if names is None else names[i]) for i in columns[:most]]
    return ", ".join(shown + ["..."] * (len(columns) > most))


def check_probabilities(rows):
    """Raise where data, as a target of the cross-entropy, leaves [0, 1]."""
    low, high = rows.extremes()
    if low < 0 or high > 1:
        raise ValueError(
            f"loss='binary_cross_entropy' expects data in [0, 1], got values from {low:.3g} to {high:.3g}. "
            "Scale X, for instance with MinMaxScaler(clip=True), or use loss='squared_error'."
        )


def warn_of_range(rows, output_activation):
    """Warn where an output with bounds can't reach the data."""
    if output_activation not in RANGES:
        return
    (lowest, highest), (low, high) = RANGES[output_activation], rows.extremes()
    slack = SLACK * (highest - lowest if np.isfinite(highest) else max(high, 0.0))
    if low < lowest - slack or high > highest + slack:
        bounds = f"from {lowest:g} to {highest:g}" if np.isfinite(highest) else f"of at least {lowest:g}"
        warn(
            f"output_activation={output_activation!r} gives values {bounds}, and X has values from {low:.3g} to "
            f"{high:.3g}, which it cannot reconstruct. Scale X, for instance with MinMaxScaler, or use "
            "output_activation='identity'."
        )


def check_size(rows, mean, variance, names):
    """Raise where squares of the data, or its scale, overflow or vanish.

    Parameters
    ----------
    rows : Rows
    mean, variance : ndarray of shape (n_features,)
    names : ndarray of str or None
        Of the features.
    """
    largest = min(float(np.finfo(rows.dtype).max), LARGEST)
    bad = np.flatnonzero(~np.isfinite(variance) | ~(np.abs(mean) < largest))
    if bad.size or not np.isfinite(variance.sum()):
        columns = bad if bad.size else np.argsort(-variance)[:1]
        low, high = rows.extremes()
        raise ValueError(
            f"Values of X are too large: the variance of {columns.size} features ({naming(columns, names)}) is not a "
            f"finite number; X has values from {low:.3g} to {high:.3g}. Write NaN instead of a number that marks what "
            "is missing, or divide these features by their size."
        )
    total = float(variance.sum())
    size = np.sqrt(total)
    norm = np.linalg.norm(mean)
    if total == 0 and not (norm == 0 or 1 / largest < norm < largest):  # constant data is scaled by its mean
        what = "large: the norm of the mean" if norm >= 1 else "small: one over the norm of the mean"
        raise ValueError(
            f"Values of X are too {what} is not a finite number, features have values up to {np.abs(mean).max():.3g}. "
            "Divide X by its size."
        )
    if (total > 0 and not 1 / largest < size < largest) or (total == 0 and _varies(rows)):
        raise ValueError(
            f"Values of X differ by amounts that {rows.dtype} cannot square or invert: their total standard deviation "
            f"is {size:.3g}. Multiply X by a constant, for instance with StandardScaler."
        )


def check_means(rows, names):
    """Check a later chunk, whose scale is known already, by its means, which are needed anyway."""
    mean, _ = rows.means()
    bad = np.flatnonzero(~(np.abs(mean) < LARGEST))
    if bad.size:
        raise ValueError(
            f"Values of X are too large: the means of {bad.size} features ({naming(bad, names)}) are up to "
            f"{np.abs(mean).max():.3g} in size, and their squares are not finite numbers. Write NaN instead of a "
            "number that marks what is missing, or divide X by its size."
        )


def _varies(rows):
    """Whether rows differ, by amounts whose squares vanish."""
    if rows.missing or len(rows) == 1:
        return False
    if rows.sparse:
        low, high = rows.extremes()
        return high - low > 0 and high - low < 1e-150
    first = rows.tile(0, 1)
    return any((rows.tile(lo, hi) != first).any() for lo, hi in rows.pieces())


def warn_of_random_reads(rows, shuffle):
    """Warn where a file that memory cannot hold is to be read in random order, which is the slowest there is."""
    if isinstance(shuffle, str) or not shuffle or rows.sparse or map_of(rows.X) is None:
        return
    if rows.X.nbytes > (memory := physical_memory()):
        warn(
            f"X is mapped from a file of {rows.X.nbytes / 1e9:.1f} GB, and the machine has {memory / 1e9:.1f} GB of "
            "memory: with shuffle=True each epoch reads its rows from all over the file, one by one. Set "
            "shuffle='blocks', which reads megabytes at a time."
        )


def warn_of_dominance(rows, names, scaling):
    """Warn where few rows, or few features, hold nearly all the variance: little is learned of the others.

    What is looked at is the variance that a network sees whose data has this `scaling`.
    """
    _, variance, count = rows.moments()
    squares, distances = variance / scaling.units / scaling.units * count, rows.distances(scaling.units)
    total = squares.sum()
    if not total > 0:
        return
    n_rows, features = len(rows), np.argsort(-squares)
    few = max(1, n_rows // 100)
    farthest = np.argpartition(distances, n_rows - few)[n_rows - few :]
    farthest = farthest[np.argsort(-distances[farthest])]
    n_outliers = int(np.searchsorted(distances[farthest].cumsum(), SHARE_OF_ROWS * total)) + 1
    if n_rows >= ENOUGH_ROWS and n_outliers <= few:
        outliers = farthest[:n_outliers]
        others = "Other values of these features" if scaling.kind == "features" else "The others"
        share = distances[outliers].sum() / total
        warn(
            f"{outliers.size} of {n_rows} rows ({naming(rows.numbers(outliers), None)}): here lie {100 * share:.1f} % "
            f"of the variance of X, most of it in the features {naming(features, names, 3)}. {others} are hardly "
            "learned. Look for outliers, write NaN instead of a number that marks what is missing, or clip, for "
            "instance after RobustScaler."
        )
        return
    holding = int(np.searchsorted(squares[features].cumsum(), SHARE_OF_FEATURES * total)) + 1
    n_varying = np.count_nonzero(squares)
    if n_varying > 1 and holding <= max(1, n_varying // 10):
        share = squares[features[:holding]].sum() / total
        warn(
            f"{holding} of {n_varying} features that vary ({naming(features[:holding], names)}): here lie "
            f"{100 * share:.1f} % of the variance of X. The others are hardly learned, and the score hides it. Set "
            "scale='features' if the features have different scales, or leave out those that are of no interest."
        )


def warn_of_first_chunk(network, rows):
    """Warn where a stream begins with equal rows, which give no scale."""
    if not network.scaling.measured and len(rows) > 1 and network.scaling.observed.any():
        warn(
            f"The first chunk, of {len(rows)} rows, has no variance. The mean and the scale are taken from the first "
            "chunk that has some, and training begins anew with it."
        )


def warn_of_dead_units(training, fraction, n_rows):
    """Warn after a fit that left many units dead although there were enough rows, and say what may help."""
    network = training.network
    enough_rows = n_rows >= max(FEWEST_ROWS, network.architecture.n_units)
    if fraction <= DEAD_SHARE or not network.scaling.measured or not enough_rows:
        return
    rule = getattr(network.rule, "rule_", network.rule)
    remedies = [] if training.revival == "auxiliary" else ["revive units with dead_units='auxiliary'"]
    for name, direction in MORE_ACTIVE:
        value = getattr(rule, name, None)
        if value is not None:
            remedies.append(f"{direction} {name.rstrip('_')} of {type(rule).__name__} (now {value:.4g})")
            break
    rate = f"lower learning_rate_init (now {training.rate:.4g})"
    warn(
        f"{100 * fraction:.0f} % of the units did not fire in the last epoch. To have fewer of them, "
        f"{', '.join([*remedies, rate])}, or ask for fewer units (n_components, now {network.architecture.n_units})."
    )


def warn_of_unobserved(observed, names):
    """Warn of features without any observed value so far."""
    columns = np.flatnonzero(observed == 0)
    if columns.size:
        warn(
            f"{columns.size} of {observed.size} features have no observed value: {naming(columns, names)}. They are "
            "filled with 0, nothing is learned of them, and impute leaves them NaN."
        )
