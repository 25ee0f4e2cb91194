"""GoogLeNet: nine Inception modules, each with four branches side by side, and heads in the middle while it trains.

The network is the one whose weights are published. From the paper's it differs in that it has batch normalisation in
place of biases and of local response normalisation, 3×3 kernels where the paper has 5×5 (large_kernel=5 gives those
back), a last max pooling of 2×2 for 3×3, and 20 % dropout for 40 %.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

INCEPTION_CHANNELS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
"""Table 1 of the paper: 1×1; reduction and 3×3; reduction and 5×5; projection after the pooling."""

WEIGHTS = {"googlenet": "https://download.pytorch.org/models/googlenet-1378be20.pth"}
"""The file of torchvision. The weights want transform_input=True; those of the auxiliary heads are untrained."""


class BasicConv2d(nn.Module):
    """Convolve without a bias, normalise over the batch, and apply ReLU.

    Args:
        kernel_size: Odd; with stride 1 the map keeps its size.

    Source: Ioffe, Szegedy 2015, arXiv:1502.03167, section 3.2, with eps = 0.001 as in the published weights.
    Oracle: torchvision.models.googlenet.BasicConv2d.

    Example:
        >>> import torch
        >>> from dlref.vision.googlenet import BasicConv2d
        >>> BasicConv2d(3, 64, kernel_size=7, stride=2)(torch.ones(1, 3, 32, 32)).shape
        torch.Size([1, 64, 16, 16])
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2, bias=False)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(
        self, x: Float[Tensor, "batch in_channels height width"]
    ) -> Float[Tensor, "batch out_channels out_height out_width"]:
        """Return the activations."""
        return torch.relu(self.bn(self.conv(x)))


class Inception(nn.Module):
    """Look at one map in four ways at once and lay the answers side by side, along the channels.

    A 1×1 convolution; a 1×1 that reduces the channels, then 3×3; a 1×1 that reduces them more, then the large kernel;
    a 3×3 max pooling with stride 1, then a 1×1 projection. Height and width stay: what comes out has
    ch1x1 + ch3x3 + ch5x5 + pool_proj channels.

    Args:
        ch3x3red: Channels to which the input is reduced before the 3×3 convolution.
        ch5x5red: The same before the large kernel.
        pool_proj: Channels to which the pooled input is projected.
        large_kernel: 5 as in the paper, or 3 as in the published weights.

    Raises:
        ValueError: large_kernel is neither.

    Source: Szegedy et al. 2014, arXiv:1409.4842, figure 2(b).
    Oracle: torchvision.models.googlenet.Inception.

    Example:
        >>> import torch
        >>> from dlref.vision.googlenet import INCEPTION_CHANNELS, Inception
        >>> Inception(192, *INCEPTION_CHANNELS["3a"])(torch.ones(1, 192, 28, 28)).shape
        torch.Size([1, 256, 28, 28])
    """

    def __init__(
        self,
        in_channels: int,
        ch1x1: int,
        ch3x3red: int,
        ch3x3: int,
        ch5x5red: int,
        ch5x5: int,
        pool_proj: int,
        large_kernel: int = 3,
    ) -> None:
        super().__init__()
        if large_kernel not in (3, 5):
            raise ValueError(f"large_kernel must be 3 or 5, got {large_kernel}")
        self.branch1 = BasicConv2d(in_channels, ch1x1, 1)
        self.branch2 = nn.Sequential(BasicConv2d(in_channels, ch3x3red, 1), BasicConv2d(ch3x3red, ch3x3, 3))
        self.branch3 = nn.Sequential(BasicConv2d(in_channels, ch5x5red, 1), BasicConv2d(ch5x5red, ch5x5, large_kernel))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), BasicConv2d(in_channels, pool_proj, 1))

    def forward(
        self, x: Float[Tensor, "batch in_channels height width"]
    ) -> Float[Tensor, "batch out_channels height width"]:
        """Return the four answers, concatenated."""
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], dim=1)


class InceptionAux(nn.Module):
    """Classify from a map in the middle of the network, to send gradient into its lower half.

    Average pooling to 4×4, a 1×1 convolution to 128 channels, 1024 units, 70 % dropout, logits.

    Source: Szegedy et al. 2014, arXiv:1409.4842, section 5, which pools windows of 5×5 with stride 3. From a 14×14
        map both give 4×4; adaptive pooling takes windows of 4×4.
    Oracle: torchvision.models.googlenet.InceptionAux.

    Example:
        >>> import torch
        >>> from dlref.vision.googlenet import InceptionAux
        >>> InceptionAux(512, num_classes=10)(torch.ones(2, 512, 14, 14)).shape
        torch.Size([2, 10])
    """

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.conv = BasicConv2d(in_channels, 128, 1)
        self.fc1 = nn.Linear(128 * 4 * 4, 1024)
        self.dropout = nn.Dropout(0.7)
        self.fc2 = nn.Linear(1024, num_classes)

    def forward(self, x: Float[Tensor, "batch in_channels height width"]) -> Float[Tensor, "batch num_classes"]:
        """Return the logits of each image."""
        maps = self.conv(nn.functional.adaptive_avg_pool2d(x, 4))  # (batch, 128, 4, 4)
        return self.fc2(self.dropout(torch.relu(self.fc1(torch.flatten(maps, 1)))))


