"""Watching gradients on their way back, and clipping them: norms by layer and by time lag, Jacobians, two ways to clip.

The gradient that reaches a layer, or a time step, is the gradient at the end times the Jacobians of all that lies
between. Their singular values say whether it shrinks, keeps its size, or grows.
"""

from collections.abc import Callable, Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

Parameters = Float[Tensor, "..."] | Iterable[Float[Tensor, "..."]]


def total_norm(tensors: Parameters, norm_type: float = 2.0) -> Float[Tensor, ""]:
    """Measure tensors as if they were one long vector: (Σ |g|ᵖ)^(1/p) with p = norm_type; no tensors have norm 0.

    Half precision is summed and returned in float32, where torch would overflow at 65504.

    Raises:
        ValueError: norm_type is not above 0.

    Source: Pascanu, Mikolov, Bengio 2013, arXiv:1211.5063, algorithm 1: the norm over all parameters together.
    Oracle: torch.nn.utils.get_total_norm; numpy.linalg.norm of the concatenation.

    Example:
        >>> import torch
        >>> from dlref.training.gradient_flow import total_norm
        >>> total_norm([torch.tensor([3.0, 0.0]), torch.tensor([[4.0]])])
        tensor(5.)
    """
    if not norm_type > 0:
        raise ValueError(f"norm_type must be above 0, got {norm_type}")
    norms = [_norm(tensor, norm_type) for tensor in _several(tensors) if tensor.numel()]
    if not norms:
        return torch.tensor(0.0)
    return torch.linalg.vector_norm(torch.stack([norm.to(norms[0].device) for norm in norms]), norm_type)


