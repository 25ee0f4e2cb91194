"""Loss functions: one number that says how far predictions are from their targets, and its gradient.

Names and defaults are those of torch.nn.functional, with three differences. The first argument, always ``input`` there,
says what it has to be. Nothing broadcasts. A target out of range raises before it can train anything.

Every loss takes ``reduction``: "mean" over all entries, their "sum", or "none" for one loss an entry. A mean over
nothing is NaN, as in torch. Each ``..._gradient`` is written by hand, with respect to the first argument; "none" gives
it the same result as "sum". float16 and bfloat16 are computed in float32 and rounded once, at the end; the result has
the dtype of the first argument. Shapes that do not fit and numbers out of range raise a ValueError.
"""

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Reduction = Literal["none", "mean", "sum"]


def mse_loss(
    prediction: Float[Tensor, "*shape"], target: Float[Tensor, "*shape"], *, reduction: Reduction = "mean"
) -> Float[Tensor, "*shape"] | Float[Tensor, ""]:
    """Square each error: (prediction - target)².

    Source: Hastie, Tibshirani, Friedman 2009, The Elements of Statistical Learning, sec. 2.4. No factor ½.

    Oracle: torch.nn.functional.mse_loss; sklearn.metrics.mean_squared_error.

    Example:
        >>> import torch
        >>> from dlref.training.losses import mse_loss
        >>> mse_loss(torch.tensor([1.0, 2.0, 6.0]), torch.tensor([1.0, 2.0, 3.0]))
        tensor(3.)
    """
    return _reduce(_error(prediction, target, reduction).square(), reduction, prediction)


def mse_loss_gradient(
    prediction: Float[Tensor, "*shape"], target: Float[Tensor, "*shape"], *, reduction: Reduction = "mean"
) -> Float[Tensor, "*shape"]:
    """Differentiate mse_loss by the prediction: 2 (prediction - target), over the number of entries for the mean.

    Source: the derivative of mse_loss.

    Oracle: torch.autograd through torch.nn.functional.mse_loss; central differences.

    Example:
        >>> import torch
        >>> from dlref.training.losses import mse_loss_gradient
        >>> mse_loss_gradient(torch.tensor([1.0, 2.0, 6.0]), torch.tensor([1.0, 2.0, 3.0]))
        tensor([0., 0., 2.])
    """
    return _share(2 * _error(prediction, target, reduction), reduction, prediction)


