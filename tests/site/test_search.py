"""The search: what a reader types leads to the question that answers it."""

import json
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser, Page, expect

from tests.site.looking import opened, plant, visit
from tests.site.serving import Site

QUERIES: dict[str, str] = yaml.safe_load(Path(__file__).with_name("search_queries.yml").read_text("utf-8"))
SHOWN = 3
_LINKS = """
items => items.map((item) => [...item.querySelectorAll(".md-search-result__link")]
  .filter((link) => !link.closest("details:not([open])")).map((link) => link.href))
"""


def ask(page: Page, query: str) -> list[list[str]]:
    """Type a query at once; return for each result the addresses in sight: its page, and sections of it."""
    box, meta = page.locator("input[data-md-component=search-query]"), page.locator(".md-search-result__meta")
    for text, said in (("", "/Type to start/"), (query, "/matching/")):
        box.fill(text)
        box.press("Shift")
        page.wait_for_function(f"(meta) => {said}.test(meta.textContent)", arg=meta.element_handle(), timeout=20000)
    return page.eval_on_selector_all(".md-search-result__item", _LINKS)


def missed(page: Page, site: Site) -> dict[str, list[list[str]]]:
    """Ask every query; return those that do not show their question among the first results."""
    visit(page, site.address)
    page.locator(".md-search__form").click()
    faults = {}
    for query, expected in QUERIES.items():
        results = ask(page, str(query))[:SHOWN]
        if not any(site.address + expected in links for links in results):
            faults[query] = [[link.removeprefix(site.address) for link in links] for links in results]
    return faults


def test_what_readers_type_shows_the_question(browser: Browser, site: Site) -> None:
    assert len(QUERIES) >= 40
    with opened(browser, address=site.address) as page:
        assert missed(page, site) == {}


def test_a_search_without_other_words_would_be_noticed(browser: Browser, site: Site) -> None:
    def forget(text: str) -> str:
        index = json.loads(text)
        index["docs"] = [{**entry, "also": "", "names": ""} for entry in index["docs"]]
        return json.dumps(index)

    with opened(browser, address=site.address) as page:
        plant(page, "**/search/search_index.json", forget)
        assert {"bn vs ln", "xavier", "torch.nn.functional.cross_entropy"} <= missed(page, site).keys()


def test_a_result_shows_its_question_with_its_level_and_leads_there(browser: Browser, site: Site) -> None:
    with opened(browser, address=site.address) as page:
        visit(page, site.address)
        page.locator(".md-search__form").click()
        ask(page, "bn vs ln")
        result = page.locator(".md-search-result__link:has(.md-tag):visible").first
        assert result.locator("h2").inner_text() == "How do batch, layer, group and RMS normalisation differ?"
        assert result.locator(".md-tag").inner_text().lower() == "intermediate"
        assert len(result.inner_text()) < 1200  # not the whole answer, though no word of it matches
        with page.expect_navigation():
            result.press("Enter")  # results may still arrive and move each other: a click could meet a neighbour
        expect(page.locator("#batch-norm-vs-layer-norm")).to_be_in_viewport()
        assert page.url.endswith("generalization/normalization-layers/#batch-norm-vs-layer-norm")


@pytest.mark.parametrize(
    "noise", ["import torch", "#&gt;", "↩", "Source code in", "Practise the questions of this page"]
)
def test_the_index_holds_no_code_and_no_notes(site: Site, noise: str) -> None:
    index = json.loads((site.folder / "search/search_index.json").read_text("utf-8"))
    assert [entry["location"] for entry in index["docs"] if noise in entry["text"]] == []


def test_the_index_is_light(site: Site) -> None:
    pages = len(site.pages)
    assert (site.folder / "search/search_index.json").stat().st_size < 14_000 * pages
