"""The table of faults in the docs: each row names tests, and the tests are there."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "reliability.rst"
COLUMNS = "fault", "what happens", "what is left", "tests"


def rows():
    """The rows of all tables of the page, as lists of the text of their cells."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    found = []
    for line in lines:
        if line.startswith("   * - "):
            found.append([line[7:]])
        elif line.startswith("     - "):
            found[-1].append(line[7:])
        elif line.startswith("       "):
            found[-1][-1] += " " + line.strip()
    return found


HEADS = [row for row in rows() if tuple(row) == COLUMNS]
ROWS = [row for row in rows() if tuple(row) != COLUMNS]


def named_in(row):
    """Files and functions that the last cell names: ``file.py``: ``test_one``, ``test_two``."""
    file, found = None, []
    for word in re.findall(r"``([^`]+)``", row[-1]):
        if word.endswith(".py"):
            file = word
        else:
            found.append((file, word))
    return found


def functions(file):
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_there_is_a_table():
    assert len(HEADS) == PAGE.read_text(encoding="utf-8").count(".. list-table::") and len(ROWS) > 20


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_row_has_tests_that_exist(row):
    assert len(row) == len(COLUMNS) and all(row)
    tests = named_in(row)
    assert tests
    for file, name in tests:
        assert name in functions(file), f"{file} has no {name}"


@pytest.mark.parametrize("path", sorted((TESTS / "reliability").glob("test_*.py")), ids=lambda path: path.name)
def test_tests_of_reliability_stand_in_the_table(path):
    file = path.relative_to(TESTS).as_posix()
    assert {(file, name) for name in functions(file) if name.startswith("test_")} <= {
        test for row in ROWS for test in named_in(row)
    }
