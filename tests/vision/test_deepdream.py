"""Proofs of dlref.vision.deepdream: Google's loop in NumPy, Pillow, SciPy and torchvision are the oracles."""

import importlib
import inspect
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image
from sklearn.datasets import load_sample_image
from torch import Tensor, nn

from dlref.vision import deepdream as module
from dlref.vision.deepdream import ascent_step, deepdream, layer_outputs, mean_square, octave_sizes, resize
from tests.oracle import Verify, error
from tests.published import torchvision

extraction = importlib.import_module(f"{torchvision.__name__}.models.feature_extraction")
DEVICES = ["meta", *(["cuda"] if torch.cuda.is_available() else [])]
HALF = pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)


def network(dtype: torch.dtype = torch.float64) -> nn.Sequential:
    """Build a small network with fixed weights, smooth enough that a step of any size has a gradient."""
    with torch.random.fork_rng([]):
        torch.manual_seed(3)
        layers = [
            nn.Conv2d(3, 6, 3, padding=1),
            nn.Softplus(),
            nn.AvgPool2d(2),
            nn.Conv2d(6, 8, 3, padding=1),
            nn.ReLU(),
        ]
        return nn.Sequential(*layers).to(dtype)


def images(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.rand(shape, generator=generator, dtype=torch.float64)


def several(generator: torch.Generator) -> list[Tensor]:
    """Give an image, a batch of one, a batch, and two views without contiguous memory."""
    tall = images(generator, 3, 12, 9)
    return [tall, images(generator, 1, 3, 8, 8), images(generator, 4, 3, 7, 10), tall.mT, tall[:, ::2]]


def google_step(
    features: Callable[[Tensor], Tensor], image: np.ndarray, step_size: float, shift: tuple[int, int]
) -> np.ndarray:
    """Take the step of the notebook, on one image of (channels, height, width)."""
    rolled = np.roll(np.roll(image, shift[1], -1), shift[0], -2)
    x = torch.from_numpy(rolled.copy()).requires_grad_()
    (features(x).square().sum() / 2).backward()
    assert x.grad is not None
    g = x.grad.numpy()
    rolled = rolled + step_size / np.abs(g).mean() * g
    return np.clip(np.roll(np.roll(rolled, -shift[1], -1), -shift[0], -2), 0, 1)


# Against the oracles


def test_layer_outputs_equal_torchvisions_extractor(verify: Verify, generator: torch.Generator) -> None:
    net = network()
    for names in (["4"], ["0", "3"], ["1", "2", "4"]):
        extractor = extraction.create_feature_extractor(net, names)
        for name in names:
            verify(
                lambda x, names=names, name=name: layer_outputs(net, x, names)[name],
                lambda x, extractor=extractor, name=name: extractor(x)[name],
                [(x,) for x in several(generator)],
                oracle="torchvision.models.feature_extraction",
                name=layer_outputs,
            )
    assert [*layer_outputs(net, several(generator)[0], ["3", "0"])] == ["0", "3"]


def test_layer_outputs_stop_at_the_last_name(generator: torch.Generator) -> None:
    net = nn.Sequential(nn.Identity(), nn.ReLU(), nn.Linear(999, 1))  # the last one would not fit
    assert [*layer_outputs(net, images(generator, 3), ("0", "1", "1"))] == ["0", "1"]


def test_an_in_place_layer_does_not_overwrite_what_was_picked(generator: torch.Generator) -> None:
    first = nn.Conv2d(3, 4, 3, dtype=torch.float64)
    net = nn.Sequential(first, nn.ReLU(inplace=True), nn.ReLU(inplace=True))
    x = images(generator, 3, 6, 6)
    outputs = layer_outputs(net, x, ["0", "1", "2"])
    assert torch.equal(outputs["0"], F.conv2d(x, first.weight, first.bias))
    assert (outputs["0"] < 0).any()
    assert torch.equal(outputs["1"], outputs["0"].relu())
    outputs = layer_outputs(nn.Sequential(nn.Identity(), nn.ReLU(inplace=True)), -x, ["0", "1"])
    assert torch.equal(outputs["0"], -x)


def test_mean_square_equals_torch(verify: Verify, generator: torch.Generator) -> None:
    cases = [(x - 0.5,) for x in [*several(generator), images(generator), images(generator, 1)]]
    verify(mean_square, lambda a: F.mse_loss(a, torch.zeros_like(a)), cases, oracle="torch.nn.functional.mse_loss")


@pytest.mark.parametrize("shift", [(0, 0), (3, -2), (-40, 5)], ids=str)
@pytest.mark.parametrize("step_size", [1.5 / 255, 0.3])
def test_a_step_is_googles(
    step_size: float, shift: tuple[int, int], verify: Verify, generator: torch.Generator
) -> None:
    net = network()
    verify(
        lambda image: ascent_step(net, image, step_size, shift),
        lambda image: torch.from_numpy(google_step(net, image.numpy(), step_size, shift)),
        [(x,) for x in several(generator) if x.ndim == 3],
        oracle="the step of Google's notebook, in NumPy",
        name=ascent_step,
        values=1e-12,
        gradients=None,
    )


@pytest.mark.parametrize("scale", [1.2, 1.4, 2.0, 3.7])
def test_octave_sizes_are_the_shapes_of_scipys_zoom(scale: float, verify: Verify) -> None:
    def zoomed(height: int, width: int, octaves: int, scale: float) -> list[tuple[int, ...]]:
        shapes: list[Any] = [np.zeros((height, width))]
        for _ in range(octaves - 1):
            shapes.append(scipy.ndimage.zoom(shapes[-1], 1 / scale, order=1))
        return [array.shape for array in shapes[::-1]]

    cases = [(h, w, octaves, scale) for h, w in [(224, 320), (427, 640), (57, 63)] for octaves in (1, 2, 3)]
    oracle = "the shapes that scipy.ndimage.zoom gives"
    verify(octave_sizes, zoomed, cases, oracle=oracle, values=0, gradients=None)


def test_the_octaves_default_to_googles() -> None:
    assert octave_sizes(224, 320) == octave_sizes(224, 320, 4, 1.4)


@pytest.mark.parametrize("size", [(5, 7), (12, 9), (30, 40), (1, 1), (24, 9)], ids=str)
def test_resize_equals_pillow(size: tuple[int, int], verify: Verify, generator: torch.Generator) -> None:
    def pillow(image: Tensor) -> np.ndarray:
        planes = [Image.fromarray(plane.numpy().astype(np.float32)) for plane in image]
        return np.stack(
            [np.asarray(p.resize((size[1], size[0]), Image.Resampling.BILINEAR), np.float64) for p in planes]
        )

    verify(
        lambda image: resize(image, size),
        pillow,
        [(x,) for x in several(generator) if x.ndim == 3],
        oracle="Pillow's Image.resize, which computes in float32",
        name=resize,
        values=1e-6,
        gradients=None,
    )
    verify(
        lambda image: resize(image, size),
        lambda image: F.interpolate(image[None], size, mode="bilinear", antialias=True)[0],
        [(x,) for x in several(generator) if x.ndim == 3],
        oracle="torch.nn.functional.interpolate",
        name=resize,
    )


@pytest.mark.parametrize("jitter", [0, 5])
@pytest.mark.parametrize("octaves", [1, 3])
def test_the_dream_is_googles(octaves: int, jitter: int, verify: Verify, generator: torch.Generator) -> None:
    net = network()

    def scaled(array: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
        x = torch.from_numpy(array)[None]
        return F.interpolate(x, size, mode="bilinear", antialias=True)[0].numpy()

    def google(image: Tensor) -> np.ndarray:
        randomness = torch.Generator().manual_seed(7)
        bases = [image.numpy()]
        for _ in range(octaves - 1):
            bases.append(scaled(image.numpy(), tuple(round(n / 1.5) for n in bases[-1].shape[1:])))
        source, detail = bases[-1], np.zeros_like(bases[-1])
        for base in bases[::-1]:
            source = base + scaled(detail, base.shape[1:])
            for _ in range(4):
                down, right = torch.randint(-jitter, jitter + 1, (2,), generator=randomness).tolist()
                source = google_step(net, source, 0.02, (down, right))
            detail = source - base
        return source

    def ours(image: Tensor) -> Tensor:
        randomness = torch.Generator().manual_seed(7)
        options: dict[str, Any] = {
            "octaves": octaves,
            "octave_scale": 1.5,
            "steps": 4,
            "step_size": 0.02,
            "jitter": jitter,
        }
        return deepdream(net, image, **options, generator=randomness)

    verify(
        ours,
        google,
        [(images(generator, 3, 24, 30),), (images(generator, 3, 17, 12),)],
        oracle="the loop of Google's notebook, in NumPy",
        name=deepdream,
        values=1e-10,
        gradients=None,
    )


# What a dream is


def test_twenty_steps_raise_the_activation_each_time_and_leave_the_weights() -> None:
    net = network()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    image = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    copy, heights = image.clone(), []
    dream = image
    for _ in range(20):
        heights.append(mean_square(net(dream)).item())
        dream = ascent_step(net, dream)
    heights.append(mean_square(net(dream)).item())
    assert (np.diff(heights) > 0).all()
    assert torch.equal(image, copy)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())


def test_the_caller_keeps_image_and_weights() -> None:
    net, image = network(), images(torch.Generator().manual_seed(1), 3, 20, 20)
    before, copy = {name: value.clone() for name, value in net.state_dict().items()}, image.clone()
    dream = deepdream(net, image, octaves=2, steps=3, jitter=4)
    assert torch.equal(image, copy)
    assert not torch.equal(dream, image)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert not dream.requires_grad
    nothing = deepdream(net, image, octaves=1, steps=0)
    assert torch.equal(nothing, image)
    assert nothing is not image
    with torch.no_grad():  # a dream needs gradients, whatever stands around it
        assert not torch.equal(ascent_step(net, image), image)


def test_one_step_moves_by_step_size_on_average(generator: torch.Generator) -> None:
    image = 0.5 + 0.01 * images(generator, 2, 3, 16, 16)
    moved = (ascent_step(network(), image, 0.004) - image).abs().mean((1, 2, 3))
    torch.testing.assert_close(moved, torch.full_like(moved, 0.004))  # of each image by itself


def test_images_of_a_batch_do_not_see_each_other(generator: torch.Generator) -> None:
    net, batch = network(), images(generator, 3, 3, 12, 14)
    together = ascent_step(net, batch, 0.1, (2, 3))
    alone = torch.stack([ascent_step(net, image, 0.1, (2, 3)) for image in batch])
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-12)


