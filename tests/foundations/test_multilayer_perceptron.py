"""Proofs of the NumPy perceptron: torch with the same parameters, exact enumeration of the pieces, truth tables."""

import inspect
from collections.abc import Callable
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from dlref.foundations import multilayer_perceptron
from dlref.foundations.multilayer_perceptron import (
    Linear,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
    compose_tent,
    count_linear_pieces,
)
from tests.oracle import Verify, error

Build = Callable[..., Any]
ACTIVATIONS = {ReLU: nn.ReLU, Sigmoid: nn.Sigmoid, Tanh: nn.Tanh}
every_activation = pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda kind: kind.__name__)


def as_torch(build: Build) -> Callable[..., Tensor]:
    """Wrap a network for torch: x and all parameters go in, and their gradients come from our ``backward``."""

    class Bridge(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, *parameters: Tensor) -> Tensor:
            ctx.net = build(*(parameter.detach().numpy() for parameter in parameters))
            return torch.from_numpy(ctx.net(x.detach().numpy()))

        @staticmethod
        def backward(ctx: Any, *gradients: Tensor) -> Any:
            to_x = ctx.net.backward(gradients[0].numpy())
            layers = ctx.net.layers if isinstance(ctx.net, Sequential) else [ctx.net]
            return tuple(torch.from_numpy(gradient) for gradient in (to_x, *Sequential(*layers).gradients()))

    return Bridge.apply


def several_inputs(generator: torch.Generator, width: int) -> list[Tensor]:
    """Give a batch, no batch, an empty batch, a batch of one, two batch axes, and three views."""

    def normal(*shape: int) -> Tensor:
        return 2 * torch.randn(shape, generator=generator, dtype=torch.float64)

    plain = [normal(*shape, width) for shape in [(5,), (), (0,), (1,), (2, 3), (2, 0)]]
    return [*plain, normal(width, 4).mT, normal(6, 2 * width)[::2, ::2], normal(1, width).expand(4, width)]


