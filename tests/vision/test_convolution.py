"""Proofs of dlref.vision.convolution: torch, SciPy, and the examples of Dumoulin and Visin are the oracles."""

import inspect
import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.signal
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from dlref.vision import convolution
from dlref.vision.convolution import (
    avg_pool2d,
    conv2d,
    conv2d_backward,
    conv_output_size,
    conv_transpose2d,
    global_avg_pool2d,
    max_pool2d,
    receptive_field,
)
from tests.oracle import Verify, error

Case = tuple[Any, ...]
DEVICES = ["meta", *(["cuda"] if torch.cuda.is_available() else [])]
METHODS = ("im2col", "loops", "toeplitz")
ROUNDING = 1e-13  # sums of up to a hundred products, in another order
quickly = settings(max_examples=40, deadline=None)

# input, weight, stride, padding, dilation, groups
CONVOLUTIONS: dict[str, Case] = {
    "plain": ((2, 3, 6, 5), (4, 3, 3, 3), 1, 0, 1, 1),
    "a batch of one, an even kernel": ((1, 2, 5, 4), (3, 2, 2, 2), 1, 1, 1, 1),
    "an empty batch": ((0, 2, 5, 4), (3, 2, 3, 3), 1, 1, 1, 1),
    "a kernel as large as the input": ((2, 2, 3, 4), (3, 2, 3, 4), 1, 0, 1, 1),
    "one by one": ((2, 3, 4, 3), (2, 3, 1, 1), 1, 0, 1, 1),
    "a stride that leaves something over": ((2, 2, 8, 7), (3, 2, 3, 3), 2, 0, 1, 1),
    "a stride beyond the kernel": ((1, 1, 9, 8), (2, 1, 2, 2), 4, 1, 1, 1),
    "a window in the padding alone": ((1, 1, 3, 3), (1, 1, 2, 2), 3, 2, 1, 1),
    "dilation": ((2, 2, 7, 8), (3, 2, 3, 2), 1, 2, 2, 1),
    "groups": ((2, 4, 5, 5), (6, 2, 3, 3), 1, 1, 1, 2),
    "depthwise": ((2, 3, 5, 5), (6, 1, 3, 3), 1, 1, 1, 3),
    "pairs": ((1, 2, 9, 7), (2, 2, 3, 1), (2, 1), (0, 2), (3, 2), 1),
    "all at once": ((2, 4, 9, 8), (6, 2, 3, 2), (2, 3), (2, 1), (2, 3), 2),
}
# input, weight, stride, padding, output_padding, groups, dilation
TRANSPOSED: dict[str, Case] = {
    "plain": ((2, 3, 4, 5), (3, 4, 3, 3), 1, 0, 0, 1, 1),
    "a batch of one": ((1, 2, 1, 2), (2, 3, 2, 2), 2, 0, 0, 1, 1),
    "an empty batch": ((0, 2, 3, 4), (2, 3, 3, 3), 2, 1, 1, 1, 1),
    "a stride beyond the kernel": ((1, 2, 3, 3), (2, 1, 2, 2), 3, 0, 2, 1, 1),
    "padding cuts off": ((2, 2, 3, 4), (2, 3, 2, 2), 2, 2, 0, 1, 1),
    "groups": ((2, 4, 3, 3), (4, 3, 3, 3), 2, 1, 1, 2, 1),
    "output_padding below the dilation": ((1, 1, 3, 3), (1, 1, 3, 3), 1, 1, 2, 1, 3),
    "all at once": ((2, 4, 3, 4), (4, 2, 3, 2), (2, 3), (2, 1), (1, 2), 2, (2, 3)),
}
# input, kernel_size, stride, padding
POOLINGS: dict[str, Case] = {
    "side by side": ((2, 3, 4, 6), 2, None, 0),
    "a rest left over": ((2, 3, 5, 7), 2, None, 0),
    "overlapping": ((1, 2, 5, 5), 3, 1, 0),
    "3 and 2, padded": ((2, 2, 7, 8), 3, 2, 1),
    "an empty batch": ((0, 2, 4, 4), 2, 2, 0),
    "a window of one": ((1, 1, 3, 4), 1, None, 0),
    "pairs": ((2, 1, 6, 7), (2, 3), (1, 2), (1, 0)),
    "the whole map": ((2, 3, 4, 5), (4, 5), None, 0),
}


