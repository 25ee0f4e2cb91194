"""Proofs of dlref.generalization.normalization_layers: torch's layers are the oracles."""

import inspect
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from torch import Tensor, nn

from dlref.generalization import normalization_layers
from dlref.generalization.normalization_layers import BatchNorm, batch_norm, group_norm, layer_norm, rms_norm
from tests.oracle import Verify, error

DEVICES = ["meta", *(["cuda"] if torch.cuda.is_available() else [])]
TORCH_LAYERS = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
WHOLE: dict[str, Callable[[Tensor], Tensor]] = {
    "batch": batch_norm,
    "layer": lambda x: layer_norm(x, x.shape[1:]),
    "group": lambda x: group_norm(x, 2),
    "rms": lambda x: rms_norm(x, x.shape[1:]),
}
THEIRS: dict[str, Callable[[Tensor], Tensor]] = {
    "batch": lambda x: F.batch_norm(x, None, None, training=True),
    "layer": lambda x: F.layer_norm(x, x.shape[1:]),
    "group": lambda x: F.group_norm(x, 2),
    "rms": lambda x: F.rms_norm(x, x.shape[1:]),
}
every_norm = pytest.mark.parametrize("name", WHOLE)


def normal(generator: torch.Generator, *shape: int) -> Tensor:
    return 3 * torch.randn(shape, generator=generator, dtype=torch.float64) + 1


def several_shapes(generator: torch.Generator, channels: int = 4) -> list[Tensor]:
    """Give (batch, channels, *spatial) with no, one, two and three axes of space, a batch of one, and strided views."""
    image = normal(generator, 3, channels, 5, 2)
    return [
        normal(generator, 7, channels),
        normal(generator, 2, channels, 6),
        image,
        normal(generator, 2, channels, 2, 3, 2),
        normal(generator, 1, channels, 5),
        image.transpose(2, 3)[:, :, :, ::2],
        image.to(memory_format=torch.channels_last),
        normal(generator, 1, channels, 5).expand(3, channels, 5),
    ]


