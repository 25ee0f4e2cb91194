"""Loss functions: one number that says how far predictions are from their targets, and its gradient.

Names, defaults and reductions are those of torch.nn.functional, with three differences. The first argument, always
``input`` there, says what it has to be: a prediction, probabilities, logits, log-probabilities. Nothing broadcasts.
A target out of range raises before it can train anything.

Each ``..._gradient`` is written by hand, with respect to that first argument. float16 and bfloat16 are computed in
float32 and rounded once, at the end. A mean over nothing is NaN, as in torch.
"""

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Reduction = Literal["none", "mean", "sum"]


def mse_loss(
    prediction: Float[Tensor, "*shape"], target: Float[Tensor, "*shape"], *, reduction: Reduction = "mean"
) -> Float[Tensor, "*shape"] | Float[Tensor, ""]:
    """Square each error; by default average the squares.

    (prediction - target)²

    Args:
        prediction: What the model says.
        target: What it should have said.
        reduction: "mean" over all entries, "sum" of them, or "none" for one loss an entry.

    Returns:
        A scalar, or with "none" the losses in the shape of the prediction.

    Raises:
        ValueError: The shapes differ, or the reduction is unknown.

    Source: Hastie, Tibshirani, Friedman 2009, The Elements of Statistical Learning, sec. 2.4. No factor ½.

    Oracle: torch.nn.functional.mse_loss; sklearn.metrics.mean_squared_error.

    Example:
        >>> import torch
        >>> from dlref.training.losses import mse_loss
        >>> mse_loss(torch.tensor([1.0, 2.0, 6.0]), torch.tensor([1.0, 2.0, 3.0]))
        tensor(3.)
    """
    _check(reduction, prediction=prediction, target=target)
    return _reduce((_wide(prediction) - _wide(target)).square(), reduction, torch.result_type(prediction, target))


def mse_loss_gradient(
    prediction: Float[Tensor, "*shape"], target: Float[Tensor, "*shape"], *, reduction: Reduction = "mean"
) -> Float[Tensor, "*shape"]:
    """Differentiate mse_loss with respect to the prediction: twice the error.

    2 (prediction - target), divided by the number of entries for the mean

    Args:
        prediction: As for mse_loss.
        target: As for mse_loss.
        reduction: As for mse_loss; "none" gives the same as "sum".

    Returns:
        The gradient, in the shape of the prediction.

    Raises:
        ValueError: As mse_loss.

    Source: the derivative of mse_loss.

    Oracle: torch.autograd through torch.nn.functional.mse_loss; central differences.

    Example:
        >>> import torch
        >>> from dlref.training.losses import mse_loss_gradient
        >>> mse_loss_gradient(torch.tensor([1.0, 2.0, 6.0]), torch.tensor([1.0, 2.0, 3.0]))
        tensor([0., 0., 2.])
    """
    _check(reduction, prediction=prediction, target=target)
    gradient = 2 * (_wide(prediction) - _wide(target))
    return _share(gradient, reduction, torch.result_type(prediction, target))


def l1_loss(
    prediction: Float[Tensor, "*shape"], target: Float[Tensor, "*shape"], *, reduction: Reduction = "mean"
) -> Float[Tensor, "*shape"] | Float[Tensor, ""]:
    """Take the size of each error; the mean is the mean absolute error (MAE).

    |prediction - target|; the gradient is the sign of the error, and 0 at an error of 0

    Args:
        prediction: What the model says.
        target: What it should have said.
        reduction: "mean" over all entries, "sum" of them, or "none" for one loss an entry.

    Returns:
        A scalar, or with "none" the losses in the shape of the prediction.

    Raises:
        ValueError: The shapes differ, or the reduction is unknown.

    Source: Hastie, Tibshirani, Friedman 2009, The Elements of Statistical Learning, sec. 2.4.

    Oracle: torch.nn.functional.l1_loss; sklearn.metrics.mean_absolute_error.

    Example:
        >>> import torch
        >>> from dlref.training.losses import l1_loss
        >>> l1_loss(torch.tensor([1.0, 2.0, 6.0]), torch.tensor([1.0, 2.0, 3.0]))
        tensor(1.)
    """
    _check(reduction, prediction=prediction, target=target)
    return _reduce((_wide(prediction) - _wide(target)).abs(), reduction, torch.result_type(prediction, target))


