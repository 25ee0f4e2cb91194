"""Links a term of the glossary where a page first uses it.

Once a page, in its running text: not in headings, code, links, titles of boxes, nor in short answers, which are spoken.
A term that the page itself explains is left alone. The link's title says what the term means.
"""

import re
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import lru_cache
from posixpath import dirname, relpath
from xml.etree.ElementTree import Element

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor

from sitekit.glossary import PAGE, Term

BARRED_TAGS = frozenset("a autoref code pre h1 h2 h3 h4 h5 h6 summary svg figure script style button dt th kbd".split())
BARRED_CLASSES = frozenset("answer admonition-title question arithmatex footnote no-terms".split())
RESOLVER = "relpath"  # MkDocs' own processor: without it this is no page, but a card
NESTED = "mkdocstrings_headings"  # mkdocstrings' own: with it this is a docstring

page_terms: ContextVar[tuple[str, tuple[Term, ...]]] = ContextVar("page_terms", default=("", ()))


def set_page(file: str, terms: Sequence[Term]) -> None:
    """Name the page that is rendered next, ``training/losses.md``, and the terms that it may link."""
    name = file.removesuffix(".md")
    page_terms.set((file, tuple(term for term in terms if term.at.partition("#")[0] != name)))


def link_terms(root: Element, file: str, terms: tuple[Term, ...]) -> int:
    """Link the first use of each term below an element; return how many there were."""
    if not terms:
        return 0
    pattern, owners = _pattern(terms)
    glossary = relpath(PAGE, dirname(file) or ".")
    found: set[str] = set()

    def link(text: str) -> tuple[str, list[Element]]:
        before, links, start = text, list[Element](), 0
        for match in pattern.finditer(text):
            term = owners.get(match["form"]) or owners.get(match["form"].lower())
            if term is None or term.id in found:
                continue
            found.add(term.id)
            anchor = Element("a", {"class": "term", "href": f"{glossary}#{term.id}", "title": term.says})
            anchor.text, anchor.tail = match[0], text[match.end() :]
            if links:
                links[-1].tail = text[start : match.start()]
            else:
                before = text[: match.start()]
            links.append(anchor)
            start = match.end()
        return before, links

    _walk(root, link)
    return len(found)


@lru_cache(maxsize=64)
def _pattern(terms: tuple[Term, ...]) -> tuple[re.Pattern[str], dict[str, Term]]:
    """Find the longest form first; one without capitals may begin a sentence."""
    owners = {form: term for term in terms for form in term.forms}
    forms = sorted(owners, key=lambda form: (-len(form), form))
    written = (re.escape(form) if form != form.lower() else f"(?i:{re.escape(form)})" for form in forms)
    return re.compile(rf"(?<![\w-])(?P<form>{'|'.join(written)})s?(?![\w-])"), owners


def _walk(element: Element, link: Callable[[str], tuple[str, list[Element]]]) -> None:
    if element.tag in BARRED_TAGS or not BARRED_CLASSES.isdisjoint(element.get("class", "").split()):
        return
    children = list(element)
    if element.text:
        element.text, links = link(element.text)
        for number, one in enumerate(links):
            element.insert(number, one)
    for child in children:
        _walk(child, link)
        if child.tail:
            child.tail, links = link(child.tail)
            at = list(element).index(child) + 1
            for number, one in enumerate(links):
                element.insert(at + number, one)


class TermTreeprocessor(Treeprocessor):
    """Link terms once the text is parted from code and formulas."""

    md: Markdown

    def run(self, root: Element) -> None:
        """Link the terms of the page that is being rendered."""
        if RESOLVER in self.md.treeprocessors and NESTED not in self.md.treeprocessors:
            link_terms(root, *page_terms.get())


class TermExtension(Extension):
    """Register the processor after "inline" (20) and the formulas (15), before MkDocs resolves paths (0)."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Add the processor."""
        md.treeprocessors.register(TermTreeprocessor(md), "sitekit-terms", 12)


def makeExtension(**kwargs: object) -> TermExtension:
    """Let Markdown find the extension by the module's name."""
    return TermExtension(**kwargs)
