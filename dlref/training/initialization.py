"""Starting weights: how large to draw them, from the size of the layer, and what a deep stack makes of the choice.

A weight has torch's layout, (out_features, in_features, *kernel). Functions that end in _ fill it in place, return it,
and from the same generator draw the very numbers that torch.nn.init draws.
"""

import math
from collections.abc import Callable, Iterable

import numpy as np
import torch
from jaxtyping import Float
from torch import Generator, Tensor

Rng = Generator | None
Weight = Float[Tensor, "out_features in_features *kernel"]


def calculate_fan_in_and_fan_out(weight: Weight) -> tuple[int, int]:
    """Count what feeds one output and what one input feeds: (in_features · kernel, out_features · kernel).

    Raises:
        ValueError: weight has fewer than two axes.

    Source: He et al. 2015, arXiv:1502.01852, section 2.2.
    Oracle: torch.nn.init, the counts behind its functions.

    Example:
        >>> import torch
        >>> from dlref.training.initialization import calculate_fan_in_and_fan_out
        >>> calculate_fan_in_and_fan_out(torch.empty(64, 3, 7, 7))
        (147, 3136)
    """
    if weight.ndim < 2:
        raise ValueError(f"weight must have at least two axes (out, in, *kernel), got shape {tuple(weight.shape)}")
    kernel = math.prod(weight.shape[2:])
    return weight.shape[1] * kernel, weight.shape[0] * kernel


def calculate_gain(nonlinearity: str, param: float = 0.01) -> float:
    """Look up the factor that makes up for the activation: √2 for relu, √(2 / (1 + param²)) for leaky_relu.

    Also 1 for linear and sigmoid, 5/3 for tanh, 3/4 for selu: torch's conventions, see preserving_gain for derivations.
    Only leaky_relu has a param, its negative slope.

    Raises:
        ValueError: nonlinearity is none of these.

    Source: He et al. 2015, arXiv:1502.01852, eq. 15; torch 2.13 for the rest.
    Oracle: torch.nn.init.calculate_gain.

    Example:
        >>> from dlref.training.initialization import calculate_gain
        >>> round(calculate_gain("relu"), 4)
        1.4142
    """
    gains = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}
    gains["leaky_relu"] = math.sqrt(2 / (1 + param**2))
    if nonlinearity not in gains:
        raise ValueError(f"nonlinearity must be one of {', '.join(gains)}, got {nonlinearity!r}")
    return gains[nonlinearity]


def preserving_gain(activation: Callable[[Tensor], Tensor]) -> float:
    """Derive the gain from the activation f: 1 / √E[f(z)²] for standard normal z, so that every z keeps an RMS of 1.

    Raises:
        ValueError: E[f(z)²] is zero or not finite.

    Source: He et al. 2015, arXiv:1502.01852, section 2.2, for any entry-wise f instead of ReLU.
    Oracle: scipy.integrate.quad; torch.nn.init.calculate_gain for relu and leaky_relu.

    Example:
        >>> import torch
        >>> from dlref.training.initialization import preserving_gain
        >>> round(preserving_gain(torch.nn.functional.gelu), 4)
        1.5335
    """
    nodes, weights = map(torch.from_numpy, np.polynomial.legendre.leggauss(100))
    z = 6 * torch.cat([-1 - nodes, 1 + nodes])  # (-12, 0) and (0, 12), so that a kink at 0 costs no digits
    density = torch.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    mean_square = float((6 * weights.repeat(2) * density * activation(z) ** 2).sum())
    if not 0 < mean_square < math.inf:
        raise ValueError(
            f"activation must have a finite mean square above 0 under a standard normal, got {mean_square}"
        )
    return 1 / math.sqrt(mean_square)


def xavier_uniform_(weight: Weight, gain: float = 1.0, generator: Rng = None) -> Weight:
    """Draw from U(-a, a) with a = gain · √(6 / (fan_in + fan_out)), the variance of xavier_normal_.

    Source: Glorot, Bengio 2010, PMLR 9:249, eq. 16.
    Oracle: torch.nn.init.xavier_uniform_.

    Example:
        >>> import torch
        >>> from dlref.training.initialization import xavier_uniform_
        >>> bool(xavier_uniform_(torch.empty(100, 50)).abs().max() < 0.2)
        True
    """
    return _draw_(weight, "uniform", _xavier_std(weight, gain), generator)


def xavier_normal_(weight: Weight, gain: float = 1.0, generator: Rng = None) -> Weight:
    """Draw from N(0, gain² · 2 / (fan_in + fan_out)), a compromise between the forward and the backward pass.

    Source: Glorot, Bengio 2010, PMLR 9:249, eq. 12.
    Oracle: torch.nn.init.xavier_normal_.

    Example:
        >>> import torch
        >>> from dlref.training.initialization import xavier_normal_
        >>> f"{xavier_normal_(torch.empty(600, 200), generator=torch.Generator().manual_seed(0)).std():.2f}"
        '0.05'
    """
    return _draw_(weight, "normal", _xavier_std(weight, gain), generator)


def kaiming_uniform_(
    weight: Weight, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Rng = None
) -> Weight:
    """Draw from U(-b, b) with b = gain · √(3 / fan), the variance of kaiming_normal_; a = 0 means ReLU.

    Raises:
        ValueError: mode is neither "fan_in" nor "fan_out".

    Source: He et al. 2015, arXiv:1502.01852, eq. 10 and 14. torch.nn.Linear starts with a = √5: b = 1 / √fan_in.
    Oracle: torch.nn.init.kaiming_uniform_.

    Example:
        >>> import torch
        >>> from dlref.training.initialization import kaiming_uniform_
        >>> bool(kaiming_uniform_(torch.empty(50, 150)).abs().max() < 0.2)
        True
    """
    return _draw_(weight, "uniform", _kaiming_std(weight, calculate_gain(nonlinearity, a), mode), generator)


