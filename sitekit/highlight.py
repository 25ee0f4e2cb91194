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
# Token classes by the colour they get. Names, operators and punctuation have that of the text: a colour of their own
# would need half of a page's elements.
_PLAIN = frozenset("n w kc nv na vc vg vi o p".split())
_ALIKE = {
    token: tokens.split()[0]
    for tokens in ("s2 s1 s sa sb sc si ss l", "mi mf mh mb mo il m", "k kd kn kp kr kt ow", "nf nc ne nn")
    for token in tokens.split()
}
_WORD = r'<span class="(?P<token>[a-z][a-z0-9]?)">(?P<text>[^<]*)</span>'
_WORDS = re.compile(rf"(?:{re.sub(r'[?]P<[a-z]+>', '?:', _WORD)} *)+")
_PART = re.compile(rf"{_WORD}(?P<space> *)")
_TAG = re.compile(r"<[^>]+>")
_PROMPT = re.compile(r"^\s*(?:>>>|\.\.\.)(?: |$)")


def runnable(session: str) -> str:
    """Return the code of a ``>>>`` session, without prompts and without what was printed."""
    return "\n".join(_PROMPT.sub("", line, count=1) for line in session.splitlines() if _PROMPT.match(line))


def lighten(markup: str) -> str:
    """Return highlighted HTML with as few elements as its colours need."""
    return _WORDS.sub(_joined, markup)


def _joined(words: re.Match[str]) -> str:
    """Join neighbours of one colour; spaces have none and go with the word before, plain words need no element."""
    runs: list[list[str]] = []  # [token, text], "" for plain text
    for part in _PART.finditer(words[0]):
        token = "" if part["token"] in _PLAIN else _ALIKE.get(part["token"], part["token"])
        if runs and (runs[-1][0] == token or not part["text"].strip()):
            runs[-1][1] += part["text"] + part["space"]
        else:
            runs.append([token, part["text"] + part["space"]])
    return "".join(f'<span class="{token}">{text}</span>' if token else text for token, text in runs)


def mark(markup: str) -> str:
    """Return a page's HTML with its output marked, its sessions made copyable, and no copy button on signatures."""
    markup = _OUTPUT.sub(r'<span class="c1 output"><span class="o">\1</span>\2</span>', lighten(markup))
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
