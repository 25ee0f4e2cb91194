"""Proofs of dlref.foundations.linear_classifiers: scikit-learn, torch and Novikoff's theorem are the oracles."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LinearRegression
from sklearn.linear_model import LogisticRegression as TheirLogisticRegression
from sklearn.linear_model import Perceptron as TheirPerceptron
from sklearn.svm import LinearSVC

from dlref.foundations.linear_classifiers import (
    LogisticRegression,
    Perceptron,
    irls_step,
    logistic_loss,
    novikoff_bound,
    perceptron_step,
)
from tests.oracle import Verify, error

Data = tuple[np.ndarray, np.ndarray]
CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
NEVER: Any = None
quickly = settings(max_examples=25, deadline=None)


def overlapping(rng: np.random.Generator, n: int = 60, features: int = 3) -> Data:
    """Draw labels from a logistic model, so that no line parts the classes."""
    X = rng.normal(size=(n, features))
    return X, (rng.random(n) < 1 / (1 + np.exp(-X.sum(axis=1)))).astype(np.int64)


def parted(rng: np.random.Generator, n: int = 40, features: int = 3, gap: float = 0.2) -> Data:
    """Draw two classes that a line parts, the first example of class 0: at θ = 0 scikit-learn then moves as we do."""
    normal = rng.normal(size=features)
    normal /= np.linalg.norm(normal)
    X = rng.normal(size=(n, features))
    X[:2] += np.outer([-1.0, 1.0] - X[:2] @ normal, normal)  # one of each class
    y = (X @ normal > 0).astype(np.int64)
    return X + np.outer((2 * y - 1) * gap + 0.1, normal), y


def breast_cancer(columns: Any) -> Data:
    data: Any = load_breast_cancer()
    X = data.data[:, columns]
    return (X - X.mean(axis=0)) / X.std(axis=0), data.target


def several(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Give parameters, X and y: a block, a single example, no feature, and two views without contiguous memory."""
    X, y = overlapping(rng, 20, 6)
    data = [(X, y), (X[:1], y[:1]), (X[:, :0], y), (X[::2, ::3], y[::2]), (X.T, y[:6])]
    return [(rng.normal(size=features.shape[1] + 1), features, labels) for features, labels in data]


# The perceptron


@pytest.mark.parametrize("eta0", [1.0, 0.5, 0.3])
def test_step_descends_the_perceptron_criterion(eta0: float, verify: Verify, rng: np.random.Generator) -> None:
    def reference(parameters: np.ndarray, x: np.ndarray, target: int) -> np.ndarray:
        theta = torch.tensor(parameters, requires_grad=True)
        z = theta[:-1] @ torch.tensor(x) + theta[-1]
        (gradient,) = torch.autograd.grad((float(z.detach() >= 0) - target) * z, theta)
        return (theta - eta0 * gradient).detach().numpy()

    cases = [(p, X[i], int(y[i])) for p, X, y in several(rng) for i in range(min(len(y), 5))]
    cases += [(np.zeros(3), np.array([2.0, -1.0]), target) for target in (0, 1)]  # z = 0 counts as 1
    verify(
        lambda p, x, t: perceptron_step(p, x, t, eta0),
        reference,
        cases,
        oracle="torch.autograd on the perceptron criterion",
        name=perceptron_step,
        gradients=None,
    )