def l1_loss(
    prediction: Float[Tensor, "*shape"], target: Float[Tensor, "*shape"], *, reduction: Reduction = "mean"
) -> Float[Tensor, "*shape"] | Float[Tensor, ""]:
    """Take the size of each error, |prediction - target|; the mean is the mean absolute error (MAE).

    The gradient is the sign of the error, and 0 at an error of 0.

    Source: Hastie, Tibshirani, Friedman 2009, The Elements of Statistical Learning, sec. 2.4.

    Oracle: torch.nn.functional.l1_loss; sklearn.metrics.mean_absolute_error.

    Example:
        >>> import torch
        >>> from dlref.training.losses import l1_loss
        >>> l1_loss(torch.tensor([1.0, 2.0, 6.0]), torch.tensor([1.0, 2.0, 3.0]))
        tensor(1.)
    """
    return _reduce(_error(prediction, target, reduction).abs(), reduction, prediction)


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
        reduction: "mean", "sum" or "none".

    Source: Huber 1964, doi:10.1214/aoms/1177703732. torch's smooth_l1_loss is this divided by its beta = delta.

    Oracle: torch.nn.functional.huber_loss.

    Example:
        >>> import torch
        >>> from dlref.training.losses import huber_loss
        >>> huber_loss(torch.tensor([0.5, 6.0]), torch.tensor([0.0, 3.0]), reduction="none")
        tensor([0.1250, 2.5000])
    """
    _require(delta > 0, "delta must be positive", delta)
    size = _error(prediction, target, reduction).abs()
    clipped = size.clamp(max=delta)  # |e| below delta and delta above it: one product gives both branches
    return _reduce(clipped * (size - clipped / 2), reduction, prediction)


def huber_loss_gradient(
    prediction: Float[Tensor, "*shape"],
    target: Float[Tensor, "*shape"],
    *,
    delta: float = 1.0,
    reduction: Reduction = "mean",
) -> Float[Tensor, "*shape"]:
    """Differentiate huber_loss by the prediction: the error, clipped to ± delta, over their number for the mean.

    Source: Huber 1964, doi:10.1214/aoms/1177703732, where it is called ψ.

    Oracle: torch.autograd through torch.nn.functional.huber_loss; central differences.

    Example:
        >>> import torch
        >>> from dlref.training.losses import huber_loss_gradient
        >>> huber_loss_gradient(torch.tensor([0.5, 6.0]), torch.tensor([0.0, 3.0]), reduction="sum")
        tensor([0.5000, 1.0000])
    """
    _require(delta > 0, "delta must be positive", delta)
    return _share(_error(prediction, target, reduction).clamp(-delta, delta), reduction, prediction)


def binary_cross_entropy(
    probabilities: Float[Tensor, "*shape"], target: Float[Tensor, "*shape"], *, reduction: Reduction = "mean"
) -> Float[Tensor, "*shape"] | Float[Tensor, ""]:
    """Measure how surprised probabilities of "yes" are by targets, 1 for yes and 0 for no.

    -(y log p + (1 - y) log(1 - p)); its gradient is (p - y) / (p (1 - p))

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
    _check_pair(probabilities, target, reduction, "probabilities")
    _check_between_0_and_1(probabilities=probabilities, target=target)
    p, y = _wide(probabilities), _wide(target)
    return _reduce(-(y * _stopped_log(p) + (1 - y) * _stopped_log(1 - p)), reduction, probabilities)


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
        logits: Any real numbers; no sigmoid before, it is in here.
        target: 0 or 1, or a probability between them.
        pos_weight: How many times a positive target counts; not negative. torch takes a tensor.
        reduction: "mean" over all entries (their number, whatever pos_weight), "sum" or "none".

    Source: Goodfellow, Bengio, Courville 2016, Deep Learning, sec. 6.2.2.2.

    Oracle: torch.nn.functional.binary_cross_entropy_with_logits.

    Example:
        >>> import torch
        >>> from dlref.training.losses import binary_cross_entropy_with_logits
        >>> binary_cross_entropy_with_logits(torch.tensor([0.0, -1000.0]), torch.tensor([1.0, 1.0]), reduction="none")
        tensor([6.9315e-01, 1.0000e+03])
    """
    z, y = _checked_logits(logits, target, pos_weight, reduction)
    zero = z.new_zeros(())  # log(1 + exp(z)) is the log-sum-exp of z and 0
    loss = pos_weight * y * torch.logaddexp(-z, zero) + (1 - y) * torch.logaddexp(z, zero)
    return _reduce(loss, reduction, logits)


def binary_cross_entropy_with_logits_gradient(
    logits: Float[Tensor, "*shape"],
    target: Float[Tensor, "*shape"],
    *,
    pos_weight: float = 1.0,
    reduction: Reduction = "mean",
) -> Float[Tensor, "*shape"]:
    """Differentiate binary_cross_entropy_with_logits by the logits: p - y with p = sigmoid(z).

    With a weight (1 - y) p - pos_weight y (1 - p); over the number of entries for the mean.

    Source: Goodfellow, Bengio, Courville 2016, Deep Learning, sec. 6.2.2.2.

    Oracle: torch.autograd through torch.nn.functional.binary_cross_entropy_with_logits; central differences.

    Example:
        >>> import torch
        >>> from dlref.training.losses import binary_cross_entropy_with_logits_gradient
        >>> binary_cross_entropy_with_logits_gradient(torch.tensor([0.0, -1000.0]), torch.tensor([1.0, 1.0]))
        tensor([-0.2500, -0.5000])
    """
    z, y = _checked_logits(logits, target, pos_weight, reduction)
    return _share((1 - y) * z.sigmoid() - pos_weight * y * (-z).sigmoid(), reduction, logits)


def nll_loss(
    log_probabilities: Float[Tensor, "batch classes *positions"],
    target: Int[Tensor, "batch *positions"],
    *,
    weight: Float[Tensor, " classes"] | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
) -> Float[Tensor, "batch *positions"] | Float[Tensor, ""]:
    """Read off the log-probability of the right class and change its sign: the negative log-likelihood.

    -weight[target] log_probabilities[target]; its gradient is -weight[target] there and 0 elsewhere

    Args:
        log_probabilities: Logarithms of probabilities, classes on axis 1. Nothing checks that these sum to 1.
        target: The index of the right class, or ignore_index.
        weight: How much each class counts; 1 if left out.
        ignore_index: A target that counts for nothing: padding, say.
        reduction: "mean", the sum over the sum of the weights that counted; "sum"; or "none", 0 where ignored.

    Source: Goodfellow, Bengio, Courville 2016, Deep Learning, sec. 5.5.

    Oracle: torch.nn.functional.nll_loss.

    Example:
        >>> import torch
        >>> from dlref.training.losses import nll_loss
        >>> nll_loss(torch.tensor([[0.2, 0.8], [0.5, 0.5]]).log(), torch.tensor([1, 0]), reduction="none")
        tensor([0.2231, 0.6931])
    """
    keep, index, counts = _checked_classes(log_probabilities, target, weight, ignore_index, reduction)
    picked = _wide(log_probabilities).gather(1, index.unsqueeze(1)).squeeze(1)  # (batch, *positions)
    loss = (-counts * picked).where(keep, 0)  # where, not a product: 0 · ∞ is NaN
    return _reduce(loss, reduction, log_probabilities, counts.sum())


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

    -log p[target] with p = softmax(z), which is log Σ exp(z) - z[target]; smoothed and weighted
    -Σ weight q log p with q = (1 - label_smoothing) one_hot(target) + label_smoothing / classes

    Args:
        logits: Any real numbers, classes on axis 1; no softmax before, it is in here.
        target: The index of the right class, or ignore_index. torch takes probabilities too.
        weight: How much each class counts; 1 if left out.
        ignore_index: A target that counts for nothing: padding, say.
        label_smoothing: The part of the target spread evenly over all classes, between 0 and 1.
        reduction: "mean", the sum over the sum of weight[target] that counted; "sum"; or "none", 0 where ignored.

    Source: Goodfellow, Bengio, Courville 2016, Deep Learning, sec. 6.2.2.3; smoothing: Szegedy et al. 2016,
    arXiv:1512.00567, sec. 7.

    Oracle: torch.nn.functional.cross_entropy; sklearn.metrics.log_loss.

    Example:
        >>> import torch
        >>> from dlref.training.losses import cross_entropy
        >>> cross_entropy(torch.tensor([[0.0, 0.0], [1000.0, 0.0]]), torch.tensor([0, 1]), reduction="none")
        tensor([6.9315e-01, 1.0000e+03])
    """
    keep, index, counts = _checked_classes(logits, target, weight, ignore_index, reduction, label_smoothing)
    log_p = _log_softmax(_wide(logits))
    loss = -counts * log_p.gather(1, index.unsqueeze(1)).squeeze(1)  # (batch, *positions)
    if label_smoothing:
        spread = log_p if weight is None else log_p * _along_classes(weight, log_p)
        loss = (1 - label_smoothing) * loss - label_smoothing * spread.mean(dim=1)
    return _reduce(loss.where(keep, 0), reduction, logits, counts.sum())


