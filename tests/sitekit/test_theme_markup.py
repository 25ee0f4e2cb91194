"""What of Material's markup goes, and that nothing else does."""

from pathlib import Path

import pytest

from sitekit import theme_markup


@pytest.mark.parametrize(
    ("page", "mended"),
    [
        ('<label class="x" for="y" tabindex="">z</label>', '<label class="x" for="y">z</label>'),
        ('<a href="x" title="Edit" rel="edit">y</a>', '<a href="x" title="Edit">y</a>'),
        ('<label class="x" for="__toc">y</label>', '<label class="x">y</label>'),
        ('<input id="__toc"><label for="__toc">y</label>', '<input id="__toc"><label for="__toc">y</label>'),
        (
            '<div data-md-component="skip"> </div><article class="md-content__inner md-typeset"></article>',
            '<div data-md-component="skip"><a href="#content" class="md-skip">Skip to content</a></div>'
            '<article class="md-content__inner md-typeset" id="content"></article>',
        ),
        (
            '<div data-md-component="skip"><a href="#x" class="md-skip">Skip</a></div>'
            '<article class="md-content__inner md-typeset"></article>',
        )
        * 2,
        ('<label tabindex="0">x</label>', '<label tabindex="0">x</label>'),
        ('<a rel="next" href="x">y</a>', '<a rel="next" href="x">y</a>'),
        ('<code>&lt;a rel="edit"&gt;</code>', '<code>&lt;a rel="edit"&gt;</code>'),
        ('<p> tabindex="" </p>', '<p> tabindex="" </p>'),
    ],
)
def test_what_is_not_allowed_goes(tmp_path: Path, page: str, mended: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/x.html").write_text(page, "utf-8")
    theme_markup.mend(tmp_path)
    assert (tmp_path / "a/x.html").read_text("utf-8") == mended


def test_a_table_of_the_text_can_scroll(tmp_path: Path) -> None:
    table, other = "<table>\n<tr><td>{}</td></tr></table>", '<table class="x"><tr><td>{}</td></tr></table>'
    (tmp_path / "x.html").write_text(f"<p>{table}{other}{table}", "utf-8")
    theme_markup.wrap_tables(tmp_path)
    wrapped = f'<div class="md-typeset__scrollwrap"><div class="md-typeset__table">{table}</div></div>'
    assert (tmp_path / "x.html").read_text("utf-8") == f"<p>{wrapped}{other}{wrapped}"
