"""Readers differ: dark rooms, keyboards, dislike of motion, small and very large screens."""

import pytest
from playwright.sync_api import Browser, Page
from selectolax.lexbor import LexborHTMLParser

from tests.site.conftest import ROOT
from tests.site.looking import opened, visit
from tests.site.serving import Site

TOPIC = ("reference-implementation", "footnote-ref")
FRAMES = """
window.frames_seen = [];
const look = () => {
  if (document.body) {
    const ground = getComputedStyle(document.body).backgroundColor;
    if (window.frames_seen.at(-1) !== ground) window.frames_seen.push(ground);
  }
  if (performance.now() < 3000) requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
DARK = "rgb(20, 25, 29)"
MOVING = """
[...document.querySelectorAll("*")].filter((element) => {
  const style = getComputedStyle(element);
  const moves = (durations) => durations.split(",").some((duration) => parseFloat(duration) > 0);
  return moves(style.transitionDuration) || moves(style.animationDuration) || style.scrollBehavior === "smooth";
}).length
"""


def topic(browser_page: Page, site: Site) -> None:
    visit(browser_page, site.address + site.page_with(*TOPIC))


@pytest.mark.parametrize("stored", [False, True], ids=["first visit", "second visit"])
def test_a_dark_page_is_dark_from_the_first_frame(browser: Browser, site: Site, stored: bool) -> None:
    with opened(browser, "dark", address=site.address) as page:
        if stored:
            visit(page, site.address)
        page.add_init_script(FRAMES)
        topic(page, site)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("window.frames_seen") == [DARK]


def test_the_first_key_skips_to_the_title(browser: Browser, site: Site) -> None:
    with opened(browser, address=site.address) as page:
        topic(page, site)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent.trim()") == "Skip to content"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("!!document.activeElement.closest('article')")
        assert page.locator("h1").evaluate("heading => heading.getBoundingClientRect().top") > 0


def test_nothing_moves_for_those_who_want_it_still(browser: Browser, site: Site) -> None:
    still, moving = browser.new_context(reduced_motion="reduce"), browser.new_context(reduced_motion="no-preference")
    try:
        counts = []
        for context in (still, moving):
            page = context.new_page()
            topic(page, site)
            counts.append(page.evaluate(MOVING))
        assert counts[0] == 0 < counts[1]
    finally:
        still.close()
        moving.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_icons_are_seen_in_a_readers_own_colours(browser: Browser, site: Site, scheme: str) -> None:
    icon = "(one, part) => getComputedStyle(one, part).backgroundColor"
    with opened(browser, scheme, address=site.address) as page:
        page.emulate_media(forced_colors="active")
        topic(page, site)
        ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        page.locator("article .highlight").first.scroll_into_view_if_needed()
        page.locator(".md-code__button").first.wait_for(state="attached")
        icons = {
            name: page.locator(name).first.evaluate(icon, part)
            for name, part in (
                (".md-code__button", "::after"),
                (".admonition-title", "::before"),
                ("article summary", "::after"),
            )
        }
        ink = page.evaluate("getComputedStyle(document.querySelector('h1')).color")
    assert icons == dict.fromkeys(icons, ink)
    assert ink != ground


@pytest.mark.parametrize(
    ("width", "text", "column"), [(360, 15, 320), (1280, 15, 600), (2560, 18, 800), (3840, 21, 950)]
)
def test_a_line_can_be_read_on_any_screen(browser: Browser, site: Site, width: int, text: int, column: int) -> None:
    with opened(browser, size=(width, width * 9 // 16), address=site.address) as page:
        topic(page, site)
        size = page.locator("article > p").first.evaluate("line => parseFloat(getComputedStyle(line).fontSize)")
        line = page.locator("article > p").first.evaluate("line => line.getBoundingClientRect().width")
        assert size >= text
        assert column <= line <= 48 * size  # about 90 characters
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_every_heading_below_the_title_has_a_permanent_link_and_the_page_its_source(site: Site) -> None:
    for name in site.pages:
        html = LexborHTMLParser((site.folder / name / "index.html").read_text("utf-8"))
        for desk in html.css(".desk"):  # its headings are those of a program, and come and go
            desk.decompose()
        headings = [
            one for one in html.css("article h2, article h3, article h4") if one.css_first(".headerlink") is None
        ]
        assert [(name, one.text().strip()) for one in headings] == []
        edits = [one.attributes["href"] or "" for one in html.css("a.md-content__button[href*='/edit/main/']")]
        assert len(edits) == 1, name
        place, _, path = edits[0].partition("/edit/main/")
        assert place.endswith("github.com/dlref/dlref")
        assert (ROOT / path).is_file(), (name, path)
