"""The questions of the site, read from the headings of its pages."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sitekit import outline
from sitekit.outline import DOCS, Block, Heading, Outline

ANSWER, MISTAKE, FOLLOW_UPS = "answer", "mistake", "question"
CODE = r"(?<!`)(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`)"
FORMULA = r"\$\$.+?\$\$|(?<![\\$])\$(?![\s$])[^$\n]*?(?<!\s)\$(?!\d)"
_FOOTNOTE = r"\[\^[^\]]+\]"
_TARGET = r"\([^()\s]*(?:\([^()]*\)[^()\s]*)*(?:\s+(?:\"[^\"]*\"|'[^']*'))?\)|\[[^\]]*\]"
_UNSPOKEN = re.compile(rf"(?P<kept>{CODE}|{FORMULA})|{_FOOTNOTE}|!?\[(?P<text>[^\[\]]*)\](?:{_TARGET})", re.S)


@dataclass(frozen=True)
class Mistake:
    """A common mistake as people say it, and the line where the page refutes it."""

    claim: str
    line: int


@dataclass(frozen=True)
class Question:
    """A question and its spoken answer.

    ``page`` is the page's path without docs/ and suffix, ``topic`` its title; ``short_answer`` is Markdown without
    links and footnotes, so that it can stand anywhere.
    """

    slug: str
    text: str
    level: str
    sources: tuple[str, ...]
    page: str
    topic: str
    line: int
    short_answer: str
    mistakes: tuple[Mistake, ...]

    @property
    def section(self) -> str:
        """The folder of the page."""
        return self.page.partition("/")[0]

    @property
    def url(self) -> str:
        """The address, from the root of the site."""
        return f"{self.page}/#{self.slug}"


def parse(text: str, path: Path | str = "page.md", name: str = "") -> list[Question]:
    """Read the questions of a page; what is missing or wrong is left to the page rules."""
    return of_page(outline.parse(text, path, name))


def of_page(page: Outline) -> list[Question]:
    """Read the questions of a page taken apart."""
    return [_question(page, heading) for heading in page.questions]


def collect(docs: Path = DOCS, order: Sequence[str] = ()) -> list[Question]:
    """Read the questions of every page, in the order of the navigation.

    Args:
        docs: The folder of the pages.
        order: The names of the pages in reading order; pages that it does not name come last.
    """
    place = {name: number for number, name in enumerate(order)}
    pages = sorted(outline.read(docs), key=lambda page: (place.get(page.name, len(place)), page.name))
    return [question for page in pages for question in of_page(page)]


def section_titles(docs: Path = DOCS) -> dict[str, str]:
    """Name the sections after the titles of their index pages."""
    pages = [outline.read_page(path, docs) for path in sorted(docs.glob("*/index.md"))]
    return {page.path.parent.name: str(page.meta["title"]) for page in pages if "title" in page.meta}


def _question(page: Outline, heading: Heading) -> Question:
    lines = page.section(heading)
    answers = page.blocks_in(lines, ANSWER)
    return Question(
        slug=heading.id,
        text=heading.text,
        level=heading.attributes.get("data-level", ""),
        sources=tuple(heading.attributes.get("data-sources", "").split()),
        page=page.name,
        topic=str(page.meta.get("title", page.name)),
        line=heading.line,
        short_answer=spoken(answers[0].body) if answers else "",
        mistakes=tuple(Mistake(claim(block), block.line) for block in page.blocks_in(lines, MISTAKE)),
    )


def claim(mistake: Block) -> str:
    """Return what people say, without the quotation marks."""
    return mistake.title.strip('“”" ')


def spoken(markdown: str) -> str:
    """Leave out what one does not say: footnotes and the targets of links."""
    return _UNSPOKEN.sub(lambda match: match["kept"] or match["text"] or "", markdown).strip()


def word_count(markdown: str) -> int:
    """Count the words that one would say; a formula is one word, and a dash is none."""
    words = re.sub(FORMULA, "formula", spoken(markdown), flags=re.S).split()
    return sum(any(character.isalnum() for character in word) for word in words)
