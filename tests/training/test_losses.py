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
    cross_entropy,
    gradient,
    huber_loss,
    l1_loss,
    mse_loss,
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


CLASS_OPTIONS = [{}, {"label_smoothing": 0.1}, {"ignore_index": 1, "label_smoothing": 0.3}]


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
def test_binary_cross_entropy_with_logits_equals_torch(verify, generator, reduction):
    verify(
        lambda *pair: binary_cross_entropy_with_logits(*pair, reduction=reduction),
        lambda *pair: F.binary_cross_entropy_with_logits(*pair, reduction=reduction),
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


def autograd(loss, *, create_graph: bool = False, **options):
    def slopes(prediction: Tensor, target: Tensor) -> Tensor:
        if not prediction.requires_grad:
            prediction = prediction.detach().clone().requires_grad_()
        loss_sum = loss(prediction, target, **options).sum()
        return torch.autograd.grad(loss_sum, prediction, create_graph=create_graph)[0]

    return slopes


def central_differences(loss, prediction: Tensor, step: float = 1e-5) -> Tensor:
    slopes = []
    for offset in step * torch.eye(prediction.numel(), dtype=prediction.dtype):
        up, down = (loss(prediction + sign * offset.reshape(prediction.shape)).sum() for sign in (1, -1))
        slopes.append((up - down) / (2 * step))
    return torch.stack(slopes).reshape(prediction.shape)


GRADIENTS = [
    (mse_loss, F.mse_loss, {}),
    (l1_loss, F.l1_loss, {}),
    (huber_loss, F.huber_loss, {"delta": 0.7}),
    (binary_cross_entropy_with_logits, F.binary_cross_entropy_with_logits, {}),
    *((cross_entropy, F.cross_entropy, options) for options in CLASS_OPTIONS),
]
CURVED = (mse_loss, binary_cross_entropy_with_logits, cross_entropy)


def cases_of(loss, generator: torch.Generator, options: dict) -> list[tuple[Tensor, Tensor]]:
    if loss is cross_entropy:
        return labelled(generator, ignore_index=options.get("ignore_index", -100))
    return pairs(generator, target_is_probability=loss is binary_cross_entropy_with_logits)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("loss", "theirs", "options"), GRADIENTS)
def test_gradients_by_hand_equal_autograd(verify, generator, loss, theirs, options, reduction):
    options = {**options, "reduction": reduction}
    verify(
        partial(gradient, loss, **options),
        autograd(theirs, **options),
        cases_of(loss, generator, options),
        oracle=f"torch.autograd through torch.nn.functional.{theirs.__name__}",
        name=gradient,
        gradients=None,
    )


@pytest.mark.parametrize(("loss", "theirs", "options"), GRADIENTS)
def test_gradients_by_hand_equal_central_differences(verify, generator, loss, theirs, options):
    cases = [(p, t) for p, t in cases_of(loss, generator, options) if 0 < p.numel() <= 12]
    slopes = [central_differences(partial(loss, target=t, **options), p) for p, t in cases]
    checked = [(case, slope) for case, slope in zip(cases, slopes, strict=True) if slope.isfinite().all()]
    differences = max(error(gradient(loss, *case, **options), slope) for case, slope in checked)
    assert len(checked) >= 2
    assert differences <= 1e-8
    verify.record(gradient, "central differences", differences)


@pytest.mark.parametrize(("loss", "theirs", "options"), [case for case in GRADIENTS if case[0] in CURVED])
def test_second_derivatives_equal_torch(verify, generator, loss, theirs, options):
    verify(
        autograd(loss, create_graph=True, **options),
        autograd(theirs, create_graph=True, **options),
        cases_of(loss, generator, options),
        oracle=f"torch.autograd, twice, through torch.nn.functional.{theirs.__name__}",
        name=loss,
    )


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
    assert gradient(cross_entropy, logits, target, reduction="sum").tolist() == [[1, -1, 0], [0, 0.5, -0.5]]
    assert autograd(cross_entropy, reduction="sum")(logits, target).tolist() == [[1, -1, 0], [0, 0.5, -0.5]]
    logit, yes = torch.tensor([1000.0, -1000.0], dtype=dtype), torch.ones(2, dtype=dtype)
    assert binary_cross_entropy_with_logits(logit, yes, reduction="none").tolist() == [0, 1000]
    assert binary_cross_entropy_with_logits(logit, 1 - yes, reduction="none").tolist() == [1000, 0]
    assert gradient(binary_cross_entropy_with_logits, logit, yes, reduction="sum").tolist() == [0, -1]
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
    assert gradient(cross_entropy, torch.zeros(2, 3), nobody).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert mse_loss(torch.zeros(0), torch.zeros(0)).isnan()


