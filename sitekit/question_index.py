"""The index of the questions, and the desk at which a reader practises them."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from posixpath import dirname, relpath
from string import Template

from sitekit import questions
from sitekit.coverage import LEVELS, Coverage
from sitekit.questions import Question

MARKER = "<!-- questions -->"
SECTION_MARKER = "<!-- questions of this section -->"
INDEX = "questions/index.md"
DESK = Path(__file__).with_name("practice_desk.html")


def fill(
    markdown: str,
    questions: Sequence[Question],
    coverage: Coverage,
    titles: Mapping[str, str],
    moved: Mapping[str, str] | None = None,
) -> str:
    """Put the index in place of the marker of the questions page.

    Raises:
        ValueError: The page has no marker.
    """
    if MARKER not in markdown:
        raise ValueError(f"the questions page needs the line {MARKER} where the index goes")
    return markdown.replace(MARKER, index(questions, coverage, titles, moved or {}))


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


def with_practice(markdown: str, page: str) -> str:
    """End a page that asks in a link to the practice of its questions."""
    name = page.removesuffix(".md")
    if not questions.parse(markdown, page, name):
        return markdown
    index = relpath(INDEX, dirname(page) or ".")
    link = f"[Practise the questions of this page]({index}?section={name}&practice=all){{ .md-button }}"
    return f"{markdown.rstrip()}\n\n{link}\n"


def index(
    questions: Sequence[Question], coverage: Coverage, titles: Mapping[str, str], moved: Mapping[str, str]
) -> str:
    """Write the index of all questions: the desk, then section by section each question with its short answer.

    The desk is hidden until its script runs; without it the page is the whole list.

    Args:
        questions: The questions in reading order.
        coverage: How much of the list they answer.
        titles: The titles of the sections.
        moved: Where renamed questions went, ``page#id`` to ``page#id``: what a reader noted under an old name follows.
    """
    sections = {question.section: titles.get(question.section, question.section.capitalize()) for question in questions}
    formerly: dict[str, list[str]] = {}
    for old, new in moved.items():
        formerly.setdefault(new, []).append(old.partition("#")[2])
    parts = [_counts(questions, coverage), _desk(questions, sections)]
    for section in sections:
        mine = [question for question in questions if question.section == section]
        entries = "\n\n".join(_entry(one, formerly.get(f"{one.page}#{one.slug}", [])) for one in mine)
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


def _desk(questions: Sequence[Question], sections: Mapping[str, str]) -> str:
    topics = []
    for section, title in sections.items():
        pages = {question.page: question.topic for question in questions if question.section == section}
        whole = _option(section, f"all of {title}")
        topics.append(
            f'<optgroup label="{escape(title)}">{whole}{"".join(map(_option, pages, pages.values()))}</optgroup>'
        )
    return Template(DESK.read_text("utf-8")).substitute(
        count=len(questions),
        topics="".join(topics),
        levels="".join(map(_option, LEVELS, LEVELS)),
        section_boxes="".join(_box("section", section, title) for section, title in sections.items()),
        level_boxes="".join(_box("level", level, level) for level in LEVELS),
    )


def _option(value: str, name: str) -> str:
    return f'<option value="{escape(value)}">{escape(name)}</option>'


def _box(name: str, value: str, label: str) -> str:
    return f'<label><input type="checkbox" name="{name}" value="{escape(value)}" checked> {escape(label)}</label>'


def _entry(question: Question, formerly: Sequence[str]) -> str:
    old = f' data-formerly="{" ".join(formerly)}"' if formerly else ""
    return (
        f'<details class="question-entry" data-slug="{question.slug}" data-page="{question.page}" '
        f'data-level="{question.level}"{old} markdown="1">\n'
        f'<summary markdown="span">{question.text} <span class="level level-{question.level}">{question.level}</span>'
        f"</summary>\n\n{question.short_answer}\n\n"
        f"[{question.topic}: the whole answer](../{question.page}.md#{question.slug})\n\n</details>"
    )
