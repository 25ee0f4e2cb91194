"""Convolutional networks: two small ones, a training step phase by phase, and what the head makes of the features."""

import copy
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


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
    stays as it is, and a network of any size takes no time. What only training runs is left out.

    Args:
        model: Any network whose layers are modules.
        input_shape: The sizes of one input, without the batch, such as 3, 224, 224.

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
    hollow = {id(tensor): _without_values(tensor) for tensor in tensors}  # deepcopy takes these in place of its copies
    model = copy.deepcopy(model, hollow).eval()
    rows: list[LayerSummary] = []
    counted: set[int] = set()

    def note(name: str, layer: nn.Module, output: Any) -> None:
        shape = (output[0] if isinstance(output, tuple) else output).shape[1:]
        new = {id(parameter): parameter.numel() for parameter in layer.parameters() if id(parameter) not in counted}
        counted.update(new)
        cost = 0
        if isinstance(layer, nn.Linear):
            cost = layer.weight.numel() * shape[:-1].numel()
        elif isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            cost = layer.weight.numel() * shape[1:].numel()
        rows.append(LayerSummary(name, type(layer).__name__, tuple(shape), sum(new.values()), cost))

    for name, layer in model.named_modules():
        if not any(True for _ in layer.children()):
            layer.register_forward_hook(lambda layer, _, output, name=name: note(name, layer, output))
    dtype = next((tensor.dtype for tensor in tensors if tensor.is_floating_point()), None)
    with torch.no_grad():
        model(torch.empty(1, *input_shape, dtype=dtype, device="meta"))
    return rows


def _without_values(tensor: Tensor) -> Tensor:
    hollow = torch.empty_like(tensor, device="meta")
    return nn.Parameter(hollow, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else hollow
