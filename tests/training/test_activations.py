"""Proofs of dlref.training.activations: torch and finite differences are the oracles."""

import inspect
import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from torch import Tensor

from dlref.training import activations
from dlref.training.activations import (
    derivative,
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
    swish,
    tanh,
)
from tests.oracle import Verify, error

Function = Callable[..., Tensor]
DEVICES = ["meta", *(["cuda"] if torch.cuda.is_available() else [])]
KINKS = torch.tensor([-3.0, -0.0, 0.0, 3.0], dtype=torch.float64)


class Entrywise(NamedTuple):
    """An entry-wise activation, its oracle, the name of the oracle, and whether its slope has a slope."""

    ours: Function
    reference: Function
    oracle: str
    curved: bool = True
    options: dict[str, float | str] = {}  # noqa: RUF012 - never changed

    def __call__(self, x: Tensor) -> Tensor:
        return self.ours(x, **self.options)

    def slope(self, x: Tensor) -> Tensor:
        return derivative(self.ours, x, **self.options)

    def reference_slope(self, x: Tensor) -> Tensor:
        x = x if x.requires_grad else x.clone().requires_grad_()
        return torch.autograd.grad(self.reference(x).sum(), x, create_graph=True)[0]


ENTRYWISE = {
    "sigmoid": Entrywise(sigmoid, torch.sigmoid, "torch.sigmoid"),
    "tanh": Entrywise(tanh, torch.tanh, "torch.tanh"),
    "relu": Entrywise(relu, F.relu, "torch.nn.functional.relu", curved=False),
    "leaky_relu": Entrywise(leaky_relu, F.leaky_relu, "torch.nn.functional.leaky_relu", curved=False),
    "leaky_relu, 0.2": Entrywise(
        leaky_relu,
        partial(F.leaky_relu, negative_slope=0.2),
        "torch.nn.functional.leaky_relu",
        curved=False,
        options={"negative_slope": 0.2},
    ),
    "elu": Entrywise(elu, F.elu, "torch.nn.functional.elu"),
    "elu, 1.7": Entrywise(elu, partial(F.elu, alpha=1.7), "torch.nn.functional.elu", options={"alpha": 1.7}),
    "softplus": Entrywise(softplus, partial(F.softplus, threshold=100), "torch.nn.functional.softplus"),
    "gelu": Entrywise(gelu, F.gelu, "torch.nn.functional.gelu"),
    "gelu, tanh": Entrywise(
        gelu, partial(F.gelu, approximate="tanh"), "torch.nn.functional.gelu", options={"approximate": "tanh"}
    ),
    "silu": Entrywise(silu, F.silu, "torch.nn.functional.silu"),
    "swish, 2.5": Entrywise(swish, lambda x: F.silu(2.5 * x) / 2.5, "torch.nn.functional.silu", options={"beta": 2.5}),
    "swish, 0": Entrywise(swish, lambda x: x / 2, "x / 2 at beta = 0", curved=False, options={"beta": 0.0}),
}
VECTOR: dict[str, Function] = {"softmax": softmax, "log_softmax": log_softmax}
every_entrywise = pytest.mark.parametrize("case", ENTRYWISE.values(), ids=ENTRYWISE.keys())
every_function = pytest.mark.parametrize("function", [*ENTRYWISE.values(), *VECTOR.values()], ids=[*ENTRYWISE, *VECTOR])
every_dtype = pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)


def several_shapes(generator: torch.Generator) -> list[Tensor]:
    """Give a scalar, an empty batch, a batch of one, a block, and three views without contiguous memory."""

    def normal(*shape: int) -> Tensor:
        return 3 * torch.randn(shape, generator=generator, dtype=torch.float64)

    block = normal(4, 6)
    return [normal(), normal(0, 3), normal(1, 5), normal(2, 3, 4), block.mT, block[:, ::2], normal(1, 3).expand(4, 3)]


