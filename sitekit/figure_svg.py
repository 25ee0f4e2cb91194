"""Make Matplotlib's SVG fit to stand in a page: themed, small, with ids of its own, the same from run to run."""

import base64
import html
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import oxipng

from sitekit.figure_colors import Unfit, themed
from sitekit.figure_paths import relative_path, rounded

PREFIX = "\ue000"  # stands for the figure's own id in the ids of its parts, until the figure is put into a page
PIXELS_PER_INCH = 96  # 12 pt text is as large as the text around the figure
PHONE = 350  # the width of a figure on a phone of 390 pixels
SMALLEST_TEXT = 10.0
LARGEST = 100_000

_POINTS_PER_INCH = 72
_PNG = "data:image/png;base64,"
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_NUMBER = re.compile(r"-?\d*\.?\d+(?:e-?\d+)?")
_ROOT = {"fill": "currentColor", "font-size": "12px", "stroke-linejoin": "round"}
_DEFAULTS = {*_ROOT.items(), ("stroke-width", "1"), ("stroke-linecap", "butt"), ("text-anchor", "start")}
_OWN = frozenset({"opacity", "transform", "clip-path"})  # not inherited, so that it must stay where it is


def fit(svg: str) -> str:
    """Rewrite an SVG file of Matplotlib as an element to be put into HTML.

    Colours become ``currentColor`` and ``var(--fig-0, ...)``; text takes the page's font; metadata, the global style
    rule and unused ids go. Coordinates are rounded (curves to a hundredth of a point, the rest to a tenth), paths are
    written relative, and a style that all children of a group share is written once.

    Raises:
        Unfit: A colour that cannot be read on a light or on a dark page; mathematics; text too small for a phone; a
            drawing too large for a page.
    """
    root = ET.fromstring(svg)
    for element in root.iter():
        _plain(element)
    width, height = (float(part) for part in root.attrib["viewBox"].split()[2:])
    _check_text(root, width)
    _clean(root)
    _rename(root)
    root.attrib.clear()
    scale = PIXELS_PER_INCH / _POINTS_PER_INCH
    root.attrib |= {
        "viewBox": f"0 0 {rounded(width)} {rounded(height)}",
        "width": f"{width * scale:.0f}",
        "height": f"{height * scale:.0f}",
        "style": "max-width:100%;height:auto",
        **_ROOT,
    }
    text = ET.tostring(root, encoding="unicode")
    text = re.sub(r">\s+<", "><", text).replace(" />", "/>")
    if len(text) > LARGEST:
        raise Unfit(
            f"the figure weighs {len(text) // 1000} KB and a page bears {LARGEST // 1000}: draw fewer points, "
            "or pass rasterized=True"
        )
    return text


def named(svg: str, identifier: str, alt: str) -> str:
    """Give a drawing that fits its id and the words for those who cannot see it, so that it can stand in a page."""
    name = html.escape(" ".join(alt.split()))
    opening = f'<svg role="img" aria-label="{name}" data-search-exclude=""'
    return svg.replace("<svg", opening, 1).replace(PREFIX, f"{identifier}-")


def _plain(element: ET.Element) -> None:
    """Drop the namespaces: HTML's parser knows SVG."""
    element.tag = element.tag.rpartition("}")[2]
    for key in list(element.attrib):
        element.attrib[key.rpartition("}")[2]] = element.attrib.pop(key)


def _check_text(root: ET.Element, width: float) -> None:
    for text in root.iter("text"):
        words = "".join("".join(text.itertext()).split()) if len(text) else (text.text or "").strip()
        if text.find("tspan") is not None:
            raise Unfit(f"the text {words!r} is set as mathematics, which loses its font: write it in Unicode, no $")
        size = float(_style(text).get("font-size", "12px").removesuffix("px"))
        if size * PHONE / width < SMALLEST_TEXT:
            raise Unfit(
                f"the text {words!r} would be {size * PHONE / width:.1f} pixels high on a phone, and {SMALLEST_TEXT:g}"
                f" is the least: make the figure narrower than its {width / _POINTS_PER_INCH:g} inches"
            )


def _style(element: ET.Element) -> dict[str, str]:
    pairs = (pair.split(":", 1) for pair in element.get("style", "").split(";") if ":" in pair)
    style = {key.strip(): value.strip() for key, value in pairs}
    if font := style.pop("font", None):  # "italic 700 12px 'DejaVu Sans', ..."
        words = font.partition("px")[0].split()
        style["font-size"] = words[-1] + "px"
        if {"italic", "oblique"} & set(words):
            style["font-style"] = "italic"
        if {"bold", "700"} & set(words):
            style["font-weight"] = "600"
    return style


