"""Math is rendered when the site is built, and a formula that cannot be is an error of the build."""

import re

import pytest
from markdown import Markdown
from material.plugins.search.plugin import Parser
from selectolax.lexbor import LexborHTMLParser

from sitekit import katex
from sitekit.katex import MathError, render

MATRIX = r"\begin{matrix} a & b \end{matrix}"
FORMULA = r"\sigma(x) = \frac12"


def page(text: str) -> str:
    """Convert a page as the site does."""
    extensions = ["admonition", "attr_list", "footnotes", "md_in_html", "tables", "toc", "sitekit.katex"]
    return Markdown(extensions=extensions).convert(text)


@pytest.mark.parametrize(
    ("text", "formulas"),
    [
        ("so $x^2$ is", ["x^2"]),
        ("$a$, $b$", ["a", "b"]),
        ("$$\nx^2\n$$", ["x^2"]),
        (f"!!! answer\n    At $x < 1$:\n\n    $$\n    {MATRIX}\n    $$", ["x < 1", MATRIX]),
        ("| a | b |\n|---|---|\n| $p \\mid q$ | 1 |", [r"p \mid q"]),
        ("- in a list $x$", ["x"]),
        ("It costs $5 and $6, or \\$7.", []),
        ("`$x$` is code", []),
    ],
)  # fmt: skip
def test_formulas_become_html_and_mathml(text: str, formulas: list[str]) -> None:
    tree = LexborHTMLParser(page(text))
    assert [node.text() for node in tree.css("annotation")] == formulas
    assert len(tree.css("math")) == len(tree.css("katex-html")) == len(formulas)
    assert "arithmatex" not in page(text)


def test_a_display_stands_in_a_block_that_can_scroll() -> None:
    tree = LexborHTMLParser(page("$$\nx\n$$\n\nand $y$"))
    assert len(tree.css("div.math-display > .katex-display")) == 1
    assert len(tree.css("p > span.math > .katex")) == 1


def test_the_boxes_are_hidden_from_screen_readers_and_the_mathml_is_not() -> None:
    tree = LexborHTMLParser(render("x", display=True))
    assert [node.attributes["aria-hidden"] for node in tree.css("katex-html")] == ["true"]
    assert len(tree.css("[aria-hidden] math")) == 0
    assert len(tree.css(".katex-mathml > math")) == 1


@pytest.mark.parametrize(
    ("formula", "parts"),
    [
        (r"\lambda_{\min}", "<msub><mi>λ</mi>MIN</msub>"),
        (r"x_1^{\max}", "<msubsup><mi>x</mi><mn>1</mn>MAX</msubsup>"),
        (r"x_{\min}^2", "<msubsup><mi>x</mi>MIN<mn>2</mn></msubsup>"),
        (r"\frac{\min}{2}", "<mfrac>MIN<mn>2</mn></mfrac>"),
        (r"\min_x", "<msub>MIN<mi>x</mi></msub>"),
        (r"\log x", "<mi>log</mi><mo>\u2061</mo><mi>x</mi>"),
    ],
)
def test_an_operator_that_stands_alone_is_one_part(formula: str, parts: str) -> None:
    for name in ("min", "max"):
        parts = parts.replace(name.upper(), f"<mrow><mi>{name}</mi><mo>\u2061</mo></mrow>")
    assert parts in render(formula)
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML">' in render(formula)


@pytest.mark.parametrize("formula", [r"\foo", r"\frac{1}{2", "x_1_2", "é", r"\color{nocolor!}{x}"])
def test_a_formula_that_katex_cannot_read_is_an_error_that_shows_it(formula: str) -> None:
    with pytest.raises(MathError, match=re.escape(repr(formula))):
        page(f"so ${formula}$ is")


def test_a_formula_in_a_heading_is_an_error() -> None:
    with pytest.raises(MathError, match=re.escape("write it in Unicode: '\\\\(x^2\\\\)'")):
        page("## What is $x^2$? { #what }")


def test_each_formula_is_rendered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    engine = katex._katex()
    monkeypatch.setattr(katex, "_katex", lambda: lambda *args: calls.append(args[0]) or engine(*args))
    text = r"$\eta_{17}$ and $\eta_{17}$"
    assert page(text).count("<math") == 2
    assert page(text).count("<math") == 2
    assert calls == [r"\eta_{17}"]


@pytest.mark.parametrize(("display", "indexed"), [(False, "σ(x)=12"), (True, "")])
def test_a_search_index_meets_a_formula_at_most_once(display: bool, indexed: str) -> None:
    parser = Parser()
    parser.feed(f"<p>before {render(FORMULA, display=display)} after</p>")
    parser.close()
    words = re.sub(r"<[^>]+>", "", "".join(parser.data[0].text))
    assert words.split() == ["before", *([indexed] if indexed else []), "after"]


def test_changed_markup_of_katex_would_be_noticed() -> None:
    with pytest.raises(MathError, match="markup has changed"):
        katex._once_in_search('<span class="katex">x</span>', display=False)
