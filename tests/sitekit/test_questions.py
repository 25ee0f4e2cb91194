"""Questions read from headings, the index made of them, their permanent addresses, and the coverage."""

from pathlib import Path

import pytest

from sitekit import addresses, coverage, question_index, questions
from sitekit.coverage import Coverage
from sitekit.errors import PageError
from sitekit.structure import navigation
from tests.sitekit.small_site import OTHER, PAGE, SOURCES, replaced, write


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    return write(tmp_path) / "docs"


def messages(faults: list[PageError]) -> list[str]:
    return [f"{fault.path.name}:{fault.line}: {fault.message}" for fault in faults]


def test_a_question_is_read_with_its_answer_and_its_mistakes() -> None:
    first, second, third = questions.parse(PAGE, "first-things.md", "alpha/first-things")
    assert (first.slug, first.text, first.level, first.sources) == (
        "what-is-first", "What is ‘first’?", "core", ("A1", "B2a"),
    )  # fmt: skip
    assert (first.page, first.section, first.topic, first.line) == ("alpha/first-things", "alpha", "First things", 7)
    assert first.url == "alpha/first-things/#what-is-first"
    assert first.mistakes == (questions.Mistake("The first is the second.", 22),)
    assert (second.level, second.sources, second.short_answer, second.mistakes) == ("advanced", ("B2a",), "Two.", ())
    assert (third.level, third.sources) == ("intermediate", ())


def test_a_fence_that_looks_like_a_question_is_none() -> None:
    fenced = "```markdown\n## Is it? { #is-it .question data-level='core' }\n```\n\n~~~text\n# no\n~~~\n"
    assert questions.parse(fenced) == []
    assert questions.parse("<!--\n## Is it? { #is-it .question }\n-->\n") == []
    assert [q.slug for q in questions.parse(fenced + "## Is it? { .question #is-it }\n")] == ["is-it"]


@pytest.mark.parametrize(
    ("markdown", "said"),
    [
        ("see [it](a.md#b 'c') and [f](x) (y)", "see it and f (y)"),
        ('see [it](a.md#b "c"), [that](https://doi.org/10.1/x(1)2) and [this][dlref.x]', "see it, that and this"),
        ("so[^1], [^two] so", "so,  so"),
        ("`a[0](x)` and $a[i](j)$ and $$b[0][1]$$", "`a[0](x)` and $a[i](j)$ and $$b[0][1]$$"),
        ("[x](y.md) costs $5", "x costs $5"),
    ],
)
def test_what_is_said_has_no_targets_and_no_footnotes(markdown: str, said: str) -> None:
    assert questions.spoken(markdown) == said


@pytest.mark.parametrize(
    ("markdown", "count"),
    [
        ("one two", 2),
        ("$a + b = c$ is it", 3),
        ("$$\na + b\n$$", 1),
        ("this -- that", 2),
        ("[a b](c.md)[^d]", 2),
        ("", 0),
    ],
)
def test_words_are_counted_as_spoken(markdown: str, count: int) -> None:
    assert questions.word_count(markdown) == count


def test_questions_come_in_the_order_of_the_navigation(docs: Path) -> None:
    slugs = [q.slug for q in questions.collect(docs, navigation(docs.parent))]
    assert slugs == ["what-is-first", "what-is-next", "what-is-beyond", "what-is-last"]
    assert questions.collect(docs, ["beta/last"])[0].slug == "what-is-last"


def test_the_index_lists_every_question_under_its_section(docs: Path) -> None:
    found = questions.collect(docs)
    index = question_index.index(found, coverage.site_coverage(docs), questions.section_titles(docs), {})
    alpha, beta = index.split("<section data-section")[1:]
    assert "## The alphas { #alpha-questions }" in alpha
    assert "## Beta { #beta-questions }" in beta
    assert alpha.count("<details") == 3
    assert beta.count("<details") == 1
    for question in found:
        entry = index.split(f"{question.text} <span")[1].split("</details>")[0]
        assert f'class="level level-{question.level}">{question.level}</span>' in entry
        assert question.short_answer in entry
        assert f"](../{question.page}.md#{question.slug})" in entry
    assert "3 of the 3 listed questions, and 1 more." in index
    assert "3 of the 3 interview questions" in index
    assert index == question_index.index(found, coverage.site_coverage(docs), questions.section_titles(docs), {})


