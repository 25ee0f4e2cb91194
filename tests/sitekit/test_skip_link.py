"""The link that skips to the content."""

import pytest

from sitekit.skip_link import lead_to_content

LINK, CONTENT = '<a href="#first" class="md-skip">Skip</a>', '<article class="md-content__inner md-typeset"><h1>x</h1>'


def test_the_link_leads_to_the_title() -> None:
    assert lead_to_content(f"{LINK}<nav></nav>{CONTENT}") == (
        '<a href="#__content" class="md-skip">Skip</a><nav></nav>'
        '<article class="md-content__inner md-typeset" id="__content"><h1>x</h1>'
    )


def test_a_page_without_the_link_stays_as_it_is() -> None:
    assert lead_to_content(CONTENT) == CONTENT


@pytest.mark.parametrize("content", ["", CONTENT + CONTENT, "<article>"])
def test_another_theme_is_noticed(content: str) -> None:
    with pytest.raises(ValueError, match="not once: see how Material writes it"):
        lead_to_content(LINK + content)
