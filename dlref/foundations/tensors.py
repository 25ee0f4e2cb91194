"""What a tensor is made of: a row of numbers, and a shape and strides to read it by; images and labels as tensors."""

import math
from itertools import zip_longest

import numpy as np
import torch
from jaxtyping import Float, Int, Integer, Shaped, UInt8
from torch import Tensor

Shape = tuple[int, ...]
Index = int | slice | tuple[int | slice, ...]
Row = Shaped[np.ndarray, "elements"]
Images = UInt8[Tensor, "*batch height width channels"]
Planes = Float[Tensor, "*batch channels height width"]


def contiguous_strides(shape: Shape) -> Shape:
    """Count the elements to skip for a step along each axis, if they lie row by row: strideᵢ = lengthᵢ₊₁ lengthᵢ₊₂ ···.

    Source: Harris et al. 2020, doi:10.1038/s41586-020-2649-2; NumPy counts bytes. A length 0 counts as 1, as in torch.
    Oracle: torch.Tensor.stride; numpy.ndarray.strides.

    Example:
        >>> from dlref.foundations.tensors import contiguous_strides
        >>> contiguous_strides((2, 3, 4))
        (12, 4, 1)
    """
    return tuple(math.prod(max(length, 1) for length in shape[axis + 1 :]) for axis in range(len(shape)))


def broadcast_shapes(*shapes: Shape) -> Shape:
    """Compute the shape of a result: from the right, axis by axis, the one length that is not 1; a missing axis is 1.

    Raises:
        ValueError: an axis has two lengths, neither of them 1.

    Source: Harris et al. 2020, doi:10.1038/s41586-020-2649-2.
    Oracle: numpy.broadcast_shapes; torch.broadcast_shapes.

    Example:
        >>> from dlref.foundations.tensors import broadcast_shapes
        >>> broadcast_shapes((8, 1, 6), (7, 1))
        (8, 7, 6)
    """
    result: list[int] = []
    for lengths in zip_longest(*map(reversed, shapes), fillvalue=1):
        distinct = sorted({*lengths} - {1})
        if len(distinct) > 1:
            raise ValueError(f"lengths must be equal or 1, got {distinct} for axis {-1 - len(result)} of {shapes}")
        result.append(distinct[0] if distinct else 1)
    return tuple(reversed(result))


def view_strides(shape: Shape, strides: Shape, new_shape: Shape) -> Shape | None:
    """Find strides that read the same elements in a new shape, in the same order; None if that takes a copy.

    Neighbouring axes lie like one long axis if strideᵢ = strideᵢ₊₁ · lengthᵢ₊₁. A new axis must fit into one such run.

    Raises:
        ValueError: the shapes hold different numbers of elements.

    Source: PyTorch documentation, torch.Tensor.view. The stride of an axis of length 1 is never used, and may differ.
    Oracle: torch.Tensor.view; numpy.reshape with copy=False.

    Example:
        >>> from dlref.foundations.tensors import view_strides
        >>> view_strides((2, 3), (3, 1), (6,)), view_strides((3, 2), (1, 3), (6,))
        ((1,), None)
    """
    if math.prod(shape) != math.prod(new_shape):
        raise ValueError(f"a new shape needs as many elements as the old, got {new_shape} for {shape}")
    if 0 in shape:
        return contiguous_strides(new_shape)
    runs: list[tuple[int, int]] = []  # of axes that lie like one: elements, stride of the last axis
    for length, stride in zip(shape, strides, strict=True):
        if runs and runs[-1][1] == length * stride:
            runs[-1] = (runs[-1][0] * length, stride)
        elif length > 1:
            runs.append((length, stride))
    result, left, step = [], 1, 1
    for length in reversed(new_shape):
        if left == 1 and length > 1:
            left, step = runs.pop()
        if left % length:
            return None
        result.append(step)
        left, step = left // length, step * length
    return tuple(reversed(result))