def test_the_index_stands_in_place_of_the_marker(docs: Path) -> None:
    filled = question_index.fill("a\n\n<!-- questions -->\n", questions.collect(docs), coverage.site_coverage(docs), {})
    assert filled.startswith("a\n\nThe site answers")
    assert question_index.MARKER not in filled
    with pytest.raises(ValueError, match="needs the line <!-- questions -->"):
        question_index.fill("a\n", [], Coverage(0, 0, 0, 0), {})


def test_an_item_counts_when_all_its_questions_list_it() -> None:
    listed = coverage.Sources({"A1": ("a",), "B1": ("a", "b")}, {})
    assert coverage.coverage(listed, [("a", ["A1", "B1"])]).items == 1
    assert coverage.coverage(listed, [("a", ["A1", "B1"]), ("b", [])]).items == 1
    assert coverage.coverage(listed, [("a", ["A1", "B1"]), ("b", ["B1"])]).items == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("level: advanced", "level: hard", "what-is-next has level 'hard': use one of core, intermediate, advanced"),
        ("[what-is-last]", "[what-is-lost]", "U4.1 is answered by what-is-lost|no item names what-is-last"),
        (
            "    what-is-last:",
            "    what-is-next:",
            "what-is-next is listed twice: on alpha/first-things and on beta/last",
        ),
        ("[what-is-last]", "[]", "no item names what-is-last"),
        ("questions:\n", "  C1: {asks: x, answers: []}\n\nquestions:\n", "C1 names no question that answers it"),
        ("questions:\n", "  C1: {asks: x, answers: [y]}\n\nquestions:\n", "C1 is answered by y, which is not among"),
    ],
)
def test_a_list_that_contradicts_itself_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    docs = write(tmp_path, {"docs/sources.yml": replaced(SOURCES, old, new)}) / "docs"
    with pytest.raises(PageError, match=rf"sources\.yml:\d+: ({message})"):
        coverage.read_list(docs / "sources.yml")


def test_coverage_never_falls(docs: Path) -> None:
    assert messages(coverage.check_coverage(docs)) == [
        "coverage.txt:1: 3 items are answered, 0 noted: run make update",
        "coverage.txt:2: 3 questions are answered, 0 noted: run make update",
    ]
    coverage.raise_floor(docs)
    assert coverage.check_coverage(docs) == []
    (docs / "beta/last.md").unlink()
    lost = [
        "coverage.txt:1: 2 items are answered, 3 were: none may be lost",
        "coverage.txt:2: 2 questions are answered, 3 were: none may be lost",
    ]
    assert messages(coverage.check_coverage(docs)) == lost
    coverage.raise_floor(docs)
    assert messages(coverage.check_coverage(docs)) == lost


def test_a_new_address_waits_for_the_lock(docs: Path) -> None:
    assert messages(addresses.check_addresses(docs))[0] == (
        "first-things.md:48: alpha/first-things#what-is-beyond is a new permanent address: run make update"
    )
    addresses.lock_addresses(docs)
    assert addresses.check_addresses(docs) == []
    assert (docs / "question-ids.txt").read_text().splitlines() == [
        "alpha/first-things#what-is-beyond",
        "alpha/first-things#what-is-first",
        "alpha/first-things#what-is-next",
        "beta/last#what-is-last",
    ]


