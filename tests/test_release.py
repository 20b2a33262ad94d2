"""The version is written in several places; they agree."""

import re
import tomllib
from pathlib import Path

import pytest

import skl_sae

ROOT = Path(__file__).parents[1]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


@pytest.mark.parametrize(
    "file, pattern",
    [("CITATION.cff", r"^version: (\S+)$"), ("CHANGES.md", r"^## (\S+)")],
)
def test_file_names_the_version(file, pattern):
    assert re.search(pattern, (ROOT / file).read_text(encoding="utf-8"), flags=re.MULTILINE)[1] == VERSION


def test_package_names_the_version():
    assert skl_sae.__version__ == VERSION
