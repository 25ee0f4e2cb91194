import inspect
import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from torch import Tensor

from dlref.training import losses
from dlref.training.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    binary_cross_entropy_with_logits_gradient,
    cross_entropy,
    cross_entropy_gradient,
    huber_loss,
    huber_loss_gradient,
    l1_loss,
    mse_loss,
    mse_loss_gradient,
    nll_loss,
)
from tests.oracle import error

REDUCTIONS = ("none", "mean", "sum")
HALVES = (torch.float16, torch.bfloat16)
DEVICES = ["meta", *(["cuda"] if torch.cuda.is_available() else [])]
quick = settings(max_examples=25, deadline=None)


# Cases: empty, scalar, a batch of one, ordinary, and with strides that are not those of a fresh tensor.


def pairs(generator: torch.Generator, *, target_is_probability: bool = False) -> list[tuple[Tensor, Tensor]]:
    def pair(*shape: int) -> tuple[Tensor, Tensor]:
        prediction = 3 * torch.randn(shape, generator=generator, dtype=torch.float64)
        target = torch.rand(shape, generator=generator, dtype=torch.float64)
        return prediction, target if target_is_probability else 6 * target - 3

    long, wide = pair(12, 5), pair(3, 4)
    strided = [(long[0][::3, 1:4], long[1][::3, 1:4]), (wide[0].mT, wide[1].mT), (wide[0], wide[1].mT.contiguous().mT)]
    hard = (pair(9)[0], torch.arange(9, dtype=torch.float64).remainder(2))
    return [pair(0), pair(0, 3), pair(), pair(1), pair(1, 1), pair(7), pair(2, 3, 4), hard, *strided]


def labelled(generator: torch.Generator, *, ignore_index: int = -100) -> list[tuple[Tensor, Tensor]]:
    def case(*shape: int) -> tuple[Tensor, Tensor]:
        logits = 3 * torch.randn(shape, generator=generator, dtype=torch.float64)
        target = torch.randint(0, 4, (shape[0], *shape[2:]), generator=generator)
        skipped = torch.rand(target.shape, generator=generator) < 0.3
        return logits, target.masked_fill(skipped, ignore_index)

    every_third = case(9, 4, 2)
    strided = (every_third[0][::3, :, 1], every_third[1][::3, 1])
    nobody = (case(3, 4)[0], torch.full((3,), ignore_index))
    classes_last = case(2, 5, 4)[0].mT  # (batch 2, classes 4, positions 5)
    last = (classes_last, torch.arange(10).reshape(2, 5) % 4)
    return [case(0, 4), case(1, 4), case(8, 4), case(3, 4, 5), case(2, 4, 3, 2), strided, nobody, last]


CLASS_WEIGHT = torch.tensor([0.5, 2.0, 0.0, 1.25], dtype=torch.float64)
CLASS_OPTIONS = [
    {},
    {"weight": CLASS_WEIGHT},
    {"ignore_index": 2},
    {"label_smoothing": 0.1},
    {"weight": CLASS_WEIGHT + 1, "ignore_index": 1, "label_smoothing": 0.3},
]


