"""How versions are named, and how old addresses lead to the newest."""

from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser

from sitekit import moved_pages, versions

PAGE = """\
<!doctype html><html><head><meta charset="utf-8"><title>A &amp; b</title>
<link rel="canonical" href="https://example.org/site/latest/{}"></head><body></body></html>
"""
LOST = '<link href="/site/latest/assets/x.css"><body>lost</body>'


@pytest.mark.parametrize(
    ("ref", "version"),
    [("refs/heads/main", "latest"), ("refs/tags/v0.2.1", "0.2"), ("refs/tags/v10.20.30", "10.20")],
)
def test_a_version_is_named_after_the_ref(ref: str, version: str) -> None:
    assert versions.of_ref(ref) == version


@pytest.mark.parametrize("ref", ["refs/heads/other", "refs/tags/v1", "refs/tags/v0.2.1rc1", "main", "v0.2.1", ""])
def test_nothing_else_is_published(ref: str) -> None:
    with pytest.raises(ValueError, match=rf"^{ref} is not published: only refs/heads/main"):
        versions.of_ref(ref)


def test_the_address_ends_in_a_slash_whatever_mike_makes_of_it() -> None:
    assert versions.home("https://example.org/site/latest") == versions.home("https://example.org/site/latest/")
    assert versions.home("https://example.org/a/") == "https://example.org/a/"


def test_the_switch_is_there_only_where_there_are_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(versions.BUILDS, raising=False)
    assert versions.switch() is None
    monkeypatch.setenv(versions.BUILDS, "0.1")
    assert versions.switch() == {"provider": "mike", "default": "latest"}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for place in ("", "a/b/"):
        (tmp_path / "latest" / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / "latest" / place / "index.html").write_text(PAGE.format(place))
    for name, text in {"404.html": LOST, "feed.xml": "feed", moved_pages.SCRIPT: "1", versions.SCRIPT: "2"}.items():
        (tmp_path / "latest" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "latest" / name).write_text(text)
    (tmp_path / "old").mkdir()
    (tmp_path / "old/index.html").write_text("of a page that is gone")
    (tmp_path / "versions.json").write_text("[]")
    versions.lead_on(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("place", "way", "up"), [("", "latest/", ""), ("a/b/", "../../latest/a/b/", "../../")])
def test_every_page_has_a_stub_outside_the_versions(tree: Path, place: str, way: str, up: str) -> None:
    html = LexborHTMLParser((tree / place / "index.html").read_text())
    assert [one.attributes["href"] for one in html.css("a")] == [way]
    assert [one.attributes["src"] for one in html.css("script")] == [f"{up}moved.js"]
    assert html.css("link[rel=canonical]")[0].attributes["href"] == f"https://example.org/site/latest/{place}"
    assert html.css("title")[0].text() == "Moved: A & b"
    assert "Content-Security-Policy" in (tree / place / "index.html").read_text()


def test_the_rest_is_copied_or_sent_on(tree: Path) -> None:
    assert (tree / "feed.xml").read_text() == "feed"
    assert [(tree / name).read_text() for name in ("moved.js", "unversioned.js")] == ["1", "2"]
    assert '<script src="/site/unversioned.js"></script></body>' in (tree / "404.html").read_text()
    assert (tree / "latest/404.html").read_text() == LOST


def test_what_was_there_before_is_kept(tree: Path) -> None:
    assert (tree / "old/index.html").read_text() == "of a page that is gone"
    assert (tree / "versions.json").read_text() == "[]"


def test_done_again_it_makes_no_difference(tree: Path) -> None:
    before = {path: path.read_bytes() for path in tree.rglob("*.*") if path.is_file()}
    versions.lead_on(tree)
    assert {path: path.read_bytes() for path in tree.rglob("*.*") if path.is_file()} == before


def test_the_steps_that_follow_test_what_is_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published: list[tuple[str, Path, Path]] = []
    monkeypatch.setattr(versions, "publish", lambda *arguments: published.append(arguments))
    monkeypatch.setenv("GITHUB_ENV", str(tmp_path / "environment"))
    (tmp_path / "environment").write_text("A=1\n")
    versions.main("refs/tags/v0.2.1", tmp_path)
    assert published == [("0.2", tmp_path, Path("public").resolve())]
    assert (tmp_path / "environment").read_text() == "A=1\nDLREF_SITE=public/0.2\n"
