"""The parser of fences: what it finds, where it stands, and what it refuses."""

import pytest

from sitekit import fences
from sitekit.census import python_fences
from sitekit.errors import PageError

PLACES = {
    "admonition": '!!! note "Title"\n\n    ```python\n    x = 1\n\n    y = 2\n    ```\n',
    "collapsed": '??? question "Follow-ups"\n\n    ```python\n    x = 1\n\n    y = 2\n    ```\n',
    "tab": '=== "PyTorch"\n\n    ```python\n    x = 1\n\n    y = 2\n    ```\n',
    "list": "1. item\n\n    ```python\n    x = 1\n\n    y = 2\n    ```\n",
    "quote": "> ```python\n> x = 1\n>\n> y = 2\n> ```\n",
    "tilde": "~~~python\nx = 1\n\ny = 2\n~~~\n",
    "footnote": "word[^1]\n\n[^1]: note\n\n    ```python\n    x = 1\n\n    y = 2\n    ```\n",
    "after another": "````markdown\n```python\nno = 1\n```\n````\n\n```python\nx = 1\n\ny = 2\n```\n",
}


@pytest.mark.parametrize("text", PLACES.values(), ids=PLACES)
def test_a_fence_is_found_wherever_it_stands(text: str) -> None:
    (fence,) = (fence for fence in fences.parse(text, "page.md") if fence.runs)
    assert fence.code == "x = 1\n\ny = 2\n"
    assert text.split("\n")[fence.code_line - 1].endswith("x = 1")
    assert python_fences(text) == [fence.line]


def test_attributes_are_read_in_both_spellings() -> None:
    braced, plain = fences.parse(
        '```{.python .figure #fig-relu alt="A hinge at zero." title="x"}\n```\n\n'
        '```python title="a b" hl_lines="1 2"\n```\n'
    )
    assert (braced.language, braced.classes, braced.id) == ("python", ("figure",), "fig-relu")
    assert braced.attributes == {"alt": "A hinge at zero.", "title": "x"}
    assert braced.is_figure
    assert not plain.is_figure
    assert plain.attributes == {"title": "a b", "hl_lines": "1 2"}


def test_front_matter_and_inline_code_hold_no_fence() -> None:
    assert fences.parse("---\ntitle: '```python'\n---\nText ```inline``` text\n") == []


FAULTS = {
    "py": ("```py\n```\n", 1, "unknown language 'py'.*did you mean python"),
    "pycon": ("text\n\n```pycon\n>>> 1\n```\n", 3, "unknown language 'pycon'"),
    "Python": ("```Python\n```\n", 1, "unknown language 'Python'"),
    "untagged": ("\n```\nx\n```\n", 2, "untagged fence"),
    "unclosed": ("a\n```python\nx = 1\n", 2, "unclosed fence"),
    "closed with a longer mark": ("```python\nx\n````\n", 1, "unclosed fence"),
    "dedented": ("!!! note\n    ```python\n    x\ny\n    ```\n", 4, "leaves the fence of line 2"),
    "behind a list marker": ("- ```python\n  x\n  ```\n", 1, "line of its own"),
    "in a comment": ("<!--\n```python\nx\n```\n-->\n", 2, "HTML comment"),
    "skip": ("```{.python .skip}\n```\n", 1, "unknown class '.skip'"),
    "norun": ('```{.python norun="1"}\n```\n', 1, "unknown attribute 'norun'"),
    "unknown capability": ('```{.python requires="tpu"}\n```\n', 1, "requires='tpu' is unknown"),
    "figure without alt": ("```{.python .figure #fig-x}\n```\n", 1, "a figure needs an id and a text"),
    "figure without id": ('```{.python .figure alt="A line."}\n```\n', 1, "a figure needs an id and a text"),
    "unreadable": ("```{.python alt=\"open}\n```\n", 1, "cannot read"),
    "stray word": ("```python run\n```\n", 1, "cannot read 'run'"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line", "message"), FAULTS.values(), ids=FAULTS)
def test_a_fault_names_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(PageError, match=message) as caught:
        fences.parse(text, "docs/page.md")
    assert caught.value.line == line
    assert str(caught.value).startswith(f"docs/page.md:{line}: ")


def test_scan_keeps_the_sound_fences_beside_the_faults() -> None:
    found, faults = fences.scan("```python\nx\n```\n\n```py\n```\n\n```python\ny\n```\n")
    assert [fence.line for fence in found] == [1, 8]
    assert [fault.line for fault in faults] == [5]


@pytest.mark.parametrize(
    "text",
    ["Text:\n\n    ```python\n    x = 1\n    ```\n", "<!-- \n```python\nx\n```\n-->\n"],
    ids=["indented code", "comment"],
)
def test_the_census_disagrees_where_a_reader_would_not_see_a_fence(text: str) -> None:
    assert len(python_fences(text)) != text.count("```python")
