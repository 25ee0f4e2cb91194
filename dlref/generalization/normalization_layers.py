"""Batch, layer, group and RMS normalisation: one formula over four sets of axes.

Each centres before it squares, so that a large common offset cancels nothing, and computes half precision in float32.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


def batch_norm(
    x: Float[Tensor, "batch channels *spatial"],
    mean: Float[Tensor, " channels"] | None = None,
    var: Float[Tensor, " channels"] | None = None,
    weight: Float[Tensor, " channels"] | None = None,
    bias: Float[Tensor, " channels"] | None = None,
    eps: float = 1e-5,
) -> Float[Tensor, "batch channels *spatial"]:
    """Standardise each channel over batch and space: y = weight · (x - mean) / √(var + eps) + bias.

    mean and var are None in training, for the batch's own (var biased, divided by n), or running averages at inference.

    Raises:
        ValueError: a wrong shape, only one of mean and var, eps at or below 0, or the batch's own statistics wanted
            of fewer than 2 values per channel.

    Source: Ioffe, Szegedy 2015, arXiv:1502.03167, algorithm 1.
    Oracle: torch.nn.functional.batch_norm.

    Example:
        >>> import torch
        >>> from dlref.generalization.normalization_layers import batch_norm
        >>> batch_norm(torch.tensor([[1.0, 10.0], [3.0, 50.0]]))
        tensor([[-1.0000, -1.0000],
                [ 1.0000,  1.0000]])
    """
    _check_channels(x, mean=mean, var=var, weight=weight, bias=bias)
    if (mean is None) != (var is None):
        raise ValueError(f"mean and var come together, got only {'var' if mean is None else 'mean'}")
    if mean is None or var is None:
        if x[:, :1].numel() < 2:
            raise ValueError(
                f"the batch's own statistics need 2 values per channel or more, got x of shape {tuple(x.shape)}"
            )
        normalized = _standardize(x, (0, *range(2, x.ndim)), eps)
    else:
        mean, var = (_per_channel(_wide(statistic), x) for statistic in (mean, var))
        normalized = (_wide(x) - mean) * torch.rsqrt(var + _positive(eps))
    return _affine(normalized, weight, bias, x, per_channel=True)


class BatchNorm(nn.Module):
    """Batch normalisation with running averages, for x of (batch, channels, *spatial) with any number of space axes.

    In training it normalises with the batch, and moves the averages: running = (1 - momentum) running + momentum batch,
    with the unbiased variance. In evaluation it normalises with the averages. Its state loads into torch's layers.

    momentum is the share of the new batch, as in torch (in Keras of the old); None keeps a plain mean over all batches.
    affine learns weight (γ) and bias (β). Without track_running_stats it uses the batch in evaluation, too.

    Raises:
        ValueError: momentum outside [0, 1], or what batch_norm refuses.

    Source: Ioffe, Szegedy 2015, arXiv:1502.03167, algorithm 2.
    Oracle: torch.nn.BatchNorm1d, BatchNorm2d and BatchNorm3d.

    Example:
        >>> import torch
        >>> from dlref.generalization.normalization_layers import BatchNorm
        >>> layer = BatchNorm(1)
        >>> layer(torch.tensor([[1.0], [3.0]])).flatten(), layer.running_mean, layer.running_var
        (tensor([-1.0000,  1.0000], grad_fn=<ViewBackward0>), tensor([0.2000]), tensor([1.1000]))
    """

    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:
        super().__init__()
        if momentum is not None and not 0 <= momentum <= 1:
            raise ValueError(f"momentum must lie in [0, 1] or be None, got {momentum}")
        self.eps, self.momentum = _positive(eps), momentum
        self.weight = nn.Parameter(torch.ones(num_features)) if affine else None
        self.bias = nn.Parameter(torch.zeros(num_features)) if affine else None
        self.register_buffer("running_mean", torch.zeros(num_features) if track_running_stats else None)
        self.register_buffer("running_var", torch.ones(num_features) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", torch.tensor(0) if track_running_stats else None)

    def forward(self, x: Float[Tensor, "batch channels *spatial"]) -> Float[Tensor, "batch channels *spatial"]:
        """Normalise x, and in training move the running averages."""
        if not self.training:
            return batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, self.eps)
        y = batch_norm(x, None, None, self.weight, self.bias, self.eps)
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            self.num_batches_tracked += 1
            share = 1 / self.num_batches_tracked.to(self.running_var) if self.momentum is None else self.momentum
            mean, centred = _centre(x.detach(), dims := (0, *range(2, x.ndim)))
            unbiased = centred.square().sum(dims) / (x[:, 0].numel() - 1)
            for running, batch in ((self.running_mean, mean.flatten()), (self.running_var, unbiased)):
                running.copy_((1 - share) * running + share * batch)
        return y


def layer_norm(
    x: Float[Tensor, "*shape"],
    normalized_shape: int | Sequence[int],
    weight: Float[Tensor, "*normalized"] | None = None,
    bias: Float[Tensor, "*normalized"] | None = None,
    eps: float = 1e-5,
) -> Float[Tensor, "*shape"]:
    """Standardise each example over its last axes: y = weight · (x - mean) / √(var + eps) + bias, var biased.

    normalized_shape has the lengths of the axes to normalise over, which end the shape of x.

    Raises:
        ValueError: x, weight or bias do not end in normalized_shape, or eps is at or below 0.

    Source: Ba, Kiros, Hinton 2016, arXiv:1607.06450.
    Oracle: torch.nn.functional.layer_norm.

    Example:
        >>> import torch
        >>> from dlref.generalization.normalization_layers import layer_norm
        >>> layer_norm(torch.tensor([[1.0, 3.0], [10.0, 50.0]]), 2)
        tensor([[-1.0000,  1.0000],
                [-1.0000,  1.0000]])
    """
    return _affine(_standardize(x, _last_axes(x, normalized_shape, weight, bias), eps), weight, bias, x)


def rms_norm(
    x: Float[Tensor, "*shape"],
    normalized_shape: int | Sequence[int],
    weight: Float[Tensor, "*normalized"] | None = None,
    eps: float | None = None,
) -> Float[Tensor, "*shape"]:
    """Scale each example to a root mean square of 1, without centring: y = weight · x / √(mean(x²) + eps).

    eps=None takes the machine epsilon of the precision computed in, as torch does: float32's for half precision.

    Raises:
        ValueError: As layer_norm.

    Source: Zhang, Sennrich 2019, arXiv:1910.07467, eq. 4, with eps under the root.
    Oracle: torch.nn.functional.rms_norm.

    Example:
        >>> import torch
        >>> from dlref.generalization.normalization_layers import rms_norm
        >>> rms_norm(torch.tensor([[1.0, 7.0], [10.0, 70.0]]), 2)
        tensor([[0.2000, 1.4000],
                [0.2000, 1.4000]])
    """
    dims, wide = _last_axes(x, normalized_shape, weight), _wide(x)
    eps = torch.finfo(wide.dtype).eps if eps is None else _positive(eps)
    return _affine(wide * torch.rsqrt(wide.square().mean(dims, keepdim=True) + eps), weight, None, x)


def group_norm(
    x: Float[Tensor, "batch channels *spatial"],
    num_groups: int,
    weight: Float[Tensor, " channels"] | None = None,
    bias: Float[Tensor, " channels"] | None = None,
    eps: float = 1e-5,
) -> Float[Tensor, "batch channels *spatial"]:
    """Standardise each example over groups of neighbouring channels and space, then y = weight · normalised + bias.

    One group is layer normalisation over all axes of an example; one channel a group is instance normalisation.

    Raises:
        ValueError: channels do not divide into num_groups, a parameter is not (channels,), or eps is at or below 0.

    Source: Wu, He 2018, arXiv:1803.08494, eq. 7.
    Oracle: torch.nn.functional.group_norm.

    Example:
        >>> import torch
        >>> from dlref.generalization.normalization_layers import group_norm
        >>> group_norm(torch.tensor([[1.0, 3.0, 10.0, 50.0]]), num_groups=2)
        tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
    """
    _check_channels(x, weight=weight, bias=bias)
    if num_groups < 1 or x.shape[1] % num_groups:
        raise ValueError(f"the channels must divide into num_groups: {x.shape[1]} channels, num_groups {num_groups}")
    grouped = x.unflatten(1, (num_groups, -1))  # (batch, num_groups, channels / num_groups, *spatial)
    normalized = _standardize(grouped, tuple(range(2, grouped.ndim)), eps).flatten(1, 2)
    return _affine(normalized, weight, bias, x, per_channel=True)


def _centre(x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Return the mean over dims, kept as axes of length 1, and x without it."""
    x = _wide(x)
    mean = x.mean(dims, keepdim=True)
    rest = (x - mean).mean(dims, keepdim=True)  # a large mean is itself rounded: a second pass takes off what is left
    return mean + rest, (x - mean) - rest


