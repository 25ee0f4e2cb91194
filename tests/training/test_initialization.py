"""Proofs of dlref.training.initialization: torch.nn.init, SciPy and closed forms are the oracles."""

import inspect
import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from torch import Tensor, nn

from dlref.training import initialization
from dlref.training.initialization import (
    calculate_fan_in_and_fan_out,
    calculate_gain,
    kaiming_normal_,
    kaiming_uniform_,
    lecun_normal_,
    orthogonal_,
    preserving_gain,
    rms_profile,
    xavier_normal_,
    xavier_uniform_,
)
from tests.oracle import Verify, error

Fill = Callable[..., Tensor]
DEVICES = ["meta", *(["cuda"] if torch.cuda.is_available() else [])]
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
SHAPES = [(5, 7), (7, 5), (1, 4), (4, 1), (6, 3, 2), (2, 3, 3, 3), (0, 3), (3, 0)]
quickly = settings(max_examples=25, deadline=None)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


class Scheme(NamedTuple):
    """A way to fill a weight, what torch calls it, and its variance as the papers state it."""

    ours: Fill
    reference: Fill
    oracle: str
    variance: Callable[[int, int], float]
    uniform: bool = False


SCHEMES = {
    "xavier_uniform_": Scheme(
        xavier_uniform_, nn.init.xavier_uniform_, "torch.nn.init.xavier_uniform_", lambda i, o: 2 / (i + o), True
    ),
    "xavier_uniform_, gain": Scheme(
        partial(xavier_uniform_, gain=0.7),
        partial(nn.init.xavier_uniform_, gain=0.7),
        "torch.nn.init.xavier_uniform_",
        lambda i, o: 0.49 * 2 / (i + o),
        True,
    ),
    "xavier_normal_": Scheme(
        xavier_normal_, nn.init.xavier_normal_, "torch.nn.init.xavier_normal_", lambda i, o: 2 / (i + o)
    ),
    "xavier_normal_, gain": Scheme(
        partial(xavier_normal_, gain=5 / 3),
        partial(nn.init.xavier_normal_, gain=5 / 3),
        "torch.nn.init.xavier_normal_",
        lambda i, o: 25 / 9 * 2 / (i + o),
    ),
    "kaiming_uniform_": Scheme(
        kaiming_uniform_, nn.init.kaiming_uniform_, "torch.nn.init.kaiming_uniform_", lambda i, o: 2 / i, True
    ),
    "kaiming_uniform_, of nn.Linear": Scheme(
        partial(kaiming_uniform_, a=math.sqrt(5)),
        partial(nn.init.kaiming_uniform_, a=math.sqrt(5)),
        "torch.nn.init.kaiming_uniform_",
        lambda i, o: 1 / (3 * i),
        True,
    ),
    "kaiming_normal_": Scheme(
        kaiming_normal_, nn.init.kaiming_normal_, "torch.nn.init.kaiming_normal_", lambda i, o: 2 / i
    ),
    "kaiming_normal_, fan_out": Scheme(
        partial(kaiming_normal_, mode="fan_out", nonlinearity="relu"),
        partial(nn.init.kaiming_normal_, mode="fan_out", nonlinearity="relu"),
        "torch.nn.init.kaiming_normal_",
        lambda i, o: 2 / o,
    ),
    "lecun_normal_": Scheme(
        lecun_normal_,
        partial(nn.init.kaiming_normal_, nonlinearity="linear"),
        'torch.nn.init.kaiming_normal_(nonlinearity="linear")',
        lambda i, o: 1 / i,
    ),
}
every_scheme = pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES.keys())
FILLS = {**{name: scheme.ours for name, scheme in SCHEMES.items()}, "orthogonal_": orthogonal_}
every_fill = pytest.mark.parametrize("fill", FILLS.values(), ids=FILLS.keys())


def name_of(fill: Fill) -> Fill:
    return fill.func if isinstance(fill, partial) else fill


def seeded(fill: Fill) -> Callable[[Tensor], Tensor]:
    return lambda weight: fill(weight.clone(), generator=torch.Generator().manual_seed(1))


def empty_weights(dtype: torch.dtype = torch.float64) -> list[tuple[Tensor]]:
    strided = [torch.zeros(6, 4, dtype=dtype).mT, torch.zeros(8, 8, dtype=dtype)[::2, 1:6]]
    return [(weight,) for weight in [*(torch.zeros(shape, dtype=dtype) for shape in SHAPES), *strided]]


