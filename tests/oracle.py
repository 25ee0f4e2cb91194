"""Comparing a name of dlref with an independent implementation, and noting the result for the verification record."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sitekit.verification import Row


class Verify:
    """What the ``verify`` fixture hands to a test: compare, assert, record."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows

    def __call__(
        self,
        ours: Callable[..., Any],
        reference: Callable[..., Any],
        cases: Iterable[tuple[Any, ...]],
        *,
        oracle: str,
        name: Any = None,
        values: float = 1e-14,
        gradients: float | None = 1e-14,
    ) -> None:
        """Assert that ``ours(*case)`` equals ``reference(*case)`` for every case, values and gradients, and record it.

        Args:
            ours: The name of dlref, or a closure around it (then say ``name=``).
            reference: The independent implementation.
            cases: Tuples of positional arguments. Floating tensors get gradients.
            oracle: What the reference is, as the page shows it.
            name: The function or class of dlref that is proved, if ``ours`` is not it.
            values: The largest error allowed, relative to max(1, largest entry of the reference).
            gradients: The same for the gradient of every floating tensor; None where there is none to compare.
        """
        value_error, gradient_error, dtype, count = 0.0, 0.0, "float64", 0
        for case in cases:
            count += 1
            mine, theirs = (_differentiable(case) if gradients is not None else case for _ in range(2))
            got, want = ours(*mine), reference(*theirs)
            value_error = max(value_error, error(got, want))
            dtype = str(_array(want).dtype)
            if gradients is not None:
                gradient_error = max(gradient_error, _gradient_error(got, want, mine, theirs))
        assert count, "no cases: nothing was compared"
        proved = name or ours
        assert value_error <= values, (
            f"{proved.__qualname__}: values differ from {oracle} by {value_error:.3g} > {values:.0e}"
        )
        if gradients is not None:
            assert gradient_error <= gradients, (
                f"{proved.__qualname__}: gradients differ from {oracle} by {gradient_error:.3g} > {gradients:.0e}"
            )
        self.record(proved, oracle, value_error, gradient_error if gradients is not None else None, dtype)

    def record(
        self, name: Any, oracle: str, values: float, gradients: float | None = None, dtype: str = "float64"
    ) -> None:
        """Note a comparison that the test made and asserted itself."""
        row = Row(f"{name.__module__}.{name.__qualname__}", oracle, dtype, float(values), gradients)
        self._rows.append(row)


def error(got: Any, want: Any) -> float:
    """Return the largest difference over max(1, largest finite entry of want); infinite if shapes differ."""
    a, b = _array(got), _array(want)
    if a.shape != b.shape:
        return float("inf")
    if not b.size:
        return 0.0
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    finite = np.isfinite(b)
    difference = np.where(same, 0.0, np.abs(np.where(same, 0.0, a) - np.where(same, 0.0, b)))
    scale = max(1.0, float(np.abs(b[finite]).max(initial=0.0)))
    return float(difference.max()) / scale if np.isfinite(difference).all() else float("inf")


def _array(value: Any) -> np.ndarray:
    if isinstance(value, Tensor):
        value = value.detach().cpu()
        value = value.float() if value.dtype in (torch.float16, torch.bfloat16) else value
        value = value.numpy()
    array = np.asarray(value)
    return array if array.dtype.kind in "fc" else array.astype(np.float64)


def _differentiable(case: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(
        x.detach().clone().requires_grad_() if isinstance(x, Tensor) and x.is_floating_point() else x for x in case
    )


def _gradient_error(got: Tensor, want: Tensor, mine: tuple[Any, ...], theirs: tuple[Any, ...]) -> float:
    generator = torch.Generator().manual_seed(want.numel())
    cotangent = torch.randn(want.shape, generator=generator, dtype=torch.float64).to(want)
    ours = [x for x in mine if isinstance(x, Tensor) and x.requires_grad]
    others = [x for x in theirs if isinstance(x, Tensor) and x.requires_grad]
    grads = torch.autograd.grad(got, ours, cotangent, allow_unused=True, materialize_grads=True)
    wants = torch.autograd.grad(want, others, cotangent, allow_unused=True, materialize_grads=True)
    return max((error(g, w) for g, w in zip(grads, wants, strict=True)), default=0.0)
