"""Proofs of dlref.vision.resnet: torchvision's models and the paper's table are the oracles."""

import io
from collections.abc import Callable
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from dlref.vision.resnet import TABLE, WEIGHTS, BasicBlock, Bottleneck, PreActivationBlock, ResNet
from tests.oracle import Verify, error
from tests.published import torchvision

DEVICES = ["meta", *(["cuda"] if torch.cuda.is_available() else [])]
DEPTHS = (18, 34, 50, 101, 152)
PARAMETERS = {18: 11_689_512, 34: 21_797_672, 50: 25_557_032, 101: 44_549_160, 152: 60_192_808}
BILLIONS = {18: 1.8, 34: 3.6, 50: 3.8, 101: 7.6, 152: 11.3}  # multiply-adds in table 1 of He et al. 2015
every_depth = pytest.mark.parametrize("depth", DEPTHS)


def published(depth: int, **options: int) -> nn.Module:
    return getattr(torchvision.models, f"resnet{depth}")(**options)


def weights(depth: int):  # type: ignore[no-untyped-def]
    return getattr(torchvision.models, f"ResNet{depth}_Weights").IMAGENET1K_V1


def shapes(model: nn.Module) -> list[tuple[str, tuple[int, ...]]]:
    return [(name, tuple(value.shape)) for name, value in model.state_dict().items()]


def on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    with torch.device("meta"):
        return build()


def shake(module: nn.Module, generator: torch.Generator) -> nn.Module:
    """Move every weight and statistic of batch normalisation off its start, which would hide a mistake."""
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for tensor in (layer.weight.data, layer.bias.data, layer.running_mean, layer.running_var):
                assert tensor is not None
                tensor += 0.3 * torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype)
    return module


def images(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def compare(ours: nn.Module, theirs: nn.Module, inputs: list[Tensor]) -> tuple[float, float]:
    """Return the largest error of values and running statistics, and of all gradients, over steps in both modes."""
    theirs.load_state_dict(ours.state_dict(), strict=True)
    errors, gradient_errors = [0.0], [0.0]
    for training in (True, False):
        for x in inputs:
            results = []
            for model in (ours, theirs):
                leaf = x.clone().requires_grad_()
                y = model.train(training)(leaf)
                weight = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).reshape(y.shape)
                results.append((y, *torch.autograd.grad((y * weight).sum(), [leaf, *model.parameters()])))
            errors.append(error(results[0][0], results[1][0]))
            gradient_errors += [error(a, b) for a, b in zip(*(result[1:] for result in results), strict=True)]
            state, reference = ours.state_dict(), theirs.state_dict()
            errors += [error(state[key], reference[key]) for key in reference]
    return max(errors), max(gradient_errors)


# Against torchvision


@every_depth
def test_names_and_shapes_are_torchvisions(depth: int, verify: Verify) -> None:
    ours, theirs = on_meta(lambda: ResNet(depth)), on_meta(lambda: published(depth))
    assert shapes(ours) == shapes(theirs)
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    count = sum(parameter.numel() for parameter in ours.parameters())
    assert count == PARAMETERS[depth] == weights(depth).meta["num_params"]
    verify.record(ResNet, "the number of parameters that torchvision publishes", 0.0)


@every_depth
def test_multiply_adds_are_torchvisions_and_the_papers(depth: int, verify: Verify) -> None:
    model = on_meta(lambda: ResNet(depth)).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.empty(1, 3, 224, 224, device="meta"))
    billions = counter.get_total_flops() / 2e9
    assert billions == pytest.approx(weights(depth).meta["_ops"], abs=6e-4)
    # From 50 layers on, the paper's stride on the first 1×1 convolution saves multiply-adds.
    for block in model.modules():
        if isinstance(block, Bottleneck):
            block.conv1.stride, block.conv2.stride = block.conv2.stride, block.conv1.stride
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.empty(1, 3, 224, 224, device="meta"))
    assert counter.get_total_flops() / 2e9 == pytest.approx(BILLIONS[depth], abs=0.07)
    verify.record(ResNet, "torch.utils.flop_counter on the layers, and the operations that torchvision publishes", 0.0)


