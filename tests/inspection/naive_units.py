"""Slow twins of what is told of units: NumPy, dense, a unit at a time, by the definition."""

from math import exp, log, sqrt

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from sklearn.base import BaseEstimator, TransformerMixin


class Directions(TransformerMixin, BaseEstimator):
    """Codes by thresholds on random directions, decoded by least squares: units of one sign or both, the last one dead.

    `squash` makes the decoder one that is not affine.
    """

    def __init__(self, n_units=7, signed=False, squash=False, seed=0):
        self.n_units = n_units
        self.signed = signed
        self.squash = squash
        self.seed = seed

    def fit(self, X, y=None):
        rng = np.random.default_rng(self.seed)
        self.n_features_in_ = X.shape[1]
        self.encoder_ = rng.standard_normal((X.shape[1], self.n_units))
        self.encoder_[:, -1] = 0.0  # the last unit is dead
        dense = X.toarray() if hasattr(X, "toarray") else X
        self.intercept_ = dense.mean(axis=0)
        self.decoder_ = np.linalg.lstsq(self.transform(X), dense - self.intercept_)[0]
        return self

    def get_feature_names_out(self, input_features=None):
        return np.array([f"unit{j}" for j in range(self.n_units)])

    def transform(self, X):
        values = (X @ self.encoder_) if hasattr(X, "toarray") else np.nan_to_num(X) @ self.encoder_
        values = values - 0.3
        codes = np.where(np.abs(values) > 0.8, values, 0.0) if self.signed else np.maximum(values - 0.5, 0.0)
        codes[:, -1] = 0.0
        return codes

    def inverse_transform(self, codes):
        decoded = codes @ self.decoder_ + self.intercept_
        return np.tanh(decoded) if self.squash else decoded


def sides(codes):
    """The more frequent sign of each unit, and where it is on."""
    signs, on = [], np.zeros(codes.shape, bool)
    for j, values in enumerate(codes.T):
        sign = 1.0 if (values > 0).sum() >= (values < 0).sum() else -1.0
        often = (values != 0).mean() > 0.5
        threshold = max(0.0, np.quantile(values * sign, 0.75)) if often else 0.0
        on[:, j] = values * sign > 0
        if threshold > 0:
            on[:, j] = values * sign >= threshold
        signs.append(sign)
    return np.array(signs), on


def typical(codes):
    """Mean absolute value where a unit is active, with the more frequent sign."""
    signs, _ = sides(codes)
    return np.array([s * np.abs(v[v != 0]).mean() if v.any() else 0.0 for s, v in zip(signs, codes.T)])


def explained_shares(X, codes, decode, weights=1.0):
    """What is lost of the explained variance without each unit."""
    error = np.nansum(((X - decode(codes)) * weights) ** 2)
    total = np.nansum(((X - np.nanmean(X, axis=0)) * weights) ** 2)
    shares = []
    for j in range(codes.shape[1]):
        without = codes.copy()
        without[:, j] = 0.0
        shares.append((np.nansum(((X - decode(without)) * weights) ** 2) - error) / (total - error))
    return np.array(shares)


def lift(on, in_class):
    """Lift of a class and its interval at 95 %: risks that a score test does not reject, by the definition."""
    a, b, n, m = np.sum(on & in_class), np.sum(~on & in_class), np.sum(on), np.sum(~on)
    value = (a / n) / ((a + b) / (n + m))

    def score(log_risk):
        risk = exp(log_risk)

        def loss(p):  # likelihood of both shares, one the other times the risk
            parts = [(a, risk * p), (n - a, 1 - risk * p), (b, p), (m - b, 1 - p)]
            return -sum(count * log(max(share, 1e-300)) for count, share in parts if count)

        p = minimize_scalar(loss, bounds=(0, min(1, 1 / risk)), method="bounded", options={"xatol": 1e-13}).x
        return (a / n - risk * b / m) / sqrt(risk * p * (1 - risk * p) / n + risk**2 * p * (1 - p) / m)

    def to_lift(risk):
        return risk / (n / (n + m) * risk + m / (n + m))

    reach = 1.959963984540054
    low = to_lift(exp(brentq(lambda t: score(t) - reach, -12, 12))) if a else 0.0
    high = to_lift(exp(brentq(lambda t: score(t) + reach, -12, 12))) if b else (n + m) / n
    return value, low, high


def log_odds(on, has_term):
    """Log-odds ratio and z of each term, between rows in which a unit is on and others."""
    inside, outside = has_term[on].sum(axis=0), has_term[~on].sum(axis=0)
    everywhere = inside + outside
    weight = 10 * everywhere.sum() / len(on)
    prior = weight * everywhere / everywhere.sum()
    found = []
    for w in range(has_term.shape[1]):
        y, other = inside[w] + prior[w], outside[w] + prior[w]
        delta = log(y / (inside.sum() + weight - y)) - log(other / (outside.sum() + weight - other))
        found.append((delta, delta / sqrt(1 / y + 1 / other)))
    return np.array(found)


def redundancy(codes, atoms):
    """Largest absolute cosine of the matrices that two units add."""
    added = np.array([np.outer(c, a).ravel() for c, a in zip(codes.T, atoms)])
    norms = np.linalg.norm(added, axis=1)
    cosines = np.abs(added @ added.T) / np.maximum(np.outer(norms, norms), 1e-300)
    np.fill_diagonal(cosines, 0.0)
    return cosines.max(axis=1)
