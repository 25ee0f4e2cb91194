"""Proofs of dlref.foundations.representation_learning: scikit-learn, linear programs, closed forms are the oracles."""

import itertools
import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linprog
from sklearn import datasets
from sklearn.linear_model import LogisticRegression, Perceptron
from sklearn.model_selection import KFold
from sklearn.model_selection import learning_curve as sklearn_learning_curve
from sklearn.neighbors import KNeighborsClassifier

from dlref.foundations.representation_learning import (
    MILESTONES,
    Milestone,
    best_linear_accuracy,
    learning_curve,
    make_circles,
    make_moons,
    make_spirals,
    make_xor,
    xor_hidden_layer,
)
from tests.oracle import Verify, error

Array = np.ndarray
SIZES = [(2,), (3,), (4,), (7,), (50,), (101,)]
MAKERS = [make_xor, make_moons, make_circles, make_spirals]
every_maker = pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
quickly = settings(max_examples=25, deadline=None)


def as_table(make: Callable[..., Any]) -> Callable[..., Array]:
    """Put points and labels into one array, to be compared at once."""
    return lambda *case: np.column_stack(make(*case))


# Straight lines


def is_linear(X: Array, y: Array) -> bool:
    """Ask a linear program for w, b with ±(w·x + b) ≥ 1 at every point."""
    sign = 2 * y - 1
    design = -sign[:, None] * np.column_stack([X, np.ones(len(X))])
    return linprog(np.zeros(3), A_ub=design, b_ub=-np.ones(len(X)), bounds=(None, None)).status == 0


def best_by_linear_programs(X: Array, y: Array) -> float:
    """Try every dichotomy, the ones most like y first, until a line can make it."""
    dichotomies = np.array(list(itertools.product((0, 1), repeat=len(y))))
    agreement = (dichotomies == y).mean(axis=1)
    return next(float(agreement[i]) for i in np.argsort(-agreement) if is_linear(X, dichotomies[i]))


def point_sets(rng: np.random.Generator) -> list[tuple[Array, Array]]:
    """Give point sets in general position, on grids, on lines, with repeated points, and views without own memory."""
    sets = [(rng.normal(size=(count, 2)), rng.integers(0, 2, count)) for count in (1, 2, 3, 5, 6, 7)]
    sets += [(rng.integers(0, 3, (7, 2)).astype(float), rng.integers(0, 2, 7)) for _ in range(8)]  # grid, repetitions
    line = np.linspace(0, 1, 6)
    sets += [(np.stack([line, slope * line + 0.1], axis=1), rng.integers(0, 2, 6)) for slope in (0.0, 0.3, -7.0)]
    sets.append((np.zeros((4, 2)), np.array([0, 1, 1, 1])))
    sets.append((np.array([[0.0, 0.1], [0.0, 0.2], [0.0, 0.3], [0.0, 0.4]]), np.array([0, 1, 0, 1])))
    wide, labels = rng.normal(size=(12, 4)), rng.integers(0, 2, 12)
    sets += [(wide[::2, ::2], labels[::2]), (wide.T[:2].T[::-2], labels[::-2])]
    return sets


def test_best_line_equals_linear_programs(verify: Verify, rng: np.random.Generator) -> None:
    oracle = "a linear program for each dichotomy"
    verify(best_linear_accuracy, best_by_linear_programs, point_sets(rng), oracle=oracle, gradients=None)


def test_no_line_parts_xor_in_any_of_half_a_million_tries() -> None:
    X, y = make_xor(4)
    angle, shift = np.meshgrid(np.linspace(0, 2 * math.pi, 721), np.linspace(-2, 2, 721))
    above = np.cos(angle)[..., None] * X[:, 0] + np.sin(angle)[..., None] * X[:, 1] > shift[..., None]
    assert (above == y).mean(axis=-1).max() == 0.75 == best_linear_accuracy(X, y)


@pytest.mark.parametrize("count", [3, 4, 5, 6])
def test_lines_make_as_many_dichotomies_as_cover_counted(count: int, rng: np.random.Generator) -> None:
    X = rng.normal(size=(count, 2))
    made = sum(best_linear_accuracy(X, np.array(y)) == 1 for y in itertools.product((0, 1), repeat=count))
    assert made == 2 * sum(math.comb(count - 1, k) for k in range(3))


