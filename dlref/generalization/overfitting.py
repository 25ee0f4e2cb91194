"""What a model fits, what it only memorises, and how to test it honestly.

All in NumPy. An error is a mean squared error; labels of a classifier are whatever its ``fit`` takes.
"""

import math
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int, Shaped

Indices = Int[np.ndarray, "_"]


def least_squares(
    features: Float[np.ndarray, "n_samples n_features"], y: Float[np.ndarray, "n_samples *outputs"], alpha: float = 0.0
) -> Float[np.ndarray, "n_features *outputs"]:
    """Return the coef that makes ‖features · coef − y‖² + alpha ‖coef‖² smallest, for each column of y.

    With alpha = 0 many coefs can tie, and all fit exactly if there are as many independent features as samples: the
    one of smallest norm is returned, the limit for alpha → 0. Singular values below eps · max(shape) times the largest
    count as zero, as in NumPy.

    Raises:
        ValueError: the numbers of samples differ, or alpha is negative.

    Source: Hastie, Tibshirani, Friedman 2009, The elements of statistical learning, section 3.4.1.
    Oracle: numpy.linalg.lstsq for alpha = 0, sklearn.linear_model.Ridge otherwise.

    Example:
        >>> import numpy as np
        >>> from dlref.generalization.overfitting import least_squares
        >>> least_squares(np.array([[1.0, 1.0]]), np.array([2.0]))  # of all pairs that sum to 2
        array([1., 1.])
    """
    if np.ndim(features) != 2 or np.ndim(y) < 1 or len(features) != len(y):
        raise ValueError(
            f"features (samples, features) and y need as many samples: {np.shape(features)}, {np.shape(y)}"
        )
    if not alpha >= 0:
        raise ValueError(f"alpha must be at least 0, got {alpha}")
    left, s, right = np.linalg.svd(features, full_matrices=False)
    kept = s > np.finfo(s.dtype).eps * max(features.shape) * s.max(initial=0.0)
    shrunk = np.divide(s, s**2 + alpha, out=np.zeros_like(s), where=kept)
    return right.T * shrunk @ np.tensordot(left.T, y, axes=1)


class BiasVariance(NamedTuple):
    """The parts of an error, averaged over the test points: error = squared_bias + variance.

    Source: Geman, Bienenstock, Doursat 1992, doi:10.1162/neco.1992.4.1.1.
    Oracle: the closed form of linear regression, as for ``bias_variance_decomposition``, which returns it.

    Example:
        >>> from dlref.generalization.overfitting import BiasVariance
        >>> BiasVariance(error=10.0, squared_bias=9.0, variance=1.0).variance
        1.0
    """

    error: float
    squared_bias: float
    variance: float


def bias_variance_decomposition(
    predictions: Float[np.ndarray, "n_datasets n_points"], target: Float[np.ndarray, "n_points"]
) -> BiasVariance:
    """Split the error of a learner that was trained on many data sets: E(f − t)² = (E f − t)² + E(f − E f)².

    Args:
        predictions: One row for each data set: what the model trained on it says at the same test points.
        target: The noise-free truth there. Noise in the test labels adds its own variance to the error, and that no
            model can remove.

    Raises:
        ValueError: there is no data set, no point, or a number of points differs.

    Source: Geman, Bienenstock, Doursat 1992, doi:10.1162/neco.1992.4.1.1. The variance divides by n, not n − 1.
    Oracle: the closed form of linear regression, by going through every pattern of ±σ noise.

    Example:
        >>> import numpy as np
        >>> from dlref.generalization.overfitting import bias_variance_decomposition
        >>> parts = bias_variance_decomposition(np.array([[1.0], [3.0]]), np.array([5.0]))
        >>> print(*parts)
        10.0 9.0 1.0
    """
    predictions, target = np.asarray(predictions), np.asarray(target)
    if predictions.ndim != 2 or predictions.shape[1:] != target.shape or not predictions.size:
        raise ValueError(f"predictions (data sets, points) and target (points,): {predictions.shape}, {target.shape}")
    mean = predictions.mean(axis=0)
    squared_bias, variance = np.square(mean - target).mean(), np.square(predictions - mean).mean()
    return BiasVariance(float(np.square(predictions - target).mean()), float(squared_bias), float(variance))


