"""Equations of the pages and of the docstrings are what docutils can draw: browsers get MathML, and no LaTeX."""

import ast
import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "docs" / "_ext"
WRITTEN_BY_SPHINX = {"_build", "auto_examples", "generated", "gen_modules"}

pytestmark = pytest.mark.skipif(not EXTENSION.exists(), reason="needs the checkout")


@pytest.fixture
def mathml(monkeypatch):
    pytest.importorskip("sphinx")
    monkeypatch.syspath_prepend(str(EXTENSION))
    import mathml

    return mathml.mathml


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
    for example in (ROOT / "docs" / "examples").glob("*.py"):
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
