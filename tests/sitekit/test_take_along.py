"""What is written beside the pages: text for programs, sizes, the list of the service worker; the same every time."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from sitekit import llms, offline, one_page, questions, take_along
from sitekit.chapters import Place, chapter
from sitekit.epub import Title
from sitekit.llms import Text
from tests.sitekit.small_site import MODULE, PAGE, write
from tests.sitekit.test_epub import FIRST, SECOND

HOME = "https://example.org/site/"
TITLE = Title("small", "A small site.", HOME, datetime(2026, 1, 1, tzinfo=UTC))
URLS = {"alpha/first-things.md": "alpha/first-things/", "beta/last.md": "beta/last/", "labs/lab.py": "labs/lab/"}


def text(markdown: str) -> Text:
    return Text("alpha/first-things.md", "alpha/first-things/", "First things", "Alpha", "What comes first.", markdown)


def written(markdown: str) -> str:
    return llms.page(text(markdown), HOME, URLS, lambda module: f"# the source of {module}\n\n\nx = 1\n")


@pytest.mark.parametrize(
    ("markdown", "said"),
    [
        ("See [it](../beta/last.md#what-is-last).", f"See [it]({HOME}beta/last/#what-is-last)."),
        ("[here](#a), [lab](../labs/lab.py)", f"[here]({HOME}alpha/first-things/#a), [lab]({HOME}labs/lab/)"),
        ("[far](https://x.org/a(1)), `[x](dead.md)`", "[far](https://x.org/a(1)), `[x](dead.md)`"),
        ("$a[0](b.md)$, [one][small.one], [`torch.add`][]", "$a[0](b.md)$, one (`small.one`), `torch.add`"),
        ('## Is it? { #is-it .question data-level="core" data-sources="A1" }',
         f"## Is it?\n\nLevel: core. Address: {HOME}alpha/first-things/#is-it"),
        ("## Plain { #plain }", "## Plain"),
        ('```{.python #fig-a .figure alt="a line"}\nx = 1\n\n\ny = 2\n```',
         "```python\nx = 1\n\n\ny = 2\n```\n\nFigure: a line"),
        ("!!! answer\n    ```python title='x'\n    print(1)\n    #> 1\n    ```",
         "!!! answer\n    ```python\n    print(1)\n    #> 1\n    ```"),
        ('<figure class="map">\n<svg viewBox="0 0 1 1">\n<title id="t">Two\nboxes</title><path d="M0"/></svg>\n'
         "<figcaption>Below.</figcaption>\n</figure>", "Figure: Two boxes\n\nBelow."),
        ("a\n\n[Practise](../questions/index.md?x=1){ .md-button }\n\nb", "a\n\nb"),
        ('a\n\n<p class="below-answer" data-search-exclude><a href="x">A</a> <a href="y">B</a></p>\n\nb', "a\n\nb"),
        ("::: small.alpha", "```python\n# the source of small.alpha\n\n\nx = 1\n```"),
    ],
)  # fmt: skip
def test_a_page_is_written_so_that_it_stands_alone(markdown: str, said: str) -> None:
    assert written(markdown) == f"# First things\n\nSource: {HOME}alpha/first-things/\n\n{said}\n"


def test_formulas_and_footnotes_stay_as_they_are() -> None:
    formula = "$$\n\\frac{a}{b}\\,\\!c \\\\ d\n$$\n\nSo.[^one]\n\n[^one]: One, A. (2001)."
    assert formula in written(formula)


def test_the_list_has_the_form_of_llmstxt() -> None:
    listed = llms.index(
        "small", "A small site.", [text("x"), Text("index.md", "", "Home", "", "All of it.", "y")], HOME
    )
    head, *sections = listed.split("\n## ")
    assert head.startswith("# small\n\n> A small site.\n\n")
    assert sections[0] == f"Alpha\n\n- [First things]({HOME}alpha/first-things/index.html.md): What comes first.\n"
    assert sections[1] == f"The site\n\n- [Home]({HOME}index.html.md): All of it.\n"


def test_everything_stands_on_one_page_with_ids_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "assets/css").mkdir(parents=True)
    (tmp_path / "assets/css/site.1.css").write_text("")
    places = [Place("one/", "One"), Place("beta/", "Beta")]
    page = one_page.page(
        [chapter(FIRST, places[0]), chapter(SECOND.replace("../alpha/one/", "../one/"), places[1])], TITLE, tmp_path
    )
    for expected in (
        '<article id="one"', 'id="one.a"', 'href="#beta.b"', 'href="#one.a"', 'href="#one.fn:1"', 'id="one.fn:1"',
        'clip-path="url(#one.c)"', 'id="one.c"', f'href="{HOME}other/"', '<meta name="robots" content="noindex">',
        'href="assets/css/site.1.css"', "<details open", '<a href="#beta">Beta</a>',
    ):  # fmt: skip
        assert expected in page, expected
    assert "<script" not in page
    ids = re.findall(r' id="([^"]*)"', page)
    assert len(ids) == len(set(ids))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A built site of two pages, by hand."""
    site = write(tmp_path) / "site"
    for name, content in {
        "alpha/first-things/index.html": FIRST.replace("../beta/", "../../beta/last/"),
        "beta/last/index.html": SECOND.replace("../alpha/one/", "../../alpha/first-things/"),
        "assets/css/site.1.css": ":root { --ink: #111111; --paper: #fefefe }",
        "assets/css/old.css": "",
        "assets/css/dlref.css": ".map__node--one { --node: #0a6b63 } .map__node rect { stroke: var(--node) }",
        "assets/favicon.svg": "<svg/>",
        "assets/fonts/a.woff2": "font",
        "assets/javascripts/lunr/x.js": "",
        "search/search_index.json": "{}",
        "sitemap.xml": "",
    }.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(content, "utf-8")
    page = site / "beta/last/index.html"
    page.write_text('<link href="../../assets/css/site.1.css">' + page.read_text())
    return site


