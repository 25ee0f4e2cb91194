"""What stands at the address of a page that has moved."""

from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser

from sitekit import moved_pages
from sitekit.content_security import with_policy
from sitekit.moved_pages import Way

HOME = "https://example.org/site/"
MOVED = {
    "alpha/old": "beta/new",
    "alpha/old#gone": "gamma/other#here",
    "alpha/older#gone": "gamma/other#there",  # that page is still there, and says so itself
    "lost/index": "beta/index",
    "deep/er/old": "index",
}
TEXTS = {"beta/new": "New <things>", "gamma/other#here": "What is “it”?"}


@pytest.mark.parametrize(
    ("page", "address"),
    [("a/b", "a/b/"), ("a/index", "a/"), ("index", ""), ("a/reindex", "a/reindex/")],
)
def test_a_page_has_an_address(page: str, address: str) -> None:
    assert moved_pages.url(page) == address


@pytest.fixture
def site(tmp_path: Path) -> Path:
    moved_pages.write(tmp_path, HOME, MOVED, TEXTS)
    return tmp_path


def read(site: Path, page: str) -> LexborHTMLParser:
    return LexborHTMLParser((site / page / "index.html").read_text("utf-8"))


def test_there_is_a_stub_for_each_page_and_no_other(site: Path) -> None:
    found = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.*"))
    assert found == ["alpha/old/index.html", "deep/er/old/index.html", "lost/index.html"]
    assert list(moved_pages.pages(site)) == []
    (site / "real").mkdir()
    for name in ("index.html", "real/index.html"):
        (site / name).write_text("<!doctype html>")
    assert list(moved_pages.pages(site)) == ["", "real"]


@pytest.mark.parametrize(
    ("page", "way", "canonical", "script"),
    [
        ("alpha/old", "../../beta/new/", f"{HOME}beta/new/", "../../assets/js/moved.js"),
        ("lost", "../beta/", f"{HOME}beta/", "../assets/js/moved.js"),
        ("deep/er/old", "../../../", HOME, "../../../assets/js/moved.js"),
    ],
)
def test_a_stub_leads_on(site: Path, page: str, way: str, canonical: str, script: str) -> None:
    html = read(site, page)
    (link,), (head,) = html.css("a[rel=canonical]"), html.css("link[rel=canonical]")
    assert (link.attributes["href"], head.attributes["href"]) == (way, canonical)
    assert [one.attributes["src"] for one in html.css("script")] == [script]
    assert f'<meta http-equiv="refresh" content="0; url={way}">' in (site / page / "index.html").read_text("utf-8")


def test_questions_that_went_elsewhere_have_links_of_their_own(site: Path) -> None:
    html = read(site, "alpha/old")
    (row,) = html.css("li")
    assert row.attributes["id"] == "gone"
    assert [(one.attributes["href"], one.text()) for one in row.css("a")] == [
        ("../../gamma/other/#here", "What is “it”?")
    ]
    assert html.css("a[rel=canonical]")[0].text() == "New <things>"
    assert read(site, "lost").css("li") == []


def test_the_policy_allows_a_stub_without_inline_scripts(site: Path) -> None:
    page = with_policy((site / "alpha/old/index.html").read_text("utf-8"))
    assert "script-src 'self';" in page


def test_a_page_that_is_there_is_not_overwritten(site: Path) -> None:
    with pytest.raises(ValueError, match="is a page of the site"):
        moved_pages.write(site, HOME, {"alpha/old": "beta/new"}, {})


def test_what_is_quoted_stays_quoted() -> None:
    html = moved_pages.stub(Way('a"b/', "<script>"), 'c"d', 'e"f', {'g"h': Way('i"j', "&")})
    assert LexborHTMLParser(html).css("script") != []
    assert len(LexborHTMLParser(html).css("script")) == 1
    assert LexborHTMLParser(html).css("li")[0].attributes["id"] == 'g"h'
