"""Checkpoints of a fit: when they are written, and the file that they are written to.

The file is replaced at once, when the new one is on the disk. So whenever a process ends, a whole file is there, or
none yet.
"""

import hashlib
import json
import os
import re
import time
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import numpy as np

from .._disk import to_disk
from .._parameters import is_count
from .._version import __version__
from .._warning import warn
from .folder_lock import FolderLock
from .identity import differences

NAME, LOCK = "checkpoint.npz", "checkpoint.lock"
# How the numbers and arrays of a file are to be read; the first format is, too.
FORMAT, FIRST = 2, 1
SECONDS = {"s": 1, "sec": 1, "min": 60, "h": 3600}


@contextmanager
def checkpoints_in(folder, every):
    """The `Checkpoints` of a folder for the time of a fit; None without a folder."""
    epochs, seconds = interval(every)
    if folder is None:
        if every != 1:
            raise ValueError(f"Got every={every!r} without checkpoint: expected checkpoint, a folder, with it.")
        yield None
        return
    try:
        folder = Path(folder).absolute()  # a callback may go to another folder
    except TypeError:
        raise TypeError(f"Got checkpoint={folder!r}, expected a folder: a str or a path-like object.") from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(folder, LOCK)
    except BlockingIOError as error:
        raise ValueError(
            f"Can't use checkpoint={str(folder)!r}: {error}. Expected a folder of its own for each fit: wait for the "
            "other one to end, or pass another folder."
        ) from None
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        checkpoints = Checkpoints(folder, epochs, seconds)
        yield checkpoints
    finally:
        lock.release()


def interval(every):
    """Numbers of epochs and of seconds between two checkpoints, one of them None."""
    seconds = None
    if is_count(every):
        return int(every), None
    if isinstance(every, timedelta):
        seconds = every.total_seconds()
    elif isinstance(every, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|sec|min|h)\s*", every)
        seconds = float(match[1]) * SECONDS[match[2]] if match else None
    if not seconds or seconds < 0:
        raise ValueError(
            f"Got every={every!r}, expected a number of epochs, as 1, or a time: '30s', '10min', '2h' or a "
            "datetime.timedelta, more than zero."
        )
    return None, seconds


