"""Reading an EPUB as a strict reader does: a line for each fault. Not EPUBCheck, which needs Java."""

import io
import posixpath
import re
import xml.etree.ElementTree as ET
import zipfile
from urllib.parse import unquote, urlsplit

_OPF = "{http://www.idpf.org/2007/opf}"
_LIVE = re.compile(r"var\(|currentColor|color-mix", re.I)


def opened(book: bytes) -> dict[str, str]:
    """Return the text files of a book by their names."""
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        return {
            name: archive.read(name).decode() for name in archive.namelist() if not name.endswith((".png", ".jpeg"))
        }


def faults(book: bytes) -> list[str]:
    """Check the container, the list of files, the order of reading, each document, and every link between them."""
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        infos, names = archive.infolist(), set(archive.namelist())
    found = []
    if (infos[0].filename, infos[0].compress_type) != ("mimetype", zipfile.ZIP_STORED):
        found.append("the mimetype must come first, and uncompressed")
    files = opened(book)
    if files["mimetype"] != "application/epub+zip":
        found.append(f"the mimetype is {files['mimetype']!r}")
    trees = {}
    for name in [name for name in files if name.endswith((".xml", ".opf", ".xhtml"))]:
        try:
            trees[name] = ET.fromstring(files[name])
        except ET.ParseError as error:
            found.append(f"{name}: {error}")
    rootfile = trees["META-INF/container.xml"].find(".//{*}rootfile")
    assert rootfile is not None
    package = trees[rootfile.attrib["full-path"]]
    folder = posixpath.dirname(rootfile.attrib["full-path"])
    return found + _package(package, folder, files, names) + _links(trees, names)


def _package(package: ET.Element, folder: str, files: dict[str, str], names: set[str]) -> list[str]:
    items = {item.attrib["id"]: item for item in package.iter(f"{_OPF}item")}
    listed = {posixpath.join(folder, item.attrib["href"]): item for item in items.values()}
    there = {name for name in names if name.startswith(f"{folder}/") and not name.endswith(".opf")}
    found = [f"{name} is not listed" for name in sorted(there - listed.keys())]
    found += [f"{name} is listed, and not there" for name in sorted(listed.keys() - there)]
    read = [itemref.attrib["idref"] for itemref in package.iter(f"{_OPF}itemref")]
    found += [f"the order of reading names {name}, which is not listed" for name in read if name not in items]
    documents = [key for key, item in items.items() if item.attrib["media-type"] == "application/xhtml+xml"]
    found += [f"{key} is never read" for key in documents if key not in read]
    for name, item in listed.items():
        said = set(item.get("properties", "").split()) - {"nav"}
        text = files.get(name, "")
        is_so = {
            key for key, mark in (("mathml", "<math"), ("svg", "<svg")) if mark in text and name.endswith(".xhtml")
        }
        if said != is_so:
            found.append(f"{name} has {sorted(is_so)}, and is said to have {sorted(said)}")
    if len([item for item in items.values() if "nav" in item.get("properties", "").split()]) != 1:
        found.append("there must be one table of contents")
    data = {element.tag.rpartition("}")[2] for element in package.iter() if (element.text or "").strip()}
    found += [f"the book has no {name}" for name in ("identifier", "title", "language") if name not in data]
    return found


def _links(trees: dict[str, ET.Element], names: set[str]) -> list[str]:
    found = []
    ids: dict[str, set[str]] = {}
    for name, tree in trees.items():
        every = [element.attrib["id"] for element in tree.iter() if "id" in element.attrib]
        ids[name] = set(every)
        found += [
            f"{name}: the id {one!r} stands twice" for one in sorted({one for one in every if every.count(one) > 1})
        ]
    for name, tree in trees.items():
        if not name.endswith(".xhtml"):
            continue
        for element in tree.iter():
            for key in ("href", "src", "{http://www.w3.org/1999/xlink}href"):
                link = element.get(key, "")
                parts = urlsplit(link)
                if not link or parts.scheme:
                    continue
                target = posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(parts.path)))
                target = target if parts.path else name
                if target not in names:
                    found.append(f"{name}: {link}: no such file")
                elif parts.fragment and unquote(parts.fragment) not in ids.get(target, set()):
                    found.append(f"{name}: {link}: no such place")
            if live := [value for key, value in element.attrib.items() if key != "alttext" and _LIVE.search(value)]:
                found.append(f"{name}: a colour that is not real: {live[0]}")
    return found
