"""The lab on style transfer ends in the numbers that its text speaks of."""

from pathlib import Path
from typing import Any

import pytest

from sitekit import labs

LAB = Path(__file__).resolve().parents[2] / "docs" / "labs" / "style-transfer.py"


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    return labs.results(labs.execute(LAB))


def test_the_trained_network_has_learned_something(results: dict[str, Any]) -> None:
    assert results["accuracy"] > 3 / 8  # guessing gets an eighth


def test_the_networks_are_counted_by_hand(results: dict[str, Any]) -> None:
    by_hand = (25 * 3 + 1) * 24 + (9 * 24 + 1) * 32 + (9 * 32 + 1) * 48 + (9 * 48 + 1) * 64
    assert results["parameters"] == by_hand == 50352


def test_shuffled_positions_keep_their_style_and_lose_their_content(results: dict[str, Any]) -> None:
    assert results["style_of_shuffled"] < 1e-9
    assert results["content_of_shuffled"] > 1e3


def test_every_transfer_takes_on_the_style_and_keeps_some_content(results: dict[str, Any]) -> None:
    assert len(results["ends"]) == 4
    for content_left, style_left in results["ends"].values():
        assert style_left < 0.1
        assert 0 < content_left < 1


def test_more_beta_is_more_style_and_less_content(results: dict[str, Any]) -> None:
    content, style = zip(*(results["trade_off"][beta] for beta in (0.3, 3.0, 30.0)), strict=True)
    assert content[0] < content[1] < content[2]
    assert style[0] > style[1] > style[2]


def test_the_lab_says_which_networks_made_its_pictures(results: dict[str, Any]) -> None:
    assert results["networks"] in ("untrained, trained here", "untrained, trained here, VGG-16")
