"""Groups of parameters: a line such as ``**Sparsity**`` among a docstring's parameters becomes a heading.

For numpydoc that line is a parameter without type and description, so its item is what is looked for.
"""

from docutils import nodes


def mark(app, doctree):
    """Give the items that are headings a class of their own, and take their asterisks and empty description away."""
    for item in doctree.findall(nodes.definition_list_item):
        name = item[0].astext()
        described = item[-1].astext().strip()
        if name.startswith("**") and name.endswith("**") and not described:
            item[:] = [nodes.term("", name.strip("*"), classes=["parameter-group"])]


def setup(app):
    app.connect("doctree-read", mark)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
