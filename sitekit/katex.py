"""Math at build time: ``$...$`` and ``$$...$$`` become KaTeX's HTML and MathML, so that a page needs no script for it.

A Markdown extension, for pages and docstrings alike. KaTeX runs in an embedded JavaScript engine; each formula is
rendered once. A search engine that honours ``data-search-exclude`` meets an inline formula once, as its symbols, and a
displayed one not at all (KaTeX writes every formula three times: as MathML, as TeX, as boxes).
"""

import functools
import html
import xml.etree.ElementTree as ET
from pathlib import Path
from xml.etree.ElementTree import Element

import quickjs
from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor
from pymdownx.arithmatex import ArithmatexExtension

KATEX = Path(__file__).parent / "vendor" / "katex.min.js"
HEADINGS = frozenset(["h1", "h2", "h3", "h4", "h5", "h6"])
_INLINE, _DISPLAY = ("\\(", "\\)"), ("\\[", "\\]")
_BOXES, _BOXES_TAG = '<span class="katex-html"', "katex-html"
_MATHML = "http://www.w3.org/1998/Math/MathML"
_PARTS = frozenset(["mfrac", "mroot", "msub", "msup", "msubsup", "munder", "mover", "munderover"])  # each by its place
_APPLIED = "\u2061"
_RENDER = """
function render(formula, displayMode) {
  return katex.renderToString(formula, {displayMode, throwOnError: true, strict: "error", output: "htmlAndMathml"});
}
"""


class MathError(ValueError):
    """A formula that KaTeX cannot read, or that stands where it cannot be shown."""


@functools.cache
def render(formula: str, *, display: bool = False) -> str:
    """Return KaTeX's HTML and MathML of a formula.

    Raises:
        MathError: KaTeX cannot read the formula.
    """
    try:
        markup = _katex()(formula, display)
    except quickjs.JSException as error:
        reason = str(error).splitlines()[0].removeprefix("ParseError: ").removeprefix("Error: ")
        raise MathError(f"cannot render the formula {formula!r}: {reason}") from None
    return _once_in_search(_sound(markup), display)


@functools.cache
def _katex() -> quickjs.Function:
    return quickjs.Function("render", KATEX.read_text("utf-8") + _RENDER)


def _sound(markup: str) -> str:
    r"""Make one part of an operator that stands alone, as in ``x_{\min}``: KaTeX makes two, its name and a sign."""
    if _APPLIED not in markup:
        return markup
    start, end = markup.index("<math"), markup.index("</math>") + len("</math>")
    root = ET.fromstring(markup[start:end])
    for parent in [one for one in root.iter() if one.tag.rpartition("}")[2] in _PARTS]:
        for sign in [child for child in parent if child.text == _APPLIED]:
            place = list(parent).index(sign) - 1
            row = ET.Element(f"{{{_MATHML}}}mrow")
            row.extend([parent[place], sign])
            parent.remove(sign)
            parent[place] = row
    ET.register_namespace("", _MATHML)
    return markup[:start] + ET.tostring(root, encoding="unicode") + markup[end:]


def _once_in_search(markup: str, display: bool) -> str:
    """Mark what a search index should pass over.

    Material's index forgets that it skips an element when an inner one of the same name ends: KaTeX's boxes are spans
    in spans, so their outermost gets a name of its own.
    """
    head, opening, boxes = markup.partition(_BOXES)
    closing = "</span>" * (3 if display else 2)
    if not opening or not boxes.endswith(closing):
        raise MathError("KaTeX's markup has changed: its boxes are not where they were")
    skipped, marked = (
        ("<math ", "<math data-search-exclude ") if display else ("<annotation ", "<annotation data-search-exclude ")
    )
    outer = closing.removeprefix("</span>")
    return (
        head.replace(skipped, marked, 1)
        + f'<{_BOXES_TAG} data-search-exclude class="katex-html"'
        + boxes.removesuffix(closing)
        + f"</{_BOXES_TAG}>{outer}"
    )


class MathTreeprocessor(Treeprocessor):
    """Replace what arithmatex found by what KaTeX makes of it."""

    md: Markdown

    def run(self, root: Element) -> None:
        """Render every formula of the page."""
        for heading in (element for element in root.iter() if element.tag in HEADINGS):
            for formula in heading.iter("span"):
                if formula.get("class") == "arithmatex":
                    raise MathError(f"no formula in a heading, write it in Unicode: {formula.text!r}")
        for element in root.iter():
            if element.get("class") == "arithmatex" and element.text:
                self._render(element, element.text)

    def _render(self, element: Element, text: str) -> None:
        display = element.tag == "div"
        opening, closing = _DISPLAY if display else _INLINE
        formula = text.removeprefix(opening).removesuffix(closing).strip()
        element.set("class", "math-display" if display else "math")
        element.text = self.md.htmlStash.store(render(html.unescape(formula) if display else formula, display=display))


class MathExtension(Extension):
    """``$...$`` inline and ``$$...$$`` on lines of their own."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Register arithmatex, which finds the formulas, and the processor that renders them."""
        ArithmatexExtension(
            generic=True,
            smart_dollar=True,
            inline_syntax=["dollar"],
            block_syntax=["dollar"],
            tex_inline_wrap=list(_INLINE),
            tex_block_wrap=list(_DISPLAY),
        ).extendMarkdown(md)
        md.treeprocessors.register(MathTreeprocessor(md), "sitekit-math", 15)  # after "inline" (20), before "toc" (5)


def makeExtension(**kwargs: object) -> MathExtension:
    """Let Markdown find the extension by the module's name."""
    return MathExtension(**kwargs)
