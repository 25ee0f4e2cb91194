"""Proofs of dlref.foundations.data_normalization: scikit-learn, numpy.linalg and torch are the oracles."""

import importlib
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import decomposition, preprocessing
from sklearn.datasets import load_breast_cancer

from dlref.foundations.data_normalization import (
    MaxAbsScaler,
    MinMaxScaler,
    PCAWhitening,
    RobustScaler,
    StandardScaler,
    condition_number,
    gradient_descent_steps,
    normalize,
)
from tests.oracle import Verify, error

quickly = settings(max_examples=25, deadline=None)
SCALERS: dict[str, tuple[Any, Any]] = {
    "StandardScaler": (StandardScaler, preprocessing.StandardScaler),
    "MinMaxScaler": (MinMaxScaler, preprocessing.MinMaxScaler),
    "MinMaxScaler, -1 to 3": (lambda: MinMaxScaler((-1.0, 3.0)), lambda: preprocessing.MinMaxScaler((-1, 3))),
    "RobustScaler": (RobustScaler, preprocessing.RobustScaler),
    "MaxAbsScaler": (MaxAbsScaler, preprocessing.MaxAbsScaler),
}
WHITENING = (PCAWhitening, lambda: decomposition.PCA(whiten=True, svd_solver="full"))
every_scaler = pytest.mark.parametrize(("ours", "theirs"), SCALERS.values(), ids=SCALERS.keys())
every_one = pytest.mark.parametrize("ours", [*(ours for ours, _ in SCALERS.values()), PCAWhitening])


