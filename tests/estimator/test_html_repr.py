"""The picture of an estimator in a notebook links to no page that does not exist."""

import re

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_html_repr

from skl_sae import SparseAutoencoder, SparseAutoencoderImputer
from skl_sae.sparsity import RULES, BaseSparsity

ALONE = [SparseAutoencoder(), SparseAutoencoderImputer(), BaseSparsity(), *(rule() for rule in RULES.values())]
X = np.random.default_rng(0).normal(size=(20, 3))


def pages(estimator):
    """Addresses of pages that are linked; a fragment of the page itself is none."""
    return [link for link in re.findall(r'href="([^"]*)"', estimator_html_repr(estimator)) if not link.startswith("#")]


@pytest.mark.parametrize("estimator", ALONE, ids=lambda each: type(each).__name__)
def test_our_estimators_link_to_nothing(estimator):
    """There is no page on scikit-learn's site, and no site of the project yet."""
    assert pages(estimator) == []
    assert "Parameters" in estimator_html_repr(estimator)


def test_our_estimators_link_to_nothing_once_fitted_and_among_others():
    sae = SparseAutoencoder(4, max_iter=1, sparsity=RULES["matryoshka"](RULES["topk"](2))).fit(X)
    imputer = SparseAutoencoderImputer(SparseAutoencoder(4, max_iter=1)).fit(X)
    assert pages(sae) == pages(imputer) == []
    pipe = make_pipeline(SparseAutoencoderImputer(SparseAutoencoder()), SparseAutoencoder(), LogisticRegression())
    linked = pages(pipe)
    assert linked  # scikit-learn's own, which exist
    assert all("/sklearn." in link and "skl_sae" not in link for link in linked)