class StridedTensor:
    """A view of a row of numbers: element (i, j, ...) stands at offset + i · stride₀ + j · stride₁ + ...

    Indexing by numbers and slices, permute, expand and view make new views of the same storage, so writing to one shows
    in all. contiguous copies what does not lie row by row, and reshape copies what no view can do.

    Raises:
        ValueError: an element would lie outside the storage, or a shape does not fit.
        IndexError: an index is out of range.

    Source: Harris et al. 2020, doi:10.1038/s41586-020-2649-2; PyTorch documentation, Tensor Views.
    Oracle: torch.Tensor, the same operations: values, strides, offset, and what is shared.

    Example:
        >>> import numpy as np
        >>> from dlref.foundations.tensors import StridedTensor
        >>> x = StridedTensor(np.arange(6), (2, 3))
        >>> print(x.strides, x.permute(1, 0).strides, x[:, 1].strides, x[:, 1].offset, x[:, 1].numpy())
        (3, 1) (1, 3) (3,) 1 [1 4]
    """

    def __init__(self, storage: Row, shape: Shape, strides: Shape | None = None, offset: int = 0) -> None:
        strides = contiguous_strides(shape) if strides is None else strides
        if np.ndim(storage) != 1 or len(strides) != len(shape) or min(shape, default=0) < 0:
            got = f"a storage of {np.ndim(storage)} axes, {shape} and {strides}"
            raise ValueError(f"a tensor needs a row of numbers, and for every axis a length and a stride, got {got}")
        self.storage, self.shape, self.strides, self.offset = storage, shape, strides, offset
        ends = [(length - 1) * stride for length, stride in zip(shape, strides, strict=True)]
        low, high = (offset + sum(pick(end, 0) for end in ends) for pick in (min, max))
        if 0 not in shape and not 0 <= low <= high < len(storage):
            raise ValueError(f"elements must lie in a storage of {len(storage)}, got places {low} to {high}")

    def positions(self) -> Int[np.ndarray, "..."]:
        """Return the place in the storage of every element."""
        along = np.tensordot(np.array(self.strides, np.int64), np.indices(self.shape), axes=1)
        return np.asarray(self.offset + along)

    def numpy(self) -> Shaped[np.ndarray, "..."]:
        """Return the elements as an array of their own."""
        return np.asarray(self.storage[self.positions()])

    def __getitem__(self, index: Index) -> "StridedTensor":
        picks = index if isinstance(index, tuple) else (index,)
        if len(picks) > len(self.shape):
            raise IndexError(f"{len(self.shape)} axes take no more indices than that, got {len(picks)}")
        offset, axes = self.offset, []
        picks += (slice(None),) * (len(self.shape) - len(picks))
        for pick, length, stride in zip(picks, self.shape, self.strides, strict=True):
            if isinstance(pick, slice):
                start, stop, step = pick.indices(length)
                axes.append((len(range(start, stop, step)), stride * step))
            elif -length <= pick < length:
                start = pick % length
            else:
                raise IndexError(f"an axis of length {length} has no index {pick}")
            offset += start * stride
        return StridedTensor(self.storage, tuple(n for n, _ in axes), tuple(s for _, s in axes), offset)

    def __setitem__(self, index: Index, value: int | float) -> None:
        self.storage[self[index].positions()] = value

    def permute(self, *axes: int) -> "StridedTensor":
        """Return a view with the axes in another order: the strides move along with the lengths."""
        order = [axis + len(self.shape) * (axis < 0) for axis in axes]
        if sorted(order) != list(range(len(self.shape))):
            raise ValueError(f"permute takes each of the {len(self.shape)} axes once, got {axes}")
        shape, strides = (tuple(axes[i] for i in order) for axes in (self.shape, self.strides))
        return StridedTensor(self.storage, shape, strides, self.offset)

    def expand(self, *shape: int) -> "StridedTensor":
        """Return a view broadcast to a shape: a repeated axis has stride 0, so all its steps read the same element."""
        if broadcast_shapes(self.shape, shape) != shape:
            raise ValueError(f"expand takes a shape that {self.shape} broadcasts to, got {shape}")
        new = len(shape) - len(self.shape)
        pairs = zip((1,) * new + self.shape, shape, (0,) * new + self.strides, strict=True)
        strides = tuple(0 if old == 1 != length else stride for old, length, stride in pairs)
        return StridedTensor(self.storage, shape, strides, self.offset)

    def view(self, *shape: int) -> "StridedTensor":
        """Return a view of another shape, or raise a ValueError if only a copy can have it."""
        strides = view_strides(self.shape, self.strides, shape)
        if strides is None:
            raise ValueError(f"no view of shape {shape} on shape {self.shape} with strides {self.strides}: use reshape")
        return StridedTensor(self.storage, shape, strides, self.offset)

    def reshape(self, *shape: int) -> "StridedTensor":
        """Return a view of another shape if there is one, else a copy."""
        fits = view_strides(self.shape, self.strides, shape) is not None
        return self.view(*shape) if fits else StridedTensor(self.numpy().ravel(), shape)

    def contiguous(self) -> "StridedTensor":
        """Return the tensor itself if its elements lie row by row without gaps, else a copy of which that is true."""
        flat = view_strides(self.shape, self.strides, (math.prod(self.shape),))
        return self if flat == (1,) else StridedTensor(self.numpy().ravel(), self.shape)


