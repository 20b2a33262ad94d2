"""Which synthetic features fire, together with which others, and how strongly."""

import numpy as np
from scipy.sparse import csr_array
from scipy.special import ndtri

# Magnitudes of the active features. A new kind is one class and one row of MAGNITUDES: `mean` (n_features,) is the
# expected magnitude, `draw` gives one positive value for each entry of `features`.


class _Uniform:
    """Uniform on (0, 1]."""

    def __init__(self, n_features, rng):
        self.mean = np.full(n_features, 0.5)

    def draw(self, features, rng):
        return 1.0 - rng.random(len(features))


class _Constant:
    """Always 1: codes are binary."""

    def __init__(self, n_features, rng):
        self.mean = np.ones(n_features)

    def draw(self, features, rng):
        return np.ones(len(features))


class _Normal:
    """|N(m, s^2)|, with m falling linearly from 5 to 4 over the features and s drawn once as |N(0.5, 0.5^2)|."""

    def __init__(self, n_features, rng):
        self.mean = np.linspace(5.0, 4.0, n_features)
        self.std = np.abs(rng.normal(0.5, 0.5, n_features))

    def draw(self, features, rng):
        return np.abs(self.mean[features] + self.std[features] * rng.standard_normal(len(features)))


MAGNITUDES = {"uniform": _Uniform, "constant": _Constant, "normal": _Normal}


def zipf_probabilities(n_features, exponent, mean_active):
    """p_i = min(1, c i^-exponent), with c such that they add up to mean_active."""
    weights = np.arange(1, n_features + 1) ** -float(exponent)
    certain = 0
    # Features that would exceed 1 get 1, and the others share the rest. Weights fall, so those are the first ones.
    while weights[certain] * (mean_active - certain) / weights[certain:].sum() > 1.0:
        certain += 1
        if certain == n_features:
            return np.ones(n_features)
        if weights[certain] == 0:
            raise ValueError(
                f"zipf_exponent is {exponent}: only {certain} features can fire, and mean_active is {mean_active}; "
                "expected a smaller exponent."
            )
    probabilities = weights * (mean_active - certain) / weights[certain:].sum()
    probabilities[:certain] = 1.0
    return probabilities


class Trees:
    """Index arithmetic of complete trees whose features are numbered level by level.

    Two roots with two children each and depth 2 (features from 14 on stand outside)::

          0           1
         / \\         / \\
        2   3       4   5
       6 7 8 9    10 . . 13
    """

    def __init__(self, n_roots, n_children, depth):
        self.n_children = n_children
        self.starts = np.concatenate([[0], np.cumsum([n_roots * n_children**level for level in range(depth + 1)])])
        self.size = int(self.starts[-1])

    def children_of(self, level):
        """(n_parents, n_children) indices of the children of each feature of a level."""
        return np.arange(self.starts[level + 1], self.starts[level + 2]).reshape(-1, self.n_children)

    def condition(self, probabilities):
        """Probabilities that a child fires if its parent does: cumulated over siblings, one array for each level.

        Siblings share at most one firing of their parent, so where they ask for more than their parent has, they
        are scaled down; `probabilities` is changed in place to what they get.
        """
        cumulated = []
        for level in range(len(self.starts) - 2):
            children = self.children_of(level)
            parents = probabilities[self.starts[level] : self.starts[level + 1], None]
            given = np.divide(probabilities[children], parents, out=np.zeros(children.shape), where=parents > 0)
            given /= np.maximum(given.sum(axis=1, keepdims=True), 1.0)
            probabilities[children] = given * parents
            cumulated.append(np.cumsum(given, axis=1))
        return cumulated


class World:
    """What is drawn once, for all rows: frequencies, magnitudes, correlations. `codes` then gives a block of rows."""

    def __init__(self, probabilities, trees, magnitude, correlation_scale, correlation_rank, rng):
        self.trees = trees
        self.cumulated = trees.condition(probabilities) if trees else []
        self.probabilities = probabilities
        self.magnitudes = MAGNITUDES[magnitude](len(probabilities), rng)
        # Features that fire on their own: all but the children, which fire through their parents.
        self.own = np.arange(len(probabilities))
        if trees:
            self.own = np.delete(self.own, np.s_[trees.starts[1] : trees.size])
        self.factor = None
        if correlation_scale > 0:  # rows of norm below 1 leave each feature some noise of its own
            factor = rng.normal(0.0, correlation_scale, (len(self.own), correlation_rank)).astype(np.float32)
            factor /= np.maximum(np.linalg.norm(factor, axis=1, keepdims=True) / 0.995, 1.0)
            self.factor = factor

    def codes(self, n_rows, rng):
        """Codes of a block of rows, as a CSR array in float64."""
        draw = self._independent if self.factor is None else self._correlated
        rows, own = draw(n_rows, rng)
        features = self.own[own]
        values = self.magnitudes.draw(features, rng)
        parts = [(rows, features, values)]
        for level, cumulated in enumerate(self.cumulated):
            rows, features, values = self._children(level, cumulated, rows, features, values, rng)
            parts.append((rows, features, values))
        rows, features, values = (np.concatenate(column) for column in zip(*parts, strict=True))
        cells = rows.astype(np.int32), features.astype(np.int32)
        return csr_array((values, cells), shape=(n_rows, len(self.probabilities)))

    def _independent(self, n_rows, rng):
        """Rows and positions in `own` of the entries that fire, each on its own.

        The cost grows with the number of active entries, not of all. Poisson events with rate -log(1 - p) an entry
        leave at least one event in it with probability p, and the events of a column fall on its rows uniformly:
        throw them and merge those that meet.
        """
        rates = -np.log1p(-np.minimum(self.probabilities[self.own], 1.0 - 1e-15))
        columns = np.repeat(np.arange(len(rates)), rng.poisson(rates * n_rows))
        cells = np.unique(rng.integers(n_rows, size=len(columns)) * len(rates) + columns)
        return np.divmod(cells, len(rates))

    def _correlated(self, n_rows, rng):
        """Gaussian copula g = F z + sqrt(1 - |F|^2) e; a feature fires where g exceeds its (1 - p) quantile."""
        own_share = np.sqrt(1.0 - np.sum(self.factor**2, axis=1))
        g = rng.standard_normal((n_rows, len(self.own)), dtype=np.float32)
        g *= own_share
        g += rng.standard_normal((n_rows, self.factor.shape[1]), dtype=np.float32) @ self.factor.T
        return np.nonzero(g > -ndtri(self.probabilities[self.own]).astype(np.float32))

    def _children(self, level, cumulated, rows, parents, values, rng):
        """Every firing parent of a level lets at most one child fire, larger when the parent is."""
        start, stop = self.trees.starts[level : level + 2]
        inside = (parents >= start) & (parents < stop)
        rows, parents, values = rows[inside], parents[inside], values[inside]
        chosen = np.sum(rng.random((len(rows), 1)) >= cumulated[parents - start], axis=1)
        fires = chosen < self.trees.n_children
        rows, parents, values, chosen = rows[fires], parents[fires], values[fires], chosen[fires]
        children = self.trees.children_of(level)[parents - start, chosen]
        return rows, children, self.magnitudes.draw(children, rng) * values / self.magnitudes.mean[parents]
