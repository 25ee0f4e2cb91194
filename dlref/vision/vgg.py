"""VGG: nothing but 3×3 convolutions, stacked 8 to 16 deep in five stages, and three fully connected layers on top."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn

CHANNELS = (64, 128, 256, 512, 512)
"""Channels of the five stages. A pooling halves height and width after each."""

CONFIGURATIONS = {"A": (1, 1, 2, 2, 2), "B": (2, 2, 2, 2, 2), "D": (2, 2, 3, 3, 3), "E": (2, 2, 4, 4, 4)}
"""Convolutions of the five stages: VGG-11, 13, 16 and 19, which also count the three fully connected layers.

Left out are A-LRN, which is A with local response normalisation and no better, and C, which is D with 1×1 kernels
in the last layer of the last three stages.
"""

WEIGHTS = {
    "vgg11": "https://download.pytorch.org/models/vgg11-8a719046.pth",
    "vgg11_bn": "https://download.pytorch.org/models/vgg11_bn-6002323d.pth",
    "vgg13": "https://download.pytorch.org/models/vgg13-19584684.pth",
    "vgg13_bn": "https://download.pytorch.org/models/vgg13_bn-abd245e5.pth",
    "vgg16": "https://download.pytorch.org/models/vgg16-397923af.pth",
    "vgg16_bn": "https://download.pytorch.org/models/vgg16_bn-6c64b313.pth",
    "vgg19": "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
    "vgg19_bn": "https://download.pytorch.org/models/vgg19_bn-c79401a0.pth",
}
"""Files with the weights that torchvision's authors trained on ImageNet, each about half a gigabyte."""


def features(configuration: str, batch_norm: bool = False) -> nn.Sequential:
    """Build the convolutional part, which turns (batch, 3, height, width) into (batch, 512, height/32, width/32).

    Each layer is a 3×3 convolution with stride 1 and padding 1, and a ReLU; each stage ends in a 2×2 max pooling with
    stride 2. The ReLU is not in place: what a hook took from a layer stays as it was.

    Args:
        configuration: A column of the paper's table: "A", "B", "D" or "E".
        batch_norm: Normalise before each ReLU. The paper is older than batch normalisation.

    Raises:
        ValueError: configuration is none of the four.

    Source: Simonyan, Zisserman 2014, arXiv:1409.1556, table 1.
    Oracle: torchvision.models.vgg.

    Example:
        >>> import torch
        >>> from dlref.vision.vgg import features
        >>> with torch.device("meta"):
        ...     features("D")(torch.empty(1, 3, 224, 224)).shape
        torch.Size([1, 512, 7, 7])
    """
    if configuration not in CONFIGURATIONS:
        raise ValueError(f"configuration must be one of {', '.join(CONFIGURATIONS)}, got {configuration!r}")
    return nn.Sequential(*_layers(configuration, batch_norm))


def _layers(configuration: str, batch_norm: bool) -> Iterator[nn.Module]:
    in_channels = 3
    for depth, channels in zip(CONFIGURATIONS[configuration], CHANNELS, strict=True):
        for _ in range(depth):
            yield nn.Conv2d(in_channels, channels, kernel_size=3, padding=1)
            if batch_norm:
                yield nn.BatchNorm2d(channels)
            yield nn.ReLU()
            in_channels = channels
        yield nn.MaxPool2d(kernel_size=2, stride=2)


class VGG(nn.Module):
    """Classify images by the convolutional part, a 7×7×512 map, and three fully connected layers with dropout.

    VGG("D") is VGG-16, VGG("E") is VGG-19. Parameters have the names and shapes of torchvision's, so that the files in
    WEIGHTS load. An image of 224×224 gives a map of 7×7; from other sizes, average pooling makes one.

    Convolutions start from He's normal distribution (over the outgoing connections), linear layers from a standard
    deviation of 0.01. The paper took 0.01 everywhere, and had to start its deep networks from a trained shallow one.

    Args:
        configuration: A column of the paper's table: "A", "B", "D" or "E".
        batch_norm: Normalise before each ReLU of the convolutional part.
        num_classes: How many logits come out.

    Raises:
        ValueError: configuration is none of the four, num_classes is below 1, or an image is no (3, height, width) of
            32 pixels or more each way.

    Source: Simonyan, Zisserman 2014, arXiv:1409.1556, section 2 and table 1; the average pooling is torchvision's.
    Oracle: torchvision.models.vgg11 to vgg19_bn.

    Example:
        >>> import torch
        >>> from dlref.vision.vgg import VGG
        >>> with torch.device("meta"):
        ...     model = VGG("D")
        >>> sum(parameter.numel() for parameter in model.parameters())
        138357544
    """

    def __init__(self, configuration: str, batch_norm: bool = False, num_classes: int = 1000) -> None:
        super().__init__()
        if num_classes < 1:
            raise ValueError(f"num_classes must be 1 or more, got {num_classes}")
        self.features = features(configuration, batch_norm)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(4096, num_classes),
        )
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=0.01)
            if isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, x: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch num_classes"]:
        """Return the logits of each image."""
        if x.ndim != 4 or x.shape[1] != 3 or min(x.shape[2:]) < 32:
            raise ValueError(f"x must be (batch, 3, height, width) of 32 pixels or more, got {tuple(x.shape)}")
        maps = self.avgpool(self.features(x))  # (batch, 512, 7, 7)
        return self.classifier(torch.flatten(maps, 1))
