"""The MNIST digits."""

from pathlib import Path

import numpy as np

from ._dtype import check_dtype


def load_mnist(path=None, *, dtype=np.float32):
    """Load the MNIST digits, pixels in [0, 1], with the usual division into training and test set.

    Parameters
    ----------
    path : str or path-like, default=None
        A ``.npz`` file with `X`, of shape (70000, 784) and values 0 to 255, and `y`, of shape (70000,), the test set
        last. By default the data come from `sklearn.datasets.fetch_openml`, which keeps them in its cache.
    dtype : dtype, default=numpy.float32
        Type of the pixels: float32 or float64.

    Returns
    -------
    X_train : ndarray of shape (60000, 784)
        Training images.
    y_train : ndarray of shape (60000,)
        Training digits, int64.
    X_test : ndarray of shape (10000, 784)
        Test images.
    y_test : ndarray of shape (10000,)
        Test digits, int64.

    Examples
    --------
    >>> from skl_sae.datasets import load_mnist
    >>> X_train, y_train, X_test, y_test = load_mnist()  # doctest: +SKIP
    """
    dtype = check_dtype(dtype)
    if path is None:
        from sklearn.datasets import fetch_openml  # here: it is slow to import

        X, y = fetch_openml("mnist_784", version=1, return_X_y=True, as_frame=False)
    else:
        with np.load(Path(path), allow_pickle=False) as archive:
            missing = {"X", "y"} - set(archive.files)
            if missing:
                raise ValueError(
                    f"{path} has the arrays {sorted(archive.files)}; expected 'X' and 'y' ({sorted(missing)} missing)."
                )
            X, y = archive["X"], archive["y"]
    if X.shape != (70000, 784) or y.shape != (70000,):
        raise ValueError(f"X has shape {X.shape} and y {y.shape}; expected (70000, 784) and (70000,).")
    X = X.astype(dtype)
    X /= 255
    y = y.astype(np.int64)
    return X[:60000], y[:60000], X[60000:], y[60000:]
