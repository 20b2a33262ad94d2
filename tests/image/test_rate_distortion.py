"""Levels that are worth their bits, and predictions of means, beside plain NumPy."""

import numpy as np
import pytest

from skl_sae.image import _rate_distortion as rate_distortion
from skl_sae.image._codebook import Codebook, Part, axes_of
from skl_sae.image._prediction import levels_of, residuals
from skl_sae.image._rate_distortion import Costs, choose_levels, choose_part


def part(n_atoms, n_features, seed=0):
    atoms = np.random.default_rng(seed).standard_normal((n_atoms, n_features))
    return Part(atoms / np.linalg.norm(atoms, axis=1, keepdims=True))


def bits(levels, costs):
    """Of one patch, by the estimates; levels are small."""
    used = levels != 0
    return costs.base - np.log2(costs.share) + costs.use[used].sum() + costs.level[np.abs(levels[used])].sum()


def objective(row, levels, dictionary, costs, step):
    error = np.sum((row - step * levels @ dictionary.atoms) ** 2)
    return error + rate_distortion.PRICE * step**2 * bits(levels, costs)


@pytest.mark.parametrize("updated", [False, True])
def test_no_change_of_a_level_is_better(updated):
    rng, dictionary, costs, step = np.random.default_rng(1), part(24, 16), Costs(24), 0.4
    rows = rng.standard_normal((30, 16))
    most = np.full(30, 24)
    for _ in range(2 if updated else 1):
        levels, objectives = choose_levels(rows, dictionary, costs, step, most)
        before = [objective(row, each, dictionary, costs, step) for row, each in zip(rows, levels, strict=True)]
        np.testing.assert_allclose(objectives + (rows**2).sum(axis=1), before, rtol=1e-5)  # norms of atoms are rounded
        for row, each, value in zip(rows, levels, before, strict=True):
            left = row - step * each @ dictionary.atoms
            for atom in range(24):
                wanted = left @ dictionary.atoms[atom] / step + each[atom]
                for level in (0, np.floor(wanted), np.ceil(wanted)):
                    other = each.copy()
                    other[atom] = level
                    assert objective(row, other, dictionary, costs, step) >= value - 1e-5
        costs.count(levels, 30)
        costs.update()


def test_without_a_price_axes_are_rounded(monkeypatch):
    monkeypatch.setattr(rate_distortion, "PRICE", 0.0)
    rows = np.random.default_rng(2).standard_normal((20, 12))
    axes = Part(np.linalg.qr(np.random.default_rng(3).standard_normal((12, 12)))[0])
    levels, _ = choose_levels(rows, axes, Costs(12), 0.3, np.full(20, 12))
    np.testing.assert_array_equal(levels, np.rint(rows @ axes.atoms.T / 0.3))


def test_patches_have_as_many_entries_as_they_may():
    rows = np.random.default_rng(4).standard_normal((20, 12))
    most = np.arange(20) % 5
    levels, _ = choose_levels(rows, part(30, 12), Costs(30), 0.01, most)
    np.testing.assert_array_equal(np.count_nonzero(levels, axis=1), most)


def test_each_patch_takes_the_part_that_describes_it():
    rng = np.random.default_rng(5)
    atoms, axes = part(6, 16).atoms, np.eye(16)
    codebook = Codebook(atoms, axes, (4, 4, 1))
    rows = np.concatenate([3 * atoms, 3 * axes + 0.01 * rng.standard_normal((16, 16))])
    _, by_axes = choose_part(rows, codebook, [Costs(6), Costs(16)], 0.5)
    np.testing.assert_array_equal(by_axes, np.arange(22) >= 6)


def test_axes_are_principal_and_leave_out_means():
    rng = np.random.default_rng(6)
    rows = rng.standard_normal((500, 12)) * np.linspace(1, 3, 12)
    rows = (rows.reshape(500, 4, 3) - rows.reshape(500, 4, 3).mean(axis=1, keepdims=True)).reshape(500, 12)
    axes = axes_of(rows, 3)
    assert axes.shape == (9, 12)
    np.testing.assert_allclose(axes @ axes.T, np.eye(9), atol=1e-10)
    np.testing.assert_allclose(axes.reshape(9, 4, 3).sum(axis=1), 0, atol=1e-10)
    variances = ((rows @ axes.T) ** 2).sum(axis=0)
    np.testing.assert_allclose(variances, np.linalg.eigvalsh(rows.T @ rows)[::-1][:9], rtol=1e-8)


@pytest.mark.parametrize(("n_images", "channels"), [(1, 1), (3, 1), (2, 3), (1, 4)])
def test_predictions(n_images, channels):
    rows, columns = 4, 5
    levels = np.random.default_rng(7).integers(-50, 50, (n_images * rows, columns, channels))
    left = residuals(levels, n_images)
    np.testing.assert_array_equal(levels_of(left, n_images), levels)
    planes = levels.transpose(2, 0, 1).copy()
    if channels > 1:
        planes[0], planes[2] = planes[0] - planes[1], planes[2] - planes[1]
    for k, plane in enumerate(planes):
        for i in range(n_images * rows):
            for j in range(columns):
                above = i % rows > 0
                if above and j:
                    a, b, c = plane[i, j - 1], plane[i - 1, j], plane[i - 1, j - 1]
                    guess = sorted([a, b, a + b - c])[1]
                else:
                    guess = plane[i, j - 1] if j else plane[i - 1, 0] if above else plane[i - rows, 0] if i else 0
                assert left[k, i, j] == plane[i, j] - guess
