"""The site for programs that read: ``llms.txt``, ``llms-full.txt``, and each page as Markdown beside its HTML.

The format is that of https://llmstxt.org. The text is the pages' own Markdown, because the way through HTML damages
formulas; what only this site's build understands is written out: links, names of modules, figures, levels.
"""

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from urllib.parse import urljoin

from sitekit import fences
from sitekit.questions import CODE, FORMULA

MARKDOWN = "index.html.md"  # beside index.html, as the proposal says
_MODULE = re.compile(r"^::: (?P<module>[\w.]+)$", re.M)
_HEADING = re.compile(r"^(?P<text>#{1,6} .*?) +\{:? *(?P<attributes>[^}\n]*)\} *$", re.M)
_LEVEL, _ID = re.compile(r'data-level="(?P<level>\w+)"'), re.compile(r"(?:^|\s)#(?P<id>[\w.:-]+)")
_LINK = re.compile(
    rf"(?P<kept>{CODE}|{FORMULA})|\]\((?P<target>[^)\s]+?)\)|\[(?P<text>[^\[\]]+)\]\[(?P<name>[\w.]*)\]", re.S
)
_DRAWING = re.compile(r"<svg\b.*?</svg>", re.S)
_TITLE = re.compile(r"<title[^>]*>(?P<title>.*?)</title>", re.S)
_TAG = re.compile(r"^[ \t]*</?(?:div|figure|section|p)\b[^>]*>[ \t]*(?:\n|\Z)|</?(?:figcaption|p|span)\b[^>]*>", re.M)
_STEERS = re.compile(  # and says nothing
    r"^\[[^\]\n]*\]\([^)\n]*\)\{ *\.md-button[^}\n]*\} *$|^<p class=\"below-answer\"[^\n]*</p>$", re.M
)
_ATTRIBUTES = re.compile(r"\{ *[.#:][^}\n]*\}")


@dataclass(frozen=True)
class Text:
    """A page as it was written: ``file`` is its path below docs, ``markdown`` is without front matter."""

    file: str
    url: str
    title: str
    section: str
    description: str
    markdown: str


def index(name: str, description: str, texts: Sequence[Text], home: str) -> str:
    """Write ``llms.txt``: what the site is, and where each page stands as Markdown."""
    parts = [
        f"# {name}",
        f"> {description}",
        "Every page answers a few interview questions: a short answer first, then why, then a snippet. What a snippet "
        "prints stands in it behind `#>`, and was compared with a run. Each page is Markdown at the addresses below; "
        "without `index.html.md` they are the pages for people.",
        f"[All of it in one file]({urljoin(home, 'llms-full.txt')}), and [the questions with their short answers as "
        f"JSON]({urljoin(home, 'questions.json')}).",
    ]
    for section, group in groupby(texts, key=lambda text: text.section):
        lines = [f"- [{text.title}]({urljoin(home, text.url + MARKDOWN)}): {text.description}" for text in group]
        parts.append(f"## {section or 'The site'}\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def full(name: str, description: str, pages: Iterable[str]) -> str:
    """Write ``llms-full.txt``: every page, each with its address, one after the other."""
    return "\n\n".join([f"# {name}", f"> {description}", *(page.strip() for page in pages)]) + "\n"


def page(text: Text, home: str, urls: Mapping[str, str], source: Callable[[str], str]) -> str:
    """Write one page as Markdown that stands alone.

    Args:
        text: The page.
        home: Where the site is published.
        urls: The addresses of the pages, below the home page, by their files.
        source: Returns the source of a module, for the reference at the page's end.
    """
    found = fences.scan(text.markdown, Path("page.md"))[0]
    lines, parts, last = text.markdown.split("\n"), [], 0
    for fence in found:
        parts += [_prose("\n".join(lines[last : fence.line - 1]), text, home, urls), _fence(fence)]
        last = fence.end_line
    parts.append(_prose("\n".join(lines[last:]), text, home, urls))
    body = "\n".join(part for part in parts if part.strip())
    body = _MODULE.sub(lambda match: f"```python\n{source(match['module']).strip()}\n```", body)
    body = body.strip()
    body = body if body.startswith("# ") else f"# {text.title}\n\n{body}"
    title, _, rest = body.partition("\n")
    return f"{title}\n\nSource: {urljoin(home, text.url)}\n{rest}\n"


def _fence(fence: fences.Fence) -> str:
    language = "python" if fence.runs else fence.language
    lines = [f"```{language}", *fence.code.rstrip("\n").split("\n"), "```"]
    if alt := fence.attributes.get("alt"):
        lines += ["", f"Figure: {alt}", ""]
    return "\n".join(f"{fence.prefix}{line}".rstrip() for line in lines)


def _prose(prose: str, text: Text, home: str, urls: Mapping[str, str]) -> str:
    here = urljoin(home, text.url)

    def heading(match: re.Match[str]) -> str:
        level, identifier = _LEVEL.search(match["attributes"]), _ID.search(match["attributes"])
        if not level or not identifier:
            return match["text"]
        return f"{match['text']}\n\nLevel: {level['level']}. Address: {here}#{identifier['id']}"

    def link(match: re.Match[str]) -> str:
        if match["kept"]:
            return match["kept"]
        if match["target"]:
            return f"]({_address(match['target'], text, home, urls)})"
        name = match["name"] or match["text"].strip("`")
        return match["text"] if match["text"].strip("`") == name else f"{match['text']} (`{name}`)"

    prose = _DRAWING.sub(lambda drawing: _described(drawing[0]), prose)
    prose = _HEADING.sub(heading, _STEERS.sub("", prose))
    prose = _TAG.sub("", prose)
    prose = _LINK.sub(link, _ATTRIBUTES.sub("", prose))
    return re.sub(r"\n{3,}", "\n\n", prose)


def _described(drawing: str) -> str:
    title = _TITLE.search(drawing)
    return f"Figure: {' '.join(title['title'].split())}\n" if title else ""


def _address(target: str, text: Text, home: str, urls: Mapping[str, str]) -> str:
    """Return the whole address of a link, which is written from the file of its page."""
    if re.match(r"[a-z][a-z0-9+.-]*:", target):
        return target
    path, mark, fragment = target.partition("#")
    if not path:
        return urljoin(home, text.url) + mark + fragment
    file = posixpath.normpath(posixpath.join(posixpath.dirname(text.file), path))
    return urljoin(home, urls.get(file, file)) + mark + fragment
