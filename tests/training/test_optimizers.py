"""Proofs of dlref.training.optimizers: torch.optim and its schedulers are the oracles, and for Lion plain numbers."""

import inspect
import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.optim import lr_scheduler

from dlref.training import optimizers
from dlref.training.optimizers import (
    Optimizer,
    State,
    adagrad_step,
    adam_step,
    adamw_step,
    lion_step,
    rmsprop_step,
    schedule,
    sgd_step,
)
from tests.oracle import Verify, error

DEVICES = ["meta", *(["cuda"] if torch.cuda.is_available() else [])]
STEPS = 200


class Case(NamedTuple):
    """A step function with its options, and the optimiser that it must equal."""

    step: Callable[..., tuple[Tensor, State]]
    reference: Callable[..., Any]
    options: dict[str, Any]

    def __call__(self, parameter: Tensor, gradient: Tensor, state: State) -> tuple[Tensor, State]:
        return self.step(parameter, gradient, state, **self.options)

    @property
    def oracle(self) -> str:
        name = self.reference.__name__
        return "a Lion in plain numbers" if self.reference is NaiveLion else f"torch.optim.{name}"


class NaiveLion:
    """Algorithm 2 of Chen et al. 2023, entry by entry in Python's numbers."""

    def __init__(self, params: Iterable[Tensor], lr: float, betas: tuple[float, float] = (0.9, 0.99), **options: float):
        self.params, self.lr, self.betas, self.decay = list(params), lr, betas, options.get("weight_decay", 0.0)
        self.momenta = [[0.0] * parameter.numel() for parameter in self.params]

    def step(self) -> None:
        (beta1, beta2), decay = self.betas, self.decay
        for parameter, momenta in zip(self.params, self.momenta, strict=True):
            assert parameter.grad is not None
            entries = list(zip(parameter.flatten().tolist(), parameter.grad.flatten().tolist(), strict=True))
            for i, (theta, gradient) in enumerate(entries):
                c = beta1 * momenta[i] + (1 - beta1) * gradient
                sign = (c > 0) - (c < 0)
                entries[i] = (theta - self.lr * (sign + decay * theta), gradient)
                momenta[i] = beta2 * momenta[i] + (1 - beta2) * gradient
            flat = torch.tensor([theta for theta, _ in entries], dtype=parameter.dtype)
            parameter.data.copy_(flat.reshape(parameter.shape))


CASES = {
    "sgd": Case(sgd_step, torch.optim.SGD, {"lr": 0.1}),
    "sgd, momentum": Case(sgd_step, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    "sgd, dampening": Case(sgd_step, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.6}),
    "sgd, nesterov": Case(sgd_step, torch.optim.SGD, {"lr": 0.1, "momentum": 0.8, "nesterov": True}),
    "adagrad": Case(adagrad_step, torch.optim.Adagrad, {}),
    "adagrad, eps": Case(adagrad_step, torch.optim.Adagrad, {"lr": 0.3, "eps": 0.1}),
    "rmsprop": Case(rmsprop_step, torch.optim.RMSprop, {}),
    "rmsprop, eps": Case(rmsprop_step, torch.optim.RMSprop, {"lr": 0.05, "alpha": 0.7, "eps": 0.1}),
    "adam": Case(adam_step, torch.optim.Adam, {}),
    "adam, eps": Case(adam_step, torch.optim.Adam, {"lr": 0.05, "betas": (0.7, 0.9), "eps": 0.1}),
    "adamw": Case(adamw_step, torch.optim.AdamW, {}),
    "adamw, decay": Case(adamw_step, torch.optim.AdamW, {"lr": 0.05, "betas": (0.5, 0.9), "weight_decay": 0.5}),
    "lion": Case(lion_step, NaiveLion, {"lr": 0.01}),
    "lion, decay": Case(lion_step, NaiveLion, {"lr": 0.03, "betas": (0.5, 0.8), "weight_decay": 0.5}),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
every_dtype = pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)


def several_shapes(generator: torch.Generator) -> list[Tensor]:
    """Give a scalar, an empty batch, a batch of one, and two views without contiguous memory."""

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    block = normal(4, 6)
    return [normal(), normal(0, 3), normal(1, 5), block.mT, block[:, ::2]]