def table(cases: dict[str, Case]) -> Any:
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


def normal(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def strided(generator: torch.Generator, *shape: int) -> Iterator[Tensor]:
    """Give views without contiguous memory: transposed, every other pixel, and one image shown many times."""
    batch, channels, height, width = shape
    yield normal(generator, batch, channels, width, height).mT
    yield normal(generator, batch, channels, 2 * height, 3 * width)[:, :, ::2, ::3]
    yield normal(generator, height, batch, width, channels).permute(1, 3, 0, 2)
    yield normal(generator, 1, channels, height, 1).expand(shape)


# Convolution


@pytest.mark.parametrize("method", METHODS)
@table(CONVOLUTIONS)
def test_convolution_equals_torch(case: Case, method: str, verify: Verify, generator: torch.Generator) -> None:
    shape, weight_shape, *options = case
    weight, bias = normal(generator, *weight_shape), normal(generator, weight_shape[0])
    inputs = [normal(generator, *shape), *strided(generator, *shape)]
    verify(
        lambda *tensors: conv2d(*tensors, *options, method=method),
        lambda *tensors: F.conv2d(*tensors, *options),
        [*((input, weight, bias) for input in inputs), (inputs[0], weight, None)],
        oracle="torch.nn.functional.conv2d",
        name=conv2d,
        values=ROUNDING,
        gradients=ROUNDING,
    )


@pytest.mark.parametrize("method", METHODS)
def test_convolution_equals_scipy(method: str, verify: Verify, generator: torch.Generator) -> None:
    def correlated(input: Tensor, weight: Tensor) -> np.ndarray:
        return np.stack(
            [
                sum(
                    scipy.signal.correlate2d(plane, kernel, mode="valid")
                    for plane, kernel in zip(image, stack, strict=True)
                )
                for image, stack in itertools.product(input.numpy(), weight.numpy())
            ]
        ).reshape(len(input), len(weight), input.shape[2] - weight.shape[2] + 1, input.shape[3] - weight.shape[3] + 1)

    verify(
        partial(conv2d, method=method),
        correlated,
        [(normal(generator, 2, 3, 7, 6), normal(generator, 4, 3, 3, 2))],
        oracle="scipy.signal.correlate2d",
        name=conv2d,
        values=ROUNDING,
        gradients=None,
    )


@table(CONVOLUTIONS)
def test_gradients_by_hand_equal_autograd(case: Case, verify: Verify, generator: torch.Generator) -> None:
    shape, weight_shape, *options = case
    weight, bias = normal(generator, *weight_shape), normal(generator, weight_shape[0])
    grad_output = torch.randn_like(F.conv2d(torch.zeros(shape).double(), weight, None, *options))

    def autograd(grad_output: Tensor, input: Tensor) -> tuple[Tensor, ...]:
        leaves = [x.clone().requires_grad_() for x in (input, weight, bias)]
        return torch.autograd.grad(F.conv2d(*leaves, *options), leaves, grad_output)  # type: ignore[arg-type]

    for which in range(3):
        verify(
            lambda grad_output, input, which=which: conv2d_backward(grad_output, input, weight, *options)[which],
            lambda grad_output, input, which=which: autograd(grad_output, input)[which],
            [(grad_output, input) for input in [normal(generator, *shape), *strided(generator, *shape)]],
            oracle="torch.autograd of torch.nn.functional.conv2d",
            name=conv2d_backward,
            values=ROUNDING,
            gradients=None,
        )


@table(TRANSPOSED)
def test_transposed_convolution_equals_torch(case: Case, verify: Verify, generator: torch.Generator) -> None:
    shape, weight_shape, *options = case
    weight, bias = normal(generator, *weight_shape), normal(generator, weight_shape[1] * options[3])
    inputs = [normal(generator, *shape), *strided(generator, *shape)]
    verify(
        lambda *tensors: conv_transpose2d(*tensors, *options),
        lambda *tensors: F.conv_transpose2d(*tensors, *options),
        [*((input, weight, bias) for input in inputs), (inputs[0], weight, None)],
        oracle="torch.nn.functional.conv_transpose2d",
        values=ROUNDING,
        gradients=ROUNDING,
        name=conv_transpose2d,
    )


@pytest.mark.parametrize("method", METHODS)
def test_gradcheck_and_gradgradcheck(method: str, generator: torch.Generator) -> None:
    input, weight, bias = (normal(generator, *shape).requires_grad_() for shape in ((1, 2, 4, 3), (2, 1, 2, 2), (2,)))
    function = partial(conv2d, stride=2, padding=1, groups=2, method=method)
    assert torch.autograd.gradcheck(function, (input, weight, bias))
    assert torch.autograd.gradgradcheck(function, (input, weight, bias))


@quickly
@given(st.data())
def test_any_options_agree_with_torch(data: st.DataObject) -> None:
    def pair(least: int, most: int, name: str) -> tuple[int, int]:
        return data.draw(st.tuples(st.integers(least, most), st.integers(least, most)), name)

    size, kernel, stride = pair(1, 9, "size"), pair(1, 4, "kernel"), pair(1, 4, "stride")
    padding, dilation, groups = pair(0, 3, "padding"), pair(1, 3, "dilation"), data.draw(st.integers(1, 3), "groups")
    batch, method = data.draw(st.integers(0, 2), "batch"), data.draw(st.sampled_from(METHODS), "method")
    generator = torch.Generator().manual_seed(0)
    input, weight = normal(generator, batch, 2 * groups, *size), normal(generator, 3 * groups, 2, *kernel)
    options = (stride, padding, dilation, groups)
    if any(d * (k - 1) + 1 > n + 2 * p for n, k, p, d in zip(size, kernel, padding, dilation, strict=True)):
        with pytest.raises(ValueError, match="the window must fit the padded input"):
            conv2d(input, weight, None, *options, method=method)
        return
    want = F.conv2d(input, weight, None, *options)
    assert error(conv2d(input, weight, None, *options, method=method), want) <= ROUNDING
    leaves = [x.clone().requires_grad_() for x in (input, weight)]
    wanted = torch.autograd.grad(F.conv2d(*leaves, None, *options), leaves, want)  # type: ignore[arg-type]
    for mine, its in zip(conv2d_backward(want, input, weight, *options), wanted, strict=False):
        assert error(mine, its) <= ROUNDING


@quickly
@given(st.integers(-3, 3), st.integers(-3, 3))
def test_a_shifted_input_gives_a_shifted_map(down: int, right: int) -> None:
    generator = torch.Generator().manual_seed(0)
    input, weight = normal(generator, 1, 2, 8, 8), normal(generator, 3, 2, 3, 3)

    def circular(input: Tensor) -> Tensor:
        return conv2d(F.pad(input, (1, 1, 1, 1), mode="circular"), weight)

    shift = partial(torch.roll, shifts=(down, right), dims=(2, 3))
    torch.testing.assert_close(circular(shift(input)), shift(circular(input)))


# Sizes


def test_output_sizes_equal_torch(verify: Verify) -> None:
    grid = itertools.product(range(1, 12), range(1, 5), range(1, 4), range(3), range(1, 4))
    fits = [(n, k, s, p, d) for n, k, s, p, d in grid if d * (k - 1) + 1 <= n + 2 * p]

    def size(n: int, k: int, s: int, p: int, d: int) -> int:
        image, kernel = torch.empty(1, 1, n, n, device="meta"), torch.empty(1, 1, k, k, device="meta")
        return F.conv2d(image, kernel, stride=s, padding=p, dilation=d).shape[3]

    verify(conv_output_size, size, fits, oracle="the shapes of torch.nn.functional.conv2d", values=0, gradients=None)


def test_transposed_sizes_equal_torch(verify: Verify) -> None:
    grid = itertools.product(range(1, 8), range(1, 5), range(1, 4), range(3), range(1, 4))
    fits = [(n, k, s, p, d) for n, k, s, p, d in grid if (n - 1) * s + d * (k - 1) + 1 > 2 * p]

    def size(n: int, k: int, s: int, p: int, d: int) -> int:
        image, kernel = torch.empty(1, 1, n, n, device="meta"), torch.empty(1, 1, k, k, device="meta")
        return F.conv_transpose2d(image, kernel, stride=s, padding=p, dilation=d).shape[3]

    verify(
        partial(conv_output_size, transposed=True),
        size,
        fits,
        oracle="the shapes of torch.nn.functional.conv_transpose2d",
        name=conv_output_size,
        values=0,
        gradients=None,
    )


# The figures of Dumoulin and Visin 2016, arXiv:1603.07285: i, k, s, p, d, and the output o.
PAPER = {
    "no padding, unit strides": (4, 3, 1, 0, 1, 2),
    "arbitrary padding, unit strides": (5, 4, 1, 2, 1, 6),
    "half padding, unit strides": (5, 3, 1, 1, 1, 5),
    "full padding, unit strides": (5, 3, 1, 2, 1, 7),
    "no padding, strides": (5, 3, 2, 0, 1, 2),
    "padding, strides": (5, 3, 2, 1, 1, 3),
    "padding, strides, odd": (6, 3, 2, 1, 1, 3),
    "dilation": (7, 3, 1, 0, 2, 3),
}


def test_output_sizes_equal_the_papers_figures(verify: Verify) -> None:
    cases = [tuple(row[:5]) for row in PAPER.values()]
    outputs = {tuple(row[:5]): row[5] for row in PAPER.values()}
    verify(
        conv_output_size,
        lambda *case: outputs[case],
        cases,
        oracle="the figures of arXiv:1603.07285",
        values=0,
        gradients=None,
    )


@quickly
@given(*(st.integers(least, most) for least, most in ((1, 40), (1, 5), (1, 4), (0, 4), (1, 3))))
def test_transposed_is_the_shortest_way_back(n: int, k: int, s: int, p: int, d: int) -> None:
    if n + 2 * p < d * (k - 1) + 1:
        return
    out = conv_output_size(n, k, s, p, d)
    same = [m for m in range(1, n + s + 1) if m + 2 * p > d * (k - 1) and conv_output_size(m, k, s, p, d) == out]
    if (out - 1) * s - 2 * p + d * (k - 1) + 1 >= 1:
        assert conv_output_size(out, k, s, p, d, transposed=True) == min(same)


def test_receptive_field_equals_the_reach_of_gradients(verify: Verify) -> None:
    def reach(layers: list[tuple[int, int]]) -> int:
        net = nn.Sequential(*(nn.Conv2d(1, 1, (kernel, 1), (stride, 1), bias=False) for kernel, stride in layers))
        for parameter in net.parameters():
            nn.init.ones_(parameter)
        image = torch.ones(1, 1, 60, 1, requires_grad=True)
        (gradient,) = torch.autograd.grad(net(image)[0, 0, 0, 0], image)
        rows = gradient.flatten().nonzero().flatten()
        return int(rows[-1] - rows[0] + 1)

    stacks = [[(3, 1)], [(3, 1)] * 3, [(7, 2), (3, 2)], [(5, 3), (1, 1), (2, 2), (3, 1)], [(1, 4), (4, 1), (3, 2)]]
    cases = [(stack,) for stack in stacks]
    verify(receptive_field, reach, cases, oracle="the reach of gradients in torch.nn.Conv2d", values=0, gradients=None)
    assert receptive_field([]) == 1
    assert receptive_field(iter([(3, 1), (3, 1)])) == 5  # any iterable
    assert receptive_field([(2 * (3 - 1) + 1, 1), (3, 1)]) == 7  # a dilated kernel counts with its span


# Pooling


@table(POOLINGS)
@pytest.mark.parametrize(
    ("ours", "reference", "oracle"),
    [
        (max_pool2d, F.max_pool2d, "torch.nn.functional.max_pool2d"),
        (avg_pool2d, F.avg_pool2d, "torch.nn.functional.avg_pool2d"),
    ],
    ids=["max", "avg"],
)
def test_poolings_equal_torch(
    case: Case,
    ours: Callable[..., Tensor],
    reference: Callable[..., Tensor],
    oracle: str,
    verify: Verify,
    generator: torch.Generator,
) -> None:
    shape, *options = case
    inputs = [
        normal(generator, *shape) - 3,
        *itertools.islice(strided(generator, *shape), 3),
    ]  # below 0: so padding tells
    verify(
        lambda input: ours(input, *options),
        lambda input: reference(input, *options),
        [(input,) for input in inputs],
        oracle=oracle,
        name=ours,
    )


def test_equal_pixels_share_no_gradient(verify: Verify) -> None:
    flat = torch.ones(1, 1, 4, 4, dtype=torch.float64)  # every pixel of a window is its largest: torch takes the first
    verify(
        lambda input: max_pool2d(input, 3, 1),
        lambda input: F.max_pool2d(input, 3, 1),
        [(flat,)],
        oracle="torch.nn.functional.max_pool2d",
        name=max_pool2d,
    )


def test_max_pooling_shows_what_is_not_a_number() -> None:
    image = torch.tensor([[[[1.0, float("nan")], [3.0, -torch.inf]]]])
    assert max_pool2d(image, 2).isnan().all()
    assert torch.equal(max_pool2d(torch.full((1, 1, 2, 2), -torch.inf), 2), torch.full((1, 1, 1, 1), -torch.inf))


def test_global_average_equals_torch(verify: Verify, generator: torch.Generator) -> None:
    shapes = [(2, 3, 4, 5), (0, 2, 3, 3), (1, 1, 1, 1), (3, 2, 7, 1)]
    inputs = [normal(generator, *shape) for shape in shapes] + list(strided(generator, 2, 3, 4, 5))
    verify(
        global_avg_pool2d,
        lambda input: F.adaptive_avg_pool2d(input, 1).flatten(1),
        [(input,) for input in inputs],
        oracle="torch.nn.functional.adaptive_avg_pool2d",
    )


# The interface

FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[tuple[int, ...], ...]]] = {
    **{
        f"conv2d, {method}": (
            partial(conv2d, stride=2, padding=1, dilation=2, groups=2, method=method),
            ((2, 4, 6, 5), (6, 2, 3, 2), (6,)),
        )
        for method in METHODS
    },
    "conv_transpose2d": (partial(conv_transpose2d, stride=2, groups=2), ((2, 4, 3, 4), (4, 3, 3, 2), (6,))),
    "conv2d_backward": (partial(conv2d_backward, stride=2, padding=1), ((2, 3, 3, 2), (2, 2, 5, 4), (3, 2, 3, 3))),
    "max_pool2d": (partial(max_pool2d, kernel_size=3, stride=2, padding=1), ((2, 3, 5, 6),)),
    "avg_pool2d": (partial(avg_pool2d, kernel_size=3, stride=2, padding=1), ((2, 3, 5, 6),)),
    "global_avg_pool2d": (global_avg_pool2d, ((2, 3, 5, 6),)),
}
every_function = pytest.mark.parametrize(("function", "shapes"), FUNCTIONS.values(), ids=FUNCTIONS.keys())


