"""The rules of pages and tree, applied to the real ones."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sitekit import structure
from sitekit.addresses import check_addresses
from sitekit.coverage import LIST, check_coverage, read_list
from sitekit.errors import PageError
from sitekit.pages import check_site
from sitekit.questions import collect

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def listing(faults: list[PageError]) -> str:
    """Write one fault a line, with paths from the root, so that an editor finds them."""
    return "\n".join(["", *(str(fault).removeprefix(f"{ROOT}/") for fault in faults)])


@pytest.mark.parametrize("rule", [check_site, check_addresses, check_coverage])
def test_pages_keep_the_rules(rule: Callable[[Path], list[PageError]]) -> None:
    faults = rule(DOCS)
    assert not faults, listing(faults)


@pytest.mark.parametrize("rule", structure.RULES)
def test_the_tree_keeps_the_rules(rule: Callable[[Path], list[PageError]]) -> None:
    faults = rule(ROOT)
    assert not faults, listing(faults)


def test_there_is_something_to_check() -> None:
    assert len(structure.topics(ROOT)) >= 3
    assert len(collect(DOCS)) >= 11
    listed = read_list(DOCS / LIST)
    assert (len(listed.items), len(listed.questions)) == (180, 105)
