"""Loss functions, named as in torch.nn.functional: one number that says how far predictions are from their targets.

Nothing broadcasts; shapes that do not fit and numbers out of range raise a ValueError. ``reduction`` is "mean" over all
entries, their "sum", or "none" for one loss an entry. A mean over nothing is NaN. float16 and bfloat16 are computed in
float32 and rounded once, at the end; the result has the dtype of the first argument.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from dlref.training.activations import log_softmax, softplus

Loss = Callable[..., Tensor]
Values = Float[Tensor, "*shape"]
"""Real numbers; the tensors of one call have one shape."""
Losses = Float[Tensor, "*shape"] | Float[Tensor, ""]
"""One number for each of the Values, or a single one."""
Scores = Float[Tensor, "batch classes *positions"]
"""What a model says of each class; the classes stand on axis 1."""
Labels = Int[Tensor, "batch *positions"]
"""The index of the right class, or ignore_index."""


def mse_loss(prediction: Values, target: Values, *, reduction: str = "mean") -> Losses:
    """Square each error: (prediction - target)².

    Source: Hastie, Tibshirani, Friedman 2009, The Elements of Statistical Learning, sec. 2.4. No factor ½.
    Oracle: torch.nn.functional.mse_loss; sklearn.metrics.mean_squared_error.

    Example:
        >>> import torch
        >>> from dlref.training.losses import mse_loss
        >>> mse_loss(torch.tensor([1.0, 2.0, 6.0]), torch.tensor([1.0, 2.0, 3.0]))
        tensor(3.)
    """
    guess, truth = _checked_pair(prediction, target, "prediction")
    return _reduce((guess - truth).square(), reduction, prediction.dtype)


def l1_loss(prediction: Values, target: Values, *, reduction: str = "mean") -> Losses:
    """Take the size of each error, |prediction - target|; the mean is the mean absolute error (MAE).

    Source: Hastie, Tibshirani, Friedman 2009, The Elements of Statistical Learning, sec. 2.4.
    Oracle: torch.nn.functional.l1_loss; sklearn.metrics.mean_absolute_error.

    Example:
        >>> import torch
        >>> from dlref.training.losses import l1_loss
        >>> l1_loss(torch.tensor([1.0, 2.0, 6.0]), torch.tensor([1.0, 2.0, 3.0]))
        tensor(1.)
    """
    guess, truth = _checked_pair(prediction, target, "prediction")
    return _reduce((guess - truth).abs(), reduction, prediction.dtype)


def huber_loss(prediction: Values, target: Values, *, delta: float = 1.0, reduction: str = "mean") -> Losses:
    """Square small errors e, take the size of large ones: e²/2 where |e| ≤ delta, else delta (|e| - delta/2).

    Source: Huber 1964, doi:10.1214/aoms/1177703732. torch's smooth_l1_loss is this divided by its beta = delta.
    Oracle: torch.nn.functional.huber_loss.

    Example:
        >>> import torch
        >>> from dlref.training.losses import huber_loss
        >>> huber_loss(torch.tensor([0.5, 6.0]), torch.tensor([0.0, 3.0]), reduction="none")
        tensor([0.1250, 2.5000])
    """
    _require(delta > 0, "delta must be positive", delta)
    guess, truth = _checked_pair(prediction, target, "prediction")
    size = (guess - truth).abs()
    clipped = size.clamp(max=delta)  # |e| below delta and delta above it: one product gives both branches
    return _reduce(clipped * (size - clipped / 2), reduction, prediction.dtype)


def binary_cross_entropy(probabilities: Values, target: Values, *, reduction: str = "mean") -> Losses:
    """Measure how surprised probabilities p of "yes" are by targets y: -(y log p + (1 - y) log(1 - p)).

    Prefer binary_cross_entropy_with_logits: a sigmoid that has rounded to 0 or 1 cannot be mended here. As in torch,
    each logarithm stops at -100, so no loss exceeds 100. Where it has stopped, its gradient is 0 (in torch, 1e12).

    Source: Goodfellow, Bengio, Courville 2016, Deep Learning, sec. 6.2.2.2.
    Oracle: torch.nn.functional.binary_cross_entropy; sklearn.metrics.log_loss.

    Example:
        >>> import torch
        >>> from dlref.training.losses import binary_cross_entropy
        >>> binary_cross_entropy(torch.tensor([0.5, 0.0]), torch.tensor([1.0, 1.0]), reduction="none")
        tensor([  0.6931, 100.0000])
    """
    p, y = _checked_pair(probabilities, target, "probabilities")
    _check_between_0_and_1(probabilities=p, target=y)
    log_p, log_1_p = (x.clamp(min=1e-44).log().clamp(min=-100) for x in (p, 1 - p))  # no slope of ∞ at 0
    return _reduce(-(y * log_p + (1 - y) * log_1_p), reduction, probabilities.dtype)


def binary_cross_entropy_with_logits(logits: Values, target: Values, *, reduction: str = "mean") -> Losses:
    """Measure the same of p = sigmoid(z) without ever forming it: y log(1 + exp(-z)) + (1 - y) log(1 + exp(z)).

    No sigmoid before, it is in here. A target is 0, 1, or a probability between them.

    Source: Goodfellow, Bengio, Courville 2016, Deep Learning, sec. 6.2.2.2.
    Oracle: torch.nn.functional.binary_cross_entropy_with_logits.

    Example:
        >>> import torch
        >>> from dlref.training.losses import binary_cross_entropy_with_logits
        >>> binary_cross_entropy_with_logits(torch.tensor([0.0, -1000.0]), torch.tensor([1.0, 1.0]), reduction="none")
        tensor([6.9315e-01, 1.0000e+03])
    """
    z, y = _checked_pair(logits, target, "logits")
    _check_between_0_and_1(target=y)
    return _reduce(y * softplus(-z) + (1 - y) * softplus(z), reduction, logits.dtype)


def nll_loss(
    log_probabilities: Scores, target: Labels, *, ignore_index: int = -100, reduction: str = "mean"
) -> Float[Tensor, "batch *positions"] | Float[Tensor, ""]:
    """Change the sign of the right class's log-probability, -log p[target]: the negative log-likelihood.

    A target of ignore_index (padding, say) counts for nothing: neither in the sum nor in what the mean divides by.

    Source: Goodfellow, Bengio, Courville 2016, Deep Learning, sec. 5.5.
    Oracle: torch.nn.functional.nll_loss.

    Example:
        >>> import torch
        >>> from dlref.training.losses import nll_loss
        >>> nll_loss(torch.tensor([[0.2, 0.8], [0.5, 0.5]]).log(), torch.tensor([1, 0]), reduction="none")
        tensor([0.2231, 0.6931])
    """
    index, keep = _checked_labels(log_probabilities, target, ignore_index)
    loss = -_wide(log_probabilities).gather(1, index)
    return _reduce(loss.where(keep, 0).squeeze(1), reduction, log_probabilities.dtype, keep.sum())


def cross_entropy(
    logits: Scores, target: Labels, *, ignore_index: int = -100, label_smoothing: float = 0.0, reduction: str = "mean"
) -> Float[Tensor, "batch *positions"] | Float[Tensor, ""]:
    """Measure how surprised p = softmax(z) is by the right class: -log p[target] = log Σ exp(z) - z[target].

    No softmax before, it is in here. Label smoothing, between 0 and 1, is the part of the target spread evenly over
    all classes: -Σ q log p with q = (1 - label_smoothing) one_hot(target) + label_smoothing / classes.

    Source: Goodfellow, Bengio, Courville 2016, Deep Learning, sec. 6.2.2.3; Szegedy et al. 2016, arXiv:1512.00567.
    Oracle: torch.nn.functional.cross_entropy; sklearn.metrics.log_loss.

    Example:
        >>> import torch
        >>> from dlref.training.losses import cross_entropy
        >>> cross_entropy(torch.tensor([[0.0, 0.0], [1000.0, 0.0]]), torch.tensor([0, 1]), reduction="none")
        tensor([6.9315e-01, 1.0000e+03])
    """
    _require(0 <= label_smoothing <= 1, "label_smoothing must lie in [0, 1]", label_smoothing)
    index, keep = _checked_labels(logits, target, ignore_index)
    log_p = log_softmax(_wide(logits), dim=1)
    loss = -log_p.gather(1, index)  # (batch, 1, *positions)
    if label_smoothing:  # a class ruled out by a logit of -∞ would make 0 · ∞ of it
        loss = (1 - label_smoothing) * loss - label_smoothing * log_p.mean(dim=1, keepdim=True)
    return _reduce(loss.where(keep, 0).squeeze(1), reduction, logits.dtype, keep.sum())


def _softmax_gradient(z: Tensor, target: Tensor, ignore_index: int = -100, label_smoothing: float = 0.0) -> Tensor:
    index, keep = _checked_labels(z, target, ignore_index)
    p = log_softmax(z, dim=1).exp()
    q = (1 - label_smoothing) * torch.zeros_like(p).scatter(1, index, 1) + label_smoothing / p.shape[1]
    return (p - q).where(keep, 0)


_GRADIENTS: dict[Loss, Loss] = {
    mse_loss: lambda prediction, target: 2 * (prediction - target),
    l1_loss: lambda prediction, target: torch.sign(prediction - target),
    huber_loss: lambda prediction, target, delta=1.0: (prediction - target).clamp(-delta, delta),
    binary_cross_entropy_with_logits: lambda z, y: (1 - y) * z.sigmoid() - y * (-z).sigmoid(),  # p - y to all digits
    cross_entropy: _softmax_gradient,
}


def gradient(
    loss: Loss, prediction: Values, target: Values | Labels, *, reduction: str = "mean", **options: int | float
) -> Values:
    """Differentiate a loss by its first argument, from its formula and not from autograd: p - y for logits.

    The options are those of the loss; "none" gives the same as "sum". Probabilities have no formula: take the logits.

    Source: Goodfellow, Bengio, Courville 2016, Deep Learning, sec. 6.2.2; for huber_loss Huber 1964, who calls it ψ.
    Oracle: torch.autograd through torch.nn.functional; central differences.

    Example:
        >>> import torch
        >>> from dlref.training.losses import cross_entropy, gradient
        >>> gradient(cross_entropy, torch.tensor([[1000.0, 0.0]]), torch.tensor([1]))
        tensor([[ 1., -1.]])
    """
    known = ", ".join(function.__name__ for function in _GRADIENTS)
    _require(loss in _GRADIENTS, f"loss must be one of {known}", getattr(loss, "__qualname__", repr(loss)))
    loss(prediction, target, reduction=reduction, **options)  # refuses bad arguments in its own words
    slopes = _GRADIENTS[loss](_wide(prediction), _wide(target), **options)
    if reduction == "mean" and loss is cross_entropy:
        counted = target.long() != options.get("ignore_index", -100)
        slopes = slopes / counted.sum().clamp(min=1)  # nobody: 0, not 0 / 0
    elif reduction == "mean":
        slopes = slopes / target.numel()
    return slopes.to(prediction.dtype)


def _reduce(loss: Tensor, reduction: str, dtype: torch.dtype, counted: Tensor | None = None) -> Tensor:
    _require(reduction in ("none", "mean", "sum"), "reduction must be 'none', 'mean' or 'sum'", repr(reduction))
    if reduction != "none":
        loss = loss.sum() / (1 if reduction == "sum" else loss.numel() if counted is None else counted)
    return loss.to(dtype)


def _wide(x: Tensor) -> Tensor:
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _checked_pair(first: Tensor, target: Tensor, name: str) -> tuple[Tensor, Tensor]:
    rule = f"{name} and target must have the same shape, nothing broadcasts"
    _require(first.shape == target.shape, rule, f"{name} {tuple(first.shape)}, target {tuple(target.shape)}")
    return _wide(first), _wide(target)


def _check_between_0_and_1(**named: Tensor) -> None:
    for name, x in named.items():
        if x.numel() and not x.is_meta:  # there, no values to look at
            low, high = (bound.item() for bound in x.detach().aminmax())
            _require(low >= 0 and high <= 1, f"{name} must lie in [0, 1]", f"values from {low:g} to {high:g}")


def _checked_labels(scores: Tensor, target: Tensor, ignore_index: int) -> tuple[Tensor, Tensor]:
    if target.is_floating_point() or target.is_complex() or target.dtype == torch.bool:
        raise TypeError(f"target must hold class indices, integers, got {target.dtype}")
    rule = "the axes must be (batch, classes, *positions) and those of target (batch, *positions)"
    fit = scores.ndim >= 2 and target.shape == scores.shape[:1] + scores.shape[2:]
    _require(fit, rule, f"{tuple(scores.shape)} and target {tuple(target.shape)}")
    classes, target = scores.shape[1], target.long()
    keep = target != ignore_index
    if not target.is_meta:
        outside = target[keep & ((target < 0) | (target >= classes))].unique().tolist()
        _require(not outside, f"target must be a class, 0 to {classes - 1}, or ignore_index {ignore_index}", outside)
    return target.where(keep, 0).unsqueeze(1), keep.unsqueeze(1)  # (batch, 1, *positions); 0 where nothing counts


def _require(holds: bool, rule: str, got: object) -> None:
    if not holds:
        raise ValueError(f"{rule}, got {got}")
