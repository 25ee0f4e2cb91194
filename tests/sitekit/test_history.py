"""When a page was last changed: as the commits say, or not at all."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sitekit import history
from tests.sitekit.small_repository import commit, git


def day(time: datetime | None) -> str:
    return time.date().isoformat() if time else ""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "whole"
    root.mkdir()
    commit(root, "2026-01-01", docs__a___md="a", docs__b___md="b", dlref__a___py="1")
    commit(root, "2026-01-02", docs__a___md="A")
    commit(root, "2026-01-03", dlref__a___py="2", docs__é___md="é")
    commit(root, "2026-01-04")
    return root


@pytest.mark.parametrize(
    ("sources", "changed"),
    [
        (["docs/a.md"], "2026-01-02"),
        (["docs/a.md", "dlref/a.py"], "2026-01-03"),  # the module is what the page shows last
        (["dlref/a.py", "docs/b.md"], "2026-01-03"),
        (["docs/b.md"], "2026-01-01"),
        (["docs/é.md"], "2026-01-03"),
        (["docs/unknown.md"], ""),
        (["docs/b.md", "docs/unknown.md"], "2026-01-01"),
    ],
)
def test_the_newest_commit_of_the_sources_counts(repository: Path, sources: list[str], changed: str) -> None:
    assert day(history.last_changed(sources, repository)) == changed


def test_a_merge_is_no_change(repository: Path) -> None:
    git(repository, "switch", "-q", "-c", "side", "HEAD~3")
    commit(repository, "2026-01-05", docs__side___md="s")
    git(repository, "switch", "-q", "main")
    git(repository, "merge", "-q", "--no-ff", "-m", "merge", "side", day="2026-02-01")
    history.changes.cache_clear()
    assert day(history.last_changed(["docs/side.md"], repository)) == "2026-01-05"
    assert day(history.last_changed(["docs/a.md"], repository)) == "2026-01-02"


def test_a_shallow_clone_knows_no_dates(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--depth", "1", repository.as_uri(), "shallow")
    # Its one commit seems to have written every file, which would be a wrong date.
    assert "docs/b.md" in git(tmp_path / "shallow", "log", "--name-only")
    assert history.last_changed(["docs/b.md"], tmp_path / "shallow") is None


def test_without_commits_without_a_repository_and_without_git_there_are_no_dates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    for name in ("bare", "empty", "no-git"):
        (tmp_path / name).mkdir()
    git(tmp_path / "empty", "init", "-q")
    assert history.changes(tmp_path / "bare") == history.changes(tmp_path / "empty") == {}
    monkeypatch.setenv("PATH", "")
    assert history.changes(tmp_path / "no-git") == {}


def test_the_clock_stands_at_the_newest_commit(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(history.EPOCH, "")
    monkeypatch.delenv(history.EPOCH)
    history.hold_clock(repository)
    assert history.clock() == datetime(2026, 1, 4, 12, tzinfo=UTC)


def test_a_clock_that_somebody_set_is_left_alone(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(history.EPOCH, "1")
    history.hold_clock(repository)
    assert os.environ[history.EPOCH] == "1"


def test_without_a_repository_the_clock_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.setenv(history.EPOCH, "")
    monkeypatch.delenv(history.EPOCH)
    (tmp_path / "bare").mkdir()
    history.hold_clock(tmp_path / "bare")
    assert history.EPOCH not in os.environ
    assert history.clock() == datetime(1980, 1, 1, tzinfo=UTC)