class GoogLeNetOutputs(NamedTuple):
    """What GoogLeNet returns while it trains: the logits of the three heads, the later auxiliary one first.

    The loss is L(logits) + 0.3 L(aux_logits1) + 0.3 L(aux_logits2), with the cross-entropy L.

    Source: Szegedy et al. 2014, arXiv:1409.4842, section 5.
    Oracle: torchvision.models.GoogLeNetOutputs.

    Example:
        >>> import torch
        >>> from dlref.vision.googlenet import GoogLeNet
        >>> GoogLeNet(num_classes=10)(torch.rand(2, 3, 64, 64))._fields
        ('logits', 'aux_logits2', 'aux_logits1')
    """

    logits: Float[Tensor, "batch num_classes"]
    aux_logits2: Float[Tensor, "batch num_classes"]
    aux_logits1: Float[Tensor, "batch num_classes"]


class GoogLeNet(nn.Module):
    """Classify images with a stem of three convolutions, nine Inception modules, and one linear layer.

    Global average pooling stands where other networks of its time have large linear layers. In training two more heads
    read the maps of modules 4a and 4d; in evaluation they rest, and the logits come alone. Parameters have the names
    and shapes of torchvision's, so that the file in WEIGHTS loads. They start from torch's defaults.

    Args:
        num_classes: How many logits come out.
        aux_logits: Have the two auxiliary heads.
        transform_input: Take images standardised with ImageNet's means and deviations, and scale them to [-1, 1], as
            the published weights, which were ported from TensorFlow, expect.
        large_kernel: The third branch's kernel: 5 as in the paper, or 3 as in the published weights.

    Raises:
        ValueError: num_classes is below 1, large_kernel is neither 3 nor 5, or an image is no (3, height, width) of
            15 pixels or more each way.

    Source: Szegedy et al. 2014, arXiv:1409.4842, table 1, with the differences named at the top of this module.
    Oracle: torchvision.models.googlenet.

    Example:
        >>> import torch
        >>> from dlref.vision.googlenet import GoogLeNet
        >>> with torch.device("meta"):
        ...     model = GoogLeNet(aux_logits=False)
        >>> sum(parameter.numel() for parameter in model.parameters())
        6624904
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        large_kernel: int = 3,
    ) -> None:
        super().__init__()
        if num_classes < 1:
            raise ValueError(f"num_classes must be 1 or more, got {num_classes}")
        self.transform_input = transform_input
        self.conv1 = BasicConv2d(3, 64, kernel_size=7, stride=2)
        self.conv2 = BasicConv2d(64, 64, kernel_size=1)
        self.conv3 = BasicConv2d(64, 192, kernel_size=3)

        def inception(in_channels: int, name: str) -> Inception:
            return Inception(in_channels, *INCEPTION_CHANNELS[name], large_kernel=large_kernel)

        self.inception3a, self.inception3b = inception(192, "3a"), inception(256, "3b")
        self.inception4a, self.inception4b = inception(480, "4a"), inception(512, "4b")
        self.inception4c, self.inception4d = inception(512, "4c"), inception(512, "4d")
        self.inception4e = inception(528, "4e")
        self.inception5a, self.inception5b = inception(832, "5a"), inception(832, "5b")
        self.aux1 = InceptionAux(512, num_classes) if aux_logits else None
        self.aux2 = InceptionAux(528, num_classes) if aux_logits else None
        self.maxpool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.maxpool4 = nn.MaxPool2d(2, stride=2, ceil_mode=True)
        self.avgpool, self.dropout, self.fc = nn.AdaptiveAvgPool2d(1), nn.Dropout(0.2), nn.Linear(1024, num_classes)

    def forward(
        self, x: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch num_classes"] | GoogLeNetOutputs:
        """Return the logits; while training with auxiliary heads, those of all three."""
        if x.ndim != 4 or x.shape[1] != 3 or min(x.shape[2:]) < 15:
            raise ValueError(f"x must be (batch, 3, height, width) of 15 pixels or more, got {tuple(x.shape)}")
        if self.transform_input:
            mean, std = x.new_tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[..., None, None]
            x = 2 * (std * x + mean) - 1
        x = self.maxpool(self.conv1(x))  # from 224 pixels: (batch, 64, 56, 56)
        x = self.maxpool(self.conv3(self.conv2(x)))  # (batch, 192, 28, 28)
        x = self.maxpool(self.inception3b(self.inception3a(x)))  # (batch, 480, 14, 14)
        x = self.inception4a(x)
        aux1 = self.aux1(x) if self.training and self.aux1 is not None else None
        x = self.inception4d(self.inception4c(self.inception4b(x)))  # (batch, 528, 14, 14)
        aux2 = self.aux2(x) if self.training and self.aux2 is not None else None
        x = self.maxpool4(self.inception4e(x))  # (batch, 832, 7, 7)
        x = self.inception5b(self.inception5a(x))
        logits = self.fc(self.dropout(torch.flatten(self.avgpool(x), 1)))
        return logits if aux1 is None or aux2 is None else GoogLeNetOutputs(logits, aux2, aux1)
