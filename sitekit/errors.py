"""The one error of the machinery: a fault in a page, with the place to mend it."""

from pathlib import Path


class PageError(Exception):
    """A fault in a page: ``docs/training/losses.md:41: what is wrong``.

    Args:
        path: The Markdown or Python file that holds the fault.
        line: Its line, counted from 1.
        message: What is wrong and what the rule is.
    """

    def __init__(self, path: Path | str, line: int, message: str) -> None:
        self.path, self.line, self.message = Path(path), line, message
        here = Path.cwd()
        shown = self.path.relative_to(here) if self.path.is_relative_to(here) else self.path
        super().__init__(f"{shown}:{line}: {message}")