def gradients(like: Tensor, generator: torch.Generator) -> Tensor:
    """Give noisy gradients of several sizes, and a long pause, with which a mean must fade."""
    noise = torch.randn((STEPS, *like.shape), generator=generator, dtype=like.dtype)
    noise *= 10 ** torch.linspace(-3, 2, STEPS, dtype=like.dtype).reshape(-1, *[1] * like.ndim)
    noise[100:130] = 0
    return noise


# Against the oracles


@every_case
def test_every_step_equals_the_oracle(case: Case, verify: Verify, generator: torch.Generator) -> None:
    largest = 0.0
    for start in several_shapes(generator):
        parameter, state = start, {}
        reference = start.clone().requires_grad_()
        optimizer = case.reference([reference], **case.options)
        for gradient in gradients(start, generator)[: STEPS if start.numel() else 2]:
            parameter, state = case(parameter, gradient, state)
            reference.grad = gradient.clone()
            optimizer.step()
            largest = max(largest, error(parameter, reference))
        if isinstance(optimizer, torch.optim.Optimizer):
            theirs = {name: x for name, x in optimizer.state[reference].items() if x is not None}
            assert state.keys() == theirs.keys() - ({"step"} if "step" not in state else set())
            assert all(error(x, theirs[name]) <= 1e-13 for name, x in state.items())
    assert largest <= 1e-13
    verify.record(case.step, case.oracle, largest)


@pytest.mark.parametrize("name", ["sgd, momentum", "sgd, nesterov", "adam"])
def test_torchs_weight_decay_is_a_penalty_in_the_gradient(name: str, generator: torch.Generator) -> None:
    case = CASES[name]
    parameter, state = torch.ones(5, dtype=torch.float64), {}
    reference = parameter.clone().requires_grad_()
    optimizer = case.reference([reference], weight_decay=0.1, **case.options)
    for gradient in gradients(parameter, generator):
        parameter, state = case(parameter, gradient + 0.1 * parameter, state)
        reference.grad = gradient.clone()
        optimizer.step()
    assert error(parameter, reference) <= 1e-13


@every_case
def test_the_class_trains_as_the_oracle_does(case: Case, verify: Verify, generator: torch.Generator) -> None:
    """Two layers, a weight without contiguous memory, a weight that nothing uses, and gradients that depend on all."""
    x, y = torch.randn(8, 4, generator=generator).double(), torch.randn(8, 2, generator=generator).double()
    starts = [torch.randn(3, 4, generator=generator).double().T, torch.randn(3, 2, generator=generator).double()]
    starts.append(torch.ones(2, dtype=torch.float64))
    ours, theirs = ([start.clone().requires_grad_() for start in starts] for _ in range(2))
    assert not ours[0].is_contiguous()
    optimizer, reference = Optimizer(iter(ours), case.step, **case.options), case.reference(theirs[:2], **case.options)
    largest = 0.0
    for _ in range(STEPS):
        for w1, w2, _unused in (ours, theirs):
            (((x @ w1).tanh() @ w2 - y) ** 2).mean().backward()
        optimizer.step()
        reference.step()
        optimizer.zero_grad()
        assert all(parameter.grad is None for parameter in ours)
        for parameter in theirs:
            parameter.grad = None
        largest = max(largest, *(error(a, b) for a, b in zip(ours, theirs, strict=True)))
    assert largest <= 1e-12
    verify.record(Optimizer, case.oracle, largest)