def parameters(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    return normal(generator, 4), normal(generator, 4)


def ones(like: Tensor, *shape: int) -> Tensor:
    return torch.ones(shape, device=like.device, dtype=like.dtype)


# Against the oracles


def test_batch_norm_equals_torch_in_training(verify: Verify, generator: torch.Generator) -> None:
    weight, bias = parameters(generator)
    verify(
        lambda x, weight, bias: batch_norm(x, None, None, weight, bias),
        lambda x, weight, bias: F.batch_norm(x, None, None, weight, bias, training=True),
        [(x, weight, bias) for x in several_shapes(generator)],
        oracle="torch.nn.functional.batch_norm, training=True",
        name=batch_norm,
    )


def test_batch_norm_equals_torch_in_evaluation(verify: Verify, generator: torch.Generator) -> None:
    weight, bias = parameters(generator)
    mean, var = normal(generator, 4), normal(generator, 4).square()
    verify(
        lambda x, weight, bias: batch_norm(x, mean, var, weight, bias),
        lambda x, weight, bias: F.batch_norm(x, mean, var, weight, bias),
        [(x, weight, bias) for x in [*several_shapes(generator), normal(generator, 0, 4), normal(generator, 1, 4)]],
        oracle="torch.nn.functional.batch_norm",
        name=batch_norm,
    )


@pytest.mark.parametrize("momentum", [0.1, 0.6, 0.0, 1.0, None], ids=str)
@pytest.mark.parametrize("affine", [True, False], ids=["affine", "plain"])
def test_the_layer_equals_torch_step_by_step(
    momentum: float | None, affine: bool, verify: Verify, generator: torch.Generator
) -> None:
    errors, gradient_errors = [0.0], [0.0]
    for example in several_shapes(generator):
        ours = BatchNorm(4, 1e-3, momentum, affine).double()
        theirs = TORCH_LAYERS[example.ndim](4, 1e-3, momentum, affine).double()
        for parameter in ours.parameters():
            nn.init.normal_(parameter, generator=generator)
        theirs.load_state_dict(ours.state_dict())
        for step in range(6):
            if step == 4:
                ours.eval()
                theirs.eval()
            x = example + torch.randn(example.shape, generator=generator, dtype=torch.float64)
            cotangent = torch.randn(example.shape, generator=generator, dtype=torch.float64)
            gradients = []
            for layer in (ours, theirs):
                leaf = x.clone().requires_grad_()
                y = layer(leaf)
                gradients.append((y, *torch.autograd.grad(y, [leaf, *layer.parameters()], cotangent)))
            errors.append(error(gradients[0][0], gradients[1][0]))
            gradient_errors += [error(a, b) for a, b in zip(gradients[0][1:], gradients[1][1:], strict=True)]
            state, reference = ours.state_dict(), theirs.state_dict()
            assert state.keys() == reference.keys()
            errors += [error(state[key], reference[key]) for key in state]
    assert max(errors) <= 1e-14
    assert max(gradient_errors) <= 1e-14
    verify.record(
        BatchNorm, "torch.nn.BatchNorm1d, 2d and 3d, with running averages", max(errors), max(gradient_errors)
    )


def test_without_running_averages_evaluation_uses_the_batch(generator: torch.Generator) -> None:
    x = normal(generator, 5, 4)
    layer, reference = BatchNorm(4, track_running_stats=False), nn.BatchNorm1d(4, track_running_stats=False)
    assert not layer.state_dict().keys() - {"weight", "bias"}
    for training in (True, False):
        torch.testing.assert_close(layer.train(training)(x.float()), reference.train(training)(x.float()))


def test_evaluation_leaves_the_averages_alone_and_takes_one_example(generator: torch.Generator) -> None:
    layer = BatchNorm(4).double()
    layer(normal(generator, 6, 4))
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    x = normal(generator, 6, 4)
    together, alone = layer.eval()(x), torch.cat([layer(row) for row in x.split(1)])
    assert torch.equal(together, alone)
    assert all(torch.equal(before[name], value) for name, value in layer.state_dict().items())


def test_running_variance_is_unbiased_while_the_output_uses_the_biased_one(generator: torch.Generator) -> None:
    x = normal(generator, 3, 1)
    layer = BatchNorm(1, eps=1e-12, momentum=1.0).double()
    y = layer(x)
    assert layer.running_var is not None
    assert float(layer.running_var) == pytest.approx(float(x.var(unbiased=True)), rel=1e-12)
    assert float(y.detach().var(unbiased=False)) == pytest.approx(1, rel=1e-9)


def test_layer_norm_equals_torch(verify: Verify, generator: torch.Generator) -> None:
    shapes = [((7, 4), (4,)), ((2, 3, 4), (3, 4)), ((5,), (5,)), ((0, 3), (3,)), ((1, 4), (4,))]
    cases = [(normal(generator, *x), n, normal(generator, *n), normal(generator, *n)) for x, n in shapes]
    strided = normal(generator, 4, 6).mT
    cases.append((strided, (4,), *parameters(generator)))
    verify(layer_norm, F.layer_norm, cases, oracle="torch.nn.functional.layer_norm")
    assert torch.equal(layer_norm(strided, 4), layer_norm(strided, [4]))


def test_rms_norm_equals_torch(verify: Verify, generator: torch.Generator) -> None:
    shapes = [((7, 4), (4,)), ((2, 3, 4), (3, 4)), ((5,), (5,)), ((0, 3), (3,)), ((1, 4), (4,))]
    cases = [(normal(generator, *x), n, normal(generator, *n), eps) for x, n in shapes for eps in (None, 1e-3)]
    cases.append((normal(generator, 4, 6).mT, (4,), normal(generator, 4), 1e-6))
    verify(rms_norm, F.rms_norm, cases, oracle="torch.nn.functional.rms_norm")


@pytest.mark.parametrize("groups", [1, 2, 3])
def test_group_norm_equals_torch(groups: int, verify: Verify, generator: torch.Generator) -> None:
    weight, bias = normal(generator, 24), normal(generator, 24)
    inputs = [*several_shapes(generator, channels=24), normal(generator, 0, 24, 3)]
    cases = [(x, groups, weight, bias) for x in inputs]
    verify(group_norm, F.group_norm, cases, oracle="torch.nn.functional.group_norm")


def test_two_near_values_keep_their_digits(verify: Verify, generator: torch.Generator) -> None:
    """The case where torch's own error shows: its variance of two values a thousandth apart has lost digits."""
    x = normal(generator, 2000, 2)

    def reference(x: Tensor) -> np.ndarray:
        wide = x.numpy().astype(np.longdouble)
        centred = wide - wide.mean(axis=1, keepdims=True)
        variance = np.square(centred).mean(axis=1, keepdims=True)
        return (centred / np.sqrt(variance + np.longdouble(1e-5))).astype(np.float64)

    for name, ours in ((layer_norm, lambda x: layer_norm(x, 2)), (group_norm, lambda x: group_norm(x, 1))):
        verify(ours, reference, [(x,)], oracle="the formula in extended precision", name=name, gradients=None)
    assert torch.equal(group_norm(x, 2), torch.zeros_like(x))  # one value a group


@every_norm
def test_eps_stands_under_the_root(name: str, verify: Verify, generator: torch.Generator) -> None:
    options = {"layer": ([4],), "rms": ([4],), "group": (2,), "batch": ()}[name]
    ours = getattr(normalization_layers, f"{name}_norm")
    theirs = getattr(F, f"{name}_norm")
    fixed = {"training": True, "running_mean": None, "running_var": None} if name == "batch" else {}
    verify(
        lambda x: ours(x, *options, eps=0.5),
        lambda x: theirs(x, *options, eps=0.5, **fixed),
        [(normal(generator, 6, 4),)],
        oracle=f"torch.nn.functional.{name}_norm",
        name=ours,
    )


@every_norm
def test_gradcheck_and_gradgradcheck(name: str, generator: torch.Generator) -> None:
    x = normal(generator, 3, 2, 2).requires_grad_()
    assert torch.autograd.gradcheck(WHOLE[name], x)
    assert torch.autograd.gradgradcheck(WHOLE[name], x)


# At the extremes


@every_norm
@pytest.mark.parametrize("offset", [0.0, 1e4, -1e4])
def test_a_large_offset_costs_no_digits(name: str, offset: float, generator: torch.Generator) -> None:
    x = (normal(generator, 16, 4, 8) / 3 + offset).float()
    assert error(WHOLE[name](x), THEIRS[name](x.double())) <= 4e-7
    ours, theirs = x.clone().requires_grad_(), x.double().requires_grad_()
    cotangent = torch.randn(x.shape, generator=generator)
    torch.autograd.backward(WHOLE[name](ours), cotangent)
    torch.autograd.backward(THEIRS[name](theirs), cotangent.double())
    assert error(ours.grad, theirs.grad) <= 4e-7


def test_running_averages_survive_a_large_offset(generator: torch.Generator) -> None:
    x = (normal(generator, 256, 4) / 3 + 1e4).float()
    layer = BatchNorm(4, momentum=1.0)
    layer(x)
    assert layer.running_mean is not None
    assert layer.running_var is not None
    assert error(layer.running_mean, x.double().mean(0)) <= 1e-7
    assert error(layer.running_var, x.double().var(0)) <= 1e-6


@every_norm
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e4], ids=str)
def test_half_precision_neither_overflows_nor_loses_digits(
    name: str, dtype: torch.dtype, scale: float, generator: torch.Generator
) -> None:
    x = (normal(generator, 16, 4, 8) * scale).clamp(-6e4, 6e4).to(dtype)
    want = THEIRS[name](x.float())  # float32 fixes the default eps of rms_norm, too
    assert WHOLE[name](x).dtype == dtype
    assert error(WHOLE[name](x), want) <= torch.finfo(dtype).eps


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_the_layer_takes_half_precision_and_half_parameters(dtype: torch.dtype, generator: torch.Generator) -> None:
    x = (normal(generator, 64, 4) * 100).to(dtype)
    for layer in (BatchNorm(4), BatchNorm(4).to(dtype)):
        reference = nn.BatchNorm1d(4)
        assert error(layer(x), reference(x.float())) <= 2 * torch.finfo(dtype).eps
        assert layer.running_var is not None
        assert error(layer.running_var, reference.running_var) <= 2 * torch.finfo(dtype).eps
        assert error(layer.eval()(x), reference.eval()(x.float())) <= 4 * torch.finfo(dtype).eps


