"""Fixtures of the proofs: the oracle comparison and its record, seeded randomness, dlref without the shape checker."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from sitekit import verification
from sitekit.shapes import unchecked
from sitekit.verification import Row
from tests.oracle import Verify

ROWS = pytest.StashKey[list[Row]]()


@pytest.fixture
def verify(request: pytest.FixtureRequest) -> Verify:
    """Compare a name of dlref with its oracle and note the row for the verification record."""
    return Verify(request.config.stash.setdefault(ROWS, []))


@pytest.fixture
def rng() -> np.random.Generator:
    """Give the same NumPy randomness to every test."""
    return np.random.default_rng(0)


@pytest.fixture
def generator() -> torch.Generator:
    """Give the same torch randomness to every test."""
    return torch.Generator().manual_seed(0)


@pytest.fixture
def as_a_reader() -> Iterator[None]:
    """Run the test with dlref as a reader imports it.

    For tests of error messages: the shape checker would answer first. Import the module under test inside the test.
    """
    with unchecked():
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the switch with which ``make update`` writes the record."""
    parser.addoption("--record", action="store_true", help=f"write {verification.RECORD} from this run of all tests")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Collect the rows of a worker (pytest-xdist)."""
    rows = node.config.stash.setdefault(ROWS, [])
    rows += [Row(*row) for row in getattr(node, "workeroutput", {}).get("rows", [])]


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Hand the rows to the controlling process, or write them: all of them, so that no row outlives its test."""
    rows = session.config.stash.get(ROWS, [])
    worker: Any = getattr(session.config, "workeroutput", None)
    if worker is not None:
        worker["rows"] = [(row.name, row.oracle, row.dtype, row.values, row.gradients) for row in rows]
    elif session.config.getoption("--record") and exitstatus == pytest.ExitCode.OK:
        verification.write(verification.merge(rows, verification.read()))
