"""What a reader does: copies code and runs it, searches, turns pages."""

import os
import subprocess
import sys

import pytest
from playwright.sync_api import Browser

from sitekit.outputs import MARK, same
from tests.site.conftest import ROOT
from tests.site.looking import copied, found, opened, plant, visit
from tests.site.serving import Site

SNIPPET = ".language-python.highlight:has(.output):visible"
SESSION = ".language-pycon.highlight:visible"


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh Python that knows dlref."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)


def test_a_copied_snippet_runs_and_prints_what_the_page_says(browser: Browser, site: Site) -> None:
    with opened(browser, address=site.address) as page:
        visit(page, site.address + site.page_with("language-python highlight", "reference-implementation"))
        code = copied(page, SNIPPET)
    result = run(code)
    assert result.returncode == 0, result.stderr
    documented = [line.partition(MARK)[2].strip() for line in code.splitlines() if line.lstrip().startswith(MARK)]
    assert documented
    assert same(documented, [line.rstrip() for line in result.stdout.splitlines()]), result.stdout


def test_a_copied_session_runs(browser: Browser, site: Site) -> None:
    with opened(browser, address=site.address) as page:
        visit(page, site.address + site.page_with("language-pycon highlight"))
        code = copied(page, SESSION)  # scrolls there: what is out of sight has no text yet
        shown = page.locator(SESSION).first.inner_text()
    assert ">>>" in shown
    assert ">>>" not in code
    result = run(code)
    assert result.returncode == 0, result.stderr


def test_a_session_copied_with_its_prompts_would_be_noticed(browser: Browser, site: Site) -> None:
    address = site.address + site.page_with("language-pycon highlight")
    with opened(browser, address=site.address) as page:
        plant(page, address, lambda html: html.replace("data-copy=", "data-other="))
        visit(page, address)
        code = copied(page, SESSION)
    assert ">>>" in code
    assert "SyntaxError" in run(code).stderr


@pytest.mark.parametrize("word", ["vanishing", "softmax", "cross_entropy"])
def test_the_search_finds(browser: Browser, site: Site, word: str) -> None:
    with opened(browser, address=site.address) as page:
        visit(page, site.address)
        results = found(page, word)
        assert results
        assert all(one.startswith(site.address) for one in results)
        visit(page, results[0])
        assert word in page.locator("article").inner_text().lower()


def test_the_search_finds_nothing_where_there_is_nothing(browser: Browser, site: Site) -> None:
    with opened(browser, address=site.address) as page:
        visit(page, site.address)
        assert found(page, "zyzzyva") == []


def test_a_formula_is_in_the_search_index_once(site: Site) -> None:
    index = (site.folder / "search/search_index.json").read_text("utf-8")
    assert "katex" not in index
    assert "\\\\frac" not in index


def test_pages_lead_to_each_other(browser: Browser, site: Site) -> None:
    with opened(browser, address=site.address) as page:
        visit(page, site.address)
        seen = [page.url]
        while (following := page.locator(".md-footer__link--next")).count():
            with page.expect_navigation():
                following.press("Enter")  # a click in the moment of the jump to the foot would meet a moving page
            assert page.url not in seen
            seen.append(page.url)
    assert {one.removeprefix(site.address) for one in seen} <= set(site.pages)
    assert len(seen) >= 5


@pytest.mark.parametrize("ahead", [True, False], ids=["as it is", "without the rules"])
def test_the_page_that_a_reader_points_at_is_fetched_ahead(browser: Browser, site: Site, ahead: bool) -> None:
    with opened(browser) as page:
        if not ahead:
            plant(page, site.address, lambda html: html.replace('type="speculationrules"', 'type="text/plain"'))
        visit(page, site.address)
        link = page.locator("article a[href='training/']").first
        link.hover()
        page.wait_for_timeout(700)
        with page.expect_navigation():
            link.click()
        way = page.evaluate("performance.getEntriesByType('navigation')[0].deliveryType")
    assert (way == "navigational-prefetch") is ahead
