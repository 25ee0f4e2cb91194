"""Count the Python fences of a page with an independent parser, so that none slips past our own.

markdown-it-py reads CommonMark. What Python-Markdown adds (admonitions, collapsible blocks, tabs) comes from its
admonition plugin.
"""

import re

from markdown_it import MarkdownIt
from mdit_py_plugins.admon import admon_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.front_matter import front_matter_plugin

_TAB = re.compile(r'^([ \t>]*)===[!+]?(?=[ \t]+")', re.M)
_PYTHON = re.compile(r"^\{?\s*\.?(?:python|py|pycon|python3)\b", re.I)


def python_fences(text: str) -> list[int]:
    """Return the lines, counted from 1, on which a fence for Python opens."""
    parser = MarkdownIt("commonmark").use(admon_plugin).use(front_matter_plugin).use(footnote_plugin)
    tokens = parser.parse(_TAB.sub(r"\1!!! tab", text))
    return [
        token.map[0] + 1
        for token in tokens
        if token.type == "fence" and token.map and _PYTHON.match(token.info.strip())
    ]
