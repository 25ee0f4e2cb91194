"""Rewrite the documented output of snippets and docstring examples from what they print."""

import difflib
from dataclasses import dataclass
from pathlib import Path

from sitekit import docstrings, fences, outputs, running
from sitekit.errors import PageError
from sitekit.outputs import MARK, Step


@dataclass(frozen=True)
class Update:
    """What rewriting one file would change; ``refused`` are changes of a documented number, beyond its tolerance."""

    path: Path
    before: str
    after: str
    refused: list[PageError]

    def diff(self) -> str:
        """Return the change as a unified diff."""
        before, after = (text.splitlines(keepends=True) for text in (self.before, self.after))
        return "".join(difflib.unified_diff(before, after, str(self.path), str(self.path)))


def update(path: Path, *, force: bool = False) -> Update:
    """Run a file's snippets and return it with the output that they print.

    Output that is documented within tolerance stays as it is. A change of documented output is refused unless forced:
    a proof that no longer comes out is a finding, not a typo. Output that was never documented is filled in.

    Raises:
        PageError: A snippet fails.
    """
    text = path.read_text("utf-8")
    lines = text.split("\n")
    refused = []
    for step, line, prefix in reversed(_python_steps(path, text) if path.suffix == ".py" else _page_steps(path, text)):
        if outputs.same(step.expected, step.printed):
            continue
        if step.expected and not force:
            refused.append(PageError(path, line + step.line - 1, running.difference(step)))
            continue
        for number in reversed(step.marked):
            del lines[line + number - 2]
        at = line + (step.marked[0] if step.marked else step.last_line + 1) - 2
        lines[at:at] = [f"{prefix}{printed}".rstrip() for printed in step.printed]
    return Update(path, text, "\n".join(lines), refused[::-1])


def _page_steps(path: Path, text: str) -> list[tuple[Step, int, str]]:
    found = []
    for fence in fences.parse(text, path):
        if fence.runs and not running.missing(fence):
            found += [(step, fence.code_line, f"{fence.prefix}{MARK} ") for step in running.run_fence(fence)]
    return found


def _python_steps(path: Path, text: str) -> list[tuple[Step, int, str]]:
    found = []
    lines = text.split("\n")
    for example in docstrings.examples(text, path):
        if isinstance(example, PageError):
            raise example
        for step in running.run(example.steps, path):
            source = lines[step.line - 1]
            found.append((step, 1, source[: len(source) - len(source.lstrip())]))
    return sorted(found, key=lambda item: item[0].line)
