"""Activation functions and their hand-written derivatives.

Each argument of an exponential is kept at or below zero, so that nothing overflows and autograd never meets 0 · ∞,
whatever the precision.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor


def sigmoid(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Squash x into (0, 1): f(x) = 1 / (1 + e⁻ˣ).

    Source: Goodfellow et al. 2016, section 6.2.2.2.
    Oracle: torch.sigmoid.

    Example:
        >>> import torch
        >>> from dlref.training.activations import sigmoid
        >>> sigmoid(torch.tensor([-1000.0, 0.0, 1000.0]))
        tensor([0.0000, 0.5000, 1.0000])
    """
    below, above = torch.exp(torch.where(x < 0, x, 0)), torch.exp(-torch.where(x < 0, 0, x))
    return torch.where(x < 0, below / (1 + below), 1 / (1 + above))


def tanh(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Squash x into (-1, 1): f(x) = (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ) = 2 sigmoid(2x) - 1.

    Source: Goodfellow et al. 2016, section 6.3.2.
    Oracle: torch.tanh.

    Example:
        >>> import torch
        >>> from dlref.training.activations import tanh
        >>> tanh(torch.tensor([-1000.0, 1e-8, 1000.0]))
        tensor([-1.0000e+00,  1.0000e-08,  1.0000e+00])
    """
    # e²ˣ - 1 in one step keeps the digits of a small x, which a difference of exponentials cancels.
    below, above = torch.expm1(2 * torch.where(x < 0, x, 0)), torch.expm1(-2 * torch.where(x < 0, 0, x))
    return torch.where(x < 0, below / (2 + below), -above / (2 + above))


def relu(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Keep what is positive: f(x) = max(x, 0), with slope 0 at 0.

    Source: Nair, Hinton 2010, Rectified linear units improve restricted Boltzmann machines, ICML.
    Oracle: torch.nn.functional.relu.

    Example:
        >>> import torch
        >>> from dlref.training.activations import relu
        >>> relu(torch.tensor([-2.0, 3.0]))
        tensor([0., 3.])
    """
    return torch.where(x <= 0, 0, x)


def leaky_relu(x: Float[Tensor, "*shape"], negative_slope: float = 0.01) -> Float[Tensor, "*shape"]:
    """Keep what is positive and a fraction of the rest: f(x) = x if x > 0, else negative_slope · x.

    Source: Maas, Hannun, Ng 2013, Rectifier nonlinearities improve neural network acoustic models, ICML workshop.
    Oracle: torch.nn.functional.leaky_relu.

    Example:
        >>> import torch
        >>> from dlref.training.activations import leaky_relu
        >>> leaky_relu(torch.tensor([-2.0, 3.0]))
        tensor([-0.0200,  3.0000])
    """
    return torch.where(x > 0, x, negative_slope * x)


def elu(x: Float[Tensor, "*shape"], alpha: float = 1.0) -> Float[Tensor, "*shape"]:
    """Bend to a floor at -alpha, without a kink if alpha = 1: f(x) = x if x > 0, else alpha · (eˣ - 1).

    Source: Clevert, Unterthiner, Hochreiter 2015, arXiv:1511.07289.
    Oracle: torch.nn.functional.elu.

    Example:
        >>> import torch
        >>> from dlref.training.activations import elu
        >>> elu(torch.tensor([-1000.0, -1.0, 3.0]))
        tensor([-1.0000, -0.6321,  3.0000])
    """
    return torch.where(x > 0, x, alpha * torch.expm1(torch.where(x > 0, 0, x)))


def softplus(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Smooth ReLU, the integral of sigmoid: f(x) = ln(1 + eˣ).

    Source: Glorot, Bordes, Bengio 2011, Deep sparse rectifier neural networks, PMLR 15:315. Exact for every x: torch
    returns x itself beyond a threshold of 20, which is 2e-9 too little.
    Oracle: torch.nn.functional.softplus with threshold=100.

    Example:
        >>> import torch
        >>> from dlref.training.activations import softplus
        >>> softplus(torch.tensor([-1000.0, 0.0, 1000.0]))
        tensor([0.0000e+00, 6.9315e-01, 1.0000e+03])
    """
    below, above = torch.exp(torch.where(x < 0, x, 0)), torch.exp(-torch.where(x < 0, 0, x))
    return torch.where(x < 0, torch.log1p(below), x + torch.log1p(above))


def gelu(x: Float[Tensor, "*shape"], approximate: str = "none") -> Float[Tensor, "*shape"]:
    """Weigh x by the share Φ(x) of a standard normal that lies below it: f(x) = x · Φ(x).

    With approximate="tanh", Φ(x) ≈ (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, which is cheaper; f is off by up to 5e-4.

    Raises:
        ValueError: approximate is neither "none" nor "tanh".

    Source: Hendrycks, Gimpel 2016, arXiv:1606.08415, section 2.
    Oracle: torch.nn.functional.gelu.

    Example:
        >>> import torch
        >>> from dlref.training.activations import gelu
        >>> gelu(torch.tensor([-1000.0, -1.0, 3.0]))
        tensor([-0.0000, -0.1587,  2.9960])
    """
    share, _ = _normal_share(x, approximate)
    return x * share


def swish(x: Float[Tensor, "*shape"], beta: float = 1.0) -> Float[Tensor, "*shape"]:
    """Let x gate itself, from x / 2 at beta = 0 to nearly relu at a large beta: f(x) = x · sigmoid(beta · x).

    Source: Ramachandran, Zoph, Le 2017, arXiv:1710.05941.
    Oracle: torch.nn.functional.silu(beta · x) / beta.

    Example:
        >>> import torch
        >>> from dlref.training.activations import swish
        >>> swish(torch.tensor([-1.0, 1.0]), beta=10.0)
        tensor([-4.5398e-05,  9.9995e-01])
    """
    return x * sigmoid(beta * x)


silu = swish
"""SiLU, swish with beta = 1, came first: Hendrycks, Gimpel 2016; Elfwing, Uchibe, Doya 2017, arXiv:1702.03118."""


def _normal_share(x: Tensor, approximate: str) -> tuple[Tensor, Tensor]:
    """Return Φ(x) and its slope: the distribution function of the standard normal and its density."""
    if approximate == "none":
        return (1 + torch.erf(x / math.sqrt(2))) / 2, torch.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    if approximate == "tanh":
        x = x.clamp(-10, 10)  # beyond, Φ is 0 or 1 to the last bit, and x³ would overflow float16
        scale = 2 * math.sqrt(2 / math.pi)  # (1 + tanh(z)) / 2 = sigmoid(2z)
        z = scale * (x + 0.044715 * x**3)
        return sigmoid(z), derivative(sigmoid, z) * scale * (1 + 3 * 0.044715 * x**2)
    raise ValueError(f"approximate must be 'none' or 'tanh', got {approximate!r}")


def _gelu_slope(x: Tensor, approximate: str = "none") -> Tensor:
    share, density = _normal_share(x, approximate)
    return share + x * density


_SLOPES: dict[Callable[..., Tensor], Callable[..., Tensor]] = {
    sigmoid: lambda x: sigmoid(x) * sigmoid(-x),
    tanh: lambda x: 4 * sigmoid(2 * x) * sigmoid(-2 * x),  # 1 - tanh² without its cancellation
    relu: lambda x: (x > 0).to(x.dtype),
    leaky_relu: lambda x, negative_slope=0.01: torch.where(x > 0, torch.ones_like(x), negative_slope),
    elu: lambda x, alpha=1.0: torch.where(x > 0, 1, alpha * torch.exp(torch.where(x > 0, 0, x))),
    softplus: sigmoid,
    gelu: _gelu_slope,
    swish: lambda x, beta=1.0: sigmoid(beta * x) + beta * (x * derivative(sigmoid, beta * x)),
}


def derivative(
    activation: Callable[..., Tensor], x: Float[Tensor, "*shape"], **options: float | str
) -> Float[Tensor, "*shape"]:
    """Return the slope f′(x) of an entry-wise activation, from its formula and not from autograd.

    The options are those of the activation itself. At a kink, the slope is the one that torch uses.

    Raises:
        ValueError: activation is no entry-wise function of this module. softmax has a whole matrix instead of a slope.

    Source: the chain and product rules; each formula stands in the table above.
    Oracle: torch.autograd of torch.nn.functional, and central finite differences.

    Example:
        >>> import torch
        >>> from dlref.training.activations import derivative, leaky_relu
        >>> derivative(leaky_relu, torch.tensor([-2.0, 3.0]), negative_slope=0.2)
        tensor([0.2000, 1.0000])
    """
    if activation not in _SLOPES:
        known = ", ".join(function.__name__ for function in _SLOPES)
        got = getattr(activation, "__qualname__", repr(activation))
        raise ValueError(f"activation must be an entry-wise function of this module ({known}), got {got}")
    return _SLOPES[activation](x, **options)


def softmax(x: Float[Tensor, "*shape"], dim: int = -1) -> Float[Tensor, "*shape"]:
    """Turn scores into probabilities that sum to 1 along dim: fᵢ(x) = e^xᵢ / Σⱼ e^xⱼ.

    Raises:
        ValueError: dim is no axis of x.

    Source: Bridle 1990, doi:10.1007/978-3-642-76153-9_28. A row of -inf alone gives NaN, as in torch.
    Oracle: torch.softmax.

    Example:
        >>> import torch
        >>> from dlref.training.activations import softmax
        >>> softmax(torch.tensor([1001.0, 1002.0, 1003.0]))
        tensor([0.0900, 0.2447, 0.6652])
    """
    powers = torch.exp(_centred(x, dim))
    return (powers / powers.sum(dim, keepdim=True)).to(x.dtype)


def log_softmax(x: Float[Tensor, "*shape"], dim: int = -1) -> Float[Tensor, "*shape"]:
    """Take the logarithm of softmax without leaving the log scale: fᵢ(x) = xᵢ - ln Σⱼ e^xⱼ.

    Raises:
        ValueError: dim is no axis of x.

    Source: Goodfellow et al. 2016, eq. 6.30.
    Oracle: torch.log_softmax.

    Example:
        >>> import torch
        >>> from dlref.training.activations import log_softmax
        >>> log_softmax(torch.tensor([0.0, 1000.0]))
        tensor([-1000.,     0.])
    """
    scores = _centred(x, dim)
    return (scores - torch.exp(scores).sum(dim, keepdim=True).log()).to(x.dtype)


def _centred(x: Tensor, dim: int) -> Tensor:
    """Return x minus its maximum along dim, which changes no softmax and keeps every exponent at or below 0."""
    if not -x.ndim <= dim < x.ndim:
        raise ValueError(f"dim must be an axis of x: dim {dim}, x of shape {tuple(x.shape)}")
    wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x  # 100 000 terms overflow float16
    return wide - wide.detach().amax(dim, keepdim=True) if x.shape[dim] else wide
