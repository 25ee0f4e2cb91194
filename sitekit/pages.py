"""The rules of a page, each fault with its file and line: the build and the tests refuse a page that breaks one."""

import re
from collections.abc import Iterator
from pathlib import Path

from sitekit import links, outline
from sitekit.coverage import LEVELS, LIST, Listed, Sources, read_list
from sitekit.errors import PageError
from sitekit.outline import DOCS, Block, Heading, Outline
from sitekit.questions import ANSWER, FOLLOW_UPS, MISTAKE, claim, spoken, word_count

DESCRIPTION = range(50, 171)
ANSWER_WORDS = 60
SNIPPET_LINES = 30
NO_SECTIONS = frozenset({"assets", "labs", "questions"})
_SENTENCE_END = re.compile(r"[.!?][”’\")]*\s+[A-Z]")
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_SOURCE_TALKS = re.compile(
    r"\b(?:[ABCD]\d{1,2}[a-z]?|U\d\.\d)(?:,? (?:and|or) [ABCD]\d{1,2}[a-z]?)?\s+"
    r"(?:says?|claims?|states?|asserts?|asks?|defines?|explains?|describes?|lists?|attributes?)\b"
)


def check_site(docs: Path = DOCS, package: Path | None = None) -> list[PageError]:
    """Check every page by itself, then ids and links across the site.

    Args:
        docs: The folder of the pages.
        package: The folder of dlref; beside docs if not given.
    """
    pages, listed = outline.read(docs), read_list(docs / LIST)
    faults = [fault for page in pages for fault in check_page(page, listed)]
    faults += _repeated_ids(pages)
    faults += links.check(pages, docs, package or docs.parent / "dlref")
    return sorted(faults, key=lambda fault: (str(fault.path), fault.line))


def check_page(page: Outline, listed: Sources) -> list[PageError]:
    """Check one page by itself."""
    rules = (_front_matter, _headings, _snippets, links.check_footnotes, _voices)
    faults = [*page.faults, *(fault for rule in rules for fault in rule(page))]
    faults += _missing(page, listed)
    for heading in page.questions:
        faults += [PageError(page.path, heading.line, message) for message in _heading(page, heading, listed)]
        faults += _body(page, heading)
    return faults


def is_topic(name: str) -> bool:
    """Whether a page, ``training/activations``, is a topic: two levels deep and no index."""
    section, _, topic = name.partition("/")
    return bool(topic) and "/" not in topic and topic != "index" and section not in NO_SECTIONS


def _front_matter(page: Outline) -> Iterator[PageError]:
    def fault(key: str, message: str) -> PageError:
        lines = page.path.read_text("utf-8").split("\n") if page.path.exists() else []
        line = next((number for number, text in enumerate(lines, 1) if text.startswith(f"{key}:")), 1)
        return PageError(page.path, line, message)

    for key in ("title", "description"):
        value = page.meta.get(key)
        if not isinstance(value, str) or not value.strip():
            yield fault(key, f"the front matter needs a {key}")
    description = page.meta.get("description")
    if isinstance(description, str) and description.strip():
        if len(description) not in DESCRIPTION:
            limits = f"{DESCRIPTION.start} to {DESCRIPTION.stop - 1}"
            yield fault(
                "description", f"the description has {len(description)} characters; {limits} fit a link preview"
            )
        if _SENTENCE_END.search(description):
            yield fault("description", "the description is one sentence")


def _headings(page: Outline) -> Iterator[PageError]:
    above = 1  # the title
    for position, heading in enumerate(page.headings):
        if heading.level > above + 1:
            yield PageError(page.path, heading.line, f"a heading of level {heading.level} below one of level {above}")
        if heading.level == 1 and position:
            yield PageError(page.path, heading.line, "a page has one heading of level 1, its title")
        if heading.text == "Reference implementation":
            yield PageError(page.path, heading.line, "the build appends the reference implementation: take it out")
        if not heading.asks and "data-level" in heading.attributes:
            yield PageError(page.path, heading.line, "a heading with data-level is a question: give it .question")
        if not heading.asks and is_topic(page.name) and heading.level == 2 and heading.text.endswith("?"):
            yield PageError(page.path, heading.line, "this heading asks: give it { #slug .question data-level=... }")
        above = heading.level
    for number, line in enumerate(page.lines, start=1):
        if re.match(r"[ \t]+#{1,6}[ \t]", line):
            yield PageError(page.path, number, "a heading starts at the left margin")


def _snippets(page: Outline) -> Iterator[PageError]:
    for fence in page.fences:
        code = [line for line in fence.code.split("\n") if line.strip() and not line.lstrip().startswith("#>")]
        if fence.runs and len(code) > SNIPPET_LINES:
            yield PageError(page.path, fence.line, f"a snippet of {len(code)} lines; {SNIPPET_LINES} are the most")


