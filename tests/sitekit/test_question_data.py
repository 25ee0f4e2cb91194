"""``questions.json`` and its schema: what other programs may rely on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sitekit import question_data, questions
from tests.sitekit.small_site import write

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/questions.schema.json").read_text("utf-8"))
Rows = list[dict[str, Any]]


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    return json.loads(question_data.as_json(questions.collect(write(tmp_path) / "docs")))


def faults(rows: Rows) -> list[str]:
    return [error.message for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(rows)]


def test_the_json_holds_every_question(rows: Rows) -> None:
    assert len(rows) == 4
    assert rows[0] == {
        "slug": "what-is-first",
        "question": "What is ‘first’?",
        "level": "core",
        "topic": "First things",
        "section": "alpha",
        "url": "alpha/first-things/#what-is-first",
        "short_answer": "The first is $x_0 = 1$ -- named so by one source,\nand `[y](no-link.md)` stays.",
        "short_answer_plain": "The first is x_0 = 1 -- named so by one source, and [y](no-link.md) stays.",
        "mistakes": ["The first is the second."],
        "sources": ["A1", "B2a"],
    }


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("*one*, **two** and `x[0] * y`", "one, two and x[0] * y"),
        ("$a_1 * b * c_2 < 3$ & $5", "a_1 * b * c_2 < 3 & $5"),
        ("so:\n\n$$\na = b\n$$\n\n- one\n- two", "so: a = b one two"),
        ("“a & b”, 1 &lt; 2", "“a & b”, 1 < 2"),
    ],
)
def test_plain_text_has_no_marks(markdown: str, text: str) -> None:
    assert question_data.plain(markdown) == text


def test_the_schema_is_one_and_the_json_keeps_it(rows: Rows) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert faults(rows) == []
    assert set(rows[0]) == set(SCHEMA["items"]["required"]) == set(SCHEMA["items"]["properties"])


@pytest.mark.parametrize(
    ("plant", "fault"),
    [
        (lambda row: row.pop("level"), "'level' is a required property"),
        (lambda row: row.update(level="hard"), "'hard' is not one of"),
        (lambda row: row.update(slug="What is it?"), "'What is it?' does not match"),
        (lambda row: row.update(url="/alpha/first-things/#x"), "does not match"),
        (lambda row: row.update(short_answer=""), "should be non-empty"),
        (lambda row: row.update(short_answer_plain="two\nlines"), "does not match"),
        (lambda row: row.update(mistakes=[{"claim": "x"}]), "is not of type 'string'"),
        (lambda row: row.update(sources="A1 B2a"), "is not of type 'array'"),
    ],
)
def test_the_schema_finds_a_planted_fault(rows: Rows, plant: Callable[[dict[str, Any]], None], fault: str) -> None:
    plant(rows[0])
    (message,) = faults(rows)
    assert fault in message


def test_a_question_stands_there_once(rows: Rows) -> None:
    assert "has non-unique elements" in faults([*rows, rows[0]])[0]
    assert "should be non-empty" in faults([])[0]
