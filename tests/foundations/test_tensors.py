"""Proofs of dlref.foundations.tensors: torch and NumPy on the same shapes, views, images and labels."""

import inspect
import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from dlref.foundations import tensors
from dlref.foundations.tensors import (
    StridedTensor,
    broadcast_shapes,
    contiguous_strides,
    image_to_tensor,
    one_hot,
    tensor_to_image,
    view_strides,
)
from tests.oracle import Verify, error

DEVICES = ["meta", *(["cuda"] if torch.cuda.is_available() else [])]
SHAPES = st.lists(st.integers(0, 4), max_size=4).map(tuple)
quickly = settings(max_examples=60, deadline=None)


def state(x: StridedTensor) -> tuple[Any, ...]:
    return x.shape, used(x.shape, x.strides), x.offset, x.numpy().tolist()


def their_state(x: Tensor) -> tuple[Any, ...]:
    return tuple(x.shape), used(tuple(x.shape), x.stride()), x.storage_offset(), x.tolist()


def used(shape: tuple[int, ...], strides: tuple[int, ...]) -> list[int]:
    """Keep the strides that are ever used: those of axes longer than 1, where there is an element at all."""
    return [] if 0 in shape else [stride for length, stride in zip(shape, strides, strict=True) if length > 1]


def pair(*shape: int) -> tuple[StridedTensor, Tensor]:
    row = np.arange(math.prod(shape))
    return StridedTensor(row, shape), torch.from_numpy(row.copy()).reshape(shape)


# Shapes and strides


@quickly
@given(SHAPES)
def test_strides_equal_torch_and_numpy(shape: tuple[int, ...]) -> None:
    assert contiguous_strides(shape) == torch.empty(shape).stride()
    if 0 not in shape:  # NumPy then gives other strides, none of them ever used
        assert contiguous_strides(shape) == tuple(step // 8 for step in np.empty(shape).strides)


@quickly
@given(st.lists(st.lists(st.sampled_from([0, 1, 1, 2, 3]), max_size=4).map(tuple), min_size=1, max_size=4))
def test_broadcast_shapes_equal_numpy_and_torch(shapes: list[tuple[int, ...]]) -> None:
    try:
        want = np.broadcast_shapes(*shapes)
    except ValueError:
        with pytest.raises(ValueError, match="lengths must be equal or 1"):
            broadcast_shapes(*shapes)
        with pytest.raises(RuntimeError):
            torch.broadcast_shapes(*shapes)
    else:
        assert broadcast_shapes(*shapes) == want == tuple(torch.broadcast_shapes(*shapes))


@quickly
@given(st.data())
def test_view_strides_equal_torch(data: st.DataObject) -> None:
    x = torch.arange(512)
    shape = data.draw(st.lists(st.integers(0, 4), max_size=4), "shape")
    strides = data.draw(st.lists(st.integers(0, 12), min_size=len(shape), max_size=len(shape)), "strides")
    assume(sum(length * stride for length, stride in zip(shape, strides, strict=True)) < 512)
    if data.draw(st.booleans(), "contiguous"):
        strides = list(contiguous_strides(tuple(shape)))
    view = x.as_strided(shape, strides)
    check_against_torch(view, tuple(data.draw(st.sampled_from(factorings(view.numel(), 4)), "new shape")))


def factorings(number: int, axes: int) -> list[list[int]]:
    """List the shapes of up to so many axes with so many elements."""
    if number == 0:
        return [[0], [2, 0], [0, 3], [2, 0, 3]]
    shapes = [[]] if number == 1 else []
    if axes:
        divisors = [n for n in range(1, number + 1) if number % n == 0]
        shapes += [[n, *rest] for n in divisors for rest in factorings(number // n, axes - 1)]
    return shapes


def check_against_torch(view: Tensor, new_shape: tuple[int, ...]) -> None:
    got = view_strides(tuple(view.shape), view.stride(), new_shape)
    try:
        want = view.view(new_shape)
    except RuntimeError:
        assert got is None
    else:
        assert got is not None
        assert used(new_shape, got) == used(new_shape, want.stride())


def test_view_strides_of_every_permutation(verify: Verify) -> None:
    for order in [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]:
        for shape in [(2, 3, 4), (2, 1, 6), (1, 1, 4), (2, 0, 2)]:
            view = torch.empty(shape).permute(order)
            for new_shape in factorings(view.numel(), 3):
                check_against_torch(view, tuple(new_shape))
            array = view.numpy()
            if array.size:
                for new_shape in factorings(view.numel(), 3):
                    shared = np.shares_memory(array, array.reshape(new_shape))
                    assert shared is (view_strides(array.shape, view.stride(), tuple(new_shape)) is not None)
    verify.record(view_strides, "torch.Tensor.view and numpy.ndarray.reshape: strides, or that there are none", 0.0)
    verify.record(contiguous_strides, "torch.Tensor.stride and numpy.ndarray.strides", 0.0)
    verify.record(broadcast_shapes, "numpy.broadcast_shapes and torch.broadcast_shapes", 0.0)


# Views and copies

STEP = st.sampled_from(["permute", "index", "slice", "expand", "view", "reshape", "contiguous", "write"])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 4), max_size=4), st.lists(STEP, max_size=6), st.data())
def test_random_chains_of_views_equal_torch(shape: list[int], steps: list[str], data: st.DataObject) -> None:
    ours, theirs = pair(*shape)
    first, their_first = ours, theirs
    for step in steps:
        n = theirs.ndim
        if step == "permute":
            order = data.draw(st.permutations(range(n)))
            order = [axis - n * data.draw(st.booleans()) for axis in order]
            ours, theirs = ours.permute(*order), theirs.permute(order)
        elif step == "index" and n and theirs.shape[0]:
            i = data.draw(st.integers(-theirs.shape[0], theirs.shape[0] - 1))
            ours, theirs = ours[i], theirs[i]
        elif step == "slice" and n:
            ends = st.none() | st.integers(-5, 5)
            index = (slice(None),) * data.draw(st.integers(0, n - 1))
            index += (slice(data.draw(ends), data.draw(ends), data.draw(st.integers(1, 3))),)
            ours, theirs = ours[index], theirs[index]
        elif step == "expand" and theirs.numel() < 100:
            lead = data.draw(st.lists(st.integers(1, 2), max_size=1))
            target = lead + [data.draw(st.integers(1, 3)) if length == 1 else length for length in theirs.shape]
            ours, theirs = ours.expand(*target), theirs.expand(target)
        elif step in ("view", "reshape"):
            target = data.draw(st.sampled_from(factorings(theirs.numel(), 3)))
            if step == "reshape":
                ours, theirs = ours.reshape(*target), theirs.reshape(target)
            elif view_strides(ours.shape, ours.strides, tuple(target)) is None:
                with pytest.raises(ValueError, match="use reshape"):
                    ours.view(*target)
            else:
                ours, theirs = ours.view(*target), theirs.view(target)
        elif step == "contiguous":
            assert (ours.contiguous() is ours) is theirs.is_contiguous()
            ours, theirs = ours.contiguous(), theirs.contiguous()
        elif step == "write" and theirs.numel():
            ours[(0,) * n], theirs[(0,) * n] = -7, -7
        if theirs.numel():
            assert state(ours) == their_state(theirs)
            assert (ours.storage is first.storage) is (theirs.data_ptr() in span(their_first))
    assert ours.numpy().shape == tuple(theirs.shape)
    assert first.numpy().tolist() == their_first.tolist()


