"""The built site, served under its sub-path, in a real browser.

These tests need the site: `make site` first, then `pytest tests/site`. A run that does not name them leaves them out.
DLREF_SITE names another directory than ./site; one that lies among its versions is served together with them.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from sitekit.versions import LATEST
from tests.site.serving import Site, serve

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
]


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Collect these tests only where the command line names them."""
    named = any(str(argument).startswith(("tests/site", str(ROOT / "tests/site"))) for argument in config.args)
    return None if named else True


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """Serve the built site."""
    folder = Path(os.environ.get("DLREF_SITE", ROOT / "site"))
    if not (folder / "index.html").is_file():
        pytest.fail(f"there is no site in {folder}: build it with `make site`, or name another folder in DLREF_SITE")
    versioned = (folder.parent / "versions.json").is_file()
    with serve(folder.parent if versioned else folder) as address:
        yield Site(folder, f"{address}{folder.name}/" if versioned else address)


@pytest.fixture(scope="session")
def newest(site: Site) -> Site:
    """Return the version that answers for what is not there: the newest, or the site where there are no versions."""
    latest = site.folder.parent / LATEST
    if not (site.folder.parent / "versions.json").is_file() or not latest.is_dir():
        return site
    return Site(latest, f"{site.address.removesuffix(f'{site.folder.name}/')}{LATEST}/")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Chromium."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=QUIET)
        yield chromium
        chromium.close()
