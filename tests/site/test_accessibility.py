"""axe-core over every kind of page: WCAG 2.2 AA and what its makers call best practice."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.site.kinds import Kind, kinds, topics
from tests.site.loading import scroll_through
from tests.site.looking import DESKTOP, PHONE, opened, plant, visit
from tests.site.serving import Site

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(page: Page, *leave_out: str) -> list[str]:
    """Scroll through what is open, unfold it, and return each broken rule with its elements."""
    page.emulate_media(reduced_motion="reduce")  # colours do not change slowly
    page.evaluate("document.querySelectorAll('article details').forEach((one) => (one.open = true))")
    # What is out of sight is not laid out and can have no contrast.
    page.add_style_tag(content="* { content-visibility: visible !important }")
    scroll_through(page)
    page.wait_for_timeout(100)
    rules = {rule: {"enabled": False} for rule in leave_out}
    options = {"runOnly": TAGS, "rules": rules, "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{one['id']}: {node['html'][:100]} {node['failureSummary'][:200]}" for one in found for node in one["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing(browser: Browser, site: Site, size: tuple[int, int], scheme: str) -> None:
    faults = {}
    for name, kind in (kinds(site) | {"menu": Kind("", open_menu)}).items():
        if name == "long topic" and (size, scheme) not in [(DESKTOP, "light"), (PHONE, "dark")]:
            continue  # it takes as long as all others together
        with opened(browser, scheme, size, site.address) as page:
            kind.open(page, site)
            faults[name] = violations(page)
    assert {name: found for name, found in faults.items() if found} == {}


def test_axe_finds_nothing_in_any_topic(browser: Browser, site: Site) -> None:
    faults = {}
    for name in topics(site):  # the colours are those of the topics above, and take half the time
        with opened(browser, size=PHONE, address=site.address) as page:
            visit(page, site.address + name)
            faults[name] = violations(page, "color-contrast")
    assert len(faults) > 20
    assert {name: found for name, found in faults.items() if found} == {}


def open_menu(page: Page) -> None:
    """Open the menu, where the screen is so small that there is one."""
    menu = page.locator(".md-header__button[for=__drawer]")
    if menu.is_visible():
        menu.click()
        page.wait_for_timeout(300)


@pytest.mark.parametrize(
    ("planted", "rule"),
    [
        ('<p style="color: #999">grey on paper</p>', "color-contrast"),
        ('<img src="assets/favicon.svg">', "image-alt"),
        ("<button></button>", "button-name"),
        ("<h5>too deep</h5>", "heading-order"),
        ('<div style="overflow: auto; width: 3em; height: 1em"><p>xxxxxxxxxxx</p></div>', "scrollable"),
        ('<button style="width: 9px; padding: 0">a</button><button style="width: 9px; padding: 0">b</button>',
         "target-size"),
        ('<table><tr><td><a href="#x">a</a><sup><a href="#y">1</a></sup></td></tr>' * 3, "target-size"),
        ('<details><summary>s</summary><p style="color: #999">folded</p></details>', "color-contrast"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_found(browser: Browser, site: Site, planted: str, rule: str) -> None:
    with opened(browser, address=site.address) as page:
        plant(page, f"{site.address}labs/", lambda html: html.replace("</article>", f"{planted}</article>"))
        visit(page, f"{site.address}labs/")
        found = violations(page)
    assert any(one.startswith(rule) for one in found), found
