"""Fonts cut to what the site shows: the weights its styles use and the characters its pages hold.

The fonts under docs are whole, as their makers publish them; the built site gets the cut ones under the same names. A
page then loads a third of the bytes, and a new character on any page is in the next build's fonts.
"""

import hashlib
import io
from collections.abc import Iterable
from html import unescape
from pathlib import Path

import brotli
import fontTools
from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.varLib import instancer

# By name: the weights to keep, (least, greatest) or one, and the OpenType features.
WEIGHTS: dict[str, tuple[int, int] | int] = {"italic": 400, "": (400, 750)}
FEATURES = ["ccmp", "kern", "mark", "mkmk", "tnum"]
ALWAYS = "".join(map(chr, [*range(0x20, 0x7F), *range(0xA0, 0x100)])) + "–—‘’“”…•−×→←↑↓"


def characters(texts: Iterable[str]) -> str:
    """Return every character that pages, styles and scripts show or may show."""
    seen = set(ALWAYS)
    for text in texts:
        seen.update(unescape(text))
    return "".join(sorted(character for character in seen if character.isprintable()))


def cut(font: bytes, text: str, weights: tuple[int, int] | int | None = None) -> bytes:
    """Return a WOFF2 font with the characters of ``text`` that it has, and of a variable font only some weights.

    Args:
        font: A font file.
        text: The characters to keep.
        weights: The range of weights to keep, or the one; None keeps what there is.
    """
    source = TTFont(io.BytesIO(font), recalcTimestamp=False)
    if weights is not None and "fvar" in source:
        source = _saved(instancer.instantiateVariableFont(source, {"wght": weights}))
    options = subset.Options(layout_features=FEATURES, hinting=False, notdef_outline=True, recalc_timestamp=False)
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=text)
    subsetter.subset(source)
    return _written(source, "woff2")


def shrink(site: Path, cache: Path) -> None:
    """Cut every font of a built site to the characters of its pages.

    Args:
        site: The built site.
        cache: A folder that keeps what was cut before, by what it was cut from.
    """
    sources = [path for pattern in ("*.html", "*.css", "assets/js/*.js") for path in site.rglob(pattern)]
    text = characters(path.read_text("utf-8") for path in sources)
    cache.mkdir(parents=True, exist_ok=True)
    for path in sorted(site.rglob("*.woff2")):
        weights = next(weights for mark, weights in WEIGHTS.items() if mark in path.stem)
        font = path.read_bytes()
        kept = cache / f"{_key(font, text, weights)}.woff2"
        if not kept.exists():
            kept.write_bytes(cut(font, text, weights))
        path.write_bytes(kept.read_bytes())


def _key(font: bytes, text: str, weights: object) -> str:
    versions = f"{fontTools.version} {brotli.__version__} {weights} {FEATURES} {text}"
    return hashlib.sha256(font + versions.encode()).hexdigest()[:32]


def _written(font: TTFont, flavor: str | None) -> bytes:
    font.flavor = flavor
    memory = io.BytesIO()
    font.save(memory)
    return memory.getvalue()


def _saved(font: TTFont) -> TTFont:
    """Read a font back: the instancer leaves tables that the subsetter does not understand until they are written."""
    return TTFont(io.BytesIO(_written(font, None)), recalcTimestamp=False)