def test_the_stages_have_the_shapes_of_the_papers_table() -> None:
    for depth in DEPTHS:
        model = on_meta(lambda: ResNet(depth)).eval()  # noqa: B023 - called at once
        seen: dict[str, tuple[int, ...]] = {}

        def note(_: nn.Module, __: object, output: Tensor, *, name: str, seen: dict[str, tuple[int, ...]]) -> None:
            seen[name] = tuple(output.shape[1:])

        for name in ("conv1", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool"):
            model.get_submodule(name).register_forward_hook(partial(note, name=name, seen=seen))
        assert model(torch.empty(2, 3, 224, 224, device="meta")).shape == (2, 1000)
        wide = 4 if depth >= 50 else 1
        assert seen == {
            "conv1": (64, 112, 112),
            "maxpool": (64, 56, 56),
            "layer1": (64 * wide, 56, 56),
            "layer2": (128 * wide, 28, 28),
            "layer3": (256 * wide, 14, 14),
            "layer4": (512 * wide, 7, 7),
            "avgpool": (512 * wide, 1, 1),
        }
        projections = {name for name, _ in model.named_modules() if name.endswith("downsample")}
        first = {"layer1.0.downsample"} if wide == 4 else set()
        assert projections == first | {f"layer{stage}.0.downsample" for stage in (2, 3, 4)}
        weighted = [layer for layer in model.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))]
        assert len(weighted) - len(projections) == depth


@pytest.mark.parametrize("depth", [18, 50])
def test_values_gradients_and_statistics_equal_torchvisions(
    depth: int, verify: Verify, generator: torch.Generator
) -> None:
    ours = shake(ResNet(depth, num_classes=7).double(), generator)
    theirs = published(depth, num_classes=7).double()
    values, gradients = compare(ours, theirs, [images(generator, 2, 3, 64, 33)])
    assert values <= 1e-12
    assert gradients <= 1e-11
    verify.record(ResNet, "torchvision.models.resnet18 and resnet50, in training and evaluation", values, gradients)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("in_channels", [4, 8, 16])
@pytest.mark.parametrize("kind", [BasicBlock, Bottleneck], ids=lambda kind: kind.__name__)
def test_a_block_equals_torchvisions(
    kind: type[BasicBlock] | type[Bottleneck],
    in_channels: int,
    stride: int,
    verify: Verify,
    generator: torch.Generator,
) -> None:
    channels = 4
    ours = shake(kind(in_channels, channels, stride).double(), generator)
    oracle = getattr(torchvision.models.resnet, kind.__name__)
    out_channels, downsample = oracle.expansion * channels, None
    if stride != 1 or in_channels != out_channels:
        downsample = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
        )
    theirs = oracle(in_channels, channels, stride, downsample).double()
    cases = [images(generator, 2, in_channels, 6, 6), images(generator, 1, in_channels, 5, 3)]
    cases.append(images(generator, 3, in_channels, 8, 4).transpose(2, 3)[:, :, :, ::2])
    values, gradients = compare(ours, theirs, cases)
    assert values <= 1e-13
    assert gradients <= 1e-12
    verify.record(kind, f"torchvision.models.resnet.{kind.__name__}", values, gradients)


def functional(x: Tensor, state: dict[str, Tensor], order: str, stride: int, training: bool) -> Tensor:
    """Compute a block from torch's functions alone: a letter for each step of the branch."""
    convolutions, normalisations, y = 0, 0, x
    for step in order:
        if step == "c":
            convolutions += 1
            weight = state[f"conv{convolutions}.weight"]
            y = F.conv2d(y, weight, stride=stride if convolutions == 1 else 1, padding=1)
        elif step == "n":
            normalisations += 1
            layer = f"bn{normalisations}"
            statistics = state[f"{layer}.running_mean"], state[f"{layer}.running_var"]
            y = F.batch_norm(y, *statistics, state[f"{layer}.weight"], state[f"{layer}.bias"], training)
        else:
            y = F.relu(y)
    return y


