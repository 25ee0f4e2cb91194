"""What the site holds, counted at every build: no page says such a number by hand."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sitekit import outline, verification
from sitekit.pages import is_topic
from sitekit.questions import Question

PLACE = '<data class="count"'
_NAMED = re.compile(PLACE + r' value="(?P<name>[^"]*)"></data>')


@dataclass(frozen=True)
class Counts:
    """How much there is of what.

    ``snippets`` are the blocks of code that run, those that draw included; ``comparisons`` are functions of the modules
    that were compared with an independent implementation, each implementation by itself.
    """

    topics: int
    questions: int
    corrections: int
    snippets: int
    figures: int
    comparisons: int
    labs: int


def count(root: Path, questions: Sequence[Question]) -> Counts:
    """Count what the pages, the labs and the record of comparisons hold."""
    pages = outline.read(root / "docs")
    fences = [fence for page in pages for fence in page.fences]
    return Counts(
        topics=sum(is_topic(page.name) for page in pages),
        questions=len(questions),
        corrections=sum(len(question.mistakes) for question in questions),
        snippets=sum(fence.runs for fence in fences),
        figures=sum(fence.is_figure for fence in fences),
        comparisons=len(verification.read(root / "docs" / "verification.json")),
        labs=len(list((root / "docs" / "labs").glob("*.py"))),
    )


def fill(markdown: str, counts: Counts) -> str:
    """Put the numbers where a page names them: ``<data class="count" value="questions"></data>``.

    Raises:
        ValueError: The page names what is not counted.
    """
    known = asdict(counts)

    def number(match: re.Match[str]) -> str:
        if match["name"] not in known:
            raise ValueError(f"nothing counts {match['name']!r}: use one of {', '.join(known)}")
        return f'<span class="count">{known[match["name"]]:,}</span>'

    return _NAMED.sub(number, markdown)
