"""Hand every fence, docstring example and lab to pytest, through Sybil: one test each, at its file and line."""

import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sybil import Document, Example, Region, Sybil
from sybil.sybil import SybilCollection

from sitekit import docstrings, fences, running
from sitekit.errors import PageError
from sitekit.fences import Fence


def sybils(root: Path) -> SybilCollection:
    """Return the collectors of a tree: pages, README, docstrings of the library, labs."""
    return SybilCollection(
        [
            Sybil(parsers=[parse_page], patterns=["docs/**/*.md", "docs/*.md", "README.md"], path=str(root)),
            Sybil(parsers=[parse_module], patterns=["dlref/**/*.py", "dlref/*.py"], path=str(root),
                  document_types={".py": Document}),
            Sybil(parsers=[parse_lab], patterns=["docs/labs/*.py"], path=str(root),
                  document_types={".py": Document}),
        ]
    )  # fmt: skip


def parse_page(document: Document) -> Iterator[Region]:
    """Yield a region for every fence that runs, and for every fault."""
    found, faults = fences.scan(document.text, document.path)
    offsets = _offsets(document.text)
    runnable = [fence for fence in found if fence.runs]
    for item in sorted([*runnable, *faults], key=lambda item: item.line):
        end = item.end_line if isinstance(item, Fence) else item.line
        yield Region(offsets[item.line - 1], offsets[end], item, _reported(check_fence))


def parse_module(document: Document) -> Iterator[Region]:
    """Yield a region for the examples of every docstring, and for every fault."""
    offsets = _offsets(document.text)
    found = docstrings.examples(document.text, Path(document.path))
    for item in sorted(found, key=lambda item: item.line):
        end = item.end_line if isinstance(item, docstrings.Example) else item.line
        yield Region(offsets[item.line - 1], offsets[end], item, _reported(check_docstring))


def parse_lab(document: Document) -> Iterator[Region]:
    """Yield one region for the whole lab: its cells share their names."""
    yield Region(0, len(document.text), Path(document.path), _reported(check_lab))


def _reported(check: Callable[[Any], object]) -> Callable[[Example], str | None]:
    """Turn a check into an evaluator that reports a fault as text: file, line, and where in the library it arose."""

    def evaluate(example: Example) -> str | None:
        try:
            if isinstance(example.parsed, PageError):
                raise example.parsed
            check(example.parsed)
        except PageError as fault:
            return "\n".join([str(fault), *(traceback.format_exception(cause) if (cause := fault.__cause__) else [])])
        return None

    return evaluate


def check_fence(fence: Fence) -> None:
    """Run a fence of a page and compare its output.

    Raises:
        PageError: It fails, or prints something else.
        pytest.skip.Exception: It requires hardware that this machine lacks.
    """
    if missing := running.missing(fence):
        pytest.skip(f"requires {missing}, which this machine lacks")
    running.compare(running.run_fence(fence), fence.path, fence.code_line)


def check_docstring(example: docstrings.Example) -> None:
    """Run the examples of a docstring and compare their output."""
    running.check(example.steps, example.path)


def check_lab(path: Path) -> None:
    """Run a lab from its first cell to its last."""
    from sitekit import labs

    labs.execute(path)


def _offsets(text: str) -> list[int]:
    """Return where each line begins, and the end."""
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    starts[-1] = len(text)
    return starts


def pages(root: Path) -> Iterable[Path]:
    """List the Markdown files whose fences are run."""
    return sorted([root / "README.md", *(root / "docs").rglob("*.md")])
