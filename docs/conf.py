"""Configuration of the documentation: ``sphinx-build docs docs/_build`` from the top of the checkout."""

import skl_sae

project = "skl_sae"
author = "The skl_sae developers"
copyright = "2026, The skl_sae developers"
version = release = skl_sae.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]

exclude_patterns = ["_build", "examples", "images"]
default_role = "py:obj"

autosummary_generate = True
autodoc_default_options = {"members": True, "inherited-members": True}
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False

intersphinx_mapping = {
    "python": ("https://docs.python.org/3", None),
    "numpy": ("https://numpy.org/doc/stable", None),
    "scipy": ("https://docs.scipy.org/doc/scipy", None),
    "sklearn": ("https://scikit-learn.org/stable", None),
}

copybutton_exclude = ".linenos, .gp, .go"

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"[\\/]plot_",
    "doc_module": "skl_sae",
    "backreferences_dir": "generated/backreferences",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "skl_sae"
html_theme_options = {"show_prev_next": False, "navigation_with_keys": False}
