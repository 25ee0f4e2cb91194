"""The rules of a page: a sound page passes, and each fault planted in it is found with its line."""

from pathlib import Path

import pytest

from sitekit import outline
from sitekit.pages import check_site, is_topic
from tests.sitekit.small_site import FILES, OTHER, PAGE, replaced, write

FIRST = '## What is ‘first’? { #what-is-first .question data-level="core" data-sources="A1 B2a" }'
MEMBERS = ("first_things", "first_things.One.value", "first_things.One.limit")
TWO = '!!! answer "Short answer"\n    Two.\n'


def faults(root: Path) -> list[str]:
    return [f"{fault.path.name}:{fault.line}: {fault.message}" for fault in check_site(root / "docs")]


def test_a_sound_site_has_no_faults(tmp_path: Path) -> None:
    assert faults(write(tmp_path)) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        # front matter
        ("title: First things\n", "", "1: the front matter needs a title"),
        ("title: First things", "title:", "2: the front matter needs a title"),
        ("description: What", "summary: What", "1: the front matter needs a description"),
        ("What comes first, what comes next, and why the order of the two matters so much.", "Short.",
         "3: the description has 6 characters; 50 to 170 fit a link preview"),
        ("matters so much.", "matters" + " so" * 40 + " much.",
         "3: the description has 197 characters; 50 to 170 fit a link preview"),
        ("first, what comes next, and", "first. What comes next? And", "3: the description is one sentence"),
        ("description: What comes first,", "description: What comes: first,", "3: the front matter is no YAML: "),
        ("---\ntitle", "title", "1: the front matter needs a title"),
        # headings
        ("### In detail", "#### In detail", "20: a heading of level 4 below one of level 2"),
        ("### In detail", "# In detail", "20: a page has one heading of level 1, its title"),
        ("### In detail", "## Reference implementation", "20: the build appends the reference implementation"),
        ("### In detail", '### In detail { data-level="core" }', "20: a heading with data-level is a question"),
        ("### In detail", "## Is it in detail?", "20: this heading asks: give it { #slug .question"),
        ("### In detail", "  ### In detail", "20: a heading starts at the left margin"),
        # questions against the list
        (FIRST, FIRST.replace("#what-is-first ", ""), "7: a question needs a permanent id"),
        (FIRST, FIRST.replace("#what-is-first", "#What_first"), "7: a question needs a permanent id"),
        (FIRST, FIRST.replace("what-is-first", "what-is-frist"), "7: sources.yml has no question 'what-is-frist'"),
        (FIRST, FIRST.replace("what-is-first", "what-is-frist"), "1: sources.yml promises the question 'what-is-fi"),
        (FIRST, FIRST.replace("what-is-first", "what-is-last"), "7: what-is-last belongs on beta/last"),
        (FIRST, FIRST.replace("core", "advanced"), "7: what-is-first has level core, not advanced"),
        (FIRST, FIRST.replace("core", "easy"), "7: data-level is one of core, intermediate, advanced, not 'easy'"),
        (FIRST, FIRST.replace("data-level", "level"), "7: unknown attribute 'level' of a question"),
        (FIRST, FIRST.replace("‘first’", "the first"), '7: what-is-first reads "What is \'first\'?", not'),
        (FIRST, FIRST.replace("A1 B2a", "A1"), '7: what-is-first has data-sources="A1 B2a"'),
        (FIRST, FIRST.replace(' data-sources="A1 B2a"', ""), '7: what-is-first has data-sources="A1 B2a"'),
        (FIRST, f"#{FIRST}", "7: a question is a heading of level 2, not 3"),
        ('"intermediate"', '"intermediate" data-sources=""', "48: sources.yml has no question 'what-is-beyond'"),
        (' data-level="intermediate"', "", "48: data-level is one of core, intermediate, advanced, not None"),
        # below a question
        (TWO, "", "34: what-is-next has no short answer"),
        ("    Two.\n", "Two.\n", "36: the short answer is empty: indent it by four spaces"),
        ("    Two.\n", "    Two." + " words" * 60 + "\n", "36: a short answer of 61 words; 60 are the most"),
        ("    Two.\n", f"    Two.\n\n{TWO}", "39: what-is-next has a second short answer"),
        ('answer "Short answer"\n    Two', 'answer\n    Two', "36: a short answer is titled \"Short answer\", not ''"),
        ("    Two.\n", "    Two.\n\n    ```text\n    x\n    ```\n", "36: a short answer is spoken: put the code"),
        (TWO, f"First.\n\n{TWO}", "38: the short answer comes first"),
        (TWO, TWO.replace("answer", "answer:"), "36: cannot read this box: write !!!"),
        ("“The first is the second.”", "The first is the second.", "22: a mistake is titled with what people say"),
        (' "“The first is the second.”"', "", "22: a mistake is titled with what people say"),
        ("```python\nprint(3)", "```text\nprint(3)", "48: what-is-beyond has no snippet: a number"),
        ('"Follow-ups"\n    - What is', '"More"\n    - What is', "7: what-is-first has no follow-ups"),
        ("print(3)\n", "print(3)\n" + "x = 1\n" * 30, "53: a snippet of 31 lines; 30 are the most"),
        # fences
        (' alt="a point"', "", "39: a figure needs an id and a text for those who cannot see it"),
        (' alt="a point"', ' alt=" "', "39: a figure needs an id and a text for those who cannot see it"),
        ("```python\nprint(3)", "```py\nprint(3)", "53: unknown language 'py'"),
        # ids
        ("#fig-next", "#fig-line", "12: the id 'fig-line' is taken: "),
        ("#fig-next", "#what-is-beyond", "48: the id 'what-is-beyond' is taken: "),
        ("### In detail", "### In detail { #what-is-last }", "7: the id 'what-is-last' is taken: "),
        ("It was said", '<i id="fig-next"></i>It was said', "39: the id 'fig-next' is taken: "),
        ("said before.[^one]", "said before.[^one]\n{ .x #fig-next }", "40: the id 'fig-next' is taken: "),
        # links
        ("[above](#in-detail)", "[above](#in-details)", "23: dead anchor #in-details: "),
        ("last.md#fig-line", "last.md#fig-lines", "5: dead anchor ../beta/last.md#fig-lines: "),
        ("(../beta/last.md)", "(../beta/lost.md)", "10: dead link ../beta/lost.md: there is no "),
        ("(../beta/last.md)", "(../beta/)", "10: link ../beta/ points to a folder: name the page, ../beta/index.md"),
        ("(../beta/last.md)", "(/beta/last.md)", "10: link /beta/last.md: write it relative to this page"),
        ("(../beta/last.md)", "(../../README.md)", "10: link ../../README.md leaves the folder of the pages"),
        ("(../beta/last.md)", "(../beta/lost.md?level=core)", "10: dead link ../beta/lost.md?level=core: there is no "),
        ("(../beta/last.md)", "(../beta/last.svg)", "10: dead link ../beta/last.svg: there is no "),
        ("(../beta/last.md)", "()", "10: a link without a target"),
        ("[named so](../beta/last.md)", "![](../sources.yml)", "10: the image ../sources.yml needs a text"),
        ("[named so](../beta/last.md)", "[named\n    so](../beta/lost.md)", "10: dead link ../beta/lost.md"),
        ("It was said", "[x]: lost.md\n\nIt was said", "13: dead link lost.md"),
        ("first_things.One]", "first_things.Two]", "10: dead reference [dlref.alpha.first_things.Two]"),
        ("[one][dlref.alpha.first_things.One]", "[`dlref.alpha.first`][]", "10: dead reference [dlref.alpha.first]"),
        # footnotes
        ("before.[^one]", "before.[^two]", "13: footnote [^two] is not defined on this page"),
        ("[^one]: One", "[^two]: x\n[^one]: One", "61: footnote [^two] is defined, but nothing refers to it"),
        ("[^one]: One", "[^one]: x\n[^one]: One", "62: footnote [^one] is defined again: first in line 61"),
        # prose
        ("It was said", "B2a says it was said", "13: 'B2a says': the page refutes the claim, not its source"),
        ("It was said", "C1 and U4 claim, A1 and B2a\nclaim it was said", "13: 'A1 and B2a\\nclaim': the page refutes"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_found(tmp_path: Path, old: str, new: str, fault: str) -> None:
    found = faults(write(tmp_path, {"docs/alpha/first-things.md": replaced(PAGE, old, new)}))
    assert any(f".md:{fault}" in message for message in found), found


def test_a_method_and_a_module_may_be_referred_to(tmp_path: Path) -> None:
    links = " ".join(f"[x][dlref.alpha.{name}]" for name in MEMBERS)
    text = replaced(PAGE, "[torch.add][]", links)
    assert faults(write(tmp_path, {"docs/alpha/first-things.md": text})) == []
    private = replaced(PAGE, "[torch.add][]", "[a][dlref.alpha.first_things._one]")
    (fault,) = faults(write(tmp_path, {"docs/alpha/first-things.md": private}))
    assert "dead reference [dlref.alpha.first_things._one]" in fault


def test_a_page_beyond_the_topics_may_ask_without_being_a_question(tmp_path: Path) -> None:
    home = FILES["docs/index.md"] + "\n# Home\n\n## What is this?\n\n[lab](labs/lab.py) [anchor](#what-is-this)\n"
    assert faults(write(tmp_path, {"docs/index.md": home})) == []


def test_a_line_further_down_is_no_front_matter() -> None:
    page = outline.parse("# A\n\n---\n\n## B\n")
    assert [heading.text for heading in page.headings] == ["A", "B"]
    assert page.meta == {}


def test_front_matter_is_closed(tmp_path: Path) -> None:
    found = faults(write(tmp_path, {"docs/index.md": "---\ntitle: Home\n\n# Home\n"}))
    assert "index.md:1: unclosed front matter: no line '---' follows" in found
    (at_end,) = faults(write(tmp_path, {"docs/index.md": f"---\ntitle: Home\ndescription: {'x' * 60}\n...\n#### A\n"}))
    assert at_end == "index.md:5: a heading of level 4 below one of level 1"


def test_faults_come_in_the_order_of_files_and_lines(tmp_path: Path) -> None:
    found = check_site(
        write(tmp_path, {"docs/alpha/first-things.md": "```py\n```\n\n## x?\n", "docs/beta/last.md": ""}) / "docs"
    )
    places = [(str(fault.path), fault.line) for fault in found]
    assert len(places) > 4
    assert places == sorted(places)


def test_a_faulty_fence_hides_its_code_from_the_other_rules(tmp_path: Path) -> None:
    text = replaced(PAGE, "```python\nprint(1)", "```py\n#### heading\n[x](dead.md)")
    found = faults(write(tmp_path, {"docs/alpha/first-things.md": text}))
    assert [fault.split(":")[2] for fault in found if ":15:" in fault] == [" unknown language 'py'"]
    assert not any("dead" in fault or "level 4" in fault for fault in found)


def test_heading_anchors_follow_the_toc_extension(tmp_path: Path) -> None:
    text = OTHER + "\n### A `b_c` & [d](last.md): x²\n\n### A b_c d x2\n\n[1](#a-b_c-d-x2) [2](#a-b_c-d-x2_1)\n"
    assert faults(write(tmp_path, {"docs/beta/last.md": text})) == []
    (fault,) = faults(write(tmp_path, {"docs/beta/last.md": text + "\n[3](#a-b_c-d-x2_2)\n"}))
    assert "dead anchor #a-b_c-d-x2_2" in fault


def test_an_admonition_ends_where_its_indentation_ends() -> None:
    page = outline.parse(
        f'{TWO}\n    More.\n\n```python\nif 1:\n    pass\n```\n\n!!! note\n\n    !!! tip "A “b”"\n        c\n'
    )
    assert [(block.kind, block.title, block.line, block.end_line) for block in page.blocks] == [
        ("answer", "Short answer", 1, 4),
        ("note", "", 11, 14),
        ("tip", "A “b”", 13, 14),
    ]
    assert page.blocks[0].body == "Two.\n\nMore."
    assert page.blocks[2].body == "c"


@pytest.mark.parametrize(
    ("name", "topic"),
    [("alpha/first", True), ("index", False), ("alpha/index", False), ("a/b/c", False), ("labs/digits", False)],
)
def test_a_topic_is_two_levels_deep(name: str, topic: bool) -> None:
    assert is_topic(name) is topic