def huber_loss(
    prediction: Float[Tensor, "*shape"],
    target: Float[Tensor, "*shape"],
    *,
    delta: float = 1.0,
    reduction: Reduction = "mean",
) -> Float[Tensor, "*shape"] | Float[Tensor, ""]:
    """Square small errors, take the size of large ones.

    e²/2 where |e| ≤ delta, else delta (|e| - delta/2), with e = prediction - target

    Args:
        prediction: What the model says.
        target: What it should have said.
        delta: The error at which the parabola goes over into a straight line; positive.
        reduction: "mean" over all entries, "sum" of them, or "none" for one loss an entry.

    Returns:
        A scalar, or with "none" the losses in the shape of the prediction.

    Raises:
        ValueError: The shapes differ, the reduction is unknown, or delta is not positive.

    Source: Huber 1964, doi:10.1214/aoms/1177703732. smooth_l1_loss of torch is this divided by its beta = delta.

    Oracle: torch.nn.functional.huber_loss.

    Example:
        >>> import torch
        >>> from dlref.training.losses import huber_loss
        >>> huber_loss(torch.tensor([0.5, 6.0]), torch.tensor([0.0, 3.0]), reduction="none")
        tensor([0.1250, 2.5000])
    """
    _check(reduction, prediction=prediction, target=target)
    _check_delta(delta)
    size = (_wide(prediction) - _wide(target)).abs()
    clipped = size.clamp(max=delta)  # |e| below delta and delta above it: one product gives both branches
    return _reduce(clipped * (size - clipped / 2), reduction, torch.result_type(prediction, target))


def huber_loss_gradient(
    prediction: Float[Tensor, "*shape"],
    target: Float[Tensor, "*shape"],
    *,
    delta: float = 1.0,
    reduction: Reduction = "mean",
) -> Float[Tensor, "*shape"]:
    """Differentiate huber_loss with respect to the prediction: the error, clipped to ± delta.

    clip(prediction - target, -delta, delta), divided by the number of entries for the mean

    Args:
        prediction: As for huber_loss.
        target: As for huber_loss.
        delta: As for huber_loss.
        reduction: As for huber_loss; "none" gives the same as "sum".

    Returns:
        The gradient, in the shape of the prediction.

    Raises:
        ValueError: As huber_loss.

    Source: the derivative of huber_loss; Huber 1964, doi:10.1214/aoms/1177703732, calls it ψ.

    Oracle: torch.autograd through torch.nn.functional.huber_loss; central differences.

    Example:
        >>> import torch
        >>> from dlref.training.losses import huber_loss_gradient
        >>> huber_loss_gradient(torch.tensor([0.5, 6.0]), torch.tensor([0.0, 3.0]), reduction="sum")
        tensor([0.5000, 1.0000])
    """
    _check(reduction, prediction=prediction, target=target)
    _check_delta(delta)
    gradient = (_wide(prediction) - _wide(target)).clamp(-delta, delta)
    return _share(gradient, reduction, torch.result_type(prediction, target))


