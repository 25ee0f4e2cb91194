"""Links that report a mistake, with the place filled in: one for each question, one at the foot of a page."""

from html import escape
from urllib.parse import urlencode

from sitekit import outline

FORM = "wrong-answer.yml"  # of .github/ISSUE_TEMPLATE; the parameters are named after its fields
DEFINITION = "[^"


def address(repository: str, where: str, title: str) -> str:
    """Return the address of the form for a mistake, with the place filled in.

    Args:
        repository: The repository's address.
        where: The address of the page or the question.
        title: What is reported on: the question, or the page's title.
    """
    fields = urlencode({"template": FORM, "title": f"Wrong: {title}", "where": where})
    return f"{repository.rstrip('/')}/issues/new?{fields}"


def with_links(markdown: str, page: str, url: str, repository: str) -> str:
    """Return a page's Markdown with a link below each of its questions.

    Args:
        markdown: The page.
        page: Its path below docs.
        url: Its address.
        repository: The repository's address.
    """
    parsed = outline.parse(markdown, page)
    lines = markdown.split("\n")
    for heading in reversed(parsed.questions):
        end = parsed.section(heading).stop - 1
        while end > heading.line and (not lines[end - 1].strip() or lines[end - 1].startswith(DEFINITION)):
            end -= 1  # footnotes stand at the end of the page
        lines[end:end] = ["", _link(address(repository, f"{url}#{heading.id}", heading.text), heading.text), ""]
    return "\n".join(lines)


def _link(href: str, question: str) -> str:
    label = escape(f"Report a mistake in the answer to: {question}")
    return (
        f'<p class="report" data-search-exclude><a href="{escape(href)}" aria-label="{label}">'
        "Report a mistake in the answer</a></p>"
    )
