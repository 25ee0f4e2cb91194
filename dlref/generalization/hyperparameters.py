"""Search for hyperparameters: a grid, a random sample, successive halving, Hyperband, a Gaussian process. In NumPy.

A candidate is a dictionary of hyperparameters. A loss is one number on validation data: lower is better, NaN is worst.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

Candidate = dict[str, Any]
Schedule = list[tuple[int, int]]  # a round each: how many candidates, and the resource of each
Evaluate = Callable[[Candidate, int], float]  # the validation loss of a candidate after training with a resource
Values = Float[np.ndarray, "*shape"]


@dataclass(frozen=True)
class Uniform:
    """Any number from low to high, evenly: low + q (high − low) for q in [0, 1]; with log, low (high / low)^q.

    Raises:
        ValueError: not low < high, both finite; or log, and low is not positive.

    Source: Bergstra, Bengio 2012, JMLR 13:281, section 2.
    Oracle: scipy.stats.uniform and scipy.stats.loguniform: ppf.

    Example:
        >>> from dlref.generalization.hyperparameters import Uniform
        >>> [(Uniform(0.5, 1.0).ppf(q), round(Uniform(1e-4, 1.0, log=True).ppf(q), 4)) for q in (0.0, 0.5, 1.0)]
        [(0.5, 0.0001), (0.75, 0.01), (1.0, 1.0)]
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        least = 0 if self.log else -math.inf
        if not least < self.low < self.high < math.inf:
            raise ValueError(f"need {least} < low < high < inf, got low {self.low} and high {self.high}")

    def ppf(self, q: float) -> float:
        """Return the value that is not exceeded with probability q."""
        if self.log:
            return math.exp((1 - q) * math.log(self.low) + q * math.log(self.high))
        return (1 - q) * self.low + q * self.high


def parameter_grid(space: Mapping[str, Sequence[Any]]) -> list[Candidate]:
    """Combine every value of every hyperparameter with all others: ∏ len(values) candidates.

    Raises:
        ValueError: a hyperparameter has no value.

    Source: Bergstra, Bengio 2012, JMLR 13:281, section 1.
    Oracle: sklearn.model_selection.ParameterGrid, order included.

    Example:
        >>> from dlref.generalization.hyperparameters import parameter_grid
        >>> parameter_grid({"lr": [0.1, 0.01], "depth": [2]})
        [{'depth': 2, 'lr': 0.1}, {'depth': 2, 'lr': 0.01}]
    """
    if empty := [name for name, values in space.items() if not len(values)]:
        raise ValueError(f"every hyperparameter needs a value, got none for {', '.join(empty)}")
    return [dict(zip(sorted(space), values, strict=True)) for values in product(*(space[n] for n in sorted(space)))]


def parameter_sample(space: Mapping[str, Any], n_iter: int, rng: np.random.Generator) -> list[Candidate]:
    """Draw candidates: each hyperparameter from its distribution, independently of the others.

    The space holds for each name a distribution (anything with ``ppf``, so scipy.stats, too) or a sequence of values.
    If all are sequences, no candidate comes twice, and there are at most as many as the grid holds.

    Raises:
        ValueError: n_iter is negative, or a hyperparameter has no value.

    Source: Bergstra, Bengio 2012, JMLR 13:281.
    Oracle: sklearn.model_selection.ParameterSampler: counts; each candidate equally likely (chi-square).

    Example:
        >>> import numpy as np
        >>> from dlref.generalization.hyperparameters import Uniform, parameter_sample
        >>> space = {"lr": Uniform(1e-4, 1.0, log=True), "depth": [1, 2, 3]}
        >>> [(drawn["depth"], f"{drawn['lr']:.1g}") for drawn in parameter_sample(space, 3, np.random.default_rng(0))]
        [(1, '0.04'), (1, '0.0001'), (3, '0.2')]
    """
    if n_iter < 0:
        raise ValueError(f"n_iter must not be negative, got {n_iter}")
    finite = {name: values for name, values in space.items() if not hasattr(values, "ppf")}
    grid = parameter_grid(finite)
    if len(finite) == len(space):
        return [grid[i] for i in rng.choice(len(grid), min(n_iter, len(grid)), replace=False)]
    draws = [(name, getattr(values, "ppf", lambda q, v=values: v[int(q * len(v))])) for name, values in space.items()]
    return [{name: ppf(rng.random()) for name, ppf in draws} for _ in range(n_iter)]


