"""What a reader does with a code block: see at a glance what it prints, and copy what runs.

Works on the highlighted HTML of a page, pages and docstrings alike: the documented output of a snippet gets a class of
its own, and a ``>>>`` example carries, as ``data-copy``, its code without prompts and output. Material's copy button
takes that attribute before the text of the block.
"""

import html
import re

from markdown import Extension, Markdown
from markdown.postprocessors import Postprocessor

_OUTPUT = re.compile(r'<span class="c1">(#&gt;)(.*?)</span>')
_SESSION = re.compile(r'<div class="(?P<classes>[^"]*\blanguage-pycon\b[^"]*)">(?P<body>.*?</pre>)', re.S)
_TAG = re.compile(r"<[^>]+>")
_PROMPT = re.compile(r"^\s*(?:>>>|\.\.\.)(?: |$)")


def runnable(session: str) -> str:
    """Return the code of a ``>>>`` session, without prompts and without what was printed."""
    return "\n".join(_PROMPT.sub("", line, count=1) for line in session.splitlines() if _PROMPT.match(line))


def mark(markup: str) -> str:
    """Return a page's HTML with its output marked, its sessions made copyable, and no copy button on signatures."""
    markup = _OUTPUT.sub(r'<span class="c1 output"><span class="o">\1</span>\2</span>', markup)
    markup = markup.replace(' doc-signature highlight"', ' doc-signature no-copy highlight"')
    return _SESSION.sub(_copyable, markup)


def _copyable(session: re.Match[str]) -> str:
    code = runnable(html.unescape(_TAG.sub("", session["body"])))
    return f'<div class="{session["classes"]}" data-copy="{html.escape(code)}">{session["body"]}'


class HighlightPostprocessor(Postprocessor):
    """Run once the page is whole."""

    def run(self, text: str) -> str:
        """Mark the whole page."""
        return mark(text)


class HighlightExtension(Extension):
    """Register the postprocessor behind the one that puts raw HTML back (30)."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Add the postprocessor."""
        md.postprocessors.register(HighlightPostprocessor(md), "sitekit-highlight", 5)


def makeExtension(**kwargs: object) -> HighlightExtension:
    """Let Markdown find the extension by the module's name."""
    return HighlightExtension(**kwargs)
