"""The pictures that chats show of a page."""

import io
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont
from PIL import Image, ImageChops

from sitekit import cards, outline

ROOT = Path(__file__).parents[2]
FONTS = ROOT / "docs" / "assets" / "fonts"
CARD = cards.Card("First things", "What comes first, and what comes next.", "Alpha", "3 questions")
LONG = cards.Card("A title of very many words " * 4, "A description that does not end. " * 20, "Alpha", "One question")


def picture(card: cards.Card) -> Image.Image:
    return Image.open(io.BytesIO(cards.draw(card, FONTS))).convert("L")


def difference(card: cards.Card, other: cards.Card) -> tuple[int, int, int, int]:
    """Return the box of what differs, by more than the choice of the 32 colours."""
    box = ImageChops.difference(picture(card), picture(other)).point([0] * 61 + [255] * 195).getbbox()
    assert box
    return box


@pytest.mark.parametrize("card", [CARD, LONG], ids=["short", "long"])
def test_a_card_has_its_size_and_weighs_little(card: cards.Card) -> None:
    png = cards.draw(card, FONTS)
    assert Image.open(io.BytesIO(png)).size == (1200, 630)
    assert Image.open(io.BytesIO(png)).format == "PNG"
    assert 2_000 < len(png) < 40_000


@pytest.mark.parametrize("part", ["title", "description", "above", "below"])
def test_every_part_is_drawn_within_the_edges(part: str) -> None:
    words = dict.fromkeys(("title", "description", "above", "below"), "") | {part: "word " * 3}
    box = difference(cards.Card(**words), cards.Card("", "", "", ""))
    assert box[0] >= cards.EDGE - 3
    assert box[2] <= cards.SIZE[0] - cards.EDGE + 3


def test_what_is_too_long_ends_above_the_line() -> None:
    box = difference(LONG, cards.Card("", "", LONG.above, LONG.below))
    assert box[3] < 538  # the line is at 540
    assert box[2] <= cards.SIZE[0] - cards.EDGE + 3


def test_the_same_words_make_the_same_bytes() -> None:
    assert cards.draw(CARD, FONTS) == cards.draw(CARD, FONTS)


def test_a_card_is_drawn_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[cards.Card] = []

    def draw(card: cards.Card, fonts: Path) -> bytes:
        drawn.append(card)
        return card.title.encode()

    monkeypatch.setattr(cards, "draw", draw)
    other = cards.Card("First thing", "sWhat comes first, and what comes next.", "Alpha", "3 questions")
    assert [cards.cached(card, FONTS, tmp_path) for card in (CARD, other, CARD)] == [
        b"First things", b"First thing", b"First things",
    ]  # fmt: skip
    assert drawn == [CARD, other]


def test_the_fonts_have_every_character_of_titles_and_descriptions() -> None:
    held = TTFont(FONTS / cards.TEXT).getBestCmap() or {}
    for page in outline.read(ROOT / "docs"):
        said = f"{page.meta.get('title', '')} {page.meta.get('description', '')}"
        assert {character for character in said if ord(character) not in held} == set(), page.name
