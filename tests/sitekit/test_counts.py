"""What the site holds is counted, and a page names only what is."""

from pathlib import Path

import pytest

from sitekit import counts, questions
from sitekit.counts import Counts
from tests.sitekit.small_site import write

COUNTS = Counts(topics=2, questions=4, corrections=1, snippets=3, figures=1, comparisons=3, labs=1)
MORE = "```python\nprint(1)\n```\n\n```text\nno\n```\n"


def test_everything_is_counted(tmp_path: Path) -> None:
    root = write(tmp_path)
    asked = questions.collect(root / "docs")
    found = counts.count(root, asked)
    text = (root / "docs/alpha/first-things.md").read_text("utf-8") + (root / "docs/beta/last.md").read_text("utf-8")
    assert found.snippets == text.count("```python") + text.count("```{.python")
    assert (found.topics, found.questions, found.corrections) == (2, len(asked), text.count("!!! mistake"))
    assert (found.comparisons, found.labs, found.figures) == (3, 1, text.count(".figure"))
    (root / "docs/beta/more.md").write_text(MORE, "utf-8")
    assert counts.count(root, asked).snippets == found.snippets + 1
    assert counts.count(root, asked).topics == 3


def test_a_page_shows_what_it_names() -> None:
    shown = counts.fill('a <data class="count" value="snippets"></data> b', Counts(1, 2, 3, 1234, 5, 6, 7))
    assert shown == 'a <span class="count">1,234</span> b'
    assert counts.fill("a", COUNTS) == "a"


def test_what_is_not_counted_is_named() -> None:
    with pytest.raises(ValueError, match="nothing counts 'pages': use one of topics, questions, corrections"):
        counts.fill('<data class="count" value="pages"></data>', COUNTS)