@pytest.mark.parametrize(("in_channels", "stride"), [(4, 1), (4, 2), (3, 1), (3, 2)])
def test_a_pre_activation_block_equals_torchs_functions(
    in_channels: int, stride: int, verify: Verify, generator: torch.Generator
) -> None:
    block = shake(PreActivationBlock(in_channels, 4, stride).double(), generator)
    names = [name for name, _ in block.named_parameters()]
    for training in (True, False):
        state = {name: value.clone() for name, value in block.state_dict().items()}

        def ours(x: Tensor, *parameters: Tensor, state=state, training=training) -> Tensor:  # type: ignore[no-untyped-def]
            block.load_state_dict(state)
            block.train(training)
            return torch.func.functional_call(block, dict(zip(names, parameters, strict=True)), (x,))

        def theirs(x: Tensor, *parameters: Tensor, state=state, training=training) -> Tensor:  # type: ignore[no-untyped-def]
            given = {name: value.clone() for name, value in state.items()} | dict(zip(names, parameters, strict=True))
            branch = functional(x, given, "nrcnrc", stride, training)
            if "downsample.weight" not in given:
                return x + branch
            active = functional(x, given, "nr", stride, training)
            return F.conv2d(active, given["downsample.weight"], stride=stride) + branch

        parameters = [parameter.detach() for parameter in block.parameters()]
        cases = [(images(generator, *shape), *parameters) for shape in ((2, in_channels, 6, 6), (1, in_channels, 3, 5))]
        verify(
            ours,
            theirs,
            cases,
            oracle="torch.nn.functional.batch_norm, relu, conv2d, in the order of the paper",
            name=PreActivationBlock,
            values=1e-13,
            gradients=1e-12,
        )


@pytest.mark.parametrize("stride", [1, 2])
def test_without_shortcut_a_block_is_two_plain_layers(stride: int, verify: Verify, generator: torch.Generator) -> None:
    block = shake(BasicBlock(3, 4, stride, shortcut=False).double(), generator).eval()
    state = block.state_dict()
    assert not any("downsample" in name for name in state)
    verify(
        block,
        lambda x: functional(x, state, "cnrcnr", stride, training=False),
        [(images(generator, *shape),) for shape in ((2, 3, 6, 6), (1, 3, 5, 3))],
        oracle="torch.nn.functional.conv2d, batch_norm, relu, where shortcut=False",
        name=BasicBlock,
        values=1e-13,
        gradients=1e-12,
    )
    narrow, with_identity = Bottleneck(3, 2, stride, shortcut=False), Bottleneck(3, 2, stride)
    for bottleneck in (narrow, with_identity):
        shake(bottleneck.double(), generator).eval()
    with_identity.load_state_dict(narrow.state_dict(), strict=False)
    x = images(generator, 2, 3, 6, 6)
    assert error(narrow(x), torch.relu(with_identity.residual(x))) == 0
    assert narrow.downsample is None


@pytest.mark.parametrize("depth", [18, 50])
def test_the_plain_network_lacks_the_shortcuts_alone(depth: int) -> None:
    plain, residual = on_meta(lambda: ResNet(depth, shortcut=False)), on_meta(lambda: ResNet(depth))
    missing = residual.state_dict().keys() - plain.state_dict().keys()
    assert plain.state_dict().keys() <= residual.state_dict().keys()
    assert missing == {name for name in residual.state_dict() if "downsample" in name}
    assert plain(torch.empty(2, 3, 64, 64, device="meta")).shape == (2, 1000)


