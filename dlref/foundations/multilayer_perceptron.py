"""A multilayer perceptron in NumPy with a hand-derived backward pass, and the network that shows what depth is worth.

``a = layer(x)`` keeps what the way back needs; ``layer.backward(g)`` takes g = ∂L/∂a and returns ∂L/∂x. In float64.
"""

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

Array = Shaped[np.ndarray, "..."]


def _kept(kept: Array | None, gradient: Array, width: int | None = None) -> Array:
    """Return what the forward pass kept, once it is there and the gradient has the shape of the output."""
    if kept is None:
        raise ValueError("backward needs a forward pass first: call the layer with its inputs")
    shape = kept.shape if width is None else (*kept.shape[:-1], width)
    if np.shape(gradient) != shape:
        raise ValueError(f"the gradient needs the shape of the output, {shape}, got {np.shape(gradient)}")
    return kept


class Linear:
    """Weighted sums over the last axis of x: z = x weightᵀ + bias.

    Backward, with g = ∂L/∂z: ∂L/∂weight = gᵀx, ∂L/∂bias = the sum of g over the batch, ∂L/∂x = g weight. A backward
    pass replaces ``weight_grad`` and ``bias_grad``; torch adds to them. Like torch, ``rng`` draws weight and bias from
    U(−1/√in_features, 1/√in_features).

    Raises:
        ValueError: a size below 1, an x of another width, or a gradient of another shape than the output.

    Source: Rumelhart, Hinton, Williams 1986, doi:10.1038/323533a0.
    Oracle: torch.nn.Linear and torch.autograd.

    Example:
        >>> import numpy as np
        >>> from dlref.foundations.multilayer_perceptron import Linear
        >>> layer = Linear(2, 3, np.random.default_rng(0))
        >>> layer(np.ones((4, 2))).shape, layer.backward(np.ones((4, 3))).shape, layer.bias_grad
        ((4, 3), (4, 2), array([4., 4., 4.]))
    """

    def __init__(self, in_features: int, out_features: int, rng: np.random.Generator) -> None:
        if min(in_features, out_features) < 1:
            raise ValueError(f"a layer needs at least 1 input and 1 unit, got {in_features} and {out_features}")
        bound = in_features**-0.5
        self.weight = rng.uniform(-bound, bound, (out_features, in_features))
        self.bias = rng.uniform(-bound, bound, out_features)
        self.weight_grad, self.bias_grad = np.zeros_like(self.weight), np.zeros_like(self.bias)
        self._x: Array | None = None

    @classmethod
    def from_parameters(cls, weight: Any, bias: Any) -> "Linear":
        """Make a layer of a weight (out_features, in_features) and a bias (out_features,), both copied."""
        weight, bias = np.array(weight, np.float64), np.array(bias, np.float64)
        if weight.ndim != 2 or bias.shape != weight.shape[:1]:
            raise ValueError(f"weight must be (out, in) and bias (out,), got {weight.shape} and {bias.shape}")
        layer = cls(weight.shape[1], weight.shape[0], np.random.default_rng(0))
        layer.weight, layer.bias = weight, bias
        return layer

    def __call__(self, x: Float[np.ndarray, "*batch in_features"]) -> Float[np.ndarray, "*batch out_features"]:
        """Return z, and keep a copy of x."""
        if np.shape(x)[-1:] != self.weight.shape[1:]:
            raise ValueError(f"x must end in in_features = {self.weight.shape[1]}, got the shape {np.shape(x)}")
        self._x = np.array(x)
        return self._x @ self.weight.T + self.bias

    def backward(self, gradient: Float[np.ndarray, "*batch out_features"]) -> Float[np.ndarray, "*batch in_features"]:
        """Set both gradients, and return the one of x."""
        x, (out_features, in_features) = _kept(self._x, gradient, len(self.bias)), self.weight.shape
        rows = gradient.reshape(-1, out_features)  # (all examples, out_features)
        self.weight_grad, self.bias_grad = rows.T @ x.reshape(-1, in_features), rows.sum(axis=0)
        return gradient @ self.weight


