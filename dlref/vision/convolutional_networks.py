"""Convolutional networks: two small ones, a training step phase by phase, and what the head makes of the features."""

import copy
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from dlref.training.losses import cross_entropy


class LayerSummary(NamedTuple):
    """What one layer of a network gives and costs for one input.

    name is its path in the model ("" is the model itself), kind its class. output_shape has no batch axis.

    Source: one multiply-add is one multiplication and one addition; papers call it a FLOP or a MAC, profilers count 2.
    Oracle: the parameters of torchvision's models, and torch.utils.flop_counter.

    Example:
        >>> from dlref.vision.convolutional_networks import LayerSummary
        >>> LayerSummary("0", "Linear", (2,), 10, 8).multiply_adds
        8
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    multiply_adds: int


def summarize(model: nn.Module, *input_shape: int) -> list[LayerSummary]:
    """List the innermost layers of a model in the order in which they run, with shapes, parameters and multiply-adds.

    A convolution costs positions · kernel height · kernel width · channels in / groups · channels out multiply-adds,
    a linear layer in · out. Biases and all other layers count as 0. A layer that runs twice has two rows, its
    parameters stand in the first. A copy without values runs, on torch's meta device and in evaluation: the model
    stays as it is, and a network of any size takes no time. What only training runs is left out. input_shape has the
    sizes of one input without the batch, such as 3, 224, 224.

    Raises:
        ValueError: input_shape is empty, or a size is below 1.

    Source: He et al. 2015, arXiv:1512.03385, table 1, which counts multiply-adds.
    Oracle: torch.utils.flop_counter.FlopCounterMode, and the numbers that torchvision publishes with its weights.

    Example:
        >>> from torch import nn
        >>> from dlref.vision.convolutional_networks import summarize
        >>> for layer in summarize(nn.Sequential(nn.Conv2d(1, 8, 3), nn.MaxPool2d(2)), 1, 28, 28):
        ...     print(*layer)
        0 Conv2d (8, 26, 26) 80 48672
        1 MaxPool2d (8, 13, 13) 0 0
    """
    if not input_shape or min(input_shape) < 1:
        raise ValueError(f"input_shape must be the sizes of one input, each 1 or more, got {input_shape}")
    tensors = [*model.parameters(), *model.buffers()]
    without_values = {id(tensor): torch.empty_like(tensor, device="meta") for tensor in tensors}
    model = copy.deepcopy(model, without_values).eval()  # it takes these instead of copying the weights
    rows: list[LayerSummary] = []
    counted: set[int] = set()

    def note(name: str, layer: nn.Module, output: Any) -> None:
        shape = (output[0] if isinstance(output, tuple) else output).shape[1:]
        new = {id(parameter): parameter.numel() for parameter in layer.parameters() if id(parameter) not in counted}
        counted.update(new)
        weights = layer.weight.numel() if isinstance(layer, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)) else 0
        cost = weights * (shape[:-1] if isinstance(layer, nn.Linear) else shape[1:]).numel()
        rows.append(LayerSummary(name, type(layer).__name__, tuple(shape), sum(new.values()), cost))

    for name, layer in model.named_modules():
        if not any(True for _ in layer.children()):
            layer.register_forward_hook(lambda layer, _, output, name=name: note(name, layer, output))
    dtype = next((tensor.dtype for tensor in tensors if tensor.is_floating_point()), None)
    with torch.no_grad():
        model(torch.empty(1, *input_shape, dtype=dtype, device="meta"))
    return rows


class SmallCNN(nn.Module):
    """The classic order of layers, for digits of a few pixels: φ(conv 3×3) → φ(conv 3×3) → max-pool 2×2 → linear.

    features gives the pooled maps; head turns them, flattened, into ten scores (logits). An image has size × size
    pixels, each convolution makes channels maps of the same size, and activation is the class of φ, such as nn.Tanh.

    Raises:
        ValueError: size is below 2, or an input is not (batch, 1, size, size).

    Source: LeCun et al. 1998, doi:10.1109/5.726791, section II.A, with ReLU, max pooling and a single linear layer.
    Oracle: torch.nn.functional, with the same weights.

    Example:
        >>> import torch
        >>> from dlref.vision.convolutional_networks import SmallCNN
        >>> SmallCNN()(torch.zeros(5, 1, 8, 8)).shape
        torch.Size([5, 10])
    """

    def __init__(
        self, size: int = 8, channels: tuple[int, int] = (8, 16), activation: type[nn.Module] = nn.ReLU
    ) -> None:
        super().__init__()
        if size < 2:
            raise ValueError(f"size must be 2 or more, or the pooling leaves nothing, got {size}")
        self.size = size
        first = nn.Conv2d(1, channels[0], 3, padding=1), activation()
        second = nn.Conv2d(*channels, 3, padding=1), activation()
        self.features = nn.Sequential(*first, *second, nn.MaxPool2d(2))
        self.head = nn.Linear(channels[1] * (size // 2) ** 2, 10)

    def forward(self, x: Float[Tensor, "batch 1 size size"]) -> Float[Tensor, "batch classes"]:
        """Return the logits."""
        _check_images(x, self.size)
        return self.head(self.features(x).flatten(1))


class _Subsampling(nn.Module):
    """Layers s2 and s4: add up each 2×2 window, scale and shift it by two learned numbers per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels, 1, 1), 0.25))  # starts as average pooling
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * nn.functional.avg_pool2d(x, 2, divisor_override=1) + self.bias