T = 100
SCHEDULES: dict[str, tuple[Callable[[torch.optim.Optimizer], Any], tuple[Any, ...]]] = {
    "StepLR": (
        lambda o: lr_scheduler.StepLR(o, 30, gamma=0.1),
        (1.0, ("step", 30, 0.1), ("step", 60, 0.01), ("step", 90, 0.001)),
    ),
    "LinearLR": (lambda o: lr_scheduler.LinearLR(o, 1 / 3, total_iters=20), (1 / 3, ("linear", 20, 1.0))),
    "CosineAnnealingLR": (
        lambda o: lr_scheduler.CosineAnnealingLR(o, T, eta_min=0.01),
        (1.0, ("cosine", T, 0.01)),
    ),
    "OneCycleLR": (
        lambda o: lr_scheduler.OneCycleLR(o, 1.0, total_steps=T + 1, cycle_momentum=False),
        (1 / 25, ("cosine", 0.3 * (T + 1) - 1, 1.0), ("cosine", T, 1 / 25e4)),
    ),
    "SequentialLR": (
        lambda o: lr_scheduler.SequentialLR(
            o, [lr_scheduler.LinearLR(o, 0.1, total_iters=10), lr_scheduler.CosineAnnealingLR(o, T - 10)], [10]
        ),
        (0.1, ("linear", 10, 1.0), ("cosine", T, 0.0)),
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_factor_equals_the_scheduler(name: str, verify: Verify) -> None:
    make, (start, *phases) = SCHEDULES[name]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler, wanted = make(optimizer), []
    for _ in range(T + 1):
        wanted.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(wanted) <= T:
            scheduler.step()
    got = [schedule(step, start, *phases) for step in range(T + 1)]
    verify(lambda: got, lambda: wanted, [()], oracle=f"torch.optim.lr_scheduler.{name}", name=schedule, gradients=None)
    assert schedule(10 * T, start, *phases) == phases[-1][-1]


def test_a_schedule_drives_the_class_as_it_drives_torch() -> None:
    ours, theirs = (torch.ones(3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    optimizer, reference = Optimizer([ours], adam_step, lr=0.5), torch.optim.Adam([theirs], lr=0.1)
    scheduler = lr_scheduler.CosineAnnealingLR(reference, 50)
    for step in range(50):
        ours.grad, theirs.grad = ours.detach() ** 3, theirs.detach() ** 3
        optimizer.step(lr=0.1 * schedule(step, 1.0, ("cosine", 50, 0.0)))
        reference.step()
        scheduler.step()
    assert error(ours, theirs) <= 1e-13
    assert optimizer.options == {"lr": 0.5}


# In low precision and at the extremes


@every_case
@every_dtype
def test_low_precision_is_computed_in_float32(case: Case, dtype: torch.dtype, generator: torch.Generator) -> None:
    start = torch.randn(3, 4, generator=generator).to(dtype)
    noise = gradients(start.double(), generator).to(dtype)
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    parameter, state, trained = start, {}, start.clone().requires_grad_()
    optimizer = Optimizer([trained], case.step, **case.options)
    for gradient in noise[:50]:
        want, wanted = case(parameter.to(wide), gradient.to(wide), state)
        parameter, state = case(parameter, gradient, state)
        assert parameter.dtype == dtype
        assert torch.equal(parameter, want.to(dtype))
        assert all(torch.equal(state[name], x) for name, x in wanted.items() if isinstance(x, Tensor))
        trained.grad = gradient.clone()
        optimizer.step()
    assert torch.equal(trained, parameter)
    assert all(x.dtype == wide for x in state.values() if isinstance(x, Tensor))


@every_case
@every_dtype
def test_a_zero_gradient_moves_nothing_and_a_huge_one_stays_finite(case: Case, dtype: torch.dtype) -> None:
    parameter = torch.tensor([0.0, 0.0, 0.0], dtype=dtype)
    huge = torch.tensor([0.0, 1e-3, 6e4], dtype=dtype)  # 65504 is the largest float16, and its square the larger
    parameter, _ = case(parameter, huge, {})
    assert parameter[0] == 0
    assert parameter.isfinite().all()
    assert (parameter[1:] < 0).all()


def test_the_slow_mean_of_adam_moves_in_half_precision() -> None:
    """In bfloat16 itself, 0.999 is 1, and the mean of squares would never fade."""
    parameter, state = torch.zeros(1, dtype=torch.bfloat16), {}
    for gradient in [1.0] * 10 + [0.0] * 3000:
        parameter, state = adam_step(parameter, torch.full_like(parameter, gradient), state)
    assert float(state["exp_avg_sq"]) == pytest.approx((1 - 0.999**10) * 0.999**3000, rel=1e-3)


# Properties

quickly = settings(max_examples=25, deadline=None)
numbers = st.lists(st.floats(-1e3, 1e3).filter(lambda x: x == 0 or abs(x) > 1e-3), min_size=2, max_size=8)


@quickly
@given(numbers, st.sampled_from([1e-3, 0.5, 1e4]))
def test_adam_and_lion_do_not_see_the_scale_of_the_loss(gradients: list[float], scale: float) -> None:
    cases = Case(adam_step, torch.optim.Adam, {"eps": 0.0}), Case(lion_step, NaiveLion, {"lr": 0.1})
    for case in cases:
        paths = []
        for factor in (1.0, scale):
            w, state = torch.ones(1, dtype=torch.float64), {}
            for gradient in gradients:
                if gradient:
                    w, state = case(w, torch.full_like(w, factor * gradient), state)
            paths.append(w)
        assert error(*paths) <= 1e-12


@quickly
@given(numbers, st.floats(0.1, 0.99))
def test_momentum_is_the_sum_of_what_every_gradient_leaves_behind(gradients: list[float], momentum: float) -> None:
    w, state = torch.zeros(1, dtype=torch.float64), {}
    for gradient in gradients:
        w, state = sgd_step(w, torch.full_like(w, gradient), state, lr=0.1, momentum=momentum)
    count = len(gradients)
    shares = ((1 - momentum ** (count - i)) / (1 - momentum) for i in range(count))
    want = -0.1 * sum(share * gradient for share, gradient in zip(shares, gradients, strict=True))
    assert float(w) == pytest.approx(want, rel=1e-11, abs=1e-10)


@quickly
@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 50), st.integers(1, 50), st.integers(0, 120))
def test_a_schedule_stays_between_its_corners(start: float, goal: float, first: int, second: int, step: int) -> None:
    for shape in ("linear", "cosine", "step"):
        factor = schedule(step, start, (shape, first, goal), (shape, first + second, start))
        assert min(start, goal) - 1e-12 <= factor <= max(start, goal) + 1e-12
        assert schedule(first, start, (shape, first, goal), (shape, first + second, start)) == goal
        assert schedule(0, start, (shape, first, goal)) == start


# The interface


def test_every_public_name_is_in_the_tables() -> None:
    names = {n for n, x in inspect.getmembers(optimizers) if getattr(x, "__module__", "") == optimizers.__name__}
    public = {name for name in names if not name.startswith("_")}
    assert public == {case.step.__name__ for case in CASES.values()} | {"Optimizer", "schedule"}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
@every_case
def test_runs_on_every_device(case: Case, dtype: torch.dtype, device: str) -> None:
    start = torch.linspace(-4, 4, 6, dtype=dtype).reshape(2, 3)
    here, there, state, moved = start, start.to(device), {}, {}
    trained = start.to(device, copy=True).requires_grad_()
    optimizer = Optimizer([trained], case.step, **case.options)
    for _ in range(3):
        here, state = case(here, start, state)
        there, moved = case(there, start.to(device), moved)
        trained.grad = start.to(device)
        optimizer.step()
    for got in (there, trained):
        assert (got.device.type, got.shape, got.dtype) == (device, here.shape, here.dtype)
        if device != "meta":
            assert error(got, here) <= 4 * torch.finfo(dtype).eps


@every_case
def test_changes_none_of_its_arguments_and_keeps_none(case: Case) -> None:
    """Gradients are often written into the same memory again and again."""
    first, second = torch.tensor([0.5, 0.25]), torch.tensor([-3.0, 0.125])
    paths = []
    for memory in (torch.empty(2), None):
        start = torch.tensor([1.0, -2.0])
        gradient = first.clone() if memory is None else memory.copy_(first)
        w, state = case(start, gradient, {})
        kept = {name: x.clone() if isinstance(x, Tensor) else x for name, x in state.items()}
        gradient = second.clone() if memory is None else memory.copy_(second)
        last, _ = case(w, gradient, state)
        assert start.tolist() == [1.0, -2.0]
        assert torch.equal(gradient, second)
        assert all(error(state[name], x) == 0 for name, x in kept.items())
        paths.append((w, last))
    assert torch.equal(paths[0][0], paths[1][0])
    assert torch.equal(paths[0][1], paths[1][1])


def test_the_class_takes_a_step_function_of_ones_own() -> None:
    def sign_step(parameter: Tensor, gradient: Tensor, state: State, *, lr: float) -> tuple[Tensor, State]:
        return parameter - lr * gradient.sign(), {"step": state.get("step", 0) + 1}

    w = torch.zeros(3, requires_grad=True)
    optimizer = Optimizer([w], sign_step, lr=0.5)
    for _ in range(3):
        w.grad = torch.tensor([5.0, -0.1, 0.0])
        optimizer.step()
    assert w.tolist() == [-1.5, 1.5, 0.0]
    assert optimizer.states == [{"step": 3}]


def test_the_class_follows_a_parameter_whose_memory_moves() -> None:
    w = torch.zeros(2, requires_grad=True)
    optimizer = Optimizer([w], sgd_step, lr=1.0)
    w.data = torch.tensor([5.0, 5.0])
    w.grad = torch.ones(2)
    optimizer.step()
    assert w.tolist() == [4.0, 4.0]


@pytest.mark.usefixtures("as_a_reader")
def test_bad_input_names_the_rule_and_the_values() -> None:
    from dlref.training.optimizers import Optimizer, adam_step, lion_step, rmsprop_step, schedule, sgd_step

    w, g = torch.ones(3), torch.ones(3)
    with pytest.raises(ValueError, match=r"parameter and gradient differ in shape: \(3,\), \(1,\)"):
        sgd_step(w, g[:1], {}, lr=0.1)
    with pytest.raises(ValueError, match=r"parameter and exp_avg differ in shape: \(3,\), \(\)"):
        adam_step(w, g, {"exp_avg": torch.tensor(0.0)})
    with pytest.raises(ValueError, match=r"nesterov needs momentum > 0 and dampening = 0, got 0.0 and 0.0"):
        sgd_step(w, g, {}, lr=0.1, nesterov=True)
    with pytest.raises(ValueError, match=r"nesterov needs momentum > 0 and dampening = 0, got 0.9 and 0.5"):
        sgd_step(w, g, {}, lr=0.1, momentum=0.9, dampening=0.5, nesterov=True)
    for name, value in (("lr", -0.1), ("lr", math.nan), ("lr", math.inf), ("eps", -1e-8)):
        with pytest.raises(ValueError, match=f"{name} must be at least 0 and below inf, got {value}"):
            adam_step(w, g, {}, **{name: value})  # pyright: ignore[reportArgumentType]
    for betas in ((1.0, 0.999), (0.9, 1.0), (-0.1, 0.9)):
        for step in (adam_step, lion_step):
            with pytest.raises(
                ValueError, match=rf"betas must be at least 0 and below 1, got \({betas[0]}, {betas[1]}"
            ):
                step(w, g, {}, lr=0.1, betas=betas)
    with pytest.raises(ValueError, match=r"alpha must be at least 0 and below 1, got 1.0"):
        rmsprop_step(w, g, {}, alpha=1.0)
    with pytest.raises(TypeError, match="lr"):
        sgd_step(w, g, {})  # pyright: ignore[reportCallIssue]

    leaf = torch.ones(2, requires_grad=True)
    for params, got in (([], "0 among 0"), ([leaf, leaf], "1 among 2"), ([leaf, leaf * 2], "1 among 2")):
        with pytest.raises(ValueError, match=f"params must be different leaves, got {got} tensors"):
            Optimizer(params, sgd_step, lr=0.1)
    with pytest.raises(ValueError, match="lr must be at least 0 and below inf, got -1"):
        Optimizer([leaf], sgd_step, lr=-1)
    with pytest.raises(TypeError, match="beta"):
        Optimizer([leaf], sgd_step, lr=0.1, beta=0.9)
    optimizer = Optimizer([leaf], sgd_step, lr=0.1)
    leaf.grad = torch.ones(2)
    with pytest.raises(ValueError, match="lr must be at least 0 and below inf, got -1"):
        optimizer.step(lr=-1)
    assert leaf.tolist() == [1.0, 1.0]

    shapes = r"a phase is one of \['linear', 'cosine', 'step'\]"
    with pytest.raises(ValueError, match=rf"{shapes} past 0, got 'line' to 5, at step 9"):
        schedule(9, 0.0, ("line", 5, 1.0))
    with pytest.raises(ValueError, match=rf"{shapes} past 10, got 'cosine' to 10, at step 3"):
        schedule(3, 0.0, ("linear", 10, 1.0), ("cosine", 10, 0.0))
    with pytest.raises(ValueError, match=rf"{shapes} past 0, got 'linear' to 10, at step -1"):
        schedule(-1, 0.0, ("linear", 10, 1.0))
