"""MkDocs' adapters: each event calls one function of the machinery and holds no logic of its own."""

import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # MkDocs forgets it once this file is loaded

from sitekit import inventories, reference  # noqa: E402


@event_priority(100)  # before mkdocstrings reads the same
def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Make dlref importable, render math, and point mkdocstrings to the inventories beside the machinery."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    config.markdown_extensions += ["sitekit.katex", "sitekit.highlight"]
    inventories.localize(config.plugins["mkdocstrings"].config.handlers, ROOT)
    return config


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """End each topic page in its module's reference."""
    return reference.with_reference(markdown, page.file.src_uri, ROOT)