# Against torch.nn.init, with the same random numbers


@every_scheme
@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors is a no-op")
def test_draws_what_torch_draws(scheme: Scheme, verify: Verify) -> None:
    verify(
        seeded(scheme.ours),
        seeded(scheme.reference),
        empty_weights(),
        oracle=scheme.oracle,
        name=name_of(scheme.ours),
        values=0.0,
        gradients=None,
    )


@pytest.mark.parametrize("gain", [1.0, 1.4, -2.0, 0.0])
def test_orthogonal_draws_what_torch_draws(gain: float, verify: Verify) -> None:
    verify(
        seeded(partial(orthogonal_, gain=gain)),
        seeded(partial(nn.init.orthogonal_, gain=gain)),
        [(weight,) for weight in (torch.zeros(s, dtype=torch.float64) for s in SHAPES)],
        oracle="torch.nn.init.orthogonal_",
        name=orthogonal_,
        gradients=None,
    )


def test_fans_equal_those_of_torch(verify: Verify) -> None:
    def fans(weight: Tensor) -> Tensor:
        return torch.tensor(calculate_fan_in_and_fan_out(weight))

    def of_torch(weight: Tensor) -> Tensor:
        return torch.tensor(nn.init._calculate_fan_in_and_fan_out(weight))

    layers = [nn.Linear(5, 3), nn.Conv1d(4, 6, 3), nn.Conv2d(3, 8, (5, 2)), nn.Conv3d(1, 2, 3)]
    cases = [(layer.weight.detach(),) for layer in layers] + empty_weights()
    verify(fans, of_torch, cases, oracle="torch.nn.init", name=calculate_fan_in_and_fan_out, values=0.0, gradients=None)
    assert calculate_fan_in_and_fan_out(torch.empty(64, 3, 7, 7)) == (3 * 49, 64 * 49)


def test_gains_equal_those_of_torch(verify: Verify) -> None:
    cases = [(name,) for name in ("linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu")]
    cases += [("leaky_relu", 0.0), ("leaky_relu", 0.2), ("leaky_relu", 5**0.5)]
    verify(
        calculate_gain,
        nn.init.calculate_gain,
        cases,
        oracle="torch.nn.init.calculate_gain",
        values=0.0,
        gradients=None,
    )


# By distribution


@every_scheme
def test_bounds_and_moments_are_those_of_the_paper(scheme: Scheme, generator: torch.Generator) -> None:
    fan_in, fan_out = 300, 400
    weight = scheme.ours(torch.empty(fan_out, fan_in, dtype=torch.float64), generator=generator)
    variance = scheme.variance(fan_in, fan_out)
    count, scaled = weight.numel(), weight.flatten() / math.sqrt(variance)
    kurtosis = 9 / 5 if scheme.uniform else 3.0
    assert abs(float(scaled.mean())) < 4 / math.sqrt(count)
    assert abs(float(scaled.square().mean()) - 1) < 4 * math.sqrt((kurtosis - 1) / count)
    if scheme.uniform:
        bound = math.sqrt(3)
        assert bound * (1 - 1e-3) < float(scaled.abs().max()) <= bound
    distribution = stats.uniform(-math.sqrt(3), 2 * math.sqrt(3)) if scheme.uniform else stats.norm
    assert stats.kstest(scaled[::12].numpy(), distribution.cdf).pvalue > 1e-3


def test_orthogonal_matrices_are_drawn_uniformly(generator: torch.Generator) -> None:
    draws = torch.stack([orthogonal_(torch.empty(2, 2, dtype=torch.float64), generator=generator) for _ in range(2000)])
    angle = torch.atan2(draws[:, 1, 0], draws[:, 0, 0])  # of the first column; without the signs, only half a circle
    assert stats.kstest(angle.numpy(), stats.uniform(-math.pi, 2 * math.pi).cdf).pvalue > 1e-3
    turns = int((torch.linalg.det(draws) > 0).sum())
    assert stats.binomtest(turns, 2000).pvalue > 1e-3  # as many rotations as reflections


@quickly
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 3), st.floats(0.1, 3))
def test_orthogonal_rows_or_columns(rows: int, columns: int, kernel: int, gain: float) -> None:
    weight = orthogonal_(torch.empty(rows, columns, kernel, dtype=torch.float64), gain).flatten(1)
    product = weight @ weight.T if rows <= weight.shape[1] else weight.T @ weight
    torch.testing.assert_close(product, gain**2 * torch.eye(len(product), dtype=torch.float64))