def test_every_public_function_is_in_the_tables() -> None:
    members = inspect.getmembers(convolution, inspect.isfunction)
    public = {name for name, f in members if f.__module__ == convolution.__name__ and not name.startswith("_")}
    assert public == {name.partition(",")[0] for name in FUNCTIONS} | {"conv_output_size", "receptive_field"}


def flat(result: Any) -> tuple[Tensor, ...]:
    return result if isinstance(result, tuple) else (result,)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@every_function
def test_runs_on_every_device(
    function: Callable[..., Any],
    shapes: tuple[tuple[int, ...], ...],
    dtype: torch.dtype,
    device: str,
    generator: torch.Generator,
) -> None:
    tensors = [normal(generator, *shape).to(dtype) for shape in shapes]
    exact = flat(function(*(x.double() for x in tensors)))
    for want, here, there in zip(
        exact, flat(function(*tensors)), flat(function(*(x.to(device) for x in tensors))), strict=True
    ):
        assert (there.device.type, there.shape, there.dtype) == (device, want.shape, dtype)
        assert here.dtype == dtype
        assert error(here, want) <= 4 * torch.finfo(dtype).eps
        if device != "meta":
            assert error(there, want) <= 4 * torch.finfo(dtype).eps


@every_function
def test_leaves_its_arguments_alone(
    function: Callable[..., Any], shapes: tuple[tuple[int, ...], ...], generator: torch.Generator
) -> None:
    tensors = [normal(generator, *shape) for shape in shapes]
    copies = [x.clone() for x in tensors]
    function(*tensors)
    assert all(torch.equal(x, copy) for x, copy in zip(tensors, copies, strict=True))


