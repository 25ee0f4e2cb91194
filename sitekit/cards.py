"""The picture of a page that chats and feeds show beside its link: a card of 1200 by 630 pixels.

Drawn with Pillow and the site's own fonts. Material's plugin needs a system library that pip cannot bring, and asks
Google for the fonts.
"""

import hashlib
import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import PIL
from PIL import Image, ImageDraw, ImageFont

SIZE = (1200, 630)
EDGE, WIDTH = 80, 1040
PAPER, INK, SOFT, TRUE, LINE = "#fdfdfc", "#1d272e", "#55605f", "#0a6b63", "#e0e3de"
COLORS = 32
TEXT, CODE = "inter-latin.woff2", "jetbrains-mono-latin.woff2"


@dataclass(frozen=True)
class Card:
    """What a card says: the page's title and description, a line above them and one below."""

    title: str
    description: str
    above: str
    below: str


def draw(card: Card, fonts: Path) -> bytes:
    """Return the card as a PNG; the same bytes for the same words."""
    image = Image.new("RGB", SIZE, PAPER)
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, 14, SIZE[1]), fill=TRUE)
    pen.text((EDGE, 62), "dlref", INK, _font(fonts / CODE, 40, 700))
    pen.text((SIZE[0] - EDGE, 70), card.above, SOFT, _font(fonts / TEXT, 30, 500), anchor="ra")
    size = next(size for size in (84, 72, 62, 54, 46) if size == 46 or len(_lines(card.title, fonts, size, 720)) <= 2)
    top = _paragraph(pen, 158, _lines(card.title, fonts, size, 720), _font(fonts / TEXT, size, 720), INK, 1.16)
    room = max(1, int((516 - top) // (34 * 1.42)))
    about = _lines(card.description, fonts, 34, 400)
    if len(about) > room:
        about = [*about[: room - 1], about[room - 1].rsplit(" ", 1)[0] + " …"]
    _paragraph(pen, top + 26, about, _font(fonts / TEXT, 34, 400), SOFT, 1.42)
    pen.line((EDGE, 540, SIZE[0] - EDGE, 540), LINE, 2)
    pen.text((EDGE, 561), card.below, TRUE, _font(fonts / TEXT, 28, 600))
    memory = io.BytesIO()
    image.quantize(COLORS, Image.Quantize.MEDIANCUT).save(memory, "PNG", optimize=True)
    return memory.getvalue()


def cached(card: Card, fonts: Path, cache: Path) -> bytes:
    """Return a card, drawn anew only if its words, the fonts, Pillow or this module have changed."""
    sources = [Path(__file__).read_bytes(), *((fonts / name).read_bytes() for name in (TEXT, CODE))]
    said = "\0".join((PIL.__version__, card.title, card.description, card.above, card.below))
    kept = cache / f"{hashlib.sha256(b''.join([*sources, said.encode()])).hexdigest()[:32]}.png"
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(draw(card, fonts))
    return kept.read_bytes()


@lru_cache
def _font(path: Path, size: int, weight: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.truetype(str(path), size)
    font.set_variation_by_axes([weight])
    return font


def _lines(text: str, fonts: Path, size: int, weight: int) -> list[str]:
    """Break a text into lines that fit the card."""
    font, lines = _font(fonts / TEXT, size, weight), [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= WIDTH or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _paragraph(
    pen: ImageDraw.ImageDraw, top: float, lines: list[str], font: ImageFont.FreeTypeFont, color: str, leading: float
) -> float:
    """Write lines below each other; return where the next would stand."""
    for line in lines:
        pen.text((EDGE, top), line, color, font)
        top += font.size * leading
    return top
