"""Differences of two data sets in words."""

# Units that a summary names, at most.
_MOST = 10


def summarise(comparison):
    """A line about the sets as a whole, one about the number of units that differ, and one a unit.

    Parameters
    ----------
    comparison : DataComparison

    Returns
    -------
    summary : str
    """
    units, (a, b), (n_a, n_b) = comparison.units, comparison.names, comparison.n_rows
    verdict = "differ" if comparison.p_value <= comparison.level else "do not differ evidently"
    found = units[units["differs"]]
    lines = [
        f"{a} ({n_a} rows) and {b} ({n_b} rows) {verdict}: p = {comparison.p_value:.3g}, by "
        f"{comparison.n_permutations} permutations of the rows.",
        f"{len(found)} of {len(units)} units differ, at a false discovery rate of {100 * comparison.level:g} %.",
    ]
    lines += [sentence(unit, row, a, b, comparison.level) for unit, row in found.head(_MOST).iterrows()]
    return "\n".join(lines + [f"And {len(found) - _MOST} more."] * (len(found) > _MOST))


def sentence(unit, row, a, b, level):
    """How the sets differ in a unit: in its rate, or else, or also, in its values where it is active."""
    parts = []
    if row["rate_q"] <= level:
        parts.append(f"is active in {_percent(row['rate_a'])} of {a} and {_percent(row['rate_b'])} of {b}")
    if row["level_q"] <= level:
        higher, lower = (b, a) if row["superiority"] > 0.5 else (a, b)
        share = max(row["superiority"], 1 - row["superiority"])
        values = row["level_a"], row["level_b"]
        larger, smaller = values[::-1] if higher == b else values
        parts.append(
            f"is higher in {higher} than in {lower} where it is active: mean {larger:.3g} against {smaller:.3g}, "
            f"higher in {_percent(share)} of all pairs"
        )
    return f"Unit {unit}, {row['name']}, {'; it '.join(parts)}."


def _percent(rate):
    """A share; small ones with a digit that tells them from none."""
    return f"{100 * rate:.{int(0 < rate < 0.01 or 0.99 < rate < 1)}f} %"
