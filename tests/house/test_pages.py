"""What the pages do on their own: equations become MathML, parameters have headings, other projects have addresses."""

import ast
import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "docs" / "_ext"
WRITTEN_BY_SPHINX = {"_build", "auto_examples", "generated", "gen_modules"}

pytestmark = pytest.mark.skipif(not EXTENSION.exists(), reason="needs the checkout")


@pytest.fixture(autouse=True)
def extensions(monkeypatch):
    pytest.importorskip("sphinx")
    monkeypatch.syspath_prepend(str(EXTENSION))


@pytest.fixture
def mathml(extensions):
    from mathml import mathml

    return mathml


def equations(text):
    """Pairs of an equation and whether it has lines of its own."""
    yield from ((match[1], False) for match in re.finditer(r":math:`([^`]*)`", text))
    for match in re.finditer(r"^( *)\.\. math::(.*)\n((?:\1 +\S.*\n|[ \t]*\n)*)", text, re.MULTILINE):
        yield f"{match[2]}\n{textwrap.dedent(match[3])}".strip(), True


def texts():
    """Pages, what examples say between their code, and docstrings as Python reads them."""
    for page in (ROOT / "docs").rglob("*.rst"):
        if not WRITTEN_BY_SPHINX & set(page.relative_to(ROOT / "docs").parts):
            yield page, page.read_text(encoding="utf-8")
    for example in (ROOT / "docs" / "examples").rglob("*.py"):
        yield example, re.sub(r"^# ?", "", example.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for path in (ROOT / "skl_sae").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                yield path, ast.get_docstring(node) or ""


def test_every_equation_is_understood(mathml):
    n = 0
    for path, text in texts():
        for tex, as_block in equations(text):
            assert "\\" not in mathml(tex, as_block), f"{path}: {tex}"
            n += 1
    assert n > 100


@pytest.mark.parametrize(
    "tex, of",
    [
        (r"\hat x_{ij}", r"<msub>.*<mover.*</mover>.*<mi>j</mi>.*</msub>"),
        (r"\tfrac12 a", r"<mfrac[^>]*>\s*<mn>1</mn>\s*<mn>2</mn>\s*</mfrac>\s*<mi>a</mi>"),
        (r"\text{weight\_decay}", r"<mtext>weight_decay</mtext>"),
        (r"\Big( x \Big)", r"<mo[^>]*>\(</mo>"),
        (r"a_1 + \dots + a_n", r"…"),
    ],
)
def test_spellings_that_docutils_has_not(mathml, tex, of):
    assert re.search(of, mathml(tex, False), re.DOTALL)


@pytest.mark.parametrize(
    "name, address",
    [
        ("sklearn.svm.LinearSVC", "https://scikit-learn.org/stable/modules/generated/sklearn.svm.LinearSVC.html"),
        ("sklearn.svm.LinearSVC.fit", "https://scikit-learn.org/stable/modules/generated/sklearn.svm.LinearSVC.html"),
        ("numpy.savez", "https://numpy.org/doc/stable/reference/generated/numpy.savez.html"),
        ("numpy.random.rand", "https://numpy.org/doc/stable/reference/random/generated/numpy.random.rand.html"),
        ("scipy.sparse.csr_array", "https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.csr_array.html"),
    ],
)
def test_names_of_others_have_addresses(name, address):
    import references

    assert references.address(name) == f"{address}#{name}"


def test_names_of_ours_have_none():
    import references

    assert references.address("skl_sae.SparseAutoencoder") is references.address("n_components") is None


def test_a_line_of_asterisks_among_parameters_is_a_heading():
    """As numpydoc writes them: the heading is a parameter that nothing is said of."""
    import parameter_groups
    from docutils.core import publish_doctree
    from numpydoc.docscrape_sphinx import SphinxDocString

    docstring = "One.\n\nParameters\n----------\n**Sparsity**\n\nk : int\n    Units.\n*args : int\n    More.\n"
    page = publish_doctree(str(SphinxDocString(docstring)), settings_overrides={"report_level": 5})
    parameter_groups.mark(None, page)
    terms = [node for node in page.findall() if node.tagname == "term"]
    assert [(term.astext(), term["classes"]) for term in terms] == [
        ("Sparsity", ["parameter-group"]),
        ("k", []),
        ("*args", []),
    ]
