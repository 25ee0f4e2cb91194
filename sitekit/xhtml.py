"""HTML as XML: what a browser forgives, an e-reader does not.

Elements carry plain names; ``xmlns`` stands as an attribute on each ``svg`` and ``math``, since old readers do not
understand prefixes.
"""

import xml.etree.ElementTree as ET
from collections.abc import Collection

from selectolax.lexbor import LexborHTMLParser, LexborNode

HTML, EPUB, XLINK = "http://www.w3.org/1999/xhtml", "http://www.idpf.org/2007/ops", "http://www.w3.org/1999/xlink"
OWN_NAMESPACE = {"svg": "http://www.w3.org/2000/svg", "math": "http://www.w3.org/1998/Math/MathML"}
_NO_XML = dict.fromkeys(code for code in range(32) if chr(code) not in "\t\n\r")


def parse(html: str) -> ET.Element:
    """Return a piece of HTML as the children of a ``section``."""
    body = LexborHTMLParser(f"<body>{html}").body
    assert body is not None
    section = ET.Element("section")
    _fill(section, body)
    return section


def write(element: ET.Element) -> str:
    """Return an element as XML."""
    return ET.tostring(element, encoding="unicode")


def document(title: str, body: ET.Element, style: str, language: str = "en") -> str:
    """Return an XHTML document that holds an element."""
    root = ET.Element("html", {"xmlns": HTML, "xmlns:epub": EPUB, "lang": language, "xml:lang": language})
    head = ET.SubElement(root, "head")
    ET.SubElement(head, "title").text = title
    ET.SubElement(head, "link", {"rel": "stylesheet", "type": "text/css", "href": style})
    ET.SubElement(root, "body").append(body)
    return f'<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE html>\n{write(root)}\n'


def remove(root: ET.Element, unwanted: Collection[ET.Element]) -> None:
    """Take elements out of a tree, and leave the text that follows them."""
    for parent in list(root.iter()):
        for child in [child for child in parent if child in unwanted]:
            position = list(parent).index(child)
            if position:
                parent[position - 1].tail = (parent[position - 1].tail or "") + (child.tail or "")
            else:
                parent.text = (parent.text or "") + (child.tail or "")
            parent.remove(child)


def _fill(parent: ET.Element, node: LexborNode) -> None:
    last: ET.Element | None = None
    for child in node.iter(include_text=True):
        tag = child.tag or ""
        if tag == "-text":
            text = (child.text_content or "").translate(_NO_XML)
            if last is None:
                parent.text = (parent.text or "") + text
            else:
                last.tail = (last.tail or "") + text
        elif not tag.startswith(("-", "!")):  # no comment
            attributes = {key: (value or "").translate(_NO_XML) for key, value in child.attributes.items()}
            for key in [key for key in attributes if key.startswith("xmlns")]:
                del attributes[key]
            if tag in OWN_NAMESPACE:
                attributes["xmlns"] = OWN_NAMESPACE[tag]
            if "xlink:href" in attributes:
                attributes["xmlns:xlink"] = XLINK
            last = ET.SubElement(parent, tag, attributes)
            _fill(last, child)
