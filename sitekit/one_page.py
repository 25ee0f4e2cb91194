"""The whole site on one page, to be printed or saved as a PDF: the chapters one after the other, in the site's look."""

from collections.abc import Sequence
from html import escape
from itertools import groupby
from pathlib import Path

from selectolax.lexbor import LexborHTMLParser, LexborNode

from sitekit.chapters import Chapter, inner, relinked
from sitekit.epub import Title

FILE = "everything.html"
_REFERENCES = ("for", "aria-labelledby", "aria-describedby", "aria-controls")
_PAINTED = ("clip-path", "marker-end", "marker-start", "marker-mid", "mask", "fill", "stroke", "filter")


def page(chapters: Sequence[Chapter], title: Title, site: Path) -> str:
    """Return the page.

    Args:
        chapters: The chapters, in reading order.
        title: The name of the site, and where it is published.
        site: The built site, for its stylesheets.
    """
    names = {chapter.place.url: chapter.place.name for chapter in chapters}
    styles = sorted(path.relative_to(site).as_posix() for path in site.glob("assets/css/site.*.css"))
    styles += [name for name in ["assets/katex/katex.min.css"] if (site / name).is_file()]
    links = "\n".join(f'<link rel="stylesheet" href="{style}">' for style in styles)
    texts = "\n".join(_chapter(chapter, names, title.address) for chapter in chapters)
    return f"""\
<!doctype html>
<html lang="{title.language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="description" content="{escape(title.description)}">
<title>{escape(title.name)}: everything on one page</title>
{links}
</head>
<body data-md-color-scheme="default" data-md-color-primary="custom" data-md-color-accent="custom">
<main class="everything md-typeset">
<header>
<p class="everything__name">{escape(title.name)}</p>
<p>{escape(title.description)}</p>
<p class="everything__note">All of <a href="{title.address}">{title.address}</a>, as of {title.written.date()}.</p>
</header>
<nav aria-label="Contents">
{_contents(chapters)}
</nav>
{texts}
</main>
</body>
</html>
"""


def _contents(chapters: Sequence[Chapter]) -> str:
    lines = []
    for section, group in groupby(chapters, key=lambda chapter: chapter.place.section):
        items = "".join(
            f'<li><a href="#{chapter.place.name}">{escape(chapter.place.title)}</a></li>' for chapter in group
        )
        heading = f"<p>{escape(section)}</p>" if section else ""
        lines.append(f"{heading}<ul>{items}</ul>")
    return "\n".join(lines)


def _chapter(chapter: Chapter, names: dict[str, str], home: str) -> str:
    """Write a chapter with ids that no other chapter has."""
    name = chapter.place.name
    tree = LexborHTMLParser(f"<body>{chapter.html}").body
    assert tree is not None
    for node in tree.css("[id]"):
        node.attrs["id"] = f"{name}.{node.attributes['id']}"
    for reference in _REFERENCES:
        for node in tree.css(f"[{reference}]"):
            node.attrs[reference] = " ".join(f"{name}.{one}" for one in str(node.attributes[reference]).split())
    for attribute in _PAINTED:
        for node in tree.css(f'[{attribute}*="url(#"]'):
            node.attrs[attribute] = str(node.attributes[attribute]).replace("url(#", f"url(#{name}.")
    for use in tree.css("use"):
        for key in ("href", "xlink:href"):
            if str(use.attributes.get(key) or "").startswith("#"):
                use.attrs[key] = f"#{name}.{str(use.attributes[key])[1:]}"

    def inside(url: str, fragment: str) -> str:
        return f"#{names[url]}.{fragment}" if fragment else f"#{names[url]}"

    for link in tree.css("a[href]"):
        link.attrs["href"] = relinked(str(link.attributes["href"]), chapter.place.url, set(names), inside, home)
    _relocate(tree, chapter.place.url)
    return f'<article id="{name}" class="everything__chapter">\n{inner(tree)}\n</article>'


def _relocate(tree: LexborNode, url: str) -> None:
    """Let images be found from the root of the site."""
    for image in tree.css("img[src]"):
        image.attrs["src"] = relinked(str(image.attributes["src"]), url, set(), lambda *_: "", "")