def test_where_nothing_answers_the_image_stays() -> None:
    image = images(torch.Generator().manual_seed(2), 3, 6, 6)
    assert torch.equal(ascent_step(lambda x: F.relu(x - 2), image, 0.1, (1, 1)), image)


def test_jitter_is_decided_by_the_generator() -> None:
    net, image = network(), images(torch.Generator().manual_seed(4), 3, 16, 16)

    def dream(seed: int, jitter: int) -> Tensor:
        randomness = torch.Generator().manual_seed(seed)
        return deepdream(net, image, octaves=1, steps=2, jitter=jitter, generator=randomness)

    assert torch.equal(dream(1, 4), dream(1, 4))
    assert not torch.equal(dream(1, 4), dream(2, 4))
    assert torch.equal(dream(1, 0), dream(2, 0))


def test_jitter_reaches_both_ends_and_nothing_beyond() -> None:
    seen = set()

    def features(x: Tensor) -> Tensor:
        seen.add(divmod(int(x[0].argmax()), 9))
        return x

    image = torch.zeros(1, 9, 9)
    image[0, 4, 4] = 1
    deepdream(
        features, image, octaves=1, steps=300, step_size=1e-9, jitter=2, generator=torch.Generator().manual_seed(0)
    )
    assert seen == {(down, right) for down in range(2, 7) for right in range(2, 7)}


