"""Residual networks, built from the table of He et al. 2015, with torchvision's names for every parameter.

A state dict published for torchvision's ResNet therefore loads as it is.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

WEIGHTS: dict[int, str] = {
    18: "https://download.pytorch.org/models/resnet18-f37072fd.pth",
    34: "https://download.pytorch.org/models/resnet34-b627a593.pth",
    50: "https://download.pytorch.org/models/resnet50-0676ba61.pth",
    101: "https://download.pytorch.org/models/resnet101-63fe2227.pth",
    152: "https://download.pytorch.org/models/resnet152-394f9c45.pth",
}
"""Addresses of weights that torchvision trained on ImageNet and published, by depth."""


def _projection(in_channels: int, out_channels: int, stride: int) -> nn.Module | None:
    """Return what brings x to the shape of F(x), or None where it has it already."""
    if stride == 1 and in_channels == out_channels:
        return None
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels))


class _Block(nn.Module):
    """y = relu(F(x) + shortcut(x)), for any residual branch F. The shortcut is x, or a projection of x."""

    shortcut: bool
    downsample: nn.Module | None

    def residual(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(
        self, x: Float[Tensor, "batch in_channels in_height in_width"]
    ) -> Float[Tensor, "batch out_channels height width"]:
        """Add the shortcut to the residual branch, then apply ReLU."""
        y = self.residual(x)
        if self.shortcut:
            y = y + (x if self.downsample is None else self.downsample(x))
        return torch.relu(y)


class BasicBlock(_Block):
    """Two 3×3 convolutions and a shortcut: y = relu(F(x) + x), F = bn₂ ∘ conv₂ ∘ relu ∘ bn₁ ∘ conv₁.

    Where the shape changes, the shortcut is a 1×1 convolution of the same stride, with batch normalisation.

    Args:
        in_channels: Channels of x.
        channels: Channels of both convolutions and of y.
        stride: Step of the first convolution; 2 halves height and width.
        shortcut: False leaves the shortcut out. What remains, y = relu(F(x)), are two layers of a plain network.

    Source: He et al. 2015, arXiv:1512.03385, figure 5 left, projection by option B.
    Oracle: torchvision.models.resnet.BasicBlock.

    Example:
        >>> import torch
        >>> from dlref.vision.resnet import BasicBlock
        >>> BasicBlock(64, 128, stride=2)(torch.zeros(1, 64, 56, 56)).shape
        torch.Size([1, 128, 28, 28])
    """

    expansion = 1

    def __init__(self, in_channels: int, channels: int, stride: int = 1, shortcut: bool = True) -> None:
        super().__init__()
        self.shortcut = shortcut
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = _projection(in_channels, channels, stride) if shortcut else None

    def residual(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch _ _ _"]:
        """Return F(x)."""
        return self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))


class Bottleneck(_Block):
    """Shrink the channels by 1×1, convolve by 3×3, expand by 1×1, and a shortcut: y = relu(F(x) + x).

    Args:
        in_channels: Channels of x.
        channels: Channels of the 3×3 convolution; y has four times as many.
        stride: Step of the 3×3 convolution; 2 halves height and width.
        shortcut: False leaves the shortcut out.

    Source: He et al. 2015, arXiv:1512.03385, figure 5 right, projection by option B. The paper gives the stride to the
        first 1×1 convolution; on the 3×3, as here and in torchvision, the variant is known as v1.5.
    Oracle: torchvision.models.resnet.Bottleneck.

    Example:
        >>> import torch
        >>> from dlref.vision.resnet import Bottleneck
        >>> Bottleneck(256, 128, stride=2)(torch.zeros(1, 256, 56, 56)).shape
        torch.Size([1, 512, 28, 28])
    """

    expansion = 4

    def __init__(self, in_channels: int, channels: int, stride: int = 1, shortcut: bool = True) -> None:
        super().__init__()
        self.shortcut = shortcut
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, self.expansion * channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(self.expansion * channels)
        self.downsample = _projection(in_channels, self.expansion * channels, stride) if shortcut else None

    def residual(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch _ _ _"]:
        """Return F(x)."""
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        return self.bn3(self.conv3(y))


class PreActivationBlock(nn.Module):
    """Normalise and activate before each convolution: y = x + F(x), F = conv₂ ∘ relu ∘ bn₂ ∘ conv₁ ∘ relu ∘ bn₁.

    Nothing follows the sum, so that a stack of blocks passes x on unchanged, plus the sum of all branches. Where the
    shape changes, the shortcut is a 1×1 convolution of relu(bn₁(x)), without normalisation.

    Args:
        in_channels: Channels of x.
        channels: Channels of both convolutions and of y.
        stride: Step of the first convolution.

    Source: He, Zhang, Ren, Sun 2016, arXiv:1603.05027, figure 1b and the appendix.
    Oracle: a composition of torch.nn.functional.

    Example:
        >>> import torch
        >>> from dlref.vision.resnet import PreActivationBlock
        >>> block, x = PreActivationBlock(4, 4), torch.randn(1, 4, 8, 8)
        >>> _ = torch.nn.init.zeros_(block.conv2.weight)
        >>> torch.equal(block(x), x)
        True
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.downsample: nn.Module | None = None
        if stride != 1 or in_channels != channels:
            self.downsample = nn.Conv2d(in_channels, channels, 1, stride, bias=False)

    def forward(
        self, x: Float[Tensor, "batch in_channels in_height in_width"]
    ) -> Float[Tensor, "batch out_channels height width"]:
        """Add the shortcut to the residual branch, and nothing after."""
        active = torch.relu(self.bn1(x))
        y = self.conv2(torch.relu(self.bn2(self.conv1(active))))
        return y + (x if self.downsample is None else self.downsample(active))


