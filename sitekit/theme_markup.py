"""Material's markup, where the standard of HTML does not allow it: the few words that a validator objects to go."""

import re
from pathlib import Path

# An empty tabindex says nothing, a link that edits has no such relation, and the index page of a section has no switch
# for its table of contents.
_FAULT = re.compile(r' tabindex=""| rel="edit"')
_TOC, _NO_TOC = 'id="__toc"', re.compile(_FAULT.pattern + r'| for="__toc"')
_TAG = re.compile(r"<(?:a|label)\b[^<>]*>")


def valid(page: str) -> str:
    """Return a page without the attributes that are not allowed where Material writes them."""
    fault = _FAULT if _TOC in page else _NO_TOC
    return _TAG.sub(lambda tag: fault.sub("", tag[0]), page)


def mend(site: Path) -> None:
    """Mend every page of a built site."""
    for path in sorted(site.rglob("*.html")):
        path.write_text(valid(path.read_text("utf-8")), "utf-8")
