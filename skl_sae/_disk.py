"""How a file, or the names in a folder, get onto the disk."""

import errno
import os

# What systems say that can open a folder but not wait for it.
NO_FOLDERS = {errno.EINVAL, errno.EBADF, errno.ENOTSUP}


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
        if not folder or error.errno not in NO_FOLDERS:
            raise
    finally:
        os.close(handle)
