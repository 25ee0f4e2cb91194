"""The questions as ``questions.json``: for flash cards, scripts, and other sites. Its schema stands beside it."""

import json
from collections.abc import Iterable

from markdown import Markdown
from selectolax.lexbor import LexborHTMLParser

from sitekit.questions import Question


def as_json(questions: Iterable[Question]) -> str:
    """Write the questions, in their order."""
    rows = [
        {
            "slug": question.slug,
            "question": question.text,
            "level": question.level,
            "topic": question.topic,
            "section": question.section,
            "url": question.url,
            "short_answer": question.short_answer,
            "short_answer_plain": plain(question.short_answer),
            "mistakes": [mistake.claim for mistake in question.mistakes],
            "sources": list(question.sources),
        }
        for question in questions
    ]
    return json.dumps(rows, ensure_ascii=False, indent=1) + "\n"


def plain(markdown: str) -> str:
    """Return Markdown as one line of plain text: no marks, and a formula as its TeX source."""
    formulas = {"inline_syntax": ["dollar"], "tex_inline_wrap": ["", ""], "tex_block_wrap": ["", ""], "generic": True}
    page = Markdown(extensions=["pymdownx.arithmatex"], extension_configs={"pymdownx.arithmatex": formulas})
    return " ".join(LexborHTMLParser(page.convert(markdown)).text().split())
