"""Reverse-mode automatic differentiation of NumPy code: record every operation, then walk the record backwards."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

Array = Shaped[np.ndarray, "..."]
Numbers = Array | np.generic | float | int | Sequence[Any]
VJP = Callable[[Array], Any]  # vector-Jacobian product: the gradient of a result -> the gradient of one input
Formula = Callable[..., Any]


def _unary(operation: str, function: Formula, slope: Formula) -> "Callable[[Tensor], Tensor]":
    def method(self: "Tensor") -> "Tensor":
        x, y = self.data, function(self.data)
        return record(operation, y, (self, lambda g: g * slope(x, y)))

    return method


def _binary(operation: str, function: Formula, left: Formula, right: Formula) -> tuple[Formula, Formula]:
    def apply(first: "Tensor", second: "Tensor") -> "Tensor":
        a, b = first.data, second.data
        return record(operation, function(a, b), (first, lambda g: left(g, a, b)), (second, lambda g: right(g, a, b)))

    return lambda self, other: apply(self, _tensor(other, self)), lambda self, other: apply(_tensor(other, self), self)


def _tensor(other: Any, like: "Tensor") -> "Tensor":
    weak = isinstance(other, int | float) and like.data.dtype.kind == "f"  # 2 * float32 stays float32
    return other if isinstance(other, Tensor) else Tensor(np.asarray(other, like.data.dtype if weak else None))


def _matmul(a: Array, b: Array) -> Array:
    if min(a.ndim, b.ndim) < 2 or a.shape[-1] != b.shape[-2]:
        raise ValueError(f"@ takes matrices, as many columns left as rows right, got {a.shape} and {b.shape}")
    return a @ b


class Tensor:
    """An array that remembers which operation made it, so that ``backward`` can send a gradient back.

    grad(input) = Σ over the results that use it of grad(result) · ∂result/∂input

    Operations, as in torch: + - * / ** @, indexing, exp, log, tanh, sigmoid, relu, sum, mean, max, reshape, transpose.
    Variants: @ takes matrices only, transpose orders all axes (torch's permute), max shares the gradient between ties
    (torch's amax), relu has slope 0 at 0. A tensor never changes, so that the values which an operation kept are still
    right on the way back; an optimiser's step makes a new tensor.

    Source: Linnainmaa 1976, doi:10.1007/BF01931367; Baydin et al. 2018, arXiv:1502.05767, section 3.2.
    Oracle: torch.autograd on random graphs.

    Example:
        >>> from dlref.training.backpropagation import Tensor
        >>> w = Tensor([2.0, 3.0], requires_grad=True)
        >>> (5 * w**2).sum().backward()
        >>> w.grad
        array([20., 30.])
    """

    __slots__ = ("_data", "_vjps", "grad", "operation", "parents", "requires_grad")
    __array_ufunc__ = None  # array * tensor asks the tensor, and np.exp(tensor) raises instead of losing the graph

    def __init__(self, data: Numbers, requires_grad: bool = False) -> None:
        self._data = np.array(data)
        needed, kinds = ("floating-point", "f") if requires_grad else ("real", "biuf")
        if self._data.dtype.kind not in kinds:
            raise TypeError(f"requires_grad={requires_grad} needs {needed} numbers, got dtype {self._data.dtype}")
        self._data.flags.writeable = False
        self.requires_grad, self.operation = requires_grad, "leaf"
        self.grad: Array | None = None  # the sum of all backward() so far; torch keeps it for leaves only
        self.parents: tuple[Tensor, ...] = ()
        self._vjps: tuple[VJP, ...] = ()

    def backward(self, gradient: Float[np.ndarray, "..."] | None = None) -> None:
        """Add the loss's derivative to ``grad`` from here to the leaves; ``gradient`` is that of this tensor, or 1."""
        if not self.requires_grad:
            raise ValueError("backward() needs a tensor with requires_grad=True, or one computed from such a tensor")
        if gradient is None and self.data.size != 1:
            raise ValueError(f"backward() without a gradient needs a single element, got the shape {self.data.shape}")
        start = np.array(np.ones(self.data.shape) if gradient is None else gradient, self.data.dtype)
        if start.shape != self.data.shape:
            raise ValueError(f"the gradient needs the shape of the tensor, {self.data.shape}, got {start.shape}")
        flowing: dict[Tensor, Array] = {self: start}
        for node in reversed(topological_order(self)):  # whatever uses a node comes before it: its sum is complete
            if node.requires_grad:
                total = flowing.pop(node)
                node.grad = total if node.grad is None else np.asarray(node.grad + total)
                for parent, vjp in zip(node.parents, node._vjps, strict=True):
                    if parent.requires_grad:
                        share = _unbroadcast(vjp(total), parent.data)
                        flowing[parent] = np.asarray(flowing[parent] + share) if parent in flowing else share

    @property
    def data(self) -> Array:
        """The values, read-only."""
        return self._data

    def __repr__(self) -> str:
        return f"Tensor({np.array2string(self.data, separator=', ')}, operation={self.operation!r})"

    # The table of derivatives. Elementwise y = f(x): f, then dy/dx.
    exp = _unary("exp", np.exp, lambda x, y: y)
    log = _unary("log", np.log, lambda x, y: 1 / x)
    tanh = _unary("tanh", np.tanh, lambda x, y: 1 - y**2)
    sigmoid = _unary("sigmoid", lambda x: np.exp(-np.logaddexp(0, -x)), lambda x, y: y * (1 - y))
    relu = _unary("relu", lambda x: np.maximum(x, 0), lambda x, y: x > 0)
    __neg__ = _unary("neg", np.negative, lambda x, y: -1)

    # Of two inputs a and b: the operation, then the gradients of a and of b, given that of the result, g.
    __add__, __radd__ = _binary("add", np.add, lambda g, a, b: g, lambda g, a, b: g)
    __sub__, __rsub__ = _binary("sub", np.subtract, lambda g, a, b: g, lambda g, a, b: -g)
    __mul__, __rmul__ = _binary("mul", np.multiply, lambda g, a, b: g * b, lambda g, a, b: g * a)
    __truediv__, __rtruediv__ = _binary("div", np.divide, lambda g, a, b: g / b, lambda g, a, b: -g * (a / b) / b)
    __pow__, __rpow__ = _binary(
        "pow", np.power, lambda g, a, b: g * b * a ** (b - (b != 0)), lambda g, a, b: g * a**b * np.log(a)
    )
    __matmul__, __rmatmul__ = _binary(
        "matmul", _matmul, lambda g, a, b: g @ b.swapaxes(-1, -2), lambda g, a, b: a.swapaxes(-1, -2) @ g
    )

    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> "Tensor":
        """Return the sum over the named axes, or over all."""
        x, kept = self.data, self.data.sum(axis, keepdims=True)
        y = kept if keepdims else x.sum(axis)
        return record("sum", y, (self, lambda g: np.broadcast_to(g.reshape(kept.shape), x.shape)))

    def mean(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> "Tensor":
        """Return the mean over the named axes, or over all."""
        total = self.sum(axis, keepdims)
        return total / (self.data.size // max(total.data.size, 1))

    def max(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> "Tensor":
        """Return the largest element over the named axes, or over all."""
        x, kept = self.data, self.data.max(axis, keepdims=True)
        share = (x == kept) / (x == kept).sum(axis, keepdims=True)
        return record("max", x.max(axis, keepdims=keepdims), (self, lambda g: g.reshape(kept.shape) * share))

    def reshape(self, *shape: int) -> "Tensor":
        """Return the same elements in another shape."""
        return record("reshape", self.data.reshape(shape), (self, lambda g: g.reshape(self.data.shape)))

    def transpose(self, *axes: int) -> "Tensor":
        """Return the axes in another order, or reversed if none is named."""
        order = np.arange(self.data.ndim)[list(axes) if axes else slice(None, None, -1)]
        return record("transpose", self.data.transpose(order), (self, lambda g: g.transpose(np.argsort(order))))

    def __getitem__(self, index: Any) -> "Tensor":
        x, picked = self.data, np.arange(self.data.size).reshape(self.data.shape)[index].ravel()
        return record("index", x[index], (self, lambda g: np.bincount(picked, g.ravel(), x.size).reshape(x.shape)))


def record(operation: str, value: Numbers, *edges: tuple[Tensor, VJP]) -> Tensor:
    """Make the node of an operation: its name, its value, and each input with its vector-Jacobian product.

    grad(input) = vjp(grad(value)), where vjp(g) = g · ∂value/∂input

    Source: Baydin et al. 2018, arXiv:1502.05767, section 3.2.
    Oracle: torch.sin, for a sine made with record.

    Example:
        >>> import numpy as np
        >>> from dlref.training.backpropagation import Tensor, record
        >>> x = Tensor(np.pi, requires_grad=True)
        >>> record("sin", np.sin(x.data), (x, lambda g: g * np.cos(x.data))).backward()
        >>> x.grad
        array(-1.)
    """
    result = Tensor(value)
    if any(parent.requires_grad for parent, _ in edges):
        result.requires_grad, result.operation = True, operation
        result.parents, result._vjps = zip(*edges, strict=True)
    return result


def topological_order(output: Tensor) -> list[Tensor]:
    """Return every node behind a tensor once, after all of its parents.

    A depth-first search with a stack of its own, since Python's overflows on a chain of a thousand operations.

    Source: Tarjan 1976, doi:10.1007/BF00268499: the nodes in the order in which depth-first search leaves them.
    Oracle: graphlib.TopologicalSorter: the same nodes, in an order that it accepts.

    Example:
        >>> from dlref.training.backpropagation import Tensor, topological_order
        >>> w = Tensor(3.0, requires_grad=True)
        >>> [node.operation for node in topological_order((w * w).exp())]
        ['leaf', 'mul', 'exp']
    """
    order: list[Tensor] = []
    seen: set[Tensor] = set()
    stack = [(output, False)]
    while stack:
        node, parents_done = stack.pop()
        if parents_done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack += [(node, True), *((parent, False) for parent in reversed(node.parents))]
    return order


def _unbroadcast(gradient: Any, data: Array) -> Array:
    """Sum over the axes along which the data were broadcast, as the gradients of copies add up; keep their dtype."""
    new = np.ndim(gradient) - data.ndim
    axes = (*range(new), *(new + axis for axis, length in enumerate(data.shape) if length == 1))
    total = np.sum(gradient, axes, keepdims=True)
    if total.shape[max(new, 0) :] != data.shape:
        raise ValueError(f"a vector-Jacobian product has the shape {np.shape(gradient)} for an input of {data.shape}")
    return np.array(total, data.dtype).reshape(data.shape)


def gradcheck(
    function: Callable[..., Tensor], inputs: Sequence[Array], eps: float = 1e-6, atol: float = 1e-8, rtol: float = 1e-5
) -> bool:
    """Compare ``backward`` with central differences, for every element of every input.

    |received − expected| ≤ atol + rtol · |expected|, where expected = (f(x + eps) − f(x − eps)) / 2eps

    ``function`` computes a loss, a single element, from as many tensors as there are inputs. Inputs are float64, since
    rounding drowns the difference in float32, and away from kinks as relu has at 0. torch's defaults are looser: atol
    1e-5, rtol 1e-3. Returns True; a difference raises a ValueError that names input, index, received and expected.

    Source: Goodfellow, Bengio, Courville 2016, Deep Learning, section 11.5.
    Oracle: torch.autograd.gradcheck.

    Example:
        >>> import numpy as np
        >>> from dlref.training.backpropagation import gradcheck
        >>> gradcheck(lambda x, y: (x @ y).tanh().sum(), [np.eye(2), np.ones((2, 3))])
        True
    """
    for i, x in enumerate(inputs):
        if not isinstance(x, np.ndarray) or x.dtype != np.float64:
            raise TypeError(f"gradcheck needs float64 arrays, input {i} is {type(x).__name__} of {np.asarray(x).dtype}")
    tensors = [Tensor(x, requires_grad=True) for x in inputs]
    function(*tensors).backward()
    for i, (x, tensor) in enumerate(zip(inputs, tensors, strict=True)):
        for at in np.ndindex(x.shape):
            up, down = x.copy(), x.copy()
            up[at], down[at] = x[at] + eps, x[at] - eps
            above, below = (function(*map(Tensor, [*inputs[:i], moved, *inputs[i + 1 :]])).data for moved in (up, down))
            received = 0.0 if tensor.grad is None else tensor.grad[at]
            expected = (above.item() - below.item()) / (up[at] - down[at])  # the step as stored, not as asked for
            if not abs(received - expected) <= atol + rtol * abs(expected):
                raise ValueError(f"wrong gradient of input {i} at {at}: received {received:g}, expected {expected:g}")
    return True
