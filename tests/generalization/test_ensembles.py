"""Proofs of bagging and boosting: scikit-learn with the same data and samples, exact enumeration, the known bounds."""

import inspect
from collections import Counter
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from sklearn.ensemble import AdaBoostClassifier as TheirAdaBoost
from sklearn.ensemble import BaggingClassifier as TheirBagging
from sklearn.ensemble import GradientBoostingRegressor as TheirGradientBoosting
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from dlref.generalization import ensembles
from dlref.generalization.ensembles import (
    AdaBoostClassifier,
    BaggingClassifier,
    DecisionStump,
    GradientBoostingRegressor,
    bootstrap_indices,
    expected_distinct_fraction,
)
from tests.oracle import Verify, error

quickly = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**32 - 1)
SHAPES = [(40, 3), (7, 1), (2, 1), (150, 2)]


def points(rng: np.random.Generator, n: int, width: int) -> np.ndarray:
    """Give points that single precision can hold, as scikit-learn's trees cast to it."""
    return rng.normal(size=(n, width)).astype(np.float32).astype(np.float64)


def noisy_labels(rng: np.random.Generator, X: np.ndarray) -> np.ndarray:
    return np.where((X**2).sum(axis=1) + 0.3 * rng.normal(size=len(X)) > X.shape[1], 1, -1)


# The bootstrap


@pytest.mark.parametrize("n", range(1, 7))
def test_distinct_fraction_equals_enumeration(n: int, verify: Verify) -> None:
    def enumerated(n: int) -> float:
        return float(np.mean([len(set(sample)) / n for sample in product(range(n), repeat=n)]))

    verify(expected_distinct_fraction, enumerated, [(n,)], oracle="all nⁿ bootstrap samples", gradients=None)


def test_distinct_fraction_goes_to_one_minus_one_over_e(rng: np.random.Generator) -> None:
    for n in (10**3, 10**6, 10**9, 10**15):
        assert abs(expected_distinct_fraction(n) - (1 - np.exp(-1))) <= 0.2 / n + 1e-15
    drawn = [len(np.unique(bootstrap_indices(10_000, rng))) / 10_000 for _ in range(20)]
    assert np.mean(drawn) == pytest.approx(expected_distinct_fraction(10_000), abs=0.003)


def test_every_bootstrap_sample_is_equally_likely(verify: Verify, rng: np.random.Generator) -> None:
    counts = Counter(tuple(bootstrap_indices(3, rng)) for _ in range(5400))
    assert set(counts) == set(product(range(3), repeat=3))
    assert chisquare(list(counts.values())).pvalue > 0.01
    verify.record(bootstrap_indices, "all nⁿ samples equally likely (chi-square)", 0)


# The stump


@pytest.mark.parametrize(("n", "width"), SHAPES)
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_stump_equals_a_tree_of_depth_one(
    n: int, width: int, offset: float, verify: Verify, rng: np.random.Generator
) -> None:
    def case() -> tuple[Any, ...]:
        return points(rng, n, width), rng.normal(size=n) + offset, rng.uniform(0.1, 2, n), points(rng, 50, width)

    def ours(X: np.ndarray, y: np.ndarray, weight: np.ndarray, new: np.ndarray) -> np.ndarray:
        stump = DecisionStump().fit(X, y, weight)
        return np.append(stump.predict(new), stump.threshold_)

    def tree(X: np.ndarray, y: np.ndarray, weight: np.ndarray, new: np.ndarray) -> np.ndarray:
        reference = DecisionTreeRegressor(max_depth=1).fit(X, y, weight)
        return np.append(reference.predict(new), reference.tree_.threshold[0])

    cases = [case() for _ in range(5)]
    cases += [(case()[0][::-1], *case()[1:]), (np.asfortranarray(cases[0][0]), *cases[0][1:])]
    oracle = "sklearn.tree.DecisionTreeRegressor(max_depth=1)"
    verify(ours, tree, cases, oracle=oracle, name=DecisionStump, values=1e-12, gradients=None)