def span(x: Tensor) -> range:
    return range(x.data_ptr(), x.data_ptr() + x.numel() * x.element_size())


def test_views_share_and_copies_do_not(verify: Verify) -> None:
    ours, theirs = pair(3, 4)
    views = [
        (ours.permute(1, 0)[1], theirs.T[1]),
        (ours[:, ::2], theirs[:, ::2]),
        (ours.view(2, 6)[1, 2:5], theirs.view(2, 6)[1, 2:5]),
        (ours[1].expand(2, 4), theirs[1].expand(2, 4)),
        (ours[1:].view(4, 2), theirs[1:].view(4, 2)),
        (ours[2, ::2].contiguous(), theirs[2, ::2].contiguous()),
        (ours.permute(1, 0).reshape(12), theirs.T.reshape(12)),
        (ours.permute(1, 0).contiguous(), theirs.T.contiguous()),
    ]
    for number, (view, their_view) in enumerate(views):
        for index in (0, (-1, 0)[: len(view.shape)]):
            view[index] = 100 + number
            their_view[index] = 100 + number
    for view, their_view in [*views, (ours, theirs)]:
        assert state(view) == their_state(their_view)
    verify.record(StridedTensor, "torch.Tensor, chains of views, copies and writes", 0.0)


def test_negative_steps_equal_numpy() -> None:
    ours, array = StridedTensor(np.arange(12), (3, 4)), np.arange(12).reshape(3, 4)
    for index in [np.s_[::-1], np.s_[:, ::-2], np.s_[1::-1, 3:0:-1], np.s_[0:2:-1]]:
        view = ours[index]
        assert view.numpy().tolist() == array[index].tolist()
        if array[index].size:
            assert used(view.shape, tuple(8 * s for s in view.strides)) == used(
                array[index].shape, array[index].strides
            )