CALLS = [
    *(mse_loss, l1_loss, huber_loss, binary_cross_entropy, binary_cross_entropy_with_logits, nll_loss, cross_entropy),
    *(partial(gradient, loss) for loss, _, _ in GRADIENTS[:5]),
]
every_call = pytest.mark.parametrize(
    "function", CALLS, ids=lambda f: f"gradient of {f.args[0].__name__}" if isinstance(f, partial) else f.__name__
)


def call(function, dtype: torch.dtype, device: str = "cpu", reduction: str = "mean", through=None) -> Tensor:
    """Call a public function with arguments that suit it, directly or ``through(function, *args, **options)``."""
    loss = function.args[0] if isinstance(function, partial) else function
    function = partial(through, function) if through else function
    generator = torch.Generator().manual_seed(1)
    prediction = torch.randn(6, 4, generator=generator).to(dtype).to(device)
    target = torch.rand(6, 4, generator=generator).to(dtype).to(device)
    label = torch.tensor([0, 3, -100, 1, 1, 2], device=device)
    if loss is cross_entropy:
        return function(prediction, label, label_smoothing=0.1, reduction=reduction)
    if loss is nll_loss:
        return function(prediction, label, reduction=reduction)
    return function(prediction.sigmoid() if loss is binary_cross_entropy else prediction, target, reduction=reduction)


def test_every_public_name_is_called():
    public = {f for name, f in inspect.getmembers(losses, inspect.isfunction) if not name.startswith("_")}
    called = {f.func if isinstance(f, partial) else f for f in CALLS}
    assert {f.__name__ for f in public if f.__module__ == losses.__name__} == {f.__name__ for f in called}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("device", DEVICES)
@every_call
def test_output_follows_the_device(function, device, reduction):
    there, here = (call(function, torch.float32, place, reduction) for place in (device, "cpu"))
    assert there.device.type == device
    assert there.shape == here.shape
    assert there.dtype == here.dtype
    assert device == "meta" or error(there, here) < 1e-6


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("dtype", HALVES)
@every_call
def test_half_precision_rounds_once(function, dtype, reduction):
    def in_float32(function, *tensors, **options):
        wide = [x.float() if x.is_floating_point() else x for x in tensors]
        return function(*wide, **{k: x.float() if isinstance(x, Tensor) else x for k, x in options.items()})

    narrow = call(function, dtype, reduction=reduction)
    assert narrow.dtype == dtype
    assert torch.equal(narrow, call(function, dtype, reduction=reduction, through=in_float32).to(dtype))


@pytest.mark.parametrize(
    "name", [mse_loss, partial(gradient, mse_loss), l1_loss, huber_loss, binary_cross_entropy_with_logits]
)
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


@every_call
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
    slopes = gradient(cross_entropy, logits, target, label_smoothing=smoothing, reduction="none")
    assert slopes.sum(dim=1).abs().max() < 1e-12


@quick
@given(scored())
def test_an_ignored_example_is_as_good_as_absent(case):
    logits, target = case
    padded = torch.cat([logits, torch.full_like(logits[:1], 7.0)]), torch.cat([target, torch.tensor([-100])])
    for part in (0.0, 0.2):
        absent = cross_entropy(logits, target, label_smoothing=part)
        assert error(cross_entropy(*padded, label_smoothing=part), absent) < 1e-14
        slopes = gradient(cross_entropy, *padded, label_smoothing=part)
        assert error(slopes[:-1], gradient(cross_entropy, logits, target, label_smoothing=part)) < 1e-14
        assert not slopes[-1].any()


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


def fresh(name: str):
    """Return a loss, or the "gradient of" one, imported within the test: without the shape checker."""
    from dlref.training import losses

    _, of, loss = name.rpartition("gradient of ")
    return partial(losses.gradient, getattr(losses, loss)) if of else getattr(losses, loss)


