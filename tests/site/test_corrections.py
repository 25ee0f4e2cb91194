"""The corrections page: every mistake of the site, filtered or whole, and the way to each refutation."""

import re
from pathlib import Path
from urllib.parse import urljoin

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from sitekit import mistakes
from tests.site import looking
from tests.site.conftest import ROOT
from tests.site.looking import DESKTOP, PHONE, opened, visit
from tests.site.serving import Site

CORRECTIONS = "corrections/"
_PLACE = re.compile(r'<a href="(?P<page>[^"#]+)#(?P<anchor>mistake[^"]*)">')


def shown(page: Page) -> int:
    """Count the corrections in sight."""
    return page.locator(".correction:visible").count()


def test_every_mistake_is_listed_and_its_link_leads_to_the_box(site: Site) -> None:
    page = (site.folder / CORRECTIONS / "index.html").read_text("utf-8")
    places = {(urljoin(CORRECTIONS, one["page"]), one["anchor"]) for one in _PLACE.finditer(page)}
    known = mistakes.collect(ROOT / "docs")
    assert places == {(f"{one.question.page}/", one.anchor) for one in known}
    assert page.count('class="correction"') == len(known) > 100
    for name in {name for name, _ in places}:
        text = (site.folder / Path(name) / "index.html").read_text("utf-8")
        boxes = re.findall(r'<div class="admonition mistake" id="([^"]+)"', text)
        assert sorted(boxes) == sorted(anchor for page, anchor in places if page == name)


def test_the_filter_narrows_the_list_and_is_kept_in_the_address(browser: Browser, site: Site) -> None:
    with opened(browser, address=site.address) as page:
        assert looking.trouble(page, site.address + CORRECTIONS, site.address) == []
        everything, said = shown(page), page.locator(".correction-filter output")
        expect(said).to_have_text(f"{everything} corrections")
        page.get_by_label("Text").fill("softmax cross")
        some = shown(page)
        assert 0 < some < everything
        expect(said).to_have_text(f"{some} corrections")
        page.get_by_label("Level").select_option("advanced")
        page.get_by_label("Text").fill("")
        page.get_by_label("Section or topic").select_option("training")
        assert 0 < shown(page) < everything
        assert page.locator("section.corrections:visible").count() == 1
        assert page.url.endswith(f"{CORRECTIONS}?section=training&level=advanced")
        kept, text = shown(page), said.inner_text()
        page.reload()
        expect(said).to_have_text(text)
        assert shown(page) == kept
        page.get_by_label("Text").fill("zyzzyva")
        expect(said).to_have_text("no corrections")
        visit(page, f"{site.address}{CORRECTIONS}?section=gone&level=core")
        assert everything > shown(page) > 0


def test_without_scripts_the_list_is_whole(browser: Browser, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.address + CORRECTIONS)
    assert shown(page) == len(mistakes.collect(ROOT / "docs"))
    assert not page.locator(".correction-filter").is_visible()
    context.close()


def test_a_correction_leads_to_its_refutation(browser: Browser, site: Site) -> None:
    with opened(browser, size=PHONE, address=site.address) as page:
        visit(page, site.address + CORRECTIONS)
        entry = page.locator(".correction").nth(40)
        claim = entry.locator(".correction__claim").inner_text().strip("“”")
        entry.locator("a").click()
        box = page.locator(":target")
        expect(box).to_be_in_viewport()
        assert claim in box.inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing(browser: Browser, site: Site, scheme: str, size: tuple[int, int]) -> None:
    with opened(browser, scheme, size, site.address) as page:
        visit(page, site.address + CORRECTIONS)
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]})
        assert [violation["id"] for violation in found.response["violations"]] == []
        assert looking.too_wide(page) == []
