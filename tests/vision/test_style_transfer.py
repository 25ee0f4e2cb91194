"""Proofs of dlref.vision.style_transfer: the paper's sums by einsum, its derivatives, and NumPy are the oracles."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from sklearn.datasets import load_sample_image
from torch import Tensor, nn

from dlref.vision import style_transfer as module
from dlref.vision.deepdream import layer_outputs, resize
from dlref.vision.style_transfer import (
    content_loss,
    gram_matrix,
    style_loss,
    style_transfer,
    total_variation,
    transfer_loss,
)
from tests.oracle import Verify, error

DEVICES = ["meta", *(["cuda"] if torch.cuda.is_available() else [])]
LAYERS = ("1", "3")


def normal(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def several(generator: torch.Generator) -> list[Tensor]:
    """Give activations, a batch of one, a batch, a single channel, a single position, and views without memory."""
    block = normal(generator, 5, 4, 6)
    shapes = [(3, 4, 5), (1, 2, 3, 3), (4, 3, 2, 5), (1, 4, 4), (6, 1, 1)]
    return [*(normal(generator, *shape) for shape in shapes), block.mT, block[::2, :, ::3], block.permute(2, 0, 1)]


def network(dtype: torch.dtype = torch.float64) -> nn.Sequential:
    with torch.random.fork_rng([]):
        torch.manual_seed(5)
        layers = [nn.Conv2d(3, 6, 3, padding=1), nn.Softplus(), nn.Conv2d(6, 8, 3, padding=1), nn.ReLU()]
        return nn.Sequential(*layers).to(dtype)


def features(net: nn.Sequential) -> Callable[[Tensor], dict[str, Tensor]]:
    return lambda image: layer_outputs(net, image, LAYERS)


def papers_gram(activations: Tensor) -> Tensor:
    """Give the paper's G of eq. 3, a sum over positions."""
    return torch.einsum("...ihw,...jhw->...ij", activations, activations)


def papers_style_loss(activations: Tensor, target: Tensor) -> Tensor:
    """Give E of eq. 4, from the paper's own G and A."""
    channels, positions = activations.shape[-3], activations.shape[-2] * activations.shape[-1]
    difference = papers_gram(activations) - target
    return torch.einsum("...ij,...ij->", difference, difference) / (4 * channels**2 * positions**2)


# Against the oracles


def test_gram_is_the_papers_sum_over_the_number_of_positions(verify: Verify, generator: torch.Generator) -> None:
    cases = [(x,) for x in several(generator)]
    verify(
        gram_matrix,
        lambda x: papers_gram(x) / (x.shape[-2] * x.shape[-1]),
        cases,
        oracle="torch.einsum",
    )


def test_gram_is_the_covariance_with_the_means_put_back(verify: Verify, generator: torch.Generator) -> None:
    def by_covariance(x: Tensor) -> np.ndarray:
        rows = x.flatten(1).numpy()
        mean = rows.mean(1)
        return np.atleast_2d(np.cov(rows, bias=True)) + np.outer(mean, mean)

    cases = [(x + 0.7,) for x in several(generator) if x.ndim == 3]
    verify(gram_matrix, by_covariance, cases, oracle="numpy.cov + mean meanᵀ", gradients=None)


def test_content_loss_equals_torch(verify: Verify, generator: torch.Generator) -> None:
    cases = [(x, normal(generator, *x.shape)) for x in [*several(generator), normal(generator, 3, 0, 2)]]
    verify(
        content_loss,
        lambda a, p: F.mse_loss(a, p, reduction="sum") / 2,
        cases,
        oracle="torch.nn.functional.mse_loss, summed and halved",
    )


def test_style_loss_is_the_papers(verify: Verify, generator: torch.Generator) -> None:
    pairs = [(x, normal(generator, *x.shape)) for x in several(generator)]
    verify(
        lambda x, y: style_loss(x, gram_matrix(y)),
        lambda x, y: papers_style_loss(x, papers_gram(y)),
        pairs,
        oracle="the paper's eq. 4 by torch.einsum",
        name=style_loss,
    )


def test_the_gradient_of_the_style_loss_is_eq_6(verify: Verify, generator: torch.Generator) -> None:
    def ours(before: Tensor, other: Tensor) -> Tensor:
        leaf = before.clone().requires_grad_()
        return torch.autograd.grad(style_loss(leaf.relu(), gram_matrix(other.relu())), leaf)[0]

    def eq_6(before: Tensor, other: Tensor) -> Tensor:
        activations, channels = before.relu(), before.shape[-3]
        positions = before.shape[-2] * before.shape[-1]
        difference = papers_gram(activations) - papers_gram(other.relu())
        slope = torch.einsum("...ij,...jhw->...ihw", difference, activations) / (channels**2 * positions**2)
        return torch.where(before > 0, slope, 0)

    pairs = [(x, normal(generator, *x.shape)) for x in several(generator)]
    verify(ours, eq_6, pairs, oracle="the paper's eq. 6", name=style_loss, gradients=None)


