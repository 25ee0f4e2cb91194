"""The feed of changes: an Atom file that names the pages, the last changed first.

mkdocs-rss-plugin does more (categories, images, authors) and stamps the time of the build into the file.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

ATOM = "http://www.w3.org/2005/Atom"
NAME = "feed.xml"
ENTRIES = 30


@dataclass(frozen=True)
class Entry:
    """A page: when it was last changed, where it is, and what it says of itself."""

    changed: datetime
    url: str
    title: str
    description: str


def atom(entries: Iterable[Entry], home: str, title: str) -> str:
    """Write the feed.

    Args:
        entries: The pages, in any order.
        home: The address of the site, which the feed lies beside.
        title: Of the site.
    """
    newest = sorted(entries, key=lambda entry: (-entry.changed.timestamp(), entry.url))[:ENTRIES]
    latest = newest[0].changed if newest else datetime.fromtimestamp(0, UTC)
    ET.register_namespace("", ATOM)
    feed = ET.Element(f"{{{ATOM}}}feed")
    _add(feed, "id", home)
    _add(feed, "title", title)
    _add(feed, "updated", latest.isoformat())
    _add(_add(feed, "author"), "name", title)
    _add(feed, "link", href=home)
    _add(feed, "link", href=f"{home}{NAME}", rel="self", type="application/atom+xml")
    for entry in newest:
        node = _add(feed, "entry")
        # The page and the day: a reader that has seen the page shows it again when it has changed.
        _add(node, "id", f"{entry.url}#{entry.changed:%Y-%m-%d}")
        _add(node, "title", entry.title)
        _add(node, "updated", entry.changed.isoformat())
        _add(node, "link", href=entry.url)
        _add(node, "summary", entry.description)
    ET.indent(feed)
    return ET.tostring(feed, "unicode", xml_declaration=False) + "\n"


def _add(parent: ET.Element, tag: str, text: str = "", **attributes: str) -> ET.Element:
    node = ET.SubElement(parent, f"{{{ATOM}}}{tag}", attributes)
    node.text = text or None
    return node