@pytest.mark.parametrize("depth", [18, 50])
def test_it_starts_where_torchvisions_starts(depth: int, verify: Verify) -> None:
    torch.manual_seed(0)
    ours = ResNet(depth, num_classes=10).state_dict()
    torch.manual_seed(0)
    theirs = published(depth, num_classes=10).state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    verify.record(ResNet, "the first weights of torchvision.models.resnet18 and resnet50", 0.0, dtype="float32")


# The published weights


def test_the_addresses_are_torchvisions() -> None:
    assert {depth: weights(depth).url for depth in DEPTHS} == WEIGHTS
    assert tuple(TABLE) == DEPTHS


@pytest.mark.parametrize("depth", [18, 50])
def test_a_file_that_torchvision_saved_loads_strictly(depth: int) -> None:
    theirs = published(depth).eval()
    file = io.BytesIO()
    torch.save(theirs.state_dict(), file)
    file.seek(0)
    ours = ResNet(depth).eval()
    assert ours.load_state_dict(torch.load(file, weights_only=True), strict=True) == ([], [])
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert error(ours(x), theirs(x)) <= 1e-6


def test_an_old_file_without_the_count_of_batches_loads_strictly() -> None:
    old = {name: value for name, value in published(18).state_dict().items() if "num_batches_tracked" not in name}
    model = ResNet(18)
    assert model.load_state_dict(dict(old), strict=True) == ([], [])
    assert model.get_buffer("bn1.num_batches_tracked") == 0
    del old["bn1.running_mean"]
    with pytest.raises(RuntimeError, match=r"Missing key.*bn1\.running_mean"):
        model.load_state_dict(old, strict=True)


# Properties of the shortcut

quickly = settings(max_examples=20, deadline=None)
SIZES = st.integers(1, 9)


def zero_branch(block: nn.Module) -> nn.Module:
    """Silence the residual branch as training recipes do: the last weight of the branch is zero."""
    last = {BasicBlock: "bn2", Bottleneck: "bn3", PreActivationBlock: "conv2"}[type(block)]
    nn.init.zeros_(block.get_parameter(f"{last}.weight"))
    return block