# Gains and the signal


SMOOTH_OR_KINKED: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda z: z,
    "relu": F.relu,
    "leaky_relu": partial(F.leaky_relu, negative_slope=0.2),
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "gelu": F.gelu,
    "silu": F.silu,
    "elu": F.elu,
    "selu": F.selu,
}


def test_preserving_gain_equals_an_adaptive_quadrature(verify: Verify) -> None:
    def adaptive(activation: Callable[[Tensor], Tensor]) -> float:
        def integrand(z: float) -> float:
            return float(activation(torch.tensor(z, dtype=torch.float64))) ** 2 * math.exp(-z * z / 2)

        halves = (integrate.quad(integrand, *ends, epsabs=1e-14, epsrel=1e-13)[0] for ends in ((-14, 0), (0, 14)))
        return (sum(halves) / math.sqrt(2 * math.pi)) ** -0.5

    cases = [(f,) for f in SMOOTH_OR_KINKED.values()]
    verify(preserving_gain, adaptive, cases, oracle="scipy.integrate.quad", values=1e-12, gradients=None)


def test_preserving_gain_has_closed_forms() -> None:
    for name in ("relu", "leaky_relu"):
        want = nn.init.calculate_gain(name, 0.2 if name == "leaky_relu" else None)
        assert preserving_gain(SMOOTH_OR_KINKED[name]) == pytest.approx(want, rel=1e-14)
    assert preserving_gain(F.selu) == pytest.approx(1, rel=1e-7)  # by the choice of its two constants


def test_rms_profile_equals_sequential(verify: Verify, generator: torch.Generator) -> None:
    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    def of_sequential(x: Tensor, *weights: Tensor, activation: nn.Module) -> Tensor:
        profile = []
        for weight in weights:
            x = activation(F.linear(x, weight))
            profile.append(x.pow(2).mean() ** 0.5)
        return torch.stack(profile)

    cases = [
        (normal(5, 4), normal(6, 4), normal(3, 6)),
        (normal(1, 3), normal(3, 3)),
        (normal(4, 8)[:, ::2], normal(4, 5).mT, normal(10, 5)[::3], normal(2, 4)),
    ]
    for activation in (nn.Tanh(), nn.GELU(), nn.Identity()):
        verify(
            lambda x, *weights, f=activation: rms_profile(x, weights, f),
            partial(of_sequential, activation=activation),
            cases,
            oracle="torch.nn.functional.linear, layer by layer",
            name=rms_profile,
        )


def test_rms_profile_of_orthogonal_layers_has_a_closed_form(verify: Verify, generator: torch.Generator) -> None:
    def deep(gain: Tensor) -> Tensor:
        weights = [orthogonal_(torch.empty(8, 8, dtype=torch.float64), generator=generator) for _ in range(40)]
        return rms_profile(torch.ones(3, 8, dtype=torch.float64), [gain * w for w in weights], nn.Identity())

    verify(
        deep,
        lambda gain: gain ** torch.arange(1, 41, dtype=torch.float64),
        [(torch.tensor(gain, dtype=torch.float64),) for gain in (0.5, 0.9, 1.0)],
        oracle="gain ** layer for orthogonal linear layers",
        name=rms_profile,
        values=1e-13,
        gradients=1e-12,
    )


def test_he_keeps_the_mean_square_through_relu_layers(generator: torch.Generator) -> None:
    squares = []
    for _ in range(200):
        weights = [kaiming_normal_(torch.empty(32, 32, dtype=torch.float64), generator=generator) for _ in range(4)]
        squares.append(rms_profile(torch.ones(1, 32, dtype=torch.float64), weights, torch.relu)[-1].item() ** 2)
    mean, sem = sum(squares) / 200, stats.sem(squares)
    assert abs(mean - 1) < 4 * sem
    assert 4 * sem < 0.35


@every_dtype
def test_rms_survives_what_its_square_does_not(dtype: torch.dtype) -> None:
    limits = torch.finfo(dtype)
    huge, tiny = torch.full((2, 3), limits.max / 4, dtype=dtype), torch.full((2, 3), limits.tiny, dtype=dtype)
    eye = [torch.eye(3, dtype=dtype)]
    for x in (huge, tiny):
        got = rms_profile(x, eye, nn.Identity())
        assert got.dtype == dtype
        assert float(got) == pytest.approx(float(x[0, 0]), rel=4 * limits.eps)
    assert float(rms_profile(4 * huge, [2 * eye[0]], nn.Identity())) == math.inf
    assert float(rms_profile(0 * tiny, eye, nn.Identity())) == 0


