"""The lab on plain and residual networks ends in the numbers that its text speaks of."""

from pathlib import Path
from typing import Any

import pytest

from sitekit import labs

LAB = Path(__file__).resolve().parents[2] / "docs" / "labs" / "plain-vs-residual.py"


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    return labs.results(labs.execute(LAB))


def test_residual_networks_fit_their_training_digits_at_every_depth(results: dict[str, Any]) -> None:
    assert all(results["training_error"][f"residual {depth}"] <= 4 for depth in (8, 20, 56))
    assert all(results["held_out_error"][f"residual {depth}"] <= 8 for depth in (8, 20, 56))


def test_a_plain_network_fits_them_worse_the_deeper_it_is(results: dict[str, Any]) -> None:
    shallow, middle, deep = (results["training_error"][f"plain {depth}"] for depth in (8, 20, 56))
    assert shallow <= 2 < middle < 40
    assert 50 < deep < 90


def test_that_is_no_overfitting(results: dict[str, Any]) -> None:
    for depth in (8, 20, 56):
        assert abs(results["held_out_error"][f"plain {depth}"] - results["training_error"][f"plain {depth}"]) <= 8


def test_a_plain_network_of_56_layers_that_fits_them_exists(results: dict[str, Any]) -> None:
    assert results["constructed_error"] == results["shallow_error"] <= 2


def test_plain_and_residual_have_the_parameters_counted_by_hand(results: dict[str, Any]) -> None:
    stem, head, block = 9 * 16 + 2 * 16, (16 + 1) * 10, 2 * (9 * 16 * 16 + 2 * 16)
    assert results["parameters"] == {depth: stem + (depth // 2 - 1) * block + head for depth in (8, 20, 56)}


def test_no_gradient_vanishes(results: dict[str, Any]) -> None:
    ratio = results["gradient_ratio"]
    assert 100 < ratio["plain first step"] < 10_000
    assert 1 < ratio["residual first step"] < 30
    assert 0.2 < ratio["plain steps 50 to 100"] < 5
    assert 0.5 < ratio["residual steps 50 to 100"] < 30


def test_gradients_of_two_batches_agree_only_with_shortcuts_or_few_layers(results: dict[str, Any]) -> None:
    agreement = results["agreement"]
    assert abs(agreement["plain 56"]) < 0.05
    assert abs(agreement["plain 20"]) < 0.12
    assert agreement["plain 8"] > 0.2
    assert all(agreement[f"residual {depth}"] > 0.2 for depth in (8, 20, 56))


def test_no_other_learning_rate_saves_the_deep_plain_network(results: dict[str, Any]) -> None:
    assert set(results["other_rates"]) == {0.03, 0.1, 0.3}
    assert min(results["other_rates"].values()) > 40
