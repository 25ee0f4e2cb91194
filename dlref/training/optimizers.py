"""Optimisers and schedules as pure functions, and one class that applies an optimiser in place.

A step maps (parameter, gradient, state) to a new parameter and a new state, and changes none of the three. A bad shape
or option raises ValueError. Formulas call the parameter w, the gradient g. Half precision is computed in float32.
"""

import functools
import math
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

import torch
from jaxtyping import Float
from torch import Tensor

Array = Float[Tensor, "*shape"]
State = dict[str, Any]
"""A parameter's past, {} at first, in torch's words: step, momentum_buffer, sum, square_avg, exp_avg, exp_avg_sq."""
Step = tuple[Array, State]
_Pair = tuple[float, float]
_Update = TypeVar("_Update", bound=Callable[..., Step])
_in_place: dict[Callable[..., Step], Callable[..., Step]] = {}


def _pure(update: _Update) -> _Update:
    """Hand copies to an update that writes into its arguments; Optimizer takes the update itself from _in_place."""

    @functools.wraps(update)
    @torch.no_grad()
    def step(parameter: Tensor, gradient: Tensor, state: State, **options: Any) -> Step:
        for name, value in options.items():
            limit = 1 if name in ("alpha", "betas") else math.inf
            if not all(0 <= number < limit for number in (value if name == "betas" else (value,))):
                raise ValueError(f"{name} must be at least 0 and below {limit}, got {value}")
        for name, x in {"gradient": gradient, **state}.items():
            if isinstance(x, Tensor) and x.shape != parameter.shape:
                raise ValueError(f"parameter and {name} differ in shape: {tuple(parameter.shape)}, {tuple(x.shape)}")
        own = {name: x.clone() if isinstance(x, Tensor) else x for name, x in state.items()}
        wide = torch.promote_types(parameter.dtype, torch.float32)
        w, own = update(parameter.to(wide, copy=True), gradient.to(wide), own, **options)
        return w.to(parameter.dtype), own

    _in_place[step] = update
    return cast(_Update, step)


def _moment(state: State, name: str, like: Tensor) -> Tensor:
    return state[name] if name in state else state.setdefault(name, torch.zeros_like(like))


@_pure
def sgd_step(
    parameter: Array,
    gradient: Array,
    state: State,
    *,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    nesterov: bool = False,
) -> Step:
    """Roll on: m ← momentum m + (1 - dampening) g, at first g; w ← w - lr m, or with nesterov - lr (g + momentum m).

    Source: Polyak 1964, doi:10.1016/0041-5553(64)90137-5; Sutskever et al. 2013, PMLR 28:1139, with lr outside of m.
    Oracle: torch.optim.SGD.

    Example:
        >>> import torch
        >>> from dlref.training.optimizers import sgd_step
        >>> sgd_step(torch.tensor([1.0]), torch.tensor([2.0]), {}, lr=0.1, momentum=0.9)
        (tensor([0.8000]), {'momentum_buffer': tensor([2.])})
    """
    if nesterov and (not momentum or dampening):
        raise ValueError(f"nesterov needs momentum > 0 and dampening = 0, got {momentum} and {dampening}")
    if not momentum:
        return parameter.add_(gradient, alpha=-lr), state
    share = 1 - dampening if "momentum_buffer" in state else 1
    m = _moment(state, "momentum_buffer", gradient).mul_(momentum).add_(gradient, alpha=share)
    return parameter.add_(gradient.add(m, alpha=momentum) if nesterov else m, alpha=-lr), state


@_pure
def adagrad_step(parameter: Array, gradient: Array, state: State, *, lr: float = 0.01, eps: float = 1e-10) -> Step:
    """Divide by all gradients so far: v ← v + g², w ← w - lr g / (√v + eps).

    Source: Duchi, Hazan, Singer 2011, JMLR 12:2121, the diagonal form.
    Oracle: torch.optim.Adagrad.

    Example:
        >>> import torch
        >>> from dlref.training.optimizers import adagrad_step
        >>> adagrad_step(torch.tensor([1.0]), torch.tensor([2.0]), {}, lr=0.1)
        (tensor([0.9000]), {'sum': tensor([4.])})
    """
    v = _moment(state, "sum", gradient).addcmul_(gradient, gradient)
    return parameter.addcdiv_(gradient, v.sqrt().add_(eps), value=-lr), state


