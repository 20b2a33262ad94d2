"""Nearest codes by cosine, from the lists of the images in which each unit is active.

A query with few active units visits the lists of these units alone. For each image the products are summed, and the
largest sums are selected. Sparse products of matrices find the same, but visit, or merge with, every image.
"""

import numpy as np

from .._kernels import threads
from .._kernels.jit import row_of
from .._kernels.kernel import kernel
from .._kernels.top_k import select_largest_entries

# Sums that a thread holds at a time: two megabytes in float32.
BLOCK_ENTRIES = 1 << 19


@kernel("l1", "J1", "T1", "l1", "J1", "T1", "n", "T2!")
def _sum_products(index_ptr, image, values, ptr, unit, query_values, first, sums):
    """Write the products of some queries, from the first one on, with all images."""
    for q in range(sums.shape[0]):
        row = row_of(sums, q)
        for i in range(row.size):
            row[i] = 0
        for e in range(ptr[first + q], ptr[first + q + 1]):
            x = query_values[e]
            for p in range(index_ptr[unit[e]], index_ptr[unit[e] + 1]):
                row[image[p]] += x * values[p]


def similarities(index, queries, reduce):
    """Reduce the products of queries with all images of an index, by blocks of queries.

    Parameters
    ----------
    index : csc_array of shape (n_images, n_units)
    queries : csr_array of shape (n_queries, n_units)
        Of the same type of values.
    reduce : callable
        Called with the products of a block, of shape (n, n_images), and the number of its first query. Threads call it
        at once; the products are overwritten after it.

    Returns
    -------
    list
        What `reduce` returned, in the order of the queries.
    """
    n_queries, n_images = queries.shape[0], index.shape[0]
    size = max(1, BLOCK_ENTRIES // n_images)
    arrays = []
    for codes in (index, queries):
        indices = codes.indices.astype(index.indices.dtype, copy=False)
        arrays += [codes.indptr.astype(np.int64, copy=False), indices, codes.data]

    def task(block, slot):
        first = block * size
        sums = np.empty((min(size, n_queries - first), n_images), index.dtype)
        _sum_products(*arrays, first, sums)
        return reduce(sums, first)

    return threads.run(task, -(-n_queries // size))


def nearest(index, queries, n_neighbors):
    """Cosines and places of the nearest images of each query, the nearest first; of equal ones the first image.

    Returns
    -------
    cosines : ndarray of shape (n_queries, n_neighbors)
    images : ndarray of int64 of shape (n_queries, n_neighbors)
    """
    shape = (queries.shape[0], n_neighbors)
    cosines, images = np.empty(shape, index.dtype), np.empty(shape, np.int64)

    def select(sums, first):
        found = np.empty((len(sums), n_neighbors), np.int32)
        values = np.empty(found.shape, sums.dtype)
        select_largest_entries(sums, -np.inf, found, values, np.empty(len(sums), np.int32))
        order = np.lexsort((found, -values))
        rows = slice(first, first + len(sums))
        cosines[rows] = np.take_along_axis(values, order, axis=1)
        images[rows] = np.take_along_axis(found, order, axis=1)

    similarities(index, queries, select)
    return cosines, images
