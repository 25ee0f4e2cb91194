"""Proofs of dlref.generalization.hyperparameters: scikit-learn, SciPy and the table of the Hyperband paper."""

import math
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from sklearn.base import BaseEstimator
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - makes the next import possible
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.model_selection import HalvingGridSearchCV, KFold, ParameterGrid, ParameterSampler

from dlref.generalization.hyperparameters import (
    Uniform,
    expected_improvement,
    gaussian_process,
    halving_schedule,
    hyperband_brackets,
    parameter_grid,
    parameter_sample,
    successive_halving,
)
from tests.oracle import Verify, error

quickly = settings(max_examples=25, deadline=None)
SPACES: list[dict[str, list[Any]]] = [
    {"width": [8, 16], "lr": [0.1, 0.01, 0.001], "name": ["b", "a"]},
    {"only": [None]},
    {"b": [1, 2, 3], "a": [4, 5]},
    {},
]


class Pretender(BaseEstimator):
    """A model without training whose score depends on its two hyperparameters."""

    def __init__(self, a: int = 0, resource: int = 1) -> None:
        self.a, self.resource = a, resource

    def fit(self, X: Any, y: Any) -> "Pretender":
        return self

    def score(self, X: Any, y: Any) -> float:
        return -loss({"a": self.a}, self.resource)


def loss(candidate: dict[str, Any], resource: int) -> float:
    """Give each candidate another loss, whose order changes with the resource."""
    return math.sin(7.3 * candidate["a"]) + math.cos(3.1 * candidate["a"]) / resource


def halving_grid_search(n: int, least: int, most: int, factor: int) -> Any:
    search: Any = HalvingGridSearchCV  # its hints know less than its documentation
    search = search(
        Pretender(),
        {"a": list(range(n))},
        factor=factor,
        resource="resource",
        min_resources=least,
        max_resources=most,
        cv=KFold(2),
        refit=False,
    )
    return search.fit(np.zeros((4, 1)), np.zeros(4))


# The space


@pytest.mark.parametrize("log", [False, True])
def test_quantiles_equal_scipy(log: bool, verify: Verify, rng: np.random.Generator) -> None:
    def scipys(low: float, high: float, q: float) -> float:
        return float((stats.loguniform(low, high) if log else stats.uniform(low, high - low)).ppf(q))

    cases = [(low, low * rng.uniform(1.1, 9), rng.random()) for low in (1e-6, 0.5, 30.0)] + [(0.2, 3.0, 0.0)]
    oracle = "scipy.stats.loguniform.ppf" if log else "scipy.stats.uniform.ppf"
    verify(lambda a, b, q: Uniform(a, b, log).ppf(q), scipys, cases, oracle=oracle, name=Uniform, gradients=None)


@quickly
@given(st.floats(1e-12, 1e3), st.floats(1.001, 1e9), st.floats(0, 1), st.booleans())
def test_quantiles_stay_inside(low: float, factor: float, q: float, log: bool) -> None:
    value = Uniform(low, low * factor, log).ppf(q)
    assert low * (1 - 1e-12) <= value <= low * factor * (1 + 1e-12)


def test_each_power_of_ten_is_equally_likely(rng: np.random.Generator) -> None:
    drawn = parameter_sample({"lr": Uniform(1e-4, 1.0, log=True)}, 4000, rng)
    powers = Counter(math.floor(math.log10(one["lr"])) for one in drawn)
    assert set(powers) == {-4, -3, -2, -1}
    assert stats.chisquare(list(powers.values())).pvalue > 0.01


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_grid_equals_scikit_learn(space: dict[str, list[Any]], verify: Verify) -> None:
    assert parameter_grid(space) == list(ParameterGrid(space))
    verify.record(parameter_grid, "sklearn.model_selection.ParameterGrid, order included", 0)


@pytest.mark.parametrize("space", SPACES, ids=str)
@pytest.mark.parametrize("n_iter", [0, 1, 5])
def test_sample_has_the_counts_of_scikit_learn(
    space: dict[str, Any], n_iter: int, verify: Verify, rng: np.random.Generator
) -> None:
    size = len(ParameterGrid(space))
    theirs = list(ParameterSampler(space, min(n_iter, size), random_state=0))  # it warns above the size
    ours = parameter_sample(space, n_iter, rng)
    assert len(ours) == len(theirs) == len({str(one) for one in ours})
    assert all(one in parameter_grid(space) for one in ours)
    mixed = {**space, "lr": stats.loguniform(1e-3, 1.0)}
    assert len(parameter_sample(mixed, n_iter, rng)) == len(list(ParameterSampler(mixed, n_iter, random_state=0)))
    verify.record(parameter_sample, "sklearn.model_selection.ParameterSampler: counts", 0)


