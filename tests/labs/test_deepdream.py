"""The lab on DeepDream ends in the numbers that its text speaks of."""

from pathlib import Path
from typing import Any

import pytest

from sitekit import labs

LAB = Path(__file__).resolve().parents[2] / "docs" / "labs" / "deepdream.py"


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    return labs.results(labs.execute(LAB))


def test_the_network_reads_most_of_the_digits_that_it_has_not_seen(results: dict[str, Any]) -> None:
    assert 0.85 <= results["accuracy"] < 1


def test_the_dream_leaves_the_weights_and_writes_what_was_asked_for(results: dict[str, Any]) -> None:
    assert results["weights_unchanged"] is True
    assert results["eights_before"] < 0.02
    assert results["eights_after"] > 4 * results["eights_before"]
    assert results["asked"].keys() == {0, 2, 3, 5, 8}
    assert min(results["asked"].values()) > 0.04


def test_every_layer_rises_at_every_step(results: dict[str, Any]) -> None:
    assert results["rises_at_each_step"] is True


def test_without_jitter_the_dream_is_made_for_one_position_of_the_grid(results: dict[str, Any]) -> None:
    assert results["survives_without_jitter"] < 0.5
    assert results["survives_with_jitter"] > 0.6


def test_the_lab_says_which_network_made_its_pictures(results: dict[str, Any]) -> None:
    assert results["network"] in ("a CNN trained here", "a CNN trained here and VGG-16")