def binary_cross_entropy(
    probabilities: Float[Tensor, "*shape"], target: Float[Tensor, "*shape"], *, reduction: Reduction = "mean"
) -> Float[Tensor, "*shape"] | Float[Tensor, ""]:
    """Measure how surprised probabilities of "yes" are by yes-or-no targets.

    -(y log p + (1 - y) log(1 - p)), p a probability, y its target; the gradient is (p - y) / (p (1 - p))

    Prefer binary_cross_entropy_with_logits: a sigmoid that has rounded to 0 or 1 cannot be repaired here.

    Args:
        probabilities: Between 0 and 1, as a sigmoid gives them.
        target: 0 or 1, or a probability between them.
        reduction: "mean" over all entries, "sum" of them, or "none" for one loss an entry.

    Returns:
        A scalar, or with "none" the losses in the shape of the probabilities. No loss exceeds 100: as in torch, each
        logarithm stops at -100. Where it has stopped the gradient is 0; torch's is up to 1e12.

    Raises:
        ValueError: The shapes differ, the reduction is unknown, or an entry lies outside [0, 1].

    Source: Goodfellow, Bengio, Courville 2016, Deep Learning, sec. 6.2.2.2.

    Oracle: torch.nn.functional.binary_cross_entropy; sklearn.metrics.log_loss.

    Example:
        >>> import torch
        >>> from dlref.training.losses import binary_cross_entropy
        >>> binary_cross_entropy(torch.tensor([0.5, 0.0]), torch.tensor([1.0, 1.0]), reduction="none")
        tensor([  0.6931, 100.0000])
    """
    _check(reduction, probabilities=probabilities, target=target)
    _check_between_0_and_1(probabilities=probabilities, target=target)
    p, y = _wide(probabilities), _wide(target)
    loss = -(y * _stopped_log(p) + (1 - y) * _stopped_log(1 - p))
    return _reduce(loss, reduction, torch.result_type(probabilities, target))


def binary_cross_entropy_with_logits(
    logits: Float[Tensor, "*shape"],
    target: Float[Tensor, "*shape"],
    *,
    pos_weight: float = 1.0,
    reduction: Reduction = "mean",
) -> Float[Tensor, "*shape"] | Float[Tensor, ""]:
    """Measure the binary cross-entropy of sigmoid(logits) without ever forming the sigmoid.

    pos_weight y log(1 + exp(-z)) + (1 - y) log(1 + exp(z)), z a logit, y its target

    Args:
        logits: Any real numbers; sigmoid makes them probabilities.
        target: 0 or 1, or a probability between them.
        pos_weight: How many times a positive target counts; not negative. torch takes a tensor here.
        reduction: "mean" over all entries (their number, whatever pos_weight), "sum" of them, or "none".

    Returns:
        A scalar, or with "none" the losses in the shape of the logits.

    Raises:
        ValueError: The shapes differ, the reduction is unknown, a target lies outside [0, 1], pos_weight is negative.

    Source: Goodfellow, Bengio, Courville 2016, Deep Learning, sec. 6.2.2.2.

    Oracle: torch.nn.functional.binary_cross_entropy_with_logits.

    Example:
        >>> import torch
        >>> from dlref.training.losses import binary_cross_entropy_with_logits
        >>> binary_cross_entropy_with_logits(torch.tensor([0.0, -1000.0]), torch.tensor([1.0, 1.0]), reduction="none")
        tensor([6.9315e-01, 1.0000e+03])
    """
    _check(reduction, logits=logits, target=target)
    _check_between_0_and_1(target=target)
    _check_pos_weight(pos_weight)
    z, y = _wide(logits), _wide(target)
    zero = z.new_zeros(())  # log(1 + exp(z)) is the log-sum-exp of z and 0
    loss = pos_weight * y * torch.logaddexp(-z, zero) + (1 - y) * torch.logaddexp(z, zero)
    return _reduce(loss, reduction, torch.result_type(logits, target))


