"""Make ``.venv`` with everything the commands need, or bring it up to date.

Runs before anything is installed, on whatever Python there is: the standard library only, and grammar that Python 3.6
reads, so that an old Python gets as far as the message below.
"""

import contextlib
import hashlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

MINIMUM, NEWEST = (3, 11), (3, 14)


def python_fault(version: tuple, executable: str) -> str:
    """Say why a Python cannot be used; empty where it can."""
    if tuple(version[:2]) >= MINIMUM:
        return ""
    found = f"{executable} is Python {version[0]}.{version[1]}"
    return f"dlref needs Python {MINIMUM[0]}.{MINIMUM[1]} or newer, and {found}.{advice()}"


def advice() -> str:
    """Name a newer Python of this machine, if it has one."""
    for minor in range(NEWEST[1], MINIMUM[1] - 1, -1):
        name = f"python3.{minor}"
        if shutil.which(name) and subprocess.call([name, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            return f" This machine has one: say PYTHON={name} behind the command, as in: make site PYTHON={name}"
    return " Install one, then say where it is: make site PYTHON=/path/to/python3"


# Before anything below, whose annotations an older Python cannot evaluate.
if python_fault(sys.version_info, sys.executable):
    sys.exit(python_fault(sys.version_info, sys.executable))

from sitekit.pip_run import GIGABYTES, SetupError, pip_install, python_of, say  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = "docs,test"

STAMP, UNFINISHED = "dlref-ready", "dlref-unfinished"


def digest(root: Path) -> str:
    """Sum up all that decides what is installed: the two files, and the folder that the package is linked to."""
    contents = [(root / name).read_bytes() for name in ("pyproject.toml", "constraints.txt")]
    return hashlib.sha256(b"\0".join([*contents, str(root).encode()])).hexdigest()


def set_up(root: Path, create: Callable[[Path], None], install: Callable[[Path, Path], None]) -> None:
    """Bring ``root/.venv`` to what pyproject.toml and constraints.txt say; do nothing where it is.

    A new environment that fails is removed again. An interrupted one carries a mark and is made anew by the next run.

    Raises:
        SetupError: It cannot be done; what was there before is as it was.
    """
    venv, wanted = root / ".venv", digest(root)
    if (venv / STAMP).exists() and (venv / STAMP).read_text() == wanted and python_of(venv).exists():
        return
    if (venv / UNFINISHED).exists():
        say("the last run was cut short: making .venv anew")
        _remove(venv)
    _check_existing(venv)
    fresh, began = not venv.exists(), time.monotonic()
    if fresh:
        check_disk(root)
    packages = len(pins((root / "constraints.txt").read_text("utf-8")))
    making = f"making .venv with Python {sys.version_info[0]}.{sys.version_info[1]}: {packages} packages"
    say(f"{making}, 2 GB (6 GB with the CUDA build of PyTorch), some minutes" if fresh else "updating .venv")
    venv.mkdir(exist_ok=True)
    (venv / UNFINISHED).touch()
    try:
        if fresh:
            create(venv)
        install(venv, root)
    except BaseException as fault:
        if fresh:
            _remove(venv)
        elif isinstance(fault, SetupError):
            # pip puts back a package that it could not replace: what was there before is whole, only not up to date.
            (venv / UNFINISHED).unlink()
        raise
    (venv / STAMP).write_text(wanted)
    (venv / UNFINISHED).unlink()
    say(f"ready after {time.monotonic() - began:.0f} s")


def _remove(venv: Path) -> None:
    """Take an environment away in one step, so that no half of it can stay behind."""
    gone = venv.parent / ".cache" / "venv-removed"
    gone.parent.mkdir(exist_ok=True)
    shutil.rmtree(gone, ignore_errors=True)
    venv.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def _check_existing(venv: Path) -> None:
    """Take away an environment whose Python is gone; refuse what is not ours to take away."""
    if not venv.exists():
        return
    if not (venv / "pyvenv.cfg").exists():
        raise SetupError(f"{venv} is no virtual environment: move it away, then run the command again")
    question = "import sys, importlib.util as u; print(*sys.version_info[:2], u.find_spec('pip') is not None)"
    try:
        command = [str(python_of(venv)), "-c", question]
        answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    except (OSError, subprocess.CalledProcessError):
        say("the Python of .venv is gone: making .venv anew")
        _remove(venv)
        return
    if (int(answer[0]), int(answer[1])) < MINIMUM:
        raise SetupError(f"{venv} holds Python {answer[0]}.{answer[1]}: remove it, then run the command again")
    if answer[2] != "True":
        raise SetupError(f"{venv} holds no pip: remove it, then run the command again")


def check_disk(root: Path, needed: float = GIGABYTES) -> None:
    """Refuse to begin what would not fit.

    Raises:
        SetupError: Less than ``needed`` gigabytes are free.
    """
    free = shutil.disk_usage(root).free / 1e9
    if free < needed:
        raise SetupError(f"{root} has {free:.1f} GB free, and the set-up needs {needed} GB: make room, then try again")


def create_venv(venv: Path) -> None:
    """Make an empty virtual environment with pip in it."""
    made = subprocess.run([sys.executable, "-m", "venv", str(venv)], capture_output=True, text=True)
    if made.returncode:
        hint = " (on Debian and Ubuntu: apt install python3-venv)" if "ensurepip" in made.stdout + made.stderr else ""
        raise SetupError(f"{sys.executable} cannot make a virtual environment{hint}:\n{made.stdout}{made.stderr}")


def install_project(venv: Path, root: Path) -> None:
    """Install dlref, linked to its sources, with all that the commands need, in the versions of constraints.txt."""
    pip_install(venv, ["-c", "constraints.txt", "-e", f".[{EXTRAS}]"], root)


def pins(text: str) -> list[str]:
    """List the pins of constraints.txt without its comments."""
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@contextlib.contextmanager
def alone(root: Path) -> Iterator[None]:
    """Wait while another set-up of this clone is under way, as with ``make site`` and ``make test`` side by side."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    (root / ".cache").mkdir(exist_ok=True)
    with (root / ".cache" / "setup.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another set-up of this folder")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main(action: Callable[[], None]) -> int:
    """Run a set-up alone in this clone, and return the exit status."""
    try:
        with alone(ROOT):
            action()
    except SetupError as fault:
        print(f"set-up failed: {fault}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("set-up stopped; the same command starts it again", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(lambda: set_up(ROOT, create_venv, install_project)))