def test_the_gradient_of_the_content_loss_is_eq_2(verify: Verify, generator: torch.Generator) -> None:
    def ours(before: Tensor, target: Tensor) -> Tensor:
        leaf = before.clone().requires_grad_()
        return torch.autograd.grad(content_loss(leaf.relu(), target), leaf)[0]

    def eq_2(before: Tensor, target: Tensor) -> Tensor:
        return torch.where(before > 0, before.relu() - target, 0)

    pairs = [(x, normal(generator, *x.shape)) for x in several(generator)]
    verify(ours, eq_2, pairs, oracle="the paper's eq. 2", name=content_loss, gradients=None)


def test_the_style_may_have_another_size(generator: torch.Generator) -> None:
    tile = normal(generator, 4, 3, 5)
    assert error(gram_matrix(tile.repeat(1, 2, 3)), gram_matrix(tile)) <= 1e-14  # more of the same is the same style
    assert style_loss(tile, gram_matrix(tile.repeat(1, 2, 3))).item() <= 1e-28


def test_total_variation_equals_numpy(verify: Verify, generator: torch.Generator) -> None:
    def by_numpy(image: Tensor) -> np.ndarray:
        array = image.numpy()
        return sum(np.abs(np.diff(array, axis=axis)).sum() for axis in (-1, -2))  # type: ignore[return-value]

    cases = [(x,) for x in [*several(generator), normal(generator, 3, 0, 2)]]
    verify(total_variation, by_numpy, cases, oracle="numpy.diff", gradients=None)


def test_the_gradient_of_total_variation_counts_signs(verify: Verify, generator: torch.Generator) -> None:
    def ours(image: Tensor) -> Tensor:
        leaf = image.clone().requires_grad_()
        return torch.autograd.grad(total_variation(leaf), leaf)[0]

    def signs(image: Tensor) -> np.ndarray:
        array, total = image.numpy(), np.zeros(image.shape)
        for axis in (-1, -2):
            for shift in (1, -1):  # each neighbour pulls
                neighbour = np.roll(array, shift, axis)
                inside = np.ones(image.shape, bool)
                np.moveaxis(inside, axis, 0)[0 if shift == 1 else -1] = False
                total += np.where(inside, np.sign(array - neighbour), 0)
        return total

    cases = [(x,) for x in several(generator)]
    verify(ours, signs, cases, oracle="the signs of the differences", name=total_variation, gradients=None)


def test_total_variation_is_the_length_of_all_level_lines(verify: Verify, rng: np.random.Generator) -> None:
    def by_levels(image: Tensor) -> float:
        """Count, for every grey level, the edges between pixels above it and pixels that are not (co-area formula)."""
        array = image.numpy()
        edges = [np.diff(array > level, axis=axis).sum() for level in range(8) for axis in (-1, -2)]
        return float(sum(edges))

    cases = [(torch.from_numpy(rng.integers(0, 9, shape).astype(float)),) for shape in [(1, 6, 7), (2, 3, 4, 4)]]
    verify(total_variation, by_levels, cases, oracle="the co-area formula", values=0, gradients=None)


@pytest.mark.parametrize("weighted", [False, True])
def test_transfer_loss_is_the_papers(weighted: bool, verify: Verify, generator: torch.Generator) -> None:
    weights = {"1": 0.2, "3": 0.5} if weighted else None

    def ours(a: Tensor, b: Tensor, p: Tensor, s: Tensor, t: Tensor) -> Tensor:
        grams = {"1": gram_matrix(s), "3": gram_matrix(t)}
        return transfer_loss({"1": a, "3": b}, {"3": p}, grams, alpha=0.7, beta=11.0, weights=weights)

    def papers(a: Tensor, b: Tensor, p: Tensor, s: Tensor, t: Tensor) -> Tensor:
        content = torch.einsum("chw,chw->", b - p, b - p) / 2
        first, second = (0.2, 0.5) if weighted else (0.5, 0.5)
        style = first * papers_style_loss(a, papers_gram(s)) + second * papers_style_loss(b, papers_gram(t))
        return 0.7 * content + 11 * style

    shapes = [(3, 6, 5), (4, 3, 2), (4, 3, 2), (3, 6, 5), (4, 3, 2)]
    cases = [tuple(normal(generator, *shape) for shape in shapes) for _ in range(3)]
    verify(ours, papers, cases, oracle="the paper's eqs. 5 and 7 by torch.einsum", name=transfer_loss)