@pytest.mark.parametrize("eta0", [1.0, 0.25, 3.0])
def test_perceptron_equals_scikit_learn(eta0: float, verify: Verify, rng: np.random.Generator) -> None:
    def outcome(model: Any, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        model.fit(X, y)
        return np.concatenate([np.ravel(model.coef_), np.ravel(model.intercept_), model.predict(X)])

    cases = [parted(rng, n, features) for n in (2, 10, 60) for features in (1, 2, 5)]
    X, y = parted(rng, 30, 4)
    cases += [(X[::2, ::3], y[::2]), (np.asfortranarray(X), y)]
    X, y = overlapping(rng)
    cases.append((X[np.argsort(y)], np.sort(y)))
    verify(
        lambda X, y: outcome(Perceptron(eta0, max_iter=50), X, y),
        lambda X, y: outcome(TheirPerceptron(eta0=eta0, shuffle=False, tol=NEVER, max_iter=50), X, y),
        cases,
        oracle="sklearn.linear_model.Perceptron",
        name=Perceptron,
        gradients=None,
    )


@pytest.mark.parametrize("features", [1, 2, 5])
def test_bound_equals_the_one_of_the_widest_margin(features: int, verify: Verify, rng: np.random.Generator) -> None:
    X, y = parted(rng, 30, features)
    extended = np.column_stack([X, np.ones(len(y))])
    svm = LinearSVC(C=1e8, loss="hinge", intercept_scaling=1, tol=1e-8, max_iter=1_000_000).fit(X, y)
    line = np.append(svm.coef_, svm.intercept_)  # the bias is penalised: the widest margin in the space of (x, 1)
    want = (extended**2).sum(axis=1).max() * (line**2).sum()  # there the margin is 1 / ‖line‖
    got = novikoff_bound(X, y, line[:-1], float(line[-1]))
    assert got == pytest.approx(want, rel=1e-6)
    verify.record(novikoff_bound, "sklearn.svm.LinearSVC, ‖(w, b)‖ of the widest margin", abs(got / want - 1))
    for _ in range(20):  # every other line gives a wider bound
        other = line + 0.05 * np.abs(line).max() * rng.normal(size=line.shape)
        if (((2 * y - 1) * (extended @ other)) > 0).all():
            assert novikoff_bound(X, y, other[:-1], other[-1]) >= got * (1 - 1e-6)


@quickly
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 30), features=st.integers(1, 4), gap=st.floats(0.1, 2))
def test_mistakes_stay_below_the_bound(seed: int, n: int, features: int, gap: float) -> None:
    rng = np.random.default_rng(seed)
    X, y = parted(rng, n, features, gap)
    model = Perceptron(max_iter=5000, rng=rng).fit(X, y)
    assert model.converged_
    assert model.n_iter_ == len(model.mistakes_)
    assert np.array_equal(model.predict(X), y)
    assert sum(model.mistakes_) <= novikoff_bound(X, y, model.coef_, model.intercept_)


def test_bound_by_hand() -> None:
    X, y = np.array([[-3.0], [1.0]]), np.array([0, 1])
    assert novikoff_bound(X, y, np.array([2.0]), 0.0) == pytest.approx(10)  # R² = 9 + 1, γ = 1
    assert novikoff_bound(X, y, np.array([1.0]), 1.0) == pytest.approx(10 / (4 / 2))  # the margin is 2 / √2


def test_and_or_xor() -> None:
    log = {name: Perceptron(max_iter=100).fit(CORNERS, np.array(t)) for name, t in TABLES.items()}
    assert log["AND"].mistakes_ == [2, 3, 3, 2, 1, 0]
    assert log["OR"].mistakes_ == [2, 2, 1, 0]
    assert (log["XOR"].n_iter_, log["XOR"].converged_, min(log["XOR"].mistakes_)) == (100, False, 3)


TABLES = {"AND": [0, 0, 0, 1], "OR": [0, 1, 1, 1], "XOR": [0, 1, 1, 0]}


@quickly
@given(seed=st.integers(0, 2**32 - 1), power=st.integers(-20, 20))
def test_learning_rate_only_scales(seed: int, power: int) -> None:
    X, y = parted(np.random.default_rng(seed), 20, 2)
    one, other = (Perceptron(eta, 50, np.random.default_rng(1)).fit(X, y) for eta in (1.0, 2.0**power))
    assert one.mistakes_ == other.mistakes_
    assert np.array_equal(one.coef_ * 2.0**power, other.coef_)


def test_order_of_examples_is_kept_or_drawn_anew_each_epoch(rng: np.random.Generator) -> None:
    X, y = overlapping(rng)
    assert Perceptron(max_iter=9).fit(X, y).mistakes_ == Perceptron(max_iter=9).fit(X, y).mistakes_
    shuffled = Perceptron(max_iter=2, rng=np.random.default_rng(5)).fit(X, y)
    orders = np.random.default_rng(5)
    parameters = np.zeros(4)
    for _ in range(2):
        for i in orders.permutation(len(y)):
            parameters = perceptron_step(parameters, X[i], int(y[i]))
    assert np.array_equal(shuffled.coef_, parameters[:-1])


