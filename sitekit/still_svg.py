"""Drawings that look the same where no stylesheet of the site reaches: every colour a real one, on the drawing itself.

On the site a drawing takes its colours from the page: variables, ``currentColor``, rules for its classes. Here
those are worked out as a browser would on the light page, for what paints, and written into the drawing.
"""

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

import tinycss2
from cssselect2 import ElementWrapper, Matcher, SelectorError, compile_selector_list

PAINT = ("fill", "stroke", "stroke-width", "font-size", "font-weight", "stop-color", "opacity")
INK = "--ink"
GROUND = "#ffffff"
_VARIABLE = re.compile(r"var\(\s*(--[\w-]+)\s*(?:,\s*([^()]*))?\)")
_MIX = re.compile(r"color-mix\(in srgb,\s*(#[0-9a-f]+)\s+([\d.]+)%,\s*(#[0-9a-f]+|transparent)\)", re.I)
_LENGTH = re.compile(r"^([\d.]+)rem$")
_REM = 20  # pixels, as the theme sets it

Declarations = dict[str, str]


@dataclass(frozen=True)
class Look:
    """What a stylesheet says about drawings: its variables for the light page, and the rules that may paint."""

    variables: Declarations
    matcher: Matcher


def look(css: str) -> Look:
    """Read a stylesheet; rules for some screens alone, and what follows a pointer, are passed over."""
    variables: Declarations = {}
    matcher = Matcher()
    for rule in tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True):
        if rule.type != "qualified-rule":
            continue
        selector = tinycss2.serialize(rule.prelude).strip()
        declarations = _declarations(rule.content)
        if selector.startswith(":root"):
            variables |= {key: value for key, value in declarations.items() if key.startswith("--")}
        painting = {key: value for key, value in declarations.items() if key in PAINT or key.startswith("--")}
        if painting and not selector.startswith(":root"):
            for compiled in _compiled(selector):
                matcher.add_selector(compiled, painting)
    return Look(variables, matcher)


def still(svg: ET.Element, of: Look, around: str = "") -> None:
    """Give a drawing real colours, in place, and a light ground, so that it can be read at night too.

    Args:
        svg: The drawing.
        of: What the site's stylesheet says.
        around: The classes of the element that holds it, a figure.

    Raises:
        ValueError: A colour that cannot be worked out.
    """
    page = ET.Element("div", {"class": "md-typeset"})
    figure = ET.SubElement(page, "figure", {"class": around})
    figure.append(svg)
    root = ElementWrapper.from_html_root(page)
    wrapped = next(next(root.iter_children()).iter_children())
    _paint(wrapped, of, of.variables, {"color": of.variables.get(INK, "#000000")})
    svg.set("style", ";".join(filter(None, [svg.get("style", "").rstrip(";"), f"background:{GROUND}"])))


def real(value: str, variables: Declarations, current: str) -> str:
    """Return a value with its variables, ``currentColor`` and mixtures worked out."""
    for _ in range(9):  # a variable may stand for another
        if "var(" not in value:
            break
        value = _VARIABLE.sub(lambda found: variables.get(found[1], found[2] or "none"), value)
    value = re.sub(r"\bcurrentColor\b", current, value, flags=re.I)
    value = _MIX.sub(
        lambda mix: _mixed(mix[1], float(mix[2]) / 100, GROUND if mix[3] == "transparent" else mix[3]), value
    )
    if "var(" in value or "color-mix(" in value:
        raise ValueError(f"cannot work out the colour {value!r}: write it with variables of the site and two colours")
    return _LENGTH.sub(lambda length: f"{float(length[1]) * _REM:g}px", value)


def _paint(wrapped: ElementWrapper, of: Look, variables: Declarations, inherited: Declarations) -> None:
    element = wrapped.etree_element
    said: Declarations = {}
    for *_, declarations in of.matcher.match(wrapped):  # from the least to the most specific
        said |= declarations
    own = _style(element.get("style", ""))
    variables = variables | {key: value for key, value in (said | own).items() if key.startswith("--")}
    current = real(own.get("color", inherited["color"]), variables, inherited["color"])
    kept = {key: value for key, value in (said | own).items() if not key.startswith("--") and key != "color"}
    for key, value in kept.items():
        kept[key] = real(value, variables, current)
    for key in ("fill", "stroke", "stop-color"):
        if key in element.attrib:
            element.set(key, real(element.attrib[key], variables, current))
    if kept:
        element.set("style", ";".join(f"{key}:{value}" for key, value in kept.items()))
    for child in wrapped.iter_children():
        _paint(child, of, variables, {"color": current})


def _style(text: str) -> Declarations:
    return {key.strip(): value.strip() for key, _, value in (pair.partition(":") for pair in text.split(";")) if value}


def _declarations(content: list) -> Declarations:
    found = tinycss2.parse_blocks_contents(content, skip_comments=True, skip_whitespace=True)
    return {one.name: tinycss2.serialize(one.value).strip() for one in found if one.type == "declaration"}


def _compiled(selector: str) -> list:
    try:
        return compile_selector_list(selector)
    except SelectorError:  # a pseudo-element, or newer than the library
        return []


def _mixed(one: str, share: float, other: str) -> str:
    pairs = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02x}" for a, b in pairs)


def _channels(color: str) -> list[int]:
    digits = color.removeprefix("#")
    digits = digits if len(digits) >= 6 else "".join(2 * digit for digit in digits)
    return [int(digits[i : i + 2], 16) for i in (0, 2, 4)]