def test_an_address_does_not_vanish(docs: Path) -> None:
    addresses.lock_addresses(docs)
    (docs / "beta/last.md").write_text(OTHER.replace("#what-is-last", "#what-is-final"))
    gone = "question-ids.txt:4: beta/last#what-is-last was published and is gone: put it back, or say in redirects.yml"
    assert any(message.startswith(gone) for message in messages(addresses.check_addresses(docs)))
    addresses.lock_addresses(docs)
    assert messages(addresses.check_addresses(docs)) == [
        "question-ids.txt:5: beta/last#what-is-last was published and is gone: put it back, "
        "or say in redirects.yml where it went"
    ]
    (docs / "redirects.yml").write_text("beta/last#what-is-last: beta/last#what-is-final\n")
    assert addresses.check_addresses(docs) == []
    (docs / "question-ids.txt").write_text("b#b\na#a\n")
    assert "question-ids.txt:1: the addresses are sorted, each once: run make update" in messages(
        addresses.check_addresses(docs)
    )


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("beta/last#what-is-last: beta/last#what-is-last", "is redirected, but it is still on the site"),
        ("beta/last#old: beta/last#new", "leads to beta/last#new, which is not on the site"),
        ("gone/page#old: beta/last#what-is-last", "the page of gone/page#old is gone: keep it, its foot shows the way"),
    ],
)
def test_a_redirect_leads_from_a_page_to_a_question(docs: Path, entry: str, message: str) -> None:
    addresses.lock_addresses(docs)
    (docs / "redirects.yml").write_text(f"# moved\n{entry}\n")
    (fault,) = messages(addresses.check_addresses(docs))
    assert fault.startswith("redirects.yml:2: ")
    assert message in fault


def test_the_old_place_shows_the_way() -> None:
    moved = {"alpha/first-things#old": "beta/last#new"}
    note = "This question has moved: [What is new?](../beta/last.md#new)\n{ #old }\n"
    texts = {"beta/last#new": "What is new?"}
    assert addresses.with_moved("Text\n", "alpha/first-things", moved, texts) == f"Text\n\n{note}"
    assert addresses.with_moved("Text\n", "beta/last", moved, texts) == "Text\n"


def test_the_small_site_asks_what_its_list_holds(docs: Path) -> None:
    assert coverage.site_coverage(docs) == Coverage(3, 3, 3, 3)


def test_a_sections_index_lists_its_questions_by_topic(tmp_path: Path) -> None:
    found = questions.collect(write(tmp_path) / "docs")
    filled = question_index.fill_section(f"Lead.\n\n{question_index.SECTION_MARKER}\n", "alpha/index.md", found)
    assert filled.startswith(
        "Lead.\n\n**[First things](first-things.md)**\n\n- [What is ‘first’?](first-things.md#what-is-first)\n"
    )
    assert filled.count("\n- [") == 3
    assert "last" not in filled


def test_the_desk_offers_every_section_topic_and_level(docs: Path) -> None:
    index = question_index.index(questions.collect(docs), Coverage(0, 0, 0, 0), {"alpha": "A & B"}, {})
    desk = index.split('<div class="desk"')[1].split("<section data-section")[0]
    assert '<optgroup label="A &amp; B"><option value="alpha">all of A &amp; B</option>' in desk
    assert '<option value="alpha/first-things">First things</option>' in desk
    assert desk.count("<optgroup") == 2
    for box in ('name="section" value="beta"', 'name="level" value="core"', 'name="level" value="advanced"'):
        assert f"{box} checked" in desk
    assert 'max="4"' in desk
    assert "$" not in desk
    assert "4 questions</output>" in desk
    assert desk.count("<button") == desk.count('<button type="')


def test_a_renamed_question_says_what_it_was(docs: Path) -> None:
    moved = {"beta/last#final": "beta/last#what-is-last", "alpha/first-things#end": "beta/last#what-is-last"}
    index = question_index.index(questions.collect(docs), Coverage(0, 0, 0, 0), {}, moved)
    assert index.count("data-formerly") == 1
    assert 'data-slug="what-is-last" data-page="beta/last" data-level="core" data-formerly="final end"' in index


@pytest.mark.parametrize(
    ("page", "link"),
    [
        ("alpha/first-things.md", "../questions/index.md?section=alpha/first-things&practice=all"),
        ("first-things.md", "questions/index.md?section=first-things&practice=all"),
    ],
)
def test_a_page_that_asks_leads_to_its_practice(page: str, link: str) -> None:
    asked = question_index.with_practice(PAGE, page)
    assert asked.startswith(PAGE.rstrip())
    assert asked.endswith(f"\n\n[Practise the questions of this page]({link}){{ .md-button }}\n")
    assert question_index.with_practice("## No question\n", page) == "## No question\n"
