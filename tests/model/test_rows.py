"""Rows of X: of any container, order and type, read where they lie."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from skl_sae import SparseAutoencoder
from skl_sae._model import rows
from skl_sae._model.rows import Rows

rng = np.random.default_rng(0)
WHOLE = np.round(40 * rng.exponential(size=(150, 12)) * (rng.random((150, 12)) < 0.5)).clip(0, 255)
MISSING = np.where(rng.random(WHOLE.shape) < 0.1, np.nan, WHOLE)


def mapped(array, path):
    """The array in a file, in its own type and order, mapped read-only."""
    out = np.lib.format.open_memmap(path, "w+", array.dtype, array.shape, fortran_order=array.flags.fnc)
    out[:] = array
    out.flush()
    return np.load(path, mmap_mode="r")


def map_of(dtype, order="C", at=np.s_[:]):
    def make(array, path):
        return mapped(np.asarray(array.astype(dtype), order=order), path)[at]

    return make


MAPS = {
    "float32": map_of("f4"),
    "float64": map_of("f8"),
    "Fortran order": map_of("f4", "F"),
    "Fortran order, float64": map_of("f8", "F"),
    "columns": map_of("f4", at=np.s_[:, 1:9]),
    "every second column": map_of("f4", at=np.s_[:, ::2]),
    "every third row": map_of("f4", at=np.s_[::3]),
    "backwards": map_of("f4", at=np.s_[::-1, ::-1]),
    "uint8": map_of("u1"),
    "int64": map_of("i8"),
    "float16": map_of("f2"),
    "bool": map_of("?"),
    "big-endian": map_of(">f8"),
    "big-endian, float32": map_of(">f4"),
    "read-only buffer": lambda array, path: np.frombuffer(array.astype("f4").tobytes(), "f4").reshape(array.shape),
    "not aligned": lambda array, path: np.frombuffer(b"." + array.astype("f4").tobytes(), "f4", offset=1).reshape(
        150, 12
    ),
}
FITS = [
    {},
    {"early_stopping": True, "validation_fraction": 0.3},
    {"sparsity": "kl", "output_activation": "sigmoid", "hidden_layer_sizes": (9,)},
    {"sparsity": "l1", "corruption": "masking"},
]


def plain(array):
    """What a fit makes of it: float32 as it is, all else as float64, native and by rows."""
    return np.array(array, np.float32 if array.dtype == np.float32 else np.float64, order="C")


def results(data, params):
    sae = SparseAutoencoder(8, max_iter=3, batch_size=32, random_state=0, **params).fit(data)
    out = [sae.transform(data), sae.score(data), sae.score_samples(data), sae.impute(data)]
    if not sae.early_stopping:
        out.append(sae.partial_fit(data[:50]).transform(data))
    return [*out, *sae.coefs_, *sae.intercepts_]


@pytest.fixture
def small_tiles(monkeypatch):
    """Nothing is converted at once, and every pass takes several tiles."""
    monkeypatch.setattr(rows, "SMALL", 0)
    monkeypatch.setattr(rows, "TILE_SIZE", 100)


@pytest.mark.filterwarnings("ignore:output_activation='sigmoid' gives values from 0 to 1")
@pytest.mark.parametrize("tiles", ["small_tiles", None])
@pytest.mark.parametrize("params", FITS, ids=repr)
@pytest.mark.parametrize("make", MAPS.values(), ids=MAPS)
def test_data_in_a_file_gives_the_bits_of_an_array(make, params, tiles, tmp_path, request):
    data = make(WHOLE, tmp_path / "X.npy")
    expected = results(plain(data), params)
    if tiles:
        request.getfixturevalue(tiles)
    for got, want in zip(results(data, params), expected, strict=True):
        assert_array_equal(got, want)


@pytest.mark.parametrize("name", ["float32", "Fortran order", "float16", "big-endian", "columns", "not aligned"])
def test_missing_values_are_found_in_a_file(name, tmp_path, small_tiles):
    data = MAPS[name](MISSING, tmp_path / "X.npy")
    rows = Rows(data, np.float64)
    assert rows.missing
    mean, variance, count = rows.moments()
    exact = np.asarray(data, np.float64)
    assert_array_equal(count, (~np.isnan(exact)).sum(axis=0))
    assert_allclose(mean, np.nanmean(exact, axis=0), rtol=1e-12)
    assert_allclose(variance, np.nanvar(exact, axis=0), rtol=1e-12)
    assert rows.extremes() == (np.nanmin(exact), np.nanmax(exact))
    for got, want in zip(results(data, {}), results(plain(data), {}), strict=True):
        assert_array_equal(got, want)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize("name", [name for name in MAPS if name not in ("uint8", "int64", "bool")])
@pytest.mark.parametrize("tiles", ["small_tiles", None])
def test_an_infinity_is_found_in_every_container(name, value, tiles, tmp_path, request):
    if tiles:
        request.getfixturevalue(tiles)
    bad = WHOLE.copy()
    bad[120, 4] = value  # in all slices
    data = MAPS[name](bad, tmp_path / "X.npy")
    good = plain(MAPS[name](WHOLE, tmp_path / "X2.npy"))
    assert np.isinf(data).any()
    sae = SparseAutoencoder(4, max_iter=1, random_state=0)
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match="Input X contains infinity"):
            getattr(sae, method)(data)
    sae.fit(good)
    for method in ("partial_fit", "transform", "score", "score_samples", "impute"):
        with pytest.raises(ValueError, match="Input X contains infinity"):
            getattr(sae, method)(data)


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csr_matrix, sparse.csc_array, sparse.coo_array])
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_is_found_in_a_sparse_matrix(container, value):
    bad = WHOLE.copy()
    bad[120, 4] = value
    sae = SparseAutoencoder(4, max_iter=1, random_state=0).fit(WHOLE)
    for method in ("fit", "partial_fit", "transform", "score", "score_samples", "impute"):
        with pytest.raises(ValueError, match="contains NaN" if np.isnan(value) else "contains infinity"):
            getattr(sae, method)(container(bad))


@pytest.mark.parametrize("make", [*MAPS.values(), lambda array, path: sparse.csr_array(array)], ids=[*MAPS, "CSR"])
def test_a_subset_of_the_rows(make, tmp_path, small_tiles):
    data = make(WHOLE, tmp_path / "X.npy")
    dense = data.toarray() if sparse.issparse(data) else plain(data)
    chosen = np.array([7, 3, 40, 3, 49])
    part = Rows(data, np.float64).subset(np.arange(50)[::-1]).subset(chosen)
    want = dense[:50][::-1][chosen].astype(np.float64)
    assert part.X is Rows(data, np.float64).X or sparse.issparse(data) or data.dtype.kind != "f"
    assert (len(part), part.shape) == (5, want.shape)
    assert_array_equal(part.tile(0, 5), want)
    assert_array_equal(part.numbers(np.array([0, 2])), [42, 9])
    out = np.empty((2, want.shape[1]))
    part.take(np.array([4, 1]), np.zeros(out.shape[1]), np.ones(out.shape[1]), np.zeros(out.shape[1]), out)
    assert_array_equal(out, want[[4, 1]])
    mean, variance, count = part.moments()
    assert_allclose(mean, want.mean(axis=0), rtol=1e-12)
    assert_allclose(variance, want.var(axis=0), rtol=1e-9, atol=1e-9)
    for units in (np.ones(out.shape[1]), np.linspace(0.5, 2, out.shape[1])):
        distances = np.square((want - want.mean(axis=0)) / units).sum(axis=1)
        assert_allclose(part.distances(units), distances, rtol=1e-9)
    assert (count == 5).all()


MEMORY = """
import sys, threading, time
import numpy as np
from skl_sae import SparseAutoencoder