def gradient(function: Function, x: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    return torch.autograd.grad(function(x).sum(), x)[0]


# Against the oracles


@every_entrywise
def test_values_and_gradients_equal_torch(case: Entrywise, verify: Verify, generator: torch.Generator) -> None:
    cases = [(x,) for x in [*several_shapes(generator), KINKS]]
    verify(case, case.reference, cases, oracle=case.oracle, name=case.ours)


@every_entrywise
def test_slopes_equal_autograd(case: Entrywise, verify: Verify, generator: torch.Generator) -> None:
    verify(
        case.slope,
        case.reference_slope,
        [(x,) for x in [*several_shapes(generator), KINKS]],
        oracle="torch.autograd of torch.nn.functional",
        name=derivative,
        gradients=None,
    )


@pytest.mark.parametrize(
    "case",
    [case for case in ENTRYWISE.values() if case.curved],
    ids=[n for n, case in ENTRYWISE.items() if case.curved],
)
def test_slopes_of_the_slopes_equal_autograd(case: Entrywise, verify: Verify, generator: torch.Generator) -> None:
    verify(
        case.slope,
        case.reference_slope,
        [(x,) for x in several_shapes(generator)],
        oracle="torch.autograd of torch.nn.functional",
        name=derivative,
    )


@every_entrywise
def test_slopes_equal_finite_differences(case: Entrywise, verify: Verify, generator: torch.Generator) -> None:
    step = 1e-5

    def central(x: Tensor) -> Tensor:
        return (case(x + step) - case(x - step)) / (2 * step)

    cases = [(x,) for x in several_shapes(generator)]
    verify(
        case.slope,
        central,
        cases,
        oracle="central finite differences",
        name=derivative,
        values=1e-9,
        gradients=None,
    )


@pytest.mark.parametrize(
    ("ours", "reference", "oracle"),
    [(softmax, torch.softmax, "torch.softmax"), (log_softmax, torch.log_softmax, "torch.log_softmax")],
    ids=VECTOR.keys(),
)
def test_softmax_family_equals_torch(
    ours: Function, reference: Function, oracle: str, verify: Verify, generator: torch.Generator
) -> None:
    cases = [(x, dim) for x in several_shapes(generator)[1:] for dim in (-1, 0)]
    cases.append((torch.zeros(3, 0, 2, dtype=torch.float64), 1))
    verify(ours, reference, cases, oracle=oracle)
    assert ours(cases[0][0]).shape == cases[0][0].shape  # the last axis is the default


@every_function
def test_gradcheck_and_gradgradcheck(function: Function, generator: torch.Generator) -> None:
    x = torch.randn(2, 5, generator=generator, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(function, x)
    assert torch.autograd.gradgradcheck(function, x)


# At the extremes


@every_dtype
@every_entrywise
def test_extremes_stay_finite_with_the_right_slope(case: Entrywise, dtype: torch.dtype) -> None:
    x = torch.tensor([-1000.0, -300.0, -40.0, 40.0, 300.0, 1000.0], dtype=dtype)
    exact = x.double()
    tolerance = 2 * torch.finfo(dtype).eps
    assert error(case(x), case.reference(exact)) <= tolerance
    assert error(case.slope(x), case.reference_slope(exact)) <= tolerance
    assert error(gradient(case, x), case.reference_slope(exact)) <= tolerance


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@every_entrywise
def test_rounds_little_in_low_precision(case: Entrywise, dtype: torch.dtype) -> None:
    x = torch.linspace(-12, 12, 481, dtype=dtype)
    exact = x.double()
    scale = exact.abs().clamp(min=1)
    tolerance = 3 * torch.finfo(dtype).eps
    assert case(x).dtype == case.slope(x).dtype == dtype
    assert error(case(x) / scale, case.reference(exact) / scale) <= tolerance
    assert error(case.slope(x), case.reference_slope(exact)) <= tolerance


@every_dtype
def test_softmax_survives_huge_scores(dtype: torch.dtype) -> None:
    x = torch.tensor([[-1000.0, 0.0, 1000.0], [1000.0, 1000.0, 1000.0]], dtype=dtype)
    want = torch.tensor([[0.0, 0.0, 1.0], [1 / 3, 1 / 3, 1 / 3]], dtype=torch.float64)
    eps = torch.finfo(dtype).eps
    assert error(softmax(x), want) <= eps
    assert error(log_softmax(x), torch.log_softmax(x.double(), -1)) <= eps
    assert gradient(lambda scores: log_softmax(scores)[:, 0], x).isfinite().all()
    assert error(gradient(softmax, x), torch.zeros_like(want)) <= eps


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_softmax_sums_a_whole_vocabulary_in_half_precision(dtype: torch.dtype) -> None:
    count = 100_000  # beyond the largest float16, 65504
    x = torch.zeros(count, dtype=dtype)
    assert torch.equal(softmax(x), torch.full_like(x, 1 / count))
    assert torch.equal(log_softmax(x), torch.full_like(x, -math.log(count)))
    assert gradient(softmax, x).abs().max() <= 1e-6 / count
    assert softmax(x).dtype == log_softmax(x).dtype == dtype


def test_digits_of_tiny_results_survive() -> None:
    tiny = torch.tensor([1e-300, -1e-20], dtype=torch.float64)
    assert torch.equal(tanh(tiny), tiny)
    far = torch.tensor([-700.0], dtype=torch.float64)
    exact = math.exp(-700)
    for function in (sigmoid, softplus, partial(derivative, sigmoid), partial(derivative, softplus)):
        assert float(function(far)) == pytest.approx(exact, rel=1e-12, abs=0)
    assert float(derivative(tanh, far / 2)) == pytest.approx(4 * exact, rel=1e-12, abs=0)
    excess = softplus(torch.tensor(25.0, dtype=torch.float64)) - 25  # torch, with its threshold of 20, says 0
    assert float(excess) == pytest.approx(math.exp(-25), rel=1e-3, abs=0)


@every_entrywise
def test_not_a_number_stays_visible(case: Entrywise) -> None:
    assert case(torch.tensor([float("nan")])).isnan().all()


# Properties

VECTORS = arrays("float64", array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=5), elements=st.floats(-1e3, 1e3))
quickly = settings(max_examples=25, deadline=None)


@quickly
@given(VECTORS)
def test_symmetries(array: np.ndarray) -> None:
    x = torch.from_numpy(array)
    torch.testing.assert_close(sigmoid(x) + sigmoid(-x), torch.ones_like(x))
    assert torch.equal(tanh(-x), -tanh(x))
    for gated in (relu, silu, gelu, softplus):
        torch.testing.assert_close(gated(x) - gated(-x), x, rtol=1e-12, atol=1e-12)


@quickly
@given(VECTORS)
def test_ranges_and_order(array: np.ndarray) -> None:
    x = torch.from_numpy(array).flatten().sort().values
    for monotone in (sigmoid, tanh, relu, leaky_relu, elu, softplus):
        assert (monotone(x).diff() >= -1e-15).all()
        assert (derivative(monotone, x) >= 0).all()
    for function, floor in ((relu, 0.0), (elu, -1.0), (gelu, -0.170041), (silu, -0.278465)):
        assert (function(x) >= floor - 1e-6).all()


@quickly
@given(VECTORS, st.floats(-1e3, 1e3))
def test_softmax_is_a_distribution_blind_to_shifts(array: np.ndarray, shift: float) -> None:
    x = torch.from_numpy(array)
    for dim in range(-x.ndim, x.ndim):
        p = softmax(x, dim)
        assert (p >= 0).all()
        torch.testing.assert_close(p.sum(dim), torch.ones_like(p.sum(dim)))
        torch.testing.assert_close(softmax(x + shift, dim), p, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(log_softmax(x, dim).exp(), p, rtol=1e-9, atol=1e-300)


@quickly
@given(VECTORS)
def test_swish_runs_from_half_the_identity_to_relu(array: np.ndarray) -> None:
    x = torch.from_numpy(array)
    assert torch.equal(swish(x, beta=0.0), x / 2)
    assert torch.equal(swish(x, beta=1.0), silu(x))
    assert (swish(x, beta=1e6) - relu(x)).abs().max() < 0.2785e-6  # the depth of the dip shrinks as 1 / beta


# The interface


def test_every_public_function_is_in_the_tables() -> None:
    public = {n for n, f in inspect.getmembers(activations, inspect.isfunction) if f.__module__ == activations.__name__}
    public = {name for name in public if not name.startswith("_")}
    assert public == {name.partition(",")[0] for name in ENTRYWISE} | {*VECTOR, "derivative"}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
@pytest.mark.parametrize(
    "function",
    [
        *ENTRYWISE.values(),
        *(case.slope for case in ENTRYWISE.values()),
        *VECTOR.values(),
    ],
    ids=[*ENTRYWISE, *(f"slope of {name}" for name in ENTRYWISE), *VECTOR],
)
def test_runs_on_every_device(function: Function, dtype: torch.dtype, device: str) -> None:
    x = torch.linspace(-4, 4, 6, dtype=dtype).reshape(2, 3)
    got, want = function(x.to(device)), function(x)
    assert (got.device.type, got.shape, got.dtype) == (device, want.shape, want.dtype)
    if device != "meta":
        assert error(got, want) <= 4 * torch.finfo(dtype).eps


@every_function
def test_leaves_its_argument_alone(function: Function) -> None:
    x = torch.linspace(-2, 2, 5)
    function(x)
    assert torch.equal(x, torch.linspace(-2, 2, 5))


@pytest.mark.usefixtures("as_a_reader")
def test_bad_input_names_the_rule_and_the_values() -> None:
    from dlref.training.activations import derivative, gelu, log_softmax, silu, softmax

    x = torch.zeros(2, 3)
    with pytest.raises(ValueError, match=r"approximate must be 'none' or 'tanh', got 'erf'"):
        gelu(x, approximate="erf")
    with pytest.raises(ValueError, match=r"approximate must be 'none' or 'tanh', got 'erf'"):
        derivative(gelu, x, approximate="erf")
    with pytest.raises(ValueError, match=r"entry-wise function of this module \(sigmoid, .*swish\), got softmax"):
        derivative(softmax, x)
    with pytest.raises(ValueError, match=r"entry-wise function of this module .*, got silu"):
        derivative(F.silu, x)
    with pytest.raises(TypeError, match="alpha"):
        derivative(silu, x, alpha=2.0)
    for function in (softmax, log_softmax):
        for dim in (2, -3):
            with pytest.raises(ValueError, match=rf"dim must be an axis of x: dim {dim}, x of shape \(2, 3\)"):
                function(x, dim)
        with pytest.raises(ValueError, match=r"dim must be an axis of x: dim -1, x of shape \(\)"):
            function(torch.tensor(1.0))
