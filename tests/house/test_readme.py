"""The README: its examples print what it says, and its commands are the ones that CI runs."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from skl_sae.sparsity import RULES

README = Path(__file__).parents[2] / "README.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
COMMANDS = dict(
    re.findall(r"^<!-- command: (\w+) -->\n```bash\n(.*)\n```$", README.read_text(encoding="utf-8"), flags=re.MULTILINE)
)


def printed(example):
    """What the example prints, a line each."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(example, README.name, "exec"), {"__name__": "__main__"})
    return out.getvalue().splitlines()


def test_readme_has_the_promised_examples():
    promises = (
        "make_pipeline(",
        "sae__sparsity__k",
        ".partial_fit(",
        "sparse_output=True",
        ".impute(",
        "dictionary_match(",
    )
    for promised in promises:
        assert any(promised in example for example in EXAMPLES), promised


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_example_prints_what_its_comments_say(example, tmp_path, monkeypatch):
    if "inspection" in example:
        pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    said = re.findall(r"^print\(.*\)  # (.*)$", example, flags=re.MULTILINE)
    assert said
    assert printed(example) == said


def test_readme_names_every_rule():
    table = README.read_text(encoding="utf-8").split("## What makes the code sparse")[1]
    for name, rule in RULES.items():
        assert f'| `"{name}"' in table and f"`{rule.__name__}(" in table, name


@pytest.mark.parametrize(
    "name, extra, last",
    [
        ("example", "plot", "python docs/examples/plot_digits_pipeline.py"),
        ("test", "test", "python -m pytest"),
        ("docs", "docs", "sphinx-build -W -j auto docs docs/_build"),
    ],
)
def test_commands_are_one_line_each(name, extra, last):
    start = f'python -m venv .venv && .venv/bin/pip install ".[{extra}]" && .venv/bin/'
    assert COMMANDS[name] == start + last
