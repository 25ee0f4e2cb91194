"""The glossary: its terms, its page, and the links from the first use of a term."""

import re
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from markdown import Markdown
from markdown.treeprocessors import Treeprocessor
from mkdocs_autorefs import AutorefsExtension

from sitekit import first_use, glossary
from sitekit.errors import PageError
from sitekit.glossary import Term

ASKED = {"a/b#q": "What is q?", "a/c#r": "What is r?"}
TERMS = (
    Term("batch normalisation", "Norm.", "a/b#q", ("batch norm",)),
    Term("batch", "Some.", "a/b#q"),
    Term("ReLU", "max(0, x).", "a/c#r"),
    Term("Gram matrix", "Products.", "a/c#r"),
    Term("loss", "How “wrong”.", "a/c#r"),
)


class Resolver(Treeprocessor):
    """Stands for MkDocs' processor of paths."""

    def run(self, root: Element) -> None:
        """Change nothing."""


def rendered(text: str, *, page: bool = True, nested: bool = False, file: str = "a/page.md") -> str:
    known = ["admonition", "attr_list", "tables", "footnotes", "pymdownx.details", "md_in_html", "sitekit.katex"]
    md = Markdown(extensions=[*known, AutorefsExtension(), "sitekit.first_use"])
    if page:
        md.treeprocessors.register(Resolver(md), first_use.RESOLVER, 0)
    if nested:
        md.treeprocessors.register(Resolver(md), first_use.NESTED, 0)
    first_use.set_page(file, TERMS)
    return md.convert(text)


def linked(html: str) -> list[str]:
    return re.findall(r'<a class="term"[^>]*>([^<]*)</a>', html)


def test_the_first_use_is_linked_and_no_other() -> None:
    text = "The loss of a batch; the loss.\n\nLosses? *Loss* of a *ReLU*, `ReLU` and batches.\n\n- A ReLU\n"
    html = rendered(text)
    assert linked(html) == ["loss", "batch", "ReLU"]
    assert html.startswith(
        '<p>The <a class="term" href="../glossary.md#loss" title="How “wrong”.">loss</a> of a '
        '<a class="term" href="../glossary.md#batch" title="Some.">batch</a>; the loss.</p>'
    )
    assert re.sub(r"<a class=\"term\"[^>]*>([^<]*)</a>", r"\1", html) == rendered(text, page=False)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Batch normalisation is a batch norm.", ["Batch normalisation"]),
        ("batch norms and ReLUs", ["batch norms", "ReLUs"]),
        ("relu, gram matrix, a Gram matrix", ["Gram matrix"]),
        ("mini-batch, batch-wise, batch_size, lossless", []),
        ("[the loss](x.md) **then the loss**, so", ["loss"]),
        ("[the loss][a.loss] of [a *batch*][a.b]", []),
        ("# Loss\n\n`loss` $loss$ $$loss$$\n\n    loss\n", []),
        ('!!! answer "Short answer"\n    The loss.\n\nA ReLU\n', ["ReLU"]),
        ('!!! mistake "“The loss.”"\n    No loss.\n', ["loss"]),
        ('??? question "Follow-ups"\n    - The loss\n', []),
        ("| loss | b |\n|---|---|\n| batch | c |\n", ["batch"]),
        ("x[^1]\n\n[^1]: The loss.\n", []),
        ('<div class="no-terms" markdown="1">\nThe loss.\n</div>\n', []),
    ],
)
def test_what_is_linked(text: str, terms: list[str]) -> None:
    assert linked(rendered(text)) == terms


def test_a_page_does_not_link_what_it_explains() -> None:
    assert linked(rendered("A batch, a loss.", file="a/b.md")) == ["loss"]
    assert 'href="glossary.md#loss"' in rendered("A loss.", file="index.md")


def test_what_is_no_page_is_left_alone() -> None:
    assert linked(rendered("The loss.", page=False)) == []
    assert linked(rendered("The loss.", nested=True)) == []


def test_the_list_has_every_term_with_its_question() -> None:
    page = glossary.fill(f"a\n\n{glossary.MARKER}\n", TERMS, ASKED)
    assert page.count("<dt") == page.count("<dd") == len(TERMS)
    assert '<div id="batch-normalisation" markdown="1">' in page
    assert "batch normalisation <small>(batch norm)</small>" in page
    assert "Norm. [What is q?](a/b.md#q)" in page
    assert "## G { #letter-g }" in page
    html = Markdown(extensions=["md_in_html", "attr_list"]).convert(page)
    assert html.count('<div id="') == len(TERMS)
    assert html.count('<a href="a/c.md#r">What is r?</a>') == 3
    with pytest.raises(ValueError, match="needs the line <!-- glossary -->"):
        glossary.fill("a", TERMS, ASKED)


def test_terms_are_read_in_alphabetical_order(tmp_path: Path) -> None:
    path = tmp_path / "glossary.yml"
    assert glossary.read(path, ASKED) == []
    path.write_text('loss: {says: "How.", at: a/c#r}\nAdam: {says: "It.", at: a/b#q, also: [adam step]}\n', "utf-8")
    assert glossary.read(path, ASKED) == [Term("Adam", "It.", "a/b#q", ("adam step",)), Term("loss", "How.", "a/c#r")]


@pytest.mark.parametrize(
    ("yml", "message"),
    [
        ("x: {says: A., at: a/b#gone}", "'x' is explained at a/b#gone, which is no question"),
        ("x: {says: A., at: a/b#q, or: b}", "'x' needs says and at"),
        ("x: A.", "'x' needs says and at"),
        ("x: {says: A, at: a/b#q}", "what 'x' means is no sentence"),
        ("x: {says: A., at: a/b#q}\ny: {says: A., at: a/b#q, also: [X]}", "'X' stands for both 'x' and 'y'"),
        ("x: {", "the glossary is no YAML"),
    ],
)
def test_a_faulty_term_is_refused(tmp_path: Path, yml: str, message: str) -> None:
    (tmp_path / "glossary.yml").write_text(yml, "utf-8")
    with pytest.raises(PageError, match=message):
        glossary.read(tmp_path / "glossary.yml", ASKED)
