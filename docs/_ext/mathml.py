"""Equations as MathML, made by docutils while the pages are built: browsers draw it by themselves, without a script."""

import html
import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

logger = logging.getLogger(__name__)

# Commands that docutils has under another name alone: sizes without a side, dots that look at their neighbours.
OTHER_NAMES = {"big": "bigl", "Big": "Bigl", "bigg": "biggl", "Bigg": "Biggl", "dots": "ldots"}
UNKNOWN = re.compile(rf"\\({'|'.join(OTHER_NAMES)})(?![A-Za-z])")


def mathml(tex, as_block):
    """MathML of an equation in LaTeX; a ``MathError`` where docutils cannot read it."""
    return tex2mathml(UNKNOWN.sub(lambda match: "\\" + OTHER_NAMES[match[1]], tex), as_block=as_block)


def convert(node, as_block):
    """The MathML of a node; what cannot be read is a warning, and stands there as it was written."""
    try:
        return mathml(node.astext(), as_block)
    except MathError as error:
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
