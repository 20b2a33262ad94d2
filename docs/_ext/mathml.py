"""Equations as MathML, made by docutils while the pages are built: browsers draw it by themselves, without a script."""

import html
import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

logger = logging.getLogger(__name__)

# What LaTeX understands and docutils does not, or draws another way, and how both would.
SPELLINGS = [
    # sizes without a side, dots that look at their neighbours
    (re.compile(r"\\(bigg|Bigg|big|Big)(?![A-Za-z])"), r"\\\1l"),
    (re.compile(r"\\dots(?![A-Za-z])"), r"\\ldots"),
    # the subscript of what has an accent would go below it; the empty group keeps docutils from removing the outer one
    (re.compile(r"\\(?:hat|tilde|bar|check|widehat|overline)\s*(?:\{[^{}]*\}|\\[A-Za-z]+|[A-Za-z])"), r"{\g<0>{}}"),
    # a fraction of two digits would have both above the line
    (re.compile(r"\\([td]?frac)\s*(\d)\s*(\w)"), r"\\\1{\2}{\3}"),
    # the backslash of an underscore would be seen
    (re.compile(r"\\_(?=[^{}]*\})"), "_"),
]


def mathml(tex, as_block):
    """MathML of an equation in LaTeX; a ``MathError`` where docutils cannot read it."""
    for written, understood in SPELLINGS:
        tex = written.sub(understood, tex)
    # the bars of a norm would grow, each in its own way, as nobody says which is the left one
    return tex2mathml(tex, as_block=as_block).replace("<mo>‖</mo>", '<mo stretchy="false">‖</mo>')


def convert(node, as_block):
    """The MathML of a node; what cannot be read is a warning, and stands there as it was written."""
    try:
        return mathml(node.astext(), as_block)
    except (MathError, AttributeError) as error:  # the latter for lines in an equation that has one
        logger.warning("equation not understood: %s: %s", error, node.astext(), location=node, type="mathml")
        return f"<code>{html.escape(node.astext())}</code>"


def visit_inline(translator, node):
    """An equation within a line."""
    translator.body.append(f'<span class="math">{convert(node, as_block=False)}</span>')
    raise nodes.SkipNode


def visit_block(translator, node):
    """An equation of its own, in a box that scrolls where the page is too narrow."""
    translator.body.append(translator.starttag(node, "div", CLASS="math"))
    translator.body.append(f"{convert(node, as_block=True)}</div>\n")
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", inline_renderers=(visit_inline, None), block_renderers=(visit_block, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
