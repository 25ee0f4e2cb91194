"""The one parser of fenced code blocks: what it finds is what is tested, shown and drawn.

It follows the grammar of pymdownx.superfences, which renders the site: a fence may stand in an admonition, a tab, a
list or a block quote, behind any prefix of spaces and ``>``; the closing line repeats the opening mark exactly.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sitekit.errors import PageError

RUNS = "python"
INERT = frozenset("text console bash yaml toml json html css javascript bibtex makefile markdown diff svg".split())
ATTRIBUTES = frozenset("title hl_lines linenums".split())
PYTHON_ATTRIBUTES = ATTRIBUTES | frozenset("alt caption raises requires".split())
CAPABILITIES = frozenset("cuda mps".split())

_OPEN = re.compile(r"^(?P<prefix>[ \t>]*)(?P<mark>`{3,}(?=[^`\n]*$)|~{3,})(?P<info>[^\n]*)$")
_AFTER_MARKER = re.compile(r"^[ \t>]*(?:[-*+]|\d+[.)])[ \t]+(?:`{3,}(?=[^`\n]*$)|~{3,})")


@dataclass(frozen=True)
class Fence:
    """A fenced code block of a page.

    ``line`` and ``end_line`` are the lines of the opening and the closing mark, counted from 1; ``code`` stands
    between them with ``prefix`` (indentation and ``>``) taken off each line.
    """

    path: Path
    line: int
    end_line: int
    prefix: str
    info: str
    code: str
    language: str = ""
    classes: tuple[str, ...] = ()
    id: str = ""
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def code_line(self) -> int:
        """The line of the file on which the code begins."""
        return self.line + 1

    @property
    def runs(self) -> bool:
        """Whether the code is run: every fence tagged ``python`` is."""
        return self.language == RUNS

    @property
    def is_figure(self) -> bool:
        """Whether the figure that the code draws is shown below it."""
        return self.runs and "figure" in self.classes


def parse(text: str, path: Path | str = "page.md") -> list[Fence]:
    """Return every fence of a page in order.

    Raises:
        PageError: The first fault: an unclosed fence, an unknown language, attribute or class.
    """
    fences, faults = scan(text, path)
    if faults:
        raise faults[0]
    return fences


def scan(text: str, path: Path | str = "page.md") -> tuple[list[Fence], list[PageError]]:
    """Return the sound fences of a page and the faults of the others."""
    fences: list[Fence] = []
    faults: list[PageError] = []
    for found in _blocks(text.split("\n"), Path(path)):
        try:
            fences.append(_tagged(found) if isinstance(found, Fence) else _throw(found))
        except PageError as fault:
            faults.append(fault)
    return fences, faults


def _throw(fault: PageError) -> Fence:
    raise fault


def _blocks(lines: list[str], path: Path) -> Iterator[Fence | PageError]:
    number = _front_matter(lines)
    in_comment = False
    while number < len(lines):
        line = lines[number]
        opening = _OPEN.match(line)
        if opening is None:
            if _AFTER_MARKER.match(line):
                yield PageError(path, number + 1, "a fence starts on a line of its own, not behind a list marker")
            in_comment = _comment_open(line, in_comment)
            number += 1
            continue
        block = _block(lines, number, opening, path)
        hidden = PageError(path, number + 1, "a fence inside an HTML comment is rendered all the same: take it out")
        yield hidden if in_comment and isinstance(block, Fence) else block
        if isinstance(block, PageError):
            return
        number = block.end_line


def _block(lines: list[str], start: int, opening: re.Match[str], path: Path) -> Fence | PageError:
    prefix, mark = opening["prefix"], opening["mark"]
    code: list[str] = []
    for number in range(start + 1, len(lines)):
        line = lines[number]
        if line.startswith(prefix):
            content = line[len(prefix) :]
        elif not line.strip() or line.rstrip() == prefix.rstrip():
            content = ""
        else:
            return PageError(path, number + 1, f"this line leaves the fence of line {start + 1}: indent it alike")
        if content.rstrip() == mark:
            return Fence(path, start + 1, number + 1, prefix, opening["info"].strip(), "".join(f"{c}\n" for c in code))
        code.append(content)
    return PageError(path, start + 1, f"unclosed fence: no line {prefix + mark!r} follows")


def _front_matter(lines: list[str]) -> int:
    if lines and lines[0].rstrip() == "---":
        for number, line in enumerate(lines[1:], start=1):
            if line.rstrip() in ("---", "..."):
                return number + 1
    return 0


def _comment_open(line: str, is_open: bool) -> bool:
    start, end = line.rfind("<!--"), line.rfind("-->")
    return is_open if start == end else start > end


def _tagged(fence: Fence) -> Fence:
    """Read the info string: ``python title="x"`` or ``{.python .figure #id alt="x"}``."""

    def fault(message: str) -> PageError:
        return PageError(fence.path, fence.line, message)

    info = fence.info
    braced = info.startswith("{") and info.endswith("}")
    try:
        words = shlex.split(info[1:-1] if braced else info)
    except ValueError as error:
        raise fault(f"cannot read the fence's attributes {info!r}: {error}") from None
    classes, identifier, attributes = [], "", {}
    if words and not braced:
        classes.append(words.pop(0))
    for word in words:
        key, equals, value = word.partition("=")
        if braced and word.startswith("."):
            classes.append(word[1:])
        elif braced and word.startswith("#"):
            identifier = word[1:]
        elif equals and key.isidentifier():
            attributes[key] = value
        else:
            raise fault(f"cannot read {word!r} in the fence's attributes {info!r}")
    if not classes:
        raise fault(f"untagged fence: write ```{RUNS} for code that runs, ```text for anything else")
    language, *others = classes
    if language != RUNS and language not in INERT:
        hint = f"; did you mean {RUNS}?" if language.lower() in ("py", "pycon", "python3", RUNS) else ""
        raise fault(f"unknown language {language!r}: use {RUNS} or one of {', '.join(sorted(INERT))}{hint}")
    allowed = PYTHON_ATTRIBUTES if language == RUNS else ATTRIBUTES
    for key in attributes:
        if key not in allowed:
            raise fault(f"unknown attribute {key!r} of a {language} fence: allowed are {', '.join(sorted(allowed))}")
    for name in others:
        if name != "figure" or language != RUNS:
            raise fault(f"unknown class {'.' + name!r} of a {language} fence: only .figure on a {RUNS} fence is known")
    if attributes.get("requires", "cuda") not in CAPABILITIES:
        raise fault(f"requires={attributes['requires']!r} is unknown: allowed are {', '.join(sorted(CAPABILITIES))}")
    if "figure" in others and (not identifier or not attributes.get("alt", "").strip()):
        raise fault('a figure needs an id and a text for those who cannot see it: {.python #fig-id .figure alt="..."}')
    return Fence(
        fence.path, fence.line, fence.end_line, fence.prefix, info, fence.code,
        language, tuple(others), identifier, attributes,
    )  # fmt: skip
