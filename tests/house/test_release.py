"""What is published: the version is the same everywhere, and what is imported is declared."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

import skl_sae

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
VERSION = PROJECT["version"]
# The names of distributions that are not those of their packages.
DISTRIBUTIONS = {"sklearn": "scikit-learn"}
# What only some functions need; the documentation names the extra that brings it.
EXTRAS = "plot", "progress", "report", "onnx", "dask"


@pytest.mark.parametrize(
    "file, pattern",
    [("CITATION.cff", r"^version: (\S+)$"), ("CHANGES.md", r"^## (\S+)")],
)
def test_file_names_the_version(file, pattern):
    assert re.search(pattern, (ROOT / file).read_text(encoding="utf-8"), flags=re.MULTILINE)[1] == VERSION


def test_package_names_the_version():
    assert skl_sae.__version__ == VERSION


def names(requirements):
    return {re.match(r"[\w-]+", each)[0] for each in requirements}


def imported():
    """Distributions that the package imports, at any depth."""
    for path in (ROOT / "skl_sae").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                modules = [node.module]
            for package in {module.split(".")[0] for module in modules} - sys.stdlib_module_names - {"skl_sae"}:
                yield DISTRIBUTIONS.get(package, package)


def test_what_is_imported_is_declared():
    assert {"llvmlite", "numba", "numpy", "scikit-learn"} <= set(imported())
    extras = names(each for extra in EXTRAS for each in PROJECT["optional-dependencies"][extra])
    assert set(imported()) <= names(PROJECT["dependencies"]) | extras
    # Each requirement is used, apart from rich, which scikit-learn's progress bar imports.
    assert names(PROJECT["dependencies"]) | extras <= set(imported()) | {"rich"}


def test_extras_that_the_documentation_names_exist():
    texts = [*(ROOT / "docs").glob("*.rst"), *(ROOT / "skl_sae").rglob("*.py"), ROOT / "README.md"]
    named = {extra for path in texts for extra in re.findall(r"skl-sae\[(\w+)\]", path.read_text(encoding="utf-8"))}
    assert set(EXTRAS) <= named <= set(PROJECT["optional-dependencies"])


def test_urls_are_public():
    urls = PROJECT["urls"]
    assert {"Documentation", "Source", "Changelog", "Issues"} <= set(urls)
    for url in urls.values():
        assert re.fullmatch(r"https://github\.com/[\w-]+/[\w-]+(/[\w./-]+)?|https://[\w-]+\.github\.io/[\w-]+/", url)
    assert (ROOT / urls["Changelog"].partition("/main/")[2]).exists()
    assert urls["Documentation"] in (ROOT / "README.md").read_text(encoding="utf-8")
