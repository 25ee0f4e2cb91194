"""Proofs of dlref.generalization.dropout: torch with the same seed, the distribution of masks, and all 2^n masks."""

import inspect
import itertools
import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import scipy.stats
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from torch import Tensor, nn

from dlref.generalization import dropout as module
from dlref.generalization.dropout import Dropout, dropout, feature_dropout, thinned_ensemble
from tests.oracle import Verify, error

DEVICES = ["meta", *(["cuda"] if torch.cuda.is_available() else [])]
RATES = [0.0, 0.2, 0.5, 0.9, 1.0]
every_dtype = pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
quickly = settings(max_examples=25, deadline=None)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def several_shapes(generator: torch.Generator) -> list[Tensor]:
    block = normal(generator, 6, 4)
    return [
        normal(generator),
        normal(generator, 0, 3),
        normal(generator, 1, 5),
        normal(generator, 2, 3, 4),
        block.mT,
        block[:, ::2],
        normal(generator, 1, 4).expand(3, 4),
    ]


# Against the oracles


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("p", RATES)
def test_dropout_equals_torch_with_the_same_seed(
    p: float, training: bool, verify: Verify, generator: torch.Generator
) -> None:
    def reference(x: Tensor) -> Tensor:
        torch.manual_seed(0)
        return F.dropout(x, p, training)

    verify(
        lambda x: dropout(x, p, training, seeded()),
        reference,
        [(x,) for x in several_shapes(generator)],
        oracle="torch.nn.functional.dropout, same seed",
        name=dropout,
    )


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("p", RATES)
def test_feature_dropout_equals_torch_with_the_same_seed(
    p: float, training: bool, verify: Verify, generator: torch.Generator
) -> None:
    theirs = {3: F.dropout1d, 4: F.dropout2d, 5: F.dropout3d}

    def reference(x: Tensor) -> Tensor:
        torch.manual_seed(0)
        return theirs[x.ndim](x, p, training)

    image = normal(generator, 3, 4, 5, 2)
    inputs = [normal(generator, 3, 7, 2), image, image[:, ::2].mT, normal(generator, 2, 4, 2, 3, 2)]
    verify(
        lambda x: feature_dropout(x, p, training, seeded()),
        reference,
        [(x,) for x in inputs],
        oracle="torch.nn.functional.dropout1d, 2d and 3d, same seed",
        name=feature_dropout,
    )


@pytest.mark.parametrize("p", RATES)
def test_the_layer_equals_torch_in_both_modes(p: float, verify: Verify, generator: torch.Generator) -> None:
    def with_seed(layer: nn.Module, x: Tensor) -> Tensor:
        torch.manual_seed(1)
        return layer(x)

    cases = [(x,) for x in several_shapes(generator)]
    ours, theirs = Dropout(p), nn.Dropout(p)
    for training in (True, False):
        ours.train(training)
        theirs.train(training)
        verify(
            partial(with_seed, ours),
            partial(with_seed, theirs),
            cases,
            oracle="torch.nn.Dropout, same seed",
            name=Dropout,
        )
    assert repr(ours) == f"Dropout(p={p})"
    assert torch.equal(Dropout(p, seeded())(torch.ones(50)), dropout(torch.ones(50), p, generator=seeded()))


