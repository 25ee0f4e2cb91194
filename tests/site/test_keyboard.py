"""Without a mouse."""

import pytest
from playwright.sync_api import Browser, expect

from tests.site.keyboard import walk
from tests.site.kinds import kinds
from tests.site.looking import DESKTOP, PHONE, opened, plant, visit
from tests.site.serving import Site


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"])
def test_the_tab_key_goes_everywhere_and_is_seen(
    browser: Browser, site: Site, size: tuple[int, int], scheme: str
) -> None:
    faults = {}
    for name, kind in kinds(site).items():
        if name == "search":
            continue
        with opened(browser, scheme, size, site.address) as page:
            page.emulate_media(reduced_motion="reduce")
            kind.open(page, site)
            stops, faults[name] = walk(page)
            last = page.locator("a:visible, button:visible").last.evaluate("one => one === window.walked.element")
        assert len(stops) > 5, name
        assert last, f"{name}: the walk ended at {stops[-2:]}, {faults[name]}"
        assert "Skip to content" in stops[0], name
    assert {name: found for name, found in faults.items() if found} == {}


@pytest.mark.parametrize(
    ("planted", "fault"),
    [
        ("<style>*, ::before { outline: none !important; box-shadow: none !important; color: #000 !important;"
         " transition: none !important; background: none !important; border-color: red !important;"
         " opacity: 1 !important; transform: none !important }</style>", "focus cannot be seen"),
        ('<a href="#x" style="position: absolute; left: -9999px">far</a>', "out of sight"),
    ],
)  # fmt: skip
def test_a_planted_obstacle_is_found(browser: Browser, site: Site, planted: str, fault: str) -> None:
    with opened(browser, address=site.address) as page:
        plant(page, f"{site.address}labs/", lambda html: html.replace("<article", f"{planted}<article", 1))
        visit(page, f"{site.address}labs/")
        _, faults = walk(page)
    assert any(one.startswith(fault) for one in faults), faults


def test_the_menu_opens_and_closes_by_keys(browser: Browser, site: Site) -> None:
    with opened(browser, size=PHONE, address=site.address) as page:
        visit(page, site.address)
        menu = page.get_by_role("button", name="Menu")
        entry = page.locator(".md-sidebar--primary").get_by_role("link", name="Take along")
        assert not entry.is_visible()
        menu.focus()
        page.keyboard.press("Enter")
        expect(menu).to_have_attribute("aria-expanded", "true")
        expect(entry).to_be_visible()
        page.keyboard.press("Escape")
        expect(menu).to_have_attribute("aria-expanded", "false")
        expect(menu).to_be_focused()
        expect(entry).not_to_be_visible()
