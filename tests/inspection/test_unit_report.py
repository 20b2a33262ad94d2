"""The page of all units: whole, offline, and safe whatever the data say."""

import base64
import io
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_sae import SparseAutoencoder
from skl_sae.inspection import unit_report
from skl_sae.inspection._report.markup import histogram

VOID = {"meta", "img", "input", "rect"}
EVIL = '<script>alert("1")</script><img src="http://example.org/x.png" onerror=alert(2)>&amp;\'"'


class Page(HTMLParser):
    """Elements with their attributes; a page whose tags do not match is an error."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.words = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert tag in VOID or self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def find(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def new_sae(**parameters):
    return SparseAutoencoder(n_components=6, max_iter=5, random_state=0, **parameters)


def check_offline(page):
    """Nothing comes from elsewhere."""
    for tag, attributes in page.elements:
        assert tag not in ("link", "iframe", "object", "base", "form")
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href", "srcset", "action", "data", "xlink:href"):
                assert value.startswith("data:image/png;base64,") or re.fullmatch(r"#unit-\d+", value)
    assert all(not attributes for attributes in page.find("script")) and len(page.find("script")) == 1
    policy = next(meta["content"] for meta in page.find("meta") if "http-equiv" in meta)
    assert policy.startswith("default-src 'none'") and "http" not in policy
    style = page.words[page.words.index(next(words for words in page.words if ":root{" in words))]
    assert "url(" not in style and "@import" not in style


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return new_sae().fit(X[:200]), X[:200], y[:200]


def test_images(digits, tmp_path):
    Image = pytest.importorskip("PIL.Image")
    sae, X, y = digits
    text = unit_report(sae, X, tmp_path / "units.html", y=y, image_shape=(8, 8), n_top=4)
    assert (tmp_path / "units.html").read_text(encoding="utf-8") == text
    page = Page(text)
    check_offline(page)
    assert [card["id"] for card in page.find("article")] == [f"unit-{unit}" for unit in range(6)]
    pictures = [
        np.array(Image.open(io.BytesIO(base64.b64decode(image["src"].partition(",")[2])))) for image in page.find("img")
    ]
    assert len(pictures) == 18

    codes = sae.transform(X)
    for unit in range(6):
        added, rows, mean = pictures[3 * unit : 3 * unit + 3]
        top = np.argsort(-codes[:, unit], kind="stable")[:4]
        assert_allclose(rows[:8, :8, 0], np.rint(255 * X[top[0]].reshape(8, 8) / X[top].max()), atol=1)
        assert (rows[:8, :8, 1] == 255).all() and (rows[:, 8, 1] == 0).all()  # a gap is transparent
        assert mean.shape == (8, 8, 2)
        weights = sae.components_[unit].reshape(8, 8)
        strong = np.abs(weights) > 0.1 * np.abs(weights).max()
        red, blue = added[..., 0].astype(int), added[..., 2].astype(int)
        assert ((red > blue) == (weights > 0))[strong].all()


def test_tables_in_named_columns_and_original_units():
    X = pd.DataFrame(np.random.default_rng(0).normal([0, 100, 5], [1, 50, 0.1], (80, 3)), columns=["a<b", "c&d", "e"])
    model = make_pipeline(StandardScaler(), new_sae()).fit(X)
    text = unit_report(model, X, title="A <title>", units=["sparseautoencoder4", 2])
    page = Page(text)
    check_offline(page)
    assert "A <title>" in page.words and "a<b" in page.words and "c&d" in page.words
    assert [card["id"] for card in page.find("article")] == ["unit-4", "unit-2"]
    assert {link["href"] for link in page.find("a")} <= {"#unit-4", "#unit-2"}


def test_texts_of_the_data_are_never_markup(digits):
    texts = [f"{EVIL} {word} text" for word in ("cat", "dog", "cow", "hen")] * 5
    model = make_pipeline(TfidfVectorizer(), new_sae()).fit(texts)
    page = Page(unit_report(model, texts, y=[EVIL, "b"] * 10, title=EVIL))
    check_offline(page)
    assert not page.find("img") and any(EVIL in words for words in page.words)

    sae, X, _ = digits
    names = [f"{EVIL}{i}" for i in range(64)]
    check_offline(Page(unit_report(sae, X, feature_names=names, texts=[EVIL] * 200, y=[EVIL] * 200)))


def test_texts_that_no_file_can_hold(digits, tmp_path):
    sae, X, _ = digits
    text = unit_report(sae, X, tmp_path / "units.html", texts=["half \ud800 a pair \x00"] * 200, title="\udfff")
    assert (tmp_path / "units.html").read_text(encoding="utf-8") == text and "half ? a pair" in text


@pytest.mark.parametrize("value", [1e30, -3.0, 5e-324])
def test_values_that_are_all_the_same_have_a_histogram(value):
    for values in (np.full(9, value), np.full(9, value, dtype=np.float32)):
        if values[0]:
            assert histogram(values).count("<rect") == 1


def test_sparse_rows_missing_values_one_row_and_units_that_never_fire(digits):
    _, X, _ = digits
    rows = sparse.csr_array(X)
    for model, data in (
        (new_sae(sparse_output=True).fit(rows), rows),
        (new_sae(hidden_layer_sizes=(9,)).fit(np.where(X == 5, np.nan, X)), np.where(X == 5, np.nan, X)),
        (SparseAutoencoder(n_components=90, max_iter=1, dead_units=None, random_state=0).fit(X), X[:1]),
    ):
        for options in ({}, {"image_shape": (8, 8)}):
            page = Page(unit_report(model, data, **options))
            check_offline(page)
            cards = page.find("article")
            dead = [card for card in cards if float(card["data-density"]) == 0]
            assert all(card["class"] == "dead" for card in dead)
            assert len(cards) == len(model.components_ if hasattr(model, "components_") else range(6))
    assert dead


def test_neither_matplotlib_nor_pandas_is_needed(digits, monkeypatch):
    sae, X, y = digits
    for package in ("matplotlib", "pandas", "PIL"):
        monkeypatch.setitem(sys.modules, package, None)
    assert unit_report(sae, X, y=y, image_shape=(8, 8)).count("<img") == 18


def test_constant_data_have_no_shares_and_no_effects():
    X = np.ones((9, 4))
    for model in (new_sae(), new_sae(hidden_layer_sizes=(3,))):
        page = Page(unit_report(model.fit(X), X))
        check_offline(page)
        assert not any("nan" in words for words in page.words[2:-1])


def test_wrong_arguments(digits):
    sae, X, _ = digits
    for options, said in (
        ({"units": [6]}, "from 0 to 5"),
        ({"image_shape": (3, 3)}, "image_shape"),
        ({"texts": ["a"]}, "200 rows"),
    ):
        with pytest.raises(ValueError, match=said):
            unit_report(sae, X, **options)
