"""Damage that respects a format, so that a file is read beyond its first bytes; and things that are no files."""

import io
import os
import shutil
import zipfile

import numpy as np
from hostile_pickles import HOSTILE
from mutations import mutate
from naive_torch_files import write_torch
from safetensors.numpy import load_file, save_file

TYPES = "f2", "f4", "f8", "i4", "i8", "u1", "?"
SPECIAL = np.nan, np.inf, -np.inf, 1e300, -1e38, 1e-320, 0.0


def damage(folder, rng):
    """Damage one file of a folder in one way; returns what was done, in words."""
    if rng.integers(2):
        return mutate(folder, rng)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    weights = [path for path in files if path.suffix in (".safetensors", ".pt", ".npz")]
    if rng.integers(5):
        path = weights[rng.integers(len(weights))]
        change = [*ARRAYS, *(ARCHIVES if path.suffix in (".pt", ".npz") else ())]
        return f"{path.name}: {change[rng.integers(len(change))](path, rng)}"
    path = files[rng.integers(len(files))]
    return f"{path.name}: {PLACES[rng.integers(len(PLACES))](path, rng)}"


def _arrays(path):
    """The arrays of a file, and what writes others in its place."""
    if path.suffix == ".safetensors":
        return load_file(path), lambda arrays: save_file(arrays, path)
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return dict(arrays), lambda arrays: np.savez(path, **arrays)
    return arrays_of_torch(path), lambda arrays: write_both(path, arrays)


def write_both(path, arrays):
    """Write a file of PyTorch, and the same arrays beside its folder, for who reads them without the package."""
    write_torch(path, arrays)
    np.savez(path.parent.with_suffix(".npz"), **{f"/{name}": array for name, array in arrays.items()})


def arrays_of_torch(path):
    """The arrays of a file that `write_both` has written, as they were before damage to its bytes."""
    with np.load(path.parent.with_suffix(".npz")) as arrays:
        return {name[1:]: array for name, array in arrays.items()}


def _change(edit):
    """A mutation that edits one array: ``edit(arrays, name, rng)`` returns what it did."""

    def change(path, rng):
        arrays, write = _arrays(path)
        names = sorted(arrays)
        what = edit(arrays, names[rng.integers(len(names))], rng)
        write({name: np.asarray(array, order="C") for name, array in arrays.items()})
        return what

    return change


def _rename(arrays, name, rng):
    new = [name.upper(), name + "_", "", "W_skip", "x" * 5000, "../x", *sorted(arrays)][rng.integers(6 + len(arrays))]
    arrays[new] = arrays.pop(name)
    return f"{name} renamed to {new[:20]}"


def _drop(arrays, name, rng):
    del arrays[name]
    return f"{name} dropped"


def _add(arrays, name, rng):
    arrays["k" if rng.integers(2) else "more"] = np.array(3)
    return "one more"


def _reshape(arrays, name, rng):
    array = arrays[name]
    others = [array.T, array.ravel(), array[None], array[..., None], np.concatenate([array.ravel()] * 2)]
    others += [array[:0], array[1:], array.ravel()[0]] if array.ndim else []
    arrays[name] = others[rng.integers(len(others))]
    return f"{name} from {array.shape} to {arrays[name].shape}"


def _retype(arrays, name, rng):
    with np.errstate(all="ignore"):
        arrays[name] = arrays[name].astype(TYPES[rng.integers(len(TYPES))])
    return f"{name} as {arrays[name].dtype}"


def _special(arrays, name, rng):
    array = np.atleast_1d(arrays[name]).copy()
    with np.errstate(all="ignore"):
        value = np.array(SPECIAL[rng.integers(len(SPECIAL))]).astype(array.dtype)
    array.flat[rng.integers(array.size)] = value
    arrays[name] = array.reshape(arrays[name].shape)
    return f"{value} in {name}"


def _negative(arrays, name, rng):
    arrays[name] = -arrays[name] if arrays[name].dtype.kind in "fi" else arrays[name]
    return f"{name} negative"


ARRAYS = [_change(edit) for edit in (_rename, _drop, _add, _reshape, _retype, _special, _negative)]


# archives


def _hostile(path, rng):
    names = sorted(HOSTILE)
    name = names[rng.integers(len(names))]
    if path.suffix == ".pt":
        write_torch(path, {"a": np.arange(12, dtype="<f4")}, {"data.pkl": HOSTILE[name]})
    else:
        arrays, _ = _arrays(path)
        np.savez(path, **arrays | {sorted(arrays)[0]: np.array([HOSTILE[name], Exit()], object)}, allow_pickle=True)
    return f"the pickle {name}"


class Exit:
    """Ends the process when it is unpickled."""

    def __reduce__(self):
        return os._exit, (3,)


def _entries(path, rng):
    """Change the files of an archive: their names, sizes, order and how they are stored."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    names = sorted(files)
    name, other = (names[n] for n in rng.integers(len(names), size=2))
    choice = rng.integers(6)
    if choice == 0 and len(files[name]) != len(files[other]):  # else it would be another model
        files[name], files[other] = files[other], files[name]
    elif choice == 1:
        del files[name]
    elif choice == 2:
        files[name] = files[name][: len(files[name]) // 2]
    elif choice == 3:
        files[name] += bytes(8)
    elif choice == 4:
        files[["../x", "/x", "archive/data/0/1", name.upper()][rng.integers(4)]] = files.pop(name)
    compression = zipfile.ZIP_DEFLATED if choice == 5 else zipfile.ZIP_STORED
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for each, data in files.items():
            archive.writestr(each, data)
    path.write_bytes(content.getvalue())
    return f"change {choice} of {name}"


ARCHIVES = [_hostile, _hostile, _entries]


# places


def _as_folder(path, rng):
    path.unlink()
    path.mkdir()
    return "a folder in its place"


def _as_link(path, rng):
    target = [path.name, "missing", "/dev/zero", "/dev/null", path.parent][rng.integers(5)]
    path.unlink()
    path.symlink_to(target)
    return f"a link to {target} in its place"


def _as_pipe(path, rng):
    path.unlink()
    os.mkfifo(path)
    return "a pipe in its place"


def _moved(path, rng):
    elsewhere = path.parent.parent / f"moved_{path.name}"
    shutil.move(path, elsewhere)
    path.symlink_to(elsewhere)
    return "a link to itself elsewhere"


PLACES = [_as_folder, _as_link, _as_pipe, _moved]
