"""What a page's template and the site's by-products say of a page: when it changed, where to report, its card."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mkdocs.structure.pages import Page

from sitekit import cards, feed, history, outline, reference, reports

CARDS = "assets/cards"


@dataclass(frozen=True)
class Facts:
    """A page as others show it."""

    name: str
    title: str
    description: str
    url: str
    changed: datetime | None
    card: cards.Card
    report: str

    @property
    def card_path(self) -> str:
        """The place of the card, from the root of the site."""
        return f"{CARDS}/{self.name.replace('/', '-')}.png"


def of_page(page: Page, root: Path, repository: str) -> Facts:
    """Read the facts of a page.

    Args:
        page: The page, once its Markdown is read.
        root: The repository.
        repository: Its address.
    """
    source, title = page.file.src_uri, str(page.meta.get("title") or page.title)
    sources = [f"docs/{source}"]
    if module := reference.module_of(source, root):
        sources.append(f"{module.replace('.', '/')}.py")
    url, description = page.canonical_url or page.url, str(page.meta.get("description", ""))
    questions = len(outline.read_page(root / sources[0], root / "docs").questions) if module else 0
    asked = f"{questions} questions, each answer" if questions > 1 else "One question, its answer"
    below = f"{asked} proved by code on the page" if questions else "Answers that prove themselves"
    section = next((str(above.title) for above in page.ancestors), "")
    card = cards.Card(title, description, section, below)
    changed = history.last_changed(sources, root)
    return Facts(
        Path(source).with_suffix("").as_posix(), title, description, url, changed, card,
        reports.address(repository, url, title),
    )  # fmt: skip


def write(pages: list[Facts], site: Path, root: Path, home: str, title: str) -> None:
    """Write the cards and the feed into a built site."""
    fonts = root / "docs" / "assets" / "fonts"
    for page in pages:
        path = site / page.card_path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cards.cached(page.card, fonts, root / ".cache" / "cards"))
    entries = [feed.Entry(page.changed, page.url, page.title, page.description) for page in pages if page.changed]
    (site / feed.NAME).write_text(feed.atom(entries, home, title), "utf-8")