@every_norm
@pytest.mark.parametrize("value", [0.0, 7.0])
def test_a_constant_input_has_a_finite_gradient(name: str, value: float) -> None:
    x = torch.full((3, 4, 2), value, requires_grad=True)
    y = WHOLE[name](x)
    (gradient,) = torch.autograd.grad(y.square().sum(), x)
    assert torch.equal(y, torch.zeros_like(y)) or name == "rms"
    assert y.isfinite().all()
    assert gradient.isfinite().all()


# Properties

IMAGES = arrays(
    "float64", array_shapes(min_dims=2, max_dims=4, min_side=2, max_side=4), elements=st.floats(-100, 100, width=16)
)
quickly = settings(max_examples=25, deadline=None)


@quickly
@given(IMAGES)
def test_one_group_is_layer_norm_and_one_channel_a_group_instance_norm(array: np.ndarray) -> None:
    x = torch.from_numpy(array)
    torch.testing.assert_close(group_norm(x, 1), layer_norm(x, x.shape[1:]))
    if x.ndim > 2:
        torch.testing.assert_close(group_norm(x, x.shape[1]), F.instance_norm(x))
        each = torch.stack([batch_norm(example[None])[0] for example in x])
        torch.testing.assert_close(each, F.instance_norm(x))  # batch norm of one example


