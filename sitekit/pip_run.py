"""Run pip for people who wait: what it is doing, in a few lines, and why it failed, in its own words."""

import os
import queue
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

GIGABYTES = 2.5  # 2.0 installed, and the largest download beside it while it is unpacked
LARGE = 20  # megabytes; a larger download is announced
SILENCE = 15.0  # seconds after which a sign of life is due


class SetupError(Exception):
    """Why the set-up cannot go on, in words for whoever typed ``make``."""


def say(line: str) -> None:
    """Show a line of progress at once."""
    print(f"set-up: {line}", flush=True)


def python_of(venv: Path) -> Path:
    """Return the interpreter of a virtual environment."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def pip_install(venv: Path, what: list[str], root: Path) -> None:
    """Run ``pip install`` with a few lines of progress; the whole of what it says goes to ``.cache/setup.log``."""
    scratch = venv / "tmp"  # downloads are unpacked on the disk whose room was checked
    scratch.mkdir(exist_ok=True)
    command = [str(python_of(venv)), "-m", "pip", "install", "--no-input", "--progress-bar", "off"]
    environment = {**os.environ, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "TMPDIR": str(scratch)}
    log = root / ".cache" / "setup.log"
    log.parent.mkdir(exist_ok=True)
    lines = []
    pip = subprocess.Popen(
        [*command, *what],
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    with pip, log.open("w", encoding="utf-8") as file:
        try:
            for line in progress(pip.stdout or ()):
                file.write(line)
                lines.append(line)
        except BaseException:
            pip.kill()
            pip.wait()
            raise
    shutil.rmtree(scratch, ignore_errors=True)
    if pip.returncode:
        raise SetupError(failure(lines, log))


def progress(output: Iterable[str], silence: float = SILENCE) -> Iterator[str]:
    """Pass on the lines that pip prints, and say what a waiting person wants to know of them."""
    lines: queue.Queue[str] = queue.Queue()
    reader = threading.Thread(target=_read, args=(output, lines), daemon=True)
    reader.start()
    began, found = time.monotonic(), 0
    while True:
        try:
            line = lines.get(timeout=silence)
        except queue.Empty:
            say(f"  still at work, {time.monotonic() - began:.0f} s")
            continue
        if not line:
            return
        found += line.startswith("Collecting ")
        if line.startswith("Collecting ") and found % 25 == 0:
            say(f"  {found} packages found")
        large = re.match(r" *Downloading (\S+) \((\d+)\.?\d* MB\)", line)
        if large and int(large[2]) >= LARGE:
            say(f"  downloading {large[1].split('/')[-1]}, {large[2]} MB")
        if line.startswith("Installing collected packages"):
            many = line.count(",")
            say(f"  unpacking {many + 1} packages" if many else "  unpacking one package")
        yield line


def _read(output: Iterable[str], lines: "queue.Queue[str]") -> None:
    for line in output:
        lines.put(line)
    lines.put("")


def failure(lines: list[str], log: Path) -> str:
    """Say why pip failed: its own errors, and what usually helps."""
    text = "".join(lines)
    errors = [line for line in lines if line.lower().startswith("error")] or lines[-5:]
    hints = {
        "No space left on device": f"The disk is full: {GIGABYTES} GB are needed, 9 GB with the CUDA build of PyTorch.",
        "No matching distribution": "Is this machine online? Is there a build of it for this Python and this system?",
    }
    hint = "".join(f"{hints[sign]}\n" for sign in hints if sign in text)
    return f"pip could not install the packages.\n{''.join(errors)}{hint}All that it said is in {log}"