@quickly
@given(arrays("int64", (9, 2), elements=st.integers(-4, 4)), arrays("int64", 9, elements=st.integers(0, 1)))
def test_best_line_is_blind_to_names_order_and_position(corners: Array, y: Array) -> None:
    X = corners.astype(float)
    best = best_linear_accuracy(X, y)
    assert max(y.sum(), 9 - y.sum()) <= round(9 * best) <= 9
    assert best_linear_accuracy(X, 1 - y) == best
    assert best_linear_accuracy(X[::-1, ::-1], y[::-1]) == best
    assert best_linear_accuracy(X @ np.array([[2.0, 1.0], [0.0, 1.0]]) + 1e4, y) == best
    assert best_linear_accuracy(np.repeat(X, 3, axis=0), np.repeat(y, 3)) == best


def test_points_on_a_line_up_to_rounding_are_cut_in_their_order(rng: np.random.Generator) -> None:
    for _ in range(50):
        place, y = np.sort(rng.normal(size=8)), rng.integers(0, 2, 8)
        X = place[:, None] * rng.normal(size=2) + rng.normal(size=2)  # off the line by a last bit
        cuts = [np.mean(y == (np.arange(8) >= cut)) for cut in range(9)]
        assert best_linear_accuracy(X, y) == max(*cuts, 1 - min(cuts))


def test_best_line_beats_a_trained_one_on_many_points(rng: np.random.Generator) -> None:
    X, y = make_moons(120, noise=0.25, rng=rng)
    trained = LogisticRegression().fit(X, y).score(X, y)
    assert trained <= best_linear_accuracy(X, y) < 1
    shifted = X + 3 * y[:, None]
    assert best_linear_accuracy(shifted, y) == Perceptron(max_iter=1000).fit(shifted, y).score(shifted, y) == 1


# The hidden layer


def test_hidden_layer_equals_the_book(verify: Verify, rng: np.random.Generator) -> None:
    def book(X: Array) -> Array:
        weight, bias = torch.ones(2, 2, dtype=torch.float64), torch.tensor([0.0, -1.0], dtype=torch.float64)
        return torch.nn.functional.linear(torch.from_numpy(X.copy()), weight, bias).relu().numpy()

    cases = [(3 * rng.normal(size=shape),) for shape in [(0, 2), (1, 2), (50, 2)]]
    cases += [(rng.normal(size=(6, 4))[::2, ::2],), (make_xor(4)[0],)]
    verify(xor_hidden_layer, book, cases, oracle="torch.nn.functional.linear and relu", gradients=None)


@quickly
@given(st.integers(2, 40))
def test_hidden_layer_parts_xor_with_one_line(count: int) -> None:
    X, y = make_xor(count)
    hidden = xor_hidden_layer(X)
    assert np.array_equal(hidden @ [1, -2], y)
    assert best_linear_accuracy(hidden, y) == 1


# Toy data