# Logistic regression


@pytest.mark.parametrize("C", [np.inf, 1.0, 0.03])
def test_loss_gradient_and_hessian_equal_torch(C: float, verify: Verify, rng: np.random.Generator) -> None:
    for parameters, X, y in several(rng):
        features, labels = torch.tensor(X), torch.tensor(y, dtype=torch.float64)

        def reference(theta: torch.Tensor, features: torch.Tensor = features, t: torch.Tensor = labels) -> torch.Tensor:
            entropies = F.binary_cross_entropy_with_logits(features @ theta[:-1] + theta[-1], t, reduction="none")
            return entropies.mean() + theta[:-1].square().sum() / (2 * C * len(t))

        theta = torch.tensor(parameters, requires_grad=True)
        loss, gradient, hessian = logistic_loss(parameters, X, y, C)
        value = error(loss, reference(theta))
        slope = error(gradient, torch.autograd.grad(reference(theta), theta)[0])
        curvature: Any = torch.autograd.functional.hessian(reference, theta)
        assert max(value, slope, error(hessian, curvature)) <= 1e-14
        verify.record(logistic_loss, "binary_cross_entropy_with_logits and torch.autograd", value, slope)


@pytest.mark.parametrize("scale", [0.0, 1.0, 3.0])
def test_irls_step_is_weighted_least_squares(scale: float, verify: Verify, rng: np.random.Generator) -> None:
    def reference(parameters: np.ndarray, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        z = X @ parameters[:-1] + parameters[-1]
        p = 1 / (1 + np.exp(-z))
        s = p * (1 - p)
        fit = LinearRegression().fit(X, z + (y - p) / s, sample_weight=s)
        return np.append(fit.coef_, fit.intercept_)

    cases = []
    for features in (1, 2, 5):
        X, y = overlapping(rng, 50, features)
        cases += [(scale * rng.normal(size=features + 1), X, y), (np.zeros(features + 1), X[::2], y[::2])]
    verify(
        irls_step,
        reference,
        cases,
        oracle="sklearn.linear_model.LinearRegression with sample_weight",
        gradients=None,
        values=1e-11,
    )


@pytest.mark.parametrize("C", [np.inf, 1.0, 0.01])
@pytest.mark.parametrize("solver", ["irls", "gd"])
def test_logistic_regression_equals_scikit_learn(
    solver: str, C: float, verify: Verify, rng: np.random.Generator
) -> None:
    def theirs(X: np.ndarray, y: np.ndarray) -> np.ndarray:
        model = TheirLogisticRegression(C=C, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(X, y)
        return np.concatenate([model.coef_[0], model.intercept_, model.predict_proba(X).ravel(), model.predict(X)])

    def ours(X: np.ndarray, y: np.ndarray) -> np.ndarray:
        model = LogisticRegression(solver, C, tol=1e-11).fit(X, y)
        assert model.converged_
        return np.concatenate([model.coef_, [model.intercept_], model.predict_proba(X).ravel(), model.predict(X)])

    cases = [overlapping(rng, 60, features) for features in (1, 2, 4)]
    X, y = overlapping(rng, 90, 6)
    cases += [(X[::2, ::3], y[::2]), (np.asfortranarray(X[:, :2]), y), breast_cancer([1, 4, 8])]
    if solver == "irls":
        cases.append(breast_cancer(slice(5)))  # radius, perimeter and area, all but collinear
    name = "sklearn.linear_model.LogisticRegression"
    verify(ours, theirs, cases, oracle=name, name=LogisticRegression, gradients=None, values=1e-9)


def test_newton_takes_few_steps_and_descent_never_climbs(rng: np.random.Generator) -> None:
    X, y = breast_cancer(slice(5))
    newton = LogisticRegression(C=np.inf, tol=1e-14).fit(X, y)
    assert (newton.n_iter_, newton.converged_) == (9, True)
    losses = []
    for steps in range(1, 30, 4):
        model = LogisticRegression("gd", C=np.inf, max_iter=steps).fit(X * 50, y)
        assert (model.n_iter_, model.converged_) == (steps, False)
        losses.append(logistic_loss(np.append(model.coef_, model.intercept_), X * 50, y)[0])
    assert (np.diff(losses) <= 0).all()


def test_newton_is_damped_where_the_full_step_would_climb() -> None:
    X = [[2.9, 1.6], [4.2, 6.1], [-0.7, -0.2], [27.6, -6.2], [-66.8, -1.5]]
    X = np.array([*X, [-9.0, -2.5], [-5.3, -14.3], [-0.2, -127.9], [-0.6, -2.2]])
    y = np.array([1, 1, 0, 1, 0, 0, 0, 0, 1])
    full, losses = np.zeros(3), []
    for _ in range(8):
        losses.append(logistic_loss(full, X, y, C=1e6)[0])
        full = irls_step(full, X, y, C=1e6)
    assert (np.diff(losses) > 0.03).any()

    damped = []
    for steps in range(1, 12):
        model = LogisticRegression(C=1e6, max_iter=steps).fit(X, y)
        damped.append(logistic_loss(np.append(model.coef_, model.intercept_), X, y, C=1e6)[0])
    assert (np.diff(damped) <= 1e-14).all()
    assert LogisticRegression(C=1e6).fit(X, y).converged_


def test_collinear_features_share_their_coefficient(rng: np.random.Generator) -> None:
    X, y = overlapping(rng, 60, 1)
    one, twice = LogisticRegression(C=np.inf).fit(X, y), LogisticRegression(C=np.inf).fit(np.repeat(X, 2, 1), y)
    assert twice.converged_
    np.testing.assert_allclose(twice.coef_, np.repeat(one.coef_ / 2, 2), rtol=1e-8)


def test_separable_classes_have_no_minimum() -> None:
    X, y = np.array([[-2.0], [-1.0], [1.0], [3.0]]), np.array([0, 0, 1, 1])
    sizes = [LogisticRegression(C=np.inf, tol=0.0, max_iter=k).fit(X, y).coef_[0] for k in (1, 5, 10, 20)]
    assert (np.diff(sizes) > 3).all()
    assert LogisticRegression(C=10.0).fit(X, y).converged_


@quickly
@given(seed=st.integers(0, 2**32 - 1))
def test_mean_probability_is_the_share_of_ones(seed: int) -> None:
    X, y = overlapping(np.random.default_rng(seed), 80, 2)
    model = LogisticRegression(C=5.0).fit(X, y)
    p = model.predict_proba(X)
    assert p[:, 1].mean() == pytest.approx(y.mean(), abs=1e-9)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-15)
    np.testing.assert_allclose(np.log(p[:, 1] / p[:, 0]), model.decision_function(X), rtol=1e-9, atol=1e-9)


# At the extremes


@pytest.mark.parametrize("z", [40.0, 700.0, 1000.0, 1e6])
def test_loss_and_probabilities_keep_their_digits_far_out(z: float) -> None:
    X, parameters = np.array([[z]]), np.array([1.0, 0.0])
    right, gradient, _ = logistic_loss(parameters, X, np.array([1]))
    assert right == pytest.approx(np.exp(-z), rel=1e-12, abs=0)
    assert gradient[1] == pytest.approx(-np.exp(-z), rel=1e-12, abs=0)
    wrong, gradient, hessian = logistic_loss(parameters, X, np.array([0]))
    assert (wrong, gradient[1]) == (pytest.approx(z), pytest.approx(1))
    assert hessian[1, 1] == pytest.approx(np.exp(-z), rel=1e-12, abs=0)
    model = LogisticRegression()
    model.coef_, model.intercept_ = parameters[:1], 0.0
    assert model.predict_proba(X)[0] == pytest.approx([np.exp(-z), 1], rel=1e-12, abs=0)


@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_features_far_from_unit_size(scale: float, rng: np.random.Generator) -> None:
    X, y = overlapping(rng)
    plain, scaled = LogisticRegression(C=np.inf).fit(X, y), LogisticRegression(C=np.inf, tol=1e-9).fit(X * scale, y)
    np.testing.assert_allclose(scaled.coef_ * scale, plain.coef_, rtol=1e-4)
    assert Perceptron(max_iter=5).fit(X * scale, y).n_iter_ == 5


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_low_precision_is_computed_in_float64(dtype: type, rng: np.random.Generator) -> None:
    X, y = overlapping(rng)
    X = X.astype(dtype)
    for model in (LogisticRegression, Perceptron):
        low, high = (model(max_iter=10).fit(x, y) for x in (X, X.astype(np.float64)))
        assert np.array_equal(low.coef_, high.coef_)
        assert low.decision_function(X).dtype == low.coef_.dtype == np.float64


def test_arguments_stay_as_they_are(rng: np.random.Generator) -> None:
    X, y = overlapping(rng)
    parameters, before, labels = np.ones(4), X.copy(), y.copy()
    for model in (Perceptron(max_iter=3), LogisticRegression(), LogisticRegression("gd")):
        model.fit(X, y)
    moved = [perceptron_step(parameters, X[0], target) for target in (0, 1)]
    assert not np.array_equal(moved[0], moved[1])
    assert not np.array_equal(irls_step(parameters, X, y), parameters)
    assert np.array_equal(X, before)
    assert np.array_equal(y, labels)
    assert np.array_equal(parameters, np.ones(4))


@pytest.mark.usefixtures("as_a_reader")
def test_bad_input_names_the_rule_and_the_values() -> None:
    from dlref.foundations import linear_classifiers as lc

    X, y = CORNERS, np.array([0, 0, 0, 1])
    fits = [lc.Perceptron().fit, lc.LogisticRegression().fit, lambda X, y: lc.logistic_loss(np.zeros(3), X, y)]
    for fit in fits:
        with pytest.raises(ValueError, match=r"X must be \(examples, features\) .* got \(4, 2\) and \(3,\)"):
            fit(X, y[:3])
        with pytest.raises(ValueError, match=r"got \(0, 2\) and \(0,\)"):
            fit(X[:0], y[:0])
        with pytest.raises(ValueError, match=r"got \(4,\) and \(4,\)"):
            fit(X[:, 0], y)
        with pytest.raises(ValueError, match="labels must be 0 or 1, got -1"):
            fit(X, 2 * y - 1)
        with pytest.raises(ValueError, match="X must be finite, got nan"):
            fit(np.where(X > 0, np.nan, X), y)
    for fit in fits[:2]:
        with pytest.raises(ValueError, match="both classes, 0 and 1, got 1 only"):
            fit(X, np.ones(4, int))
    for call in (lc.logistic_loss, lc.irls_step):
        with pytest.raises(ValueError, match=r"2 features need 3 parameters, got \(2,\)"):
            call(np.zeros(2), X, y)
        with pytest.raises(ValueError, match=r"C must be above 0 .*, got 0"):
            call(np.zeros(3), X, y, 0)
    with pytest.raises(ValueError, match=r"2 features need 3 parameters, got \(4,\)"):
        lc.perceptron_step(np.zeros(4), X[0], 1)
    with pytest.raises(ValueError, match="labels must be 0 or 1, got 2"):
        lc.perceptron_step(np.zeros(3), X[0], 2)
    with pytest.raises(ValueError, match=r"must part the classes: .* got -1"):
        lc.novikoff_bound(X, y, np.ones(2), 0.0 - 1e-9 + 1e-9)
    for model in (lc.Perceptron(), lc.LogisticRegression()):
        with pytest.raises(ValueError, match=rf"this {type(model).__name__} has no line yet: call fit\(X, y\) first"):
            model.predict(X)
        with pytest.raises(ValueError, match=r"X must be \(examples, 2\), as in fit, got \(4, 1\)"):
            model.fit(X, y).predict(X[:, :1])
    bad: list[dict[str, Any]] = [{"eta0": 0.0}, {"eta0": -1.0}, {"max_iter": 0}]
    for arguments in bad:
        with pytest.raises(ValueError, match=rf"eta0 must be above 0 .*got .*{min(arguments.values()):g}"):
            lc.Perceptron(**arguments)
    bad = [{"solver": "lbfgs"}, {"C": 0.0}, {"C": float("nan")}, {"tol": -1.0}, {"max_iter": 0}]
    for arguments in bad:
        (value,) = arguments.values()
        with pytest.raises(ValueError, match=rf"solver must be 'irls' or 'gd', C above 0.* got .*{value}"):
            lc.LogisticRegression(**arguments)
