"""Convolution and pooling in two dimensions, the gradients by hand, and the arithmetic of their sizes.

Images and maps are (batch, channels, height, width); kernels (out_channels, in_channels / groups, height, width), and
not flipped, as in every deep-learning library. A pair is (vertical, horizontal), one int is both of them.
"""

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

Pair = int | Sequence[int]
Images = Float[Tensor, "batch in_channels height width"]
Maps = Float[Tensor, "batch out_channels out_height out_width"]
Pooled = Float[Tensor, "batch in_channels out_height out_width"]
Kernels = Float[Tensor, "out_channels in_per_group kernel_height kernel_width"]
Bias = Float[Tensor, " out_channels"]


def conv_output_size(
    n: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1, transposed: bool = False
) -> int:
    """Count the positions of a window on an axis of length n: ⌊(n + 2 padding - span) / stride⌋ + 1.

    The window spans dilation (kernel_size - 1) + 1. transposed goes back, to (n - 1) stride - 2 padding + span.

    Raises:
        ValueError: the window does not fit, nothing is left of the output, or an argument is too small.

    Source: Dumoulin, Visin 2016, arXiv:1603.07285, relationships 1 to 15.
    Oracle: the shapes of torch.nn.functional.conv2d and conv_transpose2d, and the examples of that paper.

    Example:
        >>> from dlref.vision.convolution import conv_output_size
        >>> conv_output_size(32, kernel_size=5), conv_output_size(32, kernel_size=3, stride=2)
        (28, 15)
    """
    span = dilation * (kernel_size - 1) + 1
    room = (n - 1) * stride - 2 * padding + span if transposed else n + 2 * padding - span + 1
    if min(kernel_size, stride, dilation) < 1 or min(n, padding) < 0 or room < 1:
        given = f"{n=}, {kernel_size=}, {stride=}, {padding=}, {dilation=}, {transposed=}"
        raise ValueError(f"the window must fit the padded input, and all but n and padding be at least 1: {given}")
    return room if transposed else (room - 1) // stride + 1


def receptive_field(layers: Iterable[tuple[int, int]]) -> int:
    """Count the input pixels, along one axis, that one output sees: 1 + Σₗ (kernel_sizeₗ - 1) stride₁ ⋯ strideₗ₋₁.

    layers are (kernel_size, stride) from input to output, poolings too; a dilated kernel counts with its whole span.

    Raises:
        ValueError: a kernel_size or a stride is below 1.

    Source: Araujo, Norris, Sim 2019, doi:10.23915/distill.00021.
    Oracle: the pixels with a gradient, in a stack of torch.nn.Conv2d.

    Example:
        >>> from dlref.vision.convolution import receptive_field
        >>> receptive_field([(3, 1), (3, 1), (3, 1)]), receptive_field([(7, 2), (3, 2)])
        (7, 11)
    """
    size, jump = 1, 1  # jump: how many input pixels lie between two neighbours of this layer
    for kernel_size, stride in layers:
        conv_output_size(kernel_size, kernel_size, stride)  # refuses what is below 1
        size, jump = size + (kernel_size - 1) * jump, stride * jump
    return size


def conv2d(
    input: Images, weight: Kernels, bias: Bias | None = None, stride: Pair = 1, padding: Pair = 0,
    dilation: Pair = 1, groups: int = 1, method: str = "im2col") -> Maps:  # fmt: skip
    """Slide each filter over the input: out[o, y, x] = bias[o] + Σ weight[o] · patch[y, x], summed over all entries.

    dilation spreads the kernel's entries; groups of channels do not see each other. Three methods compute the same:
    "im2col", one product of filters and patches; "loops" over the positions; "toeplitz", one sparse matrix for it all.

    Raises:
        ValueError: shapes disagree, the window does not fit, an argument is too small, or the method is unknown.

    Source: Dumoulin, Visin 2016, arXiv:1603.07285, chapters 2 and 4; Goodfellow et al. 2016, section 9.1.
    Oracle: torch.nn.functional.conv2d; scipy.signal.correlate2d.

    Example:
        >>> import torch
        >>> from dlref.vision.convolution import conv2d
        >>> conv2d(torch.tensor([[[[5.0, 7.0, 8.0]]]]), torch.tensor([[[[-1.0, 1.0]]]]), padding=(0, 1))
        tensor([[[[ 5.,  2.,  1., -8.]]]])
    """
    _check(input, weight, bias, groups)
    options = weight.shape[2:], stride, padding, dilation
    patches = _windows(input, *options, None).unflatten(1, (groups, -1))
    filters, size = weight.unflatten(0, (groups, -1)), patches.shape[3:5]
    if method == "im2col":
        columns = patches.movedim((3, 4), (5, 6)).flatten(2, 4).flatten(3)
        output = filters.flatten(2) @ columns  # (batch, groups, out_per_group, positions)
    elif method == "loops":
        places = (patches[..., y, x, :, :].unsqueeze(2) for y in range(size[0]) for x in range(size[1]))
        output = torch.stack([(filters * patch).sum((3, 4, 5)) for patch in places], 3)
    elif method == "toeplitz":
        pixels = torch.arange(1, input.shape[2] * input.shape[3] + 1, device=input.device)
        met = _windows(pixels.reshape(1, 1, *input.shape[2:]), *options, None).flatten(4)[0, 0].flatten(0, 1)
        meets = (met[..., None] == pixels).to(weight.dtype)  # (positions, kernel, pixels); 0 is padding, no pixel
        matrix = torch.einsum("gock,nkp->goncp", filters.flatten(3), meets)
        output = torch.einsum("goncp,bgcp->bgon", matrix, input.unflatten(1, (groups, -1)).flatten(3))
    else:
        raise ValueError(f"method must be im2col, loops or toeplitz, got {method!r}")
    output = output.flatten(1, 2).unflatten(2, size)
    return output if bias is None else output + bias[:, None, None]


