"""Memory maps: which arrays lie in one, and pages that are read before they are needed."""

import mmap
import os
from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse

from skl_sae import SparseAutoencoder
from skl_sae._model.mapped import map_of, physical_memory, read_ahead
from skl_sae._model.rows import Rows

advises = pytest.mark.skipif(not hasattr(mmap.mmap, "madvise"), reason="the system takes no advice")


@pytest.fixture
def path(tmp_path):
    np.save(tmp_path / "X.npy", np.arange(4000 * 64, dtype=np.float32).reshape(4000, 64))
    return tmp_path / "X.npy"


def test_views_are_followed_to_their_map(path):
    X = np.load(path, mmap_mode="r")
    views = [X, X[5:], np.asarray(X)[::2], X.T, np.frombuffer(X._mmap, np.uint8)]
    assert all(map_of(view) is X._mmap for view in views)
    assert map_of(X.copy()) is None and map_of(X + 1) is None and map_of(np.zeros(3)) is None


@advises
@pytest.mark.parametrize("first", [0, 1, 1000])
def test_the_pages_of_the_rows_are_asked_for_from_first_to_last(path, first):
    asked = []

    class Map(mmap.mmap):
        def madvise(self, option, start, length):
            asked.append((option, start, length))
            return super().madvise(option, start, length)

    with open(path, "rb") as file, Map(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
        X = np.frombuffer(held, np.float32, offset=128).reshape(4000, 64)[first:]
        read_ahead(X, 10, 2000)
        del X
    assert {option for option, _, _ in asked} == {mmap.MADV_WILLNEED}
    start, end = 128 + 256 * (first + 10), 128 + 256 * (first + 2000)
    assert asked[0][1] == start - start % mmap.PAGESIZE and sum(asked[-1][1:]) == end
    assert all(a + length == b for (_, a, length), (_, b, _) in pairwise(asked))


@advises
def test_bytes_beyond_the_type_of_row_numbers(tmp_path):
    with open(tmp_path / "X", "wb") as file:
        file.truncate(3 << 30)  # nothing of it is on the disk
    rows = Rows(np.memmap(tmp_path / "X", np.float32, "r", shape=(3 << 18, 1 << 10)))
    half = rows.subset(np.arange(1, 3 << 18, 2, dtype=np.int32))
    half.read_ahead(len(half) - 10, len(half))
    read_ahead(rows.X, np.int32((3 << 18) - 10), np.int32(3 << 18))


@advises
def test_what_has_no_pages_is_left_alone(path):
    read_ahead(np.zeros((10, 4)), 0, 10)
    for order in (np.s_[:, 3:], np.s_[::2], np.s_[::-1]):
        read_ahead(np.load(path, mmap_mode="r")[order], 0, 10)
    read_ahead(np.load(path, mmap_mode="r").T, 0, 10)
    Rows(sparse.csr_array(np.eye(5))).read_ahead(0, 5)


@advises
@pytest.mark.parametrize("chosen", [None, np.arange(5, 4000, 3, dtype=np.int32)])
def test_rows_of_a_subset_and_their_targets_are_read_ahead(path, chosen, monkeypatch):
    X, target = np.load(path, mmap_mode="r"), np.load(path, mmap_mode="r")
    asked = []
    monkeypatch.setattr("skl_sae._model.rows.read_ahead", lambda X, lo, hi: asked.append((X, lo, hi)))
    Rows(X, chosen=chosen, target=Rows(target)).read_ahead(10, 20)
    want = (10, 20) if chosen is None else (35, 63)
    assert [each[1:] for each in asked] == [want] * 2 and np.shares_memory(asked[1][0], target)


@pytest.mark.skipif(not hasattr(os, "sysconf"), reason="the system does not tell")
def test_physical_memory_is_that_of_a_machine():
    assert 1 << 28 < physical_memory() < 1 << 50


def test_a_map_that_takes_no_advice_is_read_all_the_same(path, monkeypatch):
    monkeypatch.setattr("skl_sae._model.mapped.REQUEST", 1)  # not even a page
    X = np.load(path, mmap_mode="r")
    assert (
        SparseAutoencoder(4, shuffle="blocks", max_iter=1, scale=False, random_state=0).partial_fit(X[:50]).n_steps_
        == 1
    )
