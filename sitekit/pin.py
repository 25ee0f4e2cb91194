"""Write constraints.txt anew: ``python3 -m sitekit.pin``, which ``make lock`` calls."""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from sitekit.setup_env import EXTRAS, ROOT, create_venv, main, pins, pip_install, python_of, say

# What the CUDA build of PyTorch brings on Linux alone.
ONE_PLATFORM = re.compile(r"(nvidia|cuda|triton)\b")


def pin(root: Path, torch: str) -> None:
    """Note the versions that a new environment gets: the newest of everything, and ``torch`` as told."""
    import tomllib  # not in an old Python, which setup_env refuses with a better message

    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    # The pin first, or pip fetches the newest torch only to look at it.
    wanted = [f"torch=={torch}", *project["dependencies"]]
    for extra in EXTRAS.split(","):
        wanted += project["optional-dependencies"][extra]
    with tempfile.TemporaryDirectory() as scratch:
        venv = Path(scratch) / "venv"
        say("installing the newest versions in an empty environment")
        create_venv(venv)
        pip_install(venv, wanted, root)
        freeze = [str(python_of(venv)), "-m", "pip", "freeze"]
        frozen = subprocess.run(freeze, capture_output=True, text=True, check=True).stdout
    text = constraints(frozen, sys.version_info[:2])
    (root / "constraints.txt").write_bytes(text.encode())
    say(f"constraints.txt holds {len(pins(text))} versions")


def constraints(frozen: str, python: tuple[int, ...]) -> str:
    """Turn the output of ``pip freeze`` into constraints.txt: public versions, and nothing of one platform alone."""
    kept = [re.sub(r"\+.*", "", line) for line in pins(frozen) if not ONE_PLATFORM.match(line)]
    header = [
        f"# The exact versions of all that the commands install, noted with Python {python[0]}.{python[1]}.",
        "# `make lock` writes this file anew; `make lock TORCH=2.13.0` moves PyTorch as well.",
        "# Packages that only another system needs are not held.",
    ]
    return "".join(f"{line}\n" for line in [*header, *sorted(kept, key=str.lower)])


def pinned(package: str, text: str) -> str:
    """Return the version at which constraints.txt holds a package."""
    return next(line.partition("==")[2] for line in pins(text) if line.startswith(f"{package}=="))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch", help="the version of PyTorch to hold; without it, the one held now")
    held = pinned("torch", (ROOT / "constraints.txt").read_text("utf-8"))
    version = parser.parse_args().torch or held
    sys.exit(main(lambda: pin(ROOT, version)))
