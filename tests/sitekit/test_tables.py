"""A table whose corner is empty has headings in its first column."""

from markdown import Markdown
from selectolax.lexbor import LexborHTMLParser


def cells(text: str) -> list[tuple[str, str, str | None]]:
    tree = LexborHTMLParser(Markdown(extensions=["tables", "sitekit.tables"]).convert(text))
    return [(cell.tag or "", cell.text(), cell.attributes.get("scope")) for cell in tree.css("th, td")]


def test_an_empty_corner_makes_the_first_column_name_the_rows() -> None:
    assert cells("| | a |\n|---|---|\n| **x** | 1 |\n| y | 2 |") == [
        ("td", "", None),
        ("th", "a", None),
        ("th", "x", "row"),
        ("td", "1", None),
        ("th", "y", "row"),
        ("td", "2", None),
    ]


def test_a_table_with_a_full_head_stays_as_it_is() -> None:
    for corner in ("x", "`x`", "**x**"):
        tags = [tag for tag, *_ in cells(f"| {corner} | a |\n|---|---|\n| x | 1 |")]
        assert tags == ["th", "th", "td", "td"]