def test_stump_on_signs_is_the_split_of_smallest_gini_impurity(verify: Verify, rng: np.random.Generator) -> None:
    def tree(X: np.ndarray, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return DecisionTreeClassifier(max_depth=1).fit(X, y, weight).predict(X)

    def ours(X: np.ndarray, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return np.where(DecisionStump().fit(X, y, weight).predict(X) > 0, 1, -1)

    cases = [(X := points(rng, 30, 3), noisy_labels(rng, X), rng.uniform(0, 1, 30)) for _ in range(10)]
    oracle = "sklearn.tree.DecisionTreeClassifier(max_depth=1)"
    verify(ours, tree, cases, oracle=oracle, name=DecisionStump, values=0, gradients=None)


@quickly
@given(st.integers(2, 8), st.integers(1, 3), seeds)
def test_no_other_split_fits_better(n: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    X, y, weight = rng.integers(0, 4, (n, width)), rng.normal(size=n), rng.integers(0, 3, n) + 1e-3
    ours = weight @ np.square(DecisionStump().fit(X, y, weight).predict(X) - y)
    for feature, threshold in product(range(width), np.arange(-1, 4) + 0.5):
        low = X[:, feature] <= threshold
        sides = [side for side in (low, ~low) if side.any()]
        errors = [weight[side] @ np.square(y[side] - np.average(y[side], weights=weight[side])) for side in sides]
        assert ours <= sum(errors) + 1e-9


def test_a_stump_without_a_choice_and_without_weight(rng: np.random.Generator) -> None:
    assert np.array_equal(DecisionStump().fit(np.ones((3, 2)), np.array([1.0, 2.0, 6.0])).predict(np.eye(2)), [3, 3])
    alone = DecisionStump().fit(np.array([[5.0]]), np.array([2.0]))
    assert np.array_equal(alone.predict(np.array([[0.0], [9.0]])), [2, 2])
    X, y = points(rng, 12, 2), rng.normal(size=12)
    kept = np.arange(12) % 3 > 0
    weighted, less = DecisionStump().fit(X, y, kept.astype(float)), DecisionStump().fit(X[kept], y[kept])
    assert (weighted.feature_, weighted.threshold_) == (less.feature_, less.threshold_)
    assert weighted.value_ == pytest.approx(less.value_, rel=1e-14)


def test_an_example_that_weighs_almost_nothing_is_not_cut_off(rng: np.random.Generator) -> None:
    X, y = np.arange(30.0)[:, None], np.repeat([1.0, -1.0, 1.0], 10)
    weight = np.where(np.arange(30) % 29 == 0, 1e-40, rng.uniform(0.1, 1, 30))  # the first and the last
    stump = DecisionStump().fit(X, y, weight)
    assert stump.threshold_ in (9.5, 19.5)


def test_weights_of_any_scale_give_the_same_stump(rng: np.random.Generator) -> None:
    X, y, weight = points(rng, 30, 2), rng.normal(size=30), rng.uniform(0.1, 1, 30)
    wanted = DecisionStump().fit(X, y, weight).predict(X)
    for scale in (1e-200, 1e-20, 1e20):
        assert error(DecisionStump().fit(X, y, scale * weight).predict(X), wanted) <= 1e-12


# Bagging


@pytest.mark.parametrize("neighbours", [1, 3])
@pytest.mark.parametrize("classes", [2, 4])
def test_bagging_equals_scikit_learn_with_its_samples(
    neighbours: int, classes: int, verify: Verify, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = rng.normal(size=(200, 2))
    model = KNeighborsClassifier(neighbours)

    class HardVotes(KNeighborsClassifier):  # the reference averages probabilities; without them it counts votes
        predict_proba = property()  # type: ignore[assignment]

    def theirs(X: np.ndarray, y: np.ndarray) -> np.ndarray:
        reference = TheirBagging(HardVotes(neighbours), 11, random_state=0).fit(X, y)
        samples = iter(reference.estimators_samples_)
        monkeypatch.setattr(ensembles, "bootstrap_indices", lambda n, rng: next(samples))
        return reference.predict(new)

    def ours(X: np.ndarray, y: np.ndarray) -> np.ndarray:
        theirs(X, y)  # puts its samples in place
        return BaggingClassifier(model, 11, rng).fit(X, y).predict(new)

    cases = [(rng.normal(size=(n, 2)), rng.integers(0, classes, n)) for n in (30, 60)]
    oracle = "sklearn.ensemble.BaggingClassifier"
    verify(ours, theirs, cases, oracle=oracle, name=BaggingClassifier, values=0, gradients=None)
    assert not hasattr(model, "classes_")


def test_bagging_draws_for_each_model_anew_and_takes_any_class(rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(20, 2)), rng.choice(["ape", "bee"], 20)
    bag = BaggingClassifier(KNeighborsClassifier(1), 5, rng).fit(X, y)
    assert len({tuple(drawn) for drawn in bag.estimators_samples_}) == 5
    assert set(bag.predict(X)) <= {"ape", "bee"}


def test_a_tie_goes_to_the_smaller_class(rng: np.random.Generator) -> None:
    bag = BaggingClassifier(KNeighborsClassifier(1), 2, rng)
    bag.classes_ = np.array([3, 7])
    bag.estimators_ = [KNeighborsClassifier(1).fit([[0.0]], [label]) for label in (7, 3)]
    assert bag.predict(np.zeros((1, 1))).tolist() == [3]


# AdaBoost


@pytest.mark.parametrize("learning_rate", [1.0, 0.3])
@pytest.mark.parametrize("seed", range(4))
def test_adaboost_equals_scikit_learn_round_by_round(seed: int, learning_rate: float, verify: Verify) -> None:
    rng = np.random.default_rng(seed)
    X, new = points(rng, 120, 3), points(rng, 200, 3)
    y, weight = noisy_labels(rng, X), rng.uniform(0.5, 1.5, 120)

    def ours(X: np.ndarray, y: np.ndarray) -> np.ndarray:
        model = AdaBoostClassifier(40, learning_rate).fit(X, y, weight)
        margin = model.decision_function(new) / model.estimator_weights_.sum()
        return np.concatenate([model.estimator_weights_, model.estimator_errors_, margin, model.predict(new)])

    def theirs(X: np.ndarray, y: np.ndarray) -> np.ndarray:
        stump = DecisionTreeClassifier(max_depth=1)
        model = TheirAdaBoost(stump, n_estimators=40, learning_rate=learning_rate).fit(X, y, weight)
        assert model.estimator_weights_ is not None
        margin = model.decision_function(new) / 2  # two columns, each ± the same sum
        return np.concatenate([model.estimator_weights_, model.estimator_errors_, margin, model.predict(new)])

    oracle = "sklearn.ensemble.AdaBoostClassifier"
    verify(ours, theirs, [(X, y)], oracle=oracle, name=AdaBoostClassifier, values=1e-12, gradients=None)


@quickly
@given(st.integers(20, 60), seeds)
def test_weights_put_half_on_the_mistakes_and_the_error_stays_below_its_bound(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    y = noisy_labels(rng, X)
    if abs(y.sum()) == n:
        return
    model = AdaBoostClassifier(15).fit(X, y)
    pairs = list(pairwise(model.sample_weights_))
    for (before, after), stump in zip(pairs, model.estimators_, strict=False):
        wrong = np.where(stump.predict(X) > 0, 1, -1) != y
        assert after[wrong].sum() == pytest.approx(0.5)
        assert after.sum() == pytest.approx(1)
        np.testing.assert_allclose(after[~wrong] / before[~wrong], (after[~wrong] / before[~wrong])[0])
    errors = model.estimator_errors_
    bound = np.prod(2 * np.sqrt(errors * (1 - errors)))
    assert (model.predict(X) != y).mean() <= bound + 1e-12
    if errors[-1] > 0:  # the bound is the mean exponential loss, with half of α
        assert np.exp(-y * model.decision_function(X) / 2).mean() == pytest.approx(bound)


def test_adaboost_stops_at_a_perfect_stump_and_before_a_coin() -> None:
    X = np.arange(6.0)[:, None]
    perfect = AdaBoostClassifier(10).fit(X, np.array([-1, -1, 1, 1, 1, 1]))
    assert perfect.estimator_errors_.tolist() == [0]
    assert perfect.estimator_weights_.tolist() == [1]
    alike = AdaBoostClassifier(10).fit(np.zeros((3, 1)), np.array([1, 1, -1]))  # after a round the two classes balance
    assert alike.estimator_errors_[0] == pytest.approx(1 / 3)
    assert np.abs(alike.estimator_weights_[1:]).max(initial=0) <= 1e-12
    assert alike.predict(np.zeros((1, 1))).tolist() == [1]
    with pytest.raises(ValueError, match="no stump is better than a coin"):
        AdaBoostClassifier(10).fit(np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([1, -1, -1, 1]))


def test_an_undecided_stump_says_minus_one_as_in_scikit_learn() -> None:
    X, y = np.array([[0.0], [0.0], [1.0]]), np.array([1, -1, -1])
    theirs = TheirAdaBoost(DecisionTreeClassifier(max_depth=1), n_estimators=1).fit(X, y)
    assert AdaBoostClassifier(1).fit(X, y).predict(X).tolist() == theirs.predict(X).tolist() == [-1, -1, -1]


# Gradient boosting


@pytest.mark.parametrize("learning_rate", [1.0, 0.1])
@pytest.mark.parametrize(("n", "width"), SHAPES)
def test_gradient_boosting_equals_scikit_learn(
    n: int, width: int, learning_rate: float, verify: Verify, rng: np.random.Generator
) -> None:
    X, new = points(rng, n, width), points(rng, 60, width)
    y = np.sin(2 * X[:, 0]) + 0.3 * rng.normal(size=n) + 100

    def ours(X: np.ndarray, y: np.ndarray) -> np.ndarray:
        model = GradientBoostingRegressor(30, learning_rate).fit(X, y)
        return np.array([*model.staged_predict(new), model.predict(new)])

    def theirs(X: np.ndarray, y: np.ndarray) -> np.ndarray:
        model = TheirGradientBoosting(n_estimators=30, learning_rate=learning_rate, max_depth=1, random_state=0)
        return np.array([*model.fit(X, y).staged_predict(new), model.predict(new)])

    oracle = "sklearn.ensemble.GradientBoostingRegressor"
    verify(ours, theirs, [(X, y)], oracle=oracle, name=GradientBoostingRegressor, values=1e-12, gradients=None)


@quickly
@given(st.integers(1, 30), st.floats(0.05, 1.0), seeds)
def test_each_round_of_gradient_boosting_lowers_the_training_error(n: int, learning_rate: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, 2)), rng.normal(size=n)
    model = GradientBoostingRegressor(8, learning_rate).fit(X, y)
    errors = [np.square(output - y).mean() for output in model.staged_predict(X)]
    assert np.var(y) + 1e-12 >= errors[0]
    assert all(after <= before + 1e-12 for before, after in pairwise(errors))


# The interface


def test_every_public_name_is_proved() -> None:
    members = inspect.getmembers(ensembles, lambda thing: inspect.isclass(thing) or inspect.isfunction(thing))
    public = {n for n, thing in members if thing.__module__ == ensembles.__name__ and not n.startswith("_")}
    classes = {"DecisionStump", "BaggingClassifier", "AdaBoostClassifier", "GradientBoostingRegressor"}
    assert public == classes | {"bootstrap_indices", "expected_distinct_fraction"}


def test_arguments_are_left_alone(rng: np.random.Generator) -> None:
    X, weight = rng.normal(size=(20, 2)), np.ones(20)
    y = noisy_labels(rng, X)
    before = X.copy(), y.copy(), weight.copy()
    AdaBoostClassifier(5).fit(X, y, weight).predict(X)
    GradientBoostingRegressor(5).fit(X, X[:, 0]).predict(X)
    assert all(map(np.array_equal, (X, y, weight), before))


@pytest.mark.usefixtures("as_a_reader")
def test_bad_input_names_the_rule_and_the_values(rng: np.random.Generator) -> None:
    from dlref.generalization.ensembles import (
        AdaBoostClassifier,
        BaggingClassifier,
        DecisionStump,
        GradientBoostingRegressor,
        bootstrap_indices,
        expected_distinct_fraction,
    )

    with pytest.raises(ValueError, match="n_samples must be at least 1, got 0"):
        bootstrap_indices(0, rng)
    with pytest.raises(ValueError, match="n_samples must be at least 1, got 0"):
        expected_distinct_fraction(0)
    X, y = np.zeros((3, 2)), np.ones(3)
    for weight in (np.ones(2), np.zeros(3), np.array([1.0, -1.0, 1.0]), np.full(3, np.nan)):
        with pytest.raises(ValueError, match=r"need one length: \(3, 2\), \(3,\), \["):
            DecisionStump().fit(X, y, weight)
    with pytest.raises(ValueError, match=r"need one length: \(3, 2\), \(2,\)"):
        DecisionStump().fit(X, y[:2])
    for build in (lambda n: BaggingClassifier(KNeighborsClassifier(1), n, rng), AdaBoostClassifier):
        with pytest.raises(ValueError, match="n_estimators must be at least 1, got 0"):
            build(0)
    with pytest.raises(ValueError, match="X and y need the same length, got 3 and 2"):
        BaggingClassifier(KNeighborsClassifier(1), 1, rng).fit(X, y[:2])
    with pytest.raises(ValueError, match=r"labels must be −1 or 1, got \[0, 1\]"):
        AdaBoostClassifier().fit(X, np.array([0, 1, 1]))
    for rounds, rate in ((0, 0.1), (5, 0.0), (5, float("nan"))):
        with pytest.raises(ValueError, match=f"n_estimators ≥ 1 and learning_rate > 0, got {rounds} and {rate}"):
            GradientBoostingRegressor(rounds, rate)
