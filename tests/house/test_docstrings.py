"""numpydoc's validation of the public names, with the checks chosen in pyproject.toml; and the pages of docs/."""

import importlib
import inspect
import pkgutil
import re
import tomllib
from pathlib import Path

import pytest
from numpydoc.docscrape import get_doc_object
from numpydoc.validate import ERROR_MSGS, Validator, validate

import skl_sae

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXCEPT = set(PYPROJECT["tool"]["numpydoc_validation"]["checks"]) - {"all"}
CHECKS = set(ERROR_MSGS) - EXCEPT


def public_modules():
    """The package and its modules without a leading underscore, at any depth."""
    yield skl_sae
    for info in pkgutil.walk_packages(skl_sae.__path__, "skl_sae."):
        if not any(part.startswith("_") for part in info.name.split(".")):
            yield importlib.import_module(info.name)


def public_objects():
    """Dotted names: what a module lists in ``__all__``."""
    return [
        f"{module.__name__}.{name}"
        for module in public_modules()
        for name in module.__all__
        if callable(getattr(module, name))
    ]


def public_methods():
    """Dotted names of the methods that the public classes define themselves.

    Fitted attributes that are properties are left out: the docstring of the class describes them.
    """
    for path in public_objects():
        module, _, name = path.rpartition(".")
        cls = getattr(importlib.import_module(module), name)
        if not inspect.isclass(cls):
            continue
        for attribute, value in vars(cls).items():
            # scikit-learn generates set_fit_request and its like: those are descriptors of another kind
            written_here = inspect.isfunction(value) or isinstance(value, property | classmethod | staticmethod)
            conditional = type(value).__name__ == "_AvailableIfDescriptor"
            if not attribute.startswith("_") and not attribute.endswith("_") and (written_here or conditional):
                yield f"{path}.{attribute}"


def overrides_documented(path):
    """Whether a base class documents the method: then a line about what differs is enough."""
    module_and_class, _, method = path.rpartition(".")
    module, _, name = module_and_class.rpartition(".")
    bases = getattr(importlib.import_module(module), name).__mro__[1:]
    return any(getattr(vars(base).get(method), "__doc__", None) for base in bases)


class GroupsValidator(Validator):
    """Knows that a line such as ``**Sparsity**`` among the parameters is the heading of a group, and no parameter."""

    def __init__(self, obj_name):
        super().__init__(get_doc_object(Validator._load_obj(obj_name)))

    def _doc_parameters(self, sections):
        parameters = super()._doc_parameters(sections)
        return {name: told for name, told in parameters.items() if not re.fullmatch(r"\*\*[^*]+\*\*", name)}


def errors(path, checks):
    return [f"{path}: {code} {text}" for code, text in validate(path, GroupsValidator)["errors"] if code in checks]


def test_there_is_something_to_check():
    assert "skl_sae.SparseAutoencoder" in public_objects()
    assert "skl_sae.SparseAutoencoder.fit" in list(public_methods())


@pytest.mark.parametrize("path", public_objects())
def test_docstring_of_object(path):
    assert not errors(path, CHECKS | {"EX01"})


@pytest.mark.parametrize("path", public_objects())
def test_equations_have_a_source(path):
    module, _, name = path.rpartition(".")
    text = inspect.getdoc(getattr(importlib.import_module(module), name))
    assert ".. math::" not in text or "\nReferences\n---" in text


@pytest.mark.parametrize("path", sorted(public_methods()))
def test_docstring_of_method(path):
    said_before = {"PR01", "RT01"} if overrides_documented(path) else set()
    assert not errors(path, CHECKS - said_before)


# More parameters than a reader takes in at a glance, and how many are in a group at most, on the average.
MANY_PARAMETERS, PARAMETERS_OF_A_GROUP = 12, 7
WITH_MANY = [path for path in public_objects() if len(GroupsValidator(path).signature_parameters) > MANY_PARAMETERS]


def test_the_large_estimators_have_many_parameters():
    assert {"skl_sae.SparseAutoencoder", "skl_sae.coding.KSVD"} < {*WITH_MANY}


@pytest.mark.parametrize("path", WITH_MANY)
def test_many_parameters_stand_in_groups(path):
    """A heading first, none without parameters, and no group so long that it is none."""
    doc = get_doc_object(Validator._load_obj(path))
    names = [name for each in doc["Parameters"] for name in each.name.split(", ")]
    parameters = [name for name in names if not name.startswith("**")]
    text = "".join("#" if name.startswith("**") else "." for name in names)
    assert text.count("#") >= len(parameters) / PARAMETERS_OF_A_GROUP
    assert re.fullmatch(r"(#\.{2,10})+", text)
    assert tuple(parameters) == GroupsValidator(path).signature_parameters


def test_reference_lists_every_public_object():
    reference = (ROOT / "docs" / "api.rst").read_text(encoding="utf-8").split()
    missing = [path for path in public_objects() if path.rpartition(".")[2] not in reference]
    assert not missing


def test_map_of_the_wings_names_every_file():
    page = (ROOT / "docs" / "internals.rst").read_text(encoding="utf-8")
    page = page.partition("The wings\n===")[2].partition("\nThe state\n===")[0]
    missing = []
    wings = ("_kernels", "_model", "sparsity", "_training", "_estimator", "coding", "compression", "image", "io")
    for wing in (*wings, "inspection", "metrics", "outliers", "ensemble"):
        names = {path.stem for path in (ROOT / "skl_sae" / wing).rglob("*.py")} - {"__init__"}
        missing += [f"{wing}/{name}" for name in sorted(names) if f"``{name}``" not in page]
    assert not missing


PAGES = sorted([*(ROOT / "docs").glob("*.rst"), *(ROOT / "docs" / "guide").glob("*.rst")])


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_pages_include_files_that_exist(page):
    text = page.read_text(encoding="utf-8")
    for path in re.findall(r"^ *\.\. (?:literalinclude|image|figure):: (\S+)", text, flags=re.MULTILINE):
        assert (page.parent / path).exists(), path
