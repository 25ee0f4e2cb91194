"""The lab on digits ends in the numbers that its text speaks of."""

from pathlib import Path

import numpy as np
import pytest

from sitekit import labs

LAB = Path(__file__).resolve().parents[2] / "docs" / "labs" / "digits-cnn.py"


@pytest.fixture(scope="module")
def results() -> dict[str, float]:
    return labs.results(labs.execute(LAB))


def test_the_cnn_reads_at_least_98_percent_of_the_held_out_digits(results: dict[str, float]) -> None:
    assert 0.98 <= results["test_accuracy"] < 1


def test_the_cnn_beats_the_baseline_by_more_than_luck(results: dict[str, float]) -> None:
    assert 0.95 <= results["baseline_accuracy"] <= 0.975
    assert results["test_accuracy"] > results["baseline_accuracy"]
    assert results["p_value"] < 0.1


def test_on_strangers_both_lose_and_the_baseline_loses_more(results: dict[str, float]) -> None:
    cnn_loses = results["test_accuracy"] - results["strangers_accuracy"]
    baseline_loses = results["baseline_accuracy"] - results["strangers_baseline"]
    assert 0 < cnn_loses < baseline_loses
    assert 0.04 < baseline_loses < 0.08
    assert results["strangers_accuracy"] - results["strangers_baseline"] > 0.04


def test_the_interval_is_wilsons(results: dict[str, float]) -> None:
    # At the ends, the count lies 1.96 standard deviations from its mean: they are the roots of a quadratic.
    share, total, z = results["test_accuracy"], 360, 1.96
    share = round(share * total) / total
    roots = np.roots([1 + z * z / total, -2 * share - z * z / total, share * share])
    np.testing.assert_allclose(results["test_interval"], np.sort(roots), atol=1e-4)


def test_the_network_is_counted_by_hand(results: dict[str, float]) -> None:
    convolutions = (9 * 1 + 1) * 16 + (9 * 16 + 1) * 32 + (9 * 32 + 1) * 32
    assert results["parameters"] == convolutions + (32 * 2 * 2 + 1) * 10 == 15338


def test_the_loss_starts_at_ln_10_and_one_batch_is_learnt_by_heart(results: dict[str, float]) -> None:
    assert results["initial_loss"] == pytest.approx(np.log(10), abs=0.02)
    assert results["loss_by_heart"] < 0.01