def cross_entropy_gradient(
    logits: Float[Tensor, "batch classes *positions"],
    target: Int[Tensor, "batch *positions"],
    *,
    weight: Float[Tensor, " classes"] | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
) -> Float[Tensor, "batch classes *positions"]:
    """Differentiate cross_entropy by the logits: p - q with p = softmax(z) and q the (smoothed) one-hot target.

    With weights p Σ(weight q) - weight q; over the sum of weight[target] for the mean; 0 where ignored.

    Source: Goodfellow, Bengio, Courville 2016, Deep Learning, sec. 6.2.2.3.

    Oracle: torch.autograd through torch.nn.functional.cross_entropy; central differences.

    Example:
        >>> import torch
        >>> from dlref.training.losses import cross_entropy_gradient
        >>> cross_entropy_gradient(torch.tensor([[0.0, 0.0], [1000.0, 0.0]]), torch.tensor([0, 1]), reduction="sum")
        tensor([[-0.5000,  0.5000],
                [ 1.0000, -1.0000]])
    """
    keep, index, counts = _checked_classes(logits, target, weight, ignore_index, reduction, label_smoothing)
    p = _log_softmax(_wide(logits)).exp()
    one_hot = torch.zeros_like(p).scatter(1, index.unsqueeze(1), 1)
    q = (1 - label_smoothing) * one_hot + label_smoothing / p.shape[1]
    if weight is not None:
        q = q * _along_classes(weight, q)
    gradient = p * q.sum(dim=1, keepdim=True) - q
    return _share(gradient, reduction, logits, counts.sum()).where(keep.unsqueeze(1), 0)


