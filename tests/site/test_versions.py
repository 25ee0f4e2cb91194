"""Two versions of a small site, made by mike as the real one is, in a browser."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from sitekit import moved_pages, versions
from tests.site.conftest import ROOT
from tests.site.serving import serve
from tests.sitekit.small_repository import QUIET, commit, git

CONFIG = """\
site_name: small
site_url: https://example.org/dlref/
theme: {name: material, font: false, custom_dir: theme}
extra: {version: {provider: mike, default: latest}}
plugins: [search, mike: {canonical_version: latest, alias_type: copy}]
"""
THEME = ("main.html", "partials/javascripts/outdated.html")
KEPT, GONE = "part/kept/", "part/gone/"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Publish a release, then the main branch, where a page is gone and one is new; return what lies on the branch."""
    root, public = tmp_path_factory.mktemp("repository"), tmp_path_factory.mktemp("public") / "tree"
    with pytest.MonkeyPatch.context() as patch:
        identity = {"user.name": "A", "user.email": "a@example.org"}
        patch.setenv("GIT_CONFIG_COUNT", str(len(identity)))
        for number, (key, value) in enumerate(identity.items()):
            patch.setenv(f"GIT_CONFIG_KEY_{number}", key)
            patch.setenv(f"GIT_CONFIG_VALUE_{number}", value)
        for name, value in QUIET.items():
            patch.setenv(name, value)
        for script in (moved_pages.SCRIPT, versions.SCRIPT):
            (root / "docs" / script).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / "docs" / script, root / "docs" / script)
        for name in THEME:
            (root / "theme" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / "sitekit/theme" / name, root / "theme" / name)
        page = "# {}\n\n## A heading {{ #here }}\n"
        texts = {"docs__index___md": page.format("Home"), "docs__part__kept___md": page.format("Kept, one")}
        markdown = {"mkdocs___yml": CONFIG + "markdown_extensions: [attr_list]\n", "___gitignore": "site/\n"}
        commit(root, "2026-01-01", **markdown, **texts, docs__part__gone___md=page.format("Gone"))
        versions.publish("0.1", root, public)
        assert not (public / "index.html").exists()  # nothing is the newest yet
        git(root, "worktree", "remove", "--force", str(public))
        git(root, "rm", "-q", "docs/part/gone.md")
        commit(root, "2026-01-02", docs__part__kept___md=page.format("Kept, two"), docs__new___md=page.format("New"))
        versions.publish(versions.LATEST, root, public)
        assert git(public, "status", "--porcelain") == ""
    return public


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Open a tab."""
    opened = browser.new_page()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def home(tree: Path) -> Iterator[str]:
    """Serve the branch as the host does: what is not there is answered with 404.html."""
    with serve(tree) as address:
        yield address


def switch(page: Page, version: str) -> None:
    """Choose a version with the keyboard."""
    page.locator(".md-version__current").focus()
    page.locator(".md-version__link", has_text=version).focus()
    page.keyboard.press("Enter")


def lost(page: Page, tree: Path, home: str, path: str) -> None:
    """Visit an address that is not there."""
    page.route(home + path, lambda route: route.fulfill(status=404, path=tree / "404.html"))
    page.goto(f"{home}{path}#here")


def test_the_branch_holds_both_versions_and_their_list(tree: Path) -> None:
    listed = json.loads((tree / "versions.json").read_text())
    assert [(one["version"], one["aliases"]) for one in listed] == [("latest", []), ("0.1", [])]
    assert "Kept, one" in (tree / "0.1" / KEPT / "index.html").read_text()
    assert "Kept, two" in (tree / "latest" / KEPT / "index.html").read_text()
    assert not (tree / "latest" / GONE).exists()
    canonical = f'<link rel="canonical" href="https://example.org/dlref/latest/{KEPT}">'
    for name in ("0.1", "latest"):
        assert canonical in (tree / name / KEPT / "index.html").read_text(), name
    assert canonical in (tree / KEPT / "index.html").read_text()
    assert (tree / "sitemap.xml").read_bytes() == (tree / "latest/sitemap.xml").read_bytes()


def test_the_switch_stays_on_the_page(page: Page, home: str) -> None:
    page.goto(f"{home}latest/{KEPT}")
    expect(page.locator("h1")).to_contain_text("Kept, two")
    expect(page.locator(".md-version__current")).to_have_text("latest")
    switch(page, "0.1")
    page.wait_for_url(f"{home}0.1/{KEPT}")
    expect(page.locator("h1")).to_contain_text("Kept, one")
    switch(page, "latest")
    page.wait_for_url(f"{home}latest/{KEPT}")


def test_an_older_release_says_so_and_leads_to_the_same_page_of_today(page: Page, home: str) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(error.message))
    note = page.locator("[data-md-component=outdated]")
    page.goto(f"{home}latest/{KEPT}")
    expect(page.locator(".md-version")).to_be_visible()
    expect(note).to_be_hidden()
    for _ in range(2):  # the second time it is there before the list of versions is
        page.goto(f"{home}0.1/{KEPT}")
        expect(note).to_be_visible()
        link = note.get_by_role("link").get_attribute("href")
        assert link == f"https://example.org/dlref/latest/{KEPT}"
    assert errors == []


def test_the_switch_leads_home_from_a_page_that_the_other_version_lacks(page: Page, home: str) -> None:
    page.goto(f"{home}0.1/{GONE}")
    switch(page, "latest")
    page.wait_for_url(f"{home}latest/")


@pytest.mark.parametrize("path", ["", "new/", KEPT])
@pytest.mark.parametrize("scripts", [True, False])
def test_an_old_address_leads_to_latest(browser: Browser, home: str, path: str, scripts: bool) -> None:
    context = browser.new_context(java_script_enabled=scripts)
    try:
        page = context.new_page()
        page.goto(f"{home}{path}#here")
        page.wait_for_url(f"{home}latest/{path}{'#here' if scripts else ''}", timeout=5000)
    finally:
        context.close()


def test_another_old_address_is_sent_on_by_the_page_that_is_not_there(page: Page, tree: Path, home: str) -> None:
    lost(page, tree, home, "search/search_index.json")
    page.wait_for_url(f"{home}latest/search/search_index.json#here", timeout=5000)


@pytest.mark.parametrize("path", ["no/such/", "0.1/no/such/", "latest/no/such/", f"latest/{GONE}"])
def test_what_is_nowhere_stays_the_page_that_is_not_there(page: Page, tree: Path, home: str, path: str) -> None:
    with page.expect_response("**/versions.json"):
        lost(page, tree, home, path)
    page.wait_for_load_state("networkidle")
    assert page.url == f"{home}{path}#here"
    assert "404" in page.locator("h1").inner_text()
