"""One page of each kind, chosen from the built site: what is measured on these holds for all.

A kind is known by its place: the home page, the index of a section, a topic (the lightest and the heaviest), a lab, and
every page that stands alone at the top. A new page of that sort is a new kind by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page

from tests.site.loading import scroll_through
from tests.site.looking import found, visit
from tests.site.serving import Site

LABS = "labs/"
NOT_THERE = "no/such/page/"


def _nothing(page: Page) -> None:
    """Leave a page as it opens."""


@dataclass(frozen=True)
class Kind:
    """A page below the home page, and what a reader does there first."""

    page: str
    begin: Callable[[Page], object] = _nothing

    def open(self, page: Page, site: Site) -> None:
        """Open the page in a tab and do what comes first."""
        if self.page == NOT_THERE:  # GitHub Pages answers with 404.html whatever the address
            page.route(f"**/{NOT_THERE}", lambda route: route.fulfill(path=site.folder / "404.html"))
        visit(page, site.address + self.page)
        self.begin(page)


def topics(site: Site) -> list[str]:
    """Return the topic pages: those in a section, labs left out."""
    return [name for name in site.pages if name.count("/") == 2 and not name.startswith(LABS)]


def kinds(site: Site) -> dict[str, Kind]:
    """Choose a page of each kind."""
    by_weight = sorted(topics(site), key=lambda name: (site.folder / name / "index.html").stat().st_size)
    sections = {name.partition("/")[0] + "/" for name in site.pages if name.count("/") == 2}
    alone = [name for name in site.pages if name.count("/") == 1 and name not in sections]
    chosen = {
        "home": "",
        "section": min(sections - {LABS}),
        "labs": LABS,
        "topic": by_weight[0],
        "long topic": by_weight[-1],
        "lab": min(name for name in site.pages if name.startswith(LABS) and name != LABS),
        "missing": NOT_THERE,
    }
    pages = {kind: Kind(name) for kind, name in chosen.items()} | {name.rstrip("/"): Kind(name) for name in alone}
    return pages | {"search": Kind("", _search)}


def _search(page: Page) -> None:
    """Search, once the page has been seen: behind the results it does not scroll."""
    scroll_through(page)
    found(page, "softmax")