def randn(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


# Against the oracles


@pytest.mark.parametrize(("in_features", "out_features"), [(4, 5), (1, 3), (3, 1), (1, 1)])
def test_linear_equals_torch(in_features: int, out_features: int, verify: Verify, generator: torch.Generator) -> None:
    cases = [
        (x, randn(generator, out_features, in_features), randn(generator, out_features))
        for x in several_inputs(generator, in_features)
    ]
    verify(as_torch(Linear.from_parameters), nn.functional.linear, cases, oracle="torch.nn.Linear", name=Linear)


@every_activation
def test_activations_equal_torch(activation: Any, verify: Verify, generator: torch.Generator) -> None:
    cases = [(x,) for x in several_inputs(generator, 3)]
    cases += [(randn(generator),), (torch.tensor([-1000.0, -40.0, 0.0, -0.0, 40.0, 1000.0], dtype=torch.float64),)]
    reference = ACTIVATIONS[activation]
    verify(as_torch(activation), reference(), cases, oracle=f"torch.nn.{reference.__name__}", name=activation)


@every_activation
@pytest.mark.parametrize("sizes", [(4, 5, 3), (1, 2, 1), (2, 16, 8, 3), (3, 2), (5, 6, 6, 6, 6, 1)], ids=str)
def test_network_and_gradient_equal_torch(
    activation: Any, sizes: tuple[int, ...], verify: Verify, generator: torch.Generator
) -> None:
    def build(*parameters: np.ndarray) -> Sequential:
        layers = [Linear.from_parameters(*pair) for pair in zip(parameters[::2], parameters[1::2], strict=True)]
        return Sequential(*(part for layer in layers[:-1] for part in (layer, activation())), layers[-1])

    def reference(x: Tensor, *parameters: Tensor) -> Tensor:
        *hidden, output = zip(parameters[::2], parameters[1::2], strict=True)
        for weight, bias in hidden:
            x = ACTIVATIONS[activation]()(nn.functional.linear(x, weight, bias))
        return nn.functional.linear(x, *output)

    shapes = [shape for width, units in pairwise(sizes) for shape in ((units, width), (units,))]
    cases = [(x, *(randn(generator, *shape) for shape in shapes)) for x in several_inputs(generator, sizes[0])]
    verify(as_torch(build), reference, cases, oracle="torch.nn.Sequential", name=Sequential)


def test_gradients_equal_finite_differences(rng: np.random.Generator) -> None:
    net = Sequential(Linear(3, 4, rng), Tanh(), Linear(4, 4, rng), Sigmoid(), Linear(4, 2, rng))
    x, target, step = rng.normal(size=(6, 3)), rng.normal(size=(6, 2)), 1e-6
    net.backward(net(x) - target)
    gradients = [gradient.copy() for gradient in net.gradients()]
    for parameter, gradient in zip(net.parameters(), gradients, strict=True):
        for at in np.ndindex(parameter.shape):
            losses = []
            for move in (step, -2 * step):
                parameter[at] += move
                losses.append(np.square(net(x) - target).sum() / 2)
            parameter[at] += step
            assert gradient[at] == pytest.approx((losses[0] - losses[1]) / (2 * step), abs=1e-8)


def test_200_steps_of_training_equal_torch(rng: np.random.Generator) -> None:
    ours = Sequential(Linear(2, 8, rng), Tanh(), Linear(8, 1, rng))
    theirs = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    with torch.no_grad():
        for parameter, value in zip(theirs.parameters(), ours.parameters(), strict=True):
            parameter.copy_(torch.from_numpy(value))
    x = rng.normal(size=(32, 2))
    target = x[:, :1] * x[:, 1:]
    for _ in range(200):
        ours.backward(2 * (ours(x) - target) / len(x))
        for value, gradient in zip(ours.parameters(), ours.gradients(), strict=True):
            value -= 0.1 * gradient
        loss = nn.functional.mse_loss(theirs(torch.from_numpy(x)), torch.from_numpy(target))
        with torch.no_grad():
            for parameter, slope in zip(
                theirs.parameters(), torch.autograd.grad(loss, list(theirs.parameters())), strict=True
            ):
                parameter -= 0.1 * slope
    for parameter, value in zip(theirs.parameters(), ours.parameters(), strict=True):
        assert error(value, parameter) <= 1e-12
    assert np.square(ours(x) - target).mean() < 0.2 * np.square(target).mean()


def test_initial_parameters_follow_the_range_of_torch(rng: np.random.Generator) -> None:
    layer, reference = Linear(16, 4000, rng), nn.Linear(16, 4000)
    for ours, theirs in [(layer.weight, reference.weight), (layer.bias, reference.bias)]:
        assert ours.shape == theirs.shape
        assert np.abs(ours).max() <= 1 / 4
        assert ours.std() == pytest.approx(1 / 4 / np.sqrt(3), rel=0.03)
        assert ours.std() == pytest.approx(theirs.std().item(), rel=0.05)


# XOR and tents


def test_two_hidden_units_compute_xor() -> None:
    corners = np.array(list(product([0.0, 1.0], repeat=2)))
    hidden, output = Linear.from_parameters([[1, 1], [1, 1]], [0, -1]), Linear.from_parameters([[1, -2]], [0])
    assert np.array_equal(Sequential(hidden, ReLU(), output)(corners)[:, 0], np.logical_xor(*corners.T))


@pytest.mark.parametrize("k", range(1, 11))
def test_tents_equal_their_formula_and_have_two_to_the_k_pieces(k: int, verify: Verify) -> None:
    def formula(x: np.ndarray) -> np.ndarray:
        for _ in range(k):
            x = 2 * np.minimum(x, 1 - x)
        return x

    x = np.arange(2 ** (k + 2) + 1).reshape(-1, 1) / 2 ** (k + 2)  # four points a piece, exact in binary
    net = compose_tent(k)
    verify(
        net,
        formula,
        [(x,), (x[:0],), (x[::3],)],
        oracle="the formula with min",
        name=compose_tent,
        values=0,
        gradients=None,
    )
    slopes = np.diff(net(x)[:, 0]) * 2 ** (k + 2)
    assert np.array_equal(slopes, np.tile(np.repeat([2.0**k, -(2.0**k)], 4), 2 ** (k - 1)))
    verify(
        lambda: count_linear_pieces(net),
        lambda: 2**k,
        [()],
        oracle="2ᵏ for k tents",
        name=count_linear_pieces,
        values=0,
        gradients=None,
    )
    assert [layer.weight.shape[0] for layer in net.layers if isinstance(layer, Linear)] == [2] * k + [1]
    assert sum(parameter.size for parameter in net.parameters()) == 6 * k + 1


def enumerated_pieces(net: Sequential, low: float, high: float) -> int:
    """Go through every on/off pattern of the hidden units: each is one interval at most, with one slope."""
    linear = [layer for layer in net.layers if isinstance(layer, Linear)]
    intervals = []
    for pattern in product([0.0, 1.0], repeat=sum(len(layer.bias) for layer in linear[:-1])):
        start, end, slope, offset, used = low, high, np.ones(1), np.zeros(1), 0
        for layer in linear[:-1]:
            on = np.array(pattern[used : used + len(layer.bias)])
            used += len(on)
            slope, offset = layer.weight @ slope, layer.weight @ offset + layer.bias
            for s, o, active in zip(slope, offset, on, strict=True):  # active units need s x + o > 0, the others < 0
                sign = 1 if active else -1
                if s == 0:
                    end = end if sign * o > 0 else start
                elif sign * s > 0:
                    start = max(start, -o / s)
                else:
                    end = min(end, -o / s)
            slope, offset = slope * on, offset * on
        if start < end - 1e-12:
            intervals.append((start, tuple((linear[-1].weight @ slope).round(9))))
    ordered = [slope for _, slope in sorted(intervals)]
    return 1 + sum(left != right for left, right in pairwise(ordered))


@pytest.mark.parametrize("sizes", [(1, 6, 1), (1, 4, 4, 1), (1, 3, 3, 3, 1), (1, 5, 3, 2)], ids=str)
def test_pieces_of_random_networks_equal_enumeration(
    sizes: tuple[int, ...], verify: Verify, rng: np.random.Generator
) -> None:
    def network() -> Sequential:
        layers = [Linear(width, units, rng) for width, units in pairwise(sizes)]
        return Sequential(*(part for layer in layers[:-1] for part in (layer, ReLU())), layers[-1])

    cases = [(network(), low, high) for low, high in [(-3.0, 3.0), (-1.0, 0.5), (0.0, 1.0), (-20.0, 20.0)]]
    verify(count_linear_pieces, enumerated_pieces, cases, oracle="all on/off patterns", values=0, gradients=None)
    assert max(enumerated_pieces(*case) for case in cases) > 2


def test_neighbours_of_equal_slope_are_one_piece_and_the_ends_are_no_kinks() -> None:
    hidden = Linear.from_parameters([[1], [-1]], [0, 0])
    identity = Sequential(hidden, ReLU(), Linear.from_parameters([[1, -1]], [0]))  # relu(x) − relu(−x) = x
    modulus = Sequential(hidden, ReLU(), Linear.from_parameters([[1, 1]], [0]))
    both = Sequential(hidden, ReLU(), Linear.from_parameters([[1, -1], [1, 1]], [0, 0]))
    assert [count_linear_pieces(net, -1.0, 1.0) for net in (identity, modulus, both)] == [1, 2, 2]
    assert count_linear_pieces(modulus, 0.0, 1.0) == count_linear_pieces(modulus, -1.0, 0.0) == 1
    ends_in_relu = Sequential(Linear.from_parameters([[1], [1]], [0.5, 0]), ReLU())
    assert count_linear_pieces(ends_in_relu, -1.0, 1.0) == 3


quickly = settings(max_examples=25, deadline=None)


@quickly
@given(st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_m_units_in_one_layer_make_at_most_m_plus_one_pieces(units: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    net = Sequential(Linear(1, units, rng), ReLU(), Linear(units, 1, rng))
    assert 1 <= count_linear_pieces(net, -5.0, 5.0) <= units + 1
    hidden = net.layers[0]
    assert isinstance(hidden, Linear)
    hidden.weight[:], hidden.bias[:] = 1, -np.arange(units)  # kinks at 0, 1, 2, …
    assert count_linear_pieces(net, -1.0, float(units)) == units + 1


# Properties


@quickly
@given(st.integers(0, 5), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_a_batch_is_its_examples_and_gradients_add_up(batch: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    net = Sequential(Linear(width, 3, rng), Tanh(), Linear(3, 2, rng))
    x, gradient = rng.normal(size=(batch, width)), rng.normal(size=(batch, 2))
    together, to_x = net(x), net.backward(gradient)
    totals = [total.copy() for total in net.gradients()]
    sums = [np.zeros_like(total) for total in totals]
    for i in range(batch):
        np.testing.assert_allclose(net(x[i]), together[i], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(net.backward(gradient[i]), to_x[i], rtol=1e-12, atol=1e-12)
        sums = [total + part for total, part in zip(sums, net.gradients(), strict=True)]
    for total, alone in zip(totals, sums, strict=True):
        np.testing.assert_allclose(total, alone, rtol=1e-12, atol=1e-12)


def test_a_second_backward_replaces_and_forward_changes_nothing(rng: np.random.Generator) -> None:
    net = Sequential(Linear(3, 4, rng), Sigmoid(), Linear(4, 1, rng))
    x, before = rng.normal(size=(5, 3)), [parameter.copy() for parameter in net.parameters()]
    untouched, first = x.copy(), net(x)
    net.backward(np.ones((5, 1)))
    once = [gradient.copy() for gradient in net.gradients()]
    assert np.array_equal(net(x), first)
    net.backward(np.ones((5, 1)))
    assert all(map(np.array_equal, net.gradients(), once))
    assert all(map(np.array_equal, net.parameters(), before))
    assert np.array_equal(x, untouched)


def test_the_caller_may_change_inputs_and_outputs_before_the_way_back(rng: np.random.Generator) -> None:
    for layer in (Linear(3, 3, rng), ReLU(), Sigmoid(), Tanh()):
        x = rng.normal(size=(4, 3))
        layer(x)
        want = layer.backward(np.ones((4, 3)))
        want_gradients = [gradient.copy() for gradient in Sequential(layer).gradients()]
        output = layer(x)
        x[:], output[:] = 7, 7
        assert np.array_equal(layer.backward(np.ones((4, 3))), want)
        assert all(map(np.array_equal, Sequential(layer).gradients(), want_gradients))


def test_parameters_are_copied_in_and_handed_out_to_be_changed() -> None:
    weight, bias = np.eye(2), np.zeros(2)
    net = Sequential(Linear.from_parameters(weight, bias))
    for parameter in net.parameters():
        parameter += 1
    assert np.array_equal(weight, np.eye(2))
    assert np.array_equal(net(np.ones((1, 2))), [[4.0, 4.0]])


def test_sigmoid_keeps_the_digits_of_its_tail() -> None:
    assert Sigmoid()(np.array([-700.0]))[0] == pytest.approx(np.exp(-700.0), rel=1e-14, abs=0)
    assert np.array_equal(Sigmoid()(np.array([-np.inf, np.inf])), [0, 1])


def test_not_a_number_stays_visible() -> None:
    for activation in ACTIVATIONS:
        assert np.isnan(activation()(np.array([np.nan]))).all()


def test_single_precision_input_is_computed_in_double(rng: np.random.Generator) -> None:
    net = Sequential(Linear(2, 3, rng), ReLU(), Linear(3, 1, rng))
    x = rng.normal(size=(4, 2)).astype(np.float32)
    assert net(x).dtype == np.float64
    assert np.array_equal(net(x), net(x.astype(np.float64)))


# The interface


def test_every_public_name_is_proved() -> None:
    public = {
        name
        for name, thing in inspect.getmembers(
            multilayer_perceptron, lambda o: inspect.isclass(o) or inspect.isfunction(o)
        )
        if thing.__module__ == multilayer_perceptron.__name__ and not name.startswith("_")
    }
    assert public == {"Linear", "Sequential", "compose_tent", "count_linear_pieces", *(a.__name__ for a in ACTIVATIONS)}


@pytest.mark.usefixtures("as_a_reader")
def test_bad_input_names_the_rule_and_the_values(rng: np.random.Generator) -> None:
    from dlref.foundations.multilayer_perceptron import (
        Linear,
        ReLU,
        Sequential,
        Tanh,
        compose_tent,
        count_linear_pieces,
    )

    for sizes in ((0, 3), (3, 0)):
        with pytest.raises(ValueError, match=rf"at least 1 input and 1 unit, got {sizes[0]} and {sizes[1]}"):
            Linear(*sizes, rng)
    for weight, bias in (([[1, 2]], [0, 0]), ([1, 2], [0]), ([[1, 2]], [[0]])):
        shapes = rf"\({np.shape(weight)[0]}.*\) and \({np.shape(bias)[0]}.*\)"
        with pytest.raises(ValueError, match=rf"weight must be \(out, in\) and bias \(out,\), got {shapes}"):
            Linear.from_parameters(weight, bias)
    layer = Linear(4, 2, rng)
    with pytest.raises(ValueError, match=r"x must end in in_features = 4, got the shape \(3, 5\)"):
        layer(np.ones((3, 5)))
    with pytest.raises(ValueError, match=r"x must end in in_features = 4, got the shape \(\)"):
        layer(np.array(1.0))
    for first in (layer, ReLU(), Sequential(Tanh())):
        with pytest.raises(ValueError, match="backward needs a forward pass first"):
            first.backward(np.ones((3, 2)))
    layer(np.ones((3, 4)))
    with pytest.raises(ValueError, match=r"the shape of the output, \(3, 2\), got \(1, 2\)"):
        layer.backward(np.ones((1, 2)))
    relu = ReLU()
    relu(np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"the shape of the output, \(3, 2\), got \(2,\)"):
        relu.backward(np.ones(2))
    with pytest.raises(ValueError, match="k of at least 1, got 0"):
        compose_tent(0)
    net = compose_tent(1)
    for low, high in ((1.0, 1.0), (1.0, 0.0), (float("nan"), 1.0)):
        with pytest.raises(ValueError, match=rf"low must lie below high, got {low} and {high}"):
            count_linear_pieces(net, low, high)
    with pytest.raises(ValueError, match="only Linear and ReLU make straight pieces, got Tanh"):
        count_linear_pieces(Sequential(Linear(1, 2, rng), Tanh()))
    with pytest.raises(ValueError, match="mismatch in its core dimension"):
        count_linear_pieces(Sequential(Linear(2, 2, rng), ReLU()))