def _voices(page: Outline) -> Iterator[PageError]:
    for match in _SOURCE_TALKS.finditer(page.plain):
        yield PageError(
            page.path, page.line_of(match.start()), f"{match[0]!r}: the page refutes the claim, not its source"
        )


def _missing(page: Outline, listed: Sources) -> Iterator[PageError]:
    asked = {heading.id for heading in page.questions}
    for entry in listed.questions.values():
        if entry.page == page.name and entry.slug not in asked:
            yield PageError(page.path, 1, f"{LIST} promises the question {entry.slug!r} on this page")


def _heading(page: Outline, heading: Heading, listed: Sources) -> Iterator[str]:
    """Compare the heading of a question with the list."""
    level, items = heading.attributes.get("data-level"), heading.attributes.get("data-sources")
    if heading.level != 2:
        yield f"a question is a heading of level 2, not {heading.level}"
    if not _SLUG.fullmatch(heading.id):
        yield f"a question needs a permanent id of lower-case words joined by '-', not {heading.id!r}"
    if level not in LEVELS:
        yield f"data-level is one of {', '.join(LEVELS)}, not {level!r}"
    for key in heading.attributes.keys() - {"data-level", "data-sources"}:
        yield f"unknown attribute {key!r} of a question"
    entry = listed.questions.get(heading.id)
    if entry is not None:
        yield from _differences(page, heading, entry)
    elif items is not None:
        yield f"{LIST} has no question {heading.id!r}: correct the id, or leave data-sources out if it goes beyond"


def _differences(page: Outline, heading: Heading, entry: Listed) -> Iterator[str]:
    if page.name != entry.page:
        yield f"{entry.slug} belongs on {entry.page}"
    if heading.attributes.get("data-level") != entry.level:
        yield f"{entry.slug} has level {entry.level}, not {heading.attributes.get('data-level')}"
    if _straight(heading.text) != _straight(entry.question):
        yield f"{entry.slug} reads {entry.question!r}, not {heading.text!r}"
    if sorted(heading.attributes.get("data-sources", "").split()) != sorted(entry.items):
        yield f'{entry.slug} has data-sources="{" ".join(entry.items)}"'


def _body(page: Outline, heading: Heading) -> Iterator[PageError]:
    """Check what stands below the heading of a question."""
    lines, name = page.section(heading), heading.id or heading.text
    answers = page.blocks_in(lines, ANSWER)
    if not answers:
        yield PageError(page.path, heading.line, f'{name} has no short answer: !!! answer "Short answer"')
    for again in answers[1:]:
        yield PageError(page.path, again.line, f"{name} has a second short answer")
    for answer in answers[:1]:
        yield from _answer(page, heading, answer)
    for mistake in page.blocks_in(lines, MISTAKE):
        if not claim(mistake) or mistake.title[:1] + mistake.title[-1:] != "“”":
            yield PageError(page.path, mistake.line, 'a mistake is titled with what people say: !!! mistake "“claim”"')
    if not any(fence.runs and fence.line in lines for fence in page.fences):
        yield PageError(page.path, heading.line, f"{name} has no snippet: a number proves the answer")
    if not any(block.title == "Follow-ups" for block in page.blocks_in(lines, FOLLOW_UPS)):
        yield PageError(page.path, heading.line, f'{name} has no follow-ups: ??? question "Follow-ups"')


def _answer(page: Outline, heading: Heading, answer: Block) -> Iterator[PageError]:
    count = word_count(answer.body)
    if answer.title != "Short answer":
        yield PageError(page.path, answer.line, f'a short answer is titled "Short answer", not {answer.title!r}')
    if not spoken(answer.body):
        yield PageError(page.path, answer.line, "the short answer is empty: indent it by four spaces")
    if count > ANSWER_WORDS:
        yield PageError(page.path, answer.line, f"a short answer of {count} words; {ANSWER_WORDS} are the most")
    if any(answer.line < fence.line <= answer.end_line for fence in page.fences):
        yield PageError(page.path, answer.line, "a short answer is spoken: put the code below it")
    if any(line.strip() for line in page.lines[heading.line : answer.line - 1]):
        yield PageError(page.path, answer.line, "the short answer comes first")


def _straight(text: str) -> str:
    """Read a question without marks of style: typographic quotes, code, emphasis."""
    return re.sub(r"[`*]", "", text.translate(str.maketrans("‘’“”", "''\"\""))).strip()


def _repeated_ids(pages: list[Outline]) -> Iterator[PageError]:
    first: dict[str, str] = {}
    for page in pages:
        for identifier, line in links.own_ids(page):
            if identifier in first:
                yield PageError(page.path, line, f"the id {identifier!r} is taken: {first[identifier]}")
            first.setdefault(identifier, f"{page.path}:{line}")
