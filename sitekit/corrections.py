"""The page of all common mistakes, each with the words that refute it and the way to the proof."""

from collections.abc import Mapping, Sequence
from html import escape

from sitekit.coverage import LEVELS
from sitekit.mistakes import Correction

MARKER = "<!-- corrections -->"
SCRIPT = "../assets/js/corrections.js"


def fill(markdown: str, corrections: Sequence[Correction], titles: Mapping[str, str]) -> str:
    """Put the list in place of the marker of the corrections page.

    Raises:
        ValueError: The page has no marker.
    """
    if MARKER not in markdown:
        raise ValueError(f"the corrections page needs the line {MARKER} where the list goes")
    return markdown.replace(MARKER, listing(corrections, titles))


def listing(corrections: Sequence[Correction], titles: Mapping[str, str]) -> str:
    """Write the list, section by section and topic by topic; the filter is hidden until its script runs."""
    sections = {one.question.section: titles.get(one.question.section, one.question.section) for one in corrections}
    parts = [_filter(corrections, sections)]
    for section, title in sections.items():
        mine = [one for one in corrections if one.question.section == section]
        parts.append(f'<section class="corrections" markdown="1">\n\n## {title} {{ #{section}-corrections }}')
        for page in dict.fromkeys(one.question.page for one in mine):
            parts += [_entry(one) for one in mine if one.question.page == page]
        parts.append("</section>")
    return "\n\n".join(parts)


def _filter(corrections: Sequence[Correction], sections: Mapping[str, str]) -> str:
    topics = []
    for section, title in sections.items():
        pages = {one.question.page: one.question.topic for one in corrections if one.question.section == section}
        options = _option(section, f"all of {title}") + "".join(map(_option, pages, pages.values()))
        topics.append(f'<optgroup label="{escape(title)}">{options}</optgroup>')
    return (
        '<div class="desk" hidden>\n'
        '<form class="question-filter correction-filter" role="search" aria-label="Filter the corrections">\n'
        '<label>Text <input type="search" name="text" autocomplete="off"></label>\n'
        f'<label>Section or topic <select name="section"><option value="">all</option>{"".join(topics)}'
        "</select></label>\n"
        f'<label>Level <select name="level"><option value="">all</option>{"".join(map(_option, LEVELS, LEVELS))}'
        "</select></label>\n"
        f'<output aria-live="polite">{len(corrections)} corrections</output>\n</form>\n</div>\n'
        f'<script type="module" src="{SCRIPT}"></script>'
    )


def _option(value: str, name: str) -> str:
    return f'<option value="{escape(value)}">{escape(name)}</option>'


def _entry(correction: Correction) -> str:
    question = correction.question
    return (
        f'<div class="correction" data-page="{question.page}" data-level="{question.level}" markdown="1">\n\n'
        f"“{correction.claim}”\n{{ .correction__claim }}\n\n{correction.refutation}\n\n"
        f'[{question.text}]({correction.file}) <span class="level level-{question.level}">{question.level}</span>\n'
        "{ .correction__place }\n\n</div>"
    )
