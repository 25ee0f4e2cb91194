"""The colours of the figures, each readable on the light page and on the dark one.

A figure is drawn with real colours. ``themed`` then turns the colour of text and axes into the page's own
(``currentColor``) and each colour of the cycle into a variable that the page may set.
"""

LIGHT, DARK = "#ffffff", ("#14161c", "#1e2129")  # the pages that every colour is read on
CYCLE = ("#5088f5", "#b85800", "#0d7d69", "#ef5094", "#8352c2", "#ae9040", "#80979e")
"""Blue, orange, green, pink, violet, ochre, slate.

Contrast of at least 3:1 with both pages bounds the luminance to 0.146 ... 0.30; within it the colours were searched for
the largest difference (CIEDE2000) between any two as people with protanopia and deuteranopia see them (Machado,
Oliveira, Fernandes 2009, doi:10.1109/TVCG.2009.113). No published palette that we tried keeps 3:1 on both.
"""
DARK_CYCLE = ("#568ef8", "#f06810", "#70dcb0", "#da6c96", "#d8b0f8", "#e8c858", "#c4ccd2")
"""The same hues where the page knows that it is dark: its style sheet sets --fig-0 ... --fig-6 to them."""
TEXT = "#767b85"

# From nothing to full colour: an empty cell is the page itself, and text in the page's colour can be read on each.
RAMP = [(0.0, "#28a39f0a"), (0.35, "#348cc466"), (0.7, "#3c6fdcc8"), (1.0, "#4f68e0ff")]
DIVERGING = [(0.0, "#b85800ff"), (0.5, "#b8580000"), (0.5, "#3f6ee000"), (1.0, "#3f6ee0ff")]
MARKS = [(0.0, "#4468c8"), (0.35, "#9558b4"), (0.65, "#d6566f"), (1.0, "#ac882c")]  # each point can be seen
LEAST_CONTRAST = 2.0  # of a colour that the code names itself


class Unfit(ValueError):
    """A figure that would not do on the page; ``color`` is the colour that is to blame, if one is."""

    def __init__(self, message: str, color: str = "") -> None:
        self.color = color
        super().__init__(message)


def themed(color: str, *, is_text: bool = False, opacity: float = 1.0) -> str:
    """Return what stands for a colour on the page.

    Raises:
        Unfit: The colour is not the house's, and vanishes on one of the pages.
    """
    if color == TEXT:
        return "currentColor"
    if color in CYCLE:
        variable = f"var(--fig-{CYCLE.index(color)},{color})"
        # Letters are thin: they take a third of the text's colour, so that they reach a contrast of 4.5:1.
        return f"color-mix(in srgb,{variable} 68%,currentColor)" if is_text else variable
    worst = min(contrast(color, page) for page in (LIGHT, *DARK))
    if worst < LEAST_CONTRAST and opacity > 0:
        raise Unfit(
            f"the colour {color} would vanish on a light or a dark page (contrast {worst:.1f}:1): "
            'use the cycle "C0" ... "C6", "gray", or no colour at all for the text\'s own',
            color,
        )
    return color


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours ``#rrggbb``, 1 to 21.

    Source: W3C, Web Content Accessibility Guidelines 2.2, "contrast ratio" and "relative luminance".
    """
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(color: str) -> float:
    """Return the relative luminance of ``#rrggbb``, 0 to 1."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
