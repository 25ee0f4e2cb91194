"""Proofs of dlref.training.gradient_flow: torch.nn.utils, torch.autograd and closed forms are the oracles."""

import inspect
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor, nn

from dlref.training import gradient_flow
from dlref.training.gradient_flow import (
    clip_grad_norm_,
    clip_grad_value_,
    gradient_by_lag,
    gradient_norms,
    jacobian_singular_values,
    total_norm,
)
from tests.oracle import Verify, error

Shapes = list[tuple[int, ...]]
DEVICES = ["meta", *(["cuda"] if torch.cuda.is_available() else [])]
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
SEVERAL: list[Shapes] = [[(4, 3), (4,)], [(1,)], [()], [(0, 3), (2,)], [(2, 3, 2), (1, 5), (7,)], [(0,)], []]
quickly = settings(max_examples=25, deadline=None)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
every_norm = pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.0])


def normal(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def with_gradients(gradients: list[Tensor]) -> list[Tensor]:
    parameters = []
    for gradient in gradients:
        parameter = torch.zeros_like(gradient).requires_grad_()
        parameter.grad = gradient.clone()
        parameters.append(parameter)
    return [*parameters, torch.zeros(2, requires_grad=True)]  # the last one took no part in the loss


def gradients_of(parameters: list[Tensor]) -> Tensor:
    return torch.cat([p.grad.flatten() for p in parameters if p.grad is not None] or [torch.zeros(0)])


def clipped(clip: Callable[..., object], *limits: float) -> Callable[..., Tensor]:
    """Give the clipped gradients, with what the function returns in front, if anything."""

    def run(*gradients: Tensor) -> Tensor:
        parameters = with_gradients(list(gradients))
        answer = clip(parameters, *limits)
        return (
            torch.cat([answer.reshape(1), gradients_of(parameters)])
            if isinstance(answer, Tensor)
            else (gradients_of(parameters))
        )

    return run


def several(generator: torch.Generator) -> list[tuple[Tensor, ...]]:
    cases = [tuple(3 * normal(generator, *shape) for shape in shapes) for shapes in SEVERAL]
    block = normal(generator, 4, 6)
    return [*cases, (block.mT, block[:, ::2], normal(generator, 1, 3).expand(4, 3))]


# Against torch.nn.utils, to the last bit


@every_norm
def test_total_norm_equals_torch(norm_type: float, verify: Verify, generator: torch.Generator) -> None:
    verify(
        lambda *tensors: total_norm(tensors, norm_type),
        lambda *tensors: nn.utils.get_total_norm(tensors, norm_type),
        several(generator),
        oracle="torch.nn.utils.get_total_norm",
        name=total_norm,
        values=0.0,
        gradients=None,
    )


@pytest.mark.parametrize("norm_type", [2.0, 1.0, math.inf])
def test_total_norm_is_that_of_one_long_vector(norm_type: float, verify: Verify, generator: torch.Generator) -> None:
    verify(
        lambda *tensors: total_norm(tensors, norm_type),
        lambda *tensors: torch.tensor(np.linalg.norm(np.concatenate([t.flatten() for t in tensors]), norm_type)),
        [case for case in several(generator) if sum(t.numel() for t in case)],
        oracle="numpy.linalg.norm of the concatenation",
        name=total_norm,
        gradients=None,
    )


@every_norm
@pytest.mark.parametrize("max_norm", [0.0, 0.5, 5.0, 1e6])
def test_clipping_by_norm_equals_torch(
    norm_type: float, max_norm: float, verify: Verify, generator: torch.Generator
) -> None:
    verify(
        clipped(clip_grad_norm_, max_norm, norm_type),
        clipped(nn.utils.clip_grad_norm_, max_norm, norm_type),
        several(generator),
        oracle="torch.nn.utils.clip_grad_norm_",
        name=clip_grad_norm_,
        values=0.0,
        gradients=None,
    )


@pytest.mark.parametrize("clip_value", [0.0, 0.5, 5.0, math.inf])
def test_clipping_by_value_equals_torch(clip_value: float, verify: Verify, generator: torch.Generator) -> None:
    verify(
        clipped(clip_grad_value_, clip_value),
        clipped(nn.utils.clip_grad_value_, clip_value),
        several(generator)[:-2],  # torch takes no empty list here
        oracle="torch.nn.utils.clip_grad_value_",
        name=clip_grad_value_,
        values=0.0,
        gradients=None,
    )


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
def test_what_is_not_finite_ends_as_in_torch(bad: float) -> None:
    gradients = [torch.tensor([1.0, bad]), torch.tensor([2.0])]
    got, want = (clipped(clip, 1.0)(*gradients) for clip in (clip_grad_norm_, nn.utils.clip_grad_norm_))
    torch.testing.assert_close(got, want, rtol=0, atol=0, equal_nan=True)
    spread = math.nan if math.isnan(bad) else 0.0
    torch.testing.assert_close(got[1:], torch.tensor([spread, math.nan, spread]), equal_nan=True)


@pytest.mark.parametrize("clip", [clip_grad_norm_, clip_grad_value_])
def test_one_tensor_and_a_generator_will_do(clip: Callable[..., object]) -> None:
    (alone, _), (lazy, other) = (with_gradients([torch.tensor([[3.0, 4.0]])]) for _ in range(2))
    clip(alone, 1.0)
    clip((p for p in (lazy, other)), 1.0)
    assert alone.grad is not None
    assert lazy.grad is not None
    assert torch.equal(alone.grad, lazy.grad)
    assert float(alone.grad.abs().max()) <= 1


vectors = arrays("float64", st.integers(1, 6), elements=st.floats(-100, 100))


@quickly
@given(vectors, vectors, st.floats(0.01, 1e3))
def test_clipping_by_norm_keeps_the_direction(one: np.ndarray, other: np.ndarray, max_norm: float) -> None:
    before = torch.cat([torch.from_numpy(one), torch.from_numpy(other)])
    result = clipped(clip_grad_norm_, max_norm)(torch.from_numpy(one), torch.from_numpy(other))
    norm, after = result[0], result[1:]
    assert float(norm) == pytest.approx(float(before.norm()), rel=1e-12, abs=1e-300)
    assert float(after.norm()) <= max_norm * (1 + 1e-12)
    if norm + 1e-6 <= max_norm:
        assert torch.equal(after, before)
    else:
        torch.testing.assert_close(after * norm, before * after.norm(), rtol=1e-9, atol=1e-9)
        assert float(after.norm()) == pytest.approx(max_norm, rel=2e-6 / float(norm) + 1e-12)


@quickly
@given(vectors, st.floats(0, 50))
def test_clipping_by_value_touches_only_what_is_too_large(array: np.ndarray, clip_value: float) -> None:
    before = torch.from_numpy(array)
    after = clipped(clip_grad_value_, clip_value)(before)
    small = before.abs() <= clip_value
    assert torch.equal(after[small], before[small])
    assert torch.equal(after[~small], clip_value * before[~small].sign())


# Where the gradient goes


def models() -> list[tuple[nn.Module, Tensor]]:
    torch.manual_seed(0)
    return [
        (nn.Linear(3, 2).double(), torch.randn(5, 3, dtype=torch.float64)),
        (nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double(), torch.randn(1, 3, dtype=torch.float64)),
        (nn.Sequential(nn.Conv1d(2, 3, 3), nn.Flatten(), nn.Linear(6, 1)).double(), torch.randn(2, 2, 4).double()),
    ]


def test_gradient_norms_equal_autograd(verify: Verify) -> None:
    def ours(index: int) -> Tensor:
        model, x = models()[index]
        model(x).square().sum().backward()
        norms = gradient_norms(model)
        assert list(norms) == [name for name, _ in model.named_parameters()]
        return torch.stack(list(norms.values()))

    def reference(index: int) -> Tensor:
        model, x = models()[index]
        gradients = torch.autograd.grad(model(x).square().sum(), list(model.parameters()))
        return torch.tensor([np.linalg.norm(g.flatten()) for g in gradients])

    verify(
        ours,
        reference,
        [(index,) for index in range(3)],
        oracle="torch.autograd.grad and numpy.linalg.norm",
        name=gradient_norms,
        gradients=None,
    )


def test_gradient_norms_leave_out_what_took_no_part() -> None:
    model = nn.ModuleDict({"used": nn.Linear(2, 1), "unused": nn.Linear(2, 1)})
    assert gradient_norms(model) == {}
    model["used"](torch.ones(1, 2)).sum().backward()
    assert set(gradient_norms(model)) == {"used.weight", "used.bias"}


@pytest.mark.parametrize("steps", [0, 1, 30])
def test_linear_recurrence_has_a_closed_form(steps: int, verify: Verify, generator: torch.Generator) -> None:
    def ours(rho: float) -> Tensor:
        rotation = torch.linalg.qr(normal(generator, 6, 6))[0]
        states = [normal(generator, 6).requires_grad_()]
        for _ in range(steps):
            states.append(rho * rotation @ states[-1])
        return gradient_by_lag(states[-1] @ torch.eye(6, dtype=torch.float64)[0], states)

    verify(
        ours,
        lambda rho: rho ** torch.arange(steps + 1, dtype=torch.float64),
        [(0.5,), (0.9,), (1.0,), (1.1,)],
        oracle="rho ** lag for a linear recurrence",
        name=gradient_by_lag,
        gradients=None,
    )


def test_lags_equal_jacobians_of_the_rest_of_the_chain(verify: Verify, generator: torch.Generator) -> None:
    weight, start = normal(generator, 4, 4), normal(generator, 2, 4)

    def rest(state: Tensor, steps: int) -> Tensor:
        for _ in range(steps):
            state = torch.tanh(state @ weight)
        return state

    def ours(steps: int) -> Tensor:
        states = [start.clone().requires_grad_()]
        for _ in range(steps):
            states.append(rest(states[-1], 1))
        loss = states[-1].square().sum()
        profile = gradient_by_lag(loss, states)
        torch.testing.assert_close(gradient_by_lag(loss, states), profile)  # the graph is still there
        return profile

    def reference(steps: int) -> Tensor:
        return torch.stack(
            [
                torch.autograd.functional.jacobian(
                    lambda state, lag=lag: rest(state, lag).square().sum(), rest(start, steps - lag)
                ).norm()
                for lag in range(steps + 1)
            ]
        )

    cases = [(1,), (5,)]
    oracle = "torch.autograd.functional.jacobian"
    verify(ours, reference, cases, oracle=oracle, name=gradient_by_lag, gradients=None)


def test_singular_values_equal_those_of_torch_and_numpy(verify: Verify, generator: torch.Generator) -> None:
    wide, tall, point = normal(generator, 2, 5), normal(generator, 6, 3), normal(generator, 3, 4)
    cases = [
        (lambda x: torch.tanh(wide @ x), normal(generator, 5)),
        (lambda x: torch.relu(tall @ x), normal(generator, 3)),
        (lambda x: (x**2).sum(), normal(generator, 3)),
        (lambda x: x.softmax(0).repeat(2), normal(generator, 1)),
        (lambda x: x[:, ::2] @ x[:, ::2].mT, point),
        (lambda x: x[::2].sin(), normal(generator, 8)[::2]),
    ]

    def reference(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        jacobian = torch.autograd.functional.jacobian(function, x)
        assert isinstance(jacobian, Tensor)
        return torch.from_numpy(np.linalg.svd(jacobian.reshape(-1, x.numel()).numpy(), compute_uv=False))

    verify(
        jacobian_singular_values,
        lambda function, x: reference(function, x.detach()),
        cases,
        oracle="torch.autograd.functional.jacobian and numpy.linalg.svd",
        gradients=None,
    )
    assert jacobian_singular_values(lambda x: x[:0], torch.zeros(3)).shape == (0,)


@quickly
@given(st.floats(0.1, 3), st.integers(1, 5))
def test_singular_values_bound_the_way_back(scale: float, size: int) -> None:
    torch.manual_seed(size)
    weight, x, g = scale * torch.randn(size, size).double(), torch.randn(size).double(), torch.randn(size).double()
    values = jacobian_singular_values(lambda x: torch.tanh(weight @ x), x)
    point = x.clone().requires_grad_()
    (back,) = torch.autograd.grad(torch.tanh(weight @ point), point, g)
    assert values[-1] * g.norm() * (1 - 1e-9) - 1e-12 <= back.norm() <= values[0] * g.norm() * (1 + 1e-9)


# At the extremes


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_does_not_overflow(dtype: torch.dtype) -> None:
    gradient = torch.full((100,), 60000.0, dtype=dtype)
    parameters = with_gradients([gradient])
    norm = clip_grad_norm_(parameters, 1.0)
    assert norm.dtype == torch.float32
    assert float(norm) == pytest.approx(10 * float(gradient[0]), rel=1e-6)
    assert parameters[0].grad is not None
    assert parameters[0].grad.dtype == dtype
    assert float(parameters[0].grad[0]) == pytest.approx(0.1, rel=torch.finfo(dtype).eps)


@every_dtype
def test_measures_in_every_dtype(dtype: torch.dtype) -> None:
    x = torch.tensor([0.5, -1.0], dtype=dtype)
    values = jacobian_singular_values(torch.tanh, x)
    want = torch.autograd.functional.jacobian(torch.tanh, x.double())
    assert isinstance(want, Tensor)
    assert error(values, torch.linalg.svdvals(want)) <= 2 * torch.finfo(dtype).eps
    states = [x.clone().requires_grad_()]
    states.append(states[0] * 0.5)
    assert gradient_by_lag(states[1].sum(), states).tolist() == pytest.approx([2**0.5, 2**-0.5], rel=1e-6)


# The interface


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_runs_on_every_device(dtype: torch.dtype, device: str) -> None:
    wide = torch.float32
    x = torch.linspace(-1, 1, 6, dtype=dtype, device=device).reshape(2, 3)
    model = nn.Linear(3, 2, device=device, dtype=dtype)
    model(x).sum().backward()
    states = [x.clone().requires_grad_()]
    states.append(torch.tanh(states[0]))
    got = {
        "total_norm": total_norm([x, x[0]]),
        "clip_grad_norm_": clip_grad_norm_(model.parameters(), 0.1),
        "gradient_norms": gradient_norms(model)["weight"],
        "gradient_by_lag": gradient_by_lag(states[1].sum(), states),
        "jacobian_singular_values": jacobian_singular_values(torch.tanh, x),
    }
    clip_grad_value_(model.parameters(), 0.01)
    assert model.weight.grad is not None
    assert (model.weight.grad.device.type, model.weight.grad.dtype) == (device, dtype)
    assert {(value.device.type, value.dtype) for value in got.values()} == {(device, wide)}
    members = inspect.getmembers(gradient_flow, inspect.isfunction)
    public = {n for n, f in members if f.__module__ == gradient_flow.__name__ and not n.startswith("_")}
    assert public == {*got, "clip_grad_value_"}
    if device != "meta":
        assert all(value.isfinite().all() for value in got.values())


def test_measuring_leaves_everything_alone() -> None:
    x = torch.ones(3)
    with torch.no_grad():
        jacobian_singular_values(torch.sin, x)
    assert not x.requires_grad
    parameters = with_gradients([x])
    total_norm([p.grad for p in parameters if p.grad is not None])
    assert torch.equal(gradients_of(parameters), torch.ones(3))
    assert not clip_grad_norm_(parameters, 9.0).requires_grad


@pytest.mark.usefixtures("as_a_reader")
def test_bad_input_names_the_rule_and_the_values() -> None:
    from dlref.training import gradient_flow as reader

    parameters = with_gradients([torch.tensor([1.0, math.nan])])
    with pytest.raises(ValueError, match=r"max_norm must be at least 0, got -1\.0"):
        reader.clip_grad_norm_(parameters, -1.0)
    with pytest.raises(ValueError, match=r"clip_value must be at least 0, got nan"):
        reader.clip_grad_value_(parameters, math.nan)
    for norm_type in (0.0, -2.0):
        with pytest.raises(ValueError, match=rf"norm_type must be above 0, got {norm_type}"):
            reader.clip_grad_norm_(parameters, 1.0, norm_type)
        with pytest.raises(ValueError, match=rf"norm_type must be above 0, got {norm_type}"):
            reader.total_norm([], norm_type)
    with pytest.raises(ValueError, match=r"total norm of the gradients must be finite to clip by it, got nan"):
        reader.clip_grad_norm_(parameters, 1.0, error_if_nonfinite=True)
    assert parameters[0].grad is not None
    assert parameters[0].grad[0] == 1  # nothing was scaled before the error
    state, other = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match=r"states must hold at least one state, got none"):
        reader.gradient_by_lag(state.sum(), [])
    with pytest.raises(ValueError, match=r"the loss must depend on every state, but not on state 1 of 2"):
        reader.gradient_by_lag(state.sum(), [state, other])
    for constant in (lambda x: torch.ones(2, 1), lambda x: other[:, None] * 2, lambda x: x.detach()[:, None]):
        with pytest.raises(ValueError, match=r"function must return something that depends on x, .* shape \(2, 1\)"):
            reader.jacobian_singular_values(constant, torch.zeros(2))
