"""A fixed dictionary, and the products of its atoms that coders need."""

from functools import cached_property

import numpy as np

from ..._kernels.blas import single_threaded_blas
from ..._kernels.products import multiply_rows_t
from ..._kernels.threads import partition, run

# Atoms whose squared norm is below this share of the largest are never used: a code could not tell them from zero.
NEGLIGIBLE = {np.dtype(np.float32): 1e-12, np.dtype(np.float64): 1e-28}
# Of the powers of two that atoms and rows are multiplied with: these, and their inverses, are normal numbers.
LARGEST_EXPONENT = 1000
# Atoms of a block of the Gram matrix, and the number of multiplications up to which one thread makes it.
BLOCK, SMALL = 128, 1 << 21


class Dictionary:
    """Atoms, brought to norms near one by a power of two, which is exact.

    Parameters
    ----------
    atoms : ndarray of shape (n_components, n_features)
        In the precision of the codes.

    Attributes
    ----------
    atoms : ndarray of shape (n_components, n_features)
        Those given, times `scale`.
    scale : float
        A power of two; a code with these atoms is that with the given ones, divided by it.
    """

    def __init__(self, atoms):
        largest = np.abs(atoms).max(initial=0)
        exponent = -int(np.frexp(largest)[1]) - int(np.ceil(np.log2(max(atoms.shape[1], 1)) / 2))
        exponent = min(exponent, LARGEST_EXPONENT) if largest else 0
        self.scale = float(np.ldexp(1.0, exponent))
        self.atoms = np.ascontiguousarray(np.ldexp(atoms, exponent))

    @property
    def shape(self):
        return self.atoms.shape

    @property
    def dtype(self):
        return self.atoms.dtype

    @cached_property
    def squares(self):
        """Squares of the atoms' values: their sum over what is observed is the squared norm there."""
        return np.square(self.atoms)

    @cached_property
    def squared_norms(self):
        """Squared norm of each atom; 0 for those that are never used."""
        squares = np.einsum("ij,ij->i", self.atoms, self.atoms)
        return np.where(squares > NEGLIGIBLE[self.dtype] * squares.max(initial=0), squares, 0)

    @cached_property
    def gram(self):
        """Products of all pairs of atoms; each block of atoms writes those with itself and the ones before, twice."""
        atoms, blocks = self.atoms, partition(len(self.atoms), BLOCK)
        out = np.empty((len(atoms), len(atoms)), self.dtype)

        def multiply(block, slot):
            lo, hi = blocks[block]
            out[lo:hi, :hi] = multiply_rows_t(atoms[lo:hi], atoms[:hi], np.zeros(hi, self.dtype))
            out[:lo, lo:hi] = out[lo:hi, :lo].T

        with single_threaded_blas():
            run(multiply, len(blocks), inline=out.size * atoms.shape[1] < SMALL)
        return out

    @cached_property
    def transposed(self):
        """The atoms as columns (n_features, n_components), contiguous."""
        return np.ascontiguousarray(self.atoms.T)

    @cached_property
    def largest_eigenvalue(self):
        """Of the Gram matrix, from above: the Lipschitz constant of the gradient of the squared error."""
        with single_threaded_blas():
            few = self.gram if len(self.atoms) <= self.shape[1] else self.transposed @ self.atoms
            largest = float(np.linalg.eigvalsh(few.astype(np.float64))[-1])
        return max(largest, 0.0) * (1 + len(few) * float(np.finfo(self.dtype).eps))
