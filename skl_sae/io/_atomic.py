"""Files that are whole or as they were before, whenever the process or the machine stops."""

import os
import shutil
import tempfile
from pathlib import Path

#: What names of files and folders begin with that are not finished.
UNFINISHED = ".unfinished-"


def write_files(folder, writers):
    """Write some files of a folder, in their order; the last one is what makes the others count.

    A new folder appears with all of its files. In one that exists, each file is replaced as a whole when all have been
    written, the last one at the end; other files stay.

    Parameters
    ----------
    folder : str or path
    writers : dict of str to callable
        By the name of the file: writes it to the path that it is given.
    """
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    home = folder if folder.is_dir() else folder.parent
    room = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=home))
    try:
        for name, write in writers.items():
            write(room / name)
            _to_disk(room / name)
        if home is not folder:
            os.chmod(room, 0o777 & ~_umask())  # a temporary folder is its owner's alone
            os.rename(room, folder)
        else:
            for name in writers:
                os.replace(room / name, folder / name)
            _to_disk(folder)
        _to_disk(folder.parent)
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _to_disk(path):
    """Wait until a file, or the names in a folder, are on the disk; where folders cannot be opened they are anyway."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask():
    """What a process takes off the rights of its new files; it can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
