"""MkDocs' adapters: each event calls functions of the machinery and holds no logic of its own."""

import logging
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import Abort
from mkdocs.plugins import event_priority
from mkdocs.structure.files import Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # MkDocs forgets it once this file is loaded

from sitekit import (  # noqa: E402
    addresses,
    content_security,
    corrections,
    counts,
    coverage,
    first_use,
    glossary,
    history,
    inventories,
    lab_page,
    mistakes,
    moved_pages,
    offline,
    page_facts,
    pages,
    question_data,
    question_index,
    questions,
    reference,
    reports,
    search_index,
    skip_link,
    snippet_markdown,
    structure,
    styles,
    take_along,
    theme_markup,
    theme_script,
    versions,
    web_fonts,
)
from sitekit.epub import Title  # noqa: E402
from sitekit.errors import PageError  # noqa: E402

DOCS = ROOT / "docs"
EXTENSIONS = ("snippet_markdown", "katex", "tables", "highlight", "mistakes", "first_use")
log = logging.getLogger("mkdocs.hooks.sitekit")
serving = False
places: list[Page] = []  # in reading order
facts: dict[str, page_facts.Facts] = {}


def on_startup(command: str, **_: Any) -> None:
    """Note whether the site is built, or shown while somebody writes."""
    global serving
    serving = command == "serve"
    history.hold_clock(ROOT)


@event_priority(100)  # before mkdocstrings reads the same
def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Make dlref importable, add the site's Markdown extensions, point mkdocstrings to the inventories."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    config.markdown_extensions += [f"sitekit.{name}" for name in EXTENSIONS]
    inventories.localize(config.plugins["mkdocstrings"].config.handlers, ROOT)
    return config


def on_pre_build(**_: Any) -> None:
    """Report pages that break a rule: a warning each, which a strict build does not forgive and ``serve`` survives."""
    _questions.cache_clear()
    for check in (pages.check_site, addresses.check_addresses, coverage.check_coverage):
        for fault in check(DOCS):
            log.warning("%s", fault)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Run the labs that are not cached; DLREF_LABS=cached shows the code of those instead."""
    config.site_url = versions.home(config.site_url)  # after mike
    if switch := versions.switch():
        config.extra["version"] = switch
    for file in files.documentation_pages():  # `make serve` builds anew only the pages that changed
        if reference.is_newer(file.src_uri, Path(file.abs_dest_path), ROOT):
            setattr(file, "is_modified", lambda: True)  # noqa: B010
    return lab_page.collect(files, config, execute=os.environ.get("DLREF_LABS") != "cached")


def on_nav(nav: Navigation, **_: Any) -> Navigation:
    """Note the reading order."""
    places[:] = nav.pages
    return nav


@event_priority(-100)  # after mkdocs-jupyter
def on_pre_page(page: Page, **_: Any) -> Page:
    """Have a lab rendered by the site's Markdown and mkdocs-jupyter together."""
    lab_page.wrap(page)
    return page


def on_page_read_source(page: Page, **_: Any) -> str | None:
    """Read a lab as Markdown with a place for each cell."""
    return lab_page.source(page.file.src_uri)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **_: Any) -> str:
    """Fill the index of questions, say what moved, and end each topic page in its module's reference."""
    name = page.file.src_uri
    snippet_markdown.current_page.set(DOCS / name)
    moved = addresses.redirects(DOCS)
    if question_index.MARKER in markdown:
        found, titles = _questions(), questions.section_titles(DOCS)
        markdown = question_index.fill(markdown, found, coverage.site_coverage(DOCS), titles, moved)
    if question_index.SECTION_MARKER in markdown:
        markdown = question_index.fill_section(markdown, name, _questions())
    if corrections.MARKER in markdown:
        found = mistakes.collect(DOCS, structure.navigation(ROOT))
        markdown = corrections.fill(markdown, found, questions.section_titles(DOCS))
    asked = _texts()
    terms = glossary.read(DOCS / glossary.TERMS, asked)
    first_use.set_page(name, terms if pages.is_topic(name.removesuffix(".md")) or lab_page.is_lab(name) else ())
    if glossary.MARKER in markdown:
        markdown = glossary.fill(markdown, terms, asked)
    if counts.PLACE in markdown:
        markdown = counts.fill(markdown, counts.count(ROOT, _questions()))
    markdown = reports.with_links(markdown, name, page.canonical_url or page.url, config.repo_url or "")
    markdown = question_index.with_practice(markdown, name)
    if moved:
        markdown = addresses.with_moved(markdown, name.removesuffix(".md"), moved, asked)
    return reference.with_reference(markdown, name, ROOT)


def on_env(env: Environment, config: MkDocsConfig, files: Files) -> Environment:
    """Gather the facts of all pages, for the sitemap: it is made before any page is."""
    facts.clear()
    for file in files.documentation_pages():
        if file.page:
            facts[file.src_uri] = page_facts.of_page(file.page, ROOT, config.repo_url or "")
    env.globals["facts_of"] = facts
    return env


def on_page_context(context: dict[str, Any], page: Page, **_: Any) -> dict[str, Any]:
    """Hand the facts of a page to its template."""
    context["facts"] = facts[page.file.src_uri]
    return context


def on_post_page(output: str, **_: Any) -> str:
    """Let the keyboard skip to the content."""
    return skip_link.lead_to_content(output)


def on_post_build(config: MkDocsConfig) -> None:
    """Join the stylesheets, write what is taken along, and make the pages light and safe."""
    site, found = Path(config.site_dir), _questions()
    styles.join(site)
    theme_markup.mend(site)
    search_index.shrink(site, DOCS, found)
    (site / "questions.json").write_text(question_data.as_json(found), "utf-8")
    if not serving:  # the scripts of `make serve` reload a page, which the policy would forbid
        labs = [page.file.src_uri for page in places if lab_page.is_lab(page.file.src_uri)]
        texts = {name: lab_page.as_markdown(name) for name in labs}
        title = Title(config.site_name, config.site_description or "", config.site_url or "", history.clock())
        take_along.write(site, take_along.sources(places, texts), found, title, ROOT, config.extra_css)
        page_facts.write(list(facts.values()), site, ROOT, config.site_url or "", config.site_name)
        titles = {known.name: known.title for known in facts.values()} | _texts()
        moved_pages.write(site, config.site_url or "", addresses.redirects(DOCS), titles)
        theme_markup.wrap_tables(site)
        theme_script.lighten(site)
        web_fonts.shrink(site, ROOT / ".cache" / "fonts")
        take_along.fill_sizes(site, "take-along/index.html", {"offline": offline.size(site)})
        content_security.protect(site)
        offline.write(site)  # at the end: it knows every file by its hash


def on_build_error(error: Exception, **_: Any) -> None:
    """End at a fault of a page with its file and line alone."""
    if isinstance(error, PageError):
        raise Abort(str(error)) from None


@cache
def _questions() -> list[questions.Question]:
    return questions.collect(DOCS, structure.navigation(ROOT))


def _texts() -> dict[str, str]:
    return {f"{question.page}#{question.slug}": question.text for question in _questions()}
