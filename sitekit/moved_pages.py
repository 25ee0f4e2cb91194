"""Pages that have moved: at the old address stands a small page that leads to the new one.

mkdocs-redirects does this with an inline script, which the Content-Security-Policy would have to allow, knows nothing
of questions that went elsewhere, and brings a fork of MkDocs that mike would then run instead.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from posixpath import relpath

SCRIPT = "assets/js/moved.js"


@dataclass(frozen=True)
class Way:
    """A link to where something is now."""

    href: str
    text: str


def url(page: str) -> str:
    """Return the address of a page, ``training/index``, from the root of the site: ``training/``."""
    folder = page.removesuffix("index") if page.rpartition("/")[2] == "index" else f"{page}/"
    return folder.lstrip("/")


def stub(way: Way, canonical: str, script: str, questions: Mapping[str, Way] | None = None) -> str:
    """Write the page at an old address.

    Args:
        way: Where the page is now, as seen from the old place, and its title.
        canonical: The whole new address, for search engines.
        script: The place of ``moved.js``.
        questions: What went elsewhere, by its old id.
    """
    rows = "".join(
        f'\n<li id="{escape(identifier)}"><a href="{escape(one.href)}">{escape(one.text)}</a></li>'
        for identifier, one in (questions or {}).items()
    )
    elsewhere = f"\n<p>Questions that are elsewhere now:</p>\n<ul>{rows}\n</ul>" if rows else ""
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Moved: {escape(way.text)}</title>
<link rel="canonical" href="{escape(canonical)}">
<script src="{escape(script)}"></script>
<noscript><meta http-equiv="refresh" content="0; url={escape(way.href)}"></noscript>
</head>
<body>
<h1>This page has moved</h1>
<p>It is now here: <a rel="canonical" href="{escape(way.href)}">{escape(way.text)}</a>.</p>{elsewhere}
</body>
</html>
"""


def write(site: Path, home: str, moved: Mapping[str, str], texts: Mapping[str, str]) -> None:
    """Put a stub at the old address of every page that has moved.

    Args:
        site: The built site.
        home: Its address.
        moved: Where pages and questions went, by their names: ``page`` or ``page#id``.
        texts: The titles of pages and the wordings of questions, by their new names.
    """
    for old, new in moved.items():
        if "#" not in old:
            ways = {
                one.partition("#")[2]: Way(_link(old, where), texts.get(where, where))
                for one, where in moved.items()
                if one.startswith(f"{old}#")
            }
            script = relpath(SCRIPT, url(old))
            way = Way(_link(old, new), texts.get(new, new))
            _write(site / url(old) / "index.html", stub(way, home + url(new), script, ways))


def _link(old: str, new: str) -> str:
    page, _, identifier = new.partition("#")
    way = relpath(url(page) or ".", url(old))
    return f"{way}/#{identifier}" if identifier else f"{way}/"


def _write(path: Path, text: str) -> None:
    if path.exists():
        raise ValueError(f"{path} is a page of the site: what is there has not moved")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def is_stub(path: Path) -> bool:
    """Tell whether a file of a built site is such a page."""
    return 'http-equiv="refresh"' in path.read_text("utf-8")


def pages(site: Path) -> Iterable[str]:
    """Return the addresses of a built site's own pages, from its root, sorted."""
    found = (path for path in sorted(site.rglob("index.html")) if not is_stub(path))
    return [path.parent.relative_to(site).as_posix().removeprefix(".") for path in found]
