"""What every page carries: its last change, a way to report a mistake, its card, and a name in the feed."""

import struct
import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from playwright.sync_api import Browser
from selectolax.lexbor import LexborHTMLParser

from sitekit import feed, history
from tests.site.conftest import ROOT
from tests.site.looking import opened, visit
from tests.site.serving import Site


def tree(site: Site, page: str) -> LexborHTMLParser:
    return LexborHTMLParser((site.folder / page / "index.html").read_text("utf-8"))


def sources(page: str) -> list[str]:
    """Name the files that a page may be made of."""
    name = page.rstrip("/")
    module = f"dlref/{name.replace('-', '_')}.py"
    names = [f"docs/{name}.md", f"docs/{name}.py", f"docs/{name}/index.md".replace("//", "/"), module]
    return [one for one in names if (ROOT / one).is_file()]


def reported(href: str | None) -> str:
    """Return the place that a report link fills in."""
    return parse_qs(urlsplit(href or "").query)["where"][0]


def test_every_page_says_when_it_changed_and_so_does_the_sitemap(site: Site) -> None:
    rows = ET.parse(site.folder / "sitemap.xml").getroot()
    listed = {row[0].text or "": [child.text for child in row[1:]] for row in rows}
    for page in site.pages:
        changed = history.last_changed(sources(page), ROOT)
        days = [changed.date().isoformat()] if changed else []
        shown = [node.attributes["datetime"] for node in tree(site, page).css(".page-foot time")]
        assert (page, shown) == (page, days)
        assert (page, listed[site.home + page]) == (page, days)
    assert len(listed) == len(site.pages)


def test_every_question_has_its_tag_and_a_mistake_can_be_reported_there_and_for_every_page(site: Site) -> None:
    questions = 0
    for page in site.pages:
        html = tree(site, page)
        (foot,) = html.css(".page-foot a")
        assert reported(foot.attributes["href"]) == site.home + page
        asked = [f"{site.home}{page}#{heading.id}" for heading in html.css("h2.question")]
        links = html.css(".below-answer a[aria-label]")
        assert [reported(link.attributes["href"]) for link in links] == asked
        assert len({link.attributes["aria-label"] for link in links}) == len(asked)
        levels = [heading.attributes["data-level"] for heading in html.css("h2.question")]
        tags = [urljoin(site.home + page, str(tag.attributes["href"])) for tag in html.css(".below-answer a.tag")]
        assert tags == [f"{site.home}questions/?level={level}" for level in levels]
        questions += len(asked)
    assert questions > 30


def test_every_page_has_its_card(site: Site) -> None:
    cards = set()
    for page in site.pages:
        meta = {
            node.attributes.get("property") or node.attributes.get("name"): node.attributes["content"] or ""
            for node in tree(site, page).css("meta[property], meta[name]")
        }
        assert meta["og:url"] == site.home + page
        assert meta["og:title"]
        assert meta["og:description"] == meta["description"]
        assert meta["twitter:card"] == "summary_large_image"
        assert meta["og:title"] in meta["og:image:alt"]
        png = (site.folder / meta["og:image"].removeprefix(site.home)).read_bytes()
        assert struct.unpack(">II", png[16:24]) == (1200, 630)
        assert len(png) < 40_000
        cards.add(meta["og:image"])
    assert len(cards) == len(site.pages)
    assert len(list(Path(site.folder / "assets/cards").iterdir())) == len(cards)


def test_the_feed_names_pages_of_the_site_and_every_page_names_the_feed(site: Site) -> None:
    root = ET.parse(site.folder / feed.NAME).getroot()
    named = [node.get("href", "") for node in root.iterfind("a:entry/a:link", {"a": feed.ATOM})]
    assert set(named) <= {site.home + page for page in site.pages}
    assert len(set(named)) == len(named) == min(len(site.pages), feed.ENTRIES)
    for page in site.pages:
        (link,) = tree(site, page).css('link[type="application/atom+xml"]')
        assert (site.folder / page / (link.attributes["href"] or "")).resolve() == (site.folder / feed.NAME).resolve()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_links_are_reached_with_the_keyboard_and_name_their_question(
    browser: Browser, site: Site, scheme: str
) -> None:
    address = site.address + site.page_with('class="below-answer"')
    with opened(browser, scheme, address=site.address) as page:
        visit(page, address)
        question = page.locator("h2.question").first.evaluate("heading => heading.firstChild.textContent.trim()")
        last = page.locator("details.question summary").first
        last.focus()
        page.keyboard.press("Tab")
        assert page.evaluate("new URL(document.activeElement.href).search").startswith("?level=")
        page.keyboard.press("Tab")
        name = page.evaluate("document.activeElement.getAttribute('aria-label')")
        assert name == f"Report a mistake in the answer to: {question}"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