class Checkpoints:
    """Checkpoints of a fit in a folder that is its own.

    Parameters
    ----------
    folder : Path
    epochs : int or None
        Epochs between two checkpoints.
    seconds : float or None
        Seconds between them.

    Attributes
    ----------
    state : tuple of dict or None
        Numbers and arrays of the checkpoint that was found, until they are taken.
    """

    def __init__(self, folder, epochs, seconds):
        self.folder, self.epochs, self.seconds = folder, epochs, seconds
        self.state = self._of_fit = None
        self._n_epochs, self._last, self._failed = 0, time.monotonic(), False
        try:
            for leftover in folder.glob(f"{NAME}.*.tmp"):
                leftover.unlink()
            self._beside(lambda file: None).unlink()
        except OSError as error:
            raise _unwritable(folder, error) from error

    @property
    def path(self):
        """The file."""
        return self.folder / NAME

    def begin(self, identity, random_state):
        """Begin a fit, or if the folder has a checkpoint of it, resume it: the generator is then as it was."""
        self._of_fit = {"identity": identity, "generator": _encoded(random_state.get_state(legacy=False))}
        if not self.path.exists():
            return
        numbers, arrays = self._read()
        found = differences(identity, numbers["identity"])
        if found:
            raise ValueError(
                f"The checkpoint {str(self.path)!r} belongs to another fit: {'; '.join(found)}. Nothing was changed. "
                "To resume that fit, make the call as it was; to begin this one, pass another folder, or delete the "
                "file. To train a fitted model further, use warm_start=True and another folder."
            )
        random_state.set_state(_decoded(numbers["fit"]))
        self._of_fit["generator"] = numbers["fit"]
        self.state = {**numbers["state"], "generator": _decoded(numbers["state"]["generator"])}, arrays

    def due(self, epoch=False):
        """Whether to write after a step, or after an epoch."""
        if self.seconds is not None:
            return time.monotonic() - self._last >= self.seconds
        self._n_epochs += epoch
        return self._n_epochs >= self.epochs

    def write(self, numbers, arrays):
        """Replace the file. Where that fails, as on a full disk, the last one is kept, and training goes on."""
        numbers = {**numbers, "generator": _encoded(numbers["generator"])}
        numbers = {"identity": self._of_fit["identity"], "fit": self._of_fit["generator"], "state": numbers}
        text = json.dumps({"format": FORMAT, "version": __version__, **numbers}, default=np.generic.item)
        arrays = {"meta": np.frombuffer(text.encode(), np.uint8), **arrays}
        arrays["checksum"] = np.frombuffer(_checksum(arrays), np.uint8)
        try:
            os.replace(self._beside(lambda file: np.savez(file, **arrays)), self.path)
            to_disk(self.folder)
        except OSError as error:
            if not self._failed:
                warn(
                    f"The checkpoint {str(self.path)!r} can't be written: {error}. Training goes on, and the last "
                    "checkpoint is kept; the next ones are tried, too."
                )
            self._failed = True
        self._n_epochs, self._last = 0, time.monotonic()

    def _beside(self, write):
        """Write a file beside the other one, and make sure that it is on the disk."""
        new = self.folder / f"{NAME}.{os.getpid()}.tmp"
        try:
            with open(new, "wb") as file:
                write(file)
            to_disk(new)
        except BaseException:
            with suppress(OSError):
                new.unlink()
            raise
        return new

    def _read(self):
        """Numbers and arrays of the file."""
        try:
            file = open(self.path, "rb")
        except OSError as error:
            raise ValueError(f"The checkpoint {str(self.path)!r} can't be read: {error}.") from error
        try:
            with file, np.load(file, allow_pickle=False) as members:
                if any(member.compress_type for member in members.zip.infolist()):
                    raise ValueError("its arrays are compressed")
                arrays = {name: members[name] for name in members.files}
            checksum, meta = arrays.pop("checksum").tobytes(), json.loads(arrays["meta"].tobytes())
            versions, intact = (meta["format"], meta["version"]), checksum == _checksum(arrays)
        except Exception as error:  # whatever zip, NumPy and JSON make of bytes that are not theirs
            raise self._damaged(f"{type(error).__name__}: {error}") from error
        if versions not in ((FORMAT, __version__), (FIRST, __version__)):
            raise ValueError(
                f"The checkpoint {str(self.path)!r} was written by skl_sae {versions[1]} (format {versions[0]}), this "
                f"is {__version__} (format {FORMAT}): other versions may not give the same bits. Nothing was changed. "
                "Resume it with that version, or pass another folder to begin anew."
            )
        if not intact:
            raise self._damaged("its checksum is another one")
        del arrays["meta"]
        if versions[0] == FIRST:
            arrays = _of_the_first(meta["state"], arrays)
        return meta, arrays

    def _damaged(self, reason):
        return ValueError(
            f"{str(self.path)!r} is damaged, or no checkpoint ({reason}). Nothing was changed. Restore the file, or "
            "delete it, or pass another folder, to begin anew."
        )


def _unwritable(folder, error):
    return ValueError(
        f"Can't write to checkpoint={str(folder)!r}: {error}. Expected a folder that can be written to, or made."
    )


def _checksum(arrays):
    digest = hashlib.blake2b(digest_size=32)
    for name, array in sorted(arrays.items()):
        digest.update(f"{name}{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array))
    return digest.digest()


def _of_the_first(numbers, arrays):
    """Give the numbers and the arrays of a file of the first format the names that they have now."""
    n_steps, optimizer_steps = numbers.pop("steps")
    numbers["training"] = {
        **{"n_steps": n_steps, "optimizer_steps": optimizer_steps},
        **{name: numbers.pop(name) for name in ("key", "densities")},
        "dead_units": {"n_rows": numbers.pop("dead_units_rows")},
    }
    if "good" in numbers:
        n_good_steps, n_rows, n_epochs = numbers["good"]
        numbers["good"] = n_good_steps, {"n_rows": n_rows}, n_epochs
    names = {"idle": "training.dead_units.idle"}
    return {names.get(name, name.replace("moment.", "training.")): array for name, array in arrays.items()}


def _encoded(state):
    """The state of a generator, for JSON."""
    if isinstance(state, dict):
        return {name: _encoded(value) for name, value in state.items()}
    return {"type": str(state.dtype), "list": state.tolist()} if isinstance(state, np.ndarray) else state


def _decoded(state):
    if isinstance(state, dict) and set(state) == {"type", "list"}:
        return np.array(state["list"], state["type"])
    return {name: _decoded(value) for name, value in state.items()} if isinstance(state, dict) else state
