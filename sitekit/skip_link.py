"""The link that skips what stands above the content, for those who read with the keyboard.

Material's leads to the first heading that the table of contents lists, past the title and the first paragraphs.
"""

import re

TARGET = "__content"  # Material's own ids start like this, and no heading's does
_LINK = re.compile(r'<a href="[^"]*" class="md-skip">')
_CONTENT = '<article class="md-content__inner md-typeset">'


def lead_to_content(html: str) -> str:
    """Have a page's link skip to its title.

    Raises:
        ValueError: The page has such a link and no content that this module knows.
    """
    if not _LINK.search(html):
        return html
    if html.count(_CONTENT) != 1:
        raise ValueError(
            f"the page holds {_CONTENT} {html.count(_CONTENT)} times, not once: see how Material writes it"
        )
    html = html.replace(_CONTENT, f'{_CONTENT[:-1]} id="{TARGET}">')
    return _LINK.sub(f'<a href="#{TARGET}" class="md-skip">', html, count=1)
