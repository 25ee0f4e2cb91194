"""Fences in Markdown: shown plain, with figure or note below, wherever they stand; faults reach the user."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent

import markdown
import pytest
from material.plugins.search.plugin import Parser
from selectolax.lexbor import LexborHTMLParser, LexborNode

from sitekit import figures, snippet_markdown
from sitekit.errors import PageError
from sitekit.fences import parse
from sitekit.snippet_markdown import current_page

ROOT = Path(__file__).parents[2]
CODE = 'import matplotlib.pyplot as plt\n\nplt.plot([0, 1])\nplt.text(0, 1, "*no* `Markdown` <b>here</b> & x")\n'
FIGURE = f"""```{{.python #fig-line .figure alt="A line that rises to one." caption="Up <i> & up."}}
{CODE}```
"""
EXTENSIONS = [
    "admonition", "attr_list", "md_in_html", "footnotes", "def_list", "toc", "pymdownx.details", "pymdownx.highlight",
    "pymdownx.superfences", "pymdownx.tabbed", "sitekit.snippet_markdown",
]  # fmt: skip


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("figures")


def html(text: str, cache: Path) -> str:
    configs = {"sitekit.snippet_markdown": {"cache_dir": str(cache)}, "pymdownx.tabbed": {"alternate_style": True}}
    return markdown.Markdown(extensions=EXTENSIONS, extension_configs=configs).convert(text)


def only(tree: LexborHTMLParser, selector: str) -> LexborNode:
    (node,) = tree.css(selector)
    return node


def quoted(text: str) -> str:
    return "".join(f"> {line}".rstrip() + "\n" for line in text.splitlines())


CONTAINERS = {
    "plain": (FIGURE, "body"),
    "between paragraphs": (f"Before.\n\n{FIGURE}\nAfter.", "body"),
    "against paragraphs": (f"Before.\n{FIGURE}After.", "body"),
    "admonition": ('!!! note "Title"\n\n' + indent(FIGURE, "    "), "div.admonition"),
    "details": ('??? note "Title"\n\n    Text.\n\n' + indent(FIGURE, "    "), "details"),
    "tab": ('=== "One"\n\n' + indent(FIGURE, "    ") + '\n=== "Two"\n\n    Text.\n', "div.tabbed-block"),
    "bullet": ("-   Item.\n\n" + indent(FIGURE, "    ") + "\n-   Next.\n", "li"),
    "number": ("1.  Item.\n\n" + indent(FIGURE, "    ") + "\n    More.\n\n2.  Next.\n", "li"),
    "nested": ("!!! note\n\n    -   Item.\n\n" + indent(FIGURE, "        "), "div.admonition li"),
    "quote": ("> Text.\n>\n" + quoted(FIGURE) + ">\n> More.\n", "blockquote"),
    "html": ("<div markdown>\n\n" + FIGURE + "\n</div>\n", "div"),
    "footnote": ("Text.[^1]\n\n[^1]: Note.\n\n" + indent(FIGURE, "    "), "div.footnote"),
    "tildes": (FIGURE.replace("```", "~~~~"), "body"),
}


@pytest.mark.parametrize("place", CONTAINERS)
def test_a_figure_stands_below_its_code(place: str, cache: Path) -> None:
    text, container = CONTAINERS[place]
    page = html(text, cache)
    tree = LexborHTMLParser(f"<body>{page}</body>")
    code, figure = only(tree, f"{container} div.highlight"), only(tree, f"{container} figure#fig-line")
    assert code.text() == CODE
    assert page.index('class="highlight"') < page.index("<figure")
    (fence,) = (fence for fence in parse(text) if fence.is_figure)
    assert figures.render(fence, cache) in page
    assert only(tree, "figcaption").text() == "Up <i> & up."
    assert figure.css_first("svg text") is not None
    assert not tree.css("p figure, p div.highlight, pre svg, code svg")
    assert not re.search("[\x02\x03\ue000]|wzxhzdk|```|~~~|alt=|<p></p>", page)
    for word in re.findall(r"\b(?:Before|After|Text|More|Item|Next|Note)\b", text):
        assert f"{word}." in tree.body.text()  # type: ignore[union-attr]


def test_a_figure_without_caption_has_none_and_its_alt_is_no_text(cache: Path) -> None:
    page = html(FIGURE.replace(' caption="Up <i> & up."', ""), cache)
    assert "figcaption" not in page
    tree = LexborHTMLParser(page)
    assert "rises" not in tree.body.text()  # type: ignore[union-attr]
    assert only(tree, "svg").attributes["aria-label"] == "A line that rises to one."


def test_two_figures_on_a_page_share_no_id(cache: Path) -> None:
    page = html(FIGURE + "\n" + FIGURE.replace("fig-line", "fig-other"), cache)
    ids = re.findall(r' id="([^"]*)"', page)
    assert {"fig-line", "fig-other"} <= set(ids)
    assert len(ids) == len(set(ids))


def test_the_search_index_knows_code_and_caption_but_no_drawing(cache: Path) -> None:
    parser = Parser()
    parser.feed(html("# Page\n\nBefore.\n\n" + FIGURE + "\nAfter.", cache))
    parser.close()
    text = "".join(piece for section in parser.data for piece in section.text)
    assert "Before." in text
    assert "After." in text
    assert "Up &lt;i&gt; &amp; up." in text
    assert "plt" in text
    assert "0.25" not in text  # a tick


# ------------------------------------------------------------------ what is shown


@pytest.mark.parametrize(
    ("opening", "shown"),
    [
        ("```python", []),
        ('```python title="losses.py"', ['<span class="filename">losses.py</span>']),
        ('```{.python title="a & b"}', ["a &amp; b"]),
        ("```{.python title='say \"x\"'}", ["say &quot;x&quot;"]),
        ('```{.python hl_lines="2"}', ['class="hll"']),
        ('```{.python linenums="1"}', ["linenos"]),
        ("```{.python #sum-of-two}", ['id="sum-of-two"']),
        ('```{.python raises="ValueError"}', ['<p class="snippet-note">Raises <code>ValueError</code>']),
        ('```{.python requires="cuda"}', ["Needs an NVIDIA GPU (CUDA); skipped"]),
        ('```{.python requires="mps" title="x.py"}', ["Needs an Apple GPU (MPS); skipped", "x.py</span>"]),
        (
            '```python raises="KeyError" requires="cuda"',
            ["Raises <code>KeyError</code>, as it should. Needs an NVIDIA"],
        ),
    ],
)
@pytest.mark.parametrize("prefix", ["", "    "])
def test_a_snippet_is_highlighted_and_its_attributes_are_seen(
    opening: str, shown: list[str], prefix: str, cache: Path
) -> None:
    code = "x = 1\nprint(x + 1)\n#> 2\n"
    text = ("!!! note\n\n" if prefix else "") + indent(f"{opening}\n{code}```\n", prefix)
    page = html(text, cache)
    tree = LexborHTMLParser(page)
    assert only(tree, "div.highlight pre code").text() == code
    assert tree.css("div.highlight .nb")  # print, so it was read as Python
    for piece in shown:
        assert piece in page
    assert ("snippet-note" in page) == ("snippet-note" in " ".join(shown) or "Needs" in " ".join(shown))


def test_other_languages_and_shown_fences_stay_as_they_are(cache: Path) -> None:
    text = f"```text\nplain\n```\n\n````markdown\n{FIGURE}````\n"
    page = html(text, cache)
    assert "<figure" not in page
    assert "fig-line .figure" in LexborHTMLParser(page).body.text()  # type: ignore[union-attr]
    assert html("No code at all.", cache) == "<p>No code at all.</p>"


# ------------------------------------------------------------------ faults, with file and line

FRONT = "---\ntitle: A page\ndescription: One sentence.\n---\n\n"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "page.md"
    token = current_page.set(path)
    yield path
    current_page.reset(token)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("# T\n\n```py\nx\n```\n", "8: unknown language 'py'"),
        ("# T\n\n!!! note\n\n    ```\n    x\n    ```\n", "10: untagged fence"),
        ("# T\n\n```python\nx = 1\n", "8: unclosed fence"),
        ("# T\n\n" + FIGURE.replace("#fig-line ", ""), "8: a figure needs an id"),
        ("# T\n\n" + FIGURE.replace("plt.plot", "plt.plott"), "11: AttributeError: module 'matplotlib.pyplot'"),
        ("# T\n\n- x\n\n" + indent(FIGURE.replace("plt.plot", "plt.plott"), "    "), "13: AttributeError"),
        ("# T\n\n" + FIGURE.replace("plt.plot([0, 1])", "plt.plot([0, 1], 'k')"), "11: the colour #000000"),
        ("# T\n\n" + FIGURE.replace("A line that rises to one.", "A line."), "8: alt='A line.' does not tell"),
        ("# T\n\n" + FIGURE + "\n" + FIGURE.replace("0, 1", "0, 2"), "15: the id 'fig-line' is used twice"),
        ("```{.python title='\"' \"'\"'x'}\nx = 1\n```\n", "6: cannot read"),
        ("```{.python title=\"it's \\\"\"}\nx = 1\n```\n", "6: a title cannot hold both kinds of quotes"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("appended", ["", "\n\n## Reference implementation\n\n::: dlref.x\n"])
def test_a_fault_is_named_with_the_line_of_the_file(
    text: str, fault: str, appended: str, page: Path, cache: Path
) -> None:
    page.write_text(FRONT + text, "utf-8")
    appended = "" if "unclosed" in fault else appended
    with pytest.raises(PageError) as caught:
        html(text + appended, cache)
    assert str(caught.value).startswith(f"{page}:{fault}")


def test_a_file_in_the_tree_is_named_from_there(page: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(page.parent)
    page.write_text(FRONT + "```py\n```\n", "utf-8")
    with pytest.raises(PageError, match=r"^page\.md:6: unknown language"):
        html("```py\n```\n", cache)


def test_a_fault_of_the_library_keeps_its_place(page: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def render(*_: object) -> str:
        raise PageError("dlref/broken.py", 1, "SyntaxError: invalid syntax")

    page.write_text(FIGURE, "utf-8")
    monkeypatch.setattr(figures, "render", render)
    with pytest.raises(PageError, match=r"^dlref/broken\.py:1: SyntaxError"):
        html(FIGURE, cache)


def test_a_text_without_a_file_works_and_fails_with_its_own_lines(cache: Path) -> None:
    assert current_page.get() is None
    assert "<svg" in html(FIGURE, cache)
    with pytest.raises(PageError, match=r"^page\.md:3: unknown language 'py'"):
        html("Text.\n\n```py\nx\n```\n", cache)
    with pytest.raises(PageError, match=r"^page\.md:6: AttributeError"):
        html("Text.\n\n" + FIGURE.replace("plt.plot", "plt.plott"), cache)


def test_the_page_of_a_fault_is_found_where_no_hook_tells_it(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    broken = "# T\n\n" + FIGURE.replace("plt.plot", "plt.plott")
    (tmp_path / "docs/deep").mkdir(parents=True)
    (tmp_path / "docs/a.md").write_text(broken.replace("plott", "plot"), "utf-8")
    (tmp_path / "docs/deep/b.md").write_text(FRONT + broken, "utf-8")
    (tmp_path / "docs/z.md").write_text("plt.plott([0, 1])\n", "utf-8")
    with pytest.raises(PageError, match=r"^docs/deep/b\.md:11: AttributeError"):
        html(broken, cache)


def test_a_fault_in_a_text_that_is_not_the_page_is_still_named(page: Path, cache: Path) -> None:
    """A docstring, for one, is converted while its page is."""
    page.write_text(FRONT + "# T\n", "utf-8")
    with pytest.raises(PageError, match=re.escape(f"{page}:4: AttributeError")):
        html(FIGURE.replace("plt.plot", "plt.plott"), cache)


SITE = """\
site_name: Small
docs_dir: docs
theme: {name: material, font: false}
markdown_extensions:
  - admonition
  - pymdownx.highlight
  - pymdownx.superfences
  - sitekit.snippet_markdown: {cache_dir: cache}
"""


def test_mkdocs_shows_the_figure_and_stops_at_a_broken_one(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "mkdocs.yml").write_text(SITE, "utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"}
    good = FRONT + '# Title\n\n!!! note "N"\n\n' + indent(FIGURE, "    ")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    for text in (good, good.replace("plt.plot", "plt.plott")):
        (tmp_path / "docs" / "index.md").write_text(text, "utf-8")
        result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        if text == good:
            assert result.returncode == 0, result.stderr
            assert '<figure id="fig-line"' in (tmp_path / "site/index.html").read_text("utf-8")
    assert result.returncode != 0
    assert "docs/index.md:13: AttributeError: module 'matplotlib.pyplot' has no attribute 'plott'" in result.stderr


def test_the_extension_is_found_by_its_name() -> None:
    assert isinstance(snippet_markdown.makeExtension(cache_dir="x"), snippet_markdown.SnippetExtension)
    assert snippet_markdown.makeExtension(cache_dir="x").getConfig("cache_dir") == "x"
