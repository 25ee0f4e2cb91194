"""The terms of the site: read from a file, listed on a page, and linked where a page first uses them."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import yaml

from sitekit.errors import PageError

TERMS = "glossary.yml"
PAGE = "glossary.md"
MARKER = "<!-- glossary -->"
_KEYS = {"says", "at", "also"}


@dataclass(frozen=True)
class Term:
    """A term, what it means in a line, the question that explains it (``page#id``), and other forms of it."""

    name: str
    says: str
    at: str
    also: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Its address on the page."""
        plain = unicodedata.normalize("NFKD", self.name.lower()).encode("ascii", "ignore").decode()
        return "-".join(re.findall(r"[a-z0-9]+", plain))

    @property
    def forms(self) -> tuple[str, ...]:
        """All the ways in which a page may write it, but for the plural."""
        return (self.name, *self.also)


def read(path: Path, questions: Iterable[str]) -> list[Term]:
    """Read the terms, in the order of the alphabet.

    Args:
        path: The file; where there is none there are no terms.
        questions: The known questions, ``page#id``.

    Raises:
        PageError: A term lacks its line or its question, or two share a form.
    """
    if not path.exists():
        return []
    try:
        listed = yaml.safe_load(path.read_text("utf-8")) or {}
    except yaml.YAMLError as error:
        raise PageError(path, 1, f"the glossary is no YAML: {error}") from error
    known, owners = set(questions), dict[str, str]()
    terms = [_term(path, name, entry, known) for name, entry in listed.items()]
    for term in terms:
        for form in term.forms:
            if (other := owners.setdefault(form.lower(), term.name)) != term.name:
                raise PageError(path, 1, f"{form!r} stands for both {other!r} and {term.name!r}")
    return sorted(terms, key=lambda term: (term.name.lower(), term.name))


def _term(path: Path, name: str, entry: object, known: set[str]) -> Term:
    if not isinstance(entry, dict) or not {"says", "at"} <= entry.keys() <= _KEYS:
        raise PageError(path, 1, f"{name!r} needs says and at, and may have also; it has {entry!r}")
    if entry["at"] not in known:
        raise PageError(path, 1, f"{name!r} is explained at {entry['at']}, which is no question of the site")
    if not str(entry["says"]).endswith("."):
        raise PageError(path, 1, f"what {name!r} means is no sentence: {entry['says']!r} has no full stop")
    return Term(name, entry["says"], entry["at"], tuple(entry.get("also", ())))


def fill(markdown: str, terms: Sequence[Term], texts: dict[str, str]) -> str:
    """Put the list in place of the marker of the glossary page.

    Args:
        markdown: The page.
        terms: The terms in order.
        texts: The wording of each question, ``page#id``.

    Raises:
        ValueError: The page has no marker.
    """
    if MARKER not in markdown:
        raise ValueError(f"the glossary page needs the line {MARKER} where the list goes")
    return markdown.replace(MARKER, listing(terms, texts))


def listing(terms: Sequence[Term], texts: dict[str, str]) -> str:
    """Write the terms, letter by letter."""
    parts = []
    for letter in dict.fromkeys(term.name[0].upper() for term in terms):
        mine = [term for term in terms if term.name[0].upper() == letter]
        entries = "\n".join(_entry(term, texts[term.at]) for term in mine)
        parts.append(
            f'## {letter} {{ #letter-{letter.lower()} }}\n\n<dl class="glossary" markdown="1">\n{entries}\n</dl>'
        )
    return "\n\n".join(parts)


def _entry(term: Term, question: str) -> str:
    page, _, slug = term.at.partition("#")
    also = f" <small>({', '.join(map(escape, term.also))})</small>" if term.also else ""
    return (
        f'<div id="{term.id}" markdown="1">\n<dt markdown="span">{escape(term.name)}{also}</dt>\n'
        f'<dd markdown="span">{escape(term.says)} [{question}]({page}.md#{slug})</dd>\n</div>'
    )