def test_xor_equals_logic(verify: Verify) -> None:
    def logic(count: int) -> Array:
        corners = np.array([[i % 2, (i + (i >= count // 2)) % 2] for i in range(count)])
        if count % 4 == 0:  # all four corners equally often
            assert (np.unique(corners, axis=0, return_counts=True)[1] == count // 4).all()
        return np.column_stack([corners, np.logical_xor(*corners.T)])

    def by_corner(count: int) -> Array:
        X, y = make_xor(count)
        assert np.array_equal(y, np.logical_xor(*X.T))
        return np.column_stack([X, y])[np.lexsort([*X.T, y])]

    def logic_by_corner(count: int) -> Array:
        table = logic(count)
        return table[np.lexsort([table[:, 0], table[:, 1], table[:, 2]])]

    verify(by_corner, logic_by_corner, [(4,), (8,), (80,)], oracle="numpy.logical_xor", name=make_xor, gradients=None)


def test_moons_and_circles_equal_scikit_learn(verify: Verify) -> None:
    for ours, theirs, oracle in (
        (make_moons, partial(datasets.make_moons, shuffle=False), "sklearn.datasets.make_moons"),
        (make_circles, partial(datasets.make_circles, shuffle=False, factor=0.5), "sklearn.datasets.make_circles"),
    ):
        verify(as_table(ours), as_table(theirs), SIZES, oracle=oracle, name=ours, gradients=None)


def test_spirals_equal_the_benchmark(verify: Verify) -> None:
    def benchmark() -> Array:
        arm = [6.5 * (104 - i) / 104 * 1j * np.exp(-1j * i * math.pi / 16) for i in range(97)]
        points = np.array([*arm, *(-point for point in arm)]) / 6.5
        return np.column_stack([points.real, points.imag, np.arange(194) >= 97])

    def ours() -> Array:
        return as_table(make_spirals)(194)

    verify(ours, benchmark, [()], oracle="Lang, Witbrock 1988", name=make_spirals, values=1e-13, gradients=None)


@quickly
@given(st.integers(2, 60), st.floats(0.5, 4))
def test_spirals_wind_as_often_as_asked(half: int, turns: float) -> None:
    X, y = make_spirals(2 * half, turns=turns)
    assert np.array_equal(X[y == 0], -X[y == 1])
    radius = np.hypot(*X[y == 0].T)
    np.testing.assert_allclose(np.diff(radius), -12 / 13 / (half - 1))
    end = X[half - 1]
    np.testing.assert_allclose(end * 13, [math.sin(2 * math.pi * turns), math.cos(2 * math.pi * turns)], atol=1e-12)


@every_maker
def test_classes_are_halves_and_noise_is_normal(make: Callable[..., Any], rng: np.random.Generator) -> None:
    for count in (2, 5, 1000):
        X, y = make(count)
        assert X.shape == (count, 2)
        assert X.dtype == np.float64
        assert np.array_equal(y, np.arange(count) >= count // 2)
    noisy, labels = make(1000, noise=0.3, rng=rng)
    z = (noisy - X) / 0.3
    assert np.array_equal(labels, y)
    assert np.array_equal(noisy, make(1000, noise=0.3, rng=np.random.default_rng(0))[0])
    assert abs(z.mean()) < 4 / math.sqrt(z.size)  # four standard errors
    assert abs(z.var() - 1) < 4 * math.sqrt(2 / z.size)
    assert abs((z[:, 0] * z[:, 1]).mean()) < 4 / math.sqrt(len(z))
    assert abs((np.abs(z) < 1).mean() - 0.6827) < 4 * math.sqrt(0.6827 * 0.3173 / z.size)


def test_no_line_parts_any_of_the_toy_data() -> None:
    best = {make: best_linear_accuracy(*make(64)) for make in MAKERS}
    assert best[make_xor] == 0.75
    assert all(0.5 < accuracy < 0.95 for accuracy in best.values())


# Learning curves


def test_learning_curve_equals_scikit_learn(verify: Verify, rng: np.random.Generator) -> None:
    flowers = datasets.load_iris(return_X_y=True)
    moons = make_moons(80, noise=0.2, rng=rng)
    estimators = [KNeighborsClassifier(1), KNeighborsClassifier(3), LogisticRegression(max_iter=500)]

    def reference(estimator: Any, X: Array, y: Array, train_sizes: Any, cv: Any) -> Array:
        return np.stack(sklearn_learning_curve(estimator, X, y, train_sizes=train_sizes, cv=cv, scoring="accuracy")[1:])

    def ours(estimator: Any, X: Array, y: Array, train_sizes: list[int], cv: Any) -> Array:
        return np.stack(learning_curve(estimator, X, y, train_sizes=train_sizes, cv=cv))

    cases: list[Any] = []
    for estimator, (X, y) in itertools.product(estimators, (flowers, moons)):
        order = rng.permutation(len(y))
        X, y = X[order], y[order]
        cases += [
            (estimator, X, y, [20, 30, 50], list(KFold(3).split(X))),
            (estimator, X[:, ::2][::-1], y[::-1], [20], list(KFold(2).split(X))),
        ]
    oracle = "sklearn.model_selection.learning_curve"
    verify(ours, reference, cases, oracle=oracle, name=learning_curve, gradients=None)


class Counter:
    """Remember how often fit was called, and predict the last label seen."""

    def __init__(self) -> None:
        self.fits = 0

    def fit(self, X: Array, y: Array) -> None:
        self.fits, self.last = self.fits + 1, y[-1] + 10 * (self.fits > 0)

    def predict(self, X: Array) -> Array:
        return np.full(len(X), self.last)


def test_learning_curve_starts_afresh_and_leaves_its_arguments_alone() -> None:
    X, y = np.zeros((6, 2, 2)), np.array([0, 1, 1, 0, 0, 1])
    estimator = Counter()
    splits = [(np.array([0, 1, 2, 3]), np.array([4, 5])), (np.array([5, 4, 3, 2]), np.array([0, 1]))]
    on_train, on_test = learning_curve(estimator, X, y, train_sizes=[4, 1, 2], cv=iter(splits))
    assert estimator.fits == 0
    assert np.array_equal(on_train, [[0.5, 0.5], [1, 1], [0.5, 0.5]])  # a row for each size in the order given
    assert np.array_equal(on_test, [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]])
    none = learning_curve(estimator, X, y, train_sizes=[], cv=splits)
    assert [scores.shape for scores in none] == [(0, 2), (0, 2)]


# The timeline


def test_milestones_are_dated_sourced_and_in_order(verify: Verify) -> None:
    off = 0
    for row in MILESTONES:
        assert row.kind in {"algorithm", "data", "hardware", "software"}
        assert row.name.strip() == row.name != ""
        assert row.result.strip() == row.result != ""
        assert re.fullmatch(r"doi:10\.\d{4}/\S+|arXiv:\d{4}\.\d{4,5}", row.source), row
        if row.source.startswith("arXiv:"):
            off = max(off, abs(2000 + int(row.source[6:8]) - row.year))
    years = [row.year for row in MILESTONES]
    assert years == sorted(years)
    assert 1943 <= min(years) < max(years) <= 2026
    assert len({row.name for row in MILESTONES}) == len({row.source for row in MILESTONES}) == len(MILESTONES) > 10
    assert {row.kind for row in MILESTONES} == {"algorithm", "data", "hardware", "software"}
    assert Milestone._fields == ("year", "kind", "name", "result", "source")
    assert off == 0
    verify.record(Milestone, "year in the arXiv identifier", off, dtype="int64")


# The interface


@every_maker
@pytest.mark.usefixtures("as_a_reader")
def test_bad_toy_data_name_the_rule_and_the_values(make: Callable[..., Any]) -> None:
    from dlref.foundations import representation_learning

    make = getattr(representation_learning, make.__name__)
    with pytest.raises(ValueError, match="n_samples of at least 2, got 1"):
        make(1)
    with pytest.raises(ValueError, match=r"noise must be 0, or above 0 with an rng to draw it: noise 0\.1, rng None"):
        make(4, noise=0.1)
    with pytest.raises(ValueError, match=r"noise must be 0, .*: noise -0\.1, rng Generator"):
        make(4, noise=-0.1, rng=np.random.default_rng(0))


@pytest.mark.usefixtures("as_a_reader")
def test_bad_input_names_the_rule_and_the_values() -> None:
    from dlref.foundations.representation_learning import best_linear_accuracy, learning_curve

    X, y = np.zeros((3, 2)), np.array([0, 1, 1])
    with pytest.raises(ValueError, match=r"0 or 1, for each of at least one point: 3 points, labels \[0 2\]"):
        best_linear_accuracy(X, np.array([0, 2, 2]))
    with pytest.raises(ValueError, match=r"for each of at least one point: 3 points, labels \[0 1\]"):
        best_linear_accuracy(X, y[:2])
    with pytest.raises(ValueError, match=r"for each of at least one point: 0 points, labels \[\]"):
        best_linear_accuracy(X[:0], y[:0])
    for size in (0, 3):
        with pytest.raises(ValueError, match=f"a training size must be from 1 to the 2 examples there are, got {size}"):
            learning_curve(Counter(), X, y, train_sizes=[size], cv=[(np.array([0, 1]), np.array([2]))])


def test_arguments_are_left_alone(rng: np.random.Generator) -> None:
    X, y = make_moons(20, noise=0.1, rng=rng)
    before = X.copy(), y.copy()
    best_linear_accuracy(X, y)
    xor_hidden_layer(X)
    assert error(X, before[0]) == error(y, before[1]) == 0
