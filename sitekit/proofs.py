"""Show under each public name what it was compared with: a griffe extension, used by mkdocstrings.

It turns the docstring's ``Source:`` and ``Oracle:`` paragraphs into labelled ones and adds a ``Verified:`` one for
every row of the verification record.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from griffe import Docstring, Extension, Module, Object

from sitekit import verification
from sitekit.verification import Row

LABELS = ("Source", "Oracle", "Verified")
_FACT = re.compile(rf"^(?P<label>{'|'.join(LABELS)}):[ \t]+(?P<text>\S.*)$", re.S)
_BETWEEN = re.compile(rf"(?:\n[ \t]*)+\n|\n(?=(?:{'|'.join(LABELS)}):[ \t])")
_EXAMPLE = re.compile(r"^Example:$", re.M)  # griffe knows the plural only
_NAME = re.compile(r"(?<![\w./`\"#])(?:torch|numpy)(?:\.[A-Za-z_]\w*)+")
_ARXIV = re.compile(r"\barXiv:\s?(\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})")
_DOI = re.compile(r"\b(?:doi|DOI):\s?(10\.\d{4,9}/[^\s,;]*[^\s,;.)])")


def labelled(docstring: str, rows: Iterable[Row] = ()) -> str:
    """Return a docstring with its facts labelled, and one more fact for each row of the record."""
    docstring = _EXAMPLE.sub("Examples: Example", docstring.rstrip())
    proofs = [f"Verified: {verification.sentence(row)}." for row in rows]
    paragraphs = _BETWEEN.split(docstring)
    last = max((number for number, text in enumerate(paragraphs) if _FACT.match(text)), default=len(paragraphs) - 1)
    paragraphs[last + 1 : last + 1] = proofs
    return "\n\n".join(_fact(paragraph) for paragraph in paragraphs if paragraph)


def _fact(paragraph: str) -> str:
    found = _FACT.match(paragraph)
    if found is None:
        return paragraph
    text = " ".join(line.strip() for line in found["text"].splitlines())
    return f"**{found['label']}** {_linked(text)}\n{{ .doc-fact .doc-fact--{found['label'].lower()} }}"


def _linked(text: str) -> str:
    """Link the names, where an inventory knows them, and the papers."""
    text = _ARXIV.sub(r"[arXiv:\1](https://arxiv.org/abs/\1)", text)
    text = _DOI.sub(r"[doi:\1](https://doi.org/\1)", text)
    return _NAME.sub(r'<autoref identifier="\g<0>" optional><code>\g<0></code></autoref>', text)


def show(module: Module, rows: Iterable[Row]) -> None:
    """Label the docstrings of a module, of what it defines, and of the modules below it."""
    by_name: dict[str, list[Row]] = {}
    for row in rows:
        by_name.setdefault(row.name, []).append(row)
    _show(module, by_name)


def _show(thing: Object, rows: dict[str, list[Row]]) -> None:
    proofs = rows.get(thing.path, [])
    if thing.docstring is None and proofs:
        thing.docstring = Docstring("", parent=thing)
    if thing.docstring is not None:
        thing.docstring.value = labelled(thing.docstring.value, proofs)
    for member in thing.members.values():
        if isinstance(member, Object):  # and no alias: a name imported from elsewhere
            _show(member, rows)


class Proofs(Extension):
    """The extension's name in mkdocs.yml is ``sitekit.proofs``."""

    def __init__(self, record: str = str(verification.RECORD)) -> None:
        """Remember where the record is."""
        self.record = Path(record)

    def on_package(self, *, pkg: Module, **kwargs: Any) -> None:
        """Show the proofs once the package is loaded."""
        show(pkg, verification.read(self.record))
