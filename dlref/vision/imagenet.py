"""ImageNet: the pictures as the networks get them, the top-k error, and the results that made history.

Pictures are (3, height, width) or (batch, 3, height, width), red, green and blue, either uint8 in 0..255 or floating
point in [0, 1].
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Num
from torch import Tensor

MEAN = (0.485, 0.456, 0.406)
"""Mean of red, green and blue over the training pictures, in [0, 1]."""
STD = (0.229, 0.224, 0.225)
"""Their standard deviations."""


def resize_shorter_side(
    image: Num[Tensor, "*batch 3 height width"], size: int = 256
) -> Num[Tensor, "*batch 3 new_height new_width"]:
    """Scale a picture until its shorter side has size pixels: the other gets ⌊size · longer / shorter⌋.

    Bilinear with antialiasing: a new pixel is a weighted mean of the old ones below it, the weights a triangle as wide
    as two new pixels. uint8 stays uint8, rounded.

    Raises:
        ValueError: not three channels, an empty side, a wrong dtype, or size below 1.

    Source: the recipe published with torchvision's weights.
    Oracle: torchvision.transforms.functional.resize of a tensor, bit by bit.

    Example:
        >>> import torch
        >>> from dlref.vision.imagenet import resize_shorter_side
        >>> resize_shorter_side(torch.zeros(3, 427, 640)).shape
        torch.Size([3, 256, 383])
    """
    _check(image)
    if size < 1:
        raise ValueError(f"size must be 1 pixel or more, got {size}")
    height, width = image.shape[-2:]
    shorter, longer = min(height, width), max(height, width)
    if shorter == size:
        return image
    longer = int(size * longer / shorter)
    shape = (size, longer) if height <= width else (longer, size)
    wide = image if image.dtype in (torch.float32, torch.float64) else image.float()
    flat = wide.reshape(-1, 3, height, width)
    small = F.interpolate(flat, shape, mode="bilinear", align_corners=False, antialias=True)
    small = small.round() if image.dtype == torch.uint8 else small
    return small.reshape(*image.shape[:-2], *shape).to(image.dtype)


def center_crop(image: Num[Tensor, "*batch 3 height width"], size: int = 224) -> Num[Tensor, "*batch 3 size size"]:
    """Cut the middle square out: rows from round((height - size) / 2) on, columns likewise.

    Where the rest is odd, the half is rounded to the even number, as Python does and torchvision with it.

    Raises:
        ValueError: the picture is smaller than the square, or what resize_shorter_side refuses.

    Source: the recipe published with torchvision's weights, which pads smaller pictures with black.
    Oracle: torchvision.transforms.functional.center_crop, bit by bit.

    Example:
        >>> import torch
        >>> from dlref.vision.imagenet import center_crop
        >>> center_crop(torch.arange(6.0).expand(3, 6, 6), 2)[0]
        tensor([[2., 3.],
                [2., 3.]])
    """
    _check(image)
    height, width = image.shape[-2:]
    if not 1 <= size <= min(height, width):
        raise ValueError(f"size must lie between 1 and the sides of the picture: size {size}, picture {height}×{width}")
    top, left = round((height - size) / 2), round((width - size) / 2)
    return image[..., top : top + size, left : left + size]


def normalize(image: Float[Tensor, "*batch 3 height width"]) -> Float[Tensor, "*batch 3 height width"]:
    """Standardise each channel with the mean and deviation of ImageNet: y = (x - MEAN) / STD, for x in [0, 1].

    Raises:
        ValueError: what resize_shorter_side refuses, or uint8.

    Source: the recipe published with torchvision's weights.
    Oracle: torchvision.transforms.functional.normalize, bit by bit.

    Example:
        >>> import torch
        >>> from dlref.vision.imagenet import normalize
        >>> normalize(torch.tensor([0.0, 1.0]).expand(3, 1, 2)).squeeze(1)
        tensor([[-2.1179,  2.2489],
                [-2.0357,  2.4286],
                [-1.8044,  2.6400]])
    """
    _check(image)
    if not image.is_floating_point():
        raise ValueError(f"normalize takes floating point in [0, 1], got {image.dtype}: divide by 255 first")
    mean, std = (image.new_tensor(values).reshape(3, 1, 1) for values in (MEAN, STD))
    return (image - mean) / std


def preprocess(
    image: Num[Tensor, "*batch 3 height width"], resize_size: int = 256, crop_size: int = 224
) -> Float[Tensor, "*batch 3 crop_size crop_size"]:
    """Prepare a picture as the published networks were tested: resize, crop, scale to [0, 1], standardise.

    Returns:
        float32 for uint8, else the dtype of the picture.

    Raises:
        ValueError: floating point outside [0, 1], such as pixels from 0 to 255, or what the four steps refuse.

    Source: the recipe published with torchvision's weights, such as ResNet50_Weights.IMAGENET1K_V1.
    Oracle: its transforms() of a tensor, bit by bit. For a PIL image it resizes with Pillow, which rounds between rows
        and columns: a pixel then differs by one level of 255.

    Example:
        >>> import torch
        >>> from dlref.vision.imagenet import preprocess
        >>> x = preprocess(torch.full((3, 427, 640), 255, dtype=torch.uint8))
        >>> x.shape, x[:, 0, 0]
        (torch.Size([3, 224, 224]), tensor([2.2489, 2.4286, 2.6400]))
    """
    _check(image)
    if image.is_floating_point() and image.numel() and not image.is_meta and not torch.compiler.is_compiling():
        low, high = image.aminmax()
        if not (low >= 0 and high <= 1):
            raise ValueError(f"a floating-point picture must lie in [0, 1], got {low:.4g} to {high:.4g}")
    small = center_crop(resize_shorter_side(image, resize_size), crop_size)
    return normalize(small if small.is_floating_point() else small.float() / 255)


def topk_error(scores: Float[Tensor, "batch classes"], labels: Int[Tensor, " batch"], k: int = 5) -> Float[Tensor, ""]:
    """Give the share of examples whose label is not among the k highest scores.

    A tie counts against the network: the label is a hit only if fewer than k other classes score as high or higher.
    A network that gives every class the same score is thus always wrong. So is a score that is not a number.

    Raises:
        ValueError: shapes that disagree, no example, k outside 1..classes, or a label outside 0..classes - 1.

    Source: Russakovsky et al. 2014, arXiv:1409.0575, section 4.1.
    Oracle: 1 - sklearn.metrics.top_k_accuracy_score, which gives a tie to the higher class: equal where none ties.

    Example:
        >>> import torch
        >>> from dlref.vision.imagenet import topk_error
        >>> scores = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])
        >>> topk_error(scores, torch.tensor([1, 2]), k=1), topk_error(scores, torch.tensor([1, 2]), k=2)
        (tensor(0.5000), tensor(0.))
    """
    if scores.ndim != 2 or labels.shape != scores.shape[:1] or not len(labels):
        given = f"scores {tuple(scores.shape)}, labels {tuple(labels.shape)}"
        raise ValueError(f"scores must be (batch, classes) and labels (batch,), with one example or more: {given}")
    classes = scores.shape[1]
    if not 1 <= k <= classes:
        raise ValueError(f"k must lie between 1 and the number of classes: k {k}, {classes} classes")
    if not labels.is_meta and not (int(labels.min()) >= 0 and int(labels.max()) < classes):
        raise ValueError(f"a label must lie in 0..{classes - 1}, got {int(labels.min())} to {int(labels.max())}")
    of_label = scores.gather(1, labels.long()[:, None])
    as_high = (~(scores < of_label)).sum(dim=1)  # the label itself is one of them; a NaN is never lower
    return (as_high > k).to(torch.promote_types(scores.dtype, torch.float32)).mean()


class Result(NamedTuple):
    """A published top-5 error, in per cent, with what one needs to know to compare it.

    Attributes:
        split: Which pictures: the 100 000 of the test, or the 50 000 of the validation set.
        models: How many networks were averaged; None if the source leaves it open; 0 if there was none.
        crops: How many cut-outs of a picture were averaged; None if open, or if the network slid over the picture.
        layers: Layers with weights, of the deepest network.
        parameters: In millions, of that network.

    Source: the link in each row.
    Oracle: the tables of the papers, and the parameters of torchvision's models.

    Example:
        >>> from dlref.vision.imagenet import RESULTS
        >>> min(RESULTS, key=lambda result: result.top5).name
        'SENet'
    """

    year: int
    name: str
    top5: float
    split: str
    models: int | None
    crops: int | None
    layers: int | None
    parameters: float | None
    source: str


_ILSVRC, _ALEXNET = "arXiv:1409.0575", "doi:10.1145/3065386"
_VGG, _GOOGLENET, _RESNET = "arXiv:1409.1556", "arXiv:1409.4842", "arXiv:1512.03385"
RESULTS = (
    Result(2010, "NEC-UIUC", 28.2, "test", 0, None, None, None, _ILSVRC),
    Result(2011, "XRCE", 25.8, "test", 0, None, None, None, _ILSVRC),
    Result(2012, "ISI", 26.2, "test", 0, None, None, None, _ILSVRC),
    Result(2012, "AlexNet", 15.3, "test", 7, 10, 8, 60, _ALEXNET),
    Result(2012, "AlexNet", 18.2, "validation", 1, 10, 8, 60, _ALEXNET),
    Result(2013, "Clarifai", 11.7, "test", None, None, None, None, _ILSVRC),
    Result(2013, "ZFNet", 14.8, "test", 6, None, 8, None, "arXiv:1311.2901"),
    Result(2014, "VGG", 7.3, "test", 7, None, 19, 144, _VGG),
    Result(2014, "GoogLeNet", 6.67, "test", 7, 144, 22, None, _GOOGLENET),
    Result(2014, "GoogLeNet", 7.89, "validation", 1, 144, 22, None, _GOOGLENET),
    Result(2014, "GoogLeNet", 10.07, "validation", 1, 1, 22, None, _GOOGLENET),
    Result(2015, "ResNet", 3.57, "test", 6, None, 152, 60, _RESNET),
    Result(2015, "ResNet", 4.49, "validation", 1, None, 152, 60, _RESNET),
    Result(2015, "ResNet", 5.71, "validation", 1, 10, 152, 60, _RESNET),
    Result(2017, "SENet", 2.251, "test", None, None, None, None, "arXiv:1709.01507"),
)
"""The best known entries of the challenge; one network beside the ensemble where the paper says both."""


def _check(image: Tensor) -> None:
    if image.ndim < 3 or image.shape[-3] != 3 or not all(image.shape[-2:]):
        raise ValueError(f"a picture must be (3, height, width) or (batch, 3, height, width), got {tuple(image.shape)}")
    if image.dtype != torch.uint8 and not image.is_floating_point():
        raise ValueError(f"a picture must be uint8, or floating point in [0, 1], got {image.dtype}")
