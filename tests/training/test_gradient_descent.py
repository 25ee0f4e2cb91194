"""Proofs of dlref.training.gradient_descent: torch.optim.SGD, DataLoader and closed forms are the oracles."""

import inspect
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from dlref.training import gradient_descent as module
from dlref.training.gradient_descent import (
    batches,
    convergence_factor,
    gradient_descent,
    minibatch_descent,
    num_batches,
    sgd_step,
    stability_limit,
)
from tests.oracle import Verify, error

Function = Callable[..., Any]
DEVICES = ["meta", *(["cuda"] if torch.cuda.is_available() else [])]
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
quickly = settings(max_examples=25, deadline=None)
sizes = st.integers(0, 30), st.integers(1, 12), st.booleans()


def normal(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def rosenbrock(w: Tensor) -> Tensor:
    return ((1 - w[:-1]) ** 2 + 5 * (w[1:] - w[:-1] ** 2) ** 2).sum()


def squared_error(w: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return (x @ w - y).square().mean() / 2


def torch_path(start: Tensor, losses: Iterator[Callable[[Tensor], Tensor]], lr: Callable[[int], float]) -> Tensor:
    """Take the steps with torch.optim.SGD."""
    w = start.clone().requires_grad_()
    optimizer = torch.optim.SGD([w], lr=lr(0))
    path = [w.detach().clone()]
    for update, loss in enumerate(losses):
        optimizer.param_groups[0]["lr"] = lr(update)
        optimizer.zero_grad()
        loss(w).backward()
        optimizer.step()
        path.append(w.detach().clone())
    return torch.stack(path)


class Permutations:
    """A sampler that draws one order an epoch; torch's draws a second one and throws it away."""

    def __init__(self, n: int, generator: torch.Generator) -> None:
        self.n, self.generator = n, generator

    def __iter__(self) -> Iterator[int]:
        yield from torch.randperm(self.n, generator=self.generator).tolist()


def loader(*arrays: Tensor, shuffle: bool, generator: torch.Generator, **options: Any) -> DataLoader[Any]:
    """Make a DataLoader whose sampler alone draws from the generator."""
    sampler = Permutations(len(arrays[0]), generator) if shuffle else None
    return DataLoader(TensorDataset(*arrays), sampler=sampler, **options)


# One step, and the path


def test_step_equals_torch(verify: Verify, generator: torch.Generator) -> None:
    def reference(parameter: Tensor, gradient: Tensor, lr: float) -> Tensor:
        return torch.add(parameter, gradient, alpha=-lr)

    def optimizer(parameter: Tensor, gradient: Tensor, lr: float) -> Tensor:
        w = parameter.detach().clone().requires_grad_()
        w.grad = gradient.detach().clone()
        torch.optim.SGD([w], lr=lr).step()
        return w

    block = normal(generator, 4, 6)
    tensors = [normal(generator), normal(generator, 0, 3), normal(generator, 1, 5), block.mT, block[:, ::2]]
    cases = [(w, normal(generator, *w.shape), lr) for w in tensors for lr in (0.0, 0.1, 3.0)]
    verify(sgd_step, reference, cases, oracle="torch.add with alpha = -lr")
    verify(sgd_step, optimizer, cases, oracle="torch.optim.SGD", gradients=None)


@pytest.mark.parametrize("schedule", [lambda t: 0.02, lambda t: 0.05 / (1 + 0.1 * t)], ids=["constant", "decaying"])
def test_200_steps_equal_torch_step_by_step(
    schedule: Callable[[int], float], verify: Verify, generator: torch.Generator
) -> None:
    def ours(start: Tensor) -> Tensor:
        return gradient_descent(rosenbrock, start, lr=schedule, steps=200)

    def reference(start: Tensor) -> Tensor:
        return torch_path(start, iter([rosenbrock] * 200), schedule)

    starts = [normal(generator, 4), normal(generator, 1), normal(generator, 3, 2), normal(generator, 2, 4).mT[:3]]
    cases = [(start / 2,) for start in starts]
    verify(ours, reference, cases, oracle="torch.optim.SGD", name=gradient_descent, gradients=None)


def test_path_on_a_quadratic_is_the_closed_form(verify: Verify, generator: torch.Generator) -> None:
    def closed_form(hessian: Tensor, start: Tensor, lr: float) -> Tensor:
        matrix = torch.eye(len(start), dtype=torch.float64) - lr * hessian
        return torch.stack([torch.linalg.matrix_power(matrix, t) @ start for t in range(31)])

    def ours(hessian: Tensor, start: Tensor, lr: float) -> Tensor:
        return gradient_descent(lambda w: w @ hessian @ w / 2, start, lr=lr, steps=30)

    factors = [normal(generator, size, size) for size in (1, 2, 5)]
    cases = [(a @ a.T, normal(generator, len(a)), lr) for a in factors for lr in (0.01, 0.1, 0.3)]
    verify(ours, closed_form, cases, oracle="(I - ηH)ᵗ w₀", name=gradient_descent, values=1e-13, gradients=None)


@pytest.mark.parametrize(("shuffle", "drop_last"), list(product([False, True], repeat=2)))
def test_minibatch_path_equals_torch_over_a_dataloader(
    shuffle: bool, drop_last: bool, verify: Verify, generator: torch.Generator
) -> None:
    def ours(start: Tensor, x: Tensor, y: Tensor, size: int) -> Tensor:
        seeded = torch.Generator().manual_seed(size)
        options = {"shuffle": shuffle, "drop_last": drop_last, "generator": seeded}
        return minibatch_descent(squared_error, start, x, y, lr=schedule, batch_size=size, epochs=4, **options)

    def reference(start: Tensor, x: Tensor, y: Tensor, size: int) -> Tensor:
        seeded = torch.Generator().manual_seed(size)
        data = loader(x, y, shuffle=shuffle, generator=seeded, batch_size=size, drop_last=drop_last)
        losses = (lambda w, pair=pair: squared_error(w, *pair) for _ in range(4) for pair in data)
        return torch_path(start, losses, schedule)

    def schedule(update: int) -> float:
        return 0.1 / (1 + 0.01 * update)

    x, y = normal(generator, 23, 3), normal(generator, 23)
    cases = [(normal(generator, 3), x, y, size) for size in (1, 5, 23, 40)]
    oracle = "torch.optim.SGD over torch.utils.data.DataLoader"
    verify(ours, reference, cases, oracle=oracle, name=minibatch_descent, gradients=None)


def test_one_full_batch_is_batch_descent(generator: torch.Generator) -> None:
    x, y, start = normal(generator, 23, 3), normal(generator, 23), normal(generator, 3)
    whole = gradient_descent(lambda w: squared_error(w, x, y), start, lr=0.1, steps=5)
    assert torch.equal(
        minibatch_descent(squared_error, start, x, y, lr=0.1, batch_size=23, epochs=5, shuffle=False), whole
    )
    shuffled = minibatch_descent(squared_error, start, x, y, lr=0.1, batch_size=23, epochs=5, generator=generator)
    assert error(shuffled, whole) < 1e-14


def test_shuffles_unless_told_otherwise(generator: torch.Generator) -> None:
    x, start = torch.arange(100, dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    seen: list[float] = []

    def loss(w: Tensor, batch: Tensor) -> Tensor:
        seen.extend(batch.tolist())
        return w * batch.mean()

    minibatch_descent(loss, start, x, lr=0.1, batch_size=7, epochs=2, generator=generator)
    first, second = seen[:100], seen[100:]
    assert sorted(first) == sorted(second) == x.tolist()
    assert first != x.tolist()
    assert first != second


def test_no_update_leaves_the_start(generator: torch.Generator) -> None:
    start, nothing = normal(generator, 2), torch.empty(0, 2, dtype=torch.float64)
    assert torch.equal(gradient_descent(rosenbrock, start, lr=0.1, steps=0), start[None])
    for data, epochs in [(nothing, 3), (normal(generator, 5, 2), 0)]:
        path = minibatch_descent(lambda w, x: (x @ w).mean(), start, data, lr=0.1, batch_size=2, epochs=epochs)
        assert torch.equal(path, start[None])


@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize("grad", [False, True])
def test_descent_leaves_the_start_and_its_history_alone(steps: int, grad: bool, generator: torch.Generator) -> None:
    start = normal(generator, 3).requires_grad_()
    before = start.detach().clone()
    with torch.set_grad_enabled(grad):  # the gradient is needed all the same
        path = gradient_descent(rosenbrock, start, lr=0.01, steps=steps)
    assert torch.equal(path[0], before)
    assert not path.requires_grad
    path += 1
    assert torch.equal(start, before)
    assert start.grad is None


# Batches


@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_equal_the_dataloaders(shuffle: bool, verify: Verify) -> None:
    def epochs(make: Function) -> Function:
        """Give the entries of two epochs, and where the batches end."""

        def result(n: int, size: int, drop_last: bool) -> Tensor:
            x, seeded = torch.arange(3 * n, dtype=torch.float64).reshape(n, 3), torch.Generator().manual_seed(n)
            options = {"batch_size": size, "drop_last": drop_last, "shuffle": shuffle, "generator": seeded}
            drawn = [[*make(x, -x[:, 0], **options)] for _ in range(2)]
            rows = [[*a.flatten(), *b, a.new_tensor(len(b))] for epoch in drawn for a, b in epoch]
            return torch.tensor([float(entry) for row in rows for entry in row])

        return result

    cases = list(product([0, 1, 2, 10, 11, 12], [1, 2, 5, 11, 20], [False, True]))
    oracle = "torch.utils.data.DataLoader"
    verify(epochs(batches), epochs(loader), cases, oracle=oracle, name=batches, values=0.0, gradients=None)


def test_counts_equal_the_dataloaders(verify: Verify) -> None:
    def reference(n: int, size: int, drop_last: bool) -> int:
        return len(DataLoader(TensorDataset(torch.empty(n)), batch_size=size, drop_last=drop_last))

    cases = list(product([0, 1, 199, 200, 201, 10_000], [1, 7, 200, 300, 20_000], [False, True]))
    oracle = "len(torch.utils.data.DataLoader)"
    verify(num_batches, reference, cases, oracle=oracle, values=0.0, gradients=None)
    assert num_batches(10**17 + 1, 10) == 10**16 + 1  # a quotient of floats would be one short
    assert num_batches(201, 200) == 2


@quickly
@given(*sizes, st.booleans())
def test_every_example_once(n: int, size: int, drop_last: bool, shuffle: bool) -> None:
    x = torch.arange(n)
    parts = [part for (part,) in batches(x, batch_size=size, drop_last=drop_last, shuffle=shuffle)]
    assert len(parts) == num_batches(n, size, drop_last)
    assert all(len(part) == size for part in parts[:-1])
    seen = [row for part in parts for row in part.tolist()]
    assert len(set(seen)) == len(seen) == (n // size * size if drop_last else n)
    if not shuffle:
        assert seen == x[: len(seen)].tolist()


def test_the_random_order_is_torchs_own() -> None:
    for seed in range(3):
        ours, theirs = (torch.Generator().manual_seed(seed) for _ in range(2))
        sampler = BatchSampler(RandomSampler(range(11), generator=theirs), batch_size=4, drop_last=False)
        drawn = [part.tolist() for (part,) in batches(torch.arange(11), batch_size=4, shuffle=True, generator=ours)]
        assert drawn == list(sampler)


def test_every_order_is_equally_likely(generator: torch.Generator) -> None:
    counts: dict[tuple[int, ...], int] = {}
    for _ in range(3000):
        order = tuple(int(row) for (row,) in batches(torch.arange(3), batch_size=1, shuffle=True, generator=generator))
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 6
    assert sum((count - 500) ** 2 / 500 for count in counts.values()) < 20.5  # chi-square, 5 degrees, p = 0.001


def test_arrays_are_cut_alike_and_stay_as_they_are(generator: torch.Generator) -> None:
    block = normal(generator, 6, 9)
    x, y = block.mT[:, ::2], torch.arange(9)
    before = x.clone()
    parts = list(batches(x, y, batch_size=4, shuffle=True, generator=generator))
    for rows, labels in parts:
        assert torch.equal(rows, before[labels])
        rows.zero_()
    assert torch.equal(x, before)


# The learning rate a quadratic can bear


def curved(generator: torch.Generator, *shape: int) -> Tensor:
    """Give random matrices, not symmetric, whose symmetric part has positive eigenvalues."""
    matrix = normal(generator, *shape)
    symmetric = matrix @ matrix.mT + 0.1 * torch.eye(shape[-1], dtype=torch.float64)
    return symmetric + (matrix - matrix.mT)


def test_limit_is_where_the_largest_eigenvalue_of_a_step_reaches_one(
    verify: Verify, generator: torch.Generator
) -> None:
    def reference(hessian: Tensor) -> Tensor:
        return 2 / torch.linalg.matrix_norm((hessian + hessian.mT) / 2, 2)  # curvatures are positive: norm = λmax

    hessians = [curved(generator, *shape) for shape in [(1, 1), (2, 2), (7, 7), (3, 4, 4), (0, 2, 2)]]
    verify(stability_limit, reference, [(h,) for h in hessians], oracle="2 / torch.linalg.matrix_norm(H, 2)")
    worst = 0.0
    for hessian in hessians[:-1]:
        step = torch.eye(hessian.shape[-1]) - stability_limit(hessian)[..., None, None] * (hessian + hessian.mT) / 2
        worst = max(worst, error(torch.linalg.eigvals(step).abs().amax(-1), torch.ones(hessian.shape[:-2])))
    assert worst < 1e-13
    verify.record(stability_limit, "torch.linalg.eigvals of I - ηH, at most 1 in size", worst)


def test_factor_is_the_norm_of_a_step(verify: Verify, generator: torch.Generator) -> None:
    def reference(hessian: Tensor, lr: float) -> Tensor:
        identity = torch.eye(hessian.shape[-1], dtype=torch.float64)
        return torch.linalg.matrix_norm(identity - lr * (hessian + hessian.mT) / 2, 2)

    hessians = [normal(generator, *shape) for shape in [(1, 1), (2, 2), (7, 7), (3, 4, 4), (0, 2, 2)]]
    cases = [(h, lr) for h in hessians for lr in (0.0, 0.1, 0.5, 2.0)]
    verify(convergence_factor, reference, cases[4:], oracle="torch.linalg.matrix_norm(I - ηH, 2)", gradients=1e-13)
    assert error(convergence_factor(hessians[0], 0.1), (1 - 0.1 * hessians[0]).abs().squeeze()) < 1e-15


@quickly
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_boundary_between_convergence_and_divergence(seed: int, size: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    factor = normal(generator, size, size)
    hessian = factor @ factor.T + 0.5 * torch.eye(size, dtype=torch.float64)
    limit = float(stability_limit(hessian))
    steepest = torch.linalg.eigh(hessian).eigenvectors[:, -1]

    def distance(lr: float) -> float:
        return float(gradient_descent(lambda w: w @ hessian @ w / 2, steepest, lr=lr, steps=10)[-1].norm())

    assert distance(0.99 * limit) == pytest.approx(0.98**10, rel=1e-6)
    assert distance(limit) == pytest.approx(1, rel=1e-6)
    assert distance(1.01 * limit) == pytest.approx(1.02**10, rel=1e-6)
    for share, side in [(0.99, -1), (1.01, 1)]:
        assert (float(convergence_factor(hessian, share * limit)) - 1) * side > 0


def test_best_rate_and_its_factor() -> None:
    hessian = torch.diag(torch.tensor([1.0, 4.0, 9.0], dtype=torch.float64))
    assert float(convergence_factor(hessian, 2 / 10)) == pytest.approx(8 / 10, abs=1e-15)
    for lr in (0.19, 0.21):
        assert float(convergence_factor(hessian, lr)) > 0.8


def test_flat_and_falling_directions() -> None:
    flat, falling = torch.zeros(2, 2), torch.diag(torch.tensor([1.0, -1.0]))
    assert stability_limit(flat) == stability_limit(-torch.eye(2)) == float("inf")
    assert convergence_factor(flat, 5.0) == 1
    assert stability_limit(falling) == 2
    assert all(convergence_factor(falling, lr) > 1 for lr in (0.1, 1.0, 2.0))
    assert stability_limit(torch.tensor([[1.0, 1.0], [1.0, 1.0]])) == pytest.approx(1.0)  # flat along (1, -1)


# Every precision and device

CALLS: dict[str, Function] = {
    "sgd_step": lambda x: sgd_step(x, x, 0.5),
    "gradient_descent": lambda x: gradient_descent(lambda w: (w * w).sum(), x, lr=0.25, steps=3),
    "minibatch_descent": lambda x: minibatch_descent(
        lambda w, rows: (w * rows).sum(),
        x[0],
        x,
        lr=0.5,
        batch_size=1,
        epochs=2,
        generator=torch.Generator().manual_seed(0),
    ),
    "batches": lambda x: torch.cat([part for (part,) in batches(x, batch_size=2)]),
    "stability_limit": stability_limit,
    "convergence_factor": lambda x: convergence_factor(x, 0.5),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


@every_call
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_runs_on_every_device(call: Function, dtype: torch.dtype, device: str) -> None:
    x = torch.tensor([[2.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 2.0]], dtype=dtype)
    got, want = call(x.to(device)), call(x)
    assert (got.device.type, got.shape, got.dtype) == (device, want.shape, dtype)
    if device != "meta":
        assert error(got.double(), want.double()) <= 8 * torch.finfo(dtype).eps


@every_call
@pytest.mark.parametrize("dtype", DTYPES[1:], ids=str)
def test_rounds_little_in_low_precision(call: Function, dtype: torch.dtype) -> None:
    x = torch.tensor([[2.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 2.0]], dtype=dtype)
    assert error(call(x).double(), call(x.double())) <= 4 * torch.finfo(dtype).eps


def test_extremes() -> None:
    huge = torch.diag(torch.tensor([6e4, 1.0], dtype=torch.float16))  # twice the entry would overflow
    assert stability_limit(huge) == pytest.approx(2 / 6e4, rel=1e-2)
    steep = torch.diag(torch.tensor([1e150, 1.0], dtype=torch.float64))
    assert float(stability_limit(steep)) == pytest.approx(2e-150, rel=1e-14)
    path = gradient_descent(lambda w: w * w / 2, torch.tensor(1.0), lr=1e30, steps=3)
    assert path[:2].tolist() == [1.0, pytest.approx(-1e30)]
    assert not path[2:].isfinite().any()  # divergence is shown, not hidden


def test_nan_stays_visible() -> None:
    path = gradient_descent(lambda w: w * float("nan"), torch.tensor(1.0), lr=0.1, steps=1)
    assert path[1].isnan()


# The interface


def test_every_public_function_runs_on_every_device() -> None:
    public = {name for name, f in inspect.getmembers(module, inspect.isfunction) if f.__module__ == module.__name__}
    assert {name for name in public if not name.startswith("_")} == CALLS.keys() | {"num_batches"}


@pytest.mark.usefixtures("as_a_reader")
def test_bad_input_names_the_rule_and_the_values() -> None:
    from dlref.training.gradient_descent import (
        batches,
        convergence_factor,
        gradient_descent,
        minibatch_descent,
        num_batches,
        sgd_step,
        stability_limit,
    )

    w, rows = torch.zeros(3), torch.zeros(4, 2)

    def loss(w: Tensor, *_: Tensor) -> Tensor:
        return (w * w).sum()

    with pytest.raises(ValueError, match=r"must have one shape: parameter \(3,\), gradient \(1, 3\)"):
        sgd_step(w, torch.zeros(1, 3), 0.1)
    for lr in (-0.1, float("nan")):
        with pytest.raises(ValueError, match=rf"lr must be at least 0, got {lr}"):
            sgd_step(w, w, lr)
        with pytest.raises(ValueError, match=rf"lr must be at least 0, got {lr}"):
            gradient_descent(loss, w, lr=lambda t, lr=lr: lr, steps=1)
        with pytest.raises(ValueError, match=rf"lr must be at least 0, got {lr}"):
            convergence_factor(torch.eye(2), lr)
    with pytest.raises(ValueError, match=r"steps must be a whole number, at least 0, got -1"):
        gradient_descent(loss, w, lr=0.1, steps=-1)
    with pytest.raises(ValueError, match=r"epochs must be a whole number, at least 0, got 1.5"):
        minibatch_descent(loss, w, rows, lr=0.1, batch_size=1, epochs=1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"loss must return one number, got shape \(3,\)"):
        gradient_descent(lambda w: w * w, w, lr=0.1, steps=1)
    for size in (0, -2, 2.0):
        with pytest.raises(ValueError, match=rf"batch_size must be a whole number, at least 1, got {size}"):
            num_batches(10, size)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=rf"batch_size must be a whole number, at least 1, got {size}"):
            batches(rows, batch_size=size)  # type: ignore[arg-type] - when called, not when the first batch is drawn
    with pytest.raises(ValueError, match=r"num_examples must be a whole number, at least 0, got -1"):
        num_batches(-1, 5)
    for arrays, shapes in [((), r"\[\]"), ((rows, w), r"\[\(4, 2\), \(3,\)\]"), ((torch.tensor(1.0),), r"\[\(\)\]")]:
        with pytest.raises(
            ValueError, match=rf"share the length of their first axis, the examples: got shapes {shapes}"
        ):
            batches(*arrays, batch_size=2)
    for function in (stability_limit, lambda h: convergence_factor(h, 0.1)):
        for shape in [(3,), (2, 3), (0, 0)]:
            with pytest.raises(
                ValueError, match=r"square with at least one row, got shape \(" + ", ".join(map(str, shape))
            ):
                function(torch.zeros(shape))
