"""The oracle comparison itself: it sees a wrong value, a wrong gradient, a wrong shape, and nothing to compare."""

import numpy as np
import pytest
import torch
from torch import Tensor

from sitekit.verification import Row
from tests.oracle import Verify, error


def cube(x: Tensor) -> Tensor:
    return x**3


@pytest.fixture
def rows() -> list[Row]:
    return []


CASES = [(torch.tensor([1.0, -2.0], dtype=torch.float64),)]


def test_agreement_is_recorded(rows: list[Row]) -> None:
    Verify(rows)(cube, lambda x: x * x * x, CASES, oracle="x·x·x")
    assert [(r.name, r.oracle, r.dtype) for r in rows] == [(f"{__name__}.cube", "x·x·x", "float64")]
    assert rows[0].values <= 1e-15
    assert rows[0].gradients is not None


def test_a_wrong_value_fails() -> None:
    with pytest.raises(AssertionError, match="values differ from torch by"):
        Verify([])(cube, lambda x: x**3 + 1e-9, CASES, oracle="torch")


def test_a_wrong_gradient_fails() -> None:
    with pytest.raises(AssertionError, match="gradients differ from torch by"):
        Verify([])(cube, lambda x: x.detach() ** 2 * x, CASES, oracle="torch")


def test_no_case_fails() -> None:
    with pytest.raises(AssertionError, match="nothing was compared"):
        Verify([])(cube, cube, [], oracle="torch")


def test_the_error_is_relative_to_large_entries_and_absolute_to_small_ones() -> None:
    assert error(np.array([1e6 + 1.0]), np.array([1e6])) == pytest.approx(1e-6)
    assert error(np.array([0.001]), np.array([0.0])) == pytest.approx(0.001)
    assert error(torch.zeros(2), torch.zeros(3)) == float("inf")
    assert error(np.array([np.nan, np.inf]), np.array([np.nan, np.inf])) == 0.0
    assert error(np.array([np.nan]), np.array([1.0])) == float("inf")
    assert error(np.array([1.0]), np.array([np.inf])) == float("inf")
    assert error(np.zeros((0, 3)), np.zeros((0, 3))) == 0.0
