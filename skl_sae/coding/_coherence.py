"""How alike the atoms of a dictionary are."""

import numpy as np

from .._kernels.blas import single_threaded_blas
from .._kernels.norms import unit_rows
from .._kernels.threads import run
from .._parameters import check_named_array

# Number of atoms whose products with the others are held at a time.
BLOCK = 256


def mutual_coherence(dictionary):
    r"""Largest absolute cosine of two different atoms.

    .. math::

        \mu = \max_{i \ne j} \frac{|\langle d_i, d_j \rangle|}{\|d_i\| \, \|d_j\|}

    A code with fewer than :math:`(1 + 1 / \mu) / 2` entries that are not zero is the only code of its signal with so
    few, and orthogonal matching pursuit and basis pursuit find it [1]_ [2]_. Of K atoms with d features,
    :math:`\mu \ge \sqrt{(K - d) / (d (K - 1))}`.

    Parameters
    ----------
    dictionary : array-like of shape (n_components, n_features)
        One atom a row, of any norm but zero. Of a measurement matrix, pass the transposed: its columns are the atoms.

    Returns
    -------
    coherence : float
        From 0, for orthogonal atoms or a single one, to 1, for two atoms of one direction.

    References
    ----------
    .. [1] D. Donoho and M. Elad (2003), "Optimally sparse representation in general (nonorthogonal) dictionaries via
           l1 minimization", PNAS 100, 2197-2202.
    .. [2] J. Tropp (2004), "Greed is good: algorithmic results for sparse approximation", IEEE Transactions on
           Information Theory 50, 2231-2242.

    Examples
    --------
    >>> from skl_sae.coding import mutual_coherence
    >>> mutual_coherence([[1.0, 0.0], [0.0, 2.0], [3.0, 4.0]])
    0.8
    """
    atoms = check_named_array("dictionary", dictionary, dtype=[np.float64, np.float32])
    zeros = np.flatnonzero(~atoms.any(axis=1))
    if zeros.size:
        raise ValueError(
            f"{zeros.size} of {len(atoms)} atoms are zero, the first is row {zeros[0]} of the dictionary: they have no "
            "direction. Leave them out. (Atoms are the rows; of a measurement matrix, pass the transposed.)"
        )
    atoms = unit_rows(atoms)

    def work(block, slot):
        lo = block * BLOCK
        products = np.abs(atoms[lo : lo + BLOCK] @ atoms[lo:].T)
        np.fill_diagonal(products, 0)
        return products.max()

    with single_threaded_blas():
        return min(float(max(run(work, -(-len(atoms) // BLOCK)))), 1.0)
