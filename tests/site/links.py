"""Every internal link and id of the built HTML, read as files: no browser, all pages, quick."""

import posixpath
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser

HOME = "https://dlref.github.io/dlref/"
_CSS_URL = re.compile(r"url\(\s*[\"']?(?!data:|#)([^)\"']+)")
_LINKS = (("a", "href"), ("link", "href"), ("use", "href"), ("img", "src"), ("script", "src"), ("source", "src"))


@dataclass(frozen=True)
class _Document:
    ids: frozenset[str]
    repeated: tuple[str, ...]
    links: tuple[str, ...]


def dead(folder: Path, home: str = HOME) -> list[str]:
    """Return what is wrong with the links and ids of a built site: a line for each fault."""
    documents = {
        path.relative_to(folder).as_posix(): _read(path.read_text("utf-8")) for path in sorted(folder.rglob("*.html"))
    }
    faults = []
    for name, document in documents.items():
        faults += [f"{name}: the id {one!r} stands twice" for one in document.repeated]
        for link in document.links:
            if message := _dead(name, link, documents, folder, home):
                faults.append(f"{name}: {link}: {message}")
    for path in sorted(folder.rglob("*.css")):
        for link in _CSS_URL.findall(path.read_text("utf-8")):
            if not (path.parent / unquote(urlsplit(link).path)).is_file():
                faults.append(f"{path.relative_to(folder)}: {link}: no such file")
    return faults


def _read(text: str) -> _Document:
    tree = LexborHTMLParser(text)
    ids = Counter(node.attributes["id"] or "" for node in tree.css("[id]"))
    return _Document(
        frozenset(ids), tuple(name for name, count in ids.items() if count > 1 or not name), tuple(_links(tree))
    )


def _links(tree: LexborHTMLParser) -> Iterator[str]:
    for tag, attribute in _LINKS:
        for node in tree.css(f"{tag}[{attribute}]"):
            yield node.attributes[attribute] or ""


def _dead(name: str, link: str, documents: dict[str, _Document], folder: Path, home: str) -> str:
    here = home + name.removesuffix("index.html")
    parts = urlsplit(urljoin(here, link))
    if not parts.scheme.startswith("http"):
        return ""
    if not urljoin(here, link).startswith(home):
        ours = parts.netloc in ("", urlsplit(home).netloc)
        return f"leaves the site, which lies in {urlsplit(home).path}" if ours else ""
    target = unquote(parts.path).removeprefix(urlsplit(home).path)
    if not posixpath.splitext(target)[1]:
        if target and not target.endswith("/"):
            return "a page's address ends in a slash"
        target += "index.html"
    if not (folder / target).is_file():
        return "no such file"
    fragment = unquote(parts.fragment)
    if fragment and target in documents and fragment not in documents[target].ids:
        return f"no id {fragment!r} there"
    return ""
