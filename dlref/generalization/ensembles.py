"""Many weak models into one strong one: bagging averages them, boosting adds one that mends the others. In NumPy.

The weak learner is the stump, a tree with one question. Classes for boosting are −1 and 1; bagging takes any.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Num, Shaped

Points = Num[np.ndarray, "n_samples n_features"]
Signs = Int[np.ndarray, "n_samples"]
Values = Float[np.ndarray, "n_samples"]


def bootstrap_indices(n_samples: int, rng: np.random.Generator) -> Int[np.ndarray, "n_samples"]:
    """Draw n of n indices *with* replacement: some come twice or more often, some not at all.

    Raises:
        ValueError: there is nothing to draw from.

    Source: Efron 1979, doi:10.1214/aos/1176344552.
    Oracle: each of the nⁿ samples is equally likely (chi-square).

    Example:
        >>> import numpy as np
        >>> from dlref.generalization.ensembles import bootstrap_indices
        >>> bootstrap_indices(8, np.random.default_rng(0))
        array([6, 5, 4, 2, 2, 0, 0, 0])
    """
    if n_samples < 1:
        raise ValueError(f"n_samples must be at least 1, got {n_samples}")
    return rng.integers(0, n_samples, n_samples)


def expected_distinct_fraction(n_samples: int) -> float:
    """Return the share of the examples that a bootstrap sample holds on average: 1 − (1 − 1/n)ⁿ, near 1 − 1/e.

    Raises:
        ValueError: there is no example.

    Source: Breiman 1996, Bagging predictors, doi:10.1007/BF00058655.
    Oracle: all nⁿ bootstrap samples, enumerated.

    Example:
        >>> from dlref.generalization.ensembles import expected_distinct_fraction
        >>> expected_distinct_fraction(2), round(expected_distinct_fraction(10_000), 4)
        (0.75, 0.6321)
    """
    if n_samples < 1:
        raise ValueError(f"n_samples must be at least 1, got {n_samples}")
    return 1.0 if n_samples == 1 else float(-np.expm1(n_samples * np.log1p(-1 / n_samples)))


class DecisionStump:
    """A tree with one question: the mean of y on either side of X[:, feature_] ≤ threshold_, by least squares.

    For labels −1 and 1 that is the split of smallest Gini impurity as well. Without two different values to
    split, it answers the mean everywhere.

    Raises:
        ValueError: X, y and sample_weight disagree in length, or no weight is positive, or one is negative.

    Source: Breiman, Friedman, Olshen, Stone 1984, Classification and regression trees.
    Oracle: sklearn.tree.DecisionTreeRegressor and DecisionTreeClassifier with max_depth=1.

    Example:
        >>> import numpy as np
        >>> from dlref.generalization.ensembles import DecisionStump
        >>> stump = DecisionStump().fit(np.array([[1.0], [2.0], [4.0]]), np.array([0.0, 2.0, 7.0]))
        >>> stump.threshold_, stump.predict(np.array([[3.0], [3.1]]))
        (3.0, array([1., 7.]))
    """

    def fit(self, X: Points, y: Num[np.ndarray, "n_samples"], sample_weight: Values | None = None) -> "DecisionStump":
        """Try every threshold of every feature."""
        weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, np.float64)
        if not len(X) == len(y) == len(weight) or not (weight >= 0).all() or not weight.any():
            raise ValueError(f"X, y and weights ≥ 0 need one length: {np.shape(X)}, {np.shape(y)}, {weight.tolist()}")
        X, y, weight = (np.asarray(part, np.float64)[weight > 0] for part in (X, y, weight))
        weight = weight / weight.sum()
        mean = np.average(y, weights=weight)
        order = np.argsort(X, axis=0, kind="stable")
        x = np.take_along_axis(X, order, axis=0)
        mass, pull = weight[order], (weight * (y - mean))[order]  # (n_samples, n_features)
        left, right = (np.cumsum(pull[::way], axis=0) ** 2 / np.cumsum(mass[::way], axis=0) for way in (1, -1))
        gain = np.where(x[1:] > x[:-1], left[:-1] + right[::-1][1:], -1.0)  # for a cut after each row
        self.feature_, self.threshold_, self.value_ = 0, np.inf, (mean, mean)
        if gain.size and gain.max() >= 0:
            row, self.feature_ = (int(i) for i in np.unravel_index(gain.argmax(), gain.shape))
            self.threshold_ = float(x[row, self.feature_] + x[row + 1, self.feature_]) / 2
            low = X[:, self.feature_] <= self.threshold_
            self.value_ = tuple(np.average(y[side], weights=weight[side]) for side in (low, ~low))
        return self

    def predict(self, X: Points) -> Values:
        """Return the mean of the side that each example falls on."""
        return np.where(X[:, self.feature_] <= self.threshold_, *self.value_)


class BaggingClassifier:
    """Train copies of a classifier (``fit``, ``predict``) on bootstrap samples, and let them vote.

    A tie goes to the smaller class. What is not in a model's ``estimators_samples_`` can test it (*out of bag*).

    Raises:
        ValueError: there is no model or no example, or X and y differ in length.

    Source: Breiman 1996, Bagging predictors, doi:10.1007/BF00058655.
    Oracle: sklearn.ensemble.BaggingClassifier with the same bootstrap samples.

    Example:
        >>> import numpy as np
        >>> from sklearn.neighbors import KNeighborsClassifier
        >>> from dlref.generalization.ensembles import BaggingClassifier
        >>> X, y = np.arange(6.0)[:, None], np.array([0, 0, 0, 1, 1, 1])
        >>> BaggingClassifier(KNeighborsClassifier(1), 25, np.random.default_rng(0)).fit(X, y).predict(X)
        array([0, 0, 0, 1, 1, 1])
    """

    def __init__(self, estimator: Any, n_estimators: int, rng: np.random.Generator) -> None:
        if n_estimators < 1:
            raise ValueError(f"n_estimators must be at least 1, got {n_estimators}")
        self.estimator, self.n_estimators, self.rng = estimator, n_estimators, rng

    def fit(self, X: Points, y: Shaped[np.ndarray, "n_samples"]) -> "BaggingClassifier":
        """Draw a bootstrap sample for each model, and train it."""
        if len(X) != len(y):
            raise ValueError(f"X and y need the same length, got {len(X)} and {len(y)}")
        self.estimators_samples_ = [bootstrap_indices(len(y), self.rng) for _ in range(self.n_estimators)]
        self.estimators_ = [deepcopy(self.estimator).fit(X[drawn], y[drawn]) for drawn in self.estimators_samples_]
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Points) -> Shaped[np.ndarray, "n_samples"]:
        """Return the class with the most votes."""
        answers = np.array([model.predict(X) for model in self.estimators_])  # (n_estimators, n_samples)
        return self.classes_[np.argmax([(answers == one).sum(axis=0) for one in self.classes_], axis=0)]


class AdaBoostClassifier:
    """Add stumps h, each fitted with more weight on what those before got wrong; predict the sign of Σ α h(x).

    A round with the weighted error ε: α = η log((1 − ε)/ε), then w ← w e^α where the stump was wrong, and the sum
    back to 1. Freund and Schapire's α is half of this one, which is scikit-learn's; the weights are the same.
    ``sample_weights_`` holds those that each stump was fitted with. A stump that is perfect (α is then 1) ends the
    rounds; one no better than a coin, ε ≥ ½, is left out and ends them, too.

    Raises:
        ValueError: no rounds, a label that is neither −1 nor 1, or not one stump is better than a coin.

    Source: Freund, Schapire 1997, doi:10.1006/jcss.1997.1504.
    Oracle: sklearn.ensemble.AdaBoostClassifier: estimator_weights_, estimator_errors_, predictions.

    Example:
        >>> import numpy as np
        >>> from dlref.generalization.ensembles import AdaBoostClassifier
        >>> X, y = np.arange(6.0)[:, None], np.array([1, 1, -1, -1, 1, 1])
        >>> [int((AdaBoostClassifier(rounds).fit(X, y).predict(X) == y).sum()) for rounds in (1, 2, 3)]
        [4, 4, 6]
    """

    def __init__(self, n_estimators: int = 50, learning_rate: float = 1.0) -> None:
        if n_estimators < 1:
            raise ValueError(f"n_estimators must be at least 1, got {n_estimators}")
        self.n_estimators, self.learning_rate = n_estimators, learning_rate

    def fit(self, X: Points, y: Signs, sample_weight: Values | None = None) -> "AdaBoostClassifier":
        """Fit a stump, weigh it, weigh the examples anew, and repeat."""
        if not np.isin(y, (-1, 1)).all():
            raise ValueError(f"labels must be −1 or 1, got {np.unique(y).tolist()}")
        weight = np.ones(len(y)) if sample_weight is None else sample_weight
        self.estimators_, self.sample_weights_, errors, says = [], [], [], []
        while len(says) < self.n_estimators and 0 not in errors:
            weight = weight / weight.sum()
            stump = DecisionStump().fit(X, y, weight)
            wrong = _sign(stump.predict(X)) != y
            error = float(weight[wrong].sum())
            if error >= 0.5:
                break
            say = self.learning_rate * float(np.log((1 - error) / error)) if error > 0 else 1.0
            self.estimators_.append(stump)
            self.sample_weights_.append(weight)
            errors.append(error)
            says.append(say)
            weight = weight * np.exp(say * wrong)
        if not says:
            raise ValueError("no stump is better than a coin on these examples")
        self.estimator_errors_, self.estimator_weights_ = np.array(errors), np.array(says)
        return self

    def decision_function(self, X: Points) -> Values:
        """Return Σ α h(x)."""
        return self.estimator_weights_ @ [_sign(stump.predict(X)) for stump in self.estimators_]

    def predict(self, X: Points) -> Signs:
        """Return the sign of the sum."""
        return _sign(self.decision_function(X))


def _sign(values: Values) -> Signs:
    return np.where(values > 0, 1, -1)


class GradientBoostingRegressor:
    """Fit each stump h to what is left, the negative gradient of ½ (y − F)²: F ← F + η h, h ≈ y − F, F₀ = mean of y.

    Raises:
        ValueError: no rounds, or a learning rate η that is not positive.

    Source: Friedman 2001, doi:10.1214/aos/1013203451, algorithm 2.
    Oracle: sklearn.ensemble.GradientBoostingRegressor with max_depth=1.

    Example:
        >>> import numpy as np
        >>> from dlref.generalization.ensembles import GradientBoostingRegressor
        >>> X, y = np.arange(4.0)[:, None], np.array([0.0, 0.0, 4.0, 4.0])
        >>> GradientBoostingRegressor(2, learning_rate=0.5).fit(X, y).predict(X)
        array([0.5, 0.5, 3.5, 3.5])
    """

    def __init__(self, n_estimators: int = 100, learning_rate: float = 0.1) -> None:
        if n_estimators < 1 or not learning_rate > 0:
            raise ValueError(f"needs n_estimators ≥ 1 and learning_rate > 0, got {n_estimators} and {learning_rate}")
        self.n_estimators, self.learning_rate = n_estimators, learning_rate

    def fit(self, X: Points, y: Values) -> "GradientBoostingRegressor":
        """Fit a stump to the residuals, add a part of it, and repeat."""
        self.estimators_: list[DecisionStump] = []
        self.init_ = y.mean()
        residual = y - self.init_
        for _ in range(self.n_estimators):
            stump = DecisionStump().fit(X, residual)
            residual = residual - self.learning_rate * stump.predict(X)
            self.estimators_.append(stump)
        return self

    def staged_predict(self, X: Points) -> Iterator[Values]:
        """Yield the prediction after each round."""
        output = np.full(len(X), self.init_)
        for stump in self.estimators_:
            output = output + self.learning_rate * stump.predict(X)
            yield output

    def predict(self, X: Points) -> Values:
        """Return the prediction of all rounds together."""
        return list(self.staged_predict(X))[-1]