def binary_cross_entropy_with_logits_gradient(
    logits: Float[Tensor, "*shape"],
    target: Float[Tensor, "*shape"],
    *,
    pos_weight: float = 1.0,
    reduction: Reduction = "mean",
) -> Float[Tensor, "*shape"]:
    """Differentiate binary_cross_entropy_with_logits with respect to the logits: prediction minus target.

    p - y with p = sigmoid(z), divided by the number of entries for the mean;
    with a weight (1 - y) p - pos_weight y (1 - p)

    Args:
        logits: As for binary_cross_entropy_with_logits.
        target: As for binary_cross_entropy_with_logits.
        pos_weight: As for binary_cross_entropy_with_logits.
        reduction: As there; "none" gives the same as "sum".

    Returns:
        The gradient, in the shape of the logits.

    Raises:
        ValueError: As binary_cross_entropy_with_logits.

    Source: Goodfellow, Bengio, Courville 2016, Deep Learning, sec. 6.2.2.2.

    Oracle: torch.autograd through torch.nn.functional.binary_cross_entropy_with_logits; central differences.

    Example:
        >>> import torch
        >>> from dlref.training.losses import binary_cross_entropy_with_logits_gradient
        >>> binary_cross_entropy_with_logits_gradient(torch.tensor([0.0, -1000.0]), torch.tensor([1.0, 1.0]))
        tensor([-0.2500, -0.5000])
    """
    _check(reduction, logits=logits, target=target)
    _check_between_0_and_1(target=target)
    _check_pos_weight(pos_weight)
    z, y = _wide(logits), _wide(target)
    gradient = (1 - y) * z.sigmoid() - pos_weight * y * (-z).sigmoid()
    return _share(gradient, reduction, torch.result_type(logits, target))


def nll_loss(
    log_probabilities: Float[Tensor, "batch classes *positions"],
    target: Int[Tensor, "batch *positions"],
    *,
    weight: Float[Tensor, " classes"] | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
) -> Float[Tensor, "batch *positions"] | Float[Tensor, ""]:
    """Read off the log-probability of the right class and change its sign: the negative log-likelihood.

    -weight[target] log_probabilities[target]; the gradient is -weight[target] there and 0 elsewhere

    Args:
        log_probabilities: Logarithms of probabilities, classes on axis 1. Nothing checks that they sum to 1.
        target: The index of the right class, or ignore_index.
        weight: How much each class counts; 1 if left out.
        ignore_index: A target that counts for nothing: padding, say.
        reduction: "mean", the sum over the sum of the weights that counted; "sum"; or "none".

    Returns:
        A scalar, or with "none" the losses in the shape of the target, 0 where ignored.

    Raises:
        ValueError: The shapes do not fit, the reduction is unknown, or a target names no class.
        TypeError: The target does not hold integers.

    Source: Goodfellow, Bengio, Courville 2016, Deep Learning, sec. 5.5.

    Oracle: torch.nn.functional.nll_loss.

    Example:
        >>> import torch
        >>> from dlref.training.losses import nll_loss
        >>> nll_loss(torch.tensor([[0.2, 0.8], [0.5, 0.5]]).log(), torch.tensor([1, 0]), reduction="none")
        tensor([0.2231, 0.6931])
    """
    _check_classes("log_probabilities", log_probabilities, target, weight, ignore_index, reduction)
    keep, index, counts = _counted(log_probabilities, target, weight, ignore_index)
    picked = _wide(log_probabilities).gather(1, index.unsqueeze(1)).squeeze(1)  # (batch, *positions)
    loss = (-counts * picked).where(keep, 0)  # where, not a product: 0 · ∞ is NaN
    return _reduce(loss, reduction, log_probabilities.dtype, counts.sum())