def test_every_candidate_is_equally_likely(verify: Verify, rng: np.random.Generator) -> None:
    space = {"a": [1, 2, 3], "b": "xy"}
    finite = Counter(str(one) for _ in range(1200) for one in parameter_sample(space, 2, rng))
    drawn = parameter_sample({**space, "c": Uniform(0.0, 1.0)}, 2400, rng)
    mixed = Counter((one["a"], one["b"]) for one in drawn)
    for counts in (finite, mixed):
        assert len(counts) == 6
        assert stats.chisquare(list(counts.values())).pvalue > 0.01
    assert stats.kstest([one["c"] for one in drawn], "uniform").pvalue > 0.01
    verify.record(parameter_sample, "each candidate equally likely (chi-square)", 0)


# Halving


@pytest.mark.parametrize(
    ("n", "least", "most", "factor"),
    [(27, 1, 27, 3), (10, 1, 100, 3), (20, 2, 9, 3), (1, 1, 5, 2), (2, 3, 3, 2), (33, 1, 1000, 2), (16, 5, 40, 4)],
)
def test_halving_equals_scikit_learn(n: int, least: int, most: int, factor: int, verify: Verify) -> None:
    theirs = halving_grid_search(n, least, most, factor)
    schedule = halving_schedule(n, least, most, factor)
    assert schedule == list(zip(theirs.n_candidates_, theirs.n_resources_, strict=True))
    verify.record(halving_schedule, "sklearn.model_selection.HalvingGridSearchCV: n_candidates_, n_resources_", 0)

    trials = successive_halving(loss, [{"a": a} for a in range(n)], schedule)
    results = theirs.cv_results_
    for resource in theirs.n_resources_:
        survivors = {t.candidate["a"]: t.loss for t in trials if t.resource == resource}
        rows = [i for i, used in enumerate(results["n_resources"]) if used == resource]
        expected = {results["params"][i]["a"]: -results["mean_test_score"][i] for i in rows}
        assert survivors == expected
    verify.record(successive_halving, "sklearn.model_selection.HalvingGridSearchCV: every candidate of every round", 0)
    last = [t for t in trials if t.resource == schedule[-1][1]]
    assert min(last, key=lambda t: t.loss).candidate["a"] == theirs.best_params_["a"]


@quickly
@given(st.integers(1, 3000), st.integers(1, 50), st.integers(0, 3000), st.integers(2, 7))
def test_schedule_is_as_long_as_it_can_be(n: int, least: int, more: int, factor: int) -> None:
    schedule = halving_schedule(n, least, least + more, factor)
    assert schedule[0] == (n, least)
    assert all(b == (math.ceil(a[0] / factor), a[1] * factor) for a, b in pairwise(schedule))
    assert schedule[-1][1] <= least + more
    assert schedule[-1][1] * factor > least + more or factor ** len(schedule) > n


def test_powers_are_counted_without_a_rounding_error() -> None:
    assert math.floor(math.log(243, 3)) == 4
    assert halving_schedule(243, 1, 243)[-1] == (1, 243)
    assert len(hyperband_brackets(243)) == 6


def test_a_diverged_candidate_is_out(rng: np.random.Generator) -> None:
    losses = [math.nan, 3.0, math.nan, 1.0, math.inf, 2.0]
    trials = successive_halving(lambda one, _: losses[one["a"]], [{"a": a} for a in range(6)], [(6, 1), (3, 2)])
    assert [trial.candidate["a"] for trial in trials[6:]] == [3, 5, 1]


