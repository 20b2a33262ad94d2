"""What tests with other libraries themselves share: data, models away from their start, and how both agree."""

import numpy as np
from sklearn.datasets import load_digits

X = load_digits().data[:300].astype(np.float32) / 16
D = X.shape[1]


def shaken(torch, model, size=0.2):
    """A model with other numbers than those at its start."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for each in model.parameters():
            each.add_(size * torch.randn(each.shape, generator=generator).to(each.dtype))
    return model


def assert_close(found, expected, tol=1e-5):
    """Codes and reconstructions, or some of them, as two libraries give them."""
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=tol, atol=tol * max(1, abs(other).max()))
