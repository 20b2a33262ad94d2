"""Configuration of the pages. The README has the command; neither building nor reading them needs a network."""

import sys
from pathlib import Path

import skl_sae

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "skl_sae"
author = "The skl_sae developers"
copyright = "2026, The skl_sae developers"
version = release = skl_sae.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "matplotlib.sphinxext.plot_directive",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "initials",
    "mathml",
    "parameter_groups",
    "references",
]

exclude_patterns = ["_build", "_templates", "examples", "images"]
templates_path = ["_templates"]
default_role = "py:obj"
nitpicky = True
html_math_renderer = "mathml"

autosummary_generate = True
# A link from a notebook to a parameter looks for the words of its docstring, with the quotes that stand there.
smartquotes = False
autodoc_typehints = "none"
toc_object_entries_show_parents = "hide"
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False

copybutton_exclude = ".linenos, .gp, .go"

# Pictures that pages draw while they are built, below the lines that draw them.
plot_include_source = True
plot_html_show_source_link = False
plot_html_show_formats = False
plot_formats = [("png", 130)]
plot_rcparams = {"savefig.bbox": "tight"}
plot_apply_rcparams = True

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "subsection_order": [f"examples/{name}" for name in ("tables", "images", "text", "trust", "sparse_coding")],
    "within_subsection_order": "FileNameSortKey",
    "remove_config_comments": True,
    "filename_pattern": r"[\\/]plot_",
    "doc_module": "skl_sae",
    "backreferences_dir": "generated/backreferences",
    "abort_on_example_error": True,
    # What a cell ends with is shown where it is made for the page, such as a table; else what is printed.
    "capture_repr": ("_repr_html_",),
    "download_all_examples": False,
    "parallel": 2,
    "show_memory": False,
    "write_computation_times": False,
    "show_signature": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "skl_sae"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_domain_indices = False
html_context = {"default_mode": "auto"}
# Pages that have no others beside them.
html_sidebars = {name: [] for name in ("index", "tutorials", "search", "genindex")}
html_theme_options = {
    "show_prev_next": True,
    "navigation_with_keys": False,
    "show_nav_level": 1,
    "show_toc_level": 2,
    "header_links_before_dropdown": 7,
    "footer_end": [],
}
