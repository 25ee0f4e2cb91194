"""Lighthouse over pages of the site. ``python -m tests.site.lighthouse`` prints the performance of each kind of page.

Performance is what Lighthouse computes for a slow phone on a slow network from what it measures on this machine, so
that it falls when the machine is busy: the best of three counts, and no test asks for it.
"""

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.site.conftest import BROWSERS, ROOT
from tests.site.kinds import kinds
from tests.site.node import run
from tests.site.serving import Site, serve

HARD = ("accessibility", "best-practices", "seo")  # the same on every machine


@dataclass(frozen=True)
class Audit:
    """The scores of a page, from 0 to 1, and what lost points."""

    address: str
    scores: dict[str, float]
    faults: list[str]
    error: str


def audits(addresses: Sequence[str], categories: Sequence[str] = HARD) -> list[Audit]:
    """Run Lighthouse as for a phone, in one browser."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert program is not None, f"no browser: none of {', '.join(BROWSERS)} is installed"
    done = run("audit.mjs", program, ",".join(categories), *addresses)
    assert done.returncode == 0, done.stderr
    return [Audit(**json.loads(line)) for line in done.stdout.splitlines()]


def pages(site: Site) -> dict[str, str]:
    """Return the address of a page of each kind that has one of its own."""
    own = {name: kind.page for name, kind in kinds(site).items() if (site.folder / kind.page / "index.html").is_file()}
    return {page: site.address + page for page in own.values()} | {"404.html": f"{site.address}404.html"}


def main(folder: Path, rounds: int = 3) -> None:
    """Print the best performance of each kind of page, of some rounds."""
    with serve(folder) as address:
        for name, page in pages(Site(folder, address)).items():
            scores = [audits([page], ["performance"])[0].scores["performance"] for _ in range(rounds)]
            print(f"{max(scores) * 100:4.0f}  {name or 'home'}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "site")