def anonymous():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon")) * 1024

class Peak:
    def __enter__(self):
        self.start, self.most, self.done = anonymous(), 0, False
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self
    def watch(self):
        while not self.done:
            self.most = max(self.most, anonymous() - self.start)
            time.sleep(0.001)
    def __exit__(self, *error):
        self.done = True
        self.thread.join()

def model():
    return SparseAutoencoder(32, max_iter=1, batch_size=1024, random_state=0, early_stopping=stop)

path, order, stop = sys.argv[1], sys.argv[2], sys.argv[3] == "stop"
dtype = np.dtype(sys.argv[4])
n, d = (440 << 20) // dtype.itemsize // 200, 200
X = np.lib.format.open_memmap(path, "w+", dtype, (n, d), fortran_order=order == "F")
for lo in range(0, n, 20000):
    hi = min(n, lo + 20000)
    X[lo:hi] = np.random.default_rng(lo).integers(0, 100, (hi - lo, d), np.uint8)
X.flush()
del X
X = np.load(path, mmap_mode="r")
if order == "columns":
    X = X[:, 20:]
sae = model().fit(np.asarray(X[:3000]))  # libraries and kernels
sae.transform(X[:3000]), sae.score(X[:3000])
with Peak() as peak:
    sae = model().fit(X)
    if not stop:
        sae.partial_fit(X)
    sae.score(X)
    sae.score_samples(X)
    codes = sae.set_params(sparse_output=True).transform(X[: n // 10])
print(peak.most / 2**20, X.nbytes / 2**20)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize(
    "order, stop, dtype",
    [("C", "", "f4"), ("F", "", "f4"), ("columns", "", "f4"), ("C", "stop", "f4"), ("C", "", "u1"), ("C", "", "f2")],
)
def test_nothing_of_a_file_is_copied_as_a_whole(order, stop, dtype, tmp_path):
    """Memory that is not the file's: some batches and tiles, and a few numbers a row."""
    command = [sys.executable, "-c", MEMORY, str(tmp_path / "X.npy"), order, stop, dtype]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    peak, size = map(float, result.stdout.split())
    print(f"{peak:.0f} MiB for {size:.0f} MiB")
    rows = 440 * 2**20 / np.dtype(dtype).itemsize / 200
    assert peak < 60 + 60 * rows / 2**20 < size / 2