def everything(site: Path) -> dict[str, bytes]:
    """Write what is taken along, and return it."""
    root = site.parent
    pages = [
        SimpleNamespace(
            file=SimpleNamespace(src_uri=f"{name}.md"), url=f"{name}/", title=title, markdown=markdown,
            meta={"description": "d"}, parent=None,
        )
        for name, title, markdown in (
            ("alpha/first-things", "First things", PAGE.split("---\n", 2)[2] + "\n::: dlref.alpha.first_things\n"),
            ("beta/last", "The last", "Text."),
        )
    ]  # fmt: skip
    before = {path for path in site.rglob("*") if path.is_file()}
    found = questions.collect(root / "docs")
    styles = ["assets/css/site.1.css", "assets/css/dlref.css"]
    take_along.write(site, take_along.sources(pages, {}), found, TITLE, root, styles)
    offline.write(site)
    new = sorted({path for path in site.rglob("*") if path.is_file()} - before)
    return {path.relative_to(site).as_posix(): path.read_bytes() for path in new}


def test_two_builds_of_the_same_are_the_same(site: Path) -> None:
    first = everything(site)
    assert list(first) == [
        "alpha/first-things/index.html.md", "beta/last/index.html.md", "everything.html", "llms-full.txt", "llms.txt",
        "small.apkg", "small.epub", "sw.js",
    ]  # fmt: skip
    for name in first:
        (site / name).unlink()
    assert everything(site) == first


def test_the_whole_text_holds_pages_and_modules(site: Path) -> None:
    whole = everything(site)["llms-full.txt"].decode()
    assert whole.startswith("# small\n\n> A small site.\n\n# First things\n\nSource: ")
    assert f"```python\n{MODULE.strip()}\n```" in whole
    assert "\n# The last\n" in whole


def test_a_generated_page_is_left_out_where_it_says_nothing_of_its_own() -> None:
    def source(**meta: object) -> take_along.Source:
        page = SimpleNamespace(
            file=SimpleNamespace(src_uri="x.md"), url="x/", title="X", markdown="y", meta=meta, parent=None
        )
        return take_along.sources([page], {})[0]

    assert [(source(**meta).in_book, source(**meta).in_text) for meta in ({}, {"search": {"exclude": True}})] == [
        (True, True), (True, False),
    ]  # fmt: skip
    assert (source(book=False).in_book, source(book=False).in_text) == (False, False)


def test_the_worker_keeps_what_pages_show_and_knows_it_by_its_hash(site: Path) -> None:
    def listed() -> dict[str, str]:
        rows = re.search(r"precacheAndRoute\((\[.*?\]), \{", everything(site)["sw.js"].decode(), re.S)
        assert rows is not None
        return {row["url"]: row["revision"] for row in json.loads(rows[1])}

    first = listed()
    assert list(first) == [
        "alpha/first-things/index.html", "assets/css/site.1.css", "assets/favicon.svg", "assets/fonts/a.woff2",
        "beta/last/index.html", "search/search_index.json",
    ]  # fmt: skip
    assert offline.size(site) == sum((site / name).stat().st_size for name in first)
    (site / "sw.js").unlink()
    (site / "assets/fonts/a.woff2").write_text("another")
    second = listed()
    assert [name for name in first if first[name] != second[name]] == ["assets/fonts/a.woff2"]


def test_sizes_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.epub").write_bytes(b"x" * 1_449_000)
    page = tmp_path / "page.html"
    page.write_text('<data class="size" value="a.epub"></data>, <data class="size" value="offline"></data>')
    take_along.fill_sizes(tmp_path, "page.html", {"offline": 20_499})
    assert page.read_text() == (
        '<data class="size" value="1449000">1.4 MB</data>, <data class="size" value="20499">20 KB</data>'
    )
    page.write_text('<data class="size" value="b.epub"></data>')
    with pytest.raises(ValueError, match=r"page\.html says how large b\.epub is, and the site has no such file"):
        take_along.fill_sizes(tmp_path, "page.html")
    take_along.fill_sizes(tmp_path, "no-such-page.html")


@pytest.mark.parametrize(("count", "words"), [(1, "1 KB"), (999_499, "999 KB"), (999_500, "1.0 MB"), (4.6e6, "4.6 MB")])
def test_a_size_is_read_easily(count: int, words: str) -> None:
    assert take_along.readable(int(count)) == words