def image_to_tensor(image: Images, dtype: torch.dtype = torch.float32) -> Planes:
    """Turn a decoded image (HWC, 0 to 255) into what torch's layers take (CHW, 0 to 1): xₖᵢⱼ = imageᵢⱼₖ / 255.

    Raises:
        ValueError: the image is not uint8 of three axes at least, or dtype is not floating.

    Source: PyTorch documentation, torchvision.transforms.ToTensor.
    Oracle: numpy.transpose and division, in float64.

    Example:
        >>> import torch
        >>> from dlref.foundations.tensors import image_to_tensor
        >>> image_to_tensor(torch.tensor([[[255, 0, 51]]], dtype=torch.uint8)).flatten()  # one pixel
        tensor([1.0000, 0.0000, 0.2000])
    """
    if image.dtype != torch.uint8 or not dtype.is_floating_point or image.ndim < 3:
        got = f"{image.dtype} {tuple(image.shape)} and {dtype}"
        raise ValueError(f"image must be torch.uint8 (..., height, width, channels) and dtype floating, got {got}")
    return image.movedim(-1, -3).contiguous().to(dtype) / 255


def tensor_to_image(x: Planes) -> Images:
    """Turn CHW from 0 to 1 back into HWC from 0 to 255, rounded to the nearest and clipped.

    Raises:
        ValueError: there are fewer than three axes.

    Source: PyTorch documentation, torchvision.transforms.ToPILImage, which cuts off the fraction instead.
    Oracle: image_to_tensor, of which it is the inverse; numpy.rint.

    Example:
        >>> import torch
        >>> from dlref.foundations.tensors import tensor_to_image
        >>> tensor_to_image(torch.tensor([[[0.1, 0.5, 1.5]]])).flatten()  # 25.5, 127.5, 382.5
        tensor([ 26, 128, 255], dtype=torch.uint8)
    """
    if x.ndim < 3:
        raise ValueError(f"x must be (..., channels, height, width), got {tuple(x.shape)}")
    wide = x.to(torch.promote_types(x.dtype, torch.float32))  # 255 x needs more digits than bfloat16 has
    return (wide * 255).round().clamp(0, 255).to(torch.uint8).movedim(-3, -1).contiguous()


def one_hot(labels: Integer[Tensor, "*shape"], num_classes: int) -> Int[Tensor, "*shape num_classes"]:
    """Write each class number as a row of zeros with a single 1 at its place.

    Raises:
        ValueError: a label is negative, or num_classes or more.

    Source: PyTorch documentation, torch.nn.functional.one_hot.
    Oracle: torch.nn.functional.one_hot.

    Example:
        >>> import torch
        >>> from dlref.foundations.tensors import one_hot
        >>> one_hot(torch.tensor([2, 0]), num_classes=3).tolist()
        [[0, 0, 1], [1, 0, 0]]
    """
    rows = labels[..., None] == torch.arange(num_classes, device=labels.device)  # (*shape, num_classes)
    if not labels.is_meta and not rows.any(-1).all():
        raise ValueError(f"labels must lie in 0 to {num_classes - 1}, got {labels[~rows.any(-1)][0]}")
    return rows.long()