class LeNet5(nn.Module):
    """LeNet-5: 5×5 convolutions c1, c3, c5, learned pooling s2, s4, a hidden layer f6, each followed by a scaled tanh.

    Of the paper: images of 32×32, the table by which a map of c3 sees 3, 4 or 6 of the 6 maps below, 60,000 parameters
    up to f6. Not of the paper: a linear layer gives the logits, where the paper takes distances to fixed codes.

    Raises:
        ValueError: an input is not (batch, 1, 32, 32).

    Source: LeCun et al. 1998, doi:10.1109/5.726791, section II.B, table I and appendix A. Initialised as torch does.
    Oracle: the paper's parameters layer by layer; torch.nn.functional, with the zeros of table I in one dense kernel.

    Example:
        >>> from dlref.vision.convolutional_networks import LeNet5, summarize
        >>> sum(layer.parameters for layer in summarize(LeNet5(), 1, 32, 32) if layer.name != "output")
        60000
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        near = [[(start + i) % 6 for i in range(width)] for width in (3, 4) for start in range(6)]
        self.table = [*near, [0, 1, 3, 4], [1, 2, 4, 5], [0, 2, 3, 5], [0, 1, 2, 3, 4, 5]]
        self.c1, self.s2 = nn.Conv2d(1, 6, 5), _Subsampling(6)
        self.c3, self.s4 = nn.ModuleList(nn.Conv2d(len(maps), 1, 5) for maps in self.table), _Subsampling(16)
        self.c5, self.f6, self.output = nn.Conv2d(16, 120, 5), nn.Linear(120, 84), nn.Linear(84, num_classes)

    def forward(self, x: Float[Tensor, "batch 1 32 32"]) -> Float[Tensor, "batch classes"]:
        """Return the logits."""
        _check_images(x, 32)
        x = _squash(self.s2(_squash(self.c1(x))))  # (batch, 6, 14, 14)
        x = torch.cat([conv(x[:, maps]) for conv, maps in zip(self.c3, self.table, strict=True)], dim=1)
        x = _squash(self.s4(_squash(x)))  # (batch, 16, 5, 5)
        x = _squash(self.c5(x)).flatten(1)
        return self.output(_squash(self.f6(x)))


class TrainingStep(NamedTuple):
    """What training_step_ computed: logits and loss before the update, the gradient of each parameter, loss after it.

    Source: Goodfellow et al. 2016, section 8.1.3 and algorithm 8.1.
    Oracle: torch.nn.functional.cross_entropy and torch.autograd.

    Example:
        >>> from dlref.vision.convolutional_networks import TrainingStep
        >>> TrainingStep._fields
        ('logits', 'probabilities', 'loss', 'gradients', 'loss_after')
    """

    logits: Float[Tensor, "batch classes"]
    probabilities: Float[Tensor, "batch classes"]
    loss: Float[Tensor, ""]
    gradients: dict[str, Tensor]
    loss_after: Float[Tensor, ""]


def training_step_(
    model: nn.Module, images: Float[Tensor, "batch ..."], labels: Int[Tensor, " batch"], lr: float
) -> TrainingStep:
    """Change a classifier by one step of gradient descent, and return what each of its four phases gave.

    Forward: p = softmax(model(images)). Loss: L = -mean log p[label]. Backward: ∂L/∂w. Update: w ← w - lr · ∂L/∂w.
    A second forward pass, which leaves running averages alone, gives the loss after the step.

    Raises:
        ValueError: As dlref.training.losses.cross_entropy.

    Source: Goodfellow et al. 2016, sections 6.2.2.3 and 8.3.1, algorithm 8.1.
    Oracle: torch.optim.SGD and torch.nn.functional.cross_entropy.

    Example:
        >>> import torch
        >>> from dlref.vision.convolutional_networks import SmallCNN, training_step_
        >>> step = training_step_(SmallCNN(), torch.ones(4, 1, 8, 8), torch.tensor([3, 3, 3, 3]), lr=0.01)
        >>> bool(step.loss_after < step.loss)
        True
    """
    logits = model(images)
    loss = cross_entropy(logits, labels)
    weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    slopes = torch.autograd.grad(loss, list(weights.values()), allow_unused=True, materialize_grads=True)
    gradients = dict(zip(weights, slopes, strict=True))
    with torch.no_grad():
        for name, weight in weights.items():
            weight -= lr * gradients[name]
        torch.clear_autocast_cache()  # inside torch.autocast the old weights would answer once more
        kept = {name: buffer.clone() for name, buffer in model.named_buffers()}
        loss_after = cross_entropy(torch.func.functional_call(model, kept, (images,)), labels)
    return TrainingStep(logits.detach(), logits.detach().softmax(1), loss.detach(), gradients, loss_after)


def class_contributions(
    features: Float[Tensor, "batch features"], weight: Float[Tensor, "classes features"]
) -> Float[Tensor, "batch classes features"]:
    """Split the logits of a linear head, but for its bias, into what each feature adds: weight[class, i] · features[i].

    Raises:
        ValueError: features and weight differ in their last axis.

    Source: Zhou et al. 2015, arXiv:1512.04150, eq. 1, which draws the sum per place as a class activation map.
    Oracle: torch.nn.functional.linear, and gradient times input of each logit.

    Example:
        >>> import torch
        >>> from dlref.vision.convolutional_networks import class_contributions
        >>> class_contributions(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, -1.0]]))
        tensor([[[ 3., -2.]]])
    """
    if features.shape[-1:] != weight.shape[-1:]:
        raise ValueError(f"weight must have a column per feature: {tuple(features.shape)}, {tuple(weight.shape)}")
    return features[:, None] * weight


def _squash(x: Tensor) -> Tensor:
    return 1.7159 * torch.tanh(2 / 3 * x)  # f(±1) = ±1: the labels lie where the slope is still large


def _check_images(x: Tensor, size: int) -> None:
    if x.shape[1:] != (1, size, size):
        raise ValueError(f"x must be (batch, 1, {size}, {size}), got shape {tuple(x.shape)}")
