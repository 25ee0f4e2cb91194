"""A chapter of the site as a document of an EPUB book: XHTML, formulas as MathML, drawings in real colours."""

import re
import xml.etree.ElementTree as ET

from selectolax.lexbor import LexborHTMLParser

from sitekit import still_svg, xhtml
from sitekit.chapters import Chapter, inner, relinked
from sitekit.still_svg import Look

_DROPPED = ("data-", "tabindex", "markdown", "role", "download", "aria-", "rel", "target")
IMAGES = "site"
"""The folder of the book that holds the site's images, at their places on the site."""
_TEX = "application/x-tex"
_PLAIN = re.compile(r'<span class="(?:n|w|p|o|nn|nb|bp)">([^<]*)</span>')


def text(chapter: Chapter, names: dict[str, str], home: str, look: Look) -> str:
    """Return the document of a chapter.

    Args:
        chapter: The chapter.
        names: The names of the documents of the book by the addresses of their pages.
        home: Where the site is published.
        look: What the site's stylesheet says about drawings.
    """
    body = xhtml.parse(_light(chapter.html))
    _show_levels(body)
    _unfold(body)
    _mend_math(body)
    parents = {child: parent for parent in body.iter() for child in parent}
    for svg in list(body.iter("svg")):
        still_svg.still(svg, look, parents[svg].get("class", ""))

    def inside(url: str, fragment: str) -> str:
        place = f"#{fragment}" if fragment else ""
        return place if place and url == chapter.place.url else names[url] + place

    for link in body.iter("a"):
        if "href" in link.attrib:
            link.set("href", relinked(link.attrib["href"], chapter.place.url, set(names), inside, home))
        if link.get("class") == "footnote-ref":
            link.set("epub:type", "noteref")
    for image in body.iter("img"):
        if not (source := image.get("src", "")).startswith("data:"):
            image.set("src", f"{IMAGES}/{relinked(source, chapter.place.url, (), inside, '')}")
    for element in body.iter():
        _tidy(element)
    return xhtml.document(chapter.place.title, body, "book.css")


def properties(document: str) -> list[str]:
    """Name what the book's list of files has to tell of a document."""
    return [name for name, mark in (("mathml", "<math"), ("svg", "<svg")) if mark in document]


def _light(html: str) -> str:
    """Drop the boxes of formulas, whose MathML stays, and the marks of code that have no colour in the book."""
    tree = LexborHTMLParser("<body>" + _PLAIN.sub(r"\1", html))
    for boxes in tree.css("katex-html"):
        boxes.decompose()
    return inner(tree.body) if tree.body else ""


def _show_levels(body: ET.Element) -> None:
    """Write the level of a question into its heading; the site draws it by its stylesheet."""
    for parent in list(body.iter()):
        for position, child in reversed(list(enumerate(parent))):
            if level := child.get("data-level") if child.tag in ("h2", "p") else None:
                above = ET.Element("p", {"class": "level"})
                above.text = level
                parent.insert(position, above)


def _unfold(body: ET.Element) -> None:
    """Write as plain boxes what is folded: few readers can open it."""
    for element in body.iter():
        if element.tag == "details":
            element.tag = "div"
            element.set("class", f"folded {element.get('class', '')}".strip())
            element.attrib.pop("open", None)
        elif element.tag == "summary":
            element.tag = "div"
            element.set("class", "folded-title")


def _mend_math(body: ET.Element) -> None:
    """Give each formula its source, to be read where MathML is not known."""
    for math in body.iter("math"):
        for source in math.iter("annotation"):
            if source.get("encoding") == _TEX:
                math.set("alttext", " ".join((source.text or "").split()))


def _tidy(element: ET.Element) -> None:
    for key in list(element.attrib):
        svg_names = key.startswith("aria-") or key == "role"
        if key.startswith(_DROPPED) and not (svg_names and element.tag in ("svg", "g")):
            del element.attrib[key]
