"""Rewriting documented output: filled in where missing, refused where a number changed, kept where it holds."""

from pathlib import Path

import pytest

from sitekit.__main__ import main
from sitekit.update import update
from tests.sitekit import small_site

PAGE = """\
!!! note

    ```python
    print(0.731)
    #> 0.732
    for i in range(2):
        print(i)
    ```

> ```python
> print("a")
> print("b")
> #> old
> ```
"""
FILLED = PAGE.replace("        print(i)\n", "        print(i)\n    #> 0\n    #> 1\n").replace(
    '> print("a")\n', '> print("a")\n> #> a\n'
)
MODULE = 'def f():\n    """Do.\n\n    >>> 1 + 1\n    >>> print("a")\n    >>> 3 / 2\n    1.5\n    """\n'


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    return path


def test_missing_output_is_filled_in_and_a_change_refused(page: Path) -> None:
    result = update(page)
    assert result.after == FILLED
    assert [fault.line for fault in result.refused] == [12]
    assert "documents 'old', but prints 'b'" in str(result.refused[0])
    assert page.read_text() == PAGE


def test_force_changes_what_is_documented(page: Path) -> None:
    result = update(page, force=True)
    assert result.after == FILLED.replace("#> old", "#> b")
    assert "+> #> b" in result.diff()
    assert result.refused == []


def test_updating_twice_changes_nothing_more(page: Path) -> None:
    page.write_text(update(page, force=True).after)
    again = update(page, force=True)
    assert again.after == again.before


def test_docstrings_are_updated(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(MODULE)
    after = update(path).after
    assert after == MODULE.replace("1 + 1\n", "1 + 1\n    2\n").replace('print("a")\n', 'print("a")\n    a\n')


def test_the_command_reports_and_exits_with_one(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["update", str(page)]) == 1
    out, err = capsys.readouterr()
    assert page.read_text() == FILLED
    assert "+    #> 0" in out
    assert "page.md:14: " in err or "page.md:12: " in err
    assert main(["update", "--force", str(page)]) == 0
    assert main(["check", str(page)]) == 0
    page.write_text("```py\n```\n")
    assert main(["check", str(page)]) == 1


def test_lock_notes_new_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small_site.write(tmp_path)
    (tmp_path / "docs" / "question-ids.txt").unlink(missing_ok=True)
    assert main(["lock"]) == 0
    assert (tmp_path / "docs" / "question-ids.txt").read_text().split()
    assert (tmp_path / "docs" / "coverage.txt").exists()