class Small(nn.Module):
    """A network of everything on the page."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3, groups=2)
        self.third, self.last = nn.ConvTranspose2d(4, 3, 3), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = max_pool2d(conv2d(x, self.first.weight, self.first.bias, padding=1).relu(), 2)
        x = avg_pool2d(conv2d(x, self.second.weight, self.second.bias, stride=2, padding=1, groups=2).relu(), 2, 1)
        x = conv_transpose2d(x, self.third.weight, self.third.bias, stride=2)
        return self.last(global_avg_pool2d(x))


@pytest.mark.parametrize("precise", [True, False], ids=["float32", "autocast"])
def test_a_network_of_these_trains(precise: bool) -> None:
    torch.manual_seed(0)
    net = Small()
    labels = torch.arange(32) % 2
    images = torch.randn(32, 1, 8, 8) + labels.reshape(-1, 1, 1, 1)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    losses = []
    for _ in range(40):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=not precise):
            loss = F.cross_entropy(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 < losses[0]


@pytest.mark.usefixtures("as_a_reader")
def test_compiles_in_one_graph(generator: torch.Generator) -> None:
    from dlref.vision import convolution as unchecked

    weight, image = torch.randn(4, 1, 3, 3, generator=generator), torch.randn(2, 2, 8, 8, generator=generator)

    def forward(image: Tensor, weight: Tensor) -> Tensor:
        x = unchecked.conv2d(image, weight, None, 2, 1, 1, 2)
        x = unchecked.max_pool2d(x, 2) + unchecked.avg_pool2d(x, 2)
        return unchecked.global_avg_pool2d(unchecked.conv_transpose2d(x, weight, None, 2))

    leaves = [x.clone().requires_grad_() for x in (image, weight)]
    compiled = torch.compile(forward, fullgraph=True, backend="aot_eager")
    got, want = compiled(*leaves), forward(*leaves)
    torch.testing.assert_close(got, want)
    for mine, its in zip(torch.autograd.grad(got.sum(), leaves), torch.autograd.grad(want.sum(), leaves), strict=True):
        torch.testing.assert_close(mine, its)


@pytest.mark.usefixtures("as_a_reader")
def test_bad_input_names_the_rule_and_the_values() -> None:
    from dlref.vision import convolution as c

    image, weight = torch.zeros(1, 4, 5, 5), torch.zeros(6, 2, 3, 3)
    fits = r"the window must fit the padded input, and all but n and padding be at least 1: "
    with pytest.raises(ValueError, match=fits + r"n=2, kernel_size=3, stride=1, padding=0, dilation=1, transposed=F"):
        c.conv_output_size(2, 3)
    for name, value in {"stride": 0, "padding": -1, "dilation": 0, "kernel_size": 0, "n": -1}.items():
        options: dict[str, Any] = {"n": 5, "kernel_size": 3} | {name: value}
        with pytest.raises(ValueError, match=fits + f".*{name}={value}"):
            c.conv_output_size(**options)
    with pytest.raises(ValueError, match=r"n=1, kernel_size=1, stride=1, padding=1, dilation=1, transposed=True"):
        c.conv_output_size(1, 1, padding=1, transposed=True)
    with pytest.raises(ValueError, match=r"kernel_size=3, stride=0"):
        c.receptive_field([(3, 0)])
    with pytest.raises(ValueError, match=r"kernel_size=0, stride=1"):
        c.receptive_field([(0, 1)])

    agree = r"four axes, and agree about channels and groups: input \(1, 4, 5, 5\), weight \(6, 2, 3, 3\), groups {}"
    for groups in (0, 1, 4, -2):
        with pytest.raises(ValueError, match=agree.format(groups)):
            c.conv2d(image, weight, groups=groups)
    with pytest.raises(ValueError, match=r"four axes.*input \(4, 5, 5\)"):
        c.conv2d(image[0], weight, groups=2)
    with pytest.raises(ValueError, match=r"four axes.*weight \(6, 2, 3\), groups 2"):
        c.conv2d(image, weight[..., 0], groups=2)
    with pytest.raises(ValueError, match=r"one number for each of 6 filters, got shape \(1,\)"):
        c.conv2d(image, weight, torch.zeros(1), groups=2)
    with pytest.raises(ValueError, match=r"method must be im2col, loops or toeplitz, got 'fft'"):
        c.conv2d(image, weight, groups=2, method="fft")
    with pytest.raises(ValueError, match=fits + r"n=5, kernel_size=3, stride=0"):
        c.conv2d(image, weight, stride=(0, 1), groups=2)
    with pytest.raises(
        ValueError, match=r"grad_output must have the output's shape \(1, 6, 3, 3\), got \(1, 6, 1, 3\)"
    ):
        c.conv2d_backward(torch.zeros(1, 6, 1, 3), image, weight, groups=2)

    weight = torch.zeros(4, 3, 3, 3)
    for groups in (0, 3):
        with pytest.raises(ValueError, match=rf"weight \(4, 3, 3, 3\), groups {groups}"):
            c.conv_transpose2d(image, weight, groups=groups)
    with pytest.raises(ValueError, match=r"agree about channels and groups: input \(1, 3, 5, 5\)"):
        c.conv_transpose2d(image[:, :3], weight)
    with pytest.raises(ValueError, match=r"one number for each of 6 filters, got shape \(3,\)"):
        c.conv_transpose2d(image, weight, torch.zeros(3), groups=2)
    rule = "padding must leave an output, output_padding lie below stride or dilation: "
    for padding, extra, stride, dilation in ((0, 2, 2, 1), (0, -1, 2, 1), (4, 0, 1, 1), (-1, 0, 1, 1)):
        given = f"padding {padding}, output_padding {extra}, stride {stride}, dilation {dilation}"
        with pytest.raises(ValueError, match=rule + given):
            c.conv_transpose2d(image, weight, None, stride, padding, extra, 1, dilation)
    with pytest.raises(ValueError, match="stride=0"):
        c.conv_transpose2d(image, weight, stride=0)

    for pool in (c.max_pool2d, c.avg_pool2d):
        with pytest.raises(ValueError, match=r"padding must be at most half the window: kernel_size 3, padding 2"):
            pool(image, 3, 1, padding=2)
        with pytest.raises(ValueError, match=r"n=5, kernel_size=6"):
            pool(image, (3, 6))
        with pytest.raises(ValueError, match=r"kernel_size=2, stride=0"):
            pool(image, 2, 0)
