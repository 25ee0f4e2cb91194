"""Pictures that a lab shows as data, made into files beside its page: each is loaded when it comes into sight.

As data they belong to the page itself, and a reader of the first paragraph waits for the last photograph. The notebook
to download keeps them as data and so stands alone.
"""

import base64
import hashlib
import re

from nbformat import NotebookNode

_DATA = re.compile(r'src="data:image/(?P<kind>jpeg|png|webp);base64,(?P<content>[A-Za-z0-9+/=]+)"')


def files(notebook: NotebookNode) -> dict[str, bytes]:
    """Return the pictures in what the cells of a lab show as HTML, by the names of their files."""
    found: dict[str, bytes] = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            for data in _DATA.finditer(output.get("data", {}).get("text/html", "")):
                found[_name(data)] = base64.b64decode(data["content"])
    return found


def linked(html: str) -> str:
    """Refer to the files instead of holding what is in them."""
    return _DATA.sub(lambda data: f'src="{_name(data)}" loading="lazy" decoding="async"', html)


def _name(data: re.Match[str]) -> str:
    return f"{hashlib.sha256(data['content'].encode()).hexdigest()[:16]}.{data['kind']}"
