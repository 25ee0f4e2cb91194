"""Permanent addresses: a question keeps its ``page#id`` for good, or the old place says where it went."""

from collections.abc import Mapping
from pathlib import Path
from posixpath import dirname, relpath

import yaml

from sitekit import outline
from sitekit.errors import PageError
from sitekit.outline import DOCS

LOCK = "question-ids.txt"
MOVED = "redirects.yml"


def addresses(docs: Path = DOCS) -> dict[str, tuple[Path, int]]:
    """Return the address of every question, ``training/activations#swish``, with its file and line."""
    pages = outline.read(docs)
    return {f"{page.name}#{h.id}": (page.path, h.line) for page in pages for h in page.questions if h.id}


def locked(docs: Path = DOCS) -> list[str]:
    """Read the addresses that were published."""
    path = docs / LOCK
    return path.read_text("utf-8").split() if path.exists() else []


def redirects(docs: Path = DOCS) -> dict[str, str]:
    """Read where questions and pages went that have left their address.

    Old ``page#id`` to new ``page#id``, or old ``page`` to new ``page``: then its questions are found there, too.
    """
    path = docs / MOVED
    return (yaml.safe_load(path.read_text("utf-8")) or {}) if path.exists() else {}


def check_addresses(docs: Path = DOCS) -> list[PageError]:
    """Find addresses that vanished without a redirect, redirects that lead nowhere, and addresses not locked yet."""
    live, lock, moved = addresses(docs), locked(docs), redirects(docs)
    pages = {path.relative_to(docs).with_suffix("").as_posix() for path in (*docs.rglob("*.md"), *docs.rglob("*.py"))}
    faults = []
    for line, address in enumerate(lock, start=1):
        page, _, identifier = address.partition("#")
        if address not in live and address not in moved and f"{moved.get(page)}#{identifier}" not in live:
            message = f"{address} was published and is gone: put it back, or say in {MOVED} where it went"
            faults.append(PageError(docs / LOCK, line, message))
    for old, new in moved.items():
        line = _line(docs / MOVED, old)
        if ("#" in old) != ("#" in new):
            faults.append(
                PageError(docs / MOVED, line, f"{old} leads to {new}: a page moves to a page, a question to a question")
            )
            continue
        if old in live or old in pages:
            faults.append(PageError(docs / MOVED, line, f"{old} is redirected, but it is still on the site"))
        if new not in live and new not in pages:
            faults.append(PageError(docs / MOVED, line, f"{old} leads to {new}, which is not on the site"))
        home = old.partition("#")[0]
        if home not in pages and home not in moved:
            message = f"the page of {old} is gone: keep it, its foot shows the way, or say where {home} went"
            faults.append(PageError(docs / MOVED, line, message))
    for address in sorted(live.keys() - set(lock)):
        faults.append(PageError(*live[address], f"{address} is a new permanent address: run make update"))
    if lock != sorted(set(lock)):
        faults.append(PageError(docs / LOCK, 1, "the addresses are sorted, each once: run make update"))
    return faults


def lock_addresses(docs: Path = DOCS) -> None:
    """Note the address of every question; none is ever taken out."""
    noted = sorted({*locked(docs), *addresses(docs)})
    (docs / LOCK).write_text("".join(f"{address}\n" for address in noted), "utf-8")


def with_moved(markdown: str, page: str, moved: Mapping[str, str], texts: Mapping[str, str]) -> str:
    """Give a page a line for each question that left it, so that its old address still leads somewhere.

    Args:
        markdown: The page.
        page: Its name, ``training/activations``.
        moved: Where questions went, ``page#id`` to ``page#id``.
        texts: The wording of the question at each address.
    """
    notes = []
    for old, new in moved.items():
        home, _, identifier = old.partition("#")
        if home == page:
            target, _, anchor = new.partition("#")
            link = f"{relpath(target, dirname(page) or '.')}.md#{anchor}"
            notes.append(f"\n\nThis question has moved: [{texts[new]}]({link})\n{{ #{identifier} }}")
    return markdown.rstrip() + "".join(notes) + "\n" if notes else markdown


def _line(path: Path, address: str) -> int:
    lines = path.read_text("utf-8").split("\n")
    return next((number for number, line in enumerate(lines, 1) if address in line.partition(": ")[0]), 1)
