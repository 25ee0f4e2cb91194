"""Links between pages: every anchor, file and name of dlref that a page points to exists."""

import ast
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from markdown.extensions.toc import slugify, unique

from sitekit import verification
from sitekit.errors import PageError
from sitekit.outline import Outline

_TEXT = r"\[(?P<text>(?:[^\[\]]|\[[^\[\]]*\])*)\]"
_TARGET = r"<?(?P<target>[^\s()<>]*(?:\([^\s()]*\)[^\s()<>]*)*)>?"
_INLINE = re.compile(rf"(?P<image>!?){_TEXT}\(\s*{_TARGET}(?:\s+(?:\"[^\"]*\"|'[^']*'))?\s*\)")
_REFERENCE = re.compile(rf"{_TEXT}\[(?P<name>[\w.\- ]*)\]")
_DEFINITION = re.compile(r"^ {0,3}\[(?P<name>[^\]^][^\]]*)\]:\s*<?(?P<target>[^\s>]+)", re.M)
_EXTERNAL = re.compile(r"^[a-z][a-z0-9+.-]*:", re.I)
_OWN_ID = re.compile(r"\{:?[^{}\n]*?#(?P<id>[\w:.-]+)[^{}\n]*\}|<[a-z][^<>]*?\sid=\"(?P<html>[^\"]+)\"", re.I)
_NOTE_DEFINED = re.compile(r"^\s*\[\^(?P<name>[^\]]+)\]:", re.M)
_NOTE = re.compile(r"\[\^(?P<name>[^\]]+)\]")


def check(pages: Iterable[Outline], docs: Path, package: Path) -> list[PageError]:
    """Check every link of every page.

    Names of other packages (torch, numpy, Python) are left to mkdocstrings, which knows their inventories.
    """
    by_name = {page.name: page for page in pages}
    anchors = {name: set(page_anchors(page)) for name, page in by_name.items()}
    names = api_names(package)
    return [
        PageError(page.path, page.line_of(offset), message)
        for page in by_name.values()
        for offset, message in [*_dead_links(page, anchors, docs), *_dead_names(page, names)]
    ]


def page_anchors(page: Outline) -> list[str]:
    """List the ids of a page: explicit ones, headings slugified as the toc extension does, figures, footnotes."""
    anchors = [*(identifier for identifier, _ in own_ids(page)), *(f"fn:{name}" for name in _notes(page))]
    used = set(anchors)
    anchors += [unique(slugify(_stripped(h.text), "-"), used) for h in page.headings if not h.id]
    return anchors


def own_ids(page: Outline) -> list[tuple[str, int]]:
    """List the ids that the page gives itself, each with its line: headings, fences, paragraphs, raw HTML."""
    found = [(heading.id, heading.line) for heading in page.headings if heading.id]
    found += [(fence.id, fence.line) for fence in page.fences if fence.id]
    headings = {heading.line for heading in page.headings}
    for match in _OWN_ID.finditer(page.plain):
        line = page.line_of(match.start())
        if line not in headings:
            found.append((match["id"] or match["html"], line))
    return sorted(found, key=lambda entry: entry[1])


def api_names(package: Path) -> set[str]:
    """List the names that mkdocstrings shows: modules, public functions and classes, and the members of classes."""
    names = set(verification.public_names(package))
    for source in package.rglob("*.py"):
        parts = source.relative_to(package.parent).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        names.add(module)
        for node in ast.parse(source.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef):
                names.update(f"{module}.{node.name}.{member}" for member in _members(node))
    return names


def check_footnotes(page: Outline) -> Iterator[PageError]:
    """Find footnotes that are used but not defined, defined but not used, or defined twice."""
    defined = _notes(page)
    definitions = {match.start("name") for match in _NOTE_DEFINED.finditer(page.plain)}
    uses = [match for match in _NOTE.finditer(page.plain) if match.start("name") not in definitions]
    used = {match["name"]: page.line_of(match.start()) for match in reversed(uses)}
    for match in _NOTE_DEFINED.finditer(page.plain):
        name, line = match["name"], page.line_of(match.start("name"))
        if name not in used:
            yield PageError(page.path, line, f"footnote [^{name}] is defined, but nothing refers to it")
        if defined[name] != line:
            yield PageError(page.path, line, f"footnote [^{name}] is defined again: first in line {defined[name]}")
    for name, line in used.items():
        if name not in defined:
            yield PageError(page.path, line, f"footnote [^{name}] is not defined on this page")


def _notes(page: Outline) -> dict[str, int]:
    notes: dict[str, int] = {}
    for match in _NOTE_DEFINED.finditer(page.plain):
        notes.setdefault(match["name"], page.line_of(match.start("name")))
    return notes


def _members(node: ast.ClassDef) -> Iterator[str]:
    for member in node.body:
        if isinstance(member, ast.FunctionDef):
            yield member.name
        elif isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name):
            yield member.target.id


def _stripped(text: str) -> str:
    """Leave of a heading what the reader sees."""
    return re.sub(r"[`*$\\]", "", _INLINE.sub(lambda match: match["text"], text))


def _dead_links(page: Outline, anchors: Mapping[str, set[str]], docs: Path) -> Iterator[tuple[int, str]]:
    for match in [*_INLINE.finditer(page.plain), *_DEFINITION.finditer(page.plain)]:
        target = match["target"]
        if match.groupdict().get("image") and not match["text"].strip():
            yield match.start(), f"the image {target} needs a text for those who cannot see it"
        if not _EXTERNAL.match(target) and (message := _dead(page, target, anchors, docs)):
            yield match.start(), message


def _dead(page: Outline, target: str, anchors: Mapping[str, set[str]], docs: Path) -> str:
    """Say what is wrong with an internal link, if anything."""
    if target.startswith("/"):
        return f"link {target}: write it relative to this page, so that the site works from a sub-path"
    address, _, anchor = target.partition("#")
    path, _, query = address.partition("?")  # ?level=core filters a page, ?q=relu searches
    if not path and not anchor and not query:
        return "a link without a target"
    here = posixpath.dirname(page.name)
    name = posixpath.normpath(posixpath.join(here, path)) if path else f"{page.name}.md"
    if name.startswith("../"):
        return f"link {target} leaves the folder of the pages"
    if (docs / name).is_dir():
        return f"link {target} points to a folder: name the page, {posixpath.join(path, 'index.md')}"
    if not name.endswith(".md"):
        return "" if (docs / name).is_file() else f"dead link {target}: there is no {docs / name}"
    known = anchors.get(name.removesuffix(".md"))
    if known is None:
        return f"dead link {target}: there is no {docs / name}"
    if anchor and anchor not in known:
        return f"dead anchor {target}: {docs / name} has no id {anchor!r}"
    return ""


def _dead_names(page: Outline, names: set[str]) -> Iterator[tuple[int, str]]:
    # Inline code may be the whole text of such a link, so the prose is read with it; the name comes after it.
    for match in _REFERENCE.finditer(page.prose):
        name = match["name"] or match["text"].strip("`")
        if name.partition(".")[0] == "dlref" and name not in names:
            yield match.start(), f"dead reference [{name}]: the sources have no such public name"
