"""The order of the rows in an epoch, and what comes of it."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from skl_sae import SparseAutoencoder
from skl_sae._estimator import data_checks
from skl_sae._model.rows import Rows
from skl_sae._training import order
from skl_sae._training.order import order_of_epoch, rows_of_a_block
from skl_sae.coding import SparseRecoveryAutoencoder

DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS = (DIGITS / 16).astype(np.float32)


@pytest.fixture
def small(monkeypatch):
    """Blocks of 1 KB, four a window: 16 rows with 16 numbers each."""
    monkeypatch.setattr(order, "BLOCK_BYTES", 1024)
    monkeypatch.setattr(order, "WINDOW", 4)


class Recorded(Rows):
    """Notes what is read ahead."""

    def read_ahead(self, lo, hi):
        vars(self).setdefault("ahead", []).append((int(lo), int(hi)))


def rows_of(n, width=16, kind=Rows):
    return kind(np.zeros((n, width), np.float32))


def whole(made, n, step=7):
    return np.concatenate([made[lo : min(n, lo + step)] for lo in range(0, n, step)])


@pytest.mark.parametrize("n", [1, 2, 16, 17, 64, 65, 300])
@pytest.mark.parametrize("step", [1, 7, 64, 1000])
def test_every_row_comes_once(small, n, step):
    for shuffle in (False, True, "blocks"):
        numbers = whole(order_of_epoch(rows_of(n), shuffle, np.random.RandomState(0)), n, step)
        assert_array_equal(np.sort(numbers), np.arange(n))
        assert shuffle or (numbers == np.arange(n)).all()


def test_blocks_come_in_windows_and_rows_are_mixed_inside(small):
    n = 1000  # 63 blocks, the last of 8 rows: 16 windows of 3 or 4
    made = order_of_epoch(rows_of(n), "blocks", np.random.RandomState(0))
    numbers, first, seen = whole(made, n), 0, []
    for end in made.ends:
        window = numbers[first:end]
        blocks = np.unique(window // 16)
        assert blocks.size in (3, 4) and window.size == sum(min(n, 16 * b + 16) - 16 * b for b in blocks)
        assert (np.diff(window // 16) != 0).mean() > 0.4, "the blocks of a window are mixed"
        seen, first = [*seen, *blocks], end
    assert sorted(seen) == list(range(63)) and seen != sorted(seen)
    assert np.mean(np.abs(np.diff(seen)) == 1) < 0.5, "windows are made of blocks from all over"


def test_any_slice_can_be_read_at_any_time(small):
    """A resumed epoch skips what was done."""
    n = 500
    numbers = whole(order_of_epoch(rows_of(n), "blocks", np.random.RandomState(0)), n)
    again = order_of_epoch(rows_of(n), "blocks", np.random.RandomState(0))
    for lo, hi in [(300, 340), (0, 10), (490, 500), (60, 200)]:
        assert_array_equal(again[lo:hi], numbers[lo:hi])


def test_epochs_differ_and_a_seed_decides(small):
    generator = np.random.RandomState(0)
    first, second = (whole(order_of_epoch(rows_of(500), "blocks", generator), 500) for _ in range(2))
    assert (first != second).mean() > 0.9
    assert_array_equal(first, whole(order_of_epoch(rows_of(500), "blocks", np.random.RandomState(0)), 500))


def test_shuffle_true_is_the_permutation_of_numpy():
    made = order_of_epoch(rows_of(1000), True, np.random.RandomState(3))
    assert_array_equal(made, np.random.RandomState(3).permutation(1000))


def test_less_than_a_window_is_shuffled_as_a_whole():
    made = order_of_epoch(rows_of(1000), "blocks", np.random.RandomState(0))
    assert made.ends.tolist() == [1000]
    assert np.corrcoef(whole(made, 1000), np.arange(1000))[0, 1] < 0.1


def test_the_next_window_is_read_ahead_in_the_order_of_the_file(small):
    rows = rows_of(1000, kind=Recorded)
    made = order_of_epoch(rows, "blocks", np.random.RandomState(0))
    made[0:8]
    assert rows.ahead == [*made.blocks[0], *made.blocks[1]]
    assert all(lo < next_lo for (lo, _), (next_lo, _) in zip(made.blocks[0], made.blocks[0][1:]))
    made[8:16]
    assert len(rows.ahead) == len(made.blocks[0]) + len(made.blocks[1])
    whole(made, 1000)
    assert rows.ahead == [block for window in made.blocks for block in window], "each once"


def test_blocks_depend_on_shape_and_type_alone():
    X = np.zeros((64, 1 << 18), np.float32)
    kinds = [X, X.astype(np.uint8), np.asfortranarray(X)]
    assert {rows_of_a_block(Rows(each, np.float32)) for each in kinds} == {4}
    assert rows_of_a_block(Rows(X, np.float64)) == 2
    assert rows_of_a_block(rows_of(10, 1)) == order.MOST_ROWS
    assert rows_of_a_block(SimpleNamespace(sparse=False, shape=(3, 1 << 40), dtype=np.dtype("f4"))) == 1
    columns = np.tile(np.arange(256, dtype=np.int32), 256)
    stored = sparse.csr_array((np.ones(1 << 16, np.float32), columns, np.arange(0, 65_537, 256)))
    assert rows_of_a_block(Rows(stored)) == (1 << 22) // (256 * 2 * 4)


# fits


def make(**params):
    return SparseAutoencoder(**{"n_components": 64, "max_iter": 3, "shuffle": "blocks", "random_state": 0, **params})


KINDS = {
    "plain": {},
    "early stopping": {"early_stopping": True},
    "held out": {"sparsity": "jumprelu"},
    "layers": {"hidden_layer_sizes": (16,), "pretrain": "layerwise", "pretrain_max_iter": 1},
    "resample": {"dead_units": "resample"},
}


@pytest.mark.filterwarnings("ignore:.*did not fire")
@pytest.mark.parametrize("params", KINDS.values(), ids=KINDS)
def test_a_file_gives_the_bits_of_an_array(small, params, tmp_path):
    np.save(tmp_path / "X.npy", DIGITS)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    for method in ("fit",) if "early_stopping" in params else ("fit", "partial_fit"):
        want, got = (getattr(make(**params), method)(X) for X in (DIGITS, mapped))
        assert_array_equal(got._network.parameters.theta, want._network.parameters.theta)
    assert not np.array_equal(
        make(**params, random_state=1).fit(DIGITS).coefs_[0], make(**params).fit(DIGITS).coefs_[0]
    )


def test_sparse_rows_come_in_blocks(small):
    X = sparse.csr_array(DIGITS)
    a, b = make().fit(X), make().fit(X)
    assert_array_equal(a.coefs_[0], b.coefs_[0])
    assert not np.array_equal(a.coefs_[0], make(shuffle=True).fit(X).coefs_[0])
    assert a.score(X) > 0.5


def test_a_recovery_autoencoder_with_signals_of_its_own(small, tmp_path):
    rng = np.random.default_rng(0)
    signals = (rng.random((400, 24)) * (rng.random((400, 24)) < 0.2)).astype(np.float32)
    A = rng.standard_normal((16, 24)).astype(np.float32)
    X = signals @ A.T
    params = {"n_layers": 3, "target": "signals", "measurement_matrix": A, "max_iter": 2, "random_state": 0}
    model = SparseRecoveryAutoencoder(24, shuffle="blocks", **params)
    np.save(tmp_path / "y.npy", signals)
    want = model.fit(X, signals).transform(X)
    assert_array_equal(model.fit(X, np.load(tmp_path / "y.npy", mmap_mode="r")).transform(X), want)


@pytest.mark.parametrize("shuffle", ["block", 2, None])
def test_another_word_is_refused(shuffle):
    with pytest.raises(ValueError, match=r"'shuffle' parameter .* must be"):
        make(shuffle=shuffle).fit(DIGITS)


def test_data_sorted_by_label_is_learned_nearly_as_well(monkeypatch):
    """28 blocks with one digit or two each, eight a window: most windows lack some digit, and no batch is of one."""
    order_by_label = np.argsort(LABELS, kind="stable")
    X, y = DIGITS[order_by_label], LABELS[order_by_label]
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.25, shuffle=True, random_state=0, stratify=y)
    by_label = np.argsort(y, kind="stable")
    X, y = X[by_label], y[by_label]
    monkeypatch.setattr(order, "BLOCK_BYTES", 48 * 64 * 4)
    monkeypatch.setattr(order, "WINDOW", 8)
    scores, accuracies = {}, {}
    for shuffle in (True, "blocks", False):
        fits = [make(shuffle=shuffle, max_iter=30, random_state=seed).fit(X) for seed in range(2)]
        scores[shuffle] = np.mean([sae.score(X_test) for sae in fits])
        classifier = LogisticRegression(C=0.1, max_iter=500)
        accuracies[shuffle] = np.mean(
            [classifier.fit(sae.transform(X), y).score(sae.transform(X_test), y_test) for sae in fits]
        )
    print(scores, accuracies)
    assert scores["blocks"] > scores[True] - 0.02
    assert scores["blocks"] > scores[False] + 0.005
    assert accuracies["blocks"] > accuracies[True] - 0.03


# the warning


@pytest.fixture
def mapped(tmp_path):
    np.save(tmp_path / "X.npy", DIGITS)
    return np.load(tmp_path / "X.npy", mmap_mode="r")


def test_random_order_in_a_file_beyond_memory_is_told_once(mapped, monkeypatch, recwarn):
    monkeypatch.setattr(data_checks, "physical_memory", lambda: 1000)
    make(shuffle=True).fit(mapped)
    told = [str(each.message) for each in recwarn]
    assert len(told) == 1 and "shuffle='blocks'" in told[0] and "0.0 GB" in told[0]


def test_and_nothing_else_is(mapped, monkeypatch):
    make(shuffle=True).fit(mapped)  # memory holds it
    monkeypatch.setattr(data_checks, "physical_memory", lambda: 1000)
    make(shuffle=True).fit(DIGITS)
    make(shuffle=False).fit(mapped)
    make(shuffle="blocks").fit(mapped)
