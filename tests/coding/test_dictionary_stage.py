"""The updates of atoms against slow twins, and the traps that other implementations fell into."""

import itertools
import tracemalloc

import naive_coding as naive
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array

from skl_sae.coding._learning import atoms
from skl_sae.coding._learning.atoms import update_atoms
from skl_sae.coding._learning.entries import entries_of
from skl_sae.coding._learning.exact_atoms import update_atoms_exactly
from skl_sae.coding._learning.masked_atoms import update_masked_atoms
from skl_sae.coding._learning.online import Pace, Statistics
from skl_sae.coding._learning.residual import residual_of, row_energies
from skl_sae.coding._learning.tiled_atoms import update_by_tiles

EVEN = Pace(None, None, 1.0)
PLAIN = np.array([0.0, 0.0])


def problem(n=90, d=7, n_atoms=23, density=0.2, seed=0, dtype=np.float64):
    """Data, signed codes that do not fit it well, and atoms."""
    rng = np.random.default_rng(seed)
    D = rng.standard_normal((n_atoms, d))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    Z = rng.standard_normal((n, n_atoms)) * (rng.random((n, n_atoms)) < density)
    Z[:, 1] = 0  # an atom that nobody uses
    X = Z @ D + 0.5 * rng.standard_normal((n, d))
    return X.astype(dtype), Z.astype(dtype), D.astype(dtype), rng.permutation(n_atoms)


def stage(update, X, Z, D, order, refit=PLAIN, observed=None):
    """Run an update; returns codes, atoms, and the residual that it leaves."""
    codes, D = csr_array(Z), D.copy()
    entries, residual = entries_of(codes), residual_of(X, codes, D, observed)
    if observed is None:
        update(residual, entries, D, order, refit)
    else:
        update(residual, entries, D, order, refit, observed)
    codes.data[entries.order] = entries.values
    return codes.toarray(), D, residual


@pytest.mark.parametrize("refit", [(0, 0), (0.3, 0), (0, 1), (0.3, 1)])
@pytest.mark.parametrize("block", [1, 5, 16])
def test_blocks_of_atoms(block, refit, monkeypatch):
    monkeypatch.setattr(atoms, "ATOMS", block)
    monkeypatch.setattr(atoms, "ENTRIES", 10)
    X, Z, D, order = problem()
    n_blocks = max(1, round(len(order) / block))
    edges = [round(len(order) * i / n_blocks) for i in range(n_blocks + 1)]
    Z1, D1 = Z, D
    for lo, hi in itertools.pairwise(edges):
        Z1, D1 = naive.dictionary_stage(X, Z1, D1, order[lo:hi], len(order), *refit)
    Z2, D2, residual = stage(update_atoms, X, Z, D, order, np.array(refit, float))
    assert_allclose(D2, D1, rtol=1e-9, atol=1e-11)
    assert_allclose(Z2, Z1, rtol=1e-9, atol=1e-11)
    assert_allclose(residual, X - Z2 @ D2, atol=1e-12)


def test_exact_updates_are_singular_vectors():
    for n in (90, 12):  # more rows than features in each atom, and fewer
        X, Z, D, order = problem(n)
        Z1, D1 = naive.exact_dictionary_stage(X, Z, D, order)
        Z2, D2, residual = stage(update_atoms_exactly, X, Z, D, order)
        assert_allclose(D2, D1, atol=1e-9)
        assert_allclose(Z2, Z1, atol=1e-9)
        assert_allclose(residual, X - Z2 @ D2, atol=1e-12)


@pytest.mark.parametrize("refit", [(0, 0), (0.3, 0), (0.3, 1)])
def test_updates_by_observed_values(refit):
    X, Z, D, order = problem()
    observed = np.random.default_rng(1).random(X.shape) < 0.6
    observed[3], observed[:, 2] = False, False
    Z1, D1 = naive.masked_dictionary_stage(X, observed, Z, D, order, *refit)
    Z2, D2, residual = stage(update_masked_atoms, X, Z, D, order, np.array(refit, float), observed)
    assert_allclose(D2, D1, rtol=1e-8, atol=1e-10)
    assert_allclose(Z2, Z1, rtol=1e-8, atol=1e-10)
    assert_allclose(residual, np.where(observed, X - Z2 @ D2, 0), atol=1e-12)


