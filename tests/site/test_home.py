"""The home page: what the site is, what it holds, and the ways in, on the first screen."""

import json
import re

import pytest
from playwright.sync_api import Browser, expect

from tests.site.looking import PHONE, opened, visit
from tests.site.serving import Site

LAPTOP = (1280, 800)


def test_the_first_screen_shows_the_numbers_and_the_ways_in(browser: Browser, site: Site) -> None:
    with opened(browser, size=LAPTOP, address=site.address) as page:
        visit(page, site.address)
        for part in ("h1", ".specimen .output", ".counts", ".ways"):
            box = page.locator(part).first.bounding_box()
            assert box, part
            assert box["y"] + box["height"] <= LAPTOP[1], part


def test_the_numbers_are_those_of_the_site(site: Site) -> None:
    home = (site.folder / "index.html").read_text("utf-8")
    found = re.findall(r'<span class="count">([\d,]+)</span> (\w+)', home)
    shown = {name: int(number.replace(",", "")) for number, name in found}
    asked = json.loads((site.folder / "questions.json").read_text("utf-8"))
    corrections = (site.folder / "corrections/index.html").read_text("utf-8")
    assert shown["questions"] == len(asked)
    assert shown["mistakes"] == corrections.count('class="correction"')
    assert shown["topics"] == len({question["url"].partition("#")[0] for question in asked})
    assert shown["snippets"] > shown["of"] > 50
    assert shown["comparisons"] > 50


@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_a_way_in_searches(browser: Browser, site: Site, size: tuple[int, int]) -> None:
    with opened(browser, size=size, address=site.address) as page:
        visit(page, site.address)
        page.get_by_role("link", name="bn vs ln").click()
        expect(page.locator(".md-search-result__link h2").first).to_contain_text("batch, layer")


def test_the_ways_in_lead_somewhere(browser: Browser, site: Site) -> None:
    with opened(browser, address=site.address) as page:
        visit(page, site.address)
        links = page.eval_on_selector_all(".ways a, .counts a", "links => links.map((link) => link.href)")
        assert len(links) > 10
        for link in links:
            path = link.removeprefix(site.address).partition("?")[0]
            assert (site.folder / path / "index.html").is_file(), link
        visit(page, next(link for link in links if "level=core" in link))
        expect(page.locator("select[name=level]")).to_have_value("core")
