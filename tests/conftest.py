"""Fixtures of the proofs: the oracle comparison and its record, seeded randomness, dlref without the shape checker."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

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
    parser.addoption("--record", action="store_true", help="write docs/verification.json from this run")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the rows to the controlling process (pytest-xdist), or write them."""
    rows = session.config.stash.get(ROWS, [])
    worker: Any = getattr(session.config, "workeroutput", None)
    if worker is not None:
        worker["rows"] = [(r.name, r.oracle, r.dtype, r.values, r.gradients) for r in rows]
