"""Links and ids of the built site."""

from pathlib import Path

import pytest

from sitekit import moved_pages
from tests.site.links import dead
from tests.site.serving import Site


def test_links_and_ids_are_valid(site: Site) -> None:
    assert dead(site.folder, site.home) == []


def test_the_sitemap_lists_every_page(site: Site) -> None:
    assert {page.rstrip("/") for page in site.pages} == set(moved_pages.pages(site.folder))


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="two/">x</a>', ""),
        ('<a href="two/#there">x</a>', ""),
        ('<a href="https://example.com/x">x</a>', ""),
        ('<a href="two/#nowhere">x</a>', "no id 'nowhere' there"),
        ('<a href="#nowhere">x</a>', "no id 'nowhere' there"),
        ('<a href="three/">x</a>', "no such file"),
        ('<a href="two">x</a>', "ends in a slash"),
        ('<a href="/two/">x</a>', "leaves the site"),
        ('<a href="../two/">x</a>', "leaves the site"),
        ('<a href="https://dlref.github.io/dlref/three/">x</a>', "no such file"),
        ('<img src="missing.png">', "no such file"),
        ('<script src="missing.js"></script>', "no such file"),
        ('<p id="a"></p><p id="a"></p>', "stands twice"),
    ],
)
def test_a_planted_fault_is_found(tmp_path: Path, body: str, fault: str) -> None:
    (tmp_path / "two").mkdir()
    (tmp_path / "index.html").write_text(f"<!doctype html><body>{body}</body>", "utf-8")
    (tmp_path / "two/index.html").write_text('<!doctype html><h2 id="there">x</h2>', "utf-8")
    faults = dead(tmp_path)
    assert len(faults) == bool(fault)
    assert fault in "".join(faults)


def test_a_missing_font_is_found(tmp_path: Path) -> None:
    (tmp_path / "x.css").write_text('@font-face { src: url("fonts/x.woff2") } a { background: url(data:x) }', "utf-8")
    assert dead(tmp_path) == ["x.css: fonts/x.woff2: no such file"]
