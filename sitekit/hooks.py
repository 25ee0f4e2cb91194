"""MkDocs' adapters: each event calls functions of the machinery and holds no logic of its own."""

import os
import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # MkDocs forgets it once this file is loaded

from sitekit import coverage, inventories, lab_page, questions, reference, snippet_markdown, styles  # noqa: E402

DOCS = ROOT / "docs"


@event_priority(100)  # before mkdocstrings reads the same
def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Make dlref importable, add the site's Markdown extensions, point mkdocstrings to the inventories."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    config.markdown_extensions += [f"sitekit.{name}" for name in ("snippet_markdown", "katex", "tables", "highlight")]
    inventories.localize(config.plugins["mkdocstrings"].config.handlers, ROOT)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Run the labs that are not cached; DLREF_LABS=cached shows the code of those instead."""
    return lab_page.collect(files, config, execute=os.environ.get("DLREF_LABS") != "cached")


@event_priority(-100)  # after mkdocs-jupyter
def on_pre_page(page: Page, **_: Any) -> Page:
    """Have a lab rendered by the site's Markdown and mkdocs-jupyter together."""
    lab_page.wrap(page)
    return page


def on_page_read_source(page: Page, **_: Any) -> str | None:
    """Read a lab as Markdown with a place for each cell."""
    return lab_page.source(page.file.src_uri)


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Fill the index of questions, and end each topic page in its module's reference."""
    name = page.file.src_uri
    snippet_markdown.current_page.set(DOCS / name)
    if questions.MARKER in markdown:
        found = questions.collect(DOCS)
        markdown = questions.fill(markdown, found, coverage.site_coverage(DOCS), questions.section_titles(DOCS))
    return reference.with_reference(markdown, name, ROOT)


def on_post_build(config: MkDocsConfig) -> None:
    """Join the stylesheets."""
    styles.join(Path(config.site_dir))
