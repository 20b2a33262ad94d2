"""Kernels of the compressed layouts of a code: a row's entries padded to one width, and entries ordered by unit."""

import numpy as np

from ._numba import jit


@jit
def compress_nonzero(dense, index, values, count):
    for i in range(dense.shape[0]):
        row, at, to = dense[i], index[i], values[i]
        n = 0
        for j in range(row.size):
            if row[j] != 0:
                at[n] = j
                to[n] = row[j]
                n += 1
        count[i] = n


@jit
def compress_support(dense, support, index, values, count):
    for i in range(dense.shape[0]):
        row, keep, at, to = dense[i], support[i], index[i], values[i]
        n = 0
        for j in range(row.size):
            if keep[j]:
                at[n] = j
                to[n] = row[j]
                n += 1
        count[i] = n


@jit
def decode_rows(index, values, count, decoder, start, stop, out):
    """out[i] += sum of values times decoder rows, four rows a visit of out[i]."""
    d = out.shape[1]
    for i in range(out.shape[0]):
        r, units, v = out[i], index[i], values[i]
        j, n = 0, count[i]
        if start > 0 or stop < decoder.shape[0]:
            for j in range(n):
                if start <= units[j] < stop:
                    w0, v0 = decoder[units[j]], v[j]
                    for c in range(d):
                        r[c] += v0 * w0[c]
            continue
        while j + 4 <= n:
            v0, v1, v2, v3 = v[j], v[j + 1], v[j + 2], v[j + 3]
            w0, w1 = decoder[units[j]], decoder[units[j + 1]]
            w2, w3 = decoder[units[j + 2]], decoder[units[j + 3]]
            for c in range(d):
                r[c] += v0 * w0[c] + v1 * w1[c] + v2 * w2[c] + v3 * w3[c]
            j += 4
        while j < n:
            v0, w0 = v[j], decoder[units[j]]
            for c in range(d):
                r[c] += v0 * w0[c]
            j += 1


@jit
def pull_rows(index, count, decoder, gradient, start, stop, out):
    """out[i, j] = gradient[i] . decoder[index[i, j]], four dot products a visit of gradient[i]."""
    d = gradient.shape[1]
    zero = gradient.dtype.type(0)
    for i in range(gradient.shape[0]):
        r, units = gradient[i], index[i]
        j, n = 0, count[i]
        if start > 0 or stop < decoder.shape[0]:
            for j in range(n):
                if start <= units[j] < stop:
                    w0, s0 = decoder[units[j]], zero
                    for c in range(d):
                        s0 += r[c] * w0[c]
                    out[i, j] = s0
            continue
        while j + 4 <= n:
            w0, w1 = decoder[units[j]], decoder[units[j + 1]]
            w2, w3 = decoder[units[j + 2]], decoder[units[j + 3]]
            s0, s1, s2, s3 = zero, zero, zero, zero
            for c in range(d):
                y = r[c]
                s0 += y * w0[c]
                s1 += y * w1[c]
                s2 += y * w2[c]
                s3 += y * w3[c]
            out[i, j], out[i, j + 1], out[i, j + 2], out[i, j + 3] = s0, s1, s2, s3
            j += 4
        while j < n:
            w0, s0 = decoder[units[j]], zero
            for c in range(d):
                s0 += r[c] * w0[c]
            out[i, j] = s0
            j += 1


@jit
def order_by_unit(index, values, grad, count, ptr, row, position, out_values, out_grad):
    """Counting sort of the entries by unit; stable, so rows ascend within a unit.

    Unsigned numbers save the check for negative ones.
    """
    width = index.shape[1]
    ptr[:] = 0
    for i in range(count.size):
        units = index[i]
        for j in range(count[i]):
            ptr[np.uint32(units[j]) + 1] += 1
    start = 0
    for u in range(1, ptr.size):  # ptr[u + 1] walks from the start of unit u to its end
        n, ptr[u] = ptr[u], start
        start += n
    for i in range(count.size):
        units, v, g = index[i], values[i], grad[i]
        for j in range(count[i]):
            u = np.uint32(units[j]) + 1
            q = np.uint64(ptr[u])
            ptr[u] = q + 1
            row[q] = i
            position[q] = i * width + j
            out_values[q] = v[j]
            out_grad[q] = g[j]


@jit
def sum_segments(ptr, x, out):
    for u in range(out.size):
        total = x.dtype.type(0)
        for q in range(ptr[u], ptr[u + 1]):
            total += x[q]
        out[u] = total


@jit
def any_positive_segments(ptr, x):
    out = np.zeros(ptr.size - 1, np.bool_)
    for u in range(out.size):
        for q in range(ptr[u], ptr[u + 1]):
            out[u] |= x[q] > 0
    return out


@jit
def correlate_units(ptr, row, values, x, out, add):
    """out[u] (+)= sum over the entries of unit u of value times x[row], four rows a visit of out[u]."""
    d = out.shape[1]
    for u in range(out.shape[0]):
        g, q, stop = out[u], ptr[u], ptr[u + 1]
        if not add:
            for c in range(d):
                g[c] = 0
        while q + 4 <= stop:
            v0, v1, v2, v3 = values[q], values[q + 1], values[q + 2], values[q + 3]
            x0, x1, x2, x3 = x[row[q]], x[row[q + 1]], x[row[q + 2]], x[row[q + 3]]
            for c in range(d):
                g[c] += v0 * x0[c] + v1 * x1[c] + v2 * x2[c] + v3 * x3[c]
            q += 4
        while q < stop:
            v0, x0 = values[q], x[row[q]]
            for c in range(d):
                g[c] += v0 * x0[c]
            q += 1
