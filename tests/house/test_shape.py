"""Files, functions and objects that can be read: their sizes have limits."""

import ast

import pytest
import sources
from sources import FILES, TREES, name_of

# The estimators' files are longer because of their docstrings.
LINES, LINES_OF_THE_ESTIMATOR, LINES_OF_A_BODY = 350, 780, 60
ATTRIBUTES = 15
# Classes with more attributes: estimators, whose attributes are their parameters and what they have learned.
ESTIMATORS = {"KSVD", "SparseAutoencoder", "SparseAutoencoderImputer", "SparseRecoveryAutoencoder", "SparseTransfer"}
each_file = pytest.mark.parametrize("path", FILES, ids=name_of)


@each_file
def test_files_are_short(path):
    limit = LINES_OF_THE_ESTIMATOR if path.stem.endswith("_autoencoder") else LINES
    assert len(path.read_text(encoding="utf-8").splitlines()) <= limit


@each_file
def test_functions_are_short(path):
    for function in sources.functions(path):
        body = function.body[1:] if ast.get_docstring(function) is not None else function.body
        assert not body or function.end_lineno - body[0].lineno < LINES_OF_A_BODY, f"{function.name} is too long"


def attributes(definition):
    """Names that a class assigns to ``self``, in any of its methods."""
    targets = [node for node in ast.walk(definition) if isinstance(node, ast.Attribute)]
    return {
        node.attr
        for node in targets
        if isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name) and node.value.id == "self"
    }


def with_bases(definition, known):
    """A class and its bases in the package."""
    yield definition
    for base in definition.bases:
        if isinstance(base, ast.Name) and base.id in known:
            yield from with_bases(known[base.id], known)


def test_objects_have_few_attributes():
    known = {definition.name: definition for path in FILES for definition in sources.classes(path)}
    found = {name: set().union(*map(attributes, with_bases(known[name], known))) for name in set(known) - ESTIMATORS}
    assert not {name: sorted(each) for name, each in found.items() if len(each) > ATTRIBUTES}


@each_file
def test_modules_say_what_they_are(path):
    assert ast.get_docstring(TREES[path])
