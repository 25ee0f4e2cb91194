"""Common mistakes: a permanent address for each, and the words that refute it."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor

from sitekit import outline, questions
from sitekit.outline import DOCS, Block, Outline
from sitekit.questions import CODE, FORMULA, MISTAKE, Question

WORDS = 6  # of a claim, in its address: enough to tell, few enough that a comma may change
ENOUGH, LEAST = 14, 9  # spoken words of a refutation: then it ends, and before it may point at what is on its page
_SENTENCE = re.compile(r"(?<=[.!?])(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bal\.)(?<!\bvs\.)[”’)*]*\s+(?=\S)")
_POINTS = re.compile(r"\b(?:above|below|here|figure|table|snippet|code|listing|plot)\b", re.I)  # at what is elsewhere


@dataclass(frozen=True)
class Correction:
    """A claim, the question under which it is refuted, the place, and the first words of the refutation."""

    claim: str
    question: Question
    anchor: str
    refutation: str

    @property
    def file(self) -> str:
        """The address for Markdown, from the root of the pages."""
        return f"{self.question.page}.md#{self.anchor}"


def anchors(claims: Iterable[str]) -> list[str]:
    """Make an id for each mistake of a page from its first words; where those agree, a number tells them apart."""
    found: dict[str, int] = {}
    ids = []
    for claim in claims:
        decomposed = unicodedata.normalize("NFKD", claim.lower())
        plain = "".join(char for char in decomposed if not unicodedata.combining(char) and char not in "'’")
        name = "-".join(["mistake", *re.findall(r"[a-z0-9]+", plain)[:WORDS]])
        found[name] = number = found.get(name, 0) + 1
        ids.append(name if number == 1 else f"{name}-{number}")
    return ids


def collect(docs: Path = DOCS, order: Sequence[str] = ()) -> list[Correction]:
    """Read the mistakes of every page, in the order of the navigation."""
    asked = {(question.page, question.slug): question for question in questions.collect(docs, order)}
    pages = {page.name: page for page in outline.read(docs)}
    return [
        correction
        for name in dict.fromkeys(page for page, _ in asked)
        for correction in _of_page(pages[name], [one for (page, _), one in asked.items() if page == name])
    ]


def _of_page(page: Outline, asked: Sequence[Question]) -> list[Correction]:
    blocks = [block for block in page.blocks if block.kind == MISTAKE]
    ids = dict(zip((block.line for block in blocks), anchors(map(questions.claim, blocks)), strict=True))
    return [
        Correction(mistake.claim, question, ids[mistake.line], refutation(_block_at(blocks, mistake.line)))
        for question in asked
        for mistake in question.mistakes
    ]


def _block_at(blocks: Sequence[Block], line: int) -> Block:
    return next(block for block in blocks if block.line == line)


def refutation(block: Block) -> str:
    """Return the first words of a refutation: whole sentences, and none that points at what does not come along."""
    first, *more = sentences(questions.spoken(block.body.split("\n\n")[0]))
    said = [first]
    for sentence in more:
        count = questions.word_count(" ".join(said))
        if count >= ENOUGH or sentence.endswith(":") or (count >= LEAST and _POINTS.search(sentence)):
            break
        said.append(sentence)
    text = " ".join(said)
    return f"{text[:-1]}." if text.endswith(":") else text


def sentences(text: str) -> list[str]:
    """Part prose into sentences; a full stop in code or in a formula ends none."""
    kept: list[str] = []

    def hide(match: re.Match[str]) -> str:
        kept.append(match[0])
        return f"\x00{len(kept) - 1}\x00"

    hidden = re.sub(f"{CODE}|{FORMULA}", hide, " ".join(text.split()), flags=re.S)
    found, start = [], 0
    for end in _SENTENCE.finditer(hidden):
        found.append(hidden[start : end.end()].strip())
        start = end.end()
    found.append(hidden[start:])
    return [re.sub("\x00(\\d+)\x00", lambda match: kept[int(match[1])], sentence) for sentence in found if sentence]


class AnchorTreeprocessor(Treeprocessor):
    """Give every mistake of a page its id."""

    def run(self, root: Element) -> None:
        """Name the boxes before the marks within their titles are read."""
        boxes = [box for box in root.iter("div") if MISTAKE in box.get("class", "").split()]
        titles = ["".join(box[0].itertext()) if len(box) else "" for box in boxes]
        for box, anchor in zip(boxes, anchors(title.strip('“”" ') for title in titles), strict=True):
            box.set("id", anchor)


class AnchorExtension(Extension):
    """Register the processor before the inline patterns (20), which change the titles."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Add the processor."""
        md.treeprocessors.register(AnchorTreeprocessor(md), "sitekit-mistakes", 25)


def makeExtension(**kwargs: object) -> AnchorExtension:
    """Let Markdown find the extension by the module's name."""
    return AnchorExtension(**kwargs)
