"""The feed of changes, as a feed reader reads it."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

from sitekit import feed

HOME = "https://example.org/site/"
FIRST = datetime(2026, 1, 1, 23, 30, tzinfo=UTC)
NAMES = {"a": feed.ATOM}


def entry(name: str, days: int) -> feed.Entry:
    return feed.Entry(FIRST + timedelta(days=days), f"{HOME}{name}/", f"Title of {name} & <more>", f"About {name}.")


def parsed(*entries: feed.Entry) -> ET.Element:
    return ET.fromstring(feed.atom(entries, HOME, "small"))


def test_the_last_changed_comes_first() -> None:
    root = parsed(entry("b", 1), entry("c", 9), entry("a", 1))
    assert root.tag == f"{{{feed.ATOM}}}feed"
    assert [node.text for node in root.iterfind("a:entry/a:title", NAMES)] == [
        f"Title of {name} & <more>" for name in ("c", "a", "b")
    ]
    assert root.findtext("a:updated", "", NAMES) == "2026-01-10T23:30:00+00:00"


def test_an_entry_holds_what_a_reader_needs() -> None:
    root = parsed(entry("c", 0))
    node = root.find("a:entry", NAMES)
    assert node is not None
    said = {child.tag.partition("}")[2]: child.text or child.get("href") for child in node}
    assert said == {
        "id": f"{HOME}c/#2026-01-01",
        "title": "Title of c & <more>",
        "updated": "2026-01-01T23:30:00+00:00",
        "link": f"{HOME}c/",
        "summary": "About c.",
    }
    links = {link.get("rel"): link.get("href") for link in root.iterfind("a:link", NAMES)}
    assert links == {None: HOME, "self": f"{HOME}feed.xml"}


def test_a_page_that_changes_again_is_a_new_entry() -> None:
    ids = [parsed(entry("c", days)).findtext("a:entry/a:id", "", NAMES) for days in (0, 1)]
    assert len(set(ids)) == 2


def test_the_order_of_the_pages_makes_no_difference() -> None:
    entries = [entry(name, 3) for name in "dbca"]
    assert feed.atom(entries, HOME, "small") == feed.atom(sorted(entries, key=lambda one: one.url), HOME, "small")


def test_the_feed_is_bounded_and_may_be_empty() -> None:
    many = parsed(*(entry(f"p{number}", number) for number in range(feed.ENTRIES + 5)))
    ids = [node.text for node in many.iterfind("a:entry/a:link", NAMES)]
    assert len(ids) == feed.ENTRIES
    assert parsed().findtext("a:updated", "", NAMES) == "1970-01-01T00:00:00+00:00"