def _log_softmax(logits: Float[Tensor, "batch classes *positions"]) -> Float[Tensor, "batch classes *positions"]:
    """Return z - log Σ exp(z); shifted by the largest logit, no exponential overflows and one of them is 1."""
    shifted = logits - logits.amax(dim=1, keepdim=True).detach()  # the shift cancels, in the gradient too
    return shifted - shifted.exp().sum(dim=1, keepdim=True).log()


def _stopped_log(p: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return log(p), not below -100, with a finite gradient at 0."""
    positive = p > 0
    return p.where(positive, 1).log().clamp(min=-100).where(positive, -100)


def _along_classes(weight: Float[Tensor, " classes"], scores: Tensor) -> Tensor:
    return weight.to(scores.dtype).reshape(-1, *[1] * (scores.ndim - 2))  # (classes, 1, ...), against axis 1


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _reduce(loss: Tensor, reduction: Reduction, like: Tensor, count: Tensor | None = None) -> Tensor:
    """Reduce losses; the mean divides by count, or by their number."""
    if reduction != "none":
        loss = loss.sum() / (1 if reduction == "sum" else loss.numel() if count is None else count)
    return loss.to(like.dtype)


def _share(gradient: Tensor, reduction: Reduction, like: Tensor, count: Tensor | None = None) -> Tensor:
    """Scale the gradients of single losses to those of the reduced loss."""
    if reduction == "mean":
        gradient = gradient / (gradient.numel() if count is None else count)
    return gradient.to(like.dtype)


def _error(prediction: Tensor, target: Tensor, reduction: str) -> Tensor:
    _check_pair(prediction, target, reduction, "prediction")
    return _wide(prediction) - _wide(target)


def _checked_logits(logits: Tensor, target: Tensor, pos_weight: float, reduction: str) -> tuple[Tensor, Tensor]:
    _check_pair(logits, target, reduction, "logits")
    _check_between_0_and_1(target=target)
    _require(pos_weight >= 0, "pos_weight must not be negative", pos_weight)
    return _wide(logits), _wide(target)


def _checked_classes(
    scores: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    label_smoothing: float = 0.0,
) -> tuple[Bool[Tensor, "batch *positions"], Int[Tensor, "batch *positions"], Float[Tensor, "batch *positions"]]:
    """Return which targets count, a valid class index for every one, and how much each counts."""
    _check_reduction(reduction)
    _require(0 <= label_smoothing <= 1, "label_smoothing must lie in [0, 1]", label_smoothing)
    if target.is_floating_point() or target.is_complex() or target.dtype == torch.bool:
        raise TypeError(f"target must hold class indices, integers, got {target.dtype}")
    _require(
        scores.ndim >= 2 and target.shape == scores.shape[:1] + scores.shape[2:],
        "the axes must be (batch, classes, *positions) and those of target (batch, *positions)",
        f"{tuple(scores.shape)} and target {tuple(target.shape)}",
    )
    classes, target = scores.shape[1], target.long()
    if weight is not None:
        _require(weight.shape == (classes,), f"weight must hold one number a class, ({classes},)", tuple(weight.shape))
    keep = target != ignore_index
    if not target.is_meta:  # there, no values to look at
        outside = target[keep & ((target < 0) | (target >= classes))].unique().tolist()
        _require(not outside, f"target must be a class, 0 to {classes - 1}, or ignore_index {ignore_index}", outside)
    index, counts = target.where(keep, 0), keep.to(_wide(scores).dtype)
    return keep, index, counts if weight is None else counts * weight.to(counts.dtype)[index]


def _check_pair(first: Tensor, target: Tensor, reduction: str, name: str) -> None:
    _check_reduction(reduction)
    rule = f"{name} and target must have the same shape, nothing broadcasts"
    _require(first.shape == target.shape, rule, f"{name} {tuple(first.shape)}, target {tuple(target.shape)}")


def _check_reduction(reduction: str) -> None:
    _require(reduction in ("none", "mean", "sum"), "reduction must be 'none', 'mean' or 'sum'", repr(reduction))


def _check_between_0_and_1(**named: Tensor) -> None:
    for name, x in named.items():
        if x.numel() and not x.is_meta:
            low, high = (bound.item() for bound in x.detach().aminmax())
            _require(low >= 0 and high <= 1, f"{name} must lie in [0, 1]", f"values from {low:g} to {high:g}")


def _require(holds: bool, rule: str, got: object) -> None:
    if not holds:
        raise ValueError(f"{rule}, got {got}")
