"""Old addresses in a browser: they lead on, with scripts and without."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from sitekit import content_security, moved_pages
from tests.site.conftest import ROOT
from tests.site.serving import serve

MOVED = {"old/page": "new/page", "old/page#gone": "else/where#here", "old/page#é": "else/where#there"}
PAGE = (
    '<!doctype html><html><head><meta charset="utf-8"><title>x</title></head><body><h2 id="kept">x</h2></body></html>'
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a site of two pages, one of which has moved."""
    folder = tmp_path_factory.mktemp("moved")
    for name in ("new/page", "else/where", "assets/js"):
        (folder / name).mkdir(parents=True)
        (folder / name / "index.html").write_text(PAGE)
    shutil.copy(ROOT / "docs" / moved_pages.SCRIPT, folder / moved_pages.SCRIPT)
    moved_pages.write(folder, "https://example.org/", MOVED, {"new/page": "The page"})
    content_security.protect(folder)
    with serve(folder) as address:
        yield address


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("old/page/", "new/page/"),
        ("old/page/#kept", "new/page/#kept"),
        ("old/page/?a=b#kept", "new/page/?a=b#kept"),
        ("old/page/#gone", "else/where/#here"),
        ("old/page/#%C3%A9", "else/where/#there"),
    ],
)
def test_an_old_address_leads_to_the_new_one(browser: Browser, home: str, old: str, new: str) -> None:
    page = browser.new_page()
    try:
        page.goto(home + old)
        page.wait_for_url(home + new, timeout=5000)
        page.go_back()  # the old address is not in the way back
        assert page.url == "about:blank"
    finally:
        page.close()


def test_without_scripts_the_page_leads_on_as_well(browser: Browser, home: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        page.goto(home + "old/page/")
        page.wait_for_url(home + "new/page/", timeout=5000)
    finally:
        context.close()


def test_a_script_that_does_not_load_leaves_a_link(browser: Browser, home: str) -> None:
    page = browser.new_page()
    try:
        page.route("**/moved.js", lambda route: route.abort())
        page.goto(home + "old/page/")
        assert page.locator("h1").inner_text() == "This page has moved"
        page.get_by_role("link", name="The page").click()
        page.wait_for_url(home + "new/page/")
    finally:
        page.close()
