"""Scalers that put features on one scale, and what the scale costs gradient descent.

A scaler learns its numbers in ``fit``, from the training examples alone, and applies the same numbers to all data after
that. A column without spread (at most 10 eps of its largest entry) is centred and divided by 1. In MinMaxScaler,
RobustScaler and MaxAbsScaler, scikit-learn asks for 10 eps whatever the entries: it leaves tiny units as they are.
"""

from bisect import bisect_left
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float

Examples = Float[np.ndarray, "examples features"]
Features = Float[np.ndarray, "features"]
EPS = float(np.finfo(np.float64).eps)
Scaler = TypeVar("Scaler", bound="_Scaler")


class _Scaler:
    """X ← low + (high − low) (X − center) / scale, column by column, with low = 0 and high = 1 but for MinMaxScaler."""

    feature_range: tuple[float, float] = (0.0, 1.0)

    def _learn(self, X: Examples) -> tuple[Any, Any]:
        raise NotImplementedError

    def fit(self: Scaler, X: Examples) -> Scaler:
        """Learn the numbers from the training examples, 1 at least, and return the scaler."""
        X = _checked(X, least=1)
        center, scale = self._learn(X)
        constant = scale <= 10 * EPS * np.abs(X).max(axis=0)
        self._center, self._scale = center, np.where(constant, 1.0, scale)
        return self

    def transform(self, X: Examples) -> Examples:
        """Apply what was learned to any examples."""
        low, high = self.feature_range
        return low + (high - low) * (_checked(X, _learned(self, "_scale")) - self._center) / self._scale

    def inverse_transform(self, X: Examples) -> Examples:
        """Return to the original units."""
        low, high = self.feature_range
        return (_checked(X, _learned(self, "_scale")) - low) / (high - low) * self._scale + self._center


class StandardScaler(_Scaler):
    """Give each feature mean 0 and standard deviation 1: z = (x − mean) / std, with the biased std (divisor n).

    Source: LeCun, Bottou, Orr, Müller 1998, doi:10.1007/3-540-49430-8_2, section 4.3.
    Oracle: sklearn.preprocessing.StandardScaler.

    Example:
        >>> import numpy as np
        >>> from dlref.foundations.data_normalization import StandardScaler
        >>> StandardScaler().fit(np.array([[1.0], [3.0]])).transform(np.array([[1.0], [3.0], [9.0]])).ravel()
        array([-1.,  1.,  7.])
    """

    def _learn(self, X: Examples) -> tuple[Features, Features]:
        self.mean_ = X[0] + (X - X[0]).mean(axis=0)  # shifted: exact for a constant column
        self.var_ = ((X - self.mean_) ** 2).mean(axis=0)
        return self.mean_, np.sqrt(self.var_)


class MinMaxScaler(_Scaler):
    """Map the training range of each feature to feature_range: low + (high − low) (x − min) / (max − min).

    Raises:
        ValueError: feature_range does not rise.

    Source: Han, Kamber, Pei 2012, Data Mining, 3rd edition, section 3.5.2. Later data may fall outside the range.
    Oracle: sklearn.preprocessing.MinMaxScaler.

    Example:
        >>> import numpy as np
        >>> from dlref.foundations.data_normalization import MinMaxScaler
        >>> MinMaxScaler().fit(np.array([[1.0], [3.0]])).transform(np.array([[1.0], [2.0], [9.0]])).ravel()
        array([0. , 0.5, 4. ])
    """

    def __init__(self, feature_range: tuple[float, float] = (0.0, 1.0)) -> None:
        if not feature_range[0] < feature_range[1]:
            raise ValueError(f"feature_range must rise, got {feature_range[0]} to {feature_range[1]}")
        self.feature_range = feature_range

    def _learn(self, X: Examples) -> tuple[Features, Features]:
        self.data_min_, self.data_max_ = X.min(axis=0), X.max(axis=0)
        return self.data_min_, self.data_max_ - self.data_min_