def test_octaves_draw_larger_patterns_than_one_size_does() -> None:
    """A pattern is large if it survives being made small: the share of the change that a quarter of the size keeps."""
    net = network(torch.float32)
    photo = torch.from_numpy(np.array(load_sample_image("china.jpg"))).permute(2, 0, 1)[:, ::4, ::4] / 255

    def share(octaves: int) -> float:
        randomness = torch.Generator().manual_seed(0)
        steps = 24 // octaves
        dream = deepdream(
            net[:4], photo, octaves=octaves, octave_scale=2.0, steps=steps, jitter=4, generator=randomness
        )
        change = dream - photo
        change = change - change.mean((-2, -1), keepdim=True)
        return float(resize(change, (27, 40)).square().mean() / change.square().mean())

    assert share(3) > share(1)


# Properties

IMAGES = arrays("float64", array_shapes(min_dims=3, max_dims=4, min_side=2, max_side=6), elements=st.floats(0, 1))
quickly = settings(max_examples=25, deadline=None)


@quickly
@given(IMAGES, st.tuples(st.integers(-9, 9), st.integers(-9, 9)), st.floats(1e-3, 10))
def test_pixels_stay_valid_and_a_step_commutes_with_a_roll(
    array: np.ndarray, shift: tuple[int, int], step_size: float
) -> None:
    image = torch.from_numpy(array)
    stepped = ascent_step(torch.tanh, image, step_size, shift)  # entry by entry: it does not matter where a pixel is
    assert ((stepped >= 0) & (stepped <= 1)).all()
    assert stepped.shape == image.shape
    torch.testing.assert_close(stepped, ascent_step(torch.tanh, image, step_size))