def cross_entropy(
    logits: Float[Tensor, "batch classes *positions"],
    target: Int[Tensor, "batch *positions"],
    *,
    weight: Float[Tensor, " classes"] | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
) -> Float[Tensor, "batch *positions"] | Float[Tensor, ""]:
    """Measure how surprised softmax(logits) is by the right class.

    -log p[target] with p = softmax(z), which is log Σ exp(z) - z[target]; smoothed,
    -Σ weight q log p with q = (1 - label_smoothing) one_hot(target) + label_smoothing / classes

    Args:
        logits: Any real numbers, classes on axis 1; no softmax before, it is in here.
        target: The index of the right class, or ignore_index. torch takes probabilities too.
        weight: How much each class counts; 1 if left out.
        ignore_index: A target that counts for nothing: padding, say.
        label_smoothing: The part of the target spread evenly over all classes, between 0 and 1.
        reduction: "mean", the sum over the sum of the targets' weights that counted; "sum"; or "none".

    Returns:
        A scalar, or with "none" the losses in the shape of the target, 0 where ignored.

    Raises:
        ValueError: The shapes do not fit, the reduction is unknown, a target names no class, or label_smoothing
            lies outside [0, 1].
        TypeError: The target does not hold integers.

    Source: Goodfellow, Bengio, Courville 2016, Deep Learning, sec. 6.2.2.3; smoothing: Szegedy et al. 2016,
    arXiv:1512.00567, sec. 7.

    Oracle: torch.nn.functional.cross_entropy; sklearn.metrics.log_loss.

    Example:
        >>> import torch
        >>> from dlref.training.losses import cross_entropy
        >>> cross_entropy(torch.tensor([[0.0, 0.0], [1000.0, 0.0]]), torch.tensor([0, 1]), reduction="none")
        tensor([6.9315e-01, 1.0000e+03])
    """
    _check_classes("logits", logits, target, weight, ignore_index, reduction)
    _check_smoothing(label_smoothing)
    keep, index, counts = _counted(logits, target, weight, ignore_index)
    log_p = _log_softmax(_wide(logits))
    loss = -counts * log_p.gather(1, index.unsqueeze(1)).squeeze(1)  # (batch, *positions)
    if label_smoothing:
        weighted = log_p if weight is None else log_p * _along_classes(weight, log_p)
        loss = (1 - label_smoothing) * loss - label_smoothing * weighted.mean(dim=1)
    return _reduce(loss.where(keep, 0), reduction, logits.dtype, counts.sum())


def cross_entropy_gradient(
    logits: Float[Tensor, "batch classes *positions"],
    target: Int[Tensor, "batch *positions"],
    *,
    weight: Float[Tensor, " classes"] | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
) -> Float[Tensor, "batch classes *positions"]:
    """Differentiate cross_entropy with respect to the logits: prediction minus target.

    p - q with p = softmax(z) and q the (smoothed) one-hot target, divided by the number of targets for the mean;
    with weights p Σ(weight q) - weight q

    Args:
        logits: As for cross_entropy.
        target: As for cross_entropy.
        weight: As for cross_entropy.
        ignore_index: As for cross_entropy.
        label_smoothing: As for cross_entropy.
        reduction: As there; "none" gives the same as "sum".

    Returns:
        The gradient, in the shape of the logits; 0 where the target is ignored.

    Raises:
        ValueError: As cross_entropy.
        TypeError: As cross_entropy.

    Source: Goodfellow, Bengio, Courville 2016, Deep Learning, sec. 6.2.2.3.

    Oracle: torch.autograd through torch.nn.functional.cross_entropy; central differences.

    Example:
        >>> import torch
        >>> from dlref.training.losses import cross_entropy_gradient
        >>> cross_entropy_gradient(torch.tensor([[0.0, 0.0], [1000.0, 0.0]]), torch.tensor([0, 1]), reduction="sum")
        tensor([[-0.5000,  0.5000],
                [ 1.0000, -1.0000]])
    """
    _check_classes("logits", logits, target, weight, ignore_index, reduction)
    _check_smoothing(label_smoothing)
    keep, index, counts = _counted(logits, target, weight, ignore_index)
    p = _log_softmax(_wide(logits)).exp()
    one_hot = torch.zeros_like(p).scatter(1, index.unsqueeze(1), 1)
    q = (1 - label_smoothing) * one_hot + label_smoothing / p.shape[1]
    if weight is not None:
        q = q * _along_classes(weight, q)
    gradient = p * q.sum(dim=1, keepdim=True) - q
    return _share(gradient, reduction, logits.dtype, counts.sum()).where(keep.unsqueeze(1), 0)


def _log_softmax(logits: Float[Tensor, "batch classes *positions"]) -> Float[Tensor, "batch classes *positions"]:
    """Return z - log Σ exp(z); shifted by the largest logit, no exponential overflows and one of them is 1."""
    shifted = logits - logits.amax(dim=1, keepdim=True).detach()  # the shift cancels, in the gradient too
    return shifted - shifted.exp().sum(dim=1, keepdim=True).log()