def clip_grad_norm_(
    parameters: Parameters, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Float[Tensor, ""]:
    """Shorten the gradient of all parameters together, keep its direction: g ← g · min(1, max_norm / (‖g‖ + 10⁻⁶)).

    Returns:
        ‖g‖ as it was before: the number to log.

    Raises:
        ValueError: max_norm is below 0; or ‖g‖ is not finite, where error_if_nonfinite asks for that. Otherwise an
            infinite entry turns into NaN and all others into 0, and a NaN spreads to every parameter.

    Source: Pascanu, Mikolov, Bengio 2013, arXiv:1211.5063, algorithm 1; the 10⁻⁶ is torch's.
    Oracle: torch.nn.utils.clip_grad_norm_.

    Example:
        >>> import torch
        >>> from dlref.training.gradient_flow import clip_grad_norm_
        >>> w = torch.zeros(2, requires_grad=True)
        >>> w.grad = torch.tensor([30.0, 4.0])
        >>> print(clip_grad_norm_([w], max_norm=5.0), w.grad)
        tensor(30.2655) tensor([4.9561, 0.6608])
    """
    if not max_norm >= 0:
        raise ValueError(f"max_norm must be at least 0, got {max_norm}")
    gradients = _gradients(parameters)
    norm = total_norm(gradients, norm_type)
    if error_if_nonfinite and not norm.isfinite():
        raise ValueError(f"the total norm of the gradients must be finite to clip by it, got {norm.item()}")
    factor = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(factor.to(gradient.device))  # even by 1: to ask whether it is 1 would wait for a GPU
    return norm


def clip_grad_value_(parameters: Parameters, clip_value: float) -> None:
    """Cut every entry of the gradients to a range, which turns the direction: gᵢ ← min(max(gᵢ, -c), c).

    Raises:
        ValueError: clip_value is below 0.

    Source: Goodfellow et al. 2016, section 10.11.1.
    Oracle: torch.nn.utils.clip_grad_value_.

    Example:
        >>> import torch
        >>> from dlref.training.gradient_flow import clip_grad_value_
        >>> w = torch.zeros(2, requires_grad=True)
        >>> w.grad = torch.tensor([30.0, 4.0])
        >>> clip_grad_value_([w], clip_value=5.0)
        >>> w.grad
        tensor([5., 4.])
    """
    if not clip_value >= 0:
        raise ValueError(f"clip_value must be at least 0, got {clip_value}")
    for gradient in _gradients(parameters):
        gradient.clamp_(-clip_value, clip_value)


def gradient_norms(model: nn.Module) -> dict[str, Float[Tensor, ""]]:
    """Measure the gradient of each parameter after backward(): {name: ‖∂L/∂w‖}, first layer first.

    Parameters without a gradient are left out: they were not part of the loss.

    Source: Glorot, Bengio 2010, PMLR 9:249, section 4.2, who plot gradients layer by layer.
    Oracle: torch.autograd.grad and numpy.linalg.norm.

    Example:
        >>> import torch
        >>> from dlref.training.gradient_flow import gradient_norms
        >>> model = torch.nn.Linear(4, 1)
        >>> model(torch.ones(1, 4)).sum().backward()
        >>> gradient_norms(model)
        {'weight': tensor(2.), 'bias': tensor(1.)}
    """
    return {name: total_norm(p.grad) for name, p in model.named_parameters() if p.grad is not None}


def gradient_by_lag(loss: Float[Tensor, ""], states: Sequence[Float[Tensor, "..."]]) -> Float[Tensor, " steps"]:
    """Measure what reaches each state of a chain, from the last one back: ‖∂L/∂h_T‖, ‖∂L/∂h_T-1‖, ...

    States are the hidden states of a recurrent network, or the outputs of successive layers. The graph is kept.

    Raises:
        ValueError: there are no states, or the loss does not depend on one of them.

    Source: Bengio, Simard, Frasconi 1994, doi:10.1109/72.279181.
    Oracle: the closed form ρᵏ for a linear recurrence with a rotation scaled by ρ; torch.autograd.functional.jacobian.

    Example:
        >>> import torch
        >>> from dlref.training.gradient_flow import gradient_by_lag
        >>> states = [torch.ones(1, requires_grad=True)]
        >>> for _ in range(3):
        ...     states.append(0.5 * states[-1])
        >>> gradient_by_lag(states[-1].sum(), states)
        tensor([1.0000, 0.5000, 0.2500, 0.1250])
    """
    if not states:
        raise ValueError("states must hold at least one state, got none")
    gradients = torch.autograd.grad(loss, list(states), retain_graph=True, allow_unused=True)
    norms = []
    for step, gradient in enumerate(gradients):
        if gradient is None:
            raise ValueError(f"the loss must depend on every state, but not on state {step} of {len(states)}")
        norms.append(total_norm(gradient.detach()))
    return torch.stack(norms[::-1])


def jacobian_singular_values(
    function: Callable[[Tensor], Tensor], x: Float[Tensor, "..."]
) -> Float[Tensor, " directions"]:
    """Say how much f stretches small changes of x, from the most to the least: the singular values of ∂f(x)/∂x.

    They bound the gradient's way back through f: ‖Jᵀg‖ lies between the least and the largest, times ‖g‖, if J is
    square. f takes one example, x; over a batch every example would count as inputs of all the others.

    Raises:
        ValueError: f(x) does not depend on x.

    Source: Pascanu, Mikolov, Bengio 2013, arXiv:1211.5063, section 2.1, on products of Jacobians.
    Oracle: torch.autograd.functional.jacobian and numpy.linalg.svd.

    Example:
        >>> import torch
        >>> from dlref.training.gradient_flow import jacobian_singular_values
        >>> jacobian_singular_values(lambda x: x * torch.tensor([3.0, 0.5]), torch.ones(2))
        tensor([3.0000, 0.5000])
    """
    point = x.detach().requires_grad_()
    with torch.enable_grad():
        y = function(point)
        entries = list(y.flatten())  # (outputs,), within the graph even where the caller has switched it off
    rows = []
    for entry in entries:
        row = torch.autograd.grad(entry, point, retain_graph=True, allow_unused=True)[0] if y.requires_grad else None
        if row is None:
            raise ValueError(
                f"function must return something that depends on x, got a constant of shape {tuple(y.shape)}"
            )
        rows.append(row.flatten())
    jacobian = torch.stack(rows) if rows else point.detach().new_empty(0, point.numel())
    return torch.linalg.svdvals(jacobian.float() if x.dtype in (torch.float16, torch.bfloat16) else jacobian)


def _norm(tensor: Tensor, norm_type: float) -> Tensor:
    dtype = torch.float32 if tensor.dtype in (torch.float16, torch.bfloat16) else None
    return torch.linalg.vector_norm(tensor.detach(), norm_type, dtype=dtype)


def _several(tensors: Parameters) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)  # iterating one tensor would yield its rows


def _gradients(parameters: Parameters) -> list[Tensor]:
    return [parameter.grad for parameter in _several(parameters) if parameter.grad is not None]