def test_updates_by_observed_values_are_those_of_single_atoms_where_all_are_observed(monkeypatch):
    monkeypatch.setattr(atoms, "ATOMS", 1)
    X, Z, D, order = problem()
    some = stage(update_masked_atoms, X, Z, D, order, observed=np.ones(X.shape, bool))
    for a, b in zip(some, stage(update_atoms, X, Z, D, order), strict=True):
        assert_allclose(a, b, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("update", [update_atoms, update_atoms_exactly, update_masked_atoms])
def test_no_update_of_an_atom_raises_the_error(update, dtype):
    X, Z, D, order = problem(dtype=dtype)
    observed = np.random.default_rng(1).random(X.shape) < 0.6 if update is update_masked_atoms else None
    entries, D = entries_of(csr_array(Z)), D.copy()
    residual = residual_of(X, csr_array(Z), D, observed)
    errors = [row_energies(residual).sum()]
    for k in order:
        update(residual, entries, D, np.array([k]), PLAIN, *([] if observed is None else [observed]))
        errors.append(row_energies(residual).sum())
    assert max(np.diff(errors)) <= 1e-6 * errors[0]
    assert errors[-1] < 0.8 * errors[0]
    assert D.dtype == entries.values.dtype == residual.dtype == dtype
    if observed is None:
        before = row_energies(residual).sum()
        update(residual, entries, D, order, PLAIN)  # all of them, in blocks
        assert row_energies(residual).sum() < before


@pytest.mark.parametrize("refit", [(0, 0), (0.3, 0), (0.3, 1)])
def test_sparse_data_by_tiles_is_one_block(refit):
    X, Z, D, _ = problem(n=600)
    X = np.where(X > 0, X, 0)
    Z1, D1 = naive.dictionary_stage(X, Z, D, np.arange(2, 23), 23, *refit)
    codes, D2 = csr_array(Z), D.copy()
    energies = update_by_tiles(csr_array(X), codes, entries_of(codes), D2, 2, np.array(refit, float))
    assert_allclose(D2, D1, atol=1e-9)
    assert_allclose(codes.toarray(), Z1, atol=1e-9)
    assert_allclose(energies, np.square(X - Z1 @ D1).sum(axis=1), atol=1e-9)


# Traps that other implementations fell into.


@pytest.mark.parametrize("update", [update_atoms, update_atoms_exactly])
def test_negative_codes_count(update):
    X, Z, D, order = problem()
    Z1, D1, _ = stage(update, X, Z, D, order)
    Z2, D2, _ = stage(update, X, -Z, -D, order)
    assert_allclose(D2, -D1, atol=1e-10)
    assert_allclose(Z2, -Z1, atol=1e-10)


def test_exact_updates_of_many_rows_make_nothing_square():
    X, Z, D, order = problem(n=20_000, d=4, n_atoms=3, density=1.0)
    stage(update_atoms_exactly, X[:9], Z[:9], D, order)
    tracemalloc.start()
    stage(update_atoms_exactly, X, Z, D, order)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * X.nbytes  # 20,000 rows squared are 5000 times as much


def test_sums_fit_each_other_and_unused_atoms_stay():
    _, Z, D, _ = problem(n=200)
    X, statistics = Z @ D, Statistics(*D.shape, D.dtype)
    for rows in (slice(0, 50), slice(50, 200)):
        statistics.add(csr_array(Z[rows]), entries_of(csr_array(Z[rows])), X[rows], EVEN)
    assert_allclose(statistics.gram, Z.T @ Z / 200, atol=1e-12)
    assert_allclose(statistics.moment, statistics.gram @ D, atol=1e-12)
    atoms = D.copy()
    statistics.update(atoms)
    assert_array_equal(atoms[1], D[1])
    assert_allclose(atoms, D, atol=1e-10)


def test_more_atoms_than_short_integers_count():
    rng = np.random.default_rng(0)
    D = rng.standard_normal((70_000, 2))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    X, Z = (
        rng.standard_normal((3, 2)),
        csr_array(([1.0, 2.0, -1.0], ([0, 1, 2], [69_999, 66_000, 69_999])), (3, 70_000)),
    )
    entries, residual, atoms = entries_of(Z), residual_of(X, Z, D), D.copy()
    update_atoms(residual, entries, atoms, np.arange(70_000), PLAIN)
    assert_array_equal(np.flatnonzero((atoms != D).any(axis=1)), [66_000, 69_999])
    assert_allclose(residual[1], 0, atol=1e-12)  # a row that has an atom for itself


@pytest.mark.parametrize("n_frozen", [0, 3])
def test_blocks_online_are_steps_of_single_atoms(n_frozen):
    X, Z, D, _ = problem(n=300, n_atoms=100, d=150)
    statistics = Statistics(*D.shape, D.dtype)
    statistics.add(csr_array(Z), entries_of(csr_array(Z)), X, EVEN)
    atoms = D.copy()
    statistics.update(atoms, n_frozen)
    expected = naive.online_update(statistics.gram, statistics.moment, D, n_frozen)
    assert_allclose(atoms, expected, atol=1e-9)
    assert_array_equal(atoms[:n_frozen], D[:n_frozen])


def test_the_past_fades():
    X, Z, D, _ = problem(n=300)
    statistics, expected = Statistics(*D.shape, D.dtype), np.zeros((23, 23))
    for lo in range(0, 300, 50):
        part = Z[lo : lo + 50]
        statistics.add(csr_array(part), entries_of(csr_array(part)), csr_array(X[lo : lo + 50]), Pace(100, None, 1.0))
        share = 1 if lo == 0 else 0.5
        expected = (1 - share) * expected + share * part.T @ part / 50
    assert_allclose(statistics.gram, expected, atol=1e-12)


def test_no_row_counts_for_more_than_a_share_of_an_atom():
    X, Z, D, _ = problem(n=300)
    Z[0, 5] = 50.0
    statistics, pace = Statistics(*D.shape, D.dtype), Pace(300, 0.1, 1.0)
    for part in (csr_array(Z), csr_array(Z)):  # the first has nothing to compare with
        statistics.add(part, entries_of(part), csr_array(X), pace)
    capped = np.clip(Z, *(sign * np.sqrt(0.1 * (Z**2).sum(axis=0)) for sign in (-1, 1)))
    assert capped[0, 5] < 0.4 * Z[0, 5]
    assert_allclose(statistics.gram, capped.T @ Z / 300, atol=1e-12)
    assert_allclose(statistics.moment, capped.T @ X / 300, atol=1e-12)
