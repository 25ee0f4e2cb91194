"""What a step costs beside torch's own for-loop form: the same parameters, in one process, on one thread."""

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from sitekit.shapes import unchecked

ROUNDS = 41
LIMIT = 1.1  # plain SGD is the same single addition in both; the rest is the noise of the clock
CASES: dict[str, tuple[str, Callable[..., Any], dict[str, float]]] = {
    "sgd": ("sgd_step", torch.optim.SGD, {"lr": 0.01}),
    "momentum": ("sgd_step", torch.optim.SGD, {"lr": 0.01, "momentum": 0.9}),
    "adagrad": ("adagrad_step", torch.optim.Adagrad, {"lr": 0.01}),
    "rmsprop": ("rmsprop_step", torch.optim.RMSprop, {"lr": 0.01}),
    "adam": ("adam_step", torch.optim.Adam, {"lr": 0.001}),
    "adamw": ("adamw_step", torch.optim.AdamW, {"lr": 0.001}),
}
SHAPES = {"many small": [(64,)] * 300, "few large": [(2048, 512)] * 2}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def seconds(optimizer: Any) -> float:
    start = time.perf_counter()
    for _ in range(3):
        optimizer.step()
    return time.perf_counter() - start


def parameters(shapes: list[tuple[int, ...]]) -> list[torch.Tensor]:
    made = [torch.randn(shape, requires_grad=True) for shape in shapes]
    for parameter in made:
        parameter.grad = torch.randn_like(parameter)
    return made


@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("name", CASES)
def test_a_step_is_as_fast_as_torchs_loop(name: str, shapes: list[tuple[int, ...]]) -> None:
    step_function, reference, options = CASES[name]
    with unchecked():  # the shape checker is no part of what a reader runs
        from dlref.training import optimizers

        ours = optimizers.Optimizer(parameters(shapes), getattr(optimizers, step_function), **options)
    theirs = reference(parameters(shapes), foreach=False, **options)
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(ROUNDS)]
    ratio = statistics.median(mine / its for mine, its in pairs[1:])
    print(f"{name}, {len(shapes)} tensors of {shapes[0]}: {ratio:.2f} times torch's loop (median of {ROUNDS - 1})")
    assert ratio <= LIMIT