def test_transfer_loss_takes_one_side_alone(generator: torch.Generator) -> None:
    x, y = normal(generator, 3, 4, 4), normal(generator, 3, 4, 4)
    only_content = transfer_loss({"1": x}, {"1": y}, {}, alpha=2.0)
    only_style = transfer_loss({"1": x}, {}, {"1": gram_matrix(y)}, beta=3.0)
    torch.testing.assert_close(only_content, 2 * content_loss(x, y))
    torch.testing.assert_close(only_style, 3 * style_loss(x, gram_matrix(y)))


@pytest.mark.parametrize(("tv_weight", "from_noise"), [(0.0, False), (0.03, True)])
def test_the_transfer_is_the_papers_loss_under_torchs_lbfgs(
    tv_weight: float, from_noise: bool, verify: Verify, generator: torch.Generator
) -> None:
    net = network()
    noise = torch.rand(3, 12, 10, generator=generator, dtype=torch.float64)
    start = noise if from_noise else None

    def ours(content: Tensor, style: Tensor) -> Tensor:
        options: dict[str, Any] = {"alpha": 0.5, "beta": 200.0, "tv_weight": tv_weight, "steps": 5, "start": start}
        return style_transfer(features(net), content, style, ["3"], ["1", "3"], weights={"1": 0.2, "3": 0.8}, **options)

    def papers(content: Tensor, style: Tensor) -> Tensor:
        first = (content if start is None else start).clamp(0.01, 0.99)
        logits = (first / (1 - first)).log().requires_grad_()
        wants = net(content).detach()
        # sums over the positions of each image: the style's are rescaled to the image's number
        more = content[0].numel() / style[0].numel()
        grams = [papers_gram(net[:n](style)).detach() * more for n in (2, 4)]
        lbfgs = torch.optim.LBFGS([logits], 1, 5, None, 0, 0, line_search_fn="strong_wolfe")

        def closure() -> Tensor:
            lbfgs.zero_grad()
            image = 1 / (1 + torch.exp(-logits))
            low, high = net[:2](image), net(image)
            loss = 0.5 * F.mse_loss(high, wants, reduction="sum") / 2
            loss = loss + 200 * (0.2 * papers_style_loss(low, grams[0]) + 0.8 * papers_style_loss(high, grams[1]))
            rough = image.diff(dim=1).abs().sum() + image.diff(dim=2).abs().sum()
            loss = loss + tv_weight * rough
            loss.backward()
            return loss

        lbfgs.step(closure)
        return 1 / (1 + torch.exp(-logits.detach()))

    draw = [torch.rand(3, *size, generator=generator, dtype=torch.float64) for size in [(12, 10), (12, 10), (9, 8)]]
    verify(
        ours,
        papers,
        [(draw[0], draw[1]), (draw[0], draw[2])],
        oracle="the paper's loss by torch.einsum under torch.optim.LBFGS",
        name=style_transfer,
        values=1e-7,
        gradients=None,
    )


# What a transfer does


def test_thirty_steps_lower_both_losses_and_leave_the_weights() -> None:
    net = network(torch.float32)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    content, style = (
        resize(torch.from_numpy(np.array(load_sample_image(name))).permute(2, 0, 1) / 255, (64, 64))
        for name in ("china.jpg", "flower.jpg")
    )
    start = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0))
    copies = [x.clone() for x in (content, style, start)]
    result = style_transfer(features(net), content, style, ["3"], LAYERS, beta=1e5, steps=30, start=start)
    look = features(net)
    with torch.no_grad():
        gram = gram_matrix(look(style)["3"])
        for loss in (
            lambda image: content_loss(look(image)["3"], look(content)["3"]),
            lambda image: style_loss(look(image)["3"], gram),
        ):
            assert loss(result) < 0.5 * loss(start)
    assert all(torch.equal(x, copy) for x, copy in zip((content, style, start), copies, strict=True))
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert not result.requires_grad
    assert ((result >= 0) & (result <= 1)).all()