@_pure
def rmsprop_step(
    parameter: Array, gradient: Array, state: State, *, lr: float = 0.01, alpha: float = 0.99, eps: float = 1e-8
) -> Step:
    """Divide by the size of the recent gradients: v ← alpha v + (1 - alpha) g² from 0, w ← w - lr g / (√v + eps).

    Source: Tieleman, Hinton 2012, Coursera, lecture 6.5. Not centred; eps outside the root (Keras: inside).
    Oracle: torch.optim.RMSprop.

    Example:
        >>> import torch
        >>> from dlref.training.optimizers import rmsprop_step
        >>> rmsprop_step(torch.tensor([1.0]), torch.tensor([2.0]), {}, lr=0.01)
        (tensor([0.9000]), {'square_avg': tensor([0.0400])})
    """
    v = _moment(state, "square_avg", gradient).mul_(alpha).addcmul_(gradient, gradient, value=1 - alpha)
    return parameter.addcdiv_(gradient, v.sqrt().add_(eps), value=-lr), state


@_pure
def adam_step(
    parameter: Array, gradient: Array, state: State, *, lr: float = 1e-3, betas: _Pair = (0.9, 0.999), eps: float = 1e-8
) -> Step:
    """Divide the mean gradient by its size: w ← w - lr m̂ / (√v̂ + eps), where m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ).

    m ← β₁ m + (1 - β₁) g and v ← β₂ v + (1 - β₂) g², both from 0. For an L2 penalty, add weight_decay · w to g.

    Source: Kingma, Ba 2014, arXiv:1412.6980, algorithm 1: eps outside the root and after the correction.
    Oracle: torch.optim.Adam.

    Example:
        >>> import torch
        >>> from dlref.training.optimizers import adam_step
        >>> adam_step(torch.tensor([1.0, 1.0]), torch.tensor([2e-3, 2e3]), {}, lr=0.1)[0]
        tensor([0.9000, 0.9000])
    """
    t = state["step"] = state.get("step", 0) + 1
    (beta1, beta2), g = betas, gradient
    m = _moment(state, "exp_avg", g).lerp_(g, 1 - beta1)
    v = _moment(state, "exp_avg_sq", g).mul_(beta2).addcmul_(g, g, value=1 - beta2)
    size = v.sqrt().div_(math.sqrt(1 - beta2**t)).add_(eps)
    return parameter.addcdiv_(m, size, value=-lr / (1 - beta1**t)), state


@_pure
def adamw_step(
    parameter: Array, gradient: Array, state: State, *, lr: float = 1e-3, weight_decay: float = 0.01, **options: Any
) -> Step:
    """Shrink the parameter, w ← (1 - lr weight_decay) w, then take adam_step, whose m and v know nothing of it.

    Source: Loshchilov, Hutter 2017, arXiv:1711.05101, algorithm 2, with lr on the decay, too, as in torch.
    Oracle: torch.optim.AdamW.

    Example:
        >>> import torch
        >>> from dlref.training.optimizers import adamw_step
        >>> adamw_step(torch.tensor([1.0]), torch.tensor([0.0]), {}, lr=0.1, weight_decay=0.5)[0]
        tensor([0.9500])
    """
    return _in_place[adam_step](parameter.mul_(1 - lr * weight_decay), gradient, state, lr=lr, **options)


