"""The search index: less noise, other words for a question, and the names that its code calls."""

from pathlib import Path

import pytest

from sitekit import search_index
from sitekit.errors import PageError
from sitekit.spelling import american

ENTRY = {
    "location": "a/b/#q",
    "title": "How should weights be initialised?",
    "text": '<p>Short answer</p> <p>By <code>nn.init</code>.<sup id="n">1</sup></p> <ul> <li> <p>One.</p> </li> '
    "<li>Two, see <code>model.eval()</code></li> </ul> <pre><code>import torch\ntorch.nn.functional.cross_entropy(x)\n"
    "nn.BatchNorm2d(3); x.sum()</code></pre> <ol> <li> <p>Glorot 2010. ↩</p> </li> </ol>",
}
MEMBER = {
    "location": "a/b/#dlref.a.b.State",
    "title": "State  <code>module-attribute</code>",
    "text": "<pre><code>State(x)</code></pre> <p>What is kept.</p> <p>More.</p>"
    " <p>Oracle <code>torch.optim.Adam</code>.</p>"
    "<pre><code>class State: ...</code></pre>",
}
PAGE = {"location": "a/b/", "title": "B", "text": "<p>Lead.</p>"}
INDEX = {"config": {"lang": ["en"], "fields": {}}, "docs": [PAGE, ENTRY, MEMBER]}


def test_a_question_keeps_its_prose_and_gains_words() -> None:
    page, question, member = search_index.rewritten(INDEX, {"a/b/#q": ["he init", "F.gelu"]}, {"a/b/#q": "core"})[
        "docs"
    ]
    assert question["text"] == "<p>By nn.init.</p><p>One.</p><p>Two, see model.eval()</p>"
    assert question["also"] == "he init F.gelu gelu initialized torch.nn.functional.gelu"
    assert question["names"].split() == [
        "BatchNorm2d", "F.cross_entropy", "batchnorm2d", "cross_entropy", "eval", "init", "nn.BatchNorm2d",
        "nn.batchnorm2d", "nn.init", "torch.nn.BatchNorm2d", "torch.nn.batchnorm2d",
        "torch.nn.functional.cross_entropy", "torch.nn.init",
    ]  # fmt: skip
    assert question["tags"] == ["core"]
    assert (member["title"], member["text"]) == ("State", "<p>What is kept.</p><p>Oracle torch.optim.Adam.</p>")
    assert page == PAGE | {"boost": search_index.BOOSTS["page"]}
    assert question["boost"] > page["boost"]


def test_a_name_of_many_sections_tells_none_apart() -> None:
    docs = [ENTRY | {"location": f"{number}/#q"} for number in range(search_index.COMMON + 1)]
    assert "names" not in search_index.rewritten({"config": {}, "docs": docs}, {}, {})["docs"][0]
    assert "names" in search_index.rewritten({"config": {}, "docs": docs[1:]}, {}, {})["docs"][0]


def test_every_field_is_named_to_the_worker() -> None:
    rewritten = search_index.rewritten(INDEX, {"a/b/#q": ["x"]}, {"a/b/#q": "core"})
    assert set(rewritten["config"]["fields"]) == {*rewritten["docs"][1]} - {"location", "boost"}
    assert rewritten["config"]["lang"] == ["en"]


def test_a_built_index_is_written_the_same_twice(tmp_path: Path) -> None:
    path = tmp_path / search_index.INDEX
    path.parent.mkdir()
    written = []
    for _ in range(2):
        path.write_text(search_index.as_json(INDEX), "utf-8")
        search_index.shrink(tmp_path, tmp_path, [])
        written.append(path.read_text("utf-8"))
    assert written[0] == written[1]
    assert not any(noise in written[0] for noise in ("↩", "class State"))


@pytest.mark.parametrize(
    ("yml", "message"),
    [
        ("a/b#gone: [x]", "there is no question a/b#gone: write page#id"),
        ("a/b#q: x", "a/b#q needs a list of words, not 'x'"),
        ("a/b#q: [1]", r"a/b#q needs a list of words, not \[1\]"),
        ("a/b#q: [x", "the words are no YAML"),
        ("- a/b#q", "the words must be page#id: \\[words\\]"),
    ],
)
def test_words_for_nothing_are_refused(tmp_path: Path, yml: str, message: str) -> None:
    (tmp_path / "words.yml").write_text(yml, "utf-8")
    with pytest.raises(PageError, match=message):
        search_index.read_words(tmp_path / "words.yml", ["a/b/#q"])


def test_words_are_read_by_address(tmp_path: Path) -> None:
    (tmp_path / "words.yml").write_text("a/b#q: [x, y z]\n", "utf-8")
    assert search_index.read_words(tmp_path / "words.yml", ["a/b/#q"]) == {"a/b/#q": ["x", "y z"]}
    assert search_index.read_words(tmp_path / "none.yml", []) == {}


@pytest.mark.parametrize(
    ("british", "expected"),
    [
        ("initialisation", "initialization"),
        ("optimisers", "optimizers"),
        ("neighbouring", "neighboring"),
        ("labelled", "labeled"),
        ("centred", "centered"),
        ("centre", "center"),
        ("grey", "gray"),
        ("analyse", "analyze"),
        *((word, word) for word in "supervised precise promised otherwise raised exercise surprise comprise".split()),
    ],
)
def test_american_spelling(british: str, expected: str) -> None:
    assert american(british) == expected
