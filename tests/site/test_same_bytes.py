"""One commit makes one site: built again, in another place and time zone, every file has the same bytes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.site.conftest import ROOT

KEPT = (Path(".cache/labs"), Path(".cache/figures"))  # to run and draw them again takes minutes


def copied(to: Path) -> Path:
    """Copy the repository with its history and what is not committed yet, but without what was built before."""
    git = ["git", "-C", str(ROOT)]
    subprocess.run([*git, "clone", "-q", "--shared", "--no-checkout", str(ROOT), str(to)], check=True)
    listed = subprocess.run(
        [*git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"], check=True, capture_output=True
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, to / name)
    for kept in KEPT:
        if (ROOT / kept).is_dir():
            shutil.copytree(ROOT / kept, to / kept)
    return to


def build(root: Path, to: Path, **environment: str) -> dict[str, bytes]:
    """Build the site; return its files."""
    command = [sys.executable, "-m", "mkdocs", "build", "-q", "-d", str(to)]
    quiet = {"DLREF_LABS": "cached", "NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"}
    subprocess.run(command, cwd=root, env=os.environ | quiet | environment, check=True)
    return {path.relative_to(to).as_posix(): path.read_bytes() for path in to.rglob("*") if path.is_file()}


def different(first: dict[str, bytes], second: dict[str, bytes]) -> list[str]:
    """Name the files that differ, or that only one site has, with the first place where they do."""
    faults = []
    for name in sorted(first.keys() | second.keys()):
        one, other = first.get(name), second.get(name)
        if one is None or other is None:
            faults.append(f"{name} is in one of them alone")
        elif one != other:
            place = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
            around = slice(max(0, place - 40), place + 40)
            faults.append(f"{name}, byte {place}: {one[around]!r} or {other[around]!r}")
    return faults


def test_two_builds_of_a_commit_are_the_same(tmp_path: Path) -> None:
    here = build(ROOT, tmp_path / "here", PYTHONHASHSEED="1", TZ="UTC")
    there = build(copied(tmp_path / "copy"), tmp_path / "there", PYTHONHASHSEED="2", TZ="Pacific/Kiritimati")
    assert len(here) > 100
    assert different(here, there) == []


def test_a_difference_is_found() -> None:
    assert different({"a": b"same", "b": b"x1"}, {"a": b"same", "b": b"x2"}) == ["b, byte 1: b'x1' or b'x2'"]
    assert different({"a": b"", "b": b""}, {"b": b""}) == ["a is in one of them alone"]