@_pure
def lion_step(
    parameter: Array, gradient: Array, state: State, *, lr: float, betas: _Pair = (0.9, 0.99), weight_decay: float = 0.0
) -> Step:
    """Move each entry by lr: w ← (1 - lr weight_decay) w - lr sign(β₁ m + (1 - β₁) g), then m ← β₂ m + (1 - β₂) g.

    Source: Chen et al. 2023, arXiv:2302.06675, algorithm 2; m begins at 0.
    Oracle: the algorithm, number by number.

    Example:
        >>> import torch
        >>> from dlref.training.optimizers import lion_step
        >>> lion_step(torch.tensor([1.0, 1.0]), torch.tensor([-5.0, 1e-6]), {}, lr=0.1)[0]
        tensor([1.1000, 0.9000])
    """
    m = _moment(state, "exp_avg", gradient)
    direction = m.lerp(gradient, 1 - betas[0]).sign_()
    m.lerp_(gradient, 1 - betas[1])
    return parameter.mul_(1 - lr * weight_decay).add_(direction, alpha=-lr), state


class Optimizer:
    """Change parameters in place by a step function and its options; step(lr=...) overrides an option once.

    Source: Paszke et al. 2019, arXiv:1912.01703, the interface of torch.optim.
    Oracle: the classes of torch.optim.

    Example:
        >>> import torch
        >>> from dlref.training.optimizers import Optimizer, adam_step
        >>> w = torch.ones(2, requires_grad=True)
        >>> (w * torch.tensor([1.0, 100.0])).sum().backward()
        >>> Optimizer([w], adam_step, lr=0.1).step()
        >>> w
        tensor([0.9000, 0.9000], requires_grad=True)
    """

    def __init__(self, params: Iterable[Tensor], step_function: Callable[..., Step], **options: Any) -> None:
        self.params, self.step_function, self.options = list(params), step_function, options
        self.states: list[State] = [{} for _ in self.params]
        leaves = {id(x) for x in self.params if x.is_leaf}
        if not leaves or len(leaves) < len(self.params):
            raise ValueError(f"params must be different leaves, got {len(leaves)} among {len(self.params)} tensors")
        step_function(torch.zeros(0), torch.zeros(0), {}, **options)  # bad options fail here

    @torch.no_grad()
    def step(self, **changes: Any) -> None:
        """Change every parameter that has a gradient."""
        options, half = self.options | changes, (torch.float16, torch.bfloat16)
        update = _in_place.get(self.step_function)
        if changes:
            self.step_function(torch.zeros(0), torch.zeros(0), {}, **options)
        for parameter, state in zip(self.params, self.states, strict=True):
            gradient = parameter.grad
            if update and gradient is not None and parameter.dtype not in half:
                update(parameter, gradient, state, **options)
            elif gradient is not None:
                w, new = self.step_function(parameter, gradient, state, **options)
                parameter.copy_(w)
                state.update(new)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.params:
            parameter.grad = None


_SHAPES = {"linear": lambda x: x, "cosine": lambda x: (1 - math.cos(math.pi * x)) / 2, "step": lambda x: 0.0}


def schedule(step: int, start: float, *phases: tuple[str, int | float, float]) -> float:
    """Return the factor of lr at a step: start at step 0, then (shape, end, goal) by (shape, end, goal), goal at end.

    Source: Loshchilov, Hutter 2016, arXiv:1608.03983, eq. 5 (cosine); Goyal et al. 2017, arXiv:1706.02677 (warm-up).
    Oracle: StepLR, LinearLR, CosineAnnealingLR and OneCycleLR of torch.optim.lr_scheduler.

    Example:
        >>> from dlref.training.optimizers import schedule
        >>> [schedule(t, 0.5, ("linear", 10, 1.0), ("cosine", 110, 0.0)) for t in (0, 10, 60, 999)]
        [0.5, 1.0, 0.5, 0.0]
    """
    begin, factor = 0.0, None
    for shape, end, goal in phases:
        if step < 0 or shape not in _SHAPES or end <= begin:
            raise ValueError(f"a phase is one of {[*_SHAPES]} past {begin:g}, got {shape!r} to {end:g}, at step {step}")
        if factor is None and step < end:
            factor = start + (goal - start) * _SHAPES[shape]((step - begin) / (end - begin))
        begin, start = end, goal
    return start if factor is None else factor
