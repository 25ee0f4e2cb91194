"""The questions as a deck of Anki cards: the question in front, its short answer and the way to the page behind.

An import adds what is new and updates what changed: the ids of the deck and of its kind of note are made from the name
of the site, that of a note from the slug of its question, and a note carries the time when the text was written.
"""

import hashlib
import html
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urljoin

import genanki
from markdown import Markdown

from sitekit.archives import rezipped
from sitekit.questions import Question

FIELDS = ("Question", "Level", "Topic", "Short answer", "Page")
FRONT = """\
<p class="about">{{Topic}} · {{Level}}</p>
<p class="question">{{Question}}</p>
"""
BACK = """\
{{FrontSide}}
<hr id="answer">
<div class="short">{{Short answer}}</div>
<p class="about"><a href="{{Page}}">The whole answer, with its proof</a></p>
"""
STYLE = """\
.card { max-width: 34em; margin: 0 auto; padding: 1em; font: 20px/1.5 system-ui, sans-serif; text-align: left; color: #1d272e; background: #fdfdfc; }
.question { font-size: 1.25em; font-weight: 650; line-height: 1.3; }
.about { font-size: .75em; color: #55605f; }
#answer { border: 0; border-top: 1px solid #c6cbc4; }
.short { border-left: 3px solid #0a6b63; padding-left: .8em; }
code { font-family: ui-monospace, monospace; font-size: .9em; }
a { color: #0a6b63; }
.nightMode.card, .nightMode .card { color: #dde3e4; background: #14191d; }
.nightMode .about { color: #a2aeb0; }
.nightMode .short { border-color: #63cdbf; }
.nightMode a { color: #63cdbf; }
"""  # noqa: E501


def deck(questions: Sequence[Question], name: str, address: str, written: datetime) -> bytes:
    """Return the deck as a file that Anki imports, the same for the same input.

    Args:
        questions: The questions, in the order in which they are to be learnt.
        name: The name of the deck.
        address: Where the site is published, for the links.
        written: When the text was last changed: a card is updated by a deck that is newer.
    """
    kind = genanki.Model(
        _number(f"{name} note"),
        name,
        fields=[{"name": field} for field in FIELDS],
        templates=[{"name": "Question", "qfmt": FRONT, "afmt": BACK}],
        css=STYLE,
    )
    cards = genanki.Deck(_number(f"{name} deck"), name)
    to_html = Markdown(
        extensions=["pymdownx.arithmatex"],
        extension_configs={"pymdownx.arithmatex": {"generic": True, "tex_block_wrap": ["\\[", "\\]"]}},
    )
    for place, question in enumerate(questions, 1):
        cards.add_note(
            genanki.Note(
                kind,
                [
                    _inline(to_html.reset().convert(question.text)),
                    question.level,
                    html.escape(question.topic),
                    to_html.reset().convert(question.short_answer),
                    html.escape(urljoin(address, question.url)),
                ],
                guid=genanki.guid_for(name, question.slug),
                tags=[f"{name}::{question.section}", f"{name}::{question.level}"],
                due=place,
            )
        )
    with TemporaryDirectory() as folder:
        file = Path(folder) / "deck.apkg"
        genanki.Package(cards).write_to_file(str(file), timestamp=written.timestamp())
        return rezipped(file.read_bytes())


def _inline(paragraph: str) -> str:
    return paragraph.removeprefix("<p>").removesuffix("</p>")


def _number(name: str) -> int:
    """Make a number for Anki from a name: below 2**31, as genanki advises, and not among the small ones."""
    return (1 << 30) + int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) % (1 << 30)