@quickly
@given(IMAGES, st.floats(-1e3, 1e3))
def test_centring_norms_are_blind_to_a_shift(array: np.ndarray, shift: float) -> None:
    x = torch.from_numpy(array)
    for name in ("batch", "layer"):
        torch.testing.assert_close(WHOLE[name](x + shift), WHOLE[name](x), rtol=1e-6, atol=1e-6)


@quickly
@given(IMAGES)
def test_only_batch_norm_looks_at_the_other_examples(array: np.ndarray) -> None:
    x = torch.from_numpy(array)
    changed = torch.cat([x[:1], x[1:] + torch.linspace(1, 50, x[1:].numel()).reshape(x[1:].shape)])
    groups = x.shape[1]
    for norm in (WHOLE["layer"], WHOLE["rms"], lambda x: group_norm(x, groups)):
        assert torch.equal(norm(x)[0], norm(changed)[0])
    assert not torch.equal(batch_norm(x)[0], batch_norm(changed)[0])


# The interface


def test_every_public_name_is_proved() -> None:
    members = inspect.getmembers(normalization_layers, lambda m: inspect.isfunction(m) or inspect.isclass(m))
    public = {n for n, m in members if m.__module__ == normalization_layers.__name__ and not n.startswith("_")}
    assert public == {*(f"{name}_norm" for name in WHOLE), "BatchNorm"}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
@pytest.mark.parametrize(
    "function",
    [
        *WHOLE.values(),
        lambda x: batch_norm(x, ones(x, 4), ones(x, 4), ones(x, 4), ones(x, 4)),
        lambda x: layer_norm(x, 3, ones(x, 3), ones(x, 3)),
        lambda x: rms_norm(x, [4, 3], ones(x, 4, 3)),
        lambda x: group_norm(x, 4, ones(x, 4), ones(x, 4)),
        lambda x: BatchNorm(4).to(x.device)(x),
        lambda x: BatchNorm(4, momentum=None).to(x.device)(x),
        lambda x: BatchNorm(4).to(x.device).eval()(x),
    ],
    ids=[
        *WHOLE,
        "batch, eval",
        "layer, affine",
        "rms, affine",
        "group, affine",
        "module",
        "cumulative",
        "module, eval",
    ],
)
def test_runs_on_every_device(function: Callable[[Tensor], Tensor], dtype: torch.dtype, device: str) -> None:
    x = torch.linspace(-4, 4, 24, dtype=dtype).reshape(2, 4, 3)
    got, want = function(x.to(device)), function(x)
    assert (got.device.type, got.shape, got.dtype) == (device, want.shape, want.dtype)
    if device != "meta":
        assert error(got, want) <= 4 * torch.finfo(dtype).eps


