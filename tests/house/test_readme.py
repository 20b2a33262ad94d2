"""The README: short, its example runs, its links lead somewhere, and its commands are the ones that CI runs."""

import contextlib
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = dict(re.findall(r"^<!-- command: (\w+) -->\n```bash\n(.*)\n```$", TEXT, flags=re.MULTILINE))
LINKS = re.findall(r"\]\(([^)\s]+)\)", TEXT)
# Where the pages and the repository are on the web.
PAGES, FILES = "https://skl-sae.github.io/skl-sae/", "https://github.com/skl-sae/skl-sae/blob/main/"


def test_it_is_a_screen_and_a_half():
    assert len(TEXT.splitlines()) < 110


def test_the_example_runs_and_prints_as_many_lines_as_are_shown():
    pytest.importorskip("pandas")
    [example] = re.findall(r"^```python\n(.*?)^```", TEXT, flags=re.DOTALL | re.MULTILINE)
    [shown] = re.findall(r"^```\n\n```\n(.*?)^```", TEXT, flags=re.DOTALL | re.MULTILINE)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(example, "README.md", "exec"), {"__name__": "__main__"})
    printed = out.getvalue().splitlines()
    assert len(printed) == len(shown.splitlines())
    assert all(re.fullmatch(r"(high|low) \w[^.]*", line) for line in [*printed, *shown.splitlines()])


@pytest.mark.parametrize("link", sorted(set(LINKS)))
def test_links_lead_to_what_exists(link):
    page = link.removeprefix(PAGES)
    if page.startswith("auto_examples/"):  # made by the gallery
        assert page == "auto_examples/index.html"
    elif page != link:
        assert (ROOT / "docs" / page).with_suffix(".rst").exists()
    else:
        assert (ROOT / link.removeprefix(FILES)).exists()


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
