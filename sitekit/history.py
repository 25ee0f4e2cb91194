"""When each page was last changed, by the commits of the repository; and a clock that stands still for a build."""

import os
import subprocess
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

EPOCH = "SOURCE_DATE_EPOCH"  # reproducible-builds.org: the time that a build takes for now; MkDocs reads it


def hold_clock(root: Path) -> None:
    """Have the build take the time of the newest commit for now, so that the same commit makes the same bytes.

    Without a repository the clock runs on. Somebody who has set the time themselves is heard.
    """
    if EPOCH not in os.environ and (seconds := _git(root, "log", "-1", "--format=%ct").strip()):
        os.environ[EPOCH] = seconds


def clock() -> datetime:
    """Return the time that the build takes for now: the held one, else the first of 1980, the earliest of a zip."""
    seconds = os.environ.get(EPOCH)
    return datetime.fromtimestamp(int(seconds), UTC) if seconds else datetime(1980, 1, 1, tzinfo=UTC)


@lru_cache
def changes(root: Path) -> dict[str, datetime]:
    """Return the time of the newest commit that touched each file, by its path below root.

    Empty without a repository, and in a shallow clone, whose oldest commit seems to have touched everything.
    """
    if _git(root, "rev-parse", "--is-shallow-repository").strip() != "false":
        return {}
    found: dict[str, datetime] = {}
    time = datetime.fromtimestamp(0, UTC)
    # Newest first; -z, or git quotes the names.
    for entry in _git(root, "log", "-z", "--format=%x01%ct", "--name-only", "--no-renames").split("\0"):
        for line in entry.split("\n"):
            if line.startswith("\x01"):
                time = datetime.fromtimestamp(int(line[1:]), UTC)
            elif line:
                found.setdefault(line, time)
    return found


def last_changed(sources: list[str], root: Path) -> datetime | None:
    """Return when the last of some files was changed; None where nobody knows."""
    times = [time for source in sources if (time := changes(root).get(source))]
    return max(times, default=None)


def _git(root: Path, *arguments: str) -> str:
    """Run git; its output, or nothing where it fails or is not there."""
    try:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8").stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
