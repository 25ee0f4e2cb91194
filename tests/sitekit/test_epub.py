"""The book: what a strict reader finds in it, and what became of formulas, drawings, code and links."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sitekit import epub, katex, still_svg, xhtml
from sitekit.archives import zipped
from sitekit.chapters import Place, chapter
from sitekit.epub import Title
from tests.epub_reader import faults, opened

STYLE = """
:root { --ink: #111111; --paper: #fefefe; --core: #0a6b63; }
[data-md-color-scheme="slate"] { --ink: #eeeeee; }
@media (max-width: 30em) { .map rect { fill: red } }
.md-typeset figure.map svg { fill: var(--ink); font-weight: 600; width: 100%; }
.map rect { fill: red; stroke-width: 2; }
.map__node rect { fill: color-mix(in srgb, var(--node) 50%, var(--paper)); stroke: var(--node); }
.map__node--one { --node: var(--core); }
.map__node:hover rect { fill: red; }
.map .note { font-size: 1rem; }
"""
PAGE = """
<html><body><header>no</header><article>
<a class="md-content__button">edit</a><h1>First &amp; last</h1>
<h2 id="a" class="question" data-level="core">What is a?<a class="headerlink" href="#a">#</a></h2>
<div class="admonition answer"><p class="admonition-title">Short answer</p><p>1 &lt; 2<br>x&nbsp;y</p></div>
<p>{inline} and <a href="../beta/#b">there</a>, <a href="../other/">out</a>, <a href="https://x.org/?a=1&amp;b=2">far</a>
<sup id="fnref:1"><a class="footnote-ref" href="#fn:1">1</a></sup></p>
{display}
<div class="language-python highlight"><pre><code><span class="kn">import</span> <span class="n">a</span>
<span class="output">#&gt; 1</span></code></pre></div>
<figure class="map"><svg viewBox="0 0 9 9" data-search-exclude>
<defs><clipPath id="c"><path d="M0 0"/></clipPath></defs>
<a class="map__node map__node--one" href="../beta/"><rect clip-path="url(#c)"/></a>
<text class="note" style="fill:var(--fig-0,#5088f5)">n</text>
<path style="stroke:currentColor;fill:none"/></svg></figure>
<p><img src="../../assets/favicon.svg" alt="the sign"><img src="data:image/png;base64,AAAA" alt=""></p>
<details><summary>Follow-ups</summary><ul><li>one</li></ul></details>
<form><input></form><script>x</script><p hidden>hidden</p>
<div class="footnote"><ol><li id="fn:1">Note<a class="footnote-backref" href="#fnref:1">back</a></li></ol></div>
</article></body></html>
"""
MATH = (katex.render("x_{\\min} < y"), katex.render("\\frac{a}{b}", display=True))
FIRST = PAGE.format(inline=f'<span class="math">{MATH[0]}</span>', display=f'<div class="math-display">{MATH[1]}</div>')
SECOND = '<article><h1>Beta</h1><h2 id="b">What is b?</h2><p>See <a href="../alpha/one/#a">a</a>.</p></article>'
DOCS = Path(__file__).parents[2] / "docs"  # stands for a built site: it has an image
TITLE = Title("small", "A small site.", "https://example.org/site/", datetime(2026, 1, 1, tzinfo=UTC))


def book() -> bytes:
    places = [Place("alpha/", "Alpha", "Alpha"), Place("alpha/one/", "One", "Alpha"), Place("beta/", "Beta")]
    pages = ["<article><h1>Alpha</h1></article>", FIRST.replace("../beta/", "../../beta/"), SECOND]
    chapters = [chapter(page, place) for page, place in zip(pages, places, strict=True)]
    return epub.book(chapters, TITLE, still_svg.look(STYLE), DOCS)


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return {name.removeprefix("EPUB/"): text for name, text in opened(book()).items()}


def test_a_strict_reader_finds_no_fault_and_two_books_are_the_same() -> None:
    assert faults(book()) == []
    assert book() == book()


def test_the_chapter_holds_the_text_and_nothing_that_steers(files: dict[str, str]) -> None:
    text = files["alpha-one.xhtml"]
    words = " ".join(" ".join(ET.fromstring(text).itertext()).split())
    assert "First & last core What is a? Short answer 1 < 2 x y" in words
    for gone in ("edit", "headerlink", "back<", "hidden", "<form", "<script", "<details", "data-", "no</header"):
        assert gone not in text
    assert '<div class="folded"><div class="folded-title">Follow-ups</div>' in text
    assert '<span class="kn">import</span> a\n<span class="output">#&gt; 1</span>' in text


def test_links_lead_within_the_book_or_to_the_published_site(files: dict[str, str]) -> None:
    links = re.findall(r'href="([^"]*)"', files["alpha-one.xhtml"])
    assert links == [
        "book.css", "beta.xhtml#b", "https://example.org/site/alpha/other/", "https://x.org/?a=1&amp;b=2", "#fn:1",
        "beta.xhtml",
    ]  # fmt: skip
    assert 'href="alpha-one.xhtml#a"' in files["beta.xhtml"]
    assert 'epub:type="noteref"' in files["alpha-one.xhtml"]


def test_formulas_are_mathml_that_says_its_source(files: dict[str, str]) -> None:
    text = files["alpha-one.xhtml"]
    assert len(list(ET.fromstring(text).iter("{http://www.w3.org/1998/Math/MathML}math"))) == 2
    assert 'alttext="\\frac{a}{b}"' in text
    assert "katex-html" not in text
    (minimum,) = ET.fromstring(text).iter("{http://www.w3.org/1998/Math/MathML}msub")
    assert ["".join(child.itertext()) for child in minimum] == ["x", "min\u2061"]


def test_drawings_have_the_colours_of_the_light_page(files: dict[str, str]) -> None:
    text = files["alpha-one.xhtml"]
    assert 'viewBox="0 0 9 9"' in text
    assert '<clipPath id="c">' in text
    assert '<rect clip-path="url(#c)" style="fill:#84b4b0;stroke-width:2;stroke:#0a6b63" />' in text
    assert 'style="font-size:20px;fill:#5088f5"' in text
    assert 'style="stroke:#111111;fill:none"' in text
    assert re.search(r'<svg [^>]*style="fill:#111111;font-weight:600;background:#ffffff"', text)


def test_images_travel_with_the_book(files: dict[str, str]) -> None:
    assert '<img src="site/assets/favicon.svg" alt="the sign" /><img src="data:image/png' in files["alpha-one.xhtml"]
    assert files["site/assets/favicon.svg"] == (DOCS / "assets/favicon.svg").read_text("utf-8")
    assert 'href="site/assets/favicon.svg" media-type="image/svg+xml"' in files["book.opf"]


def test_a_colour_that_cannot_be_worked_out_is_refused() -> None:
    svg = xhtml.parse('<svg><rect style="fill:color-mix(in hsl, red, blue)"/></svg>').find("svg")
    assert svg is not None
    with pytest.raises(ValueError, match=r"cannot work out the colour 'color-mix\(in hsl, red, blue\)'"):
        still_svg.still(svg, still_svg.look(STYLE))


def test_the_contents_follow_the_navigation(files: dict[str, str]) -> None:
    contents = ET.fromstring(files["contents.xhtml"])
    found = [(link.text, link.get("href")) for link in contents.iter("{http://www.w3.org/1999/xhtml}a")]
    assert found == [
        ("Alpha", "alpha.xhtml"), ("One", "alpha-one.xhtml"), ("What is a?", "alpha-one.xhtml#a"),
        ("Beta", "beta.xhtml"), ("What is b?", "beta.xhtml#b"),
    ]  # fmt: skip


def test_the_package_says_what_the_book_is(files: dict[str, str]) -> None:
    package = files["book.opf"]
    assert "<dc:title>small</dc:title>" in package
    assert "2026-01-01T00:00:00Z" in package
    assert re.findall(r'idref="x-([\w-]+)"', package) == ["title", "contents", "alpha", "alpha-one", "beta"]


def test_a_page_without_an_article_is_refused() -> None:
    with pytest.raises(ValueError, match="beta/ has no <article>"):
        chapter("<p>x</p>", Place("beta/", "Beta"))


def replanted(edit: Callable[[dict[str, bytes]], object], *, stored: tuple[str, ...] = ("mimetype",)) -> bytes:
    planted = {name: text.encode() for name, text in opened(book()).items()}
    edit(planted)
    return zipped(planted.items(), stored=stored)


@pytest.mark.parametrize(
    ("name", "old", "new", "fault"),
    [
        ("mimetype", "epub", "zip", "the mimetype is 'application/zip+zip'"),
        ("EPUB/beta.xhtml", "</p>", "", "mismatched tag"),
        ("EPUB/beta.xhtml", "alpha-one.xhtml#a", "alpha-one.xhtml#z", "alpha-one.xhtml#z: no such place"),
        ("EPUB/beta.xhtml", "alpha-one.xhtml#a", "gone.xhtml", "gone.xhtml: no such file"),
        ("EPUB/beta.xhtml", '<h2 id="b"', '<i id="b" /><h2 id="b"', "the id 'b' stands twice"),
        ("EPUB/alpha-one.xhtml", "favicon.svg", "sign.svg", "sign.svg: no such file"),
        ("EPUB/alpha-one.xhtml", "stroke:#111111", "stroke:currentColor", "a colour that is not real"),
        ("EPUB/book.opf", 'properties="mathml svg"', "", "is said to have []"),
        ("EPUB/book.opf", 'properties="nav"', "", "there must be one table of contents"),
        ("EPUB/book.opf", '<itemref idref="x-beta" />', "", "x-beta is never read"),
        ("EPUB/book.opf", "<dc:language>en</dc:language>", "", "the book has no language"),
        ("EPUB/book.opf", 'href="beta.xhtml"', 'href="gamma.xhtml"', "gamma.xhtml is listed, and not there"),
    ],
)
def test_a_planted_fault_of_a_book_is_found(name: str, old: str, new: str, fault: str) -> None:
    def edit(planted: dict[str, bytes]) -> None:
        assert old.encode() in planted[name]
        planted[name] = planted[name].replace(old.encode(), new.encode(), 1)

    assert any(fault in one for one in faults(replanted(edit))), faults(replanted(edit))


def test_a_book_out_of_order_is_found() -> None:
    assert "the mimetype must come first, and uncompressed" in faults(replanted(lambda planted: None, stored=()))
    moved = replanted(lambda planted: planted.update(mimetype=planted.pop("mimetype")))
    assert "the mimetype must come first, and uncompressed" in faults(moved)
