"""The picture of an estimator in a notebook links to pages that the reference has."""

import re
from inspect import Parameter, signature
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_html_repr
from test_docstrings import public_objects

import skl_sae
from skl_sae import SparseAutoencoder, SparseAutoencoderImputer
from skl_sae._doc_link import SITE
from skl_sae.coding import KSVD
from skl_sae.sparsity import RULES

X = np.random.default_rng(0).normal(size=(20, 3))


def class_of(path):
    module, _, name = path.rpartition(".")
    found = skl_sae
    for part in module.split(".")[1:]:
        found = getattr(found, part)
    return getattr(found, name)


CLASSES = {path: class_of(path) for path in public_objects()}
CLASSES = {path: each for path, each in CLASSES.items() if isinstance(each, type) and issubclass(each, BaseEstimator)}


def reference():
    """Names, with the modules that they are listed under, of what docs/api.rst makes a page of."""
    names, module = set(), None
    for line in (Path(__file__).parents[2] / "docs" / "api.rst").read_text(encoding="utf-8").splitlines():
        directive = re.fullmatch(r"\.\. (?:current)?module:: (\S+)", line)
        module = directive[1] if directive else module
        names.add(f"{module}.{line.strip()}")
    return names


def pages(estimator):
    """Addresses of pages that are linked, without the place on the page; a fragment of the picture itself is none."""
    links = re.findall(r'href="([^"]*)"', estimator_html_repr(estimator))
    return [link.partition("#")[0] for link in links if not link.startswith("#")]


def page_of(path):
    return f"{SITE}/generated/{path}.html"


def made(kind):
    """An object of a class; those that take a model get one."""
    needed = [each for each in signature(kind).parameters.values() if each.default is Parameter.empty]
    return kind(*[KSVD() for each in needed if each.kind is not Parameter.VAR_KEYWORD])


def test_there_is_something_to_look_at():
    assert {"skl_sae.SparseAutoencoder", "skl_sae.coding.KSVD", "skl_sae.sparsity.Gated"} <= CLASSES.keys()


@pytest.mark.parametrize("path", CLASSES)
def test_each_class_links_to_its_page(path):
    assert path in reference()
    assert made(CLASSES[path])._get_doc_link() == page_of(path)


@pytest.mark.parametrize("path", CLASSES)
def test_the_picture_shows_it(path):
    linked = pages(made(CLASSES[path]))
    assert page_of(path) in linked
    ours = {link for link in linked if link.startswith(SITE)}
    assert ours <= {page_of(each) for each in CLASSES}
    assert all("scikit-learn.org" in link and "skl_sae" not in link for link in set(linked) - ours)


@pytest.mark.parametrize("path", CLASSES)
def test_each_parameter_is_explained(path):
    """Under its name, without the headings between groups."""
    estimator = made(CLASSES[path])
    texts = re.findall(
        r'<span class="param-doc-description".*?>\s*(\w+): (.*?)</span>', estimator_html_repr(estimator), re.S
    )
    assert set(estimator.get_params(deep=False)) <= {name for name, _ in texts}
    assert not [name for name, text in texts if "**" in text]


def test_fitted_and_among_others():
    sae = SparseAutoencoder(4, max_iter=1, sparsity=RULES["matryoshka"](RULES["topk"](2))).fit(X)
    imputer = SparseAutoencoderImputer(SparseAutoencoder(4, max_iter=1)).fit(X)
    assert page_of("skl_sae.SparseAutoencoder") in pages(sae)
    assert page_of("skl_sae.SparseAutoencoderImputer") in pages(imputer)
    pipe = make_pipeline(SparseAutoencoderImputer(SparseAutoencoder()), SparseAutoencoder(), LogisticRegression())
    assert {page_of("skl_sae.SparseAutoencoder"), page_of("skl_sae.SparseAutoencoderImputer")} <= set(pages(pipe))
    assert any("/sklearn." in link for link in pages(pipe))


def test_a_class_from_elsewhere_has_no_page():
    class Mine(SparseAutoencoder):
        pass

    assert Mine()._get_doc_link() == ""
    assert pages(Mine()) == []
