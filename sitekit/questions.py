"""The questions of the site, read from the headings of its pages, and what is made of them: the index and the JSON."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from sitekit import outline
from sitekit.coverage import LEVELS, Coverage
from sitekit.outline import DOCS, Block, Heading, Outline

ANSWER, MISTAKE, FOLLOW_UPS = "answer", "mistake", "question"
MARKER = "<!-- questions -->"
SECTION_MARKER = "<!-- questions of this section -->"
_CODE = r"(?<!`)(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`)"
_FORMULA = r"\$\$.+?\$\$|(?<![\\$])\$(?![\s$])[^$\n]*?(?<!\s)\$(?!\d)"
_FOOTNOTE = r"\[\^[^\]]+\]"
_TARGET = r"\([^()\s]*(?:\([^()]*\)[^()\s]*)*(?:\s+(?:\"[^\"]*\"|'[^']*'))?\)|\[[^\]]*\]"
_UNSPOKEN = re.compile(rf"(?P<kept>{_CODE}|{_FORMULA})|{_FOOTNOTE}|!?\[(?P<text>[^\[\]]*)\](?:{_TARGET})", re.S)


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
    words = re.sub(_FORMULA, "formula", spoken(markdown), flags=re.S).split()
    return sum(any(character.isalnum() for character in word) for word in words)


def as_json(questions: Iterable[Question]) -> str:
    """Write the questions as the site's ``questions.json``: for flash cards, scripts, and other sites."""
    rows = [
        {
            "slug": question.slug,
            "question": question.text,
            "level": question.level,
            "topic": question.topic,
            "section": question.section,
            "url": question.url,
            "short_answer": question.short_answer,
            "sources": list(question.sources),
        }
        for question in questions
    ]
    return json.dumps(rows, ensure_ascii=False, indent=1) + "\n"


def fill(markdown: str, questions: Sequence[Question], coverage: Coverage, titles: dict[str, str]) -> str:
    """Put the index in place of the marker of the questions page.

    Raises:
        ValueError: The page has no marker.
    """
    if MARKER not in markdown:
        raise ValueError(f"the questions page needs the line {MARKER} where the index goes")
    return markdown.replace(MARKER, index(questions, coverage, titles))


def fill_section(markdown: str, page: str, questions: Sequence[Question]) -> str:
    """Put the section's questions, topic by topic, in place of the marker on its index page ``training/index.md``."""
    section = page.partition("/")[0]
    mine = [question for question in questions if question.section == section]
    parts = []
    for name in dict.fromkeys(question.page for question in mine):
        asked = [question for question in mine if question.page == name]
        file = f"{name.partition('/')[2]}.md"
        links = "\n".join(f"- [{question.text}]({file}#{question.slug})" for question in asked)
        parts.append(f"**[{asked[0].topic}]({file})**\n\n{links}")
    return markdown.replace(SECTION_MARKER, "\n\n".join(parts))


def index(questions: Sequence[Question], coverage: Coverage, titles: dict[str, str]) -> str:
    """Write the index of all questions: a filter, then section by section each question with its short answer.

    The filter is hidden until its script runs; without it the page is the whole list.
    """
    sections = {question.section: titles.get(question.section, question.section.capitalize()) for question in questions}
    parts = [_counts(questions, coverage), _filter(sections, len(questions))]
    for section in sections:
        entries = "\n\n".join(_entry(question) for question in questions if question.section == section)
        parts.append(
            f'<section data-section="{section}" markdown="1">\n\n'
            f"## {sections[section]} {{ #{section}-questions }}\n\n{entries}\n\n</section>"
        )
    return "\n\n".join(parts)


def _counts(questions: Sequence[Question], coverage: Coverage) -> str:
    more = len(questions) - coverage.questions
    beyond = f", and {more} more" if more else ""
    return (
        f"The site answers {coverage.questions} of the {coverage.all_questions} listed questions{beyond}. Together "
        f"they answer {coverage.items} of the {coverage.all_items} interview questions that the list was made from."
    )


def _filter(sections: dict[str, str], count: int) -> str:
    def select(label: str, choices: Iterable[tuple[str, str]]) -> str:
        options = "".join(f'<option value="{value}">{escape(name)}</option>' for value, name in choices)
        name = label.lower()
        return f'<label>{label} <select name="{name}"><option value="">all</option>{options}</select></label>'

    return "\n".join(
        [
            '<form class="question-filter" role="search" aria-label="Filter the questions" hidden>',
            '<label>Text <input type="search" name="text" autocomplete="off"></label>',
            select("Level", ((level, level) for level in LEVELS)),
            select("Section", sections.items()),
            f'<output aria-live="polite">{count} questions</output>',
            "</form>",
            '<script src="../assets/js/questions.js" defer></script>',
        ]
    )


def _entry(question: Question) -> str:
    return (
        f'<details class="question-entry" data-level="{question.level}" markdown="1">\n'
        f'<summary markdown="span">{question.text} <span class="level level-{question.level}">{question.level}</span>'
        f"</summary>\n\n{question.short_answer}\n\n"
        f"[{question.topic}: the whole answer](../{question.page}.md#{question.slug})\n\n</details>"
    )
