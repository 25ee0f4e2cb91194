"""What readers take along: a deck of cards, a book, one page to print, data and text for programs.

All of it is made from the built site and its questions, and written beside the pages. The page that offers it says how
much each file weighs: ``<data class="size" value="dlref.epub"></data>`` is filled in.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sitekit import chapters, deck, epub, llms, one_page, still_svg
from sitekit.chapters import Place
from sitekit.epub import Title
from sitekit.llms import Text
from sitekit.questions import Question

BOOK = "book"  # a page whose front matter says `book: false` is for the site alone
_SIZE = re.compile(r'<data class="size" value="(?P<file>[^"]*)">[^<]*</data>')


@dataclass(frozen=True)
class Source:
    """A page as the site has it, and what it is part of: the book, and the text for programs."""

    place: Place
    text: Text
    in_book: bool = True
    in_text: bool = True


def sources(pages: Iterable[Any], texts: Mapping[str, str]) -> list[Source]:
    """Read MkDocs' pages, in the order of the navigation.

    Args:
        pages: The pages of the navigation.
        texts: The Markdown of the pages that are written as something else, by their files.
    """
    found = []
    for page in pages:
        section = page.parent.title if page.parent else ""
        file, description = page.file.src_uri, str(page.meta.get("description", ""))
        text = Text(file, page.url, page.title, section, description, texts.get(file, page.markdown or ""))
        in_book = page.meta.get(BOOK, True)
        listed = (page.meta.get("search") or {}).get("exclude", False)  # made of other pages, which say it themselves
        found.append(Source(Place(page.url, page.title, section), text, in_book, in_book and not listed))
    return found


def write(
    site: Path, found: Sequence[Source], questions: Sequence[Question], title: Title, root: Path, styles: Sequence[str]
) -> None:
    """Write everything that is taken along into a built site.

    Args:
        site: The built site, its stylesheets joined.
        found: Its pages in reading order.
        questions: Its questions in reading order.
        title: The name of the site, where it is published, when it was written.
        root: Where the modules are.
        styles: The stylesheets that paint drawings, below docs.
    """
    (site / f"{title.name}.apkg").write_bytes(deck.deck(questions, title.name, title.address, title.written))

    look = still_svg.look("\n".join((site / style).read_text("utf-8") for style in styles))
    parts = chapters.chapters(site, [source.place for source in found if source.in_book])
    (site / f"{title.name}.epub").write_bytes(epub.book(parts, title, look, site))
    (site / one_page.FILE).write_text(one_page.page(parts, title, site), "utf-8")

    urls = {source.text.file: source.text.url for source in found}
    pages = {
        source.text.url: llms.page(source.text, title.address, urls, lambda module: _module(module, root))
        for source in found
        if source.in_text
    }
    for url, text in pages.items():
        (site / url / llms.MARKDOWN).write_text(text, "utf-8")
    listed = [source.text for source in found if source.in_text]
    (site / "llms.txt").write_text(llms.index(title.name, title.description, listed, title.address), "utf-8")
    (site / "llms-full.txt").write_text(llms.full(title.name, title.description, pages.values()), "utf-8")


def fill_sizes(site: Path, page: str, sizes: Mapping[str, int] | None = None) -> None:
    """Write the sizes of the files into the page that offers them.

    Args:
        site: The built site.
        page: The page, ``take-along/index.html``; nothing happens where the site has none.
        sizes: The bytes of what is no file of the site.

    Raises:
        ValueError: The page names a file that the site does not have.
    """
    path = site / page
    if not path.is_file():
        return

    def size(match: re.Match[str]) -> str:
        file = match["file"]
        if file not in (sizes or {}) and not (site / file).is_file():
            raise ValueError(f"{page} says how large {file} is, and the site has no such file")
        count = (sizes or {}).get(file) or (site / file).stat().st_size
        return f'<data class="size" value="{count}">{readable(count)}</data>'

    path.write_text(_SIZE.sub(size, path.read_text("utf-8")), "utf-8")


def readable(count: int) -> str:
    """Write a number of bytes as people read it: 20 KB, 1.4 MB."""
    return f"{count / 1e6:.1f} MB" if count >= 999_500 else f"{max(count / 1e3, 1):.0f} KB"


def _module(name: str, root: Path) -> str:
    return (root / name.replace(".", "/")).with_suffix(".py").read_text("utf-8")
