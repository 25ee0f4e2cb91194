"""A Python-Markdown extension: show the fences of this site, with their figures and notes, on any engine.

It runs before pymdownx.superfences, which highlights what it leaves: plain ``python`` fences. HTML goes through
Markdown's own stash, so that nothing reads it as text.
"""

import html
import re
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from markdown import Markdown
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor

from sitekit import figures
from sitekit.errors import PageError
from sitekit.fences import Fence, parse

current_page: ContextVar[Path | None] = ContextVar("current_page", default=None)
"""The file whose text is being converted, if it is known: for messages only."""

UNKNOWN = Path("page.md")
PAGES = Path("docs")  # where a fault's page is looked for if nobody says which it is

_MARK = re.compile(r"(?:`{3,}|~{3,})")
_SHOWN = ("title", "hl_lines", "linenums")
_REQUIRES = {"cuda": "an NVIDIA GPU (CUDA)", "mps": "an Apple GPU (MPS)"}


class SnippetExtension(Extension):
    """Register the preprocessor; ``cache_dir`` is where the drawings are kept."""

    def __init__(self, **settings: Any) -> None:
        self.config = {"cache_dir": [str(figures.CACHE), "Where the drawings are kept"]}
        super().__init__(**settings)

    def extendMarkdown(self, md: Markdown) -> None:
        """Run after the whitespace is normalized (30) and before superfences (25)."""
        md.preprocessors.register(Snippets(md, Path(self.getConfig("cache_dir"))), "snippets", 27)


class Snippets(Preprocessor):
    """Rewrite each Python fence for superfences, and put its figure or its note below it."""

    def __init__(self, md: Markdown, cache_dir: Path) -> None:
        super().__init__(md)
        self.cache_dir = cache_dir

    def run(self, lines: list[str]) -> list[str]:
        """Return the lines with the fences rewritten.

        Raises:
            PageError: A fault in a fence or in a figure, with the file and line of the page.
        """
        if not any(mark in line for line in lines for mark in ("```", "~~~")):
            return lines
        text, page = list(lines), current_page.get() or UNKNOWN
        try:
            found = [fence for fence in parse("\n".join(lines), page) if fence.runs]
            _check_attributes(found)
            for fence in reversed(found):
                if below := self._below(fence):
                    blank, placeholder = fence.prefix.rstrip(), self.md.htmlStash.store(below)
                    lines[fence.end_line : fence.end_line] = [blank, fence.prefix + placeholder, blank]
                lines[fence.line - 1] = _opening(fence, lines[fence.line - 1])
        except PageError as fault:
            if fault.path != page:
                raise
            raise _placed(fault, text) from fault.__cause__
        return lines

    def _below(self, fence: Fence) -> str:
        if fence.is_figure:
            svg = figures.render(fence, self.cache_dir)
            caption = html.escape(fence.attributes.get("caption", ""), quote=False)
            caption = f"<figcaption>{caption}</figcaption>" if caption else ""
            return f'<figure id="{html.escape(fence.id)}" class="snippet-figure">{svg}{caption}</figure>'
        notes = []
        if name := fence.attributes.get("raises"):
            notes.append(f"Raises <code>{html.escape(name)}</code>, as it should.")
        if name := fence.attributes.get("requires"):
            notes.append(f"Needs {_REQUIRES.get(name, html.escape(name))}; skipped on a machine without one.")
        return f'<p class="snippet-note">{" ".join(notes)}</p>' if notes else ""


def _check_attributes(fences: list[Fence]) -> None:
    seen: set[str] = set()
    for fence in fences:
        if fence.id in seen:
            raise PageError(fence.path, fence.line, f"the id {fence.id!r} is used twice on this page")
        seen |= {fence.id} - {""}
        if {'"', "'"} <= set(fence.attributes.get("title", "")):
            raise PageError(fence.path, fence.line, "a title cannot hold both kinds of quotes")


def _opening(fence: Fence, line: str) -> str:
    """Write the opening line so that superfences reads it."""
    mark = _MARK.match(line, len(fence.prefix))
    assert mark is not None
    words = [f"{key}={_quoted(fence.attributes[key])}" for key in _SHOWN if key in fence.attributes]
    if fence.id and not fence.is_figure:
        words.insert(0, f"#{fence.id}")
    return f"{fence.prefix}{mark[0]}" + (f"{{.python {' '.join(words)}}}" if words else "python")


def _quoted(value: str) -> str:
    return f"'{value}'" if '"' in value else f'"{value}"'


def _placed(fault: PageError, text: list[str]) -> PageError:
    """Return the fault with its line in the page's file.

    The text that is converted lacks the front matter, hooks may have added to it, and an engine without hooks does not
    tell whose it is: the line is looked for, with those around it.
    """
    around = range(max(0, fault.line - 4), min(len(text), fault.line + 3))
    best = (0, fault.path, fault.line)
    page = current_page.get()
    for path in [page] if page else sorted(PAGES.rglob("*.md")):
        source = [line.expandtabs(4).rstrip() for line in path.read_text("utf-8").split("\n")] if path.is_file() else []
        for number, line in enumerate(source):
            if line == text[fault.line - 1].rstrip():
                shift = number - fault.line + 1
                pairs = [(text[n].rstrip(), source[n + shift]) for n in around if 0 <= n + shift < len(source)]
                best = max(best, (sum(a == b for a, b in pairs), path, number + 1), key=lambda found: found[0])
    return PageError(best[1], best[2], fault.message)


def makeExtension(**settings: Any) -> SnippetExtension:
    """Return the extension: the name that Python-Markdown looks for."""
    return SnippetExtension(**settings)
