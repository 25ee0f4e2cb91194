"""The deck of cards, opened by Anki itself."""

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from anki.collection import Collection, ImportAnkiPackageOptions, ImportAnkiPackageRequest, ImportLogWithChanges

from sitekit import deck
from sitekit.archives import rezipped, zipped
from sitekit.questions import Question

HOME, THEN = "https://example.org/site/", datetime(2026, 1, 1, tzinfo=UTC)
QUESTIONS = [
    Question(
        "what-is-relu", "Is `relu(x)` < x, *ever*?", "core", (), "alpha/bends", "Bends & kinks", 1,
        "Never: $\\max(0, x) \\ge x$, as `max(x[0], 0) < 1` shows.\n\n$$\n\\frac{a}{b} < c\n$$", (),
    ),
    Question("what-is-next", "What comes next?", "advanced", (), "beta/last", "The last", 9, "Two.", ()),
]  # fmt: skip


@pytest.fixture
def anki(tmp_path: Path) -> Iterator[Collection]:
    collection = Collection(str(tmp_path / "collection.anki2"))
    yield collection
    collection.close()


def taken(anki: Collection, content: bytes) -> ImportLogWithChanges.Log:
    """Import a deck as somebody does who double-clicks it."""
    path = Path(anki.path).parent / "deck.apkg"
    path.write_bytes(content)
    return anki.import_anki_package(
        ImportAnkiPackageRequest(package_path=str(path), options=ImportAnkiPackageOptions())
    ).log


def made(questions: list[Question], days: int = 0) -> bytes:
    return deck.deck(questions, "small", HOME, THEN + timedelta(days=days))


def test_anki_shows_the_cards_in_order(anki: Collection) -> None:
    log = taken(anki, made(QUESTIONS))
    assert (len(log.new), anki.card_count()) == (2, 2)
    cards = [anki.get_card(number) for number in anki.find_cards("deck:small", order="c.due")]
    assert [card.due for card in cards] == [1, 2]
    front, back = cards[0].question(), cards[0].answer()
    assert "Bends &amp; kinks · core" in front
    assert "Is <code>relu(x)</code> &lt; x, <em>ever</em>?" in front
    assert "max(0, x)" not in front
    assert "\\(\\max(0, x) \\ge x\\)" in back
    assert re.search(r"\\\[\s*\\frac\{a\}\{b\} &lt; c\s*\\\]", back)
    assert "<code>max(x[0], 0) &lt; 1</code>" in back
    assert f'<a href="{HOME}alpha/bends/#what-is-relu">' in back
    assert cards[0].note().tags == ["small::alpha", "small::core"]
    assert "What comes next?" in cards[1].question()


def test_another_import_brings_nothing_new(anki: Collection) -> None:
    taken(anki, made(QUESTIONS))
    again = taken(anki, made(QUESTIONS))
    assert (len(again.new), len(again.updated), len(again.duplicate)) == (0, 0, 2)


def test_a_newer_deck_updates_what_changed_and_adds_what_is_new(anki: Collection) -> None:
    taken(anki, made(QUESTIONS))
    changed = replace(QUESTIONS[0], text="Is it?", short_answer="Now it is.")
    log = taken(anki, made([changed, QUESTIONS[1], replace(QUESTIONS[1], slug="new", text="New?")], days=1))
    assert (len(log.new), len(log.updated), anki.card_count()) == (1, 2, 3)
    (number,) = anki.find_notes("Now")
    assert anki.get_note(number).fields[0] == "Is it?"


def test_an_older_deck_changes_nothing(anki: Collection) -> None:
    taken(anki, made(QUESTIONS, days=1))
    taken(anki, made([replace(QUESTIONS[0], short_answer="Old."), QUESTIONS[1]]))
    assert anki.find_notes("Old") == []


def test_two_decks_of_the_same_are_the_same() -> None:
    assert made(QUESTIONS) == made(QUESTIONS)
    assert made(QUESTIONS) != made(QUESTIONS, days=1)
    with zipfile.ZipFile(io.BytesIO(made(QUESTIONS))) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_an_archive_keeps_neither_time_nor_order_of_the_machine(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("b", (2026, 1, 1, 0, 0, 0)), "2")
        archive.writestr("a", "1")
    assert rezipped(path.read_bytes()) == zipped([("b", b"2"), ("a", b"1")])
    with pytest.raises(ValueError, match="holds a twice"):
        zipped([("a", b""), ("a", b"")])