TABLE: dict[int, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, int, int, int]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}
"""The block, and how many of them each of the four stages has, by depth: table 1 of He et al. 2015."""


class ResNet(nn.Module):
    """A 7×7 convolution and max pooling, four stages of residual blocks, global average pooling, one linear layer.

    The stages have 64, 128, 256 and 512 channels, four times as many at the output of a Bottleneck; each stage after
    the first halves height and width with its first block. Convolutions start as He et al. 2015 (arXiv:1502.01852)
    propose, by the fan-out.

    Args:
        depth: 18, 34, 50, 101 or 152, the number of convolutions and linear layers, projections not counted.
        num_classes: Length of the vector of logits.
        shortcut: False gives the plain network of the same layers: no shortcut, no projection.

    Raises:
        ValueError: depth is none of the five, num_classes is below 1, or x is no batch of images in three channels.

    Source: He, Zhang, Ren, Sun 2015, arXiv:1512.03385, table 1. The stride of a Bottleneck sits on its 3×3 convolution
        (v1.5).
    Oracle: torchvision.models.resnet18 to resnet152.

    Example:
        >>> import torch
        >>> from dlref.vision.resnet import ResNet
        >>> model = ResNet(18, num_classes=10).eval()
        >>> sum(parameter.numel() for parameter in model.parameters())
        11181642
        >>> model(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 10])
    """

    layer1: nn.Module
    layer2: nn.Module
    layer3: nn.Module
    layer4: nn.Module

    def __init__(self, depth: int, num_classes: int = 1000, shortcut: bool = True) -> None:
        super().__init__()
        if depth not in TABLE:
            raise ValueError(f"depth must be one of {', '.join(map(str, TABLE))}, got {depth}")
        if num_classes < 1:
            raise ValueError(f"num_classes must be 1 or more, got {num_classes}")
        block, counts = TABLE[depth]
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        in_channels = 64
        for stage, count in enumerate(counts):
            channels, blocks = 64 * 2**stage, []
            for index in range(count):
                stride = 2 if stage > 0 and index == 0 else 1
                blocks.append(block(in_channels, channels, stride, shortcut))
                in_channels = block.expansion * channels
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(in_channels, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and not module.weight.is_meta:  # there, no values to draw
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch num_classes"]:
        """Return the logits of a batch of images."""
        if x.ndim != 4 or x.shape[1] != 3:
            raise ValueError(f"x must be images of shape (batch, 3, height, width), got {tuple(x.shape)}")
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))  # (batch, 64, height / 4, width / 4)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))  # (batch, channels, height / 32, width / 32)
        return self.fc(self.avgpool(x).flatten(1))