@quickly
@given(st.integers(1, 3), SIZES, SIZES, st.integers(0, 2**31), st.booleans())
def test_a_silent_branch_leaves_the_identity(batch: int, height: int, width: int, seed: int, training: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = images(generator, batch + 1, 4, height, width)
    blocks = [shake(PreActivationBlock(4, 4).double(), generator) for _ in range(3)]
    stack = nn.Sequential(*map(zero_branch, blocks)).train(training)
    assert torch.equal(stack(x), x)
    for block in (BasicBlock(4, 4), Bottleneck(4, 1)):
        original = zero_branch(block.double()).train(training)
        assert torch.equal(original(x), F.relu(x))
        assert torch.equal(original(x.abs()), x.abs())
        block.shortcut = False
        assert torch.equal(original(x), torch.zeros_like(x))


@quickly
@given(st.integers(1, 3), SIZES, SIZES, st.sampled_from([BasicBlock, Bottleneck, PreActivationBlock]))
def test_stride_two_halves_and_rounds_up(batch: int, height: int, width: int, kind: type[nn.Module]) -> None:
    x = torch.ones(batch, 3, height, width)
    out_channels = 2 * getattr(kind, "expansion", 1)
    assert kind(3, 2, 2).eval()(x).shape == (batch, out_channels, (height + 1) // 2, (width + 1) // 2)
    assert kind(3, 2, 1).eval()(x).shape == (batch, out_channels, height, width)
    assert kind(3, 2, 2).eval()(x[:0]).shape[0] == 0


def test_an_image_never_sees_its_batch_in_evaluation(generator: torch.Generator) -> None:
    model = shake(ResNet(18, num_classes=5), generator).eval()
    x = torch.randn(3, 3, 40, 40, generator=generator)
    with torch.no_grad():
        together = model(x)
        assert error(torch.cat([model(x[i : i + 1]) for i in range(3)]), together) <= 1e-5
        assert error(model(x[[2, 0, 1]]), together[[2, 0, 1]]) <= 1e-5


def test_leaves_its_argument_alone(generator: torch.Generator) -> None:
    x = torch.randn(2, 4, 6, 6, generator=generator)
    for block in (BasicBlock(4, 4), Bottleneck(4, 1), PreActivationBlock(4, 4)):
        before = x.clone()
        block(x)
        assert torch.equal(x, before)


# The interface


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@every_depth
def test_runs_on_every_device(depth: int, dtype: torch.dtype, device: str) -> None:
    with torch.device(device):
        model = ResNet(depth, num_classes=3).to(dtype)
    logits = model(torch.zeros(2, 3, 64, 64, device=device, dtype=dtype))
    assert (logits.device.type, logits.shape, logits.dtype) == (device, (2, 3), dtype)
    for block in (PreActivationBlock(3, 4, 2), BasicBlock(3, 4, shortcut=False), Bottleneck(3, 4, shortcut=False)):
        y = block.to(device, dtype)(torch.zeros(2, 3, 8, 8, device=device, dtype=dtype))
        assert (y.device.type, y.dtype) == (device, dtype)


@pytest.mark.parametrize("depth", [18, 50])
def test_bfloat16_stays_near_float32(depth: int, generator: torch.Generator) -> None:
    model = ResNet(depth, num_classes=4).eval()
    x = torch.randn(2, 3, 64, 64, generator=generator)
    with torch.no_grad():
        exact = model(x)
        rounded = model.bfloat16()(x.bfloat16())
    assert rounded.dtype == torch.bfloat16
    assert error(rounded, exact) <= 0.05


@pytest.mark.parametrize("precision", ["float32", "autocast", "bfloat16"])
def test_trains(precision: str, generator: torch.Generator) -> None:
    torch.manual_seed(0)
    model = ResNet(18, num_classes=2)
    x, y = torch.randn(8, 3, 32, 32, generator=generator), torch.arange(8) % 2
    if precision == "bfloat16":
        model, x = model.bfloat16(), x.bfloat16()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    losses = []
    for _ in range(6):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "autocast"):
            loss = F.cross_entropy(model(x).float(), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 < losses[0]
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in model.parameters())


@pytest.mark.usefixtures("as_a_reader")
@pytest.mark.parametrize("depth", [18, 50])
def test_compiles_as_one_graph(depth: int, generator: torch.Generator) -> None:
    from dlref.vision.resnet import ResNet

    torch.manual_seed(0)
    model = ResNet(depth, num_classes=3)
    x = torch.randn(2, 3, 32, 32, generator=generator)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    for mode in (True, False) if depth == 18 else (False,):
        model.train(mode)
        results = []
        for function in (model, compiled):
            y = function(x)
            results.append((y, *torch.autograd.grad(y.square().sum(), list(model.parameters()))))
        assert max(error(a, b) for a, b in zip(*results, strict=True)) <= 1e-4


@pytest.mark.usefixtures("as_a_reader")
def test_bad_input_names_the_rule_and_the_values() -> None:
    from dlref.vision.resnet import ResNet

    with pytest.raises(ValueError, match=r"depth must be one of 18, 34, 50, 101, 152, got 56"):
        ResNet(56)
    with pytest.raises(ValueError, match=r"num_classes must be 1 or more, got 0"):
        ResNet(18, num_classes=0)
    with torch.device("meta"):
        model = ResNet(18)
        for shape in ((3, 64, 64), (1, 1, 64, 64), (1, 64, 64, 3)):
            match = rf"shape \(batch, 3, height, width\), got \({', '.join(map(str, shape))}\)"
            with pytest.raises(ValueError, match=match):
                model(torch.empty(shape))