def several(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Give pairs to fit and to transform: blocks, one example, constants, skew, strides, real data."""
    block, skewed = 100 * rng.normal(size=(30, 6)) + 7, np.exp(rng.normal(size=(41, 3)) * [0.5, 1, 2])
    constant = np.column_stack([np.full(30, 0.1), np.zeros(30), block[:, 0], np.full(30, -1e6)])
    real = load_breast_cancer(return_X_y=True)[0]
    pairs = [(block, 3 * block + 1), (block[:1], block), (skewed, skewed[:1]), (constant, constant + 2)]
    return [*pairs, (block[::2, ::3], block[::-1, 1::3]), (np.asfortranarray(block), block.T[:6].T), (real[:400], real)]


def outcome(scaler: Any, X: np.ndarray, later: np.ndarray) -> np.ndarray:
    scaled = scaler.fit(X).transform(later)
    return np.concatenate([scaled.ravel(), scaler.inverse_transform(scaled).ravel()])


# Against the oracles


@every_scaler
def test_scalers_equal_scikit_learn(ours: Any, theirs: Any, verify: Verify, rng: np.random.Generator) -> None:
    verify(
        lambda X, later: outcome(ours(), X, later),
        lambda X, later: outcome(theirs(), X, later),
        several(rng),
        oracle=f"sklearn.preprocessing.{type(theirs()).__name__}",
        name=type(ours()),
        values=1e-12,
        gradients=None,
    )


@every_scaler
def test_each_pair_and_each_column_equals_scikit_learn(ours: Any, theirs: Any, rng: np.random.Generator) -> None:
    for X, later in several(rng):  # the error of a column of small values does not hide behind a large one
        got, want = ours().fit(X).transform(later), theirs().fit(X).transform(later)
        assert max(error(got[:, i], want[:, i]) for i in range(X.shape[1])) <= 1e-12


def test_whitening_equals_scikit_learn(verify: Verify, rng: np.random.Generator) -> None:
    X = rng.normal(size=(40, 5)) @ rng.normal(size=(5, 5)) + 3
    pairs = [(X, 2 * X), (X[:7], X), (X[::2, ::2], X[::-1, ::2]), (X[:, :1], X[:1, :1]), (np.asfortranarray(X), X[:0])]
    ours, theirs = WHITENING

    def reference(X: np.ndarray, later: np.ndarray) -> np.ndarray:
        return outcome(theirs(), X, later) if len(later) else np.zeros(0)

    verify(
        lambda X, later: outcome(ours(), X, later),
        reference,
        pairs,
        oracle="sklearn.decomposition.PCA(whiten=True)",
        name=PCAWhitening,
        values=1e-12,
        gradients=None,
    )


def test_whitening_leaves_out_an_axis_without_variance(rng: np.random.Generator) -> None:
    X = rng.normal(size=(30, 3))
    dependent = np.column_stack([X, X[:, 0] - X[:, 1], np.full(30, 0.1)])
    ours, theirs = PCAWhitening().fit(dependent), WHITENING[1]().fit(dependent)
    assert ours.components_.shape == (3, 5)
    assert error(ours.transform(dependent), theirs.transform(dependent)[:, :3]) <= 1e-12
    assert error(ours.inverse_transform(ours.transform(dependent)), dependent) <= 1e-12
    assert PCAWhitening().fit(X[:3]).components_.shape == (2, 3)  # three points span a plane


def test_unit_norm_equals_scikit_learn(verify: Verify, rng: np.random.Generator) -> None:
    X = rng.normal(size=(6, 8))
    cases = [(X,), (X[:1],), (X.T,), (X[::2, ::3],), (np.vstack([X, np.zeros(8)]),), (np.zeros((2, 3)),)]
    verify(normalize, preprocessing.normalize, cases, oracle="sklearn.preprocessing.normalize", gradients=None)
    assert normalize(X[:0]).shape == (0, 8)
    assert normalize(X[:, :0]).shape == (6, 0)


def test_condition_number_equals_the_eigenvalues(verify: Verify, rng: np.random.Generator) -> None:
    def reference(X: np.ndarray) -> float:
        curvatures = np.linalg.eigvalsh(X.T @ X / len(X))
        return curvatures[-1] / curvatures[0]

    X = rng.normal(size=(50, 6)) * [1, 2, 3, 10, 30, 100]
    cases = [(X,), (X[:, :1],), (X[::2, ::3],), (X[:1, :1],), (X + 100,)]
    verify(condition_number, reference, cases, oracle="numpy.linalg.eigvalsh", values=1e-10, gradients=None)


def test_condition_number_is_infinite_where_columns_depend(rng: np.random.Generator) -> None:
    X = rng.normal(size=(20, 2))
    for dependent in ([[0.0]], X[:1], np.column_stack([X, X[:, 0] / 3]), np.column_stack([X, np.zeros(20)])):
        assert condition_number(np.asarray(dependent)) == np.inf
    assert condition_number(X) == pytest.approx(condition_number(1e-9 * X), rel=1e-9)


def test_steps_equal_those_of_torch(verify: Verify, rng: np.random.Generator) -> None:
    def reference(X: np.ndarray, y: np.ndarray, tol: float) -> int:
        inputs, targets = torch.tensor(X), torch.tensor(y)
        curvatures = np.linalg.eigvalsh(X.T @ X / len(X))
        best = torch.tensor(np.linalg.lstsq(X, y)[0])
        w = torch.zeros(X.shape[1], dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.SGD([w], lr=2 / (curvatures[0] + curvatures[-1]))

        def loss(w: torch.Tensor) -> torch.Tensor:
            return (inputs @ w - targets).square().mean() / 2

        start, floor, steps = loss(w).item(), loss(best).item(), 0
        while loss(w).item() - floor > tol * (start - floor):
            optimizer.zero_grad()
            loss(w).backward()
            optimizer.step()
            steps += 1
        return steps

    X = rng.normal(size=(40, 3))
    y = X @ [1.0, -2.0, 0.5] + rng.normal(size=40)
    cases: list[tuple[Any, ...]] = [(X, y, 1e-3), (X * [1, 2, 4], y, 1e-3), (X + 1, y, 0.1), (X[::2], y[::2], 1e-5)]
    cases += [(X, y, 1.0), (X[:, :1], y, 1e-3), (np.diag([1.0, 2.5, 5]), np.array([1.0, 9, 1]), 1e-2)]
    verify(gradient_descent_steps, reference, cases, oracle="torch.optim.SGD, counted", values=0.0, gradients=None)


# Properties


def test_counts_by_hand() -> None:
    for kappa in (100, 10_000):  # equal shares: both ends shrink by the same factor
        X, factor = np.diag([1.0, kappa**0.5]), (kappa - 1) / (kappa + 1)
        want = int(np.ceil(np.log(1e-3) / np.log(factor) / 2))
        assert gradient_descent_steps(X, np.ones(2)) == want
    assert gradient_descent_steps(np.eye(3), np.arange(3.0)) == 1
    assert gradient_descent_steps(np.eye(3)[:, :2], np.array([0.0, 0.0, 1.0])) == 0  # nothing to learn


@quickly
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 30), unit=st.integers(-100, 100), shift=st.floats(-5, 5))
def test_units_do_not_matter(seed: int, n: int, unit: int, shift: float) -> None:
    X = np.random.default_rng(seed).normal(size=(n, 3))
    units = 10.0 ** np.array([unit, 0, -unit])
    changed = (X + shift) * units
    for ours in (StandardScaler, MinMaxScaler, RobustScaler):
        got, want = ours().fit(changed).transform(changed), ours().fit(X).transform(X)
        assert error(got, want) <= 1e-8, ours
    assert error(normalize(X * 10.0**unit), normalize(X)) <= 1e-13


@quickly
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(3, 40), offset=st.sampled_from([0.0, 1e4, -1e8]))
def test_what_each_scaler_promises(seed: int, n: int, offset: float) -> None:
    X = np.random.default_rng(seed).normal(size=(n, 2)) * [1, 50] + offset
    z, unit, robust = (ours().fit(X).transform(X) for ours in (StandardScaler, MinMaxScaler, RobustScaler))
    assert np.abs(z.mean(axis=0)).max() <= 1e-7
    assert np.abs(z.std(axis=0) - 1).max() <= 1e-12
    assert (unit.min(axis=0) == 0).all()
    assert (unit.max(axis=0) == 1).all()
    ulp = np.spacing(np.abs(X).max())  # of a mean of two entries, in units of the interquartile range:
    assert (np.abs(np.median(robust, axis=0)) <= 2 * ulp / np.diff(np.quantile(X, [0.25, 0.75], axis=0), axis=0)).all()
    assert np.abs(MaxAbsScaler().fit(X).transform(X)).max(axis=0) == pytest.approx(1)
    white = PCAWhitening().fit(X).transform(X)
    assert np.abs(np.cov(white.T) - np.eye(2)).max() <= 1e-6


@every_one
def test_later_data_change_nothing(ours: Any, rng: np.random.Generator) -> None:
    X = rng.normal(size=(20, 3))
    kept, scaler = X.copy(), ours()
    assert scaler.fit(X) is scaler
    before = scaler.transform(X[:2])
    later = scaler.transform(1e6 * X)
    assert np.array_equal(scaler.transform(X[:2]), before)
    assert np.array_equal(X, kept)
    assert np.abs(later).max() > 1e5
    assert scaler.transform(X[:0]).shape == (0, 3)


def test_tiny_units_and_rounding_noise() -> None:
    X = np.array([[1e-20], [3e-20]])
    assert MinMaxScaler().fit(X).transform(X).ravel().tolist() == [0, 1]
    assert preprocessing.MinMaxScaler().fit(X).transform(X).max() < 1e-19
    noise = np.array([[0.3], [0.1 + 0.2]])  # differ in the last bit
    for ours in (StandardScaler, MinMaxScaler, RobustScaler):
        assert np.abs(ours().fit(noise).transform(noise)).max() < 1e-15
    assert normalize(np.array([[3e-200, 4e-200], [3e200, 4e200]])) == pytest.approx(np.array([[0.6, 0.8]] * 2))


# Bad input


@every_one
def test_bad_examples(ours: Any, as_a_reader: None) -> None:
    module = importlib.import_module("dlref.foundations.data_normalization")
    fresh: Any = getattr(module, type(ours()).__name__)
    X = np.array([[1.0, 2.0], [3.0, 5.0], [0.0, 1.0]])
    with pytest.raises(ValueError, match=rf"this {fresh.__name__} has learned nothing yet: call fit\(X\) first"):
        fresh().transform(X)
    with pytest.raises(ValueError, match="has learned nothing yet"):
        fresh().inverse_transform(X)
    with pytest.raises(ValueError, match=r"examples and 1 feature at least, got X of shape \(0, 2\)"):
        fresh().fit(X[:0])
    with pytest.raises(ValueError, match=r"X must be \(examples, features\), got \(2,\)"):
        fresh().fit(X[0])
    with pytest.raises(ValueError, match="X must be finite, got inf"):
        fresh().fit(np.where(X > 4, np.inf, X))
    for late in (fresh().fit(X).transform, fresh().fit(X).inverse_transform):
        with pytest.raises(ValueError, match=r"X must be \(examples, 2\), got \(3, 1\)"):
            late(X[:, :1])
        with pytest.raises(ValueError, match="X must be finite, got nan"):
            late(X * np.nan)


def test_bad_options(as_a_reader: None) -> None:
    from dlref.foundations.data_normalization import (
        MinMaxScaler,
        PCAWhitening,
        condition_number,
        gradient_descent_steps,
        normalize,
    )

    X = np.eye(2)
    with pytest.raises(ValueError, match=r"feature_range must rise, got 1\.0 to 1\.0"):
        MinMaxScaler((1.0, 1.0))
    with pytest.raises(ValueError, match=r"2 examples and 1 feature at least, got X of shape \(1, 2\)"):
        PCAWhitening().fit(X[:1])
    with pytest.raises(ValueError, match=r"1 examples and 1 feature at least, got X of shape \(0, 2\)"):
        condition_number(X[:0])
    with pytest.raises(ValueError, match=r"1 feature at least, got X of shape \(2, 0\)"):
        condition_number(X[:, :0])
    with pytest.raises(ValueError, match=r"X must be \(examples, features\), got \(2,\)"):
        normalize(X[0])
    with pytest.raises(ValueError, match=r"y must be \(examples,\).*got y \(3,\), tol 0.001, X \(2, 2\)"):
        gradient_descent_steps(X, np.ones(3))
    with pytest.raises(ValueError, match=r"tol above 0.*got y \(2,\), tol 0, X"):
        gradient_descent_steps(X, np.ones(2), tol=0)
    with pytest.raises(ValueError, match=r"no column of X depend on others.*condition number inf"):
        gradient_descent_steps(np.ones((2, 2)), np.ones(2))