def conv_transpose2d(
    input: Images, weight: Float[Tensor, "in_channels out_per_group kernel_height kernel_width"],
    bias: Bias | None = None, stride: Pair = 1, padding: Pair = 0, output_padding: Pair = 0,
    groups: int = 1, dilation: Pair = 1) -> Maps:  # fmt: skip
    """Stamp the filters onto the output, times each input pixel, and add up: the transpose of conv2d's matrix.

    It gives back conv2d's input shape, not its values; output_padding adds what the stride left over, below and right.

    Raises:
        ValueError: as conv2d, padding cuts all off, or output_padding reaches both stride and dilation.

    Source: Dumoulin, Visin 2016, arXiv:1603.07285, chapter 4, as a convolution of the input with zeros in between.
    Oracle: torch.nn.functional.conv_transpose2d.

    Example:
        >>> import torch
        >>> from dlref.vision.convolution import conv_transpose2d
        >>> conv_transpose2d(torch.tensor([[[[1.0, 10.0]]]]), torch.tensor([[[[1.0, 2.0, 3.0]]]]), stride=2)
        tensor([[[[ 1.,  2., 13., 20., 30.]]]])
    """
    _check(input, weight, None, groups, transposed=True)
    stride, padding, extra, dilation = map(_pair, (stride, padding, output_padding, dilation))
    size = [conv_output_size(n, 1, s, transposed=True) for n, s in zip(input.shape[2:], stride, strict=True)]
    up, left = (d * (k - 1) - p for d, k, p in zip(dilation, weight.shape[2:], padding, strict=True))
    for n, end, s, p, e, d in zip(size, (up, left), stride, padding, extra, dilation, strict=True):
        if p < 0 or n + end - p + e < 1 or not 0 <= e < max(s, d):
            given = f"padding {p}, output_padding {e}, stride {s}, dilation {d}"
            raise ValueError(f"padding must leave an output, output_padding lie below stride or dilation: {given}")
    spread = input.new_zeros(*input.shape[:2], *size)
    spread[:, :, :: stride[0], :: stride[1]] = input
    turned = weight.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1).flip((2, 3))
    return conv2d(F.pad(spread, (left, left + extra[1], up, up + extra[0])), turned, bias, 1, 0, dilation, groups)


def conv2d_backward(
    grad_output: Maps, input: Images, weight: Kernels, stride: Pair = 1, padding: Pair = 0,
    dilation: Pair = 1, groups: int = 1) -> tuple[Images, Kernels, Bias]:  # fmt: skip
    """Return the gradients of input, weight and bias: a transposed convolution, a correlation, and a sum.

    Raises:
        ValueError: as conv2d, or grad_output has not the shape of its output.

    Source: Dumoulin, Visin 2016, arXiv:1603.07285, section 4.1: the chain rule on filters · patches + bias.
    Oracle: torch.autograd of torch.nn.functional.conv2d.

    Example:
        >>> import torch
        >>> from dlref.vision.convolution import conv2d_backward
        >>> conv2d_backward(torch.ones(1, 1, 1, 2), torch.tensor([[[[5.0, 6.0, 7.0]]]]), torch.ones(1, 1, 1, 2))
        (tensor([[[[1., 2., 1.]]]]), tensor([[[[11., 13.]]]]), tensor([2.]))
    """
    _check(input, weight, None, groups)
    patches = _windows(input, weight.shape[2:], stride, padding, dilation, None)
    if grad_output.shape != (wanted := (len(input), len(weight), *patches.shape[2:4])):
        raise ValueError(f"grad_output must have the output's shape {wanted}, got {tuple(grad_output.shape)}")
    by_group = (x.unflatten(1, (groups, -1)) for x in (grad_output, patches))
    grad_weight = torch.einsum("bgoyx,bgcyxkl->gockl", *by_group).flatten(0, 1)
    axes = zip(input.shape[2:], weight.shape[2:], *map(_pair, (stride, padding, dilation)), strict=True)
    below, right = ((n + 2 * p - d * (k - 1) - 1) % s for n, k, s, p, d in axes)  # what the last window leaves over
    grad_input = conv_transpose2d(grad_output, weight, None, stride, padding, (below, right), groups, dilation)
    return grad_input, grad_weight, grad_output.sum((0, 2, 3))


