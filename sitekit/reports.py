"""What stands below a question: its level as a way to the others of it, and a link that reports a mistake.

The form to report with opens with the place filled in. There is such a link at the foot of a page, too.
"""

from html import escape
from posixpath import relpath
from urllib.parse import urlencode

from sitekit import outline

FORM = "wrong-answer.yml"  # of .github/ISSUE_TEMPLATE; the parameters are named after its fields
INDEX = "questions/"
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
    """Return a page's Markdown with the links below each of its questions.

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
        report = _report(address(repository, f"{url}#{heading.id}", heading.text), heading.text)
        tag = _tag(heading.attributes.get("data-level", ""), page)
        lines[end:end] = ["", f'<p class="below-answer" data-search-exclude>{tag} {report}</p>', ""]
    return "\n".join(lines)


def _report(href: str, question: str) -> str:
    label = escape(f"Report a mistake in the answer to: {question}")
    return f'<a href="{escape(href)}" aria-label="{label}">Report a mistake in the answer</a>'


def _tag(level: str, page: str) -> str:
    index = relpath(INDEX, page.removesuffix(".md").removesuffix("index") or ".")
    return f'<a class="tag" href="{index}/?level={level}">More {level} questions</a>'
