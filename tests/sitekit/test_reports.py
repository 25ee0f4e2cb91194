"""The links that report a mistake know the place, and the form has the fields that they fill."""

import re
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import yaml

from sitekit import reports
from tests.sitekit.small_site import PAGE

REPOSITORY, URL = "https://example.org/a/b", "https://example.org/site/alpha/first-things/"
FORMS = Path(__file__).parents[2] / ".github" / "ISSUE_TEMPLATE"
WRITTEN = reports.with_links(PAGE, "alpha/first-things.md", URL, REPOSITORY)
LINK = re.compile(r'<a href="(?P<href>[^"]*)" aria-label="(?P<label>[^"]*)">')


def fields(href: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(href).query, strict_parsing=True).items()}


def test_the_form_has_the_fields_that_are_filled_in() -> None:
    form = yaml.safe_load((FORMS / reports.FORM).read_text("utf-8"))
    known = {"template", "title", *(field["id"] for field in form["body"] if "id" in field)}
    filled = fields(reports.address(REPOSITORY, URL, "What?"))
    assert filled.keys() == {"template", "title", "where"} <= known
    assert filled["title"].startswith(form["title"])


def test_whatever_a_question_holds_arrives() -> None:
    asked = 'Is 1 < 2 & "a+b" = 100 % #1, ‘really’?'
    href = reports.address(f"{REPOSITORY}/", f"{URL}#x", asked)
    assert href.startswith(f"{REPOSITORY}/issues/new?")
    assert fields(href) == {"template": reports.FORM, "title": f"Wrong: {asked}", "where": f"{URL}#x"}


def test_every_question_has_a_link_that_names_it() -> None:
    links = [(fields(unescape(link["href"])), unescape(link["label"])) for link in LINK.finditer(WRITTEN)]
    slugs = ["what-is-first", "what-is-next", "what-is-beyond"]
    assert [asked["where"] for asked, _ in links] == [f"{URL}#{slug}" for slug in slugs]
    assert [label.rpartition(": ")[2] for _, label in links] == [
        "What is ‘first’?", "What comes next?", "What is beyond?",
    ]  # fmt: skip
    assert all(asked["title"].removeprefix("Wrong: ") in label for asked, label in links)


def test_every_question_leads_to_those_of_its_level() -> None:
    tags = re.findall(r'<a class="tag" href="([^"]*)">More (\w+) questions</a>', WRITTEN)
    assert tags == [(f"../../questions/?level={level}", level) for level in ("core", "advanced", "intermediate")]


def test_a_link_stands_at_the_end_of_its_answer_above_the_footnotes() -> None:
    parts = re.split(r"^## |^\[\^one\]: ", WRITTEN, flags=re.M)[1:]
    assert len(parts) == 4
    for answer in parts[:3]:
        assert answer.rstrip().endswith("</p>")
        assert answer.index("Follow-ups") < answer.index('class="below-answer"')
    assert "below-answer" not in parts[3]


def test_nothing_else_changes() -> None:
    kept = [line for line in WRITTEN.split("\n") if line and 'class="below-answer"' not in line]
    assert kept == [line for line in PAGE.split("\n") if line]
    assert reports.with_links("Lead.\n\n## Heading\n", "a/b.md", URL, REPOSITORY) == "Lead.\n\n## Heading\n"


def test_the_words_of_a_question_cannot_leave_the_attribute() -> None:
    page = PAGE.replace("What comes next?", 'What is <b> & "c"?')
    written = reports.with_links(page, "alpha/first-things.md", URL, REPOSITORY)
    label = list(LINK.finditer(written))[1]["label"]
    assert label.endswith("What is &lt;b&gt; &amp; &quot;c&quot;?")
