"""What rules publish: it is documented, and codes follow from it and from the weights, by plain NumPy."""

import numpy as np
import pytest
from numpydoc.docscrape import ClassDoc
from scipy.sparse import issparse

from skl_sae import SparseAutoencoder
from skl_sae.compression import prune, quantize
from skl_sae.io import load, save
from skl_sae.sparsity import RULES, AbsTopK, BatchTopK, Gated, JumpReLU, KLDivergence, Matryoshka, TopK

rng = np.random.default_rng(0)
X = (rng.random((500, 14)) < 0.2) * rng.gamma(2, size=(500, 14)) @ rng.standard_normal((14, 8)) * 7 + 3


def largest(a, k):
    """Entries of each row that are among its k largest."""
    return a >= np.sort(a, axis=1)[:, [-k]]


# The code from the fitted estimator's public numbers, pre-activations and X.
def thresholded(sae, a, X):
    rule = getattr(sae.sparsity_, "rule_", sae.sparsity_)
    return np.where(a > rule.threshold_, np.maximum(a, 0), 0)


def gated(sae, a, X):
    rule = sae.sparsity_
    projected = (X - sae.mean_) @ sae.coefs_[0]  # which may be CSR
    return np.where(a > 0, np.maximum(projected * rule.gain_ + rule.magnitude_bias_, 0), 0)


def top_k(sae, a, X):
    return np.where(largest(a, sae.sparsity_.transform_k_), np.maximum(a, 0), 0)


def abs_top_k(sae, a, X):
    return np.where(largest(abs(a), sae.sparsity_.transform_k_), a, 0)


def sigmoid(sae, a, X):
    return 1 / (1 + np.exp(-a))


CODES = {
    "topk": (TopK(3, transform_k=4), top_k),
    "abs_topk": (AbsTopK(3), abs_top_k),
    "batch_topk": (BatchTopK(3), thresholded),
    "lifetime_topk": ("lifetime_topk", lambda sae, a, X: np.maximum(a, 0)),
    "l1": (RULES["l1"](target_l0=3), thresholded),
    "jumprelu": (JumpReLU(target_l0=3), thresholded),
    "gated": (Gated(target_l0=3), gated),
    "kl": (KLDivergence(0.2), sigmoid),
    "matryoshka": (Matryoshka("batch_topk"), thresholded),
}


def test_every_rule_is_here():
    assert CODES.keys() == RULES.keys()


@pytest.mark.parametrize("scale", [True, False, "features"])
@pytest.mark.parametrize("name", CODES)
def test_codes_follow_from_what_is_published(name, scale, tmp_path):
    rule, expected = CODES[name]
    sae = SparseAutoencoder(16, sparsity=rule, scale=scale, max_iter=8, learning_rate_init=0.003, random_state=0).fit(X)
    save(sae, tmp_path)
    for each in (sae, load(tmp_path)):
        a = X @ each.coefs_[0] + each.intercepts_[0]
        np.testing.assert_allclose(each.transform(X), expected(each, a, X), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("options", [{"batch_norm": True}, {"tied_weights": True}])
@pytest.mark.parametrize("name", ["batch_topk", "l1", "jumprelu", "gated"])
def test_codes_follow_after_normalisation_and_pruning(name, options):
    rule, expected = CODES[name]
    sae = SparseAutoencoder(16, sparsity=rule, max_iter=8, random_state=0, **options).fit(X)
    for each in (sae, prune(sae, 0.5), quantize(sae, bits=8)):
        coef = each.coefs_[0].toarray() if issparse(each.coefs_[0]) else each.coefs_[0]
        codes, told = each.transform(X), expected(each, X @ coef + each.intercepts_[0], X)
        assert np.isnan(told).mean() < 0.01
        np.testing.assert_allclose(codes, np.where(np.isnan(told), codes, told), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_the_mean_activation_is_that_of_the_last_batches(activation, momentum):
    """Where a fit stands still, it is the same in all of them."""
    options = {"max_iter": 9, "batch_size": len(X), "learning_rate_init": 1e-30, "random_state": 0}
    sae = SparseAutoencoder(6, sparsity=KLDivergence(0.2, momentum=momentum), activation=activation, **options).fit(X)
    f = sae.transform(X)
    mean = f.mean(axis=0) if activation == "sigmoid" else (1 + f.mean(axis=0)) / 2
    np.testing.assert_allclose(sae.sparsity_.mean_activation_, mean, rtol=1e-7)
    with pytest.raises(ValueError, match="read-only"):
        sae.sparsity_.mean_activation_[0] = 1


@pytest.mark.parametrize("name", CODES)
def test_all_that_is_public_is_documented(name):
    sae = SparseAutoencoder(16, sparsity=CODES[name][0], max_iter=1, random_state=0).fit(X)
    rule = sae.sparsity_
    documented = {each.strip() for entry in ClassDoc(type(rule))["Attributes"] for each in entry.name.split(",")}
    fitted = {each for each in vars(rule) if each.endswith("_") and not each.startswith("_")}
    assert fitted <= documented


@pytest.mark.filterwarnings("ignore:100 % of the units did not fire")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_threshold_of_jumprelu_lies_on_the_largest_pre_activation(dtype):
    """Where no row turns a unit on: whether one does must not hang on a last bit."""
    rule = JumpReLU(alpha=0.3, threshold=3.0)
    sae = SparseAutoencoder(16, sparsity=rule, max_iter=8, random_state=0).fit(X.astype(dtype))
    largest = (X @ sae.coefs_[0] + sae.intercepts_[0]).max(axis=0)
    distance = sae.sparsity_.threshold_ / largest - 1
    assert (distance > 5e-4).all() and (distance < 2e-3).any()
    assert not sae.transform(X).any() and not sae.transform(X.astype(np.float32)).any()
