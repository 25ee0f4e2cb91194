"""Proofs of bias and variance, capacity and splits: scikit-learn, SciPy, closed forms, exact enumeration."""

import inspect
import math
from collections import Counter
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.stats import binom, chisquare
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, train_test_split
from sklearn.neighbors import KNeighborsClassifier

from dlref.generalization import overfitting
from dlref.generalization.overfitting import (
    BiasVariance,
    bias_variance_decomposition,
    expected_best_accuracy,
    k_fold,
    least_squares,
    memorization_capacity,
    sine_frequency,
    train_validation_test_split,
)
from tests.oracle import Verify, error

quickly = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def lstsq(features: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.linalg.lstsq(features, y, rcond=None)[0]


def several_systems(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Give tall, wide, square, rank-deficient, tiny, empty, strided and several-column systems."""
    shapes = [(9, 4), (4, 9), (6, 6), (1, 1), (1, 5), (5, 1), (0, 3), (3, 0)]
    systems = [(rng.normal(size=shape), rng.normal(size=shape[0])) for shape in shapes]
    low_rank = rng.normal(size=(8, 2)) @ rng.normal(size=(2, 6))
    strided = rng.normal(size=(10, 12))[::2, ::3], rng.normal(size=(3, 5)).T
    return [*systems, (low_rank, rng.normal(size=8)), strided, (np.zeros((3, 2)), np.ones(3))]


# Least squares


def test_without_penalty_equals_lstsq(verify: Verify, rng: np.random.Generator) -> None:
    cases = several_systems(rng)
    verify(least_squares, lstsq, cases, oracle="numpy.linalg.lstsq", values=1e-12, gradients=None)


@pytest.mark.parametrize("alpha", [1e-3, 1.0, 50.0])
def test_with_penalty_equals_ridge(alpha: float, verify: Verify, rng: np.random.Generator) -> None:
    def ridge(features: np.ndarray, y: np.ndarray) -> np.ndarray:
        return Ridge(alpha=alpha, fit_intercept=False, solver="svd", tol=0).fit(features, y).coef_.T

    cases = [case for case in several_systems(rng) if case[0].size]
    verify(
        lambda features, y: least_squares(features, y, alpha),
        ridge,
        cases,
        oracle="sklearn.linear_model.Ridge",
        name=least_squares,
        values=1e-12,
        gradients=None,
    )


@quickly
@given(st.integers(1, 6), st.integers(7, 12), seeds)
def test_interpolates_with_the_shortest_coef_of_all_that_do(n: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    features, y, other = rng.normal(size=(n, width)), rng.normal(size=n), rng.normal(size=width)
    coef = least_squares(features, y)
    np.testing.assert_allclose(features @ coef, y, atol=1e-9)
    also = other - lstsq(features, features @ other - y)  # any other interpolating one
    np.testing.assert_allclose(features @ also, y, atol=1e-9)
    assert np.linalg.norm(coef) <= np.linalg.norm(also) + 1e-9


def test_penalty_goes_to_the_shortest_and_to_zero(rng: np.random.Generator) -> None:
    features, y = rng.normal(size=(4, 9)), rng.normal(size=4)
    assert error(least_squares(features, y, 1e-10), least_squares(features, y)) <= 1e-9
    assert np.abs(least_squares(features, y, 1e12)).max() <= 1e-10


def test_columns_far_apart_in_scale_keep_their_fit(rng: np.random.Generator) -> None:
    features = rng.normal(size=(20, 2)) * np.array([1.0, 1e10])
    assert error(least_squares(features, features @ np.array([3.0, 2e-10])), np.array([3.0, 2e-10])) <= 1e-4
    assert least_squares(features.astype(np.float32), np.ones(20, np.float32)).dtype == np.float32


# Bias and variance


@pytest.mark.parametrize("alpha", [0.0, 0.3])
@pytest.mark.parametrize("degree", [0, 1, 3, 6])
def test_decomposition_equals_the_closed_form_over_every_noise_pattern(
    degree: int, alpha: float, verify: Verify
) -> None:
    sigma, x, test = 0.3, np.linspace(-1, 1, 7), np.linspace(-0.9, 0.8, 5)
    features, at_test = (np.polynomial.legendre.legvander(points, degree) for points in (x, test))
    noise = sigma * np.array(list(product([-1.0, 1.0], repeat=7))).T  # (7, 128): the mean is 0, the covariance σ² I
    predictions = (at_test @ least_squares(features, np.sin(3 * x)[:, None] + noise, alpha)).T

    def closed_form(*_: np.ndarray) -> np.ndarray:
        gram = features.T @ features + alpha * np.eye(degree + 1)
        hat = at_test @ np.linalg.solve(gram, features.T)
        squared_bias = np.mean((hat @ np.sin(3 * x) - np.sin(3 * test)) ** 2)
        variance = sigma**2 * np.mean((hat**2).sum(axis=1))
        return np.array([squared_bias + variance, squared_bias, variance])

    oracle = "linear regression in closed form, over all ±σ noise"
    cases = [(predictions, np.sin(3 * test))]
    for name in (bias_variance_decomposition, BiasVariance):
        verify(
            lambda *case: np.array(bias_variance_decomposition(*case)),
            closed_form,
            cases,
            oracle=oracle,
            name=name,
            values=1e-13,
            gradients=None,
        )


@quickly
@given(st.integers(1, 6), st.integers(1, 6), st.floats(-1e4, 1e4), seeds)
def test_parts_add_up_and_follow_shifts(n_datasets: int, n_points: int, shift: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    predictions, target = rng.normal(size=(n_points, n_datasets)).T, rng.normal(size=n_points)
    parts = bias_variance_decomposition(predictions, target)
    assert parts.error == pytest.approx(parts.squared_bias + parts.variance, rel=1e-12)
    assert parts.variance == pytest.approx(np.var(predictions, axis=0).mean(), rel=1e-12, abs=1e-15)
    assert bias_variance_decomposition(predictions + shift, target + shift) == pytest.approx(parts, rel=1e-6, abs=1e-9)
    alone = bias_variance_decomposition(predictions[:1], target)
    assert alone.variance == 0
    assert alone.squared_bias == pytest.approx(np.square(predictions[0] - target).mean(), rel=1e-12)


# Capacity


class Separator:
    """A linear classifier that finds a separating line wherever there is one: a linear program."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Separator":
        signed = np.column_stack([X, np.ones(len(X))]) * (2 * y - 1)[:, None]
        found = linprog(np.zeros(signed.shape[1]), A_ub=-signed, b_ub=-np.ones(len(X)), bounds=(None, None))
        self.coef = found.x if found.status == 0 else np.zeros(signed.shape[1])
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.where(np.column_stack([X, np.ones(len(X))]) @ self.coef > 0, 1, 0)


class Polynomial:
    """A sign on a line that may change ``degree`` times."""

    def __init__(self, degree: int) -> None:
        self.degree = degree

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Polynomial":
        where = np.flatnonzero(np.diff(y))
        self.roots, self.sign = (X[where, 0] + X[where + 1, 0])[: self.degree] / 2, 2 * y[0] - 1
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return (self.sign * np.prod(np.sign(self.roots - X[:, :1]), axis=1) > 0).astype(int)


def every_size(model: Any, X: np.ndarray, y: np.ndarray) -> int:
    n = 0
    while n < len(y) and (model.fit(X[: n + 1], y[: n + 1]).predict(X[: n + 1]) == y[: n + 1]).all():
        n += 1
    return n


@pytest.mark.parametrize("width", [1, 2, 3, 6])
def test_capacity_equals_a_linear_program_for_every_size(width: int, verify: Verify, rng: np.random.Generator) -> None:
    cases = [(Separator(), rng.normal(size=(n, width)), rng.integers(0, 2, n)) for n in (0, 1, 2, 7, 16, 17, 30, 30)]
    oracle = "a linear program for every n"
    verify(memorization_capacity, every_size, cases, oracle=oracle, values=0, gradients=None)
    assert all(memorization_capacity(*case) >= width + 1 for case in cases if len(case[2]) > width)


@pytest.mark.parametrize("degree", range(6))
def test_capacity_of_a_polynomial_ends_at_its_last_sign_change(
    degree: int, verify: Verify, rng: np.random.Generator
) -> None:
    def sign_changes(model: Any, X: np.ndarray, y: np.ndarray) -> int:
        return int((np.cumsum(np.abs(np.diff(y, prepend=y[0]))) <= model.degree).sum())

    cases = [(Polynomial(degree), np.arange(float(n))[:, None], rng.integers(0, 2, n)) for n in (1, 5, 12, 31, 64)]
    verify(memorization_capacity, sign_changes, cases, oracle="sign changes", values=0, gradients=None)


def test_the_nearest_neighbour_memorises_all_and_a_constant_only_equals(rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(37, 2)), rng.integers(0, 2, 37)
    model = KNeighborsClassifier(1)
    assert memorization_capacity(model, X, y) == 37
    assert not hasattr(model, "classes_")  # the model itself was never trained
    assert memorization_capacity(Polynomial(0), X, np.repeat([1, 0], [11, 26])) == 11


@pytest.mark.parametrize("n", range(11))
def test_one_sine_takes_every_labelling(n: int, verify: Verify) -> None:
    x = 10.0 ** -np.arange(1, n + 1)
    cases = [(np.array(labels, np.int64),) for labels in product([-1, 1], repeat=n)]
    verify(
        lambda labels: np.sign(np.sin(sine_frequency(labels) * x)),
        lambda labels: labels,
        cases,
        oracle="every labelling, enumerated",
        name=sine_frequency,
        values=0,
        gradients=None,
    )


def test_fourteen_points_are_still_within_the_digits(rng: np.random.Generator) -> None:
    x = 10.0 ** -np.arange(1, 15)
    for labels in [-np.ones(14, int), np.ones(14, int), *rng.choice([-1, 1], (200, 14))]:
        assert np.array_equal(np.sign(np.sin(sine_frequency(labels) * x)), labels)


# Honest testing


@pytest.mark.parametrize("n_models", [1, 2, 200, 10**6])
@pytest.mark.parametrize("accuracy", [0.0, 0.1, 0.5, 0.93, 1.0])
def test_expected_best_equals_scipy(n_models: int, accuracy: float, verify: Verify) -> None:
    def reference(k: int, n: int, p: float) -> float:
        return float(-np.expm1(k * binom.logcdf(np.arange(n), n, p)).sum() / n)

    cases = [(n_models, n, accuracy) for n in (1, 7, 50, 3000)]
    verify(expected_best_accuracy, reference, cases, oracle="scipy.stats.binom", values=1e-10, gradients=None)


@pytest.mark.parametrize(("k", "n"), [(1, 4), (2, 3), (3, 4), (4, 2)])
def test_expected_best_equals_every_outcome_of_the_coins(k: int, n: int, verify: Verify) -> None:
    def enumerated(*_: int) -> float:
        best = [max(sum(model) for model in models) for models in product(product([0, 1], repeat=n), repeat=k)]
        return sum(best) / len(best) / n

    verify(expected_best_accuracy, enumerated, [(k, n)], oracle="every outcome", values=1e-14, gradients=None)


@pytest.mark.parametrize(
    ("n", "validation", "test"), [(10, 0.2, 0.2), (1797, 0.2, 0.15), (3, 0.3, 0.3), (11, 0.4, 0.4)]
)
def test_split_has_the_sizes_of_scikit_learn(
    n: int, validation: float, test: float, verify: Verify, rng: np.random.Generator
) -> None:
    def reference(*_: Any) -> np.ndarray:
        rest, last = train_test_split(np.arange(n), test_size=test)
        return np.array([*map(len, train_test_split(rest, test_size=math.ceil(validation * n))), len(last)])

    verify(
        lambda *case: np.array([len(part) for part in train_validation_test_split(*case)]),
        reference,
        [(n, validation, test, rng)],
        oracle="sklearn.model_selection.train_test_split, twice",
        name=train_validation_test_split,
        values=0,
        gradients=None,
    )
    parts = train_validation_test_split(n, validation, test, rng)
    assert sorted(np.concatenate(parts)) == list(range(n))


def test_every_deal_is_equally_likely(rng: np.random.Generator) -> None:
    deals = Counter(tuple(np.concatenate(train_validation_test_split(4, 0.25, 0.25, rng))) for _ in range(4800))
    assert len(deals) == 24
    assert chisquare(list(deals.values())).pvalue > 0.01


@pytest.mark.parametrize(("n", "k"), [(2, 2), (10, 5), (11, 5), (14, 5), (7, 7), (50, 3)])
def test_k_fold_equals_scikit_learn(n: int, k: int, verify: Verify) -> None:
    def flat(folds: Callable[[int, int], Any]) -> Callable[[int, int], np.ndarray]:
        return lambda n, k: np.concatenate([np.concatenate([train, [-1], test]) for train, test in folds(n, k)])

    def reference(n: int, k: int) -> Any:
        return KFold(k).split(np.zeros(n))

    verify(
        flat(k_fold),
        flat(reference),
        [(n, k)],
        oracle="sklearn.model_selection.KFold",
        name=k_fold,
        values=0,
        gradients=None,
    )


@quickly
@given(st.integers(2, 20), st.data(), seeds)
def test_shuffled_folds_test_each_example_once(n: int, data: st.DataObject, seed: int) -> None:
    folds = list(k_fold(n, data.draw(st.integers(2, n)), np.random.default_rng(seed)))
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(n))
    for train, test in folds:
        assert sorted([*train, *test]) == list(range(n))
    lengths = [len(test) for _, test in folds]
    assert max(lengths) - min(lengths) <= 1
    in_order = [test for _, test in k_fold(n, len(folds))]
    shuffled = [np.concatenate([t for _, t in k_fold(50, 5, np.random.default_rng(seed))]), np.concatenate(in_order)]
    assert not np.array_equal(shuffled[0], np.arange(50))
    assert np.array_equal(shuffled[1], np.arange(n))


# The interface


def test_every_public_name_is_proved() -> None:
    members = inspect.getmembers(overfitting, lambda thing: inspect.isclass(thing) or inspect.isfunction(thing))
    public = {n for n, thing in members if thing.__module__ == overfitting.__name__ and not n.startswith("_")}
    proved = "least_squares memorization_capacity sine_frequency expected_best_accuracy k_fold"
    assert public == {
        *proved.split(),
        "BiasVariance",
        "bias_variance_decomposition",
        "train_validation_test_split",
    }


def test_arguments_are_left_alone(rng: np.random.Generator) -> None:
    arrays = rng.normal(size=(4, 3)), rng.normal(size=4), rng.normal(size=3)
    before = [array.copy() for array in arrays]
    least_squares(*arrays[:2])
    bias_variance_decomposition(arrays[0], arrays[2])
    assert all(map(np.array_equal, arrays, before))


@pytest.mark.usefixtures("as_a_reader")
def test_bad_input_names_the_rule_and_the_values(rng: np.random.Generator) -> None:
    from dlref.generalization.overfitting import (
        bias_variance_decomposition,
        expected_best_accuracy,
        k_fold,
        least_squares,
        memorization_capacity,
        sine_frequency,
        train_validation_test_split,
    )

    for shapes in (((3, 2), (4,)), ((3,), (3,)), ((3, 2), ())):
        with pytest.raises(ValueError, match=r"need as many samples: \(3.*\), \("):
            least_squares(np.ones(shapes[0]), np.ones(shapes[1]))
    for alpha in (-1.0, float("nan")):
        with pytest.raises(ValueError, match=f"alpha must be at least 0, got {alpha}"):
            least_squares(np.ones((3, 2)), np.ones(3), alpha)
    for shapes in (((3, 2), (3,)), ((2,), (2,)), ((0, 2), (2,)), ((2, 0), (0,)), ((3, 2), (3, 2))):
        with pytest.raises(ValueError, match=r"predictions \(data sets, points\) and target \(points,\): \("):
            bias_variance_decomposition(np.ones(shapes[0]), np.ones(shapes[1]))
    with pytest.raises(ValueError, match="X and y need the same length, got 3 and 2"):
        memorization_capacity(Separator(), np.ones((3, 1)), np.ones(2, int))
    with pytest.raises(ValueError, match=r"at most 14, each −1 or 1, got \[0, 1\]"):
        sine_frequency(np.array([0, 1]))
    with pytest.raises(ValueError, match="at most 14"):
        sine_frequency(np.ones(15, int))
    for counts in ((0, 5), (5, 0)):
        with pytest.raises(ValueError, match=f"at least 1, got {counts[0]} and {counts[1]}"):
            expected_best_accuracy(*counts)
    for accuracy in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match=f"between 0 and 1, got {accuracy}"):
            expected_best_accuracy(5, 5, accuracy)
    for shares in ((0.5, 0.5), (0.0, 0.2), (0.2, 1.0), (-0.1, 0.2), (0.2, float("nan"))):
        with pytest.raises(
            ValueError, match=f"shares of 10 must leave some to train on, got {shares[0]} and {shares[1]}"
        ):
            train_validation_test_split(10, *shares, rng)
    for k in (1, 6):
        with pytest.raises(ValueError, match=f"between 2 and n_samples, got {k} and 5"):
            k_fold(5, k)
