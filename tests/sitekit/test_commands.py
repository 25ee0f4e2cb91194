"""The commands that the documents name: each exists, and does what the documents say."""

import re
import subprocess
from pathlib import Path

import pytest

from sitekit.setup_env import EXTRAS

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
PHONY = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.M)
VERBS = set(PHONY[1].split()) if PHONY else set()
DOCUMENTS = [
    *("README.md", "CONTRIBUTING.md", "Makefile", ".ci/run", ".github/pull_request_template.md", "constraints.txt"),
    *("sitekit/setup_env.py", "sitekit/pin.py", "docs/labs/index.md"),
]


def verbs_of(text: str) -> set[str]:
    """Find the verbs that a text names: in backquotes, at the start of a line, or behind «run» and «step»."""
    return set(re.findall(r"(?:`|^|[Rr]un |step )make ([a-z][a-z-]*)", text, re.M))


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make in the root of the repository."""
    return subprocess.run(["make", "--no-print-directory", *arguments], cwd=ROOT, capture_output=True, text=True)


def recipe(verb: str) -> str:
    """Say what a verb would run, set-up aside."""
    return make("--dry-run", "--old-file=setup", verb, "ARGS=").stdout


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_verb_that_a_document_names_exists(name: str) -> None:
    assert verbs_of((ROOT / name).read_text("utf-8")) <= VERBS


def test_the_readme_names_the_two_commands() -> None:
    assert {"site", "test", "serve", "update", "check"} <= verbs_of(README)


def test_make_alone_lists_every_verb() -> None:
    listed = re.findall(r"^  make ([a-z-]+) +\S", make().stdout, re.M)
    assert sorted(listed) == sorted(VERBS - {"help", "python"})


def test_the_plain_commands_do_what_the_verbs_do() -> None:
    install = f"-m pip install -c constraints.txt -e '.[{EXTRAS}]'"
    assert f".venv/bin/python {install}\n" in README
    for verb in ("site", "test"):
        command = recipe(verb).strip()
        assert command.startswith(".venv/bin/python -m ")
        assert f"{command}\n" in README


@pytest.mark.parametrize("verb", ["site", "test", "lock"])
def test_a_missing_python_is_named(verb: str) -> None:
    run = make(verb, "PYTHON=no-such-python")
    assert run.returncode == 2
    assert "There is no no-such-python here: install Python 3.11 or newer" in run.stderr