@runtime_checkable
class _Classifier(Protocol):
    """Anything with scikit-learn's ``fit`` and ``predict``."""

    def fit(self, X: Any, y: Any) -> Any: ...
    def predict(self, X: Any) -> Any: ...


def memorization_capacity(
    model: _Classifier, X: Shaped[np.ndarray, "n_samples ..."], y: Shaped[np.ndarray, "n_samples"]
) -> int:
    """Return the largest n for which the model, trained on the first n examples, gets all n right; 0 for none.

    Doubles n, then halves the gap: right if a model that fits n examples fits the first of them, too. Give it random
    labels: then nothing but memory helps. Each training starts from a copy of the model.

    Raises:
        ValueError: X and y differ in length.

    Source: Zhang, Bengio, Hardt, Recht, Vinyals 2016, arXiv:1611.03530; Arpit et al. 2017, arXiv:1706.05394.
    Oracle: a linear program (scipy.optimize.linprog) for every n; sign changes for polynomials on a line.

    Example:
        >>> import numpy as np
        >>> from sklearn.tree import DecisionTreeClassifier
        >>> from dlref.generalization.overfitting import memorization_capacity
        >>> X, y = np.arange(8.0)[:, None], np.array([0, 0, 1, 1, 0, 1, 0, 0])
        >>> [memorization_capacity(DecisionTreeClassifier(max_leaf_nodes=n), X, y) for n in (2, 3, 4, 9)]
        [4, 5, 6, 8]
    """
    if len(X) != len(y):
        raise ValueError(f"X and y need the same length, got {len(X)} and {len(y)}")

    def fits(n: int) -> bool:
        return bool(np.array_equal(deepcopy(model).fit(X[:n], y[:n]).predict(X[:n]), y[:n]))

    good, bad = 0, 1
    while bad <= len(y) and fits(bad):
        good, bad = bad, 2 * bad
    bad = min(bad, len(y) + 1)
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if fits(middle) else (good, middle)
    return good


def sine_frequency(labels: Int[np.ndarray, "n"]) -> float:
    """Return the w for which sin(w x) has the sign labels[i − 1] at x = 10⁻ⁱ: w = π (1 + Σ 10ⁱ [labels[i − 1] < 0]).

    One parameter, and any labelling of any number of points: it takes the digits of w to store the labels.

    Raises:
        ValueError: a label is neither −1 nor 1, or there are more than 14, for which float64 has no digits.

    Source: Burges 1998, doi:10.1023/A:1009715923555, an example by Levin and Denker.
    Oracle: every labelling of up to ten points, all enumerated.

    Example:
        >>> import numpy as np
        >>> from dlref.generalization.overfitting import sine_frequency
        >>> np.sign(np.sin(sine_frequency(np.array([1, -1, -1, 1])) * np.array([0.1, 0.01, 0.001, 0.0001])))
        array([ 1., -1., -1.,  1.])
    """
    labels = np.asarray(labels)
    if len(labels) > 14 or not np.isin(labels, (-1, 1)).all():
        raise ValueError(f"labels must be at most 14, each −1 or 1, got {labels.tolist()}")
    return math.pi * (1 + sum(10**i for i, label in enumerate(labels.tolist(), start=1) if label < 0))


