"""The list of questions that the site sets out to answer, and how much of it is answered."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from sitekit import outline
from sitekit.errors import PageError
from sitekit.outline import DOCS

LIST = "sources.yml"
FLOOR = "coverage.txt"
LEVELS = ("core", "intermediate", "advanced")


@dataclass(frozen=True)
class Listed:
    """A question of the list: its permanent id, its page, level and wording, and the source items that it answers."""

    slug: str
    page: str
    level: str
    question: str
    items: tuple[str, ...]


@dataclass(frozen=True)
class Sources:
    """The list: ``items`` maps the id of a source item to the questions that answer it, the main one first."""

    items: dict[str, tuple[str, ...]]
    questions: dict[str, Listed]


@dataclass(frozen=True)
class Coverage:
    """How much of the list is on the site: source items answered, listed questions asked, and both totals."""

    items: int
    questions: int
    all_items: int
    all_questions: int


def read_list(path: Path = DOCS / LIST) -> Sources:
    """Read the list.

    Raises:
        PageError: It contradicts itself: an unknown level, an item without a question, a question without an item.
    """
    data = yaml.safe_load(path.read_text("utf-8"))
    items = {item: tuple(entry["answers"]) for item, entry in data["items"].items()}
    questions: dict[str, Listed] = {}
    for page, entries in data["questions"].items():
        for slug, entry in entries.items():
            named = tuple(item for item, slugs in items.items() if slug in slugs)
            if slug in questions:
                raise _fault(path, slug, f"{slug} is listed twice: on {questions[slug].page} and on {page}")
            if entry["level"] not in LEVELS:
                raise _fault(path, slug, f"{slug} has level {entry['level']!r}: use one of {', '.join(LEVELS)}")
            if not named:
                raise _fault(path, slug, f"no item names {slug} as its answer")
            questions[slug] = Listed(slug, page, entry["level"], entry["question"], named)
    for item, slugs in items.items():
        for slug in slugs:
            if slug not in questions:
                raise _fault(path, item, f"{item} is answered by {slug}, which is not among the questions")
        if not slugs:
            raise _fault(path, item, f"{item} names no question that answers it")
    return Sources(items, questions)


def coverage(listed: Sources, asked: Iterable[tuple[str, Iterable[str]]]) -> Coverage:
    """Count what is answered.

    A source item counts when every question it names is on the site and lists the item: half an answer is none.

    Args:
        listed: The list.
        asked: The questions on the site: the id of each, and the items that it lists.
    """
    on_site = {slug: set(items) for slug, items in asked}
    answered = [item for item, slugs in listed.items.items() if all(item in on_site.get(slug, ()) for slug in slugs)]
    questions = listed.questions.keys() & on_site.keys()
    return Coverage(len(answered), len(questions), len(listed.items), len(listed.questions))


def site_coverage(docs: Path = DOCS) -> Coverage:
    """Count what the pages answer."""
    headings = [heading for page in outline.read(docs) for heading in page.questions]
    asked = [(heading.id, heading.attributes.get("data-sources", "").split()) for heading in headings]
    return coverage(read_list(docs / LIST), asked)


def check_coverage(docs: Path = DOCS) -> list[PageError]:
    """Find out whether the site answers less than it once did, or more than is noted."""
    faults, noted, now = [], _floor(docs), site_coverage(docs)
    for line, (what, count) in enumerate((("items", now.items), ("questions", now.questions)), start=1):
        floor = noted.get(what, 0)
        if count < floor:
            faults.append(PageError(docs / FLOOR, line, f"{count} {what} are answered, {floor} were: none may be lost"))
        elif count > floor:
            faults.append(PageError(docs / FLOOR, line, f"{count} {what} are answered, {floor} noted: run make update"))
    return faults


def raise_floor(docs: Path = DOCS) -> None:
    """Note what is answered now as the least that must stay answered; a lower count is not noted."""
    now, noted = site_coverage(docs), _floor(docs)
    items, questions = max(now.items, noted.get("items", 0)), max(now.questions, noted.get("questions", 0))
    (docs / FLOOR).write_text(f"items: {items}\nquestions: {questions}\n", "utf-8")


def _floor(docs: Path) -> dict[str, int]:
    path = docs / FLOOR
    return yaml.safe_load(path.read_text("utf-8")) if path.exists() else {}


def _fault(path: Path, key: str, message: str) -> PageError:
    lines = path.read_text("utf-8").split("\n")
    line = next((number for number, text in enumerate(lines, 1) if text.strip().startswith(f"{key}:")), 1)
    return PageError(path, line, message)
