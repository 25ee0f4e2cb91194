"""The ``>>>`` examples of docstrings, cut into the same statements as a page's snippet."""

import ast
import doctest
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sitekit.errors import PageError
from sitekit.outputs import Step

_BLANK = "<BLANKLINE>"


@dataclass(frozen=True)
class Example:
    """All ``>>>`` lines of one docstring; their statements count lines from the start of the file."""

    path: Path
    name: str
    line: int
    end_line: int
    steps: list[Step]


def examples(source: str, path: Path) -> Iterator[Example | PageError]:
    """Yield the examples of every docstring in a module's source.

    A docstring whose examples cannot be read, or that holds a fence instead, yields a fault.
    """
    lines = source.split("\n")
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        text = ast.get_docstring(node, clean=False)
        if text is None or (">>>" not in text and "```" not in text):
            continue
        start = node.body[0].lineno
        if "```" in text:
            yield PageError(path, start, "a docstring shows its example behind >>>, not in a fence")
            continue
        try:
            yield _example(text, path, getattr(node, "name", path.stem), start, lines)
        except (ValueError, SyntaxError) as error:
            yield PageError(path, start, f"cannot read the docstring's example: {error}")


def _example(text: str, path: Path, name: str, start: int, lines: list[str]) -> Example:
    steps: list[Step] = []
    for shown in doctest.DocTestParser().get_examples(text, name):
        line = start + shown.lineno
        if not lines[line - 1].lstrip().startswith(">>>"):
            raise ValueError(
                f"line {line} of the file is not the line of the example: is there a \\n in the docstring?"
            )
        nodes = ast.parse(shown.source).body
        code_lines = shown.source.count("\n")
        wanted = shown.want.split("\n")[:-1]
        for node in nodes:
            ast.increment_lineno(node, line - 1)
            steps.append(Step(node, node.lineno, node.end_lineno or node.lineno, interactive=True))
        if nodes:
            steps[-1].expected = ["" if text.strip() == _BLANK else text.rstrip() for text in wanted]
            steps[-1].marked = list(range(line + code_lines, line + code_lines + len(wanted)))
            steps[-1].last_line = line + code_lines - 1
    last = steps[-1]
    return Example(path, name, steps[0].line, max([last.last_line, *last.marked]), steps)
