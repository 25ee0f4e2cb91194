"""Common mistakes: their addresses, the first words of their refutations, and the page that lists them."""

from pathlib import Path

import pytest
from markdown import Markdown

from sitekit import corrections, mistakes
from sitekit.outline import Block
from tests.sitekit.small_site import PAGE, replaced, write


def test_an_address_is_made_of_the_first_words() -> None:
    assert mistakes.anchors(["A 7×7×3 filter has 49 weights.", "It’s the winner's naïve `loss`", "−ε"]) == [
        "mistake-a-7-7-3-filter-has",
        "mistake-its-the-winners-naive-loss",
        "mistake",
    ]
    claims = ["One two three four five six seven", "One two three four five six eight", "One, two"]
    assert mistakes.anchors(claims) == [
        "mistake-one-two-three-four-five-six",
        "mistake-one-two-three-four-five-six-2",
        "mistake-one-two",
    ]


def test_the_page_and_the_list_agree_on_the_address(tmp_path: Path) -> None:
    second = (
        '!!! mistake "“`a_b` *is* $x^2$, \\"twice\\".”"\n    No.\n\n!!! mistake "“`a_b` *is* x.”"\n    No, it is not.\n'
    )
    page = replaced(
        PAGE, '!!! mistake "“The first is the second.”"', f'{second}\n!!! mistake "“The first is the second.”"'
    )
    found = mistakes.collect(write(tmp_path, {"docs/alpha/first-things.md": page}) / "docs")
    html = Markdown(extensions=["admonition", "attr_list", "sitekit.mistakes", "sitekit.katex"]).convert(page)
    assert [one.anchor for one in found][-1] == "mistake-the-first-is-the-second"
    assert len({one.anchor for one in found}) == len(found) == 3
    for one in found:
        assert f'id="{one.anchor}"' in html
    assert {one.file for one in found} == {f"alpha/first-things.md#{one.anchor}" for one in found}
    assert html.count("id=") == len(found) + page.count("{ #")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One. Two? Three!", ["One.", "Two?", "Three!"]),
        ("See e.g. Adam et al. 2014. It", ["See e.g. Adam et al. 2014.", "It"]),
        ("It `a. b` is $x. y$, 0.5. Then", ["It `a. b` is $x. y$, 0.5.", "Then"]),
        ("He said “no.” So it is", ["He said “no.”", "So it is"]),
        ("By *far.* So", ["By *far.*", "So"]),
        ("`torch.nn`. *Here*", ["`torch.nn`.", "*Here*"]),
        ("Nothing", ["Nothing"]),
    ],
)
def test_prose_is_parted_into_sentences(text: str, parts: list[str]) -> None:
    assert mistakes.sentences(text) == parts


LONG = "It is one of nine words, and that is enough."


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("No. It is not.\n\nMore.", "No. It is not."),
        (f"{LONG} The table above says so.", LONG),
        ("No. The table above says so.", "No. The table above says so."),
        ("It is not. Count them:\n\n    code", "It is not."),
        ("Count\nthem:\n\n    code", "Count them."),
        (f"{LONG} And so are these five. But not this.", f"{LONG} And so are these five."),
        ("See [this page](x.md#y).[^note] It is.", "See this page. It is."),
    ],
)
def test_a_refutation_says_enough_and_points_at_nothing(body: str, said: str) -> None:
    assert mistakes.refutation(Block("mistake", "“x”", 1, 2, body)) == said


def test_the_list_holds_every_mistake_under_its_section(tmp_path: Path) -> None:
    found = mistakes.collect(write(tmp_path) / "docs")
    page = corrections.fill("a\n\n<!-- corrections -->\n", found, {"alpha": "The <alphas>"})
    assert page.count('<div class="correction"') == len(found) == 1
    assert "## The <alphas> { #alpha-corrections }" in page
    assert '<option value="alpha">all of The &lt;alphas&gt;</option>' in page
    assert f"“{found[0].claim}”" in page
    assert f"({found[0].file}) <span" in page
    with pytest.raises(ValueError, match="needs the line <!-- corrections -->"):
        corrections.fill("a\n", found, {})