def kaiming_normal_(
    weight: Weight, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Rng = None
) -> Weight:
    """Draw from N(0, gain² / fan): 2 / fan_in for ReLU, twice LeCun's variance because ReLU halves the mean square.

    Raises:
        ValueError: mode is neither "fan_in" nor "fan_out".

    Source: He et al. 2015, arXiv:1502.01852, eq. 10 and 14.
    Oracle: torch.nn.init.kaiming_normal_.

    Example:
        >>> import torch
        >>> from dlref.training.initialization import kaiming_normal_
        >>> f"{kaiming_normal_(torch.empty(500, 200), generator=torch.Generator().manual_seed(0)).std():.2f}"
        '0.10'
    """
    return _draw_(weight, "normal", _kaiming_std(weight, calculate_gain(nonlinearity, a), mode), generator)


def lecun_normal_(weight: Weight, generator: Rng = None) -> Weight:
    """Draw from N(0, 1 / fan_in), which keeps the variance of a linear layer. Keras and JAX cut the tails at 2σ.

    Source: LeCun, Bottou, Orr, Müller 1998, Efficient backprop, section 4.6.
    Oracle: torch.nn.init.kaiming_normal_ with nonlinearity="linear".

    Example:
        >>> import torch
        >>> from dlref.training.initialization import lecun_normal_
        >>> f"{lecun_normal_(torch.empty(500, 400), generator=torch.Generator().manual_seed(0)).std():.2f}"
        '0.05'
    """
    return _draw_(weight, "normal", _kaiming_std(weight, 1.0, "fan_in"), generator)


def orthogonal_(weight: Weight, gain: float = 1.0, generator: Rng = None) -> Weight:
    """Draw uniformly from the matrices with W Wᵀ = gain² · I, or Wᵀ W if W is taller than wide.

    The QR decomposition of normal numbers, with the signs that make the draw uniform. Kernel axes join in_features.

    Source: Saxe, McClelland, Ganguli 2013, arXiv:1312.6120; Mezzadri 2006, arXiv:math-ph/0609050, for the signs.
    Oracle: torch.nn.init.orthogonal_.

    Example:
        >>> import torch
        >>> from dlref.training.initialization import orthogonal_
        >>> w = orthogonal_(torch.empty(2, 3, dtype=torch.float64))
        >>> torch.allclose(w @ w.T, torch.eye(2, dtype=torch.float64))
        True
    """
    calculate_fan_in_and_fan_out(weight)
    wide = torch.float32 if weight.dtype in (torch.float16, torch.bfloat16) else weight.dtype
    normal = weight.new_empty(weight.shape, dtype=wide).flatten(1).normal_(generator=generator)
    q, r = torch.linalg.qr(normal if normal.shape[0] >= normal.shape[1] else normal.mT)
    q = gain * q * r.diagonal().sign()
    with torch.no_grad():
        return weight.copy_((q if normal.shape[0] >= normal.shape[1] else q.mT).reshape(weight.shape))


def rms_profile(
    x: Float[Tensor, "batch features"],
    weights: Iterable[Float[Tensor, "_ _"]],
    activation: Callable[[Tensor], Tensor],
) -> Float[Tensor, " layers"]:
    """Send x through the layers x ← f(x Wᵀ) and return the root mean square of the signal after each.

    Raises:
        ValueError: x or a layer is empty, or a layer does not fit the one before it.

    Source: Glorot, Bengio 2010, PMLR 9:249, section 4.2.1, eq. 5. RMS, not standard deviation: ReLU's mean is not 0.
    Oracle: torch.nn.functional.linear, layer by layer; gain ** layer for orthogonal linear layers.

    Example:
        >>> import torch
        >>> from dlref.training.initialization import rms_profile
        >>> rms_profile(torch.ones(1, 4), [torch.eye(4), 3 * torch.eye(4)], torch.relu)
        tensor([1., 3.])
    """
    profile = []
    for layer, weight in enumerate(weights):
        if weight.shape[-1] != x.shape[-1]:
            raise ValueError(f"layer {layer} must take what arrives: {weight.shape[-1]} against {x.shape[-1]} features")
        x = activation(x @ weight.mT)
        if not x.numel():
            raise ValueError(f"a signal must have entries, layer {layer} returns shape {tuple(x.shape)}")
        # The largest entry first, so that no square overflows or vanishes; an infinite one would make inf / inf.
        largest = x.detach().abs().amax().clamp(torch.finfo(x.dtype).tiny, torch.finfo(x.dtype).max)
        profile.append(largest * torch.linalg.vector_norm(x / largest) / math.sqrt(x.numel()))
    return torch.stack(profile) if profile else x.new_empty(0)


def _kaiming_std(weight: Tensor, gain: float, mode: str) -> float:
    fans = dict(zip(("fan_in", "fan_out"), calculate_fan_in_and_fan_out(weight), strict=True))
    if mode not in fans:
        raise ValueError(f"mode must be 'fan_in' or 'fan_out', got {mode!r}")
    return gain / math.sqrt(max(fans[mode], 1))


def _xavier_std(weight: Tensor, gain: float) -> float:
    if not gain >= 0:
        raise ValueError(f"gain must be at least 0, got {gain}")
    return gain * math.sqrt(2 / max(sum(calculate_fan_in_and_fan_out(weight)), 1))


def _draw_(weight: Tensor, shape: str, std: float, generator: Rng) -> Tensor:
    bound = math.sqrt(3) * std  # the variance of U(-b, b) is b² / 3
    with torch.no_grad():
        if shape == "uniform":
            return weight.uniform_(-bound, bound, generator=generator)
        return weight.normal_(0, std, generator=generator)