# Values and gradients against torch and scikit-learn


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    ("ours", "theirs", "options"),
    [
        (mse_loss, F.mse_loss, {}),
        (l1_loss, F.l1_loss, {}),
        (huber_loss, F.huber_loss, {}),
        (huber_loss, F.huber_loss, {"delta": 0.3}),
        (huber_loss, F.huber_loss, {"delta": 2.5}),
    ],
)
def test_regression_losses_equal_torch(verify, generator, ours, theirs, options, reduction):
    options = {**options, "reduction": reduction}
    verify(
        lambda *pair: ours(*pair, **options),
        lambda *pair: theirs(*pair, **options),
        pairs(generator),
        oracle=f"torch.nn.functional.{theirs.__name__}",
        name=ours,
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_binary_cross_entropy_equals_torch(verify, generator, reduction):
    cases = [(logits.sigmoid(), target) for logits, target in pairs(generator, target_is_probability=True)]
    verify(
        lambda *pair: binary_cross_entropy(*pair, reduction=reduction),
        lambda *pair: F.binary_cross_entropy(*pair, reduction=reduction),
        cases,
        oracle="torch.nn.functional.binary_cross_entropy",
        name=binary_cross_entropy,
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("pos_weight", [1.0, 0.0, 3.5])
def test_binary_cross_entropy_with_logits_equals_torch(verify, generator, pos_weight, reduction):
    verify(
        lambda *pair: binary_cross_entropy_with_logits(*pair, pos_weight=pos_weight, reduction=reduction),
        lambda *pair: F.binary_cross_entropy_with_logits(
            *pair, pos_weight=torch.tensor(pos_weight), reduction=reduction
        ),
        pairs(generator, target_is_probability=True),
        oracle="torch.nn.functional.binary_cross_entropy_with_logits",
        name=binary_cross_entropy_with_logits,
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("options", CLASS_OPTIONS, ids=lambda options: "+".join(options))
def test_class_losses_equal_torch(verify, generator, options, reduction):
    cases = labelled(generator, ignore_index=options.get("ignore_index", -100))
    options = {**options, "reduction": reduction}
    verify(
        lambda *case: cross_entropy(*case, **options),
        lambda *case: F.cross_entropy(*case, **options),
        cases,
        oracle="torch.nn.functional.cross_entropy",
        name=cross_entropy,
    )
    options.pop("label_smoothing", None)
    verify(
        lambda *case: nll_loss(*case, **options),
        lambda *case: F.nll_loss(*case, **options),
        [(logits.log_softmax(1), target) for logits, target in cases],
        oracle="torch.nn.functional.nll_loss",
        name=nll_loss,
    )


def test_mean_losses_equal_scikit_learn(verify, rng):
    truth, guess = rng.normal(size=(2, 40, 3))
    yes, p = rng.integers(0, 2, size=40).astype(float), rng.uniform(0.01, 0.99, size=40)
    labels, scores = rng.integers(0, 3, size=40), rng.normal(size=(40, 3))
    softmax = torch.from_numpy(scores).softmax(1).numpy()
    rows = [
        (mse_loss, (guess, truth), metrics.mean_squared_error(truth, guess)),
        (l1_loss, (guess, truth), metrics.mean_absolute_error(truth, guess)),
        (binary_cross_entropy, (p, yes), metrics.log_loss(yes, p)),
        (cross_entropy, (scores, labels), metrics.log_loss(labels, softmax)),
    ]
    oracles = ["mean_squared_error", "mean_absolute_error", "log_loss", "log_loss"]
    for (ours, arguments, wanted), oracle in zip(rows, oracles, strict=True):
        difference = error(ours(*map(torch.from_numpy, arguments)), wanted)
        assert difference <= 1e-14
        verify.record(ours, f"sklearn.metrics.{oracle}", difference)


# The gradients written by hand


def autograd(loss, **options):
    def gradient(prediction: Tensor, target: Tensor) -> Tensor:
        prediction = prediction.detach().clone().requires_grad_()
        return torch.autograd.grad(loss(prediction, target, **options).sum(), prediction)[0]

    return gradient


def central_differences(loss, prediction: Tensor, step: float = 1e-5) -> Tensor:
    slopes = []
    for offset in step * torch.eye(prediction.numel(), dtype=prediction.dtype):
        up, down = (loss(prediction + sign * offset.reshape(prediction.shape)).sum() for sign in (1, -1))
        slopes.append((up - down) / (2 * step))
    return torch.stack(slopes).reshape(prediction.shape)


GRADIENTS = [
    (mse_loss_gradient, mse_loss, F.mse_loss, {}),
    (huber_loss_gradient, huber_loss, F.huber_loss, {"delta": 0.7}),
    (
        binary_cross_entropy_with_logits_gradient,
        binary_cross_entropy_with_logits,
        F.binary_cross_entropy_with_logits,
        {},
    ),
    *((cross_entropy_gradient, cross_entropy, F.cross_entropy, options) for options in CLASS_OPTIONS),
]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("by_hand", "ours", "theirs", "options"), GRADIENTS)
def test_gradients_by_hand_equal_autograd_and_differences(verify, generator, by_hand, ours, theirs, options, reduction):
    in_classes = theirs is F.cross_entropy
    cases = (
        labelled(generator, ignore_index=options.get("ignore_index", -100))
        if in_classes
        else pairs(generator, target_is_probability="logits" in theirs.__name__)
    )
    options = {**options, "reduction": reduction}

    def gradient(*case):
        return by_hand(*case, **options)

    oracle = f"torch.autograd through torch.nn.functional.{theirs.__name__}"
    verify(gradient, autograd(theirs, **options), cases, oracle=oracle, name=by_hand, gradients=None)
    checked = [(p, t) for p, t in cases if 0 < p.numel() <= 64 and ours(p, t, **options).isfinite().all()]
    slopes = [central_differences(partial(ours, target=t, **options), p) for p, t in checked]
    differences = max(error(gradient(*case), slope) for case, slope in zip(checked, slopes, strict=True))
    assert len(checked) >= 3
    assert differences <= 1e-8
    verify.record(by_hand, "central differences", differences)


def test_weighted_binary_gradient_equals_autograd(verify, generator):
    verify(
        lambda *pair: binary_cross_entropy_with_logits_gradient(*pair, pos_weight=4.0),
        autograd(F.binary_cross_entropy_with_logits, pos_weight=torch.tensor(4.0)),
        pairs(generator, target_is_probability=True),
        oracle="torch.autograd through torch.nn.functional.binary_cross_entropy_with_logits",
        name=binary_cross_entropy_with_logits_gradient,
        gradients=None,
    )


@pytest.mark.parametrize("loss", [mse_loss, l1_loss, huber_loss, binary_cross_entropy_with_logits, cross_entropy])
def test_autograd_passes_gradcheck_twice(generator, loss):
    prediction = torch.randn(3, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    target = torch.tensor([2, 0, -100]) if loss is cross_entropy else torch.full((3, 4), 0.25, dtype=torch.float64)
    assert torch.autograd.gradcheck(loss, (prediction, target))
    assert torch.autograd.gradgradcheck(loss, (prediction, target))


def test_gradients_where_a_formula_has_a_corner():
    zero, half = torch.zeros(3, dtype=torch.float64), torch.full((3,), 0.5, dtype=torch.float64)
    assert autograd(l1_loss)(zero, zero).tolist() == [0, 0, 0]
    assert autograd(huber_loss, delta=0.5, reduction="sum")(half, zero).tolist() == [0.5, 0.5, 0.5]
    assert autograd(binary_cross_entropy_with_logits, reduction="sum")(zero, zero).tolist() == [0.5, 0.5, 0.5]
    tied = autograd(cross_entropy)(zero[None], torch.tensor([1]))
    assert error(tied, torch.tensor([[1 / 3, -2 / 3, 1 / 3]], dtype=torch.float64)) < 1e-15
    assert error(tied, autograd(F.cross_entropy)(zero[None], torch.tensor([1]))) < 1e-15


# Extremes


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, *HALVES])
def test_logits_of_a_thousand(dtype):
    logits = torch.tensor([[1000.0, -1000.0, 0.0], [-1000.0, 1000.0, 1000.0]], dtype=dtype)
    target = torch.tensor([1, 2])
    assert cross_entropy(logits, target, reduction="none").tolist() == pytest.approx([2000, math.log(2)], rel=4e-3)
    assert cross_entropy_gradient(logits, target, reduction="sum").tolist() == [[1, -1, 0], [0, 0.5, -0.5]]
    assert autograd(cross_entropy, reduction="sum")(logits, target).tolist() == [[1, -1, 0], [0, 0.5, -0.5]]
    logit, yes = torch.tensor([1000.0, -1000.0], dtype=dtype), torch.ones(2, dtype=dtype)
    assert binary_cross_entropy_with_logits(logit, yes, reduction="none").tolist() == [0, 1000]
    assert binary_cross_entropy_with_logits(logit, 1 - yes, reduction="none").tolist() == [1000, 0]
    assert binary_cross_entropy_with_logits_gradient(logit, yes, reduction="sum").tolist() == [0, -1]
    assert autograd(binary_cross_entropy_with_logits, reduction="sum")(logit, 1 - yes).tolist() == [1, 0]


def test_a_large_offset_costs_no_digits(generator):
    # 1e4 plus multiples of 1/64 is exact in float32: the offset itself loses nothing.
    logits = torch.randint(-256, 256, (20, 5), generator=generator) / 64
    target = torch.arange(20) % 5
    assert torch.equal(cross_entropy(logits + 1e4, target), cross_entropy(logits, target))
    assert error(cross_entropy(logits + 1e4, target), F.cross_entropy(logits.double(), target)) < 1e-7


def test_a_class_ruled_out_by_an_infinite_logit():
    logits = torch.tensor([[-torch.inf, 0.0, 1.0], [-torch.inf, 2.0, 2.0]], dtype=torch.float64)
    target = torch.tensor([1, -100])
    assert error(cross_entropy(logits, target), F.cross_entropy(logits, target)) < 1e-15
    assert error(autograd(cross_entropy)(logits, target), autograd(F.cross_entropy)(logits, target)) < 1e-15
    assert nll_loss(logits, target, reduction="none").tolist() == [0, 0]


def test_probabilities_of_exactly_0_and_1():
    p = torch.tensor([0.0, 0.0, 1.0, 1.0, 1e-50], dtype=torch.float64)
    y = torch.tensor([0.0, 1.0, 0.0, 1.0, 1.0], dtype=torch.float64)
    assert binary_cross_entropy(p, y, reduction="none").tolist() == [0, 100, 100, 0, 100]
    assert torch.equal(binary_cross_entropy(p, y, reduction="none"), F.binary_cross_entropy(p, y, reduction="none"))
    assert autograd(binary_cross_entropy, reduction="sum")(p, y).tolist() == [1, 0, 0, -1, 0]


def test_nothing_to_average():
    nobody = torch.tensor([-100, -100])
    assert cross_entropy(torch.zeros(2, 3), nobody).isnan()
    assert cross_entropy(torch.zeros(2, 3), nobody, reduction="sum") == 0
    assert autograd(cross_entropy)(torch.zeros(2, 3), nobody).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert cross_entropy_gradient(torch.zeros(2, 3), nobody).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert mse_loss(torch.zeros(0), torch.zeros(0)).isnan()


CALLS = {
    mse_loss: "regression",
    mse_loss_gradient: "regression",
    l1_loss: "regression",
    huber_loss: "regression",
    huber_loss_gradient: "regression",
    binary_cross_entropy: "probabilities",
    binary_cross_entropy_with_logits: "logits",
    binary_cross_entropy_with_logits_gradient: "logits",
    nll_loss: "classes",
    cross_entropy: "smoothed classes",
    cross_entropy_gradient: "smoothed classes",
}


def call(function, dtype: torch.dtype, device: str = "cpu", reduction: str = "mean", through=None) -> Tensor:
    """Call a public function with arguments that suit it, directly or ``through(function, *args, **options)``."""
    kind, function = CALLS[function], partial(through, function) if through else function
    generator = torch.Generator().manual_seed(1)
    prediction = torch.randn(6, 4, generator=generator).to(dtype).to(device)
    target = torch.rand(6, 4, generator=generator).to(dtype).to(device)
    if "classes" not in kind:
        return function(prediction.sigmoid() if kind == "probabilities" else prediction, target, reduction=reduction)
    label = torch.tensor([0, 3, -100, 1, 1, 2], device=device)
    weight = CLASS_WEIGHT.to(dtype).to(device)
    if kind == "classes":
        return function(prediction, label, weight=weight, reduction=reduction)
    return function(prediction, label, weight=weight, label_smoothing=0.1, reduction=reduction)


def test_every_public_name_is_called():
    public = {f for name, f in inspect.getmembers(losses, inspect.isfunction) if not name.startswith("_")}
    assert {f.__name__ for f in public if f.__module__ == losses.__name__} == {f.__name__ for f in CALLS}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("function", CALLS, ids=lambda f: f.__name__)
def test_output_follows_the_device(function, device, reduction):
    there, here = (call(function, torch.float32, place, reduction) for place in (device, "cpu"))
    assert there.device.type == device
    assert there.shape == here.shape
    assert there.dtype == here.dtype
    assert device == "meta" or error(there, here) < 1e-6


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("function", CALLS, ids=lambda f: f.__name__)
def test_half_precision_rounds_once(function, dtype, reduction):
    def in_float32(function, *tensors, **options):
        wide = [x.float() if x.is_floating_point() else x for x in tensors]
        return function(*wide, **{k: x.float() if isinstance(x, Tensor) else x for k, x in options.items()})

    narrow = call(function, dtype, reduction=reduction)
    assert narrow.dtype == dtype
    assert torch.equal(narrow, call(function, dtype, reduction=reduction, through=in_float32).to(dtype))


@pytest.mark.parametrize("name", [mse_loss, mse_loss_gradient, l1_loss, huber_loss, binary_cross_entropy_with_logits])
def test_the_dtype_is_that_of_the_first_argument(name):
    narrow, wide = torch.tensor([0.5, -2.0]), torch.tensor([0.25, 1.0], dtype=torch.float64)
    assert name(narrow, wide).dtype == torch.float32
    assert torch.equal(name(narrow, wide), name(narrow.double(), wide).float())
    loss = name(narrow.requires_grad_(), wide).sum()
    assert torch.autograd.grad(loss, narrow)[0].dtype == torch.float32


@pytest.mark.parametrize("dtype", HALVES)
def test_a_long_batch_does_not_overflow_half_precision(dtype):
    logits = torch.zeros(70_000, 4, dtype=dtype)
    target = torch.zeros(70_000, dtype=torch.long)
    assert cross_entropy(logits, target).item() == pytest.approx(math.log(4), rel=4e-3)
    assert mse_loss(logits + 8, logits).item() == 64
    one_row = torch.zeros(1, 70_000, dtype=dtype)
    assert cross_entropy(one_row, target[:1]).item() == pytest.approx(math.log(70_000), rel=4e-3)


@pytest.mark.parametrize("function", CALLS, ids=lambda f: f.__name__)
def test_arguments_stay_as_they_are(function):
    def watched(function, *tensors, **options):
        arguments = [x for x in (*tensors, *options.values()) if isinstance(x, Tensor)]
        before = [x.clone() for x in arguments]
        result = function(*tensors, **options)
        assert len(before) >= 2
        assert all(map(torch.equal, arguments, before))
        return result

    assert call(function, torch.float64, through=watched).isfinite().all()


# Properties


@st.composite
def scored(draw) -> tuple[Tensor, Tensor]:
    """Draw logits of a few examples and the class of each."""
    batch, classes, seed = draw(st.integers(1, 6)), draw(st.integers(1, 5)), draw(st.integers(0, 2**32 - 1))
    generator = torch.Generator().manual_seed(seed)
    scale = draw(st.sampled_from([0.1, 3.0, 100.0]))
    logits = scale * torch.randn(batch, classes, generator=generator, dtype=torch.float64)
    return logits, torch.randint(0, classes, (batch,), generator=generator)


@quick
@given(scored(), st.floats(-1e4, 1e4), st.floats(0, 1))
def test_cross_entropy_sees_only_differences_of_logits(case, offset, smoothing):
    logits, target = case
    loss, moved = (cross_entropy(z, target, label_smoothing=smoothing) for z in (logits, logits + offset))
    assert loss >= 0
    assert error(moved, loss) < 1e-11
    gradient = cross_entropy_gradient(logits, target, label_smoothing=smoothing, reduction="none")
    assert gradient.sum(dim=1).abs().max() < 1e-12


@quick
@given(scored())
def test_an_ignored_example_is_as_good_as_absent(case):
    logits, target = case
    padded = torch.cat([logits, torch.full_like(logits[:1], 7.0)]), torch.cat([target, torch.tensor([-100])])
    for part in (0.0, 0.2):
        absent = cross_entropy(logits, target, label_smoothing=part)
        assert error(cross_entropy(*padded, label_smoothing=part), absent) < 1e-14
        gradient = cross_entropy_gradient(*padded, label_smoothing=part)
        assert error(gradient[:-1], cross_entropy_gradient(logits, target, label_smoothing=part)) < 1e-14
        assert not gradient[-1].any()


@quick
@given(scored())
def test_a_class_weight_counts_like_copies(case):
    logits, target = case
    weight = 1 + torch.arange(logits.shape[1], dtype=torch.float64) % 3
    copies = weight[target].long()
    repeated = logits.repeat_interleave(copies, 0), target.repeat_interleave(copies)
    assert error(cross_entropy(logits, target, weight=weight), cross_entropy(*repeated)) < 1e-13


@quick
@given(scored())
def test_binary_cross_entropy_is_cross_entropy_of_the_logits_z_and_0(case):
    logits, _ = case
    z = logits.flatten()
    yes = (torch.arange(len(z)) % 2).double()
    two = torch.stack([torch.zeros_like(z), z], dim=1)
    got = binary_cross_entropy_with_logits(z, yes, reduction="none")
    assert error(got, cross_entropy(two, yes.long(), reduction="none")) < 1e-14
    clear = z.abs() < 8  # where 1 - sigmoid(z) still has its digits
    p = z[clear].sigmoid()
    assert error(got[clear], binary_cross_entropy(p, yes[clear], reduction="none")) < 1e-12


@quick
@given(scored(), st.floats(0.01, 100))
def test_huber_lies_below_both_its_neighbours(case, delta):
    error_, zero = case[0], torch.zeros_like(case[0])
    huber = huber_loss(error_, zero, delta=delta, reduction="none")
    square, size = (loss(error_, zero, reduction="none") for loss in (mse_loss, l1_loss))
    slack = 1e-12 * (1 + size * delta)
    assert (huber <= square / 2 + slack).all()
    assert (huber <= delta * size + slack).all()
    assert torch.equal(huber_loss(error_, zero, delta=1e6, reduction="none"), size * (size - size / 2))


# Bad input


@pytest.mark.usefixtures("as_a_reader")
@pytest.mark.parametrize(
    "name", ["mse_loss", "mse_loss_gradient", "l1_loss", "huber_loss", "huber_loss_gradient", "binary_cross_entropy",
             "binary_cross_entropy_with_logits", "binary_cross_entropy_with_logits_gradient"],
)  # fmt: skip
def test_nothing_broadcasts(name):
    from dlref.training import losses

    message = r"must have the same shape, nothing broadcasts, got \w+ \(8, 1\), target \(8,\)"
    with pytest.raises(ValueError, match=message):
        getattr(losses, name)(torch.full((8, 1), 0.5), torch.zeros(8))
    with pytest.raises(ValueError, match=r"reduction must be 'none', 'mean' or 'sum', got 'average'"):
        getattr(losses, name)(torch.full((8,), 0.5), torch.zeros(8), reduction="average")


@pytest.mark.usefixtures("as_a_reader")
@pytest.mark.parametrize("name", ["nll_loss", "cross_entropy", "cross_entropy_gradient"])
@pytest.mark.parametrize(
    ("shape", "target", "options", "error", "message"),
    [
        ((3,), [1], {}, ValueError, r"\(batch, classes, \*positions\) .*, got \(3,\) and target \(1,\)"),
        ((2, 3), [[1], [0]], {}, ValueError, r"target \(batch, \*positions\), got \(2, 3\) and target \(2, 1\)"),
        ((2, 5, 3), [[1] * 5] * 2, {}, ValueError, r"got \(2, 5, 3\) and target \(2, 5\)"),
        ((2, 3), [0.0, 1.0], {}, TypeError, r"target must hold class indices, integers, got torch.float32"),
        ((2, 3), [True, False], {}, TypeError, r"got torch.bool"),
        ((3, 3), [3, 0, 5], {}, ValueError, r"must be a class, 0 to 2, or ignore_index -100, got \[3, 5\]"),
        ((2, 3), [0, -1], {}, ValueError, r"0 to 2, or ignore_index -100, got \[-1\]"),
        ((2, 3), [0, -100], {"ignore_index": -1}, ValueError, r"ignore_index -1, got \[-100\]"),
        ((2, 3), [0, 1], {"weight": torch.ones(2)}, ValueError, r"one number a class, \(3,\), got \(2,\)"),
        ((2, 3), [0, 1], {"reduction": "batchmean"}, ValueError, r"'none', 'mean' or 'sum', got 'batchmean'"),
    ],
)
def test_classes_that_do_not_fit(name, shape, target, options, error, message):
    from dlref.training import losses

    with pytest.raises(error, match=message):
        getattr(losses, name)(torch.zeros(shape), torch.tensor(target), **options)


@pytest.mark.usefixtures("as_a_reader")
@pytest.mark.parametrize(
    ("name", "prediction", "target", "options", "message"),
    [
        ("huber_loss", [1.0], [0.0], {"delta": 0.0}, r"delta must be positive, got 0.0"),
        ("huber_loss_gradient", [1.0], [0.0], {"delta": math.nan}, r"delta must be positive, got nan"),
        ("binary_cross_entropy", [0.5, 1.5], [0.0, 1.0], {}, r"probabilities must lie in \[0, 1\], .* 0.5 to 1.5"),
        ("binary_cross_entropy", [0.5, -0.5], [0.0, 1.0], {}, r"probabilities .* from -0.5 to 0.5"),
        ("binary_cross_entropy", [0.5, math.nan], [0.0, 1.0], {}, r"probabilities .* from nan to nan"),
        ("binary_cross_entropy", [0.5, 0.5], [-1.0, 1.0], {}, r"target must lie in \[0, 1\], .* from -1 to 1"),
        ("binary_cross_entropy_with_logits", [5.0, 0.5], [0.0, 2.0], {}, r"target must lie in .* from 0 to 2"),
        ("binary_cross_entropy_with_logits_gradient", [0.5], [-1.0], {}, r"target must lie in .* from -1 to -1"),
        ("binary_cross_entropy_with_logits", [0.5], [1.0], {"pos_weight": -1.0}, r"pos_weight must not be .* -1.0"),
        ("binary_cross_entropy_with_logits_gradient", [0.5], [1.0], {"pos_weight": -1.0}, r"pos_weight must not be"),
        ("cross_entropy", [[0.5]], [0], {"label_smoothing": 1.5}, r"label_smoothing must lie in \[0, 1\], got 1.5"),
        ("cross_entropy_gradient", [[0.5]], [0], {"label_smoothing": -0.1}, r"label_smoothing .* got -0.1"),
    ],
)
def test_numbers_out_of_range(name, prediction, target, options, message):
    from dlref.training import losses

    with pytest.raises(ValueError, match=message):
        getattr(losses, name)(torch.tensor(prediction), torch.tensor(target), **options)


@pytest.mark.usefixtures("as_a_reader")
def test_every_integer_type_names_a_class():
    from dlref.training.losses import cross_entropy

    logits = torch.arange(12.0).reshape(3, 4).sin()
    wanted = cross_entropy(logits, torch.tensor([3, 0, 2]))
    for dtype in (torch.int32, torch.int16, torch.int8, torch.uint8):
        assert torch.equal(cross_entropy(logits, torch.tensor([3, 0, 2], dtype=dtype)), wanted)