def _standardize(x: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
    _, centred = _centre(x, dims)
    return centred * torch.rsqrt(centred.square().mean(dims, keepdim=True) + _positive(eps))


def _affine(y: Tensor, weight: Tensor | None, bias: Tensor | None, x: Tensor, per_channel: bool = False) -> Tensor:
    for parameter, apply in ((weight, torch.mul), (bias, torch.add)):
        if parameter is not None:
            y = apply(y, _per_channel(parameter, x) if per_channel else parameter)
    return y.to(x.dtype)


def _wide(x: Tensor) -> Tensor:
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _per_channel(parameter: Tensor, x: Tensor) -> Tensor:
    return parameter.reshape(-1, *[1] * (x.ndim - 2))  # (channels, 1, ..., 1), a 1 for each axis of space


def _positive(eps: float) -> float:
    if eps <= 0:
        raise ValueError(f"eps must be above 0, got {eps}")
    return eps


def _check_channels(x: Tensor, **parameters: Tensor | None) -> None:
    if x.ndim < 2:
        raise ValueError(f"x must be (batch, channels, *spatial), got shape {tuple(x.shape)}")
    for name, parameter in parameters.items():
        if parameter is not None and parameter.shape != x.shape[1:2]:
            given = f"{name} of shape {tuple(parameter.shape)}, x of shape {tuple(x.shape)}"
            raise ValueError(f"{name} must have one entry per channel: {given}")


def _last_axes(x: Tensor, shape: int | Sequence[int], *parameters: Tensor | None) -> tuple[int, ...]:
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if not shape or tuple(x.shape[-len(shape) :]) != shape:
        raise ValueError(f"x must end in normalized_shape {shape}, got x of shape {tuple(x.shape)}")
    if wrong := [tuple(p.shape) for p in parameters if p is not None and tuple(p.shape) != shape]:
        raise ValueError(f"weight and bias must have normalized_shape {shape}, got {wrong[0]}")
    return tuple(range(-len(shape), 0))
