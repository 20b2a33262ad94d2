"""Stand-in."""

import numpy as np
from scipy import sparse

from .._kernels.kernel import kernel
from .._kernels.threads import partition, run


@kernel("T2", "T2", "d2", "T2", "n", "d1", "T2!")
def _omp(p, gram, energy, x, k, options, out):
    K = gram.shape[0]
    tol = options[0]
    positive = options[1] > 0
    for i in range(p.shape[0]):
        a = p[i].copy()
        nrm = np.empty(K, gram.dtype)
        for j in range(K):
            nrm[j] = gram[j, j]
        V = np.zeros((k, K), gram.dtype)
        L = np.zeros((k, k), gram.dtype)
        y = np.zeros(k, gram.dtype)
        sel = np.zeros(k, np.int64)
        used = np.zeros(K, np.bool_)
        err = energy[i, 0]
        n = 0
        e0 = err
        while n < k:
            if err <= tol:
                break
            best, kk = 1e-14 * e0, -1
            for j in range(K):
                if not used[j] and gram[j, j] > 0 and nrm[j] > 1e-6 * gram[j, j] and (a[j] > 0 or not positive):
                    s = a[j] * a[j] / gram[j, j]
                    if s > best:
                        best, kk = s, j
            if kk < 0:
                break
            l = np.sqrt(nrm[kk])
            for q in range(n):
                L[n, q] = V[q, kk]
            L[n, n] = l
            for j in range(K):
                V[n, j] = gram[kk, j]
            for q in range(n):
                w = V[q, kk]
                for j in range(K):
                    V[n, j] -= w * V[q, j]
            y[n] = a[kk] / l
            for j in range(K):
                V[n, j] /= l
                a[j] -= y[n] * V[n, j]
                nrm[j] -= V[n, j] * V[n, j]
            err -= y[n] * y[n]
            used[kk] = True
            sel[n] = kk
            n += 1
        for q in range(n - 1, -1, -1):
            s = y[q]
            for r in range(q + 1, n):
                s -= L[r, q] * out[i, sel[r]]
            out[i, sel[q]] = s / L[q, q]
        if positive:
            for q in range(n):
                out[i, sel[q]] = max(out[i, sel[q]], 0)


@kernel("T2", "T2", "n", "d1", "T2!")
def _cd(p, gram, max_iter, options, out):
    K = gram.shape[0]
    alpha, positive = options[0], options[1] > 0
    for i in range(p.shape[0]):
        c = p[i].copy()
        z = out[i]
        for it in range(max_iter):
            change, largest = 0.0, 0.0
            for j in range(K):
                g = gram[j, j]
                if g <= 0:
                    continue
                v = c[j] + g * z[j]
                if v > alpha:
                    new = (v - alpha) / g
                elif v < -alpha and not positive:
                    new = (v + alpha) / g
                else:
                    new = 0.0
                d = new - z[j]
                if d != 0:
                    dd = gram.dtype.type(d)
                    for m in range(K):
                        c[m] -= dd * gram[j, m]
                    z[j] = new
                change = max(change, abs(d))
                largest = max(largest, abs(new))
            if change <= 1e-5 * largest:
                break


def sparse_encode(
    X,
    dictionary,
    *,
    algorithm="omp",
    n_nonzero_coefs=None,
    tol=None,
    alpha=None,
    positive=False,
    mask=None,
    groups=None,
    max_iter=1000,
    sparse_output=False,
):
    D = np.ascontiguousarray(dictionary, X.dtype)
    K = len(D)
    n = X.shape[0]
    options = np.array([-1.0 if tol is None else tol, float(positive)])
    k = K if n_nonzero_coefs is None else n_nonzero_coefs
    k = min(k, K, X.shape[1])
    gram = D @ D.T
    out = np.zeros((n, K), X.dtype)
    blocks = partition(n, 256, 1)
    if mask is not None:
        for i in range(n):
            m = mask[i]
            Dm = D * m
            x = np.where(m, X[i], 0)
            _omp((x @ Dm.T)[None], Dm @ Dm.T, np.array([[float(x @ x)]]), x[None], k, options, out[i : i + 1])
        return sparse.csr_array(out)

    def task(b, slot):
        lo, hi = blocks[b]
        x = X[lo:hi]
        x = x.toarray() if sparse.issparse(x) else np.asarray(x)
        p = x @ D.T
        if algorithm == "omp":
            energy = np.einsum("ij,ij->i", x, x, dtype=np.float64)[:, None]
            _omp(p, gram, energy, x, k, options, out[lo:hi])
        else:
            _cd(p, gram, 100, np.array([float(alpha), float(positive)]), out[lo:hi])
        return sparse.csr_array(out[lo:hi])

    codes = sparse.vstack(run(task, len(blocks)), format="csr")
    return codes if sparse_output else codes.toarray()