class RobustScaler(_Scaler):
    """Centre on the median and divide by the interquartile range: (x − median) / (q₇₅ − q₂₅).

    Source: Huber, Ronchetti 2009, Robust Statistics, doi:10.1002/9780470434697. Percentiles interpolate linearly.
    Oracle: sklearn.preprocessing.RobustScaler.

    Example:
        >>> import numpy as np
        >>> from dlref.foundations.data_normalization import RobustScaler
        >>> X = np.array([[1.0], [2.0], [3.0], [4.0], [1000.0]])
        >>> RobustScaler().fit(X).transform(X).ravel()
        array([ -1. ,  -0.5,   0. ,   0.5, 498.5])
    """

    def _learn(self, X: Examples) -> tuple[Features, Features]:
        low, self.center_, high = np.percentile(X, [25, 50, 75], axis=0)
        return self.center_, high - low


class MaxAbsScaler(_Scaler):
    """Divide each feature by its largest magnitude: x / max |x|, which keeps zeros zero and sparse data sparse.

    Source: scikit-learn user guide, Preprocessing data.
    Oracle: sklearn.preprocessing.MaxAbsScaler.

    Example:
        >>> import numpy as np
        >>> from dlref.foundations.data_normalization import MaxAbsScaler
        >>> MaxAbsScaler().fit(np.array([[0.0], [-4.0]])).transform(np.array([[0.0], [2.0]])).ravel()
        array([0. , 0.5])
    """

    def _learn(self, X: Examples) -> tuple[float, Features]:
        return 0.0, np.abs(X).max(axis=0)


class PCAWhitening:
    """Rotate to the principal axes, then standardise: (x − mean) Vᵀ / √variance, covariance I (divisor n − 1).

    An axis without variance is left out; scikit-learn keeps it, and divides rounding error by rounding error. Of each
    axis, the largest entry is positive. fit needs 2 examples.

    Source: LeCun, Bottou, Orr, Müller 1998, doi:10.1007/3-540-49430-8_2, section 4.3, figure 3.
    Oracle: sklearn.decomposition.PCA with whiten=True.

    Example:
        >>> import numpy as np
        >>> from dlref.foundations.data_normalization import PCAWhitening
        >>> X = np.random.default_rng(0).normal(size=(50, 2)) @ np.array([[1.0, 5.0], [0.0, 1.0]])
        >>> print(np.abs(np.cov(PCAWhitening().fit(X).transform(X).T) - np.eye(2)).max() < 1e-12)
        True
    """

    def fit(self, X: Examples) -> "PCAWhitening":
        """Learn the axes and their variances from the training examples, 2 at least, and return the scaler."""
        X = _checked(X, least=2)
        self.mean_ = X[0] + (X - X[0]).mean(axis=0)
        _, sizes, axes = np.linalg.svd(X - self.mean_, full_matrices=False)
        axes = axes[sizes > 10 * EPS * max(X.shape) * np.abs(X).max(initial=0.0)]
        largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1, keepdims=True), axis=1)
        self.components_ = axes * np.sign(largest)
        self.explained_variance_ = sizes[: len(axes)] ** 2 / (len(X) - 1)
        return self

    def transform(self, X: Examples) -> Float[np.ndarray, "examples components"]:
        """Rotate and scale any examples by what was learned."""
        centred = _checked(X, _learned(self, "mean_")) - self.mean_
        return centred @ self.components_.T / np.sqrt(self.explained_variance_)

    def inverse_transform(self, X: Float[np.ndarray, "examples components"]) -> Examples:
        """Return to the original axes and units."""
        rotated = _checked(X, _learned(self, "components_")) * np.sqrt(self.explained_variance_)
        return rotated @ self.components_ + self.mean_


def normalize(X: Examples) -> Examples:
    """Give each *example*, a row, the length 1: x / ‖x‖. It learns nothing, and a row of zeros stays.

    Source: Manning, Raghavan, Schütze 2008, Introduction to Information Retrieval, section 6.3.1.
    Oracle: sklearn.preprocessing.normalize.

    Example:
        >>> import numpy as np
        >>> from dlref.foundations.data_normalization import normalize
        >>> normalize(np.array([[3.0, 4.0]]))
        array([[0.6, 0.8]])
    """
    X = _checked(X)
    largest = np.abs(X).max(axis=1, keepdims=True, initial=0.0)
    X = X / np.where(largest == 0, 1.0, largest)  # first, so that no square under- or overflows
    return X / np.where(largest == 0, 1.0, np.linalg.norm(X, axis=1, keepdims=True))


