"""Gradient descent with all, one or some of the examples a step, the batches it takes, and the rate it can bear.

Symbols: w parameters, L loss, η learning rate (``lr``), ∇L gradient, H Hessian (matrix of second derivatives), λ its
eigenvalues, the curvatures. Plain descent only: no momentum, no weight decay, no adaptive rates.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import repeat

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

Rate = float | Callable[[int], float]
"""A learning rate: one number, or a function of the number of updates made so far."""


def sgd_step(
    parameter: Float[Tensor, "*shape"], gradient: Float[Tensor, "*shape"], lr: float
) -> Float[Tensor, "*shape"]:
    """Step against the gradient: w ← w - η ∇L(w).

    Raises:
        ValueError: The shapes differ, or lr is negative.

    Source: Cauchy 1847, Comptes rendus 25:536; Goodfellow et al. 2016, eq. 4.5. The old parameter stays as it is.
    Oracle: torch.optim.SGD without momentum.

    Example:
        >>> import torch
        >>> from dlref.training.gradient_descent import sgd_step
        >>> sgd_step(torch.tensor([1.0, 1.0]), gradient=torch.tensor([2.0, 6.0]), lr=0.1)
        tensor([0.8000, 0.4000])
    """
    if parameter.shape != gradient.shape:
        shapes = f"parameter {tuple(parameter.shape)}, gradient {tuple(gradient.shape)}"
        raise ValueError(f"parameter and gradient must have one shape: {shapes}")
    return parameter - _rate(lr) * gradient


def gradient_descent(
    loss: Callable[[Float[Tensor, "*shape"]], Float[Tensor, ""]],
    start: Float[Tensor, "*shape"],
    *,
    lr: Rate,
    steps: int,
) -> Float[Tensor, "points *shape"]:
    """Repeat the step from a start: wₜ₊₁ = wₜ - ηₜ ∇L(wₜ), for t = 0, 1, ... steps - 1.

    The loss computes one number from w, by operations that torch can differentiate. lr may be a function from t to ηₜ.

    Returns:
        The whole path, start and end included: steps + 1 points.

    Raises:
        ValueError: lr or steps is negative, or loss returns anything but one number.

    Source: Boyd, Vandenberghe 2004, Convex Optimization, section 9.3.
    Oracle: torch.optim.SGD, step by step; on a quadratic (I - ηH)ᵗ w₀.

    Example:
        >>> import torch
        >>> from dlref.training.gradient_descent import gradient_descent
        >>> gradient_descent(lambda w: w**2 / 2, torch.tensor(8.0), lr=0.5, steps=3)
        tensor([8., 4., 2., 1.])
    """
    return _path(start, lr, repeat(loss, _count("steps", steps)))


def minibatch_descent(
    loss: Callable[..., Float[Tensor, ""]],
    start: Float[Tensor, "*shape"],
    *data: Shaped[Tensor, "examples ..."],
    lr: Rate,
    batch_size: int,
    epochs: int,
    shuffle: bool = True,
    drop_last: bool = False,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "points *shape"]:
    """Step on one batch after the other: wₜ₊₁ = wₜ - ηₜ ∇L(wₜ; batch t).

    Args:
        loss: Computes the mean loss over a batch from w and the batch's part of each array: loss(w, x, y).
        start: The first point, w₀.
        data: What is cut into batches.
        lr: The rate η, or a function from t, which counts updates, to ηₜ.
        batch_size: 1 is stochastic descent, the number of examples is batch descent, mini-batches lie between.
        epochs: How often to go through the data.
        shuffle: Draw a new order for every epoch.
        drop_last: Leave the last batch of an epoch out when it is incomplete.
        generator: The source of the orders.

    Returns:
        The whole path: 1 + epochs · num_batches(examples, batch_size, drop_last) points.

    Raises:
        ValueError: As gradient_descent and batches.

    Source: Bottou, Curtis, Nocedal 2018, arXiv:1606.04838, section 3. Batches without replacement.
    Oracle: torch.optim.SGD over torch.utils.data.DataLoader, step by step.

    Example:
        >>> import torch
        >>> from dlref.training.gradient_descent import minibatch_descent
        >>> x = torch.tensor([0.0, 2.0, 4.0, 6.0])
        >>> loss = lambda w, x: (w - x).square().mean() / 2
        >>> minibatch_descent(loss, torch.tensor(0.0), x, lr=0.5, batch_size=2, epochs=1, shuffle=False)
        tensor([0.0000, 0.5000, 2.7500])
    """
    parts = (
        batch
        for _ in range(_count("epochs", epochs))
        for batch in batches(*data, batch_size=batch_size, shuffle=shuffle, drop_last=drop_last, generator=generator)
    )
    return _path(start, lr, ((lambda w, part=part: loss(w, *part)) for part in parts))


def batches(
    *arrays: Shaped[Tensor, "examples ..."],
    batch_size: int,
    shuffle: bool = False,
    drop_last: bool = False,
    generator: torch.Generator | None = None,
) -> Iterator[tuple[Shaped[Tensor, "batch ..."], ...]]:
    """Cut one epoch into batches: each example once, in order or shuffled.

    Args:
        arrays: Arrays whose first axes count the same examples; they are cut alike.
        batch_size: Examples a batch; the last batch has what is left.
        shuffle: Draw a random order first, the same for all arrays.
        drop_last: Leave the last batch out when it is incomplete.
        generator: The source of the order. It moves on, so that the next call draws another one.

    Raises:
        ValueError: No arrays, first axes that differ, or batch_size is no positive integer.

    Source: Goodfellow et al. 2016, section 8.1.3; Bottou 2012, doi:10.1007/978-3-642-35289-8_25, on shuffling.
    Oracle: torch.utils.data.DataLoader: the same batches, and from the same seed the same random order.

    Example:
        >>> import torch
        >>> from dlref.training.gradient_descent import batches
        >>> x = torch.arange(5)
        >>> [(a.tolist(), b.tolist()) for a, b in batches(x, 10 * x, batch_size=2)]
        [([0, 1], [0, 10]), ([2, 3], [20, 30]), ([4], [40])]
    """
    shapes = [tuple(array.shape) for array in arrays]
    if not shapes or not all(shapes) or len({shape[0] for shape in shapes}) > 1:
        raise ValueError(f"arrays must share the length of their first axis, the examples: got shapes {shapes}")
    n = shapes[0][0]
    used = min(n, num_batches(n, batch_size, drop_last) * batch_size)
    device = generator.device if generator is not None else None
    order = torch.randperm(n, generator=generator, device=device) if shuffle else torch.arange(n)
    rows = (order[first : first + batch_size] for first in range(0, used, batch_size))
    return (tuple(array[some.to(array.device)] for array in arrays) for some in rows)


def num_batches(num_examples: int, batch_size: int, drop_last: bool = False) -> int:
    """Count the iterations of an epoch: ⌈N/B⌉, or ⌊N/B⌋ when an incomplete last batch is dropped.

    Raises:
        ValueError: num_examples is negative, or batch_size is no positive integer.

    Source: PyTorch documentation, torch.utils.data.DataLoader.
    Oracle: len(torch.utils.data.DataLoader).

    Example:
        >>> from dlref.training.gradient_descent import num_batches
        >>> num_batches(10_000, 200), num_batches(10_000, 300), num_batches(10_000, 300, drop_last=True)
        (50, 34, 33)
    """
    whole, rest = divmod(_count("num_examples", num_examples), _count("batch_size", batch_size, least=1))
    return whole + (rest > 0 and not drop_last)


def stability_limit(hessian: Float[Tensor, "*batch size size"]) -> Float[Tensor, "*batch"]:
    """Find the learning rate at which descent stops converging on a quadratic: 2 / λmax.

    Below it every distance along an eigenvector shrinks, at it the steepest one flips its sign for ever, above it
    that one grows. Infinite where nothing curves upwards. Where something curves downwards no rate converges.

    Raises:
        ValueError: hessian is not square, or empty.

    Source: LeCun, Bottou, Orr, Müller 1998, Efficient BackProp, doi:10.1007/3-540-49430-8_2, section 5.
    Oracle: the eigenvalues of I - ηH by torch.linalg.eigvals, the largest of which is 1 in size at the limit.

    Example:
        >>> import torch
        >>> from dlref.training.gradient_descent import stability_limit
        >>> stability_limit(torch.tensor([[2.0, 0.0], [0.0, 6.0]]))
        tensor(0.3333)
    """
    return (2 / _curvatures(hessian)[..., -1].clamp(min=0)).to(hessian.dtype)


def convergence_factor(hessian: Float[Tensor, "*batch size size"], lr: float) -> Float[Tensor, "*batch"]:
    """Say by what a step multiplies the distance to the minimum of a quadratic, at worst: max |1 - ηλ|.

    Below 1 descent converges. Smallest, (κ - 1) / (κ + 1) with κ = λmax / λmin, at η = 2 / (λmin + λmax).

    Raises:
        ValueError: hessian is not square, or empty, or lr is negative.

    Source: Nesterov 2004, Introductory Lectures on Convex Optimization, section 2.1.5.
    Oracle: torch.linalg.matrix_norm(I - ηH, 2).

    Example:
        >>> import torch
        >>> from dlref.training.gradient_descent import convergence_factor
        >>> convergence_factor(torch.tensor([[2.0, 0.0], [0.0, 6.0]]), lr=0.25)
        tensor(0.5000)
    """
    return (1 - _rate(lr) * _curvatures(hessian)).abs().amax(-1).to(hessian.dtype)


def _curvatures(hessian: Tensor) -> Tensor:
    """Return the eigenvalues, ascending, of the symmetric part, which is all that wᵀHw sees."""
    if hessian.ndim < 2 or hessian.shape[-1] != hessian.shape[-2] or not hessian.shape[-1]:
        raise ValueError(f"hessian must be square with at least one row, got shape {tuple(hessian.shape)}")
    wide = hessian.float() if hessian.dtype in (torch.float16, torch.bfloat16) else hessian
    return torch.linalg.eigvalsh((wide + wide.mT) / 2)


def _path(start: Tensor, lr: Rate, losses: Iterable[Callable[[Tensor], Tensor]]) -> Tensor:
    """Take one step on each loss."""
    path = [start.detach()]
    for update, loss in enumerate(losses):
        w = path[-1].detach().requires_grad_()
        with torch.enable_grad():
            value = loss(w)
        if value.shape:
            raise ValueError(f"loss must return one number, got shape {tuple(value.shape)}")
        (gradient,) = torch.autograd.grad(value, w)
        path.append(sgd_step(w.detach(), gradient, lr(update) if callable(lr) else lr))
    return torch.stack(path)


def _rate(lr: float) -> float:
    if not lr >= 0:
        raise ValueError(f"lr must be at least 0, got {lr}")
    return lr


def _count(name: str, count: int, least: int = 0) -> int:
    if not isinstance(count, int) or count < least:
        raise ValueError(f"{name} must be a whole number, at least {least}, got {count}")
    return count
