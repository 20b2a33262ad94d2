"""The file of a checkpoint, its folder, and what is refused."""

import errno
import io
import json
import os
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse

import skl_sae
from skl_sae import SparseAutoencoder
from skl_sae._estimator import checkpoints, identity
from skl_sae._estimator.folder_lock import FolderLock
from skl_sae._training.training import Training
from skl_sae.coding import SparseRecoveryAutoencoder
from skl_sae.sparsity import BatchTopK

rng = np.random.default_rng(0)
X = rng.random((330, 6)) ** 3 @ rng.standard_normal((6, 10))
CSR = sparse.csr_array(np.where(X > 0.5, X, 0))
FEW = {"n_components": 14, "batch_size": 55, "max_iter": 4, "random_state": 3}
ALWAYS = timedelta(microseconds=1)


class Stopped(BaseException):
    pass


@pytest.mark.parametrize(
    "every, expected",
    [
        (1, 4),
        (2, 2),
        (3, 2),
        (np.int64(4), 1),
        (99, 1),
        ("1h", 1),
        (" 1.5 min", 1),
        (timedelta(hours=1), 1),
        (ALWAYS, 24 + 4),
    ],
)
def test_how_often(every, expected, tmp_path, monkeypatch):
    seen, write = [], checkpoints.Checkpoints.write
    monkeypatch.setattr(checkpoints.Checkpoints, "write", lambda self, *args: seen.append(write(self, *args)))
    SparseAutoencoder(**FEW).fit(X, checkpoint=str(tmp_path), every=every)
    assert len(seen) == expected


@pytest.mark.parametrize(
    "every", [0, -1, 1.5, True, "", "5", "5 years", "-3s", "0s", None, timedelta(0), timedelta(-1)]
)
def test_times_that_are_none(every, tmp_path):
    with pytest.raises(ValueError, match=r"Got every=.*expected a number of epochs, as 1, or a time: '30s'"):
        SparseAutoencoder(**FEW).fit(X, checkpoint=tmp_path / "a", every=every)
    assert not (tmp_path / "a").exists()


def test_a_time_needs_a_folder():
    with pytest.raises(ValueError, match=r"Got every='30s' without checkpoint"):
        SparseAutoencoder(**FEW).fit(X, every="30s")


