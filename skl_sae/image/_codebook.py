"""The dictionary of compressed images, shared by who writes and who reads: atoms, and principal axes."""

import hashlib

import numpy as np

from .._kernels.jit import row_of
from .._kernels.kernel import kernel

# Atoms are kept as integers, of which this is 1; so a stream is the same picture on every machine.
UNIT = 1 << 20
# Rows that tell how often an atom is used. Wider patches have no axes.
ROWS, WIDEST = 4096, 1024


def has_atoms(coder):
    """Whether what a coder decodes is a sum of atoms."""
    return getattr(coder, "components_", None) is not None


def atoms_of(coder, rows, channels):
    """The atoms of a fitted coder, for `Part`: without their means, of norm one, the most used first.

    A constant that the coder adds to all patches counts as an atom.
    """
    atoms = np.asarray(coder.components_, np.float64)
    codes = coder.transform(rows[:: max(1, len(rows) // ROWS)])
    usage = np.asarray((codes != 0).sum(axis=0)).ravel()
    atoms = atoms[np.argsort(-usage, kind="stable")]
    constant = getattr(coder, "intercept_", None)
    if constant is not None:
        atoms = np.concatenate([atoms, np.asarray(constant, np.float64).reshape(1, -1)])
    atoms = atoms.reshape(len(atoms), -1, channels)
    atoms = (atoms - atoms.mean(axis=1, keepdims=True)).reshape(len(atoms), -1)
    largest = np.abs(atoms).max(axis=1, keepdims=True)
    atoms = (atoms / np.where(largest > 0, largest, 1))[largest[:, 0] > 0]
    norms = np.linalg.norm(atoms, axis=1, keepdims=True)
    return atoms / norms


def axes_of(rows, channels):
    """Principal axes of rows whose means are zero, channel by channel: all of them, by falling variance."""
    n = rows.shape[1]
    if n > WIDEST:
        return np.zeros((0, n))
    rows = rows / max(np.abs(rows).max(), np.finfo(np.float64).tiny)
    moments = (rows.T @ rows).astype(np.float64)
    constant = np.tile(np.eye(channels), (n // channels, 1))
    moments -= (1 + np.trace(moments)) * (constant @ constant.T)
    return np.ascontiguousarray(np.linalg.eigh(moments)[1][:, : channels - 1 : -1].T)


class Part:
    """One half of the dictionary: atoms of norm one.

    Parameters
    ----------
    atoms : ndarray of shape (n_atoms, n_features)
    """

    def __init__(self, atoms):
        self.integers = np.rint(atoms * UNIT).astype(np.int32)
        self.atoms = self.integers / UNIT
        self.gram = self.atoms @ self.atoms.T

    def __len__(self):
        return len(self.integers)

    def decode(self, counts, atoms, levels):
        """Sums of atoms, in integers: exact, in whatever order.

        Parameters
        ----------
        counts : ndarray of int64 of shape (n_patches,)
        atoms, levels : ndarray of int64 of shape (n_entries,)

        Returns
        -------
        rows : ndarray of int64 of shape (n_patches, n_features)
        """
        rows = np.zeros((len(counts), self.integers.shape[1]), np.int64)
        if len(rows):
            _decode(counts, atoms, levels, self.integers, rows)
        return rows


class Codebook:
    """Two parts: atoms of the coder, and the principal axes of the patches that it was fitted on.

    Each patch is a sum of atoms or of axes. Atoms say with few numbers what is typical; with enough numbers, axes say
    anything.

    Parameters
    ----------
    atoms, axes : ndarray of shape (n_atoms, n_features)
    patch : tuple of int
        Height, width and channels.
    """

    def __init__(self, atoms, axes, patch):
        self.parts, self.patch = (Part(atoms), Part(axes)), patch
        digest = hashlib.blake2b(repr((patch, len(atoms), len(axes))).encode(), digest_size=8)
        for part in self.parts:
            digest.update(part.integers.astype("<i4").tobytes())
        self.fingerprint = digest.digest()


@kernel("l1", "l1", "l1", "i2", "l2!")
def _decode(counts, atoms, levels, dictionary, rows):
    """Add the atoms of each row, times their levels."""
    at = 0
    for i in range(counts.size):
        row = row_of(rows, i)
        for j in range(at, at + counts[i]):
            level, atom = levels[j], row_of(dictionary, atoms[j])
            for k in range(row.size):
                row[k] += level * atom[k]
        at += counts[i]
