"""Two classifiers that part the classes 0 and 1 by a straight line: the perceptron and logistic regression.

Symbols: x an example, t its label (``y``), w weights (``coef``), b bias (``intercept``), θ = (w, b) with the bias last
(``parameters``), z = w·x + b, p = σ(z) = 1 / (1 + e⁻ᶻ), n the number of examples. Everything is computed in float64.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

Examples = Float[np.ndarray, "examples features"]
Labels = Int[np.ndarray, "examples"]
Parameters = Float[np.ndarray, "parameters"]
Derivatives = tuple[float, Parameters, Float[np.ndarray, "parameters parameters"]]


def perceptron_step(
    parameters: Parameters, x: Float[np.ndarray, "features"], target: int | np.integer, eta0: float = 1.0
) -> Parameters:
    """Move the line if it is wrong about one example: θ ← θ + η (t − y) (x, 1), where y = 1 if z ≥ 0, else 0.

    Raises:
        ValueError: parameters are not one more than the features, or target is neither 0 nor 1.

    Source: Rosenblatt 1958, doi:10.1037/h0042519. scikit-learn moves the line at z = 0, whatever the label.
    Oracle: torch.autograd on the perceptron criterion (y − t) z, with y held fixed.

    Example:
        >>> import numpy as np
        >>> from dlref.foundations.linear_classifiers import perceptron_step
        >>> perceptron_step(np.zeros(3), np.array([2.0, -1.0]), target=0)
        array([-2.,  1., -1.])
    """
    (extended,), (label,) = _checked(np.asarray(x)[None], np.asarray(target)[None], parameters)
    return _moved(parameters, extended, label, eta0)


def novikoff_bound(X: Examples, y: Labels, coef: Float[np.ndarray, "features"], intercept: float) -> float:
    """Bound the mistakes of a perceptron that starts at zero: (R / γ)².

    R is the length of the longest (x, 1), γ the margin of the given line in that space: the smallest ±z / ‖(w, b)‖.
    Any line that parts the classes gives a bound, the one with the widest margin the tightest.

    Raises:
        ValueError: the line does not part the classes, or the data are malformed.

    Source: Novikoff 1962, On convergence proofs for perceptrons.
    Oracle: sklearn.svm.SVC for the widest margin; the mistakes of a perceptron stay below it.

    Example:
        >>> import numpy as np
        >>> from dlref.foundations.linear_classifiers import novikoff_bound
        >>> novikoff_bound(np.array([[-3.0], [1.0]]), np.array([0, 1]), coef=np.array([1.0]), intercept=0.0)
        10.0
    """
    parameters = np.append(coef, intercept)
    design, labels = _checked(X, y, parameters)
    margin = float(((2 * labels - 1) * (design @ parameters)).min())
    if not margin > 0:
        raise ValueError(f"the line must part the classes: its smallest ±(w·x + b) must be above 0, got {margin:g}")
    return float((design**2).sum(axis=1).max() * (parameters @ parameters)) / margin**2


def logistic_loss(parameters: Parameters, X: Examples, y: Labels, C: float = np.inf) -> Derivatives:
    """Compute the mean cross-entropy of σ(z) with its gradient and Hessian: the mean of ln(1 + eᶻ) − t z.

    With X̃ = (X, 1): gradient X̃ᵀ(p − t) / n, Hessian X̃ᵀ diag(p (1 − p)) X̃ / n. A finite C adds ‖w‖² / (2 C n), without
    the bias: scikit-learn's objective, C · (sum of the cross-entropies) + ‖w‖² / 2, divided by C n.

    Raises:
        ValueError: the shapes do not fit, a label is neither 0 nor 1, there is no example, or C is not above 0.

    Source: Cox 1958, JRSS B 20:215; Hastie, Tibshirani, Friedman 2009, Elements of Statistical Learning, sec. 4.4.1.
    Oracle: torch.nn.functional.binary_cross_entropy_with_logits; torch.autograd for gradient and Hessian.

    Example:
        >>> import numpy as np
        >>> from dlref.foundations.linear_classifiers import logistic_loss
        >>> loss, gradient, _ = logistic_loss(np.zeros(2), np.array([[1.0], [3.0]]), np.array([0, 1]))
        >>> print(round(loss, 4), gradient)
        0.6931 [-0.5  0. ]
    """
    if not C > 0:  # NaN included
        raise ValueError(f"C must be above 0 (np.inf for no penalty), got {C}")
    design, labels = _checked(X, y, parameters)
    n, z, sign = len(labels), design @ parameters, 2 * labels - 1
    ridge = np.append(np.full(len(parameters) - 1, 1 / C), 0.0)  # no penalty on the bias
    loss = (np.logaddexp(0, -sign * z).sum() + ridge @ parameters**2 / 2) / n
    gradient = (design.T @ (-sign * _sigmoid(-sign * z)) + ridge * parameters) / n  # -sign σ(-sign z) = p - t
    hessian = (design.T @ (design * (_sigmoid(z) * _sigmoid(-z))[:, None]) + np.diag(ridge)) / n
    return float(loss), gradient, hessian


def irls_step(parameters: Parameters, X: Examples, y: Labels, C: float = np.inf) -> Parameters:
    """Take Newton's step on the logistic loss: θ ← θ − H⁻¹ ∇L.

    Without a penalty it fits z + (t − p) / s by weighted least squares with weights s = p (1 − p); repeated, that is
    iteratively reweighted least squares. A singular H takes its pseudo-inverse; bad input raises as in logistic_loss.

    Source: Hastie, Tibshirani, Friedman 2009, Elements of Statistical Learning, eq. 4.26 to 4.28.
    Oracle: sklearn.linear_model.LinearRegression with sample_weight s.

    Example:
        >>> import numpy as np
        >>> from dlref.foundations.linear_classifiers import irls_step
        >>> irls_step(np.zeros(2), np.array([[-1.0], [-1.0], [1.0], [1.0]]), np.array([0, 1, 1, 1]))
        array([1., 1.])
    """
    _, gradient, hessian = logistic_loss(parameters, X, y, C)
    return parameters - np.linalg.lstsq(hessian, gradient, rcond=None)[0]


class _LinearClassifier:
    coef_: Float[np.ndarray, "features"]
    intercept_: float

    def decision_function(self, X: Examples) -> Float[np.ndarray, "examples"]:
        """Return z = w·x + b for every example; z / ‖w‖ is its distance from the line."""
        if not hasattr(self, "coef_"):
            raise ValueError(f"this {type(self).__name__} has no line yet: call fit(X, y) first")
        if np.ndim(X) != 2 or np.shape(X)[1] != len(self.coef_):
            raise ValueError(f"X must be (examples, {len(self.coef_)}), as in fit, got {np.shape(X)}")
        return np.asarray(X, np.float64) @ self.coef_ + self.intercept_

    def predict(self, X: Examples) -> Labels:
        """Return 1 where z ≥ 0, else 0."""
        return (self.decision_function(X) >= 0).astype(np.int64)


class Perceptron(_LinearClassifier):
    """Go through the examples, a ``perceptron_step`` for each, until an epoch passes without a mistake.

    Sets ``coef_``, ``intercept_``, ``mistakes_`` (a count for each of ``n_iter_`` epochs) and ``converged_``.

    Args:
        eta0: The learning rate η, above 0. From a start at zero it scales w and b, and nothing else.
        max_iter: The most epochs, at least 1: on classes that no line parts the mistakes never end.
        rng: Shuffles the examples before every epoch; None keeps their order.

    Raises:
        ValueError: an argument is out of range, the data are malformed, or only one class occurs.

    Source: Rosenblatt 1958, doi:10.1037/h0042519; Freund, Schapire 1999, doi:10.1023/A:1007662407062.
    Oracle: sklearn.linear_model.Perceptron on the same order of examples: coefficients and predictions.

    Example:
        >>> import numpy as np
        >>> from dlref.foundations.linear_classifiers import Perceptron
        >>> model = Perceptron().fit(np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 0, 0, 1]))
        >>> print(model.coef_, model.intercept_, model.mistakes_)
        [2. 1.] -3.0 [2, 3, 3, 2, 1, 0]
    """

    def __init__(self, eta0: float = 1.0, max_iter: int = 1000, rng: np.random.Generator | None = None) -> None:
        if not eta0 > 0 or max_iter < 1:
            raise ValueError(f"eta0 must be above 0 and max_iter at least 1, got {eta0} and {max_iter}")
        self.eta0, self.max_iter, self.rng = eta0, max_iter, rng

    def fit(self, X: Examples, y: Labels) -> "Perceptron":
        """Learn from examples and labels, from zero, and return the model."""
        design, labels = _checked(X, y)
        parameters, self.mistakes_ = np.zeros(design.shape[1]), []
        while len(self.mistakes_) < self.max_iter and 0 not in self.mistakes_:
            mistakes = 0
            for i in range(len(labels)) if self.rng is None else self.rng.permutation(len(labels)):
                before, parameters = parameters, _moved(parameters, design[i], labels[i], self.eta0)
                mistakes += int(before[-1] != parameters[-1])  # every mistake moves the bias by η
            self.mistakes_.append(mistakes)
        self.coef_, self.intercept_ = parameters[:-1], float(parameters[-1])
        self.n_iter_, self.converged_ = len(self.mistakes_), self.mistakes_[-1] == 0
        return self


class LogisticRegression(_LinearClassifier):
    """Model P(t = 1) as σ(w·x + b) and minimise the ``logistic_loss``, from zero.

    Sets ``coef_``, ``intercept_``, ``n_iter_`` (steps) and ``converged_`` (no entry of the gradient is above tol).
    Separable classes without a penalty have no minimum: there w grows with every step.

    Args:
        solver: "irls", Newton's steps, halved if they raise the loss; or "gd", gradient descent at 1 / (a bound of H).
        C: Inverse strength of the L2 penalty; np.inf for none.

    Raises:
        ValueError: an argument is out of range, the data are malformed, or only one class occurs.

    Source: Cox 1958, JRSS B 20:215; Hastie, Tibshirani, Friedman 2009, Elements of Statistical Learning, sec. 4.4.1.
    Oracle: sklearn.linear_model.LogisticRegression, with and without a penalty: coefficients and probabilities.

    Example:
        >>> import numpy as np
        >>> from dlref.foundations.linear_classifiers import LogisticRegression
        >>> model = LogisticRegression(C=np.inf).fit(np.array([[0.0], [0], [1], [1], [1]]), np.array([0, 1, 0, 1, 1]))
        >>> print(round(float(np.exp(model.coef_[0])), 4))  # odds 2 : 1 at x = 1, 1 : 1 at x = 0
        2.0
    """

    def __init__(self, solver: str = "irls", C: float = 1.0, tol: float = 1e-10, max_iter: int = 10_000) -> None:
        if solver not in ("irls", "gd") or not C > 0 or tol < 0 or max_iter < 1:
            rule = "solver must be 'irls' or 'gd', C above 0, tol not below 0, max_iter at least 1"
            raise ValueError(f"{rule}, got {solver!r}, {C}, {tol} and {max_iter}")
        self.solver, self.C, self.tol, self.max_iter = solver, C, tol, max_iter

    def fit(self, X: Examples, y: Labels) -> "LogisticRegression":
        """Learn from examples and labels, and return the model."""
        design, _ = _checked(X, y)
        steepest = (np.linalg.norm(design, 2) ** 2 / 4 + 1 / self.C) / len(design)
        parameters, self.n_iter_ = np.zeros(design.shape[1]), 0
        while True:
            loss, gradient, _ = logistic_loss(parameters, X, y, self.C)
            self.coef_, self.intercept_ = parameters[:-1], float(parameters[-1])
            self.converged_ = bool(np.abs(gradient).max() <= self.tol)
            if self.converged_ or self.n_iter_ == self.max_iter:
                return self
            newton = self.solver == "irls"
            after = irls_step(parameters, X, y, self.C) if newton else parameters - gradient / steepest
            while newton and logistic_loss(after, X, y, self.C)[0] > loss * (1 + 1e-14):  # more than rounding
                after = (after + parameters) / 2
            parameters, self.n_iter_ = after, self.n_iter_ + 1

    def predict_proba(self, X: Examples) -> Float[np.ndarray, "examples 2"]:
        """Return the probabilities of the classes 0 and 1, each computed by itself, so that neither is 1 − 1."""
        z = self.decision_function(X)
        return np.column_stack([_sigmoid(-z), _sigmoid(z)])


def _sigmoid(z: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    return np.exp(-np.logaddexp(0, -z))


def _moved(parameters: Parameters, extended: Parameters, target: np.integer, eta0: float) -> Parameters:
    return parameters + eta0 * (int(target) - int(extended @ parameters >= 0)) * extended


def _checked(X: Any, y: Any, parameters: Parameters | None = None) -> tuple[Examples, Labels]:
    """Return (X, 1) and y once shapes and values are right, and both classes there if there are no parameters yet."""
    X, y = np.asarray(X, np.float64), np.asarray(y)
    if X.ndim != 2 or y.shape != X.shape[:1] or not len(y):
        raise ValueError(f"X must be (examples, features) and y (examples,), 1 at least, got {X.shape} and {y.shape}")
    if strange := sorted(set(y.tolist()) - {0, 1}):
        raise ValueError(f"labels must be 0 or 1, got {strange[0]}")
    if not np.isfinite(X).all():
        raise ValueError(f"X must be finite, got {X[~np.isfinite(X)][0]}")
    if parameters is None and len(set(y.tolist())) == 1:
        raise ValueError(f"y must hold both classes, 0 and 1, got {y[0]} only")
    if parameters is not None and np.shape(parameters) != (X.shape[1] + 1,):
        raise ValueError(f"{X.shape[1]} features need {X.shape[1] + 1} parameters, got {np.shape(parameters)}")
    return np.column_stack([X, np.ones(len(y))]), y.astype(np.int64)
