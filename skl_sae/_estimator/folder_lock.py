"""One process at a time, and one fit in it, writes to a folder. A process that dies lets go by itself."""

import errno
import os
import weakref

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt

# Locks of files are those of a process; within it, the folders that are in use. A lock that an interrupt has kept from
# its owner is let go.
_IN_USE = weakref.WeakValueDictionary()


class FolderLock:
    """The lock of a folder, held until `release`.

    Where the file system knows no locks, only fits of this process are kept apart.

    Parameters
    ----------
    folder : Path
    name : str
        Of the file that is locked. It stays.
    """

    def __init__(self, folder, name):
        self._key, self._file = (os.getpid(), str(folder.resolve())), None
        if _IN_USE.setdefault(self._key, self) is not self:
            raise BlockingIOError("another fit of this process writes there")
        try:
            self._file = open(folder / name, "ab")
            _lock(self._file)
        except BaseException:
            self.release()
            raise

    def release(self):
        """Let others have the folder."""
        if self._file is not None:
            self._file.close()
        if _IN_USE.get(self._key) is self:
            del _IN_USE[self._key]


def _lock(file):
    """Raise BlockingIOError if another process has the file."""
    try:
        if fcntl is not None:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
            raise BlockingIOError("another process writes there") from None
