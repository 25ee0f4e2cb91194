"""Material's markup, where it falls short: words that the standard of HTML does not allow, and a missing skip link."""

import re
from pathlib import Path

# An empty tabindex says nothing, a link that edits has no such relation, and the index page of a section has no switch
# for its table of contents.
_FAULT = re.compile(r' tabindex=""| rel="edit"')
_TOC, _NO_TOC = 'id="__toc"', re.compile(_FAULT.pattern + r'| for="__toc"')
# A page without headings in its table of contents gets no link past the navigation.
_NO_SKIP = re.compile(r'(<div data-md-component="skip">)\s*(</div>)')
_SKIP = r'\1<a href="#content" class="md-skip">Skip to content</a>\2'
_ARTICLE = '<article class="md-content__inner md-typeset"'
_TABLE = re.compile(r"<table>.*?</table>", re.S)  # one with a class is no table of the text
_WRAPPED = '<div class="md-typeset__scrollwrap"><div class="md-typeset__table">{}</div></div>'
_TAG = re.compile(r"<(?:a|label)\b[^<>]*>")


def valid(page: str) -> str:
    """Return a page without the attributes that are not allowed where Material writes them, and with a skip link."""
    page, added = _NO_SKIP.subn(_SKIP, page)
    if added:
        page = page.replace(_ARTICLE, f'{_ARTICLE} id="content"', 1)
    fault = _FAULT if _TOC in page else _NO_TOC
    return _TAG.sub(lambda tag: fault.sub("", tag[0]), page)


def mend(site: Path) -> None:
    """Mend every page of a built site."""
    for path in sorted(site.rglob("*.html")):
        path.write_text(valid(path.read_text("utf-8")), "utf-8")


def wrap_tables(site: Path) -> None:
    """Let wide tables of a built site scroll, as Material's script does in the page."""
    for path in sorted(site.rglob("*.html")):
        text = path.read_text("utf-8")
        path.write_text(_TABLE.sub(lambda table: _WRAPPED.format(table[0]), text), "utf-8")
