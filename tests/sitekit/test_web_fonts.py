"""The site's fonts hold what its pages show, and little else."""

import io
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

from sitekit.web_fonts import characters, cut, shrink

FONTS = Path(__file__).parents[2] / "docs" / "assets" / "fonts"
INTER = (FONTS / "inter-latin.woff2").read_bytes()


def held(font: bytes) -> set[str]:
    return {chr(code) for code in TTFont(io.BytesIO(font)).getBestCmap() or {}}


def test_a_cut_font_holds_the_text_alone() -> None:
    font = cut(INTER, "né ∇")
    assert held(font) == {"n", "é", " "}  # Inter's Latin part has no nabla
    assert len(font) < len(INTER) / 10


@pytest.mark.parametrize(("weights", "axes"), [((400, 750), [(400, 400, 750)]), (400, []), (None, [(100, 400, 900)])])
def test_a_variable_font_keeps_the_weights_in_use(
    weights: tuple[int, int] | int | None, axes: list[tuple[int, int, int]]
) -> None:
    font = TTFont(io.BytesIO(cut(INTER, "n", weights)))
    kept = font["fvar"].axes if "fvar" in font else []
    assert [(axis.minValue, axis.defaultValue, axis.maxValue) for axis in kept] == axes


def test_a_font_is_cut_to_the_same_bytes_again() -> None:
    assert cut(INTER, "abc", (400, 750)) == cut(INTER, "abc", (400, 750))


def test_references_count_as_the_characters_they_stand_for() -> None:
    assert {"Ω", "…", "é"} <= set(characters(["<p>&#937; &hellip;</p>", "é"]))
    assert "ß" in characters([])  # Latin-1 is always there


def test_every_page_style_and_script_of_a_site_counts(tmp_path: Path) -> None:
    site, cache = tmp_path / "site", tmp_path / "cache"
    (site / "assets" / "js").mkdir(parents=True)
    (site / "assets" / "inter-greek.woff2").write_bytes((FONTS / "inter-greek.woff2").read_bytes())
    (site / "index.html").write_text("<p>α</p>", "utf-8")
    (site / "assets" / "style.css").write_text('a::before { content: "β" }', "utf-8")
    (site / "assets" / "js" / "script.js").write_text('say("γ")', "utf-8")
    shrink(site, cache)
    greek = (site / "assets" / "inter-greek.woff2").read_bytes()
    assert held(greek) & set("αβγδ") == set("αβγ")
    (site / "assets" / "inter-greek.woff2").write_bytes((FONTS / "inter-greek.woff2").read_bytes())
    (kept,) = cache.iterdir()
    kept.write_bytes(b"as it was kept")
    shrink(site, cache)
    assert (site / "assets" / "inter-greek.woff2").read_bytes() == b"as it was kept"
