"""Files that are whole or as they were before, whenever the process or the machine stops."""

import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

from .._disk import to_disk

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None

#: What names of files and folders begin with that are not finished.
UNFINISHED = ".unfinished-"


def write_files(folder, writers):
    """Write some files of a folder, in their order; the last one is what makes the others count.

    Each file is replaced as a whole when all have been written, the last one at the end; other files stay. Files of two
    models never stand together: while the first ones are replaced the last one is away.

    Parameters
    ----------
    folder : str or path
        Made if it does not exist.
    writers : dict of str to callable
        By the name of the file: writes it to the path that it is given.
    """
    with replacing(folder) as (room, put):
        for name, write in writers.items():
            write(room / name)
        put(list(writers), apart=len(writers) > 1)


@contextmanager
def replacing(folder):
    """A room for new files of a folder, and a function that brings them into it.

    Another one that replaces files of the same folder waits until this one is done, where the system has locks of
    folders. What a process that was killed has left is removed.

    Parameters
    ----------
    folder : str or path
        Made if it does not exist.

    Yields
    ------
    room : Path
        A folder to write to. It is on the same disk, and removed at the end.
    put : callable
        ``put(names, apart=False)`` brings the files of these names to where they belong, in their order; `apart` says
        that the new first ones do not go with the old last one, which is then taken away before.

    Raises
    ------
    OSError
        If anything cannot be written. The files are then as they were before.
    """
    folder = Path(folder)
    try:
        existed = folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with locked(folder) as alone:
                for rest in folder.glob(f"{UNFINISHED}*") if alone else ():
                    shutil.rmtree(rest, ignore_errors=True)
                room = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder))
                try:
                    yield room, lambda names, apart=False: _put(names, room, folder, apart)
                finally:
                    shutil.rmtree(room, ignore_errors=True)
        except BaseException:
            if not existed:
                with suppress(OSError):
                    folder.rmdir()
            raise
    except OSError as error:
        reason = f"cannot write into the folder: {error.strerror or error}. What it held is as it was"
        raise OSError(error.errno, reason, str(folder)) from error


def _put(names, room, folder, apart):
    """Bring files to the folder, each when those before it are on the disk."""
    last, old = folder / names[-1], room / ".old"
    for name in names:
        to_disk(room / name)
    if apart:
        with suppress(FileNotFoundError):
            os.replace(last, old)
        to_disk(folder)
    try:
        for name in names[:-1]:
            os.replace(room / name, folder / name)
    except OSError:
        if old.exists():
            os.replace(old, last)
        raise
    to_disk(folder)
    os.replace(room / names[-1], last)
    to_disk(folder)


@contextmanager
def locked(folder, shared=False):
    """Within, nobody else is who asks here, or only some that read, if it is `shared`; yields whether that is known."""
    try:
        handle = None if fcntl is None else os.open(folder, os.O_RDONLY)
    except PermissionError:  # one may use what is in it, and not look at it
        handle = None
    if handle is None:
        yield False
        return
    try:
        alone = True
        try:
            fcntl.flock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        except OSError:  # a file system without locks
            alone = False
        try:
            yield alone
        finally:
            if alone:
                fcntl.flock(handle, fcntl.LOCK_UN)  # a process that was forked meanwhile has the handle, too
    finally:
        os.close(handle)
