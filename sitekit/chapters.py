"""The pages of a built site as the chapters of one text: what a reader takes along, without what only a screen needs.

Each chapter is the article of a page. What steers (buttons, forms, links to a heading) is gone, what was folded open.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

ONLY_ON_SCREEN = (
    ".md-content__button, .md-button, .headerlink, .footnote-backref, .doc-backlinks, .lab-download, .linenos, "
    ".md-source-file, .below-answer, .page-foot, [hidden], script, style, template, noscript, form, button, input, "
    "select, output, dialog"
)
_HOST = "https://site.invalid/"  # stands for the site's own, wherever it is published


@dataclass(frozen=True)
class Place:
    """A page's place in the navigation; ``url`` is its address below the home page, ``training/activations/``."""

    url: str
    title: str
    section: str = ""

    @property
    def name(self) -> str:
        """A name for files and ids: ``training-activations``."""
        return self.url.strip("/").replace("/", "-") or "home"


@dataclass(frozen=True)
class Chapter:
    """The article of a page, to be changed by nobody: ``html`` is its inner HTML, ``headings`` its parts below h1."""

    place: Place
    html: str
    headings: tuple[tuple[str, str], ...]
    """The id and the text of each heading of level 2."""


def chapters(site: Path, places: Sequence[Place]) -> list[Chapter]:
    """Read the chapters of a built site, in the order of the places."""
    return [chapter((site / place.url / "index.html").read_text("utf-8"), place) for place in places]


def chapter(page: str, place: Place) -> Chapter:
    """Take the chapter out of a page.

    Raises:
        ValueError: The page has no article.
    """
    article = LexborHTMLParser(page).css_first("article")
    if article is None:
        raise ValueError(f"{place.url or 'the home page'} has no <article>: has the theme changed?")
    for node in article.css(ONLY_ON_SCREEN):
        node.decompose()
    for details in article.css("details"):
        details.attrs["open"] = ""
    for table in article.css("table.highlighttable"):  # code beside the numbers of its lines, which are gone
        code = table.css_first("td.code > div") or table.css_first("td.code")
        if code is not None:
            table.replace_with(code)
    headings = tuple((str(h.attributes["id"]), h.text().strip()) for h in article.css("h2[id]"))
    return Chapter(place, inner(article).strip(), headings)


def inner(node: LexborNode) -> str:
    """Return the HTML inside a node."""
    return "".join(child.html or "" for child in node.iter(include_text=True))


def relinked(link: str, page: str, urls: Sequence[str] | set[str], inside: Callable[[str, str], str], home: str) -> str:
    """Return what a link becomes where the pages are chapters.

    Args:
        link: The link as it stands on the page.
        page: The address of the page below the home page.
        urls: The addresses of the pages that are chapters.
        inside: Writes the link to a chapter from its address and the fragment.
        home: Where the site is published: a link to what is no chapter leads there.
    """
    whole = urljoin(_HOST + page, link)
    if not whole.startswith(_HOST):
        return link
    parts = urlsplit(whole.removeprefix(_HOST))
    if parts.path in urls and not parts.query:
        return inside(parts.path, unquote(parts.fragment))
    return urljoin(home, whole.removeprefix(_HOST))