@quickly
@given(st.integers(1, 500), st.integers(1, 500), st.integers(1, 4), st.floats(1.01, 3))
def test_octaves_grow_to_the_image(height: int, width: int, octaves: int, scale: float) -> None:
    try:
        sizes = octave_sizes(height, width, octaves, scale)
    except ValueError:
        assert min(height, width) / scale ** (octaves - 1) < 2
        return
    assert len(sizes) == octaves
    assert sizes[-1] == (height, width)
    assert all(small[0] <= large[0] and small[1] <= large[1] for small, large in pairwise(sizes))


@quickly
@given(IMAGES, st.integers(1, 9), st.integers(1, 9))
def test_resizing_averages(array: np.ndarray, height: int, width: int) -> None:
    image = torch.from_numpy(array)
    scaled = resize(image, (height, width))
    assert scaled.shape == (*image.shape[:-2], height, width)
    assert scaled.min() >= image.min() - 1e-12
    assert scaled.max() <= image.max() + 1e-12


# The interface


def test_every_public_name_is_proved() -> None:
    members = inspect.getmembers(module, lambda m: inspect.isfunction(m) or inspect.isclass(m))
    public = {n for n, m in members if m.__module__ == module.__name__ and not n.startswith("_")}
    assert public == {"layer_outputs", "mean_square", "ascent_step", "octave_sizes", "resize", "deepdream"}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_runs_on_every_device(device: str, dtype: torch.dtype) -> None:
    x, net = torch.rand(2, 3, 16, 20, dtype=dtype), network(dtype)
    there, far = x.to(device), network(dtype).to(device)
    small: dict[str, Any] = {"octaves": 2, "steps": 2, "jitter": 3}
    pairs = [
        (layer_outputs(far, there, ["1"])["1"], layer_outputs(net, x, ["1"])["1"]),
        (mean_square(there), mean_square(x)),
        (ascent_step(far, there, shift=(1, 2)), ascent_step(net, x, shift=(1, 2))),
        (resize(there, (8, 30)), resize(x, (8, 30))),
        (deepdream(far, there, **small), deepdream(net, x, **small)),
    ]
    for got, want in pairs:
        assert (got.device.type, got.shape, got.dtype) == (device, want.shape, want.dtype)