def test_iteration_ends() -> None:
    ours, theirs = pair(3, 2)
    assert [row.numpy().tolist() for row in ours] == theirs.tolist()  # type: ignore[attr-defined]


@quickly
@given(SHAPES, SHAPES)
def test_broadcasting_is_expanding_both(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    try:
        shape = np.broadcast_shapes(left, right)
    except ValueError:
        assume(False)
    (ours, _), (others, _) = pair(*left), pair(*right)
    got = ours.expand(*shape).numpy() + others.expand(*shape).numpy()
    assert np.array_equal(got, ours.numpy() + others.numpy())


# Images and labels


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_all_values_of_a_pixel_survive_the_round_trip(dtype: torch.dtype) -> None:
    image = torch.arange(256, dtype=torch.uint8).reshape(16, 16, 1)
    x = image_to_tensor(image, dtype)
    assert (x.dtype, x.min(), x.max()) == (dtype, 0, 1)
    assert torch.equal(tensor_to_image(x), image)


def images(generator: torch.Generator) -> list[Tensor]:
    def draw(*shape: int) -> Tensor:
        return torch.randint(256, shape, generator=generator, dtype=torch.uint8)

    block = draw(4, 6, 5, 3)
    return [
        draw(4, 5, 3),
        draw(1, 1, 1),
        draw(2, 3, 4, 1),
        draw(0, 4, 5, 3),
        draw(2, 3, 5, 0),
        block[::2, 1::2],
        block.mT,
    ]


def test_images_equal_numpy(verify: Verify, generator: torch.Generator) -> None:
    def reference(image: Tensor) -> np.ndarray:
        array = image.numpy().astype(np.float64) / 255
        return array.transpose(*range(array.ndim - 3), -1, -3, -2)

    def way_back(x: Tensor) -> np.ndarray:
        array = np.clip(np.rint(x.numpy() * 255), 0, 255).astype(np.uint8)
        return array.transpose(*range(array.ndim - 3), -2, -1, -3)

    cases: Any = [(image, torch.float64) for image in images(generator)]
    oracle = "numpy.transpose and division"
    verify(image_to_tensor, lambda image, _: reference(image), cases, oracle=oracle, gradients=None, values=1e-16)
    assert all(image_to_tensor(image).is_contiguous() for image, _ in cases)
    floats = [(image_to_tensor(image, dtype) * 3 - 1,) for image, dtype in cases]
    oracle = "numpy.rint, numpy.clip and numpy.transpose"
    verify(tensor_to_image, way_back, floats, oracle=oracle, gradients=None, values=0.0)
    for image, _ in cases:
        assert torch.equal(tensor_to_image(image_to_tensor(image)), image)
        assert tensor_to_image(image_to_tensor(image)).is_contiguous()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_low_precision_is_rounded_once(dtype: torch.dtype) -> None:
    x = torch.arange(0x3C00 if dtype == torch.float16 else 0x3F80, dtype=torch.int16).view(dtype)  # all from 0 to 1
    want = np.rint(x.double().numpy() * 255)
    assert tensor_to_image(x[None, None]).flatten().tolist() == want.tolist()


def test_extremes_of_an_image() -> None:
    x = torch.tensor([[[-1e30, -1e-3, 0.4999 / 255, 0.5001 / 255, 254.6 / 255, 1.001, 1e30, float("inf")]]])
    assert tensor_to_image(x).flatten().tolist() == [0, 0, 0, 1, 255, 255, 255, 255]


def test_one_hot_equals_torch(verify: Verify, generator: torch.Generator) -> None:
    labels = [torch.randint(5, shape, generator=generator) for shape in [(7,), (), (1,), (0,), (2, 3), (0, 2)]]
    labels += [labels[4].T, labels[0][::2]]
    cases: Any = [(x, 5) for x in labels]
    verify(one_hot, F.one_hot, cases, oracle="torch.nn.functional.one_hot", gradients=None, values=0.0)
    assert all(one_hot(x, 5).dtype == F.one_hot(x, 5).dtype for x in labels)
    assert torch.equal(one_hot(labels[0].to(torch.uint8), 5), one_hot(labels[0], 5))
    assert torch.equal(one_hot(labels[4], 9).argmax(-1), labels[4])


# The interface

CALLS: dict[str, Any] = {
    "image_to_tensor": lambda d: image_to_tensor(torch.zeros(2, 4, 5, 3, dtype=torch.uint8, device=d)),
    "image_to_tensor, half": lambda d: image_to_tensor(torch.zeros(4, 5, 3, dtype=torch.uint8, device=d), torch.half),
    "tensor_to_image": lambda d: tensor_to_image(torch.ones(2, 3, 4, 5, device=d)),
    "tensor_to_image, half": lambda d: tensor_to_image(torch.ones(3, 4, 5, device=d, dtype=torch.half)),
    "one_hot": lambda d: one_hot(torch.ones(4, 2, dtype=torch.int64, device=d), 3),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", CALLS)
def test_runs_on_every_device(name: str, device: str) -> None:
    got, want = CALLS[name](device), CALLS[name]("cpu")
    assert (got.device.type, got.shape, got.dtype) == (device, want.shape, want.dtype)
    assert device == "meta" or error(got, want) == 0


def test_every_torch_callable_is_run_on_every_device() -> None:
    public = {name for name, f in inspect.getmembers(tensors, inspect.isfunction) if f.__module__ == tensors.__name__}
    on_torch = {name for name in public if "Tensor" in str(inspect.signature(getattr(tensors, name)))}
    assert {name.partition(",")[0] for name in CALLS} == on_torch - {"view_strides"}
    assert {"broadcast_shapes", "contiguous_strides", "view_strides"} == public - on_torch


def test_arguments_stay_as_they_are(generator: torch.Generator) -> None:
    image = images(generator)[0]
    before = image.clone()
    x = image_to_tensor(image)
    kept = x.clone()
    x.mul_(1)
    tensor_to_image(x).zero_()
    assert torch.equal(image, before)
    assert torch.equal(x, kept)


@pytest.mark.usefixtures("as_a_reader")
def test_bad_input_names_the_rule_and_the_values() -> None:
    from dlref.foundations import tensors as t

    with pytest.raises(
        ValueError, match=r"lengths must be equal or 1, got \[2, 3\] for axis -2 of \(\(2, 4\), \(3, 1\)\)"
    ):
        t.broadcast_shapes((2, 4), (3, 1))
    with pytest.raises(ValueError, match=r"as many elements as the old, got \(4,\) for \(2, 3\)"):
        t.view_strides((2, 3), (3, 1), (4,))
    x = t.StridedTensor(np.arange(6), (2, 3))
    with pytest.raises(ValueError, match=r"lie in a storage of 6, got places 0 to 7"):
        t.StridedTensor(np.arange(6), (2, 4))
    with pytest.raises(ValueError, match=r"got places -1 to 1"):
        t.StridedTensor(np.arange(6), (3,), (-1,), offset=1)
    with pytest.raises(ValueError, match=r"a row of numbers, .* got a storage of 2 axes, \(2,\) and \(1,\)"):
        t.StridedTensor(np.eye(2), (2,))
    for shape, strides in [((2, 3), (1,)), ((-1,), (1,))]:
        with pytest.raises(ValueError, match=r"for every axis a length and a stride, got .*"):
            t.StridedTensor(np.arange(6), shape, strides)
    with pytest.raises(ValueError, match=r"each of the 2 axes once, got \(0, 0\)"):
        x.permute(0, 0)
    with pytest.raises(ValueError, match=r"each of the 2 axes once, got \(0, 2\)"):
        x.permute(0, 2)
    with pytest.raises(ValueError, match=r"a shape that \(2, 3\) broadcasts to, got \(3,\)"):
        x.expand(3)
    with pytest.raises(
        ValueError, match=r"no view of shape \(6,\) on shape \(3, 2\) with strides \(1, 3\): use reshape"
    ):
        x.permute(1, 0).view(6)
    for index in (2, -3, (0, 3)):
        with pytest.raises(IndexError, match=r"an axis of length [23] has no index -?[23]"):
            x[index]
    with pytest.raises(IndexError, match="2 axes take no more indices than that, got 3"):
        x[0, 0, 0]

    image = torch.zeros(4, 5, 3, dtype=torch.uint8)
    for bad, dtype in [(image.float(), torch.float32), (image, torch.int64), (image[0], torch.float32)]:
        with pytest.raises(
            ValueError, match=r"image must be torch.uint8 \(..., height, width, channels\) .*, got torch"
        ):
            t.image_to_tensor(bad, dtype)
    with pytest.raises(ValueError, match=r"x must be \(..., channels, height, width\), got \(5, 3\)"):
        t.tensor_to_image(torch.zeros(5, 3))
    for label in (3, -1):
        with pytest.raises(ValueError, match=rf"labels must lie in 0 to 2, got {label}"):
            t.one_hot(torch.tensor([0, label]), 3)