@pytest.mark.usefixtures("as_a_reader")
@pytest.mark.parametrize(
    "name", ["mse_loss", "l1_loss", "huber_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits",
             "gradient of mse_loss", "gradient of l1_loss", "gradient of huber_loss",
             "gradient of binary_cross_entropy_with_logits"],
)  # fmt: skip
def test_nothing_broadcasts(name):
    message = r"must have the same shape, nothing broadcasts, got \w+ \(8, 1\), target \(8,\)"
    with pytest.raises(ValueError, match=message):
        fresh(name)(torch.full((8, 1), 0.5), torch.zeros(8))
    with pytest.raises(ValueError, match=r"reduction must be 'none', 'mean' or 'sum', got 'average'"):
        fresh(name)(torch.full((8,), 0.5), torch.zeros(8), reduction="average")


@pytest.mark.usefixtures("as_a_reader")
@pytest.mark.parametrize("name", ["nll_loss", "cross_entropy", "gradient of cross_entropy"])
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
        ((2, 3), [0, 1], {"reduction": "batchmean"}, ValueError, r"'none', 'mean' or 'sum', got 'batchmean'"),
    ],
)
def test_classes_that_do_not_fit(name, shape, target, options, error, message):
    with pytest.raises(error, match=message):
        fresh(name)(torch.zeros(shape), torch.tensor(target), **options)


@pytest.mark.usefixtures("as_a_reader")
@pytest.mark.parametrize(
    ("name", "prediction", "target", "options", "message"),
    [
        ("huber_loss", [1.0], [0.0], {"delta": 0.0}, r"delta must be positive, got 0.0"),
        ("gradient of huber_loss", [1.0], [0.0], {"delta": math.nan}, r"delta must be positive, got nan"),
        ("binary_cross_entropy", [0.5, 1.5], [0.0, 1.0], {}, r"probabilities must lie in \[0, 1\], .* 0.5 to 1.5"),
        ("binary_cross_entropy", [0.5, -0.5], [0.0, 1.0], {}, r"probabilities .* from -0.5 to 0.5"),
        ("binary_cross_entropy", [0.5, math.nan], [0.0, 1.0], {}, r"probabilities .* from nan to nan"),
        ("binary_cross_entropy", [0.5, 0.5], [-1.0, 1.0], {}, r"target must lie in \[0, 1\], .* from -1 to 1"),
        ("binary_cross_entropy_with_logits", [5.0, 0.5], [0.0, 2.0], {}, r"target must lie in .* from 0 to 2"),
        ("gradient of binary_cross_entropy_with_logits", [0.5], [-1.0], {}, r"target must lie in .* from -1 to -1"),
        ("cross_entropy", [[0.5]], [0], {"label_smoothing": 1.5}, r"label_smoothing must lie in \[0, 1\], got 1.5"),
        ("gradient of cross_entropy", [[0.5]], [0], {"label_smoothing": -0.1}, r"label_smoothing .* got -0.1"),
    ],
)
def test_numbers_out_of_range(name, prediction, target, options, message):
    with pytest.raises(ValueError, match=message):
        fresh(name)(torch.tensor(prediction), torch.tensor(target), **options)


@pytest.mark.usefixtures("as_a_reader")
@pytest.mark.parametrize("name", ["nll_loss", "binary_cross_entropy"])
def test_a_gradient_without_a_formula(name):
    message = rf"loss must be one of mse_loss, l1_loss, .*, cross_entropy, got {name}"
    with pytest.raises(ValueError, match=message):
        fresh(f"gradient of {name}")(torch.zeros(2, 3), torch.zeros(2, 3))
    with pytest.raises(TypeError, match="delta"):
        fresh("gradient of mse_loss")(torch.zeros(2), torch.zeros(2), delta=1.0)


@pytest.mark.usefixtures("as_a_reader")
def test_every_integer_type_names_a_class():
    logits = torch.arange(12.0).reshape(3, 4).sin()
    for function in (fresh("cross_entropy"), fresh("gradient of cross_entropy")):
        wanted = function(logits, torch.tensor([3, 0, 2]))
        for dtype in (torch.int32, torch.int16, torch.int8, torch.uint8):
            assert torch.equal(function(logits, torch.tensor([3, 0, 2], dtype=dtype)), wanted)
    many = torch.arange(600.0).reshape(2, 300).sin()  # as uint8, 156 is what -100 would wrap to
    labels = torch.tensor([156, 7])
    wanted = fresh("gradient of cross_entropy")(many, labels)
    assert torch.equal(fresh("gradient of cross_entropy")(many, labels.to(torch.uint8)), wanted)