def expected_best_accuracy(n_models: int, n_samples: int, accuracy: float = 0.5) -> float:
    """Return how well the best of many equal, independent models scores on a test set: E[max] = Σ P(max ≥ t) / n.

    Each score is binomial, so P(max ≥ t) = 1 − (1 − P(score ≥ t))ᵏ, for t = 1 … n right answers and k models.

    Raises:
        ValueError: n_models or n_samples is below 1, or accuracy is not between 0 and 1.

    Source: the distribution of a maximum; Cawley, Talbot 2010, JMLR 11:2079, on choosing by a noisy score.
    Oracle: scipy.stats.binom, and every outcome of a few coins enumerated.

    Example:
        >>> from dlref.generalization.overfitting import expected_best_accuracy
        >>> round(expected_best_accuracy(1, 50), 3), round(expected_best_accuracy(200, 50), 3)
        (0.5, 0.692)
    """
    if min(n_models, n_samples) < 1:
        raise ValueError(f"n_models and n_samples must be at least 1, got {n_models} and {n_samples}")
    if not 0 <= accuracy <= 1:
        raise ValueError(f"accuracy must lie between 0 and 1, got {accuracy}")
    if accuracy in (0, 1):
        return float(accuracy)
    n, log_right, log_wrong = n_samples, math.log(accuracy), math.log1p(-accuracy)
    log_ways = [math.lgamma(n + 1) - math.lgamma(t + 1) - math.lgamma(n - t + 1) for t in range(n + 1)]
    exactly = [math.exp(ways + t * log_right + (n - t) * log_wrong) for t, ways in enumerate(log_ways)]
    reached = np.minimum(np.cumsum(exactly[:0:-1]), 1 - 1e-16)  # P(score ≥ t) for t = n … 1
    return float(-np.expm1(n_models * np.log1p(-reached)).sum() / n)


def train_validation_test_split(
    n_samples: int, validation: float, test: float, rng: np.random.Generator
) -> tuple[Indices, Indices, Indices]:
    """Deal the indices 0 … n − 1 at random into three parts: to train on, to choose by, and to test on once.

    ``validation`` and ``test`` are shares: ⌈validation · n⌉ and ⌈test · n⌉ examples; the rest is for training.

    Raises:
        ValueError: a share is not between 0 and 1, or no example is left to train on.

    Source: Hastie, Tibshirani, Friedman 2009, The elements of statistical learning, section 7.2.
    Oracle: the sizes of sklearn.model_selection.train_test_split, twice; each index once.

    Example:
        >>> import numpy as np
        >>> from dlref.generalization.overfitting import train_validation_test_split
        >>> [len(part) for part in train_validation_test_split(1797, 0.2, 0.2, np.random.default_rng(0))]
        [1077, 360, 360]
    """
    sizes = [math.ceil(share * n_samples) for share in (validation, test) if 0 < share < 1]
    if len(sizes) < 2 or sum(sizes) >= n_samples:
        raise ValueError(f"shares of {n_samples} must leave some to train on, got {validation} and {test}")
    order = rng.permutation(n_samples)
    return order[sum(sizes) :], order[: sizes[0]], order[sizes[0] : sum(sizes)]


def k_fold(
    n_samples: int, n_splits: int = 5, rng: np.random.Generator | None = None
) -> Iterator[tuple[Indices, Indices]]:
    """Yield (train, test) indices, so that each example is tested once, by a model that was trained without it.

    The folds are consecutive, as in scikit-learn; the first n mod k have one more. With rng they are shuffled first.

    Raises:
        ValueError: n_splits is below 2 or above n_samples.

    Source: Stone 1974, doi:10.1111/j.2517-6161.1974.tb00994.x.
    Oracle: sklearn.model_selection.KFold.

    Example:
        >>> from dlref.generalization.overfitting import k_fold
        >>> [(train.tolist(), test.tolist()) for train, test in k_fold(3, 2)]
        [([2], [0, 1]), ([0, 1], [2])]
    """
    if not 2 <= n_splits <= n_samples:
        raise ValueError(f"n_splits must lie between 2 and n_samples, got {n_splits} and {n_samples}")
    order = np.arange(n_samples) if rng is None else rng.permutation(n_samples)
    folds = np.array_split(order, n_splits)
    return ((np.concatenate(folds[:i] + folds[i + 1 :]), fold) for i, fold in enumerate(folds))
