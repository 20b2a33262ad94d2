"""How a file, or the names in a folder, get onto the disk."""

import errno
import os


def to_disk(path):
    """Wait until a file, or the names in a folder, are on the disk.

    Where folders cannot be opened, or be waited for, as on Windows and in some networks, their names are written
    anyway.

    Parameters
    ----------
    path : Path

    Raises
    ------
    OSError
        If the disk cannot take it.
    """
    folder = path.is_dir()
    try:
        handle = os.open(path, os.O_RDONLY if folder else os.O_RDWR)
    except PermissionError:
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if not folder or error.errno != errno.EINVAL:
            raise
    finally:
        os.close(handle)