@pytest.mark.parametrize(
    ("variant", "firsts"), [("table", [81, 27, 9, 6, 5]), ("algorithm", [81, 34, 15, 8, 5])], ids=str
)
def test_brackets_equal_the_paper(variant: str, firsts: list[int], verify: Verify) -> None:
    brackets = hyperband_brackets(81, 3, variant)
    assert [bracket[0] for bracket in brackets] == list(zip(firsts, [1, 3, 9, 27, 81], strict=True))
    if variant == "table":
        assert brackets == [
            [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
            [(27, 3), (9, 9), (3, 27), (1, 81)],
            [(9, 9), (3, 27), (1, 81)],
            [(6, 27), (2, 81)],
            [(5, 81)],
        ]
    else:
        assert brackets[1:3] == [[(34, 3), (11, 9), (3, 27), (1, 81)], [(15, 9), (5, 27), (1, 81)]]
    verify.record(hyperband_brackets, f"Li et al. 2016, R = 81, eta = 3: the {variant}", 0)


@quickly
@given(st.integers(1, 2000), st.integers(2, 5), st.sampled_from(["table", "algorithm"]))
def test_no_bracket_costs_much_more_than_the_others(most: int, eta: int, variant: str) -> None:
    brackets = hyperband_brackets(most, eta, variant)
    budget = len(brackets) * most
    assert brackets[-1] == [(len(brackets), most)]
    for s, bracket in enumerate(reversed(brackets)):
        assert len(bracket) == s + 1
        assert bracket[-1][0] >= 1
        assert bracket[-1][1] == most
        rounding = (s + 1) * most if variant == "algorithm" else 0
        assert sum(n * resource for n, resource in bracket) <= budget + rounding


# The Gaussian process


@pytest.mark.parametrize(("n", "m", "d"), [(1, 4, 1), (7, 5, 2), (12, 1, 3), (5, 0, 2)])
@pytest.mark.parametrize(("length_scale", "noise"), [(1.0, 1e-10), (0.3, 0.1), (4.0, 1e-2)])
def test_posterior_equals_scikit_learn(
    n: int, m: int, d: int, length_scale: float, noise: float, verify: Verify, rng: np.random.Generator
) -> None:
    def theirs(X: np.ndarray, y: np.ndarray, X_new: np.ndarray) -> np.ndarray:
        if not len(X_new):
            return np.zeros((2, 0))
        regressor: Any = GaussianProcessRegressor
        model = regressor(RBF(length_scale), alpha=noise, optimizer=None).fit(X, y)
        return np.array(model.predict(X_new, return_std=True))

    X = 3 * rng.normal(size=(n, 2 * d))[:, ::2]  # strided
    verify(
        lambda X, y, X_new: np.array(gaussian_process(X, y, X_new, length_scale, noise)),
        theirs,
        [(X, rng.normal(size=n), 3 * rng.normal(size=(m, d)))],
        oracle="sklearn.gaussian_process.GaussianProcessRegressor: mean and std",
        name=gaussian_process,
        gradients=None,
        values=1e-12,
    )


def test_posterior_knows_what_it_was_told(rng: np.random.Generator) -> None:
    X, y = np.arange(5.0)[:, None], rng.normal(size=5)
    mean, std = gaussian_process(X, y, np.concatenate([X, [[1e4]]]))
    assert error(mean, [*y, 0]) < 1e-8
    assert np.all(std[:5] < 2e-5)
    assert std[5] == 1
    nothing = gaussian_process(np.zeros((0, 2)), np.zeros(0), rng.normal(size=(3, 2)))
    assert error(np.array(nothing), [[0, 0, 0], [1, 1, 1]]) == 0


def test_expected_improvement_equals_the_integral(verify: Verify, rng: np.random.Generator) -> None:
    def integral(mean: np.ndarray, std: np.ndarray, best: float) -> np.ndarray:
        def one(m: float, s: float) -> float:
            low, high = m - 12 * s, min(best, m + 12 * s)
            options: Any = {"epsabs": 0, "epsrel": 1e-13, "points": [m] if m < high else None}
            return float(integrate.quad(lambda f: (best - f) * stats.norm.pdf(f, m, s), low, high, **options)[0])

        return np.array([one(*pair) for pair in zip(mean.flat, std.flat, strict=True)]).reshape(mean.shape)

    shapes = [(4,), (2, 3), (1,), (0,), ()]
    cases = [(rng.normal(size=s), np.asarray(rng.uniform(0.1, 2, s)), float(rng.normal())) for s in shapes[:-1]]
    verify(expected_improvement, integral, cases, oracle="numerical integration", gradients=None, values=1e-12)


def test_expected_improvement_at_extremes() -> None:
    def one(mean: float, std: float, best: float = 0.0) -> float:
        return float(expected_improvement(np.array([mean]), np.array([std]), best)[0])

    assert one(-3.0, 0.0) == 3
    assert one(3.0, 0.0) == 0
    assert one(0.0, 0.0) == 0
    assert one(-1e4, 1e-300) == 1e4
    assert one(1e4, 1e-300) == 0
    assert one(0.0, 1e300) == pytest.approx(1e300 / math.sqrt(2 * math.pi), rel=1e-15)
    tail = math.exp(-450) / math.sqrt(2 * math.pi) / 900 * (1 - 3 / 900 + 15 / 900**2 - 105 / 900**3)  # φ/z²(1 − 3/z²…)
    assert one(30.0, 1.0) == pytest.approx(tail, rel=1e-8)


@quickly
@given(st.floats(-50, 50), st.floats(0, 10), st.floats(-50, 50))
def test_expected_improvement_is_never_below_the_sure_one(mean: float, std: float, best: float) -> None:
    (value,) = expected_improvement(np.array([mean]), np.array([std]), best)
    assert value >= max(best - mean, 0) - 1e-12
    assert value <= max(best - mean, 0) + std


# Bad input


@pytest.mark.usefixtures("as_a_reader")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda h, rng: h.Uniform(2, 1), "low 2 and high 1"),
        (lambda h, rng: h.Uniform(0.0, 1.0, log=True), r"need 0 < low < high < inf, got low 0.0"),
        (lambda h, rng: h.Uniform(0, math.nan), "high nan"),
        (lambda h, rng: h.parameter_grid({"a": [1], "b": []}), "got none for b"),
        (lambda h, rng: h.parameter_sample({"b": [], "c": h.Uniform(0, 1)}, 2, rng), "got none for b"),
        (lambda h, rng: h.parameter_sample({"a": [1]}, -1, rng), "n_iter must not be negative, got -1"),
        (lambda h, rng: h.halving_schedule(0, 1, 9), "got 0, 3, 1, 9"),
        (lambda h, rng: h.halving_schedule(9, 4, 3), "got 9, 3, 4, 3"),
        (lambda h, rng: h.halving_schedule(9, 1, 9, 1), "factor ≥ 2.*got 9, 1, 1, 9"),
        (lambda h, rng: h.successive_halving(loss, [{"a": 1}], [(2, 1)]), r"not for 1 candidates: \[\(2, 1\)\]"),
        (lambda h, rng: h.successive_halving(loss, [], []), "not for 0 candidates"),
        (lambda h, rng: h.hyperband_brackets(0), "max_resource ≥ 1.*0, 3, 'table'"),
        (lambda h, rng: h.hyperband_brackets(9, 1), "eta ≥ 2.*9, 1"),
        (lambda h, rng: h.hyperband_brackets(9, 3, "paper"), "'table' or 'algorithm'.*'paper'"),
        (lambda h, rng: h.gaussian_process(np.eye(2), np.ones(3), np.eye(2)), r"got \(2, 2\), \(3,\), \(2, 2\)"),
        (lambda h, rng: h.gaussian_process(np.eye(2), np.ones(2), np.ones((1, 3))), r"got .*\(1, 3\)"),
        (lambda h, rng: h.gaussian_process(np.eye(2), np.ones(2), np.eye(2), 0.0), "noise > 0.*: 0.0, 1e-10"),
        (lambda h, rng: h.gaussian_process(np.eye(2), np.ones(2), np.eye(2), 1.0, -1.0), "1.0, -1.0"),
        (lambda h, rng: h.gaussian_process(np.eye(2), np.array([1, math.nan]), np.eye(2)), "finite y.*nan"),
        (lambda h, rng: h.expected_improvement(np.ones(2), np.ones(3), 0.0), r"\(2,\) and \(3,\)"),
        (lambda h, rng: h.expected_improvement(np.ones(1), -np.ones(1), 0.0), r"std ≥ 0.*\[-1.0\]"),
    ],
)
def test_bad_input_is_named(call: Any, message: str, rng: np.random.Generator) -> None:
    from dlref.generalization import hyperparameters

    with pytest.raises(ValueError, match=message):
        call(hyperparameters, rng)