def _clean(parent: ET.Element) -> None:
    """Clean an element from the leaves up."""
    for child in list(parent):
        if child.tag in ("metadata", "style"):
            parent.remove(child)
            continue
        _clean(child)
        if parent.tag in ("defs", "clipPath"):
            child.attrib.pop("style", None)  # a marker: each of its uses says it again
        else:
            _restyle(child)
        _shorten(child)
        if _empty(child):
            parent.remove(child)
        elif child.tag == "g" and not child.attrib:
            position = list(parent).index(child)
            parent.remove(child)
            for offset, grandchild in enumerate(child):
                parent.insert(position + offset, grandchild)
    _merge(parent)
    for child in parent.findall("g"):
        _hoist(child)


def _restyle(element: ET.Element) -> None:
    style = _style(element)
    if element.tag == "image":
        element.attrib["href"] = _light(element.attrib["href"])
        _set_style(element, {"image-rendering": "pixelated"} if "image-rendering" in style else {})
        return
    style.pop("font-family", None)
    if element.tag in ("path", "use", "text"):
        style.setdefault("fill", "#000000")  # Matplotlib leaves out SVG's default
    for key in ("fill", "stroke"):
        if style.get(key, "").startswith("#"):
            style[key] = themed(
                style[key], is_text=element.tag == "text", opacity=float(style.get(f"{key}-opacity", "1"))
            )
    if style.get("stroke", "none") == "none":
        style = {key: value for key, value in style.items() if not key.startswith("stroke")}
    kept = {key: _rounded(value) for key, value in style.items() if (key, value) not in _DEFAULTS}
    _set_style(element, kept)


def _light(picture: str) -> str:
    """Write a picture with as few bytes as its pixels need: Matplotlib stores grey ones in four channels."""
    content = base64.b64decode(picture.removeprefix(_PNG))
    lighter = oxipng.optimize_from_memory(content, level=4, strip=oxipng.StripChunks.all())
    return _PNG + base64.b64encode(lighter).decode()


def _set_style(element: ET.Element, style: dict[str, str]) -> None:
    element.attrib.pop("style", None)
    if style:
        element.attrib["style"] = ";".join(f"{key}:{value}" for key, value in style.items())


def _empty(element: ET.Element) -> bool:
    """Tell whether an element, restyled, draws nothing."""
    style = _style(element)
    if element.tag == "path":
        return style.get("fill") == "none" and "stroke" not in style
    return element.tag in ("g", "defs") and not len(element)


def _shorten(element: ET.Element) -> None:
    for key in ("x", "y", "width", "height"):
        if key in element.attrib:
            element.attrib[key] = rounded(float(element.attrib[key]))
    if "d" in element.attrib:
        element.attrib["d"] = relative_path(element.attrib["d"])
    transform = element.attrib.pop("transform", "")
    if transform and not transform.startswith("rotate(-0 "):
        element.attrib["transform"] = _rounded(transform, 3) if element.tag == "image" else _rounded(transform, 1)
    if element.tag == "g":
        element.attrib.pop("id", None)


def _rounded(text: str, digits: int = 2) -> str:
    if "#" in text or "var(" in text:
        return text
    return _NUMBER.sub(lambda match: rounded(float(match[0]), digits), text)


def _merge(parent: ET.Element) -> None:
    """Join neighbouring groups that differ in nothing: Matplotlib clips each point of a scatter by itself."""
    for before, after in list(zip(list(parent), list(parent)[1:], strict=False))[::-1]:
        if before.tag == after.tag == "g" and before.attrib == after.attrib:
            before.extend(list(after))
            parent.remove(after)


def _hoist(group: ET.Element) -> None:
    """Write a style that all children share once, on the group."""
    children = [child for child in group if child.tag != "defs"]
    styles = [_style(child) for child in children]
    if len(children) < 2 or not styles[0] or any(style != styles[0] for style in styles):
        return
    if _OWN & styles[0].keys() or "style" in group.attrib:
        return
    _set_style(group, styles[0])
    for child in children:
        child.attrib.pop("style")


def _rename(root: ET.Element) -> None:
    """Number the ids that something refers to, in the order of the drawing, and drop the others."""
    names: dict[str, str] = {}
    for name in _references(root):
        names.setdefault(name, f"{PREFIX}{len(names) + 1}")
    for element in root.iter():
        name = element.attrib.pop("id", None)
        if name in names:
            element.attrib["id"] = names[name]
        if element.get("href", "").startswith("#"):
            element.attrib["href"] = "#" + names[element.attrib["href"][1:]]
        if "clip-path" in element.attrib:
            clip = _REFERENCE.sub(lambda match: f"url(#{names[match[1]]})", element.attrib["clip-path"])
            element.attrib["clip-path"] = clip


def _references(root: ET.Element) -> Iterator[str]:
    for element in root.iter():
        if element.get("href", "").startswith("#"):
            yield element.attrib["href"][1:]
        yield from _REFERENCE.findall(element.get("clip-path", ""))