def test_no_steps_give_the_start_back_and_the_content_is_the_default(generator: torch.Generator) -> None:
    content, style = (torch.rand(3, 6, 6, generator=generator, dtype=torch.float64) for _ in range(2))
    look = features(network())
    nothing = style_transfer(look, content, style, ["3"], ["1"], steps=0)
    assert torch.equal(nothing, content)
    assert nothing.data_ptr() != content.data_ptr()
    assert torch.equal(style_transfer(look, content, style, ["3"], ["1"], steps=0, start=style), style)
    with torch.no_grad():  # optimising needs gradients, whatever stands around it
        assert not torch.equal(style_transfer(look, content, style, ["3"], ["1"], steps=2), content)


def test_without_style_the_content_comes_back_from_noise(generator: torch.Generator) -> None:
    content, start = (torch.rand(3, 8, 8, generator=generator, dtype=torch.float64) for _ in range(2))
    back = style_transfer(features(network()), content, start, ["1"], [], steps=200, start=start)
    assert error(back, content) < 1e-2


def test_total_variation_smooths(generator: torch.Generator) -> None:
    content, style = (torch.rand(3, 10, 10, generator=generator, dtype=torch.float64) for _ in range(2))
    look = features(network())
    rough, smooth = (
        total_variation(style_transfer(look, content, style, ["3"], ["1"], tv_weight=weight, steps=20))
        for weight in (0.0, 1.0)
    )
    assert smooth < 0.5 * rough


# Properties

# Half precision has no number whose square is lost in double precision.
HALF = st.floats(-10, 10, width=16)
MAPS = arrays("float64", array_shapes(min_dims=3, max_dims=4, min_side=1, max_side=5), elements=HALF)
quickly = settings(max_examples=25, deadline=None)


@quickly
@given(MAPS, st.randoms(use_true_random=False))
def test_gram_does_not_know_where_anything_stands_and_content_does(array: np.ndarray, random: Any) -> None:
    x = torch.from_numpy(array)
    order = list(range(x.shape[-1] * x.shape[-2]))
    random.shuffle(order)
    shuffled = x.flatten(-2)[..., order].reshape(x.shape)
    torch.testing.assert_close(gram_matrix(shuffled), gram_matrix(x), rtol=1e-12, atol=1e-12)
    assert style_loss(shuffled, gram_matrix(x)) <= 1e-20
    assert (content_loss(shuffled, x) == 0) == torch.equal(shuffled, x)


@quickly
@given(MAPS)
def test_gram_is_symmetric_without_negative_eigenvalues(array: np.ndarray) -> None:
    gram = gram_matrix(torch.from_numpy(array))
    torch.testing.assert_close(gram, gram.mT)
    assert (torch.linalg.eigvalsh(gram) >= -1e-9).all()


@quickly
@given(MAPS, st.floats(-5, 5))
def test_total_variation_is_blind_to_brightness_and_mirrors(array: np.ndarray, shift: float) -> None:
    x = torch.from_numpy(array)
    for other in (x + shift, x.flip(-1), x.flip(-2), x.mT, -x):
        torch.testing.assert_close(total_variation(other), total_variation(x), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(total_variation(3 * x), 3 * total_variation(x))


# The interface


def test_every_public_name_is_proved() -> None:
    members = inspect.getmembers(module, lambda m: inspect.isfunction(m) or inspect.isclass(m))
    public = {n for n, m in members if m.__module__ == module.__name__ and not n.startswith("_")}
    losses = {"content_loss", "style_loss", "total_variation", "transfer_loss"}
    assert public == {"gram_matrix", "style_transfer", *losses}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_the_losses_run_on_every_device(device: str, dtype: torch.dtype) -> None:
    x, y = torch.rand(2, 2, 3, 4, 5).to(dtype)
    gram = gram_matrix(y)
    calls: list[Callable[[Tensor, Tensor, Tensor], Tensor]] = [
        lambda x, y, gram: gram_matrix(x),
        lambda x, y, gram: content_loss(x, y),
        lambda x, y, gram: style_loss(x, gram),
        lambda x, y, gram: total_variation(x),
        lambda x, y, gram: transfer_loss({"1": x}, {"1": y}, {"1": gram}),
        # L-BFGS asks for the value of the loss, which a tensor on meta has not
        lambda x, y, gram: style_transfer(lambda x: {"1": x}, x, y, ["1"], ["1"], steps=3 * (device != "meta")),
    ]
    for call in calls:
        got, want = call(x.to(device), y.to(device), gram.to(device)), call(x, y, gram)
        assert (got.device.type, got.shape, got.dtype) == (device, want.shape, want.dtype)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_neither_overflows_nor_loses_digits(dtype: torch.dtype, generator: torch.Generator) -> None:
    x, y = (300 * normal(generator, 4, 40, 40).to(dtype) for _ in range(2))
    exact, other = x.double(), y.double()
    pairs = [
        (gram_matrix(x), gram_matrix(exact)),
        (content_loss(x, y), content_loss(exact, other)),
        (style_loss(x, gram_matrix(y)), style_loss(exact, gram_matrix(other))),
        (total_variation(x), total_variation(exact)),
    ]
    for got, want in pairs:
        assert got.dtype == torch.float32
        assert error(got, want) <= 1e-5


@pytest.mark.parametrize(("dtype", "share"), [(torch.float16, 0.5), (torch.bfloat16, 1.01)], ids=str)
def test_a_network_in_half_precision_transfers_style_or_stays(dtype: torch.dtype, share: float) -> None:
    content, style = (torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(n)) for n in (0, 1))
    style, look = style / 5, features(network(torch.float32))
    result = style_transfer(
        features(network(dtype)), content.to(dtype), style.to(dtype), ["3"], LAYERS, alpha=0.01, beta=1e5, steps=10
    )
    assert result.dtype == dtype
    assert ((result >= 0) & (result <= 1)).all()
    gram = gram_matrix(look(style)["1"])
    assert style_loss(look(result.float())["1"], gram) < share * style_loss(look(content)["1"], gram)


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_a_large_offset_costs_the_gram_no_digits(offset: float, generator: torch.Generator) -> None:
    x = (normal(generator, 3, 20, 20) + offset).float()
    assert error(gram_matrix(x), gram_matrix(x.double())) <= 1e-6
    assert error(total_variation(x), total_variation(x.double())) <= 1e-6