def _stopped_log(p: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return log(p), not below -100, with a finite gradient at 0."""
    positive = p > 0
    return p.where(positive, 1).log().clamp(min=-100).where(positive, -100)


def _counted(
    scores: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int
) -> tuple[Bool[Tensor, "batch *positions"], Int[Tensor, "batch *positions"], Float[Tensor, "batch *positions"]]:
    """Return which targets count, a valid class index for every one, and how much each counts."""
    keep = target.long() != ignore_index
    index = target.long().where(keep, 0)
    counts = keep.to(_wide(scores).dtype)
    return keep, index, counts if weight is None else counts * weight.to(counts.dtype)[index]


def _along_classes(weight: Float[Tensor, " classes"], scores: Tensor) -> Tensor:
    return weight.to(scores.dtype).reshape(-1, *[1] * (scores.ndim - 2))  # (classes, 1, ...), against axis 1


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _reduce(loss: Tensor, reduction: Reduction, dtype: torch.dtype, count: Tensor | None = None) -> Tensor:
    """Reduce losses; the mean divides by count, or by their number."""
    if reduction == "none":
        return loss.to(dtype)
    total = loss.sum()
    return (total if reduction == "sum" else total / (loss.numel() if count is None else count)).to(dtype)


def _share(gradient: Tensor, reduction: Reduction, dtype: torch.dtype, count: Tensor | None = None) -> Tensor:
    """Scale the gradients of single losses to those of the reduced loss."""
    if reduction == "mean":
        gradient = gradient / (gradient.numel() if count is None else count)
    return gradient.to(dtype)


def _check_reduction(reduction: str) -> None:
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"reduction must be 'none', 'mean' or 'sum', got {reduction!r}")


def _check(reduction: str, **pair: Tensor) -> None:
    _check_reduction(reduction)
    (name, first), (other, second) = pair.items()
    if first.shape != second.shape:
        raise ValueError(
            f"{name} and {other} must have the same shape, nothing broadcasts: "
            f"{name} {tuple(first.shape)}, {other} {tuple(second.shape)}"
        )


def _check_delta(delta: float) -> None:
    if not delta > 0:
        raise ValueError(f"delta must be positive, got {delta}")


def _check_pos_weight(pos_weight: float) -> None:
    if not pos_weight >= 0:
        raise ValueError(f"pos_weight must not be negative, got {pos_weight}")


def _check_smoothing(label_smoothing: float) -> None:
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing must lie in [0, 1], got {label_smoothing}")


def _check_between_0_and_1(**named: Tensor) -> None:
    for name, x in named.items():
        if x.is_meta or not x.numel():
            continue  # no values to look at
        low, high = (bound.item() for bound in x.detach().aminmax())
        if not (low >= 0 and high <= 1):  # so put, NaN fails too
            raise ValueError(f"{name} must lie in [0, 1], got values from {low:g} to {high:g}")


def _check_classes(
    name: str, scores: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str
) -> None:
    _check_reduction(reduction)
    if target.dtype not in (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8):
        raise TypeError(f"target must hold class indices, integers, got {target.dtype}")
    if scores.ndim < 2 or target.shape != scores.shape[:1] + scores.shape[2:]:
        raise ValueError(
            f"{name} must have the axes (batch, classes, *positions) and target (batch, *positions): "
            f"{name} {tuple(scores.shape)}, target {tuple(target.shape)}"
        )
    classes = scores.shape[1]
    if weight is not None and weight.shape != (classes,):
        raise ValueError(f"weight must hold one number for each of {classes} classes, got shape {tuple(weight.shape)}")
    if target.is_meta:
        return  # no values to look at
    outside = target[(target.long() != ignore_index) & ((target < 0) | (target >= classes))]
    if outside.numel():
        raise ValueError(
            f"target must be a class index from 0 to {classes - 1} or ignore_index {ignore_index}, "
            f"got {outside.unique().tolist()}"
        )
