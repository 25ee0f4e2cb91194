"""A repository of a few commits with the days on which they were made."""

import os
import subprocess
from pathlib import Path

QUIET = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
}


def git(root: Path, *arguments: str, day: str = "2026-01-01") -> str:
    """Run git on a day, away from the settings of whoever runs the tests."""
    times = {"GIT_AUTHOR_DATE": f"{day}T12:00:00+0000", "GIT_COMMITTER_DATE": f"{day}T12:00:00+0000"}
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(command, env=os.environ | QUIET | times, check=True, capture_output=True, text=True)
    return done.stdout


def commit(root: Path, day: str, **texts: str) -> None:
    """Commit files on a day; a double underscore in a name stands for a slash, a triple one for the dot."""
    if not (root / ".git").exists():
        git(root, "init", "-q", "-b", "main")
    for name, text in texts.items():
        path = root / name.replace("___", ".").replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", day, day=day)
