"""One commit makes one site: built again, in another place, time and time zone, every file has the same bytes."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.site.conftest import ROOT

KEPT = (Path(".cache/labs"), Path(".cache/figures"))  # to run and draw them again takes minutes

LATER = """
import datetime, time

now, shift = time.time, 400 * 86400
time.time = lambda: now() + shift


class _Kind(type):
    def __instancecheck__(cls, value):
        return isinstance(value, cls.__mro__[1])


class _Later(datetime.datetime, metaclass=_Kind):
    @classmethod
    def now(cls, tz=None):
        return cls.__mro__[1].now(tz) + datetime.timedelta(seconds=shift)

    @classmethod
    def utcnow(cls):
        return cls.now(datetime.timezone.utc).replace(tzinfo=None)

    today = now


datetime.datetime = _Later
"""


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
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "sitecustomize.py").write_text(LATER)  # Python runs it before anything else
    elsewhere = {"PYTHONHASHSEED": "2", "TZ": "Pacific/Kiritimati", "PYTHONPATH": str(tmp_path / "later")}
    there = build(copied(tmp_path / "copy"), tmp_path / "there", **elsewhere)
    assert len(here) > 100
    assert different(here, there) == []


def test_a_difference_is_found() -> None:
    assert different({"a": b"same", "b": b"x1"}, {"a": b"same", "b": b"x2"}) == ["b, byte 1: b'x1' or b'x2'"]
    assert different({"a": b"", "b": b""}, {"b": b""}) == ["a is in one of them alone"]


def test_the_later_build_is_later(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(LATER)
    code = (
        "import time, datetime as d; print(time.time(), d.datetime.now().timestamp(), d.datetime.today().timestamp())"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    printed = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    assert all(float(seconds) > time.time() + 399 * 86400 for seconds in printed.stdout.split())
