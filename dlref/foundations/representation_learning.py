"""What a straight line can do, data that defeat it, how accuracy grows with data, and when deep learning happened.

Toy data come in the order of scikit-learn, unshuffled: the first half is class 0.
"""

import math
from collections.abc import Iterable, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

Points = Float[np.ndarray, "n_samples 2"]
Labels = Int[np.ndarray, "n_samples"]
Data = tuple[Points, Labels]
Scores = Float[np.ndarray, "sizes folds"]
Rng = np.random.Generator


def best_linear_accuracy(X: Points, y: Labels) -> float:
    """Return the largest share of points that any line can put on the right side: max over w, b of mean([w·x > b] = y).

    Exhaustive. The order of the projections w·x changes only where w turns past the normal of a line through two
    points, so one direction between each two such turns stands for all. n points take n² directions. Turns closer than
    1e-9 radians count as one: points that lie on a line up to rounding are taken to lie on it.

    Raises:
        ValueError: there is no point, X and y differ in length, or a label is neither 0 nor 1.

    Source: Johnson, Preparata 1978, The densest hemisphere problem, doi:10.1016/0304-3975(78)90006-3.
    Oracle: a linear program (scipy.optimize.linprog) for each of the 2ⁿ dichotomies.

    Example:
        >>> from dlref.foundations.representation_learning import best_linear_accuracy, make_xor
        >>> best_linear_accuracy(*make_xor(4))
        0.75
    """
    if len(X) != len(y) or not len(y) or not np.isin(y, (0, 1)).all():
        raise ValueError(f"one label, 0 or 1, for each of at least one point: {len(X)} points, labels {np.unique(y)}")
    places, where = np.unique(X - X.mean(axis=0), axis=0, return_inverse=True)
    votes = np.bincount(where.ravel(), weights=2 * y - 1)  # ones minus zeros at each place
    first, second = np.triu_indices(len(places), k=1)
    across, up = (places[second] - places[first]).T
    turns = np.unique(np.arctan2(across, -up) % math.pi) if len(first) else np.zeros(1)
    gaps = np.diff(turns, append=turns[0] + math.pi)
    angles = (turns + gaps / 2)[gaps > 1e-9]
    least, most = 0.0, 0.0  # of ones minus zeros behind the line
    for some in np.array_split(angles, len(angles) // 1024 + 1):  # 1024 directions at a time bound the memory
        order = np.argsort(places @ np.stack([np.cos(some), np.sin(some)]), axis=0)  # (places, directions)
        behind = np.cumsum(votes[order], axis=0)
        least, most = min(least, behind.min(initial=0.0)), max(most, behind.max(initial=0.0))
    ones = int(y.sum())
    return float(max(ones - least, len(y) - ones + most) / len(y))


def xor_hidden_layer(X: Points) -> Points:
    """Fold the plane so that one line parts XOR: h = (max(x₁ + x₂, 0), max(x₁ + x₂ − 1, 0)); then XOR = h₁ − 2h₂.

    Source: Goodfellow, Bengio, Courville 2016, Deep Learning, section 6.1.
    Oracle: torch.nn.functional.linear and relu, with the book's weights.

    Example:
        >>> from dlref.foundations.representation_learning import best_linear_accuracy, make_xor, xor_hidden_layer
        >>> X, y = make_xor(4)
        >>> best_linear_accuracy(xor_hidden_layer(X), y), bool((xor_hidden_layer(X) @ [1, -2] == y).all())
        (1.0, True)
    """
    return np.maximum(X.sum(axis=1, keepdims=True) - [0.0, 1.0], 0.0)


def make_xor(n_samples: int, noise: float = 0.0, rng: Rng | None = None) -> Data:
    """Visit the corners (0, 0), (1, 1), (0, 1), (1, 0) of a square: y = 1 where exactly one coordinate is 1.

    Raises:
        ValueError: n_samples below 2, noise (the standard deviation) below 0, or noise without rng.

    Source: Minsky, Papert 1969, Perceptrons; Goodfellow, Bengio, Courville 2016, Deep Learning, section 6.1.
    Oracle: numpy.logical_xor of the coordinates.

    Example:
        >>> from dlref.foundations.representation_learning import make_xor
        >>> [x.tolist() for x in make_xor(4)]
        [[[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]], [0, 0, 1, 1]]
    """
    same, different = (np.arange(count) % 2 for count in _halves(n_samples))
    return _two_classes([(same, same), (different, 1 - different)], noise, rng)


def make_moons(n_samples: int, noise: float = 0.0, rng: Rng | None = None) -> Data:
    """Interlock two half circles, t from 0 to π: (cos t, sin t) and (1 − cos t, ½ − sin t).

    Raises:
        ValueError: n_samples below 2, noise (the standard deviation) below 0, or noise without rng.

    Source: scikit-learn, Pedregosa et al. 2011, JMLR 12:2825.
    Oracle: sklearn.datasets.make_moons, shuffle=False.

    Example:
        >>> from dlref.foundations.representation_learning import best_linear_accuracy, make_moons
        >>> best_linear_accuracy(*make_moons(100))
        0.89
    """
    outer, inner = (np.linspace(0, math.pi, count) for count in _halves(n_samples))
    arcs = [(np.cos(outer), np.sin(outer)), (1 - np.cos(inner), 0.5 - np.sin(inner))]
    return _two_classes(arcs, noise, rng)


def make_circles(n_samples: int, noise: float = 0.0, rng: Rng | None = None) -> Data:
    """Put a circle into one of twice its width, t around both: (cos t, sin t) and (½ cos t, ½ sin t).

    Raises:
        ValueError: n_samples below 2, noise (the standard deviation) below 0, or noise without rng.

    Source: scikit-learn, Pedregosa et al. 2011, JMLR 12:2825.
    Oracle: sklearn.datasets.make_circles, shuffle=False, factor=0.5.

    Example:
        >>> from dlref.foundations.representation_learning import make_circles
        >>> X, y = make_circles(6)
        >>> (X**2).sum(axis=1).round(2).tolist()  # the square of the distance parts what no line parts
        [1.0, 1.0, 1.0, 0.25, 0.25, 0.25]
    """
    outer, inner = (np.linspace(0, 2 * math.pi, count, endpoint=False) for count in _halves(n_samples))
    return _two_classes([(np.cos(outer), np.sin(outer)), (np.cos(inner) / 2, np.sin(inner) / 2)], noise, rng)


def make_spirals(n_samples: int, noise: float = 0.0, rng: Rng | None = None, turns: float = 3.0) -> Data:
    """Wind two arms inwards, s from 0 to 1: ±(1 − 12s/13) · (sin 2πs·turns, cos 2πs·turns).

    Raises:
        ValueError: n_samples below 2, noise (the standard deviation) below 0, or noise without rng.

    Source: Lang, Witbrock 1988, Learning to tell two spirals apart, Connectionist Models Summer School; they draw 194
    points with 3 turns and an outer radius of 6.5, here 1.
    Oracle: the loop over i = 0 … 96 of their benchmark, in complex numbers.

    Example:
        >>> from dlref.foundations.representation_learning import best_linear_accuracy, make_spirals
        >>> round(best_linear_accuracy(*make_spirals(194)), 2)
        0.57
    """
    sizes = _halves(n_samples)
    winds = [(1 - 12 * s / 13, 2 * math.pi * turns * s) for s in (np.linspace(0, 1, count) for count in sizes)]
    arms = [(sign * r * np.sin(t), sign * r * np.cos(t)) for sign, (r, t) in zip((1, -1), winds, strict=True)]
    return _two_classes(arms, noise, rng)


def _halves(n_samples: int) -> tuple[int, int]:
    if n_samples < 2:
        raise ValueError(f"two classes need n_samples of at least 2, got {n_samples}")
    return n_samples // 2, n_samples - n_samples // 2


def _two_classes(curves: list[tuple[Any, Any]], noise: float, rng: Rng | None) -> Data:
    if noise < 0 or (noise and rng is None):
        raise ValueError(f"noise must be 0, or above 0 with an rng to draw it: noise {noise}, rng {rng}")
    X = np.concatenate([np.stack(curve, axis=1) for curve in curves]).astype(np.float64)
    y = np.repeat([0, 1], [len(curve[0]) for curve in curves])
    return (X + rng.normal(scale=noise, size=X.shape) if noise and rng else X), y


def learning_curve(
    estimator: Any,
    X: Shaped[np.ndarray, "n_samples *features"],
    y: Shaped[np.ndarray, "n_samples"],
    *,
    train_sizes: Sequence[int],
    cv: Iterable[tuple[Int[np.ndarray, "_"], Int[np.ndarray, "_"]]],
) -> tuple[Scores, Scores]:
    """Return the accuracy on the first n training examples and on the test examples, for each n and each split of cv.

    The estimator has fit and predict, as in scikit-learn; a copy of it starts afresh each time. Sizes keep their order.

    Raises:
        ValueError: a size is below 1 or beyond a training set.

    Source: Hastie, Tibshirani, Friedman 2009, The Elements of Statistical Learning, section 7.10.
    Oracle: sklearn.model_selection.learning_curve.

    Example:
        >>> import numpy as np
        >>> from sklearn.neighbors import KNeighborsClassifier
        >>> from dlref.foundations.representation_learning import learning_curve, make_moons
        >>> X, y = make_moons(200, noise=0.2, rng=np.random.default_rng(0))
        >>> split = np.split(np.random.default_rng(0).permutation(200), [100])
        >>> learning_curve(KNeighborsClassifier(1), X, y, train_sizes=[4, 100], cv=[tuple(split)])[1].ravel()
        array([0.56, 0.92])
    """
    scores, folds = [], list(cv)
    for train, test in folds:
        for size in train_sizes:
            if not 1 <= size <= len(train):
                raise ValueError(f"a training size must be from 1 to the {len(train)} examples there are, got {size}")
            model = deepcopy(estimator)
            model.fit(X[train[:size]], y[train[:size]])
            scores.append([np.mean(model.predict(X[part]) == y[part]) for part in (train[:size], test)])
    on_train, on_test = np.array(scores, np.float64).reshape(len(folds), len(train_sizes), 2).T
    return on_train, on_test


class Milestone(NamedTuple):
    """What became possible, when, who reports it, and of which kind it is: algorithm, data, hardware or software.

    Source: each row names its own.
    Oracle: the year within the arXiv identifier.

    Example:
        >>> from dlref.foundations.representation_learning import MILESTONES
        >>> [m.name for m in MILESTONES if m.kind == "hardware"]
        ['deep nets on GPUs', 'TPU']
    """

    year: int
    kind: str
    name: str
    result: str
    source: str


_ROWS = """\
1943 algorithm | artificial neuron | a net of thresholds computes any formula of logic | doi:10.1007/BF02478259
1958 algorithm | perceptron | weights learnt from examples | doi:10.1037/h0042519
1980 algorithm | Neocognitron | shared, pooled features, wherever the pattern lies | doi:10.1007/BF00344251
1986 algorithm | backpropagation | hidden units learn features | doi:10.1038/323533a0
1989 algorithm | trained CNN | reads handwritten zip codes | doi:10.1162/neco.1989.1.4.541
1997 algorithm | LSTM | bridges more than 1000 time steps | doi:10.1162/neco.1997.9.8.1735
1998 data | MNIST | 60 000 handwritten digits to train on | doi:10.1109/5.726791
2009 hardware | deep nets on GPUs | up to 70 times faster than on a CPU of two cores | doi:10.1145/1553374.1553486
2009 data | ImageNet | 3.2 million labelled images | doi:10.1109/CVPR.2009.5206848
2012 algorithm | dropout | fewer errors by leaving out half the units | arXiv:1207.0580
2012 algorithm | AlexNet | top-5 error 15.3 % on ImageNet, runner-up 26.2 % | doi:10.1145/3065386
2014 software | Caffe | 40 million images a day on one GPU | arXiv:1408.5093
2014 algorithm | Adam | a step size for each weight | arXiv:1412.6980
2015 algorithm | batch normalisation | the same accuracy in 14 times fewer steps | arXiv:1502.03167
2015 algorithm | ResNet | 152 layers, top-5 error 3.57 % | arXiv:1512.03385
2016 software | TensorFlow | gradients of a whole graph, from phones to clusters | arXiv:1603.04467
2017 hardware | TPU | 15 to 30 times faster inference than a CPU or GPU of its time | arXiv:1704.04760
2017 algorithm | transformer | attention alone, no recurrence | arXiv:1706.03762
2020 data | GPT-3 | 300 billion tokens for 175 billion weights | arXiv:2005.14165
"""
MILESTONES = tuple(
    Milestone(int(when[:4]), when[5:], *rest) for when, *rest in (row.split(" | ") for row in _ROWS.splitlines())
)
