"""MkDocs' adapters: what breaks a rule of the pages is reported when the site is built."""

import logging
from pathlib import Path

import pytest
from mkdocs.exceptions import Abort

from sitekit import hooks
from sitekit.errors import PageError
from tests.sitekit import small_site


def test_a_malformed_page_is_a_warning_with_file_and_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    page = small_site.replaced(small_site.PAGE, "title: First things\n", "")
    monkeypatch.setattr(hooks, "DOCS", small_site.write(tmp_path, {"docs/alpha/first-things.md": page}) / "docs")
    with caplog.at_level(logging.WARNING, logger=hooks.log.name):
        hooks.on_pre_build()
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert any("docs/alpha/first-things.md:1: " in text and "title" in text for text in warnings), warnings


def test_the_log_counts_for_a_strict_build() -> None:
    assert hooks.log.name.startswith("mkdocs.")


def test_a_fault_ends_the_build_without_a_traceback() -> None:
    with pytest.raises(Abort, match=r"docs/page\.md:3: a rule"):
        hooks.on_build_error(PageError("docs/page.md", 3, "a rule"))
    hooks.on_build_error(ValueError("anything else is raised by MkDocs itself"))