def test_runs_under_autocast() -> None:
    content, style = torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    look = features(network(torch.float32))
    gram = gram_matrix(look(style.square())["1"])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = style_transfer(look, content, style.square(), ["3"], ["1"], alpha=0.01, beta=1e4, steps=5)
    assert result.dtype == torch.float32
    assert style_loss(look(result)["1"], gram) < 0.5 * style_loss(look(content)["1"], gram)


@pytest.mark.usefixtures("as_a_reader")
def test_compiles_whole() -> None:
    from dlref.vision.style_transfer import gram_matrix, total_variation, transfer_loss

    def loss(x: Tensor, y: Tensor) -> Tensor:
        return transfer_loss({"1": x}, {"1": y}, {"1": gram_matrix(y)}) + total_variation(x)

    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    x, y = torch.rand(2, 3, 4, 5)
    torch.testing.assert_close(compiled(x, y), loss(x, y))


@pytest.mark.usefixtures("as_a_reader")
def test_bad_input_names_the_rule_and_the_values() -> None:
    from dlref.vision.style_transfer import content_loss, gram_matrix, style_loss, style_transfer, transfer_loss

    x, gram = torch.zeros(3, 4, 4), torch.zeros(3, 3)
    cases: list[tuple[Callable[[], object], str]] = [
        (lambda: gram_matrix(x[:, :0]), r"activations must have a position or more, got shape \(3, 0, 4\)"),
        (lambda: style_loss(x[:, :0], gram), r"activations must have a position or more, got shape \(3, 0, 4\)"),
        (
            lambda: content_loss(x, x[:1]),
            r"activations and target must have one shape, got \(3, 4, 4\) and \(1, 4, 4\)",
        ),
        (lambda: style_loss(x, gram[:1]), r"gram_matrix\(activations\) and gram must have one shape, .* \(1, 3\)"),
        (lambda: transfer_loss({"1": x}, {"2": x}, {}), r"must name layers of 1, got \['2'\]"),
        (lambda: transfer_loss({"1": x}, {}, {"3": gram}), r"must name layers of 1, got \['3'\]"),
        (lambda: transfer_loss({"1": x}, {}, {}), r"must name layers of 1, got none"),
        (
            lambda: transfer_loss({"1": x}, {}, {"1": gram}, weights={"2": 1.0}),
            r"weights and grams must name the same layers, got \['2'\] and \['1'\]",
        ),
        (lambda: style_transfer(lambda x: {"1": x}, x, x, ["1"], ["1"], steps=-1), r"steps must be 0 or more, got -1"),
        (
            lambda: style_transfer(lambda x: {"1": x}, x, x, ["1"], ["relu"]),
            r"content_layers and style_layers must be of 1, got \['relu'\]",
        ),
        (lambda: style_transfer(lambda x: {"1": x}, x, x, [], []), r"must name layers of 1, got none"),
    ]
    for call, message in cases:
        with pytest.raises(ValueError, match=message):
            call()
