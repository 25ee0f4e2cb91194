"""The site without a network: a service worker that keeps, for readers who ask for it, every file that pages show.

A file is known by the hash of what it holds: after an update a browser loads what changed, and nothing else. The worker
lies in the site's root and sees nothing above it, so that each version of the site keeps its own.
"""

import hashlib
import json
import re
from fnmatch import fnmatch
from pathlib import Path

TEMPLATE = Path(__file__).parent / "service_worker.js"
WORKER = "sw.js"
LEFT_OUT = (  # what no page shows: what is taken along by itself, and what is for machines
    "*.apkg", "*.epub", "*.ipynb", "*.md", "*.txt", "*.map", "*.gz", "*.inv", "*.xml", "*.pdf",
    "everything.html", "404.html", "*.schema.json", "assets/javascripts/lunr/*", "assets/images/social/*", WORKER,
)  # fmt: skip
_STYLE = re.compile(r'href="[^"]*?(?P<name>[^"/]+\.css)"')


def files(site: Path) -> list[Path]:
    """List the files of a built site that a reader without a network needs."""
    every = [path for path in sorted(site.rglob("*")) if path.is_file()]
    linked = {name for path in every if path.suffix == ".html" for name in _STYLE.findall(path.read_text("utf-8"))}
    return [
        path
        for path in every
        if not any(fnmatch(path.relative_to(site).as_posix(), pattern) for pattern in LEFT_OUT)
        and (path.suffix != ".css" or path.name in linked)
    ]


def size(site: Path) -> int:
    """Count the bytes that a browser keeps."""
    return sum(path.stat().st_size for path in files(site))


def write(site: Path) -> None:
    """Write the service worker of a built site, which must not change any more."""
    listed = [
        {"url": path.relative_to(site).as_posix(), "revision": hashlib.sha256(path.read_bytes()).hexdigest()[:16]}
        for path in files(site)
    ]
    (site / WORKER).write_text(worker(listed), "utf-8")


def worker(listed: list[dict[str, str]]) -> str:
    """Return the script of the worker that keeps the files listed."""
    template = TEMPLATE.read_text("utf-8")
    if template.count("FILES") != 1:
        raise ValueError(f"{TEMPLATE.name} names FILES {template.count('FILES')} times, not once")
    return template.replace("FILES", json.dumps(listed, indent=0, ensure_ascii=False))