def condition_number(X: Examples) -> float:
    """Compare the steepest and the flattest curvature of least squares on X: κ = λmax / λmin of XᵀX / n.

    No column of ones is added. Infinite if the columns depend on each other, up to rounding.

    Source: LeCun, Bottou, Orr, Müller 1998, doi:10.1007/3-540-49430-8_2, section 5.1.
    Oracle: numpy.linalg.eigvalsh.

    Example:
        >>> import numpy as np
        >>> from dlref.foundations.data_normalization import condition_number
        >>> condition_number(np.array([[1.0, 0.0], [0.0, 100.0]]))
        10000.0
    """
    X = _checked(X, least=1)
    sizes = np.linalg.svd(X, compute_uv=False)
    dependent = len(X) < X.shape[1] or sizes[-1] <= EPS * max(X.shape) * sizes[0]
    return float("inf") if dependent else float((sizes[0] / sizes[-1]) ** 2)


def gradient_descent_steps(X: Examples, y: Float[np.ndarray, "examples"], tol: float = 1e-3) -> int:
    """Count the steps w ← w − η Xᵀ(Xw − y) / n, from zero, until the excess loss is at most tol of what it was.

    That is half the mean squared error less its minimum, which does not depend on the units of the features. η is the
    best constant rate, 2 / (λmin + λmax). With X = U S Vᵀ, the excess after t steps is the sum of (1 − ηλ)²ᵗ (uᵀy)².

    Raises:
        ValueError: the columns of X depend on each other, the shapes do not fit, or tol is not above 0.

    Source: Boyd, Vandenberghe 2004, doi:10.1017/CBO9780511804441, section 9.3.
    Oracle: torch.optim.SGD, step by step.

    Example:
        >>> import numpy as np
        >>> from dlref.foundations.data_normalization import gradient_descent_steps
        >>> gradient_descent_steps(np.array([[1.0, 0.0], [0.0, 10.0]]), np.array([1.0, 1.0]))
        173
    """
    X, y, kappa = _checked(X), np.asarray(y, np.float64), condition_number(X)
    if y.shape != X.shape[:1] or not tol > 0 or kappa * EPS >= 1:
        rule = "y must be (examples,), tol above 0, and no column of X depend on others"
        raise ValueError(f"{rule}, got y {y.shape}, tol {tol}, X {X.shape} with condition number {kappa:g}")
    axes, sizes, _ = np.linalg.svd(X, full_matrices=False)
    shares, curvatures = (axes.T @ y) ** 2, (sizes / sizes[0]) ** 2  # in units of λmax
    factors = (1 - 2 * curvatures / (curvatures[0] + curvatures[-1])) ** 2
    # The excess falls with every step.
    return bisect_left(range(2**60), True, key=lambda t: factors**t @ shares <= tol * shares.sum())


def _learned(scaler: object, attribute: str) -> int:
    if not hasattr(scaler, attribute):
        raise ValueError(f"this {type(scaler).__name__} has learned nothing yet: call fit(X) first")
    return len(getattr(scaler, attribute))


def _checked(X: Any, features: int | None = None, least: int = 0) -> Examples:
    """Return X in float64 once its shape and values are right."""
    X = np.asarray(X, np.float64)
    if X.ndim != 2 or features not in (None, X.shape[1]):
        raise ValueError(f"X must be (examples, {'features' if features is None else features}), got {X.shape}")
    if len(X) < least or X.shape[1] < min(least, 1):
        raise ValueError(f"this takes {least} examples and 1 feature at least, got X of shape {X.shape}")
    if not np.isfinite(X).all():
        raise ValueError(f"X must be finite, got {X[~np.isfinite(X)][0]}")
    return X