@pytest.mark.parametrize("p", RATES)
def test_the_geometric_mean_of_all_thinned_networks_is_the_scaled_one(
    p: float, verify: Verify, generator: torch.Generator
) -> None:
    def scaled(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.softmax((1 - p) * x @ weight.T + bias, dim=1)

    shapes = [(3, 5, 4), (1, 1, 2), (0, 3, 2), (2, 7, 3)]
    cases = [
        (normal(generator, rows, features), normal(generator, classes, features), normal(generator, classes))
        for rows, features, classes in shapes
    ]
    verify(
        lambda *case: thinned_ensemble(*case, p=p),
        scaled,
        cases,
        oracle="torch.softmax with weights times 1 - p",
        name=thinned_ensemble,
    )


def test_the_ensemble_counts_every_mask_by_its_probability(verify: Verify, generator: torch.Generator) -> None:
    x, weight, bias, p = normal(generator, 2, 4), normal(generator, 3, 4), normal(generator, 3), 0.3

    def one_by_one(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        product = torch.ones(len(x), len(bias), dtype=torch.float64)
        for mask in itertools.product([0.0, 1.0], repeat=x.shape[1]):
            chance = math.prod([1 - p if kept else p for kept in mask])
            product = product * torch.softmax((x * torch.tensor(mask)) @ weight.T + bias, dim=1) ** chance
        return product / product.sum(dim=1, keepdim=True)

    verify(
        lambda *case: thinned_ensemble(*case, p=p),
        one_by_one,
        [(x, weight, bias)],
        oracle="the product over all masks, one by one",
        name=thinned_ensemble,
    )


# By distribution


@pytest.mark.parametrize("p", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("feature", [False, True], ids=["entries", "channels"])
def test_masks_are_independent_draws_of_the_right_rate(p: float, feature: bool) -> None:
    """Chi-square over the 8 patterns of three neighbours, which sees a wrong rate as well as dependent draws."""
    count = 20_000
    if feature:
        kept = feature_dropout(torch.ones(count, 3, 2), p, generator=seeded())[:, :, 0] > 0
    else:
        kept = dropout(torch.ones(count, 3), p, generator=seeded()) > 0
    seen = np.bincount((kept * torch.tensor([4, 2, 1])).sum(dim=1), minlength=8)
    expected = [count * (1 - p) ** bin(pattern).count("1") * p ** (3 - bin(pattern).count("1")) for pattern in range(8)]
    assert scipy.stats.chisquare(seen, expected).pvalue > 1e-3


@pytest.mark.parametrize("p", [0.2, 0.5, 0.8])
def test_mean_and_variance(p: float) -> None:
    """E[y] = x and Var[y] = x² p / (1 - p), the mean within four standard errors."""
    x, count = 3.0, 100_000
    y = dropout(torch.full((count,), x, dtype=torch.float64), p, generator=seeded())
    variance = x**2 * p / (1 - p)
    assert abs(float(y.mean()) - x) < 4 * (variance / count) ** 0.5
    kept = float((y != 0).double().mean())
    assert abs(kept - (1 - p)) < 4 * (p * (1 - p) / count) ** 0.5
    assert float(y.var()) == pytest.approx(variance, rel=0.02)


def test_every_call_and_every_example_draws_anew() -> None:
    generator, x = seeded(), torch.ones(2, 200)
    first, second = dropout(x, generator=generator), dropout(x, generator=generator)
    assert not torch.equal(first, second)
    assert not torch.equal(first[0], first[1])
    assert torch.equal(dropout(x, generator=seeded()), first)


# At the extremes and as properties


@every_dtype
@pytest.mark.parametrize("p", [0.1, 0.5, 0.999])
def test_low_precision_rounds_once(dtype: torch.dtype, p: float) -> None:
    x = torch.linspace(-30, 30, 301, dtype=dtype)
    y = dropout(x, p, generator=seeded())
    want = torch.where(y != 0, x.double() / (1 - p), 0)
    assert y.dtype == dtype
    assert error(y, want) <= torch.finfo(dtype).eps


@every_dtype
@pytest.mark.parametrize("p", [0.5, 1.0])
def test_a_dropped_infinity_is_zero_with_a_finite_gradient(dtype: torch.dtype, p: float) -> None:
    x = torch.full((100,), float("inf"), dtype=dtype, requires_grad=True)
    y = dropout(x, p, generator=seeded())
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert not y.isnan().any()
    assert (y == 0).any()
    assert torch.equal(gradient, torch.where(y == 0, 0.0, 2.0).to(dtype))


@quickly
@given(
    arrays("float64", array_shapes(min_dims=2, max_dims=4, max_side=4), elements=st.floats(0.5, 100)),
    st.floats(0, 0.99),
)
def test_each_value_is_dropped_or_scaled(array: np.ndarray, p: float) -> None:
    x = torch.from_numpy(array)
    y = dropout(x, p, generator=seeded())
    torch.testing.assert_close(y, torch.where(y == 0, 0, x / (1 - p)))
    features = feature_dropout(x, p, generator=seeded())
    kept = (features != 0).flatten(2) if x.ndim > 2 else (features != 0)[:, :, None]
    assert torch.equal(kept.all(dim=2), kept.any(dim=2))  # a channel goes as a whole
    for function in (dropout, feature_dropout):
        assert torch.equal(function(x, p, training=False), x)
        assert torch.equal(function(x, 0.0), x)
        assert torch.equal(function(x, 1.0), torch.zeros_like(x))


def test_gradcheck_and_gradgradcheck(generator: torch.Generator) -> None:
    x = normal(generator, 3, 4).requires_grad_()
    weight, bias = normal(generator, 2, 4).requires_grad_(), normal(generator, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: dropout(x, 0.3, generator=seeded()).square(), x)
    assert torch.autograd.gradgradcheck(lambda x: feature_dropout(x, 0.3, generator=seeded()).square(), x)
    assert torch.autograd.gradcheck(lambda *case: thinned_ensemble(*case, p=0.3), (x, weight, bias))


# The interface


def test_every_public_name_is_proved() -> None:
    members = inspect.getmembers(module, lambda m: inspect.isfunction(m) or inspect.isclass(m))
    public = {n for n, m in members if m.__module__ == module.__name__ and not n.startswith("_")}
    assert public == {"dropout", "feature_dropout", "Dropout", "thinned_ensemble"}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
@pytest.mark.parametrize(
    "function",
    [
        dropout,
        feature_dropout,
        lambda x: dropout(x, 1.0),
        Dropout(0.2),
        Dropout(0.2).eval(),
        lambda x: thinned_ensemble(x, x[:2], x[:2, 0]),
    ],
    ids=["dropout", "feature_dropout", "p = 1", "layer", "layer, eval", "ensemble"],
)
def test_runs_on_every_device(function: Callable[[Tensor], Tensor], dtype: torch.dtype, device: str) -> None:
    x = torch.linspace(1, 4, 12, dtype=dtype).reshape(4, 3)
    got, want = function(x.to(device)), function(x)
    assert (got.device.type, got.shape, got.dtype) == (device, want.shape, want.dtype)


@quickly
@given(st.sampled_from(RATES))
def test_leaves_its_argument_alone(p: float) -> None:
    x = torch.linspace(1, 2, 12).reshape(3, 4)
    for function in (dropout, feature_dropout, Dropout(p)):
        function(x)
    assert torch.equal(x, torch.linspace(1, 2, 12).reshape(3, 4))


@pytest.mark.usefixtures("as_a_reader")
def test_bad_input_names_the_rule_and_the_values() -> None:
    from dlref.generalization.dropout import Dropout, dropout, feature_dropout, thinned_ensemble

    x, weight, bias = torch.zeros(2, 3), torch.zeros(4, 3), torch.zeros(4)
    for p in (-0.1, 1.5, float("nan")):
        calls: list[Callable[[], object]] = [
            lambda p=p: dropout(x, p),
            lambda p=p: dropout(x, p, training=False),
            lambda p=p: feature_dropout(x, p),
            lambda p=p: Dropout(p),
            lambda p=p: thinned_ensemble(x, weight, bias, p),
        ]
        for call in calls:
            with pytest.raises(ValueError, match=rf"p, the probability to drop, must lie in \[0, 1\], got {p}"):
                call()
    with pytest.raises(ValueError, match=r"x must be \(batch, channels, \*spatial\), got shape \(3,\)"):
        feature_dropout(torch.zeros(3))
    with pytest.raises(ValueError, match=r"must be \(batch, features\), .*, got \(2, 3\), \(3, 4\), \(4,\)"):
        thinned_ensemble(x, weight.T, bias)
    with pytest.raises(ValueError, match=r"must be \(batch, features\), .*, got \(3,\), \(4, 3\), \(4,\)"):
        thinned_ensemble(x[0], weight, bias)
    with pytest.raises(ValueError, match=r"beyond 16 features, got 17"):
        thinned_ensemble(torch.zeros(1, 17), torch.zeros(2, 17), torch.zeros(2))