def test_the_folder_has_one_file_and_its_lock(tmp_path):
    (tmp_path / "checkpoint.npz.123.tmp").write_bytes(b"of a process that was killed")
    (tmp_path / "something else").touch()
    SparseAutoencoder(**FEW).fit(X, checkpoint=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint.npz", "checkpoint.lock", "something else"}


# another fit


@pytest.mark.parametrize(
    "params, change, message",
    [
        ({"max_iter": 5}, {}, r"max_iter was 4, now 5.*train a fitted model further, use warm_start=True"),
        ({"n_components": 15, "solver": "sgd"}, {}, r"n_components was 14, now 15; solver was 'adam', now 'sgd'"),
        ({"sparsity": BatchTopK(3)}, {}, r"sparsity was 'topk', now BatchTopK\(k=3\)"),
        ({"random_state": 4}, {}, "random_state was 3, now 4"),
        ({}, {"X": X + 1}, "X has other values"),
        ({}, {"X": X[:-1]}, r"X had the shape \[330, 10\], now \[329, 10\]"),
        ({}, {"X": X.astype(np.float32)}, "X had the dtype float64, now float32"),
        ({}, {"X": CSR}, "X had the kind dense, now CSR"),
        ({"early_stopping": True}, {"X_val": X[:9]}, "early_stopping was False, now True; X_val was not passed then"),
    ],
)
def test_a_checkpoint_of_another_fit(params, change, message, tmp_path):
    SparseAutoencoder(**FEW).fit(X, checkpoint=tmp_path)
    before = (tmp_path / "checkpoint.npz").read_bytes()
    sae = SparseAutoencoder(**{**FEW, **params})
    with pytest.raises(ValueError, match=f"belongs to another fit: .*{message}") as caught:
        sae.fit(**{"X": X, "checkpoint": tmp_path, **change})
    assert "Nothing was changed" in str(caught.value) and "pass another folder" in str(caught.value)
    assert not hasattr(sae, "loss_")
    assert (tmp_path / "checkpoint.npz").read_bytes() == before


def test_what_has_no_part_in_the_fit_may_change(tmp_path, capsys):
    expected = SparseAutoencoder(**FEW).fit(X, checkpoint=tmp_path).transform(X)
    sae = SparseAutoencoder(**FEW, verbose=True, sparse_output=True).fit(X, checkpoint=tmp_path)
    assert_array_equal(sae.transform(X).toarray(), expected)
    with pytest.raises(ValueError, match="the estimator was SparseAutoencoder, now SparseRecoveryAutoencoder"):
        SparseRecoveryAutoencoder(**FEW).fit(X, checkpoint=tmp_path)


def test_large_data_is_known_by_some_of_its_rows(tmp_path, monkeypatch):
    """No pass over all of it."""
    monkeypatch.setattr(identity, "ROWS", 10)
    SparseAutoencoder(**FEW).fit(X, checkpoint=tmp_path)
    other = X.copy()
    other[329] += 1
    with pytest.raises(ValueError, match="X has other values"):
        SparseAutoencoder(**FEW).fit(other, checkpoint=tmp_path)


class WithAParameter(SparseAutoencoder):
    """It has one more, and fewer of the others."""

    _parameter_constraints = {**SparseAutoencoder._parameter_constraints, "power": [int]}

    def __init__(self, power=1):
        super().__init__(**FEW)
        self.power = power

    def _read_to_learn(self, seen, X, **how):
        return super()._read_to_learn(seen, X**self.power, **how)


def test_parameters_of_a_subclass(tmp_path):
    """Also where X is known by rows in which they make no difference."""
    ones = np.where(X > 0.5, 1.0, 0.0)
    WithAParameter().fit(ones, checkpoint=tmp_path)
    with pytest.raises(ValueError, match="belongs to another fit: power was 1, now 2"):
        WithAParameter(power=2).fit(ones, checkpoint=tmp_path)


# files that are none


def written(folder):
    SparseAutoencoder(**FEW).fit(X, checkpoint=folder)
    return (folder / "checkpoint.npz").read_bytes()


def meta_of(data):
    with np.load(io.BytesIO(data)) as members:
        return json.loads(members["meta"].tobytes()), dict(members)


def with_meta(data, change):
    """The file with other numbers or arrays, and a checksum that fits them."""
    meta, members = meta_of(data)
    change(meta, members)
    members["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    del members["checksum"]
    members["checksum"] = np.frombuffer(checkpoints._checksum(members), np.uint8)
    file = io.BytesIO()
    np.savez(file, **members)
    return file.getvalue()


def array_of_objects():
    file = io.BytesIO()
    np.savez(file, meta=np.array([Stopped], object))
    return file.getvalue()


@pytest.mark.parametrize(
    "kind", ["empty", "text", "cut", "an array", "objects", "another npz", "other numbers", "compressed"]
)
def test_a_damaged_file(kind, tmp_path):
    data, path, file = written(tmp_path), tmp_path / "checkpoint.npz", io.BytesIO()
    np.save(file, X)
    other = io.BytesIO()
    np.savez(other, X=X)
    members = meta_of(data)[1]
    members["theta"] = members["theta"] + 1e-12
    changed, compressed = io.BytesIO(), io.BytesIO()
    np.savez(changed, **members)
    np.savez_compressed(compressed, **meta_of(data)[1])
    damaged = {
        **{"empty": b"", "text": b"hello", "cut": data[: len(data) // 2], "an array": file.getvalue()},
        **{"objects": array_of_objects(), "another npz": other.getvalue(), "other numbers": changed.getvalue()},
        "compressed": compressed.getvalue(),
    }[kind]
    path.write_bytes(damaged)
    with pytest.raises(
        ValueError, match=r"checkpoint\.npz' is damaged, or no checkpoint .*Nothing was changed.*delete"
    ):
        SparseAutoencoder(**FEW).fit(X, checkpoint=tmp_path)
    assert path.read_bytes() == damaged


def test_bits_that_flip(tmp_path):
    """Wherever: the file is refused, or what flipped was no part of the content."""
    data, path, refused = written(tmp_path), tmp_path / "checkpoint.npz", 0
    expected = SparseAutoencoder(**FEW).fit(X, checkpoint=tmp_path).transform(X)
    for position in np.random.default_rng(0).integers(len(data), size=60):
        changed = bytearray(data)
        changed[position] ^= 1 << (position % 8)
        path.write_bytes(changed)
        try:
            sae = SparseAutoencoder(**FEW).fit(X, checkpoint=tmp_path)
        except ValueError as error:
            refused += 1
            assert "is damaged" in str(error)
        else:
            assert_array_equal(sae.transform(X), expected)
    assert refused > 50


@pytest.mark.parametrize("name, value", [("version", "0.0.1"), ("format", 99)])
def test_another_version(name, value, tmp_path):
    (tmp_path / "checkpoint.npz").write_bytes(with_meta(written(tmp_path), lambda meta, _: meta.update({name: value})))
    with pytest.raises(ValueError, match=f"was written by skl_sae .*{value}.*Nothing was changed"):
        SparseAutoencoder(**FEW).fit(X, checkpoint=tmp_path)


def as_in_the_first_format(meta, members):
    state = meta["state"]
    training, meta["format"] = state.pop("training"), 1
    state["steps"] = [training["n_steps"], training["optimizer_steps"]]
    state |= {"key": training["key"], "densities": training["densities"]}
    state["dead_units_rows"] = training["dead_units"]["n_rows"]
    if "good" in state:
        n_steps, counts, n_epochs = state["good"]
        state["good"] = [n_steps, counts["n_rows"], n_epochs]
    for name in [name for name in members if name.startswith("training.")]:
        other = name.removeprefix("training.")
        members["idle" if other == "dead_units.idle" else f"moment.{other}"] = members.pop(name)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("n_steps", [4, 9, 12])
def test_a_file_of_the_first_format_is_resumed(n_steps, solver, tmp_path, monkeypatch):
    """Also one that was written within an epoch, with the parameters of the end of the one before."""
    params, step, taken = {**FEW, "solver": solver, "dropout": 0.1}, Training._step, []

    def until(*args):
        if len(taken) == n_steps:
            raise Stopped
        taken.append(None)
        return step(*args)

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(Training, "_step", until)
        SparseAutoencoder(**params).fit(X, checkpoint=tmp_path, every=ALWAYS)
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(with_meta(path.read_bytes(), as_in_the_first_format))
    resumed = SparseAutoencoder(**params).fit(X, checkpoint=tmp_path)
    whole = SparseAutoencoder(**params).fit(X)
    assert resumed.loss_curve_ == whole.loss_curve_ and resumed.n_steps_ == whole.n_steps_
    assert_array_equal(resumed.transform(X), whole.transform(X))


# folders


@pytest.mark.parametrize("folder", [True, 3, b"folder"])
def test_what_is_no_folder(folder):
    with pytest.raises(TypeError, match=f"Got checkpoint={folder!r}, expected a folder"):
        SparseAutoencoder(**FEW).fit(X, checkpoint=folder)


def test_a_folder_that_is_relative(tmp_path, monkeypatch):
    """It stays what it was at the beginning, wherever the process goes meanwhile."""
    (tmp_path / "elsewhere").mkdir()
    step = Training._step
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Training, "_step", lambda *args: [os.chdir(tmp_path / "elsewhere"), step(*args)][1])
    SparseAutoencoder(**FEW).fit(X, checkpoint="größe [1] *")
    assert {path.name for path in tmp_path.iterdir()} == {"elsewhere", "größe [1] *"}
    assert (tmp_path / "größe [1] *" / "checkpoint.npz").exists()


def test_a_folder_that_cannot_be_made(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(Training, "_step", lambda *args: pytest.fail("training has begun"))
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ValueError, match=r"Can't write to checkpoint=.*Expected a folder that can be written to"):
            SparseAutoencoder(**FEW).fit(X, checkpoint=folder)


def test_a_folder_that_cannot_be_written_to(tmp_path, monkeypatch):
    def refuse(handle):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("os.fsync", refuse)
    monkeypatch.setattr(Training, "_step", lambda *args: pytest.fail("training has begun"))
    with pytest.raises(ValueError, match=r"Can't write to checkpoint=.*Read-only file system"):
        SparseAutoencoder(**FEW).fit(X, checkpoint=tmp_path)


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EBADF, errno.ENOTSUP])
def test_folders_that_cannot_be_waited_for(tmp_path, monkeypatch, code):
    wait = os.fsync

    def of_files_alone(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(code, os.strerror(code))
        wait(handle)

    monkeypatch.setattr("os.fsync", of_files_alone)
    SparseAutoencoder(**FEW).fit(X, checkpoint=tmp_path)
    assert (tmp_path / "checkpoint.npz").exists()


def test_a_full_disk_does_not_end_the_fit(tmp_path, monkeypatch):
    """It warns once, the last file that could be written stays, and once there is room again, new ones come."""
    expected, save, calls = SparseAutoencoder(**FEW).fit(X).transform(X), np.savez, []

    def full(file, **arrays):
        calls.append((tmp_path / "checkpoint.npz").stat().st_mtime_ns if calls else None)
        if len(calls) in (2, 3):
            file.write(b"the beginning")
            raise OSError(errno.ENOSPC, "No space left on device")
        save(file, **arrays)

    monkeypatch.setattr(np, "savez", full)
    with pytest.warns(UserWarning, match=r"can't be written: .*No space left.*Training goes on") as caught:
        sae = SparseAutoencoder(**FEW).fit(X, checkpoint=tmp_path)
    assert len(caught) == 1 and len(calls) == 4
    assert calls[1] == calls[2] == calls[3] != (tmp_path / "checkpoint.npz").stat().st_mtime_ns
    assert not list(tmp_path.glob("*.tmp"))
    assert_array_equal(sae.transform(X), expected)
    monkeypatch.undo()
    assert_array_equal(SparseAutoencoder(**FEW).fit(X, checkpoint=tmp_path).transform(X), expected)


HOLDER = """
import sys, time
from pathlib import Path
from skl_sae._estimator.folder_lock import FolderLock
lock = FolderLock(Path(sys.argv[1]), "checkpoint.lock")
print("held", flush=True)
time.sleep(60)
"""


def test_two_processes_in_one_folder(tmp_path):
    """The second is refused; a lock of a process that was killed is none."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(Path(skl_sae.__file__).parents[1])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as holder:
        try:
            assert holder.stdout.readline().strip() == "held"
            with pytest.raises(ValueError, match=r"Can't use checkpoint=.*another process writes there"):
                SparseAutoencoder(**FEW).fit(X, checkpoint=tmp_path)
        finally:
            holder.kill()
            holder.wait()
    SparseAutoencoder(**FEW).fit(X, checkpoint=tmp_path)


def test_two_threads_in_one_folder(tmp_path):
    with checkpoints.checkpoints_in(tmp_path, 1):
        with pytest.raises(ValueError, match=r"Can't use checkpoint=.*another fit of this process writes there"):
            SparseAutoencoder(**FEW).fit(X, checkpoint=tmp_path / ".." / tmp_path.name)
        SparseAutoencoder(**FEW).fit(X, checkpoint=tmp_path / "another")
    SparseAutoencoder(**FEW).fit(X, checkpoint=tmp_path)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # nobody has closed the file
def test_a_lock_that_its_owner_never_got(tmp_path):
    """Because of an interrupt at that moment."""
    FolderLock(tmp_path, "checkpoint.lock")
    FolderLock(tmp_path, "checkpoint.lock").release()


def test_the_folder_is_free_after_an_error(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Training, "_step", lambda *args: (_ for _ in ()).throw(Stopped))
        with pytest.raises(Stopped):
            SparseAutoencoder(**FEW).fit(X, checkpoint=tmp_path)
    SparseAutoencoder(**FEW).fit(X, checkpoint=tmp_path)


def test_a_fit_that_diverges_keeps_its_checkpoints(tmp_path):
    sae = SparseAutoencoder(**FEW, solver="sgd", learning_rate_init=1e200)
    with pytest.raises(ValueError, match="Training failed"):
        sae.fit(X, checkpoint=tmp_path)
    assert not (tmp_path / "checkpoint.npz").exists()
    SparseAutoencoder(**FEW).fit(X, checkpoint=tmp_path)