def test_zero_signal_has_a_finite_gradient() -> None:
    x = torch.zeros(2, 3, requires_grad=True)
    rms_profile(x, [torch.eye(3)], torch.relu).sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, torch.zeros(2, 3))


# The interface


def test_every_public_function_is_proved() -> None:
    members = inspect.getmembers(initialization, inspect.isfunction)
    public = {n for n, f in members if f.__module__ == initialization.__name__ and not n.startswith("_")}
    others = {"calculate_fan_in_and_fan_out", "calculate_gain", "preserving_gain", "rms_profile"}
    assert public == {name.partition(",")[0] for name in FILLS} | others


@every_fill
@every_dtype
def test_fills_in_place_in_every_dtype(fill: Fill, dtype: torch.dtype) -> None:
    weight = torch.zeros(40, 30, dtype=dtype, requires_grad=True)
    assert fill(weight, generator=torch.Generator().manual_seed(0)) is weight
    assert weight.dtype == dtype
    assert weight.isfinite().all()
    assert 0.05 < float(weight.detach().double().std()) < 0.6
    assert weight.is_leaf
    assert weight.requires_grad


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
@every_fill
def test_fills_on_every_device(fill: Fill, dtype: torch.dtype, device: str) -> None:
    weight = torch.empty(6, 4, dtype=dtype, device=device)
    got = fill(weight)
    assert (got.device.type, got.shape, got.dtype) == (device, (6, 4), dtype)
    if device != "meta":
        assert got.isfinite().all()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_measures_on_every_device(dtype: torch.dtype, device: str) -> None:
    x, weight = torch.ones(2, 3, dtype=dtype, device=device), torch.ones(4, 3, dtype=dtype, device=device)
    assert calculate_fan_in_and_fan_out(weight) == (3, 4)
    profile = rms_profile(x, [weight, weight.mT], torch.relu)
    assert (profile.device.type, profile.shape, profile.dtype) == (device, (2,), dtype)
    assert rms_profile(x, [], torch.relu).shape == (0,)
    if device != "meta":
        assert error(profile, torch.tensor([3.0, 12.0])) <= 4 * torch.finfo(dtype).eps


def test_profile_leaves_its_arguments_alone() -> None:
    x, weight = torch.ones(2, 3), torch.ones(3, 3)
    rms_profile(x, [weight, weight], torch.tanh)
    assert torch.equal(x, torch.ones(2, 3))
    assert torch.equal(weight, torch.ones(3, 3))


@pytest.mark.usefixtures("as_a_reader")
def test_bad_input_names_the_rule_and_the_values() -> None:
    from dlref.training import initialization as reader

    flat, square = torch.zeros(3), torch.zeros(2, 2)
    fills = [reader.xavier_uniform_, reader.xavier_normal_, reader.kaiming_uniform_, reader.kaiming_normal_]
    for function in (*fills, reader.lecun_normal_, reader.orthogonal_, reader.calculate_fan_in_and_fan_out):
        with pytest.raises(ValueError, match=r"weight must have at least two axes \(out, in, .*got shape \(3,\)"):
            function(flat)
    for function in (reader.kaiming_uniform_, reader.kaiming_normal_):
        with pytest.raises(ValueError, match=r"mode must be 'fan_in' or 'fan_out', got 'fan_avg'"):
            function(square, mode="fan_avg")
        with pytest.raises(ValueError, match=r"nonlinearity must be one of linear, .*leaky_relu, got 'gelu'"):
            function(square, nonlinearity="gelu")
    for function in (reader.xavier_uniform_, reader.xavier_normal_):
        with pytest.raises(ValueError, match=r"gain must be at least 0, got -1\.0"):
            function(square, gain=-1.0)
    for activation, value in ((torch.zeros_like, "0.0"), (torch.log, "nan")):
        with pytest.raises(ValueError, match=rf"activation must have a finite mean square above 0 .*got {value}"):
            reader.preserving_gain(activation)
    with pytest.raises(ValueError, match=r"layer 1 must take what arrives: 5 against 2 features"):
        reader.rms_profile(square, [square, torch.zeros(2, 5)], torch.relu)
    with pytest.raises(ValueError, match=r"a signal must have entries, layer 0 returns shape \(0, 2\)"):
        reader.rms_profile(torch.zeros(0, 2), [square], torch.relu)
    assert torch.equal(square, torch.zeros(2, 2))