def test_the_functions_leave_their_arguments_alone(generator: torch.Generator) -> None:
    x, mean, var = normal(generator, 3, 4), torch.zeros(4).double(), torch.ones(4).double()
    copies = [tensor.clone() for tensor in (x, mean, var)]
    batch_norm(x, mean, var)
    for norm in WHOLE.values():
        norm(x)
    assert all(torch.equal(a, b) for a, b in zip((x, mean, var), copies, strict=True))


@pytest.mark.usefixtures("as_a_reader")
def test_bad_input_names_the_rule_and_the_values() -> None:
    from dlref.generalization.normalization_layers import BatchNorm, batch_norm, group_norm, layer_norm, rms_norm

    x, three = torch.zeros(2, 4), torch.zeros(3)
    cases: list[tuple[Callable[[], object], str]] = [
        (lambda: batch_norm(torch.zeros(4)), r"x must be \(batch, channels, \*spatial\), got shape \(4,\)"),
        (lambda: group_norm(torch.zeros(4), 2), r"x must be \(batch, channels, \*spatial\), got shape \(4,\)"),
        (lambda: batch_norm(x[:1]), r"need 2 values per channel or more, got x of shape \(1, 4\)"),
        (lambda: batch_norm(x[:0]), r"need 2 values per channel or more, got x of shape \(0, 4\)"),
        (lambda: BatchNorm(4)(x[:1]), r"need 2 values per channel or more, got x of shape \(1, 4\)"),
        (lambda: batch_norm(x, mean=x[0]), r"mean and var come together, got only mean"),
        (lambda: batch_norm(x, var=x[0]), r"mean and var come together, got only var"),
        (
            lambda: batch_norm(x, three, three),
            r"mean must have one entry per channel: mean of shape \(3,\), .*\(2, 4\)",
        ),
        (lambda: batch_norm(x, weight=three), r"weight must have one entry per channel: weight of shape \(3,\)"),
        (lambda: batch_norm(x, bias=three), r"bias must have one entry per channel: bias of shape \(3,\)"),
        (lambda: group_norm(x, 2, three), r"weight must have one entry per channel: weight of shape \(3,\)"),
        (
            lambda: BatchNorm(3)(x),
            r"weight must have one entry per channel: weight of shape \(3,\), x of shape \(2, 4\)",
        ),
        (lambda: group_norm(x, 3), r"the channels must divide into num_groups: 4 channels, num_groups 3"),
        (lambda: group_norm(x, 0), r"the channels must divide into num_groups: 4 channels, num_groups 0"),
        (lambda: layer_norm(x, 3), r"x must end in normalized_shape \(3,\), got x of shape \(2, 4\)"),
        (lambda: layer_norm(x, ()), r"x must end in normalized_shape \(\), got x of shape \(2, 4\)"),
        (lambda: rms_norm(x, [3, 4]), r"x must end in normalized_shape \(3, 4\), got x of shape \(2, 4\)"),
        (lambda: layer_norm(x, 4, three), r"weight and bias must have normalized_shape \(4,\), got \(3,\)"),
        (lambda: layer_norm(x, 4, None, three), r"weight and bias must have normalized_shape \(4,\), got \(3,\)"),
        (lambda: rms_norm(x, 4, three), r"weight and bias must have normalized_shape \(4,\), got \(3,\)"),
        (lambda: BatchNorm(4, momentum=1.5), r"momentum must lie in \[0, 1\] or be None, got 1.5"),
        (lambda: BatchNorm(4, eps=0.0), r"eps must be above 0, got 0.0"),
        (lambda: batch_norm(x, eps=-1.0), r"eps must be above 0, got -1.0"),
        (lambda: batch_norm(x, x[0], x[0], eps=0.0), r"eps must be above 0, got 0.0"),
        (lambda: layer_norm(x, 4, eps=0.0), r"eps must be above 0, got 0.0"),
        (lambda: rms_norm(x, 4, eps=0.0), r"eps must be above 0, got 0.0"),
        (lambda: group_norm(x, 2, eps=0.0), r"eps must be above 0, got 0.0"),
    ]
    for call, message in cases:
        with pytest.raises(ValueError, match=message):
            call()
