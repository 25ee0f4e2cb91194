"""The glossary page, and the links that lead there from the first use of a term."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.site import looking
from tests.site.looking import DESKTOP, PHONE, opened, visit
from tests.site.serving import Site

GLOSSARY = "glossary/"
_LINK = re.compile(r'<a class="term" href="[./]*glossary/#(?P<term>[^"]+)" title="(?P<says>[^"]+\.)">')
_ENTRY = re.compile(r'<div id="(?P<term>[^"]+)">\s*<dt>')


def test_a_page_links_a_term_once_and_to_an_entry(site: Site) -> None:
    entries = _ENTRY.findall((site.folder / GLOSSARY / "index.html").read_text("utf-8"))
    assert len(entries) == len(set(entries)) > 100
    used = 0
    for name in site.pages:
        text = (site.folder / name / "index.html").read_text("utf-8")
        links = [link["term"] for link in _LINK.finditer(text)]
        assert len(links) == len(set(links)) == text.count('class="term"'), name
        assert set(links) <= set(entries), name
        used += len(links)
    assert used > 200


def test_a_term_is_linked_in_running_text_only(browser: Browser, site: Site) -> None:
    with opened(browser, address=site.address) as page:
        visit(page, site.address + site.page_with('class="term"', "admonition answer", "reference-implementation"))
        barred = ":is(h1, h2, h3, h4, code, pre, .answer, summary, .admonition-title, .doc, figure, a) a.term"
        assert page.locator(barred).count() == 0


def test_a_reader_with_a_keyboard_gets_from_a_term_to_the_question(browser: Browser, site: Site) -> None:
    with opened(browser, size=PHONE, address=site.address) as page:
        visit(page, site.address + site.page_with('class="term"', "admonition answer"))
        term = page.locator("a.term").first
        term.focus()
        expect(term).to_have_accessible_description(re.compile(r"\w.*\."))
        page.keyboard.press("Enter")
        entry = page.locator(":target")
        expect(entry).to_be_in_viewport()
        entry.locator("dd a").click()
        expect(page.locator("h2.question:target")).to_be_in_viewport()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing(browser: Browser, site: Site, scheme: str, size: tuple[int, int]) -> None:
    with opened(browser, scheme, size, site.address) as page:
        assert looking.trouble(page, site.address + GLOSSARY, site.address) == []
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]})
        assert [violation["id"] for violation in found.response["violations"]] == []
        assert looking.too_wide(page) == []
