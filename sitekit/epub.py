"""The whole site as one EPUB 3 book, for phones and e-readers: every page in reading order, with a table of contents.

Written here and not by EbookLib, which reads each chapter with an HTML parser that breaks SVG (``viewBox`` becomes
``viewbox``), stamps the time of the run, and asks for more of its users than the licence of this project.
"""

import mimetypes
import re
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from sitekit import epub_text, xhtml
from sitekit.archives import zipped
from sitekit.chapters import Chapter
from sitekit.still_svg import Look

STYLE = Path(__file__).parent / "epub.css"
MIMETYPE = b"application/epub+zip"
FOLDER = "EPUB"
_IMAGE = re.compile(rf'<img [^>]*src="{epub_text.IMAGES}/([^"]+)"')
CONTAINER = f"""\
<?xml version="1.0" encoding="utf-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
  <rootfiles><rootfile full-path="{FOLDER}/book.opf" media-type="application/oebps-package+xml"/></rootfiles>
</container>
"""


@dataclass(frozen=True)
class Title:
    """What stands on a book's first page; ``address`` is where the site is published."""

    name: str
    description: str
    address: str
    written: datetime
    language: str = "en"


def book(chapters: Sequence[Chapter], title: Title, look: Look, site: Path) -> bytes:
    """Return the book, the same for the same input.

    Args:
        chapters: The chapters in reading order.
        title: What stands on the first page.
        look: What the site's stylesheet says about drawings.
        site: The built site, for its images.
    """
    names = {chapter.place.url: f"{chapter.place.name}.xhtml" for chapter in chapters}
    documents = {"title.xhtml": _title_page(title), "contents.xhtml": contents(chapters, names, "Contents")}
    for chapter in chapters:
        documents[names[chapter.place.url]] = epub_text.text(chapter, names, title.address, look)
    images = sorted({name for document in documents.values() for name in _IMAGE.findall(document)})
    files = [
        ("mimetype", MIMETYPE),
        ("META-INF/container.xml", CONTAINER.encode()),
        (f"{FOLDER}/book.opf", _package(documents, images, title).encode()),
        (f"{FOLDER}/book.css", STYLE.read_bytes()),
        *((f"{FOLDER}/{name}", document.encode()) for name, document in documents.items()),
        *((f"{FOLDER}/{epub_text.IMAGES}/{name}", (site / name).read_bytes()) for name in images),
    ]
    return zipped(files, stored=["mimetype"])


def contents(chapters: Sequence[Chapter], names: dict[str, str], heading: str) -> str:
    """Return the table of contents: the sections, their pages, and the parts of each page."""
    nav = ET.Element("nav", {"epub:type": "toc", "id": "toc"})
    ET.SubElement(nav, "h1").text = heading
    top = ET.SubElement(nav, "ol")
    for section, group in groupby(chapters, key=lambda chapter: chapter.place.section):
        pages = list(group)
        if section:  # its first page stands for it
            item = _item(top, section, names[pages[0].place.url])
            pages = pages[1:] if pages[0].place.title == section else pages
            if pages:
                _pages(ET.SubElement(item, "ol"), pages, names)
        else:
            _pages(top, pages, names)
    return xhtml.document(heading, nav, "book.css")


def _pages(place: ET.Element, pages: Sequence[Chapter], names: dict[str, str]) -> None:
    for page in pages:
        name = names[page.place.url]
        item = _item(place, page.place.title, name)
        if page.headings:
            parts = ET.SubElement(item, "ol")
            for identifier, text in page.headings:
                _item(parts, text, f"{name}#{identifier}")


def _item(place: ET.Element, text: str, address: str) -> ET.Element:
    item = ET.SubElement(place, "li")
    ET.SubElement(item, "a", {"href": address}).text = text
    return item


def _title_page(title: Title) -> str:
    page = ET.Element("section", {"class": "title-page", "epub:type": "titlepage"})
    ET.SubElement(page, "h1").text = title.name
    ET.SubElement(page, "p").text = title.description
    ET.SubElement(ET.SubElement(page, "p"), "a", {"href": title.address}).text = title.address
    ET.SubElement(page, "p").text = f"As of {title.written.date().isoformat()}."
    return xhtml.document(title.name, page, "book.css", title.language)


def _package(documents: dict[str, str], images: Sequence[str], title: Title) -> str:
    """Return the list of the book's files, and the order in which they are read."""
    package = ET.Element(
        "package",
        {
            "xmlns": "http://www.idpf.org/2007/opf",
            "version": "3.0",
            "unique-identifier": "id",
            "xml:lang": title.language,
        },
    )
    data = ET.SubElement(package, "metadata", {"xmlns:dc": "http://purl.org/dc/elements/1.1/"})
    ET.SubElement(data, "dc:identifier", {"id": "id"}).text = uuid.uuid5(uuid.NAMESPACE_URL, title.address).urn
    ET.SubElement(data, "dc:title").text = title.name
    ET.SubElement(data, "dc:language").text = title.language
    ET.SubElement(data, "dc:description").text = title.description
    ET.SubElement(data, "dc:source").text = title.address
    modified = title.written.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    ET.SubElement(data, "meta", {"property": "dcterms:modified"}).text = modified
    manifest = ET.SubElement(package, "manifest")
    ET.SubElement(manifest, "item", {"id": "css", "href": "book.css", "media-type": "text/css"})
    for number, image in enumerate(images):
        kind = mimetypes.types_map[Path(image).suffix]
        item = {"id": f"image-{number}", "href": f"{epub_text.IMAGES}/{image}", "media-type": kind}
        ET.SubElement(manifest, "item", item)
    spine = ET.SubElement(package, "spine")
    for name, document in documents.items():
        item = {"id": f"x-{name.removesuffix('.xhtml')}", "href": name, "media-type": "application/xhtml+xml"}
        special = ["nav"] if name == "contents.xhtml" else []
        if found := " ".join([*special, *epub_text.properties(document)]):
            item["properties"] = found
        ET.SubElement(manifest, "item", item)
        ET.SubElement(spine, "itemref", {"idref": item["id"]})
    return f'<?xml version="1.0" encoding="utf-8"?>\n{xhtml.write(package)}\n'