def max_pool2d(input: Images, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0) -> Pooled:
    """Keep the largest number in each window, channel by channel; without a stride the windows lie side by side.

    Raises:
        ValueError: the window does not fit, an argument is too small, or padding exceeds half the window.

    Source: Goodfellow et al. 2016, section 9.3. The padding is -∞, and never wins.
    Oracle: torch.nn.functional.max_pool2d.

    Example:
        >>> import torch
        >>> from dlref.vision.convolution import max_pool2d
        >>> max_pool2d(torch.arange(8.0).reshape(1, 1, 2, 4), kernel_size=2)
        tensor([[[[5., 7.]]]])
    """
    return _windows(input, kernel_size, stride, padding, 1, -torch.inf).flatten(4).max(4).values


def avg_pool2d(input: Images, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0) -> Pooled:
    """Take the mean of each window, channel by channel; padded zeros count, as with torch's count_include_pad=True.

    Raises:
        ValueError: as max_pool2d.

    Source: LeCun et al. 1998, doi:10.1109/5.726791, section II.B, without the trainable coefficient and bias.
    Oracle: torch.nn.functional.avg_pool2d.

    Example:
        >>> import torch
        >>> from dlref.vision.convolution import avg_pool2d
        >>> avg_pool2d(torch.arange(8.0).reshape(1, 1, 2, 4), kernel_size=2)
        tensor([[[[2.5000, 4.5000]]]])
    """
    return _windows(input, kernel_size, stride, padding, 1, 0.0).mean((4, 5))


def global_avg_pool2d(input: Images) -> Float[Tensor, "batch in_channels"]:
    """Take the mean of each whole feature map: one number per channel, whatever the size of the image.

    Source: Lin, Chen, Yan 2013, arXiv:1312.4400, section 3.2.
    Oracle: torch.nn.functional.adaptive_avg_pool2d(input, 1).

    Example:
        >>> import torch
        >>> from dlref.vision.convolution import global_avg_pool2d
        >>> global_avg_pool2d(torch.arange(8.0).reshape(1, 2, 2, 2))
        tensor([[1.5000, 5.5000]])
    """
    return input.mean((2, 3))


def _windows(x: Tensor, kernel: Pair, stride: Pair | None, padding: Pair, dilation: Pair, fill: float | None) -> Tensor:
    """Return the patch below each position of the window, without a copy: (batch, channels, *output size, *kernel)."""
    kernel, stride, padding, dilation = map(_pair, (kernel, kernel if stride is None else stride, padding, dilation))
    patches = F.pad(x, (padding[1], padding[1], padding[0], padding[0]), value=fill)
    for axis, (n, k, s, p, d) in enumerate(zip(x.shape[2:], kernel, stride, padding, dilation, strict=True)):
        conv_output_size(n, k, s, p, d)  # refuses what does not fit
        if fill is not None and 2 * p > k:  # a pooling, and a window could lie in the padding alone
            raise ValueError(f"padding must be at most half the window: kernel_size {k}, padding {p}")
        patches = patches.unfold(2 + axis, d * (k - 1) + 1, s)
    return patches[..., :: dilation[0], :: dilation[1]]


def _check(input: Tensor, weight: Tensor, bias: Tensor | None, groups: int, transposed: bool = False) -> None:
    whole = input.ndim == weight.ndim == 4 and groups > 0 and len(weight) % groups == 0
    if not whole or input.shape[1] != (len(weight) if transposed else groups * weight.shape[1]):
        given = f"input {tuple(input.shape)}, weight {tuple(weight.shape)}, groups {groups}"
        raise ValueError(f"input and weight must have four axes, and agree about channels and groups: {given}")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"bias must be one number for each of {len(weight)} filters, got shape {tuple(bias.shape)}")


def _pair(value: Pair) -> Sequence[int]:
    return (value, value) if isinstance(value, int) else value
