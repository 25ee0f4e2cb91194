"""The colours of the figures, measured: contrast on both pages, and what colour-blind readers see of them."""

import itertools

import numpy as np
import pytest
from jaxtyping import Float

from sitekit.figure_colors import CYCLE, DARK, DARK_CYCLE, DIVERGING, LIGHT, MARKS, RAMP, TEXT, contrast, themed

PAGES = (LIGHT, *DARK)
INKS = {LIGHT: "#1d272e", DARK[0]: "#dde3e4", DARK[1]: "#dde3e4"}  # the text of the site's two schemes

# Machado, Oliveira, Fernandes 2009, doi:10.1109/TVCG.2009.113, severity 1.0, on linear RGB.
SEEN = {
    "trichromat": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
SRGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def linear(color: str) -> Float[np.ndarray, "rgb"]:
    value = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(color: str, kind: str) -> Float[np.ndarray, "lab"]:
    xyz = SRGB_TO_XYZ @ np.clip(SEEN[kind] @ linear(color), 0, 1) / np.array([0.95047, 1, 1.08883])
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def ciede2000(one: Float[np.ndarray, "lab"], other: Float[np.ndarray, "lab"]) -> float:
    """Sharma, Wu, Dalal 2005, doi:10.1002/col.20070."""
    (l1, a1, b1), (l2, a2, b2) = one, other
    c = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(c**7 / (c**7 + 25**7)))
    a1, a2 = (1 + g) * a1, (1 + g) * a2
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360
    turn = (h2 - h1 + 180) % 360 - 180 if c1 * c2 else 0.0
    hue = (h1 + turn / 2) % 360 if c1 * c2 else h1 + h2
    d_hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    light, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    cosines = zip((0.17, -0.24, -0.32, 0.2), (1, 2, 3, 4), (-30, 0, 6, -63), strict=True)
    t = 1 - sum(weight * np.cos(np.radians(times * hue + shift)) for weight, times, shift in cosines)
    s_l = 1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2)
    s_c, s_h = 1 + 0.045 * chroma, 1 + 0.015 * chroma * t
    rotation = (
        -2 * np.sqrt(chroma**7 / (chroma**7 + 25**7)) * np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2))))
    )
    parts = (l2 - l1) / s_l, (c2 - c1) / s_c, d_hue / s_h
    return float(np.sqrt(sum(part**2 for part in parts) + rotation * parts[1] * parts[2]))


def mixed(color: str, other: str, share: float) -> str:
    pairs = [(int(color[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in pairs)


def shades(stops: list[tuple[float, str]], page: str) -> list[str]:
    """Return 101 steps of a colour map as they look on a page."""
    places = [place for place, _ in stops]
    channels = [[int((color + "ff")[i : i + 2], 16) for _, color in stops] for i in (1, 3, 5, 7)]
    seen = []
    for place in np.linspace(0, 1, 101):
        red, green, blue, alpha = (float(np.interp(place, places, channel)) for channel in channels)
        seen.append(mixed(f"#{round(red):02x}{round(green):02x}{round(blue):02x}", page, alpha / 255))
    return seen


def test_the_measures_agree_with_published_values() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
    # Pairs 1, 13, 20 and 24 of the test data of Sharma, Wu, Dalal.
    for one, other, difference in [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
        ((50, 2.5, 0), (50, 3.2592, 0.3350), 1.0000),
        ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ]:
        assert ciede2000(np.array(one), np.array(other)) == pytest.approx(difference, abs=1e-4)


@pytest.mark.parametrize("color", [*CYCLE, TEXT])
@pytest.mark.parametrize("page", PAGES)
def test_a_line_can_be_seen_on_both_pages(color: str, page: str) -> None:
    assert contrast(color, page) >= 3


@pytest.mark.parametrize("color", DARK_CYCLE)
@pytest.mark.parametrize("page", DARK)
def test_the_colors_of_the_dark_page_stand_out(color: str, page: str) -> None:
    assert contrast(color, page) >= 4.5


@pytest.mark.parametrize(("cycle", "pages"), [(CYCLE, PAGES), (DARK_CYCLE, DARK)])
def test_colored_text_can_be_read(cycle: tuple[str, ...], pages: tuple[str, ...]) -> None:
    share = float(themed(CYCLE[0], is_text=True).rpartition("%")[0].rpartition(" ")[2]) / 100
    for color, page in itertools.product(cycle, pages):
        assert contrast(mixed(color, INKS[page], share), page) >= 4.5


@pytest.mark.parametrize("cycle", [CYCLE, DARK_CYCLE])
@pytest.mark.parametrize("kind", SEEN)
def test_color_blind_readers_tell_the_colors_apart(cycle: tuple[str, ...], kind: str) -> None:
    seen = [lab(color, kind) for color in cycle]
    pairs = {(i, j): ciede2000(seen[i], seen[j]) for i, j in itertools.combinations(range(len(cycle)), 2)}
    assert min(pairs.values()) >= 10
    assert min(value for (_, j), value in pairs.items() if j < 4) >= 13  # the four that most figures end with


@pytest.mark.parametrize("page", PAGES)
def test_every_mark_of_a_colored_scatter_can_be_seen(page: str) -> None:
    assert min(contrast(shade, page) for shade in shades(MARKS, page)) >= 3


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("kind", SEEN)
def test_the_ramp_grows_away_from_the_page(page: str, kind: str) -> None:
    lightness = [lab(shade, kind)[0] for shade in shades(RAMP, page)[::5]]
    distance = np.abs(np.array(lightness) - lab(page, kind)[0])
    assert (np.diff(distance) > 0).all()
    assert distance[-1] > 30


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("kind", SEEN)
def test_the_two_arms_of_the_diverging_map_differ(page: str, kind: str) -> None:
    seen = np.array([lab(shade, kind) for shade in shades(DIVERGING, page)])
    left, right = seen[:46][::-1], seen[55:]
    assert (left[:, 2] > right[:, 2]).all()  # yellowish against bluish, the axis that stays
    assert ciede2000(left[-1], right[-1]) > 40
    for arm in (left, right):
        distance = np.linalg.norm(arm - lab(page, kind), axis=1)
        assert (np.diff(distance[::5]) > 0).all()


@pytest.mark.parametrize("stops", [RAMP, DIVERGING])
@pytest.mark.parametrize("page", PAGES)
def test_numbers_can_be_read_in_every_cell(stops: list[tuple[float, str]], page: str) -> None:
    assert min(contrast(shade, INKS[page]) for shade in shades(stops, page)) >= 3