@HALF
def test_half_precision_dreams_nearly_the_same(dtype: torch.dtype) -> None:
    image = images(torch.Generator().manual_seed(5), 3, 24, 24).float()
    want = deepdream(network(torch.float32), image, octaves=2, steps=10, jitter=0)
    got = deepdream(network(dtype), image.to(dtype), octaves=2, steps=10, jitter=0)
    assert got.dtype == dtype
    moved = float((want - image).abs().mean())
    assert float((got.float() - want).abs().mean()) < 0.15 * moved
    assert resize(image.to(dtype), (7, 9)).dtype == dtype
    assert error(resize(image.to(dtype), (7, 9)), resize(image, (7, 9))) <= 2 * torch.finfo(dtype).eps
    assert float(mean_square(torch.full((1000,), 300.0, dtype=dtype))) == 9e4  # beyond the largest float16


@HALF
def test_steps_too_small_for_half_precision_add_up(dtype: torch.dtype) -> None:
    image = torch.full((1, 8, 8), 0.75, dtype=dtype)
    dream = deepdream(lambda x: x, image, octaves=1, steps=40, step_size=1e-4, jitter=0)
    assert error(dream, torch.full((1, 8, 8), 0.754)) <= torch.finfo(dtype).eps / 2


def test_runs_under_autocast() -> None:
    image, net = torch.rand(3, 16, 16), network(torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        dream = deepdream(net, image, octaves=1, steps=3, jitter=0)
    assert dream.dtype == torch.float32
    assert mean_square(net(dream)) > mean_square(net(image))


@pytest.mark.usefixtures("as_a_reader")
def test_compiles_whole() -> None:
    from dlref.vision.deepdream import layer_outputs, mean_square, resize

    image, net = torch.rand(3, 16, 16), network(torch.float32)

    def looked_at(x: Tensor) -> Tensor:
        return mean_square(layer_outputs(net, resize(x, (12, 12)), ["1", "3"])["3"])

    compiled = torch.compile(looked_at, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(image), looked_at(image))


@pytest.mark.usefixtures("as_a_reader")
def test_bad_input_names_the_rule_and_the_values() -> None:
    from dlref.vision.deepdream import ascent_step, deepdream, layer_outputs, mean_square, octave_sizes

    net, image = nn.Sequential(nn.Identity(), nn.ReLU()), torch.full((1, 4, 4), 0.5)
    cases: list[tuple[Callable[[], object], str]] = [
        (lambda: layer_outputs(net, image, ["1", "relu"]), r"must be layers of the network, 0, 1, got \['relu'\]"),
        (lambda: layer_outputs(net, image, []), r"names must be layers of the network, 0, 1, got none"),
        (lambda: mean_square(image[:0]), r"an objective needs an activation or more, got shape \(0, 4, 4\)"),
        (lambda: ascent_step(net, image, 0), r"step_size must be above 0, got 0"),
        (lambda: ascent_step(net, image, float("nan")), r"step_size must be above 0, got nan"),
        (lambda: ascent_step(lambda x: x.detach(), image), r"must be a differentiable function of the image"),
        (lambda: octave_sizes(8, 8, 0), r"octaves must be 1 or more, got 0"),
        (lambda: octave_sizes(8, 8, 2, 1.0), r"octave_scale must be above 1, got 1.0"),
        (lambda: octave_sizes(1, 8, 3, 3.0), r"the smallest octave must have a pixel, got \(0, 1\) from .* 1 × 8"),
        (lambda: deepdream(net, image, steps=-1), r"steps and jitter must be 0 or more, got steps -1, jitter 32"),
        (lambda: deepdream(net, image, jitter=-1), r"steps and jitter must be 0 or more, got steps 10, jitter -1"),
        (lambda: deepdream(net, image * 255), r"image must have values in \[0, 1\], got 128 to 128"),
        (lambda: deepdream(net, -image), r"image must have values in \[0, 1\], got -0.5 to -0.5"),
        (lambda: deepdream(net, image / 0), r"image must have values in \[0, 1\], got inf to inf"),
        (lambda: deepdream(net, image, octaves=3, octave_scale=9.0), r"the smallest octave must have a pixel"),
    ]
    for call, message in cases:
        with pytest.raises(ValueError, match=message):
            call()
