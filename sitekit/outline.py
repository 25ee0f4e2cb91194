"""What a page holds besides its code: front matter, headings, admonitions, and the prose between them."""

import re
import textwrap
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from markdown.extensions.attr_list import get_attrs_and_remainder

from sitekit import fences
from sitekit.errors import PageError
from sitekit.fences import Fence

DOCS = Path("docs")
_HEADING = re.compile(r"^(#{1,6})[ \t]*(.+?)[ \t]*$")
_ATTRIBUTES = re.compile(r"[ ]+\{:?[ ]*([^}\n ][^\n]*)\}[ ]*$")  # as the attr_list extension finds them
_BLOCK = re.compile(r'^(?P<indent> *)(?:!!!|\?\?\?\+?) ?(?P<kind>[\w-]+(?: +[\w-]+)*)(?: +"(?P<title>.*)")? *$')
_BLOCK_LIKE = re.compile(r"^ *(?:!!!|\?\?\?)")
_COMMENT = re.compile(r"<!--.*?-->", re.S)
_UNMARKED = (
    re.compile(r"(?<![`\\])(`+)(?!`)(?:(?!\n[ \t]*\n).)+?(?<!`)\1(?!`)", re.S),  # `code`
    re.compile(r"(?<!\\)\$\$.+?\$\$", re.S),
    re.compile(r"(?<![\\$])\$(?![\s$])[^$\n]*?(?<!\s)\$(?!\d)"),
)


@dataclass(frozen=True)
class Heading:
    """A heading with what stands in its ``{ #id .class key="value" }``."""

    level: int
    text: str
    line: int
    id: str
    classes: tuple[str, ...]
    attributes: dict[str, str]

    @property
    def asks(self) -> bool:
        """Whether it is one of the site's questions."""
        return "question" in self.classes


@dataclass(frozen=True)
class Block:
    """An admonition: ``!!! kind "title"`` or ``??? kind "title"`` with its body, indentation taken off."""

    kind: str
    title: str
    line: int
    end_line: int
    body: str


@dataclass(frozen=True)
class Outline:
    """A page taken apart.

    ``name`` is its path without docs/ and suffix, ``training/activations``; ``lines`` are its lines with front matter,
    fences and comments blanked, so that line numbers stay; ``faults`` is what could not be read.
    """

    path: Path
    name: str
    meta: dict[str, Any]
    fences: list[Fence]
    headings: list[Heading]
    blocks: list[Block]
    lines: list[str]
    faults: list[PageError]

    @cached_property
    def plain(self) -> str:
        """The prose alone: inline code and formulas are blanked too, character by character."""
        return blank("\n".join(self.lines), *_UNMARKED)

    @cached_property
    def prose(self) -> str:
        """The prose with inline code and formulas."""
        return "\n".join(self.lines)

    @property
    def questions(self) -> list[Heading]:
        """The headings that ask."""
        return [heading for heading in self.headings if heading.asks]

    def line_of(self, offset: int) -> int:
        """Return the line of a character of ``plain`` or ``prose``."""
        return self.prose.count("\n", 0, offset) + 1

    def section(self, heading: Heading) -> range:
        """Return the lines from a heading to the next of its level or above."""
        ends = (other.line for other in self.headings if other.line > heading.line and other.level <= heading.level)
        return range(heading.line, next(ends, len(self.lines) + 1))

    def blocks_in(self, lines: range, kind: str) -> list[Block]:
        """Return the admonitions of a kind among some lines."""
        return [block for block in self.blocks if block.kind == kind and block.line in lines]


def read(docs: Path = DOCS) -> list[Outline]:
    """Take every page apart, in the order of their paths."""
    return [read_page(path, docs) for path in sorted(docs.rglob("*.md"))]


def read_page(path: Path, docs: Path = DOCS) -> Outline:
    """Take one page apart."""
    return parse(path.read_text("utf-8"), path, path.relative_to(docs).with_suffix("").as_posix())


def parse(text: str, path: Path | str = "page.md", name: str = "") -> Outline:
    """Take the text of a page apart."""
    path = Path(path)
    found, faults = fences.scan(text, path)
    lines = text.split("\n")
    meta, body_line = _front_matter(lines, path, faults)
    prose = _without(lines, body_line, found, faults)
    headings = [_heading(match, number) for number, line in enumerate(prose, 1) if (match := _HEADING.match(line))]
    blocks = [block for number, line in enumerate(prose, 1) if (block := _block(line, number, lines))]
    for number, line in enumerate(prose, 1):
        if _BLOCK_LIKE.match(line) and not _BLOCK.match(line):
            faults.append(
                PageError(path, number, f'cannot read this box: write !!! kind "Title", not {line.strip()!r}')
            )
    return Outline(path, name, meta, found, headings, blocks, prose, faults)


def blank(text: str, *patterns: re.Pattern[str]) -> str:
    """Put spaces in place of what the patterns match, and keep every line break."""
    for pattern in patterns:
        text = pattern.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    return text


def _front_matter(lines: list[str], path: Path, faults: list[PageError]) -> tuple[dict[str, Any], int]:
    """Return the front matter and the number of lines that it takes."""
    if lines[0].rstrip() != "---":
        return {}, 0
    end = next((number for number, line in enumerate(lines) if number and line.rstrip() in ("---", "...")), 0)
    if not end:
        faults.append(PageError(path, 1, "unclosed front matter: no line '---' follows"))
        return {}, 0
    try:
        meta = yaml.safe_load("\n".join(lines[1:end]))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = 2 + mark.line if mark else 1
        faults.append(PageError(path, at, f"the front matter is no YAML: {getattr(error, 'problem', error)}"))
        meta = None
    return meta if isinstance(meta, dict) else {}, end + 1


def _without(lines: list[str], body_line: int, found: list[Fence], faults: list[PageError]) -> list[str]:
    """Blank what is not prose: front matter, code, comments."""
    prose = [""] * body_line + lines[body_line:]
    ends = [(fence.line, fence.end_line) for fence in found]
    for fault in faults:  # a fence with a fault is code too
        mark = re.match(r"[ \t>]*(`{3,}|~{3,})", lines[fault.line - 1])
        if mark:
            closing = (n for n, line in enumerate(lines[fault.line :], fault.line + 1) if line.strip(" \t>") == mark[1])
            ends.append((fault.line, next(closing, len(lines))))
    for start, end in ends:
        prose[start - 1 : end] = [""] * (end - start + 1)
    return blank("\n".join(prose), _COMMENT).split("\n")


def _heading(match: re.Match[str], line: int) -> Heading:
    marks, text = match.groups()
    attributes: dict[str, str] = {}
    found = _ATTRIBUTES.search(text)
    pairs = get_attrs_and_remainder(found[1])[0] if found else []
    for key, value in pairs:
        if key != ".":
            attributes[key] = value or ""
    classes = tuple(value for key, value in pairs if key == "." and value)
    identifier = attributes.pop("id", "")
    text = text[: found.start()] if found else text
    return Heading(len(marks), text.rstrip("#").rstrip(), line, identifier, classes, attributes)


def _block(line: str, number: int, lines: list[str]) -> Block | None:
    match = _BLOCK.match(line)
    if match is None:
        return None
    indent = " " * (len(match["indent"]) + 4)
    end = number
    for offset, below in enumerate(lines[number:], number + 1):
        if below.startswith(indent) and below.strip():
            end = offset
        elif below.strip():
            break
    body = textwrap.dedent("\n".join(lines[number:end]))
    return Block(match["kind"], match["title"] or "", number, end, body)