def _exponent(number: int, base: int) -> int:
    return next(power for power in range(number) if base ** (power + 1) > number)  # ⌊log_base number⌋, exactly


class _Trial(NamedTuple):
    candidate: Candidate
    resource: int  # that it was trained with
    loss: float


def halving_schedule(n_candidates: int, min_resource: int, max_resource: int, factor: int = 3) -> Schedule:
    """Plan the rounds: n, ⌈n/factor⌉, … candidates with the resource r, r · factor, … up to max_resource.

    Counted in integers: scikit-learn takes the logarithm, gets 4.999… for 243 = 3⁵, and stops a round early.

    Raises:
        ValueError: no candidate, factor below 2, or not 1 ≤ min_resource ≤ max_resource.

    Source: Jamieson, Talwalkar 2016, arXiv:1502.07943; the rounding is scikit-learn's.
    Oracle: sklearn.model_selection.HalvingGridSearchCV: n_candidates_, n_resources_.

    Example:
        >>> from dlref.generalization.hyperparameters import halving_schedule
        >>> halving_schedule(27, min_resource=1, max_resource=27)
        [(27, 1), (9, 3), (3, 9), (1, 27)]
    """
    if n_candidates < 1 or factor < 2 or not 1 <= min_resource <= max_resource:
        given = f"{n_candidates}, {factor}, {min_resource}, {max_resource}"
        raise ValueError(f"need n_candidates ≥ 1, factor ≥ 2, 1 ≤ min_resource ≤ max_resource: got {given}")
    rounds = 1 + min(_exponent(n_candidates, factor), _exponent(max_resource // min_resource, factor))
    return [(-(-n_candidates // factor**i), min_resource * factor**i) for i in range(rounds)]


def successive_halving(evaluate: Evaluate, candidates: Iterable[Candidate], schedule: Schedule) -> list[_Trial]:
    """Train all candidates briefly, keep the best for the next round with more resource, and so on; list every trial.

    Raises:
        ValueError: the first round of the schedule does not fit the number of candidates.

    Source: Jamieson, Talwalkar 2016, arXiv:1502.07943. Each round is paid in full, nothing is resumed.
    Oracle: sklearn.model_selection.HalvingGridSearchCV: every candidate of every round.

    Example:
        >>> from dlref.generalization.hyperparameters import halving_schedule, successive_halving
        >>> some = [{"x": x} for x in range(9)]
        >>> trials = successive_halving(lambda one, resource: (one["x"] - 4) ** 2, some, halving_schedule(9, 1, 9))
        >>> len(trials), trials[-1].candidate, trials[-1].resource, trials[-1].loss
        (13, {'x': 4}, 9, 0)
    """
    left, trials = list(candidates), []
    if not schedule or schedule[0][0] != len(left):
        raise ValueError(f"the schedule is not for {len(left)} candidates: {schedule}")
    for n_left, resource in schedule:
        left = left[:n_left]
        trials += (ran := [_Trial(candidate, resource, evaluate(candidate, resource)) for candidate in left])
        left = [trial.candidate for trial in sorted(ran, key=lambda t: math.inf if math.isnan(t.loss) else t.loss)]
    return trials


def hyperband_brackets(max_resource: int, eta: int = 3, variant: str = "table") -> list[Schedule]:
    """Plan one successive halving for each s = s_max, …, 0: from many short trials to a few full ones.

    s_max = ⌊log_eta R⌋, and bracket s starts with n candidates at ⌊R / eta^s⌋. The paper has two n: its table has
    n = ⌊(s_max + 1) / (s + 1)⌋ eta^s, its algorithm n = ⌈(s_max + 1) eta^s / (s + 1)⌉. In each round ⌊n / eta⌋ stay.

    Raises:
        ValueError: max_resource below 1, eta below 2, or an unknown variant.

    Source: Li, Jamieson, DeSalvo, Rostamizadeh, Talwalkar 2016, arXiv:1603.06560, table 1 and algorithm 1.
    Oracle: that table, R = 81 and eta = 3.

    Example:
        >>> from dlref.generalization.hyperparameters import hyperband_brackets
        >>> hyperband_brackets(9)
        [[(9, 1), (3, 3), (1, 9)], [(3, 3), (1, 9)], [(3, 9)]]
    """
    if max_resource < 1 or eta < 2 or variant not in ("table", "algorithm"):
        raise ValueError(f"need max_resource ≥ 1, eta ≥ 2, 'table' or 'algorithm': {max_resource}, {eta}, {variant!r}")
    brackets, most = [], _exponent(max_resource, eta)
    for s in range(most, -1, -1):
        n = (most + 1) // (s + 1) * eta**s if variant == "table" else -(-(most + 1) * eta**s // (s + 1))
        brackets.append([(n // eta**i, max_resource // eta ** (s - i)) for i in range(s + 1)])
    return brackets


def gaussian_process(
    X: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, "n"],
    X_new: Float[np.ndarray, "m d"],
    length_scale: float = 1.0,
    noise: float = 1e-10,
) -> tuple[Float[np.ndarray, "m"], Float[np.ndarray, "m"]]:
    """Guess a function from n values: mean kᵀK⁻¹y, variance 1 − kᵀK⁻¹k, kernel e^(−‖x − x′‖² / 2 length_scale²).

    K holds the kernel between all X, plus noise on its diagonal, k the kernel from X to a new point. Returns means and
    standard deviations; far from all X they are 0 and 1, so scale y accordingly.

    Raises:
        ValueError: X, y and X_new do not fit, length_scale or noise is not positive, or y is not finite.

    Source: Rasmussen, Williams 2006, Gaussian processes for machine learning, algorithm 2.1.
    Oracle: sklearn.gaussian_process.GaussianProcessRegressor(RBF(length_scale), alpha=noise, optimizer=None).

    Example:
        >>> import numpy as np
        >>> from dlref.generalization.hyperparameters import gaussian_process
        >>> X, y = np.array([[0.0], [2.0]]), np.array([1.0, -1.0])
        >>> gaussian_process(X, y, np.array([[0.0], [1.0], [9.0]]))[1].round(2)
        array([0.  , 0.59, 1.  ])
    """
    if X.ndim != 2 or y.shape != X.shape[:1] or X_new.ndim != 2 or X_new.shape[1] != X.shape[1]:
        raise ValueError(f"need X (n, d), y (n,), X_new (m, d): got {X.shape}, {y.shape}, {X_new.shape}")
    if not (length_scale > 0 and noise > 0 and np.isfinite(y).all()):
        raise ValueError(f"need length_scale and noise > 0 and finite y: {length_scale}, {noise}, {y.tolist()}")

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:  # (len(a), len(b))
        return np.exp(-(((a[:, None] - b) / length_scale) ** 2).sum(axis=-1) / 2)

    chol = np.linalg.cholesky(kernel(X, X) + noise * np.eye(len(X)))
    whitened = np.linalg.solve(chol, np.column_stack([y, kernel(X, X_new)]))  # (n, 1 + m)
    target, cross = whitened[:, 0], whitened[:, 1:]
    return target @ cross, np.sqrt(np.maximum(1 - (cross**2).sum(axis=0), 0))


def expected_improvement(mean: Values, std: Values, best: float) -> Values:
    """Weigh by how much, and how surely, a point may fall below the best loss: E max(best − f, 0), f ~ N(mean, std²).

    = (best − mean) Φ(z) + std φ(z) with z = (best − mean) / std, and max(best − mean, 0) where std is 0.

    Raises:
        ValueError: mean and std differ in shape, or a std is negative.

    Source: Jones, Schonlau, Welch 1998, doi:10.1023/A:1008306431147, equation 15.
    Oracle: numerical integration of the expectation (scipy.integrate.quad).

    Example:
        >>> import numpy as np
        >>> from dlref.generalization.hyperparameters import expected_improvement
        >>> expected_improvement(np.array([0.9, 1.0, 1.5]), np.array([0.0, 0.5, 2.0]), best=1.0).round(4)
        array([0.1   , 0.1995, 0.5727])
    """
    if mean.shape != std.shape or (std < 0).any():
        raise ValueError(f"need one std ≥ 0 for each mean: shapes {mean.shape} and {std.shape}, std {std.tolist()}")
    gain = best - mean
    z = np.clip(gain, -40 * std, 40 * std) / np.where(std > 0, std, 1)  # beyond ±40 Φ is 0 or 1
    below = np.array([math.erfc(-one / math.sqrt(2)) / 2 for one in z.flat]).reshape(z.shape)  # Φ(z), its tail exact
    improvement = gain * below + std * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return np.maximum(np.where(std > 0, improvement, gain), 0)
