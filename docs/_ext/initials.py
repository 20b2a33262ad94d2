"""A line of a docstring that begins with the initial of an author is not the item of a list."""

import re

AUTHOR = re.compile(r"^(\s*(?:\.\. \[\w+\] )?)(?=[A-Z]\. ?(?:[A-Z]\.|[A-Z][a-z]))")


def escape(app, what, name, obj, options, lines):
    """Called by Sphinx before numpydoc reads the lines, and before docutils does."""
    lines[:] = [AUTHOR.sub(r"\1\\", line) for line in lines]


def setup(app):
    app.connect("autodoc-process-docstring", escape, priority=400)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
