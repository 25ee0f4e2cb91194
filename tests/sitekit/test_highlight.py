"""Output can be told from code, and what is copied runs."""

import pytest
from markdown import Markdown
from selectolax.lexbor import LexborHTMLParser

from sitekit.highlight import lighten, mark, runnable

SESSION = """>>> import math
>>> for x in (1, 4):
...     print(math.sqrt(x))
...
1.0
2.0
>>> 'a' < 'b'
True
"""


def test_a_session_is_copied_without_prompts_and_output() -> None:
    code = runnable(SESSION)
    assert code == "import math\nfor x in (1, 4):\n    print(math.sqrt(x))\n\n'a' < 'b'"
    exec(compile(code, "copied", "exec"), {})


@pytest.mark.parametrize(
    ("session", "code"),
    [
        ("", ""),
        ("only output", ""),
        ('>>> print(">>> x")\n>>> x', 'print(">>> x")\nx'),
        (">>> a\n>>>\n>>> b", "a\n\nb"),
        ("    >>> a", "a"),
        (">>>a", ""),
    ],
)
def test_only_prompts_mark_code(session: str, code: str) -> None:
    assert runnable(session) == code


def page(text: str) -> LexborHTMLParser:
    extensions = ["pymdownx.highlight", "pymdownx.superfences", "sitekit.highlight"]
    settings = {"pymdownx.highlight": {"pygments_lang_class": True}}
    return LexborHTMLParser(Markdown(extensions=extensions, extension_configs=settings).convert(text))


def test_the_documented_output_of_a_snippet_is_marked() -> None:
    tree = page("```python\n# a comment\nprint(1 < 2)\n#> True & more\nx = '#> no'\n```")
    assert [node.text() for node in tree.css(".output")] == ["#> True & more"]
    assert [node.text() for node in tree.css(".output > .o")] == ["#>"]
    assert [node.text() for node in tree.css("pre")] == ["# a comment\nprint(1 < 2)\n#> True & more\nx = '#> no'\n"]


def test_a_session_carries_its_code() -> None:
    tree = page('```pycon\n>>> "a<b" in {"a<b"}\nTrue\n```')
    assert [node.attributes["data-copy"] for node in tree.css(".language-pycon")] == ['"a<b" in {"a<b"}']


def test_other_code_is_left_alone() -> None:
    assert page("```text\n>>> a\n#> b\n```").css("[data-copy], .output") == []
    assert mark("<p>#&gt; no output</p>") == "<p>#&gt; no output</p>"


def test_a_signature_has_no_copy_button() -> None:
    signature = '<div class="language-python doc-signature highlight"><pre>'
    assert mark(signature) == '<div class="language-python doc-signature no-copy highlight"><pre>'


def test_words_that_look_alike_share_an_element() -> None:
    tree = page("```python\nimport math\nx = math.cos(2) if not f'{y}' else 1.5\n```")
    spans = [(node.attributes["class"], node.text()) for node in tree.css("code span")]
    assert spans == [
        ("k", "import "),
        ("nf", "math"),
        ("mi", "2"),
        ("k", "if not "),
        ("s2", "f'{"),
        ("s2", "}' "),
        ("k", "else "),
        ("mi", "1.5"),
    ]
    assert tree.css("code")[0].text() == "import math\nx = math.cos(2) if not f'{y}' else 1.5\n"


def test_what_has_no_colour_of_its_own_needs_no_element() -> None:
    assert lighten('<span class="n">a</span> <span class="o">+</span><span class="w"> </span>b') == "a + b"
    assert lighten('<span class="c1">a &lt; b</span>\n<span class="c1">c</span>').count("span class") == 2
    assert lighten('<span class="n"><a href="#">x</a></span>') == '<span class="n"><a href="#">x</a></span>'
