"""What sparse autoencoders of other libraries compute, written from the published equations in float64 NumPy.

An architecture is a function of the pre-activations and of its own arrays; the arrays have the names and shapes of the
files. Nothing is shared with the package.

Sources: ReLU, Bricken et al. 2023 (Towards Monosemanticity); TopK, Gao et al. 2024 (arXiv:2406.04093), equation 2;
JumpReLU, Rajamanoharan et al. 2024 (arXiv:2407.14435), equations 2-4; gated, Rajamanoharan et al. 2024
(arXiv:2404.16014), equations 3-6; BatchTopK, Bussmann et al. 2024 (arXiv:2412.06410), equation 8: a threshold.
"""

import numpy as np


def relu(a):
    return np.where(a > 0, a, 0.0)


def largest(size, k):
    """Which entries of each row are among its k largest by `size`."""
    order = np.argsort(-size, axis=1, kind="stable")[:, :k]
    chosen = np.zeros(size.shape, bool)
    np.put_along_axis(chosen, order, True, axis=1)
    return chosen


def standard(x, t, k):
    return relu(x @ t["W_enc"] + t["b_enc"])


def topk(x, t, k):
    a = x @ t["W_enc"] + t["b_enc"]
    return relu(a) * largest(a, k)


def abstopk(x, t, k):
    a = x @ t["W_enc"] + t["b_enc"]
    return a * largest(abs(a), k)


def jumprelu(x, t, k):
    a = x @ t["W_enc"] + t["b_enc"]
    return relu(a) * (a > t["threshold"])


def gated(x, t, k):
    gate = x @ t["W_enc"] + t["b_gate"] > 0
    return gate * relu(x @ (t["W_enc"] * np.exp(t["r_mag"])) + t["b_mag"])


ARCHITECTURES = {each.__name__: each for each in (standard, topk, abstopk, jumprelu, gated)}


def encode(architecture, X, tensors, k=None, centred=True):
    """Codes of X: the decoder's bias is subtracted from it, if the model is `centred`."""
    t = {name: np.asarray(array, np.float64) for name, array in tensors.items()}
    return ARCHITECTURES[architecture](np.asarray(X, np.float64) - (t["b_dec"] if centred else 0), t, k)


def decode(codes, tensors):
    """Reconstructions."""
    return codes @ np.asarray(tensors["W_dec"], np.float64) + np.asarray(tensors["b_dec"], np.float64)
