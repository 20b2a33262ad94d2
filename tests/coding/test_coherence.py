"""Mutual coherence."""

import naive_coding
import numpy as np
import pytest

from skl_sae.coding import _coherence, mutual_coherence


@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 1e-6), (np.float64, 1e-12)])
@pytest.mark.parametrize("block", [1, 3, 256])
def test_it_is_the_largest_cosine(dtype, tolerance, block, monkeypatch):
    monkeypatch.setattr(_coherence, "BLOCK", block)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        atoms = rng.standard_normal((rng.integers(1, 12), rng.integers(1, 8))).astype(dtype)
        assert mutual_coherence(atoms) == pytest.approx(naive_coding.mutual_coherence(atoms), rel=tolerance)


def test_known_values():
    assert mutual_coherence(np.eye(4)) == 0
    assert mutual_coherence([[1.0, 2.0]]) == 0
    assert mutual_coherence([[1.0, 2.0], [-1e-200, -2e-200]]) == pytest.approx(1)
    # spikes and the Hadamard basis
    hadamard = np.array([[1.0, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
    assert mutual_coherence(np.vstack([np.eye(4), hadamard])) == pytest.approx(0.5)


def test_norms_do_not_matter():
    rng = np.random.default_rng(0)
    atoms = rng.standard_normal((20, 6))
    scaled = atoms * 10.0 ** rng.uniform(-200, 150, 20)[:, None]
    assert mutual_coherence(scaled) == pytest.approx(mutual_coherence(atoms), rel=1e-12)


@pytest.mark.parametrize(
    "atoms, message",
    [
        ([[1.0, 0.0], [0.0, 0.0]], r"1 of 2 atoms are zero, the first is row 1.*Leave them out"),
        ([1.0, 2.0], "Expected 2D array"),
        (np.array([[1j, 0.0]]), "Complex data not supported"),
        ([[np.nan, 0.0]], "NaN"),
    ],
)
def test_errors(atoms, message):
    with pytest.raises(ValueError, match=message):
        mutual_coherence(atoms)
