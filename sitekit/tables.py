"""Tables that can be read aloud: an empty corner is no heading, and then the first column names the rows."""

from xml.etree.ElementTree import Element

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor


class TableTreeprocessor(Treeprocessor):
    """Tell the headings of a table from its cells, which Markdown cannot."""

    def run(self, root: Element) -> None:
        """Mark every table of the page."""
        for table in root.iter("table"):
            corner = table.find("thead/tr/th")
            if corner is None or len(corner) or (corner.text or "").strip():
                continue
            corner.tag = "td"
            for row in table.iterfind("tbody/tr"):
                if (first := row.find("td")) is not None:
                    first.tag = "th"
                    first.set("scope", "row")


class TableExtension(Extension):
    """Register the processor, once the cells are read (20)."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Add the processor."""
        md.treeprocessors.register(TableTreeprocessor(md), "sitekit-tables", 14)


def makeExtension(**kwargs: object) -> TableExtension:
    """Let Markdown find the extension by the module's name."""
    return TableExtension(**kwargs)