class _Activation:
    """An entry-wise function φ, whose slope can be read off its output a."""

    _function: Callable[[Array], Array]
    _slope_at: Callable[[Array], Array]
    _slope: Array | None = None

    def __call__(self, z: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Return a = φ(z), and keep the slope φ′(z)."""
        a = np.asarray(self._function(z))
        self._slope = np.asarray(self._slope_at(a))
        return a

    def backward(self, gradient: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Return the gradient of z: gradient · φ′(z)."""
        return np.asarray(gradient * _kept(self._slope, gradient))


class ReLU(_Activation):
    """Keep what is positive: a = max(z, 0), with slope 1 where a > 0 and 0 elsewhere.

    Source: Nair, Hinton 2010, Rectified linear units improve restricted Boltzmann machines, ICML.
    Oracle: torch.nn.ReLU and torch.autograd.

    Example:
        >>> import numpy as np
        >>> from dlref.foundations.multilayer_perceptron import ReLU
        >>> ReLU()(np.array([-2.0, 3.0]))
        array([0., 3.])
    """

    _function = staticmethod(lambda z: np.maximum(z, 0))
    _slope_at = staticmethod(lambda a: a > 0)


class Sigmoid(_Activation):
    """Squash into (0, 1): a = 1 / (1 + e⁻ᶻ), with slope a (1 − a).

    Source: Rumelhart, Hinton, Williams 1986, doi:10.1038/323533a0.
    Oracle: torch.nn.Sigmoid and torch.autograd.

    Example:
        >>> import numpy as np
        >>> from dlref.foundations.multilayer_perceptron import Sigmoid
        >>> Sigmoid()(np.array([-1000.0, 0.0]))
        array([0. , 0.5])
    """

    _function = staticmethod(lambda z: np.where(z < 0, np.exp(-np.abs(z)), 1) / (1 + np.exp(-np.abs(z))))
    _slope_at = staticmethod(lambda a: a * (1 - a))


class Tanh(_Activation):
    """Squash into (−1, 1): a = tanh z, with slope 1 − a².

    Source: Goodfellow, Bengio, Courville 2016, Deep Learning, section 6.3.2.
    Oracle: torch.nn.Tanh and torch.autograd.

    Example:
        >>> import numpy as np
        >>> from dlref.foundations.multilayer_perceptron import Tanh
        >>> Tanh()(np.array([0.0, 1000.0]))
        array([0., 1.])
    """

    _function = staticmethod(lambda z: np.tanh(z))
    _slope_at = staticmethod(lambda a: 1 - a * a)


class Sequential:
    """Layers one after another: a = φ_l(a weight_lᵀ + bias_l) for l = 1, 2, …, and backward from the last to the first.

    Source: Goodfellow, Bengio, Courville 2016, Deep Learning, algorithms 6.3 and 6.4.
    Oracle: torch.nn.Sequential and torch.autograd.

    Example:
        >>> import numpy as np
        >>> from dlref.foundations.multilayer_perceptron import Linear, ReLU, Sequential
        >>> hidden, output = Linear.from_parameters([[1, 1], [1, 1]], [0, -1]), Linear.from_parameters([[1, -2]], [0])
        >>> Sequential(hidden, ReLU(), output)(np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])).ravel()
        array([0., 1., 1., 0.])
    """

    def __init__(self, *layers: Linear | _Activation) -> None:
        self.layers = layers

    def __call__(self, x: Float[np.ndarray, "*batch in_features"]) -> Float[np.ndarray, "*batch out_features"]:
        """Return the output of the last layer."""
        for layer in self.layers:
            x = layer(x)
        return x

    def backward(self, gradient: Float[np.ndarray, "*batch out_features"]) -> Float[np.ndarray, "*batch in_features"]:
        """Set the gradients of every layer, and return the gradient of x."""
        for layer in reversed(self.layers):
            gradient = layer.backward(gradient)
        return gradient

    def parameters(self) -> list[Float[np.ndarray, "..."]]:
        """Return weight and bias of every layer, first layer first, to be changed in place."""
        return [array for layer in self.layers if isinstance(layer, Linear) for array in (layer.weight, layer.bias)]

    def gradients(self) -> list[Float[np.ndarray, "..."]]:
        """Return the gradients of ``parameters()``, in the same order."""
        return [g for layer in self.layers if isinstance(layer, Linear) for g in (layer.weight_grad, layer.bias_grad)]


def compose_tent(k: int) -> Sequential:
    """Build k tents one after another, t(x) = 2 min(x, 1 − x) on [0, 1]: k layers of 2 ReLU units make 2ᵏ pieces.

    Raises:
        ValueError: k below 1.

    Source: Telgarsky 2015, arXiv:1509.08101; Telgarsky 2016, arXiv:1602.04485.
    Oracle: the formula with the minimum, applied k times.

    Example:
        >>> from dlref.foundations.multilayer_perceptron import compose_tent, count_linear_pieces
        >>> count_linear_pieces(compose_tent(10))
        1024
    """
    if k < 1:
        raise ValueError(f"compose_tent needs k of at least 1, got {k}")
    fold, shift = [2.0, -4.0], [0.0, -0.5]  # t(x) = 2 relu(x) − 4 relu(x − ½)
    linear = [Linear.from_parameters([fold if depth else [1.0]] * 2, shift) for depth in range(k)]
    hidden = [part for layer in linear for part in (layer, ReLU())]
    return Sequential(*hidden, Linear.from_parameters([fold], [0.0]))


def count_linear_pieces(net: Sequential, low: float = 0.0, high: float = 1.0) -> int:
    """Count the straight pieces of a ReLU network of one variable between low and high; equal neighbours are one.

    Exact for the weights as stored: every kink is followed through the layers in rational arithmetic.

    Raises:
        ValueError: low is not below high, or a layer is neither Linear nor ReLU.

    Source: Telgarsky 2015, arXiv:1509.08101; regions in general: Montúfar et al. 2014, arXiv:1402.1869.
    Oracle: enumeration of all on/off patterns of the units, and 2ᵏ for compose_tent(k).

    Example:
        >>> from dlref.foundations.multilayer_perceptron import Linear, ReLU, Sequential, count_linear_pieces
        >>> count_linear_pieces(Sequential(Linear.from_parameters([[1]], [0]), ReLU()), -1.0, 1.0)
        2
    """
    if not low < high:
        raise ValueError(f"low must lie below high, got {low} and {high}")
    exact = np.vectorize(Fraction, otypes=[object])
    x = values = exact([[low], [high]])  # one row a point: where it lies, and what each unit gives there
    for layer in net.layers:
        if isinstance(layer, Linear):
            values = values @ exact(layer.weight).T + exact(layer.bias)
        elif isinstance(layer, ReLU):
            table = _with_zero_crossings(np.hstack([x, values]))
            x, values = table[:, :1], np.maximum(table[:, 1:], Fraction(0))
        else:
            raise ValueError(f"only Linear and ReLU make straight pieces, got {type(layer).__name__}")
    slopes = np.diff(values, axis=0) / np.diff(x, axis=0)
    return 1 + int((slopes[1:] != slopes[:-1]).any(axis=1).sum())


def _with_zero_crossings(table: Array) -> Array:
    """Insert a row wherever a column but the first changes its sign between two rows."""
    rows = [table[0]]
    for left, right in pairwise(table):
        shares = {a / (a - b) for a, b in zip(left[1:], right[1:], strict=True) if a * b < 0}
        rows += [*(left + share * (right - left) for share in sorted(shares)), right]
    return np.array(rows)
