"""The type of the numbers that a data set is asked for."""

import numpy as np


def check_dtype(dtype):
    """A floating-point dtype."""
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"dtype is {dtype}; expected float32 or float64.")
    return dtype
