"""References to other projects, resolved by the pattern of their addresses: no inventory, so no network.

A name between single backticks may be that of a parameter: where it is nothing that has a page, it is a name and no
more. A name of this package that leads nowhere stays a warning, and so does whatever is written with a role.
"""

from docutils import nodes

SKLEARN = "https://scikit-learn.org/stable"
NUMPY = "https://numpy.org/doc/stable/reference"
PYTHON = "https://docs.python.org/3/library"

# The longest prefix says where a page is.
FOLDERS = {
    "sklearn.": f"{SKLEARN}/modules/generated",
    "numpy.": f"{NUMPY}/generated",
    "numpy.random.": f"{NUMPY}/random/generated",
    "scipy.": "https://docs.scipy.org/doc/scipy/reference/generated",
    "pandas.": "https://pandas.pydata.org/docs/reference/api",
    "matplotlib.": "https://matplotlib.org/stable/api/_as_gen",
}
# Modules, which have pages of another kind; classes of matplotlib whose pages are those of their modules.
PAGES = {
    "pickle": f"{PYTHON}/pickle.html",
    "sklearn.callback": f"{SKLEARN}/api/sklearn.callback.html",
    "matplotlib.figure.Figure": "https://matplotlib.org/stable/api/figure_api.html",
}
# What the docstrings that are inherited from scikit-learn refer to.
LABELS = {
    "metadata_routing": f"{SKLEARN}/metadata_routing.html",
    "df_output_transform": f"{SKLEARN}/auto_examples/miscellaneous/plot_set_output.html",
    "sphx_glr_auto_examples_miscellaneous_plot_set_output.py": (
        f"{SKLEARN}/auto_examples/miscellaneous/plot_set_output.html"
    ),
}


def address(target):
    """The address of the page about a dotted name of another project, or None."""
    if target in PAGES:
        return PAGES[target]
    prefixes = [prefix for prefix in FOLDERS if target.startswith(prefix)]
    if not prefixes:
        return None
    page = target
    if target.startswith("sklearn."):  # methods stand on the page of their class
        parts = target.split(".")
        last = next((i for i, part in enumerate(parts) if part[0].isupper()), len(parts) - 1)
        page = ".".join(parts[: last + 1])
    return f"{FOLDERS[max(prefixes, key=len)]}/{page}.html#{target}"


def resolve(app, env, node, contnode):
    """Called by Sphinx for a reference that the pages themselves don't answer."""
    kind, target = node.get("reftype"), node.get("reftarget", "")
    if kind == "ref":
        found = LABELS.get(target)
    elif kind == "term":
        found = f"{SKLEARN}/glossary.html#term-{target.replace(' ', '-')}"
    else:
        found = address(target)
    if found:
        return nodes.reference("", "", contnode, internal=False, refuri=found)
    is_only_a_name = kind == "obj" and not target.startswith("skl_sae.")
    return contnode if is_only_a_name else None


def setup(app):
    app.connect("missing-reference", resolve)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
