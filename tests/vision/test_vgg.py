"""Proofs of dlref.vision.vgg: torchvision, the paper's table and the published files are the oracles."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from dlref.vision.convolutional_networks import summarize
from dlref.vision.vgg import CONFIGURATIONS, VGG, WEIGHTS, features
from tests.oracle import Verify, error
from tests.published import torchvision

DEVICES = ["meta", *(["cuda"] if torch.cuda.is_available() else [])]
NAMES = {"A": "vgg11", "B": "vgg13", "D": "vgg16", "E": "vgg19"}
VARIANTS = [(configuration, batch_norm) for configuration in CONFIGURATIONS for batch_norm in (False, True)]
# Simonyan, Zisserman 2014, table 1 (channels of each layer) and table 2 (millions of parameters)
PAPER = {
    "A": ([64, 128, 256, 256, 512, 512, 512, 512], 133),
    "B": ([64, 64, 128, 128, 256, 256, 512, 512, 512, 512], 133),
    "D": ([64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512], 138),
    "E": ([64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512, 512, 512, 512, 512], 144),
}
every_variant = pytest.mark.parametrize(("configuration", "batch_norm"), VARIANTS)


def name_of(configuration: str, batch_norm: bool) -> str:
    return NAMES[configuration] + ("_bn" if batch_norm else "")


def published(configuration: str, batch_norm: bool) -> nn.Module:
    return getattr(torchvision.models, name_of(configuration, batch_norm))(init_weights=False)


def hollow(build: Callable[[], nn.Module]) -> nn.Module:
    """Build a network whose tensors have shapes and no values."""
    with torch.device("meta"):
        return build()


def published_features(configuration: str, batch_norm: bool) -> nn.Sequential:
    """Build torchvision's convolutional part alone, in float64, with biases and statistics that matter."""
    vgg = torchvision.models.vgg
    network = vgg.make_layers(vgg.cfgs[configuration], batch_norm).double()
    for layer in network:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
    for name, value in network.state_dict().items():  # views of the network's own tensors
        if "num_batches" not in name and value.ndim == 1:
            nn.init.uniform_(value, 0.5, 2)
    for layer in network:
        if isinstance(layer, nn.ReLU):
            layer.inplace = False
    return network


# Against the oracles


@every_variant
def test_parameters_have_the_names_and_shapes_of_torchvision(
    configuration: str, batch_norm: bool, verify: Verify
) -> None:
    ours = hollow(lambda: VGG(configuration, batch_norm)).state_dict()
    theirs = hollow(lambda: published(configuration, batch_norm)).state_dict()
    assert [(k, v.shape, v.dtype) for k, v in ours.items()] == [(k, v.shape, v.dtype) for k, v in theirs.items()]
    verify.record(VGG, "names and shapes of torchvision's parameters", 0.0)


@every_variant
def test_counts_equal_those_published(configuration: str, batch_norm: bool, verify: Verify) -> None:
    model = hollow(lambda: VGG(configuration, batch_norm))
    weights = torchvision.models.get_model_weights(name_of(configuration, batch_norm)).IMAGENET1K_V1
    assert sum(parameter.numel() for parameter in model.parameters()) == weights.meta["num_params"]
    work = sum(layer.multiply_adds for layer in summarize(model, 3, 224, 224))
    assert round(work / 1e9, 3) == weights.meta["_ops"]
    assert WEIGHTS[name_of(configuration, batch_norm)] == weights.url
    verify.record(VGG, "parameters and multiply-adds published by torchvision", 0.0, dtype="int64")


def test_there_is_an_address_for_every_variant() -> None:
    assert set(WEIGHTS) == {name_of(*variant) for variant in VARIANTS}


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_layers_equal_the_table_of_the_paper(configuration: str, verify: Verify) -> None:
    channels, millions = PAPER[configuration]
    model = hollow(lambda: VGG(configuration))
    layers = summarize(model, 3, 224, 224)
    weighty = [layer for layer in layers if layer.kind in ("Conv2d", "Linear")]
    assert [layer.output_shape[0] for layer in weighty] == [*channels, 4096, 4096, 1000]
    assert len(weighty) == {"A": 11, "B": 13, "D": 16, "E": 19}[configuration]
    assert [layer.output_shape[1] for layer in layers if layer.kind == "MaxPool2d"] == [112, 56, 28, 14, 7]
    # the paper's 133 for A and B: 132.86 and 133.05 millions; its 144 for E: 143.67
    assert round(sum(layer.parameters for layer in layers) / 1e6) == millions
    verify.record(VGG, "tables 1 and 2 of the paper", 0.0, dtype="int64")
    verify.record(features, "tables 1 and 2 of the paper", 0.0, dtype="int64")


def test_sixteen_layers_have_the_parameters_that_everybody_quotes() -> None:
    model = hollow(lambda: VGG("D"))
    assert isinstance(model, VGG)
    assert sum(parameter.numel() for parameter in model.parameters()) == 138_357_544
    assert sum(parameter.numel() for parameter in model.classifier.parameters()) == 123_642_856


@pytest.mark.parametrize(
    ("configuration", "batch_norm", "training"),
    [
        ("A", False, False),
        ("B", True, False),
        ("D", False, False),
        ("D", True, True),
        ("E", False, False),
        ("E", True, False),
    ],
)
def test_maps_and_gradients_equal_torchvision(
    configuration: str, batch_norm: bool, training: bool, verify: Verify
) -> None:
    torch.manual_seed(0)
    theirs = published_features(configuration, batch_norm).train(training)
    ours = features(configuration, batch_norm).double().train(training)
    ours.load_state_dict(theirs.state_dict())
    names, parameters = zip(*theirs.named_parameters(), strict=True)
    x = torch.randn(2, 3, 64, 32, dtype=torch.float64)[..., ::2, :]

    def run(network: nn.Module) -> Callable[..., Tensor]:
        return lambda x, *values: functional_call(network, dict(zip(names, values, strict=True)), (x,))

    verify(run(ours), run(theirs), [(x, *parameters)], oracle="torchvision.models.vgg.make_layers", name=features)
    for (name, buffer), other in zip(ours.named_buffers(), theirs.buffers(), strict=True):
        assert torch.equal(buffer, other), name  # the running statistics, which training moved


@pytest.fixture(scope="module")
def pair() -> tuple[VGG, nn.Module]:
    """Build both networks on one and the same set of weights: half a gigabyte is enough."""
    torch.manual_seed(0)
    ours, theirs = VGG("A", num_classes=10), hollow(lambda: torchvision.models.vgg11(num_classes=10))
    theirs.load_state_dict(ours.state_dict(), assign=True)
    return ours, theirs


def test_logits_and_gradients_equal_torchvision(pair: tuple[VGG, nn.Module], verify: Verify) -> None:
    state = {name: value.double() for name, value in pair[0].state_dict().items()}
    # gradients of the biases and of the last layer, which the large matrices shape: their own would take gigabytes
    names = [name for name in state if name.endswith("bias") or name == "classifier.6.weight"]
    values = [state.pop(name) for name in names]
    rest = state

    def run(network: nn.Module) -> Callable[..., Tensor]:
        return lambda x, *values: functional_call(network.eval(), rest | dict(zip(names, values, strict=True)), (x,))

    generator = torch.Generator().manual_seed(1)
    images = [torch.randn(shape, generator=generator).double() for shape in [(1, 3, 32, 32), (2, 3, 64, 40)]]
    assert 0.01 < run(pair[0])(images[0], *values).abs().max() < 100  # the weights let something through
    verify(
        run(pair[0]),
        run(pair[1]),
        [(x, *values) for x in images],
        oracle="torchvision.models.vgg11",
        name=VGG,
    )


def test_dropout_falls_where_it_does_in_torchvision(pair: tuple[VGG, nn.Module]) -> None:
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    outputs = []
    for network in pair:
        torch.manual_seed(4)
        outputs.append(network.train()(x))
    assert error(*outputs) <= 1e-6
    assert error(outputs[0], pair[0].eval()(x)) > 1e-3


def test_a_file_of_torchvision_loads(pair: tuple[VGG, nn.Module], tmp_path: Path) -> None:
    torch.save(pair[1].state_dict(), tmp_path / "vgg11.pth")
    model = hollow(lambda: VGG("A", num_classes=10))
    state = torch.load(tmp_path / "vgg11.pth", weights_only=True, mmap=True)
    assert str(model.load_state_dict(state, strict=True, assign=True)) == "<All keys matched successfully>"
    x = torch.ones(1, 3, 32, 32)
    assert torch.equal(model.eval()(x), pair[1].eval()(x))


def test_weights_start_as_torchvision_starts_them(pair: tuple[VGG, nn.Module]) -> None:
    for layer in pair[0].modules():
        if isinstance(layer, nn.Conv2d):
            assert layer.weight.std().item() == pytest.approx((2 / (9 * layer.out_channels)) ** 0.5, rel=0.05)
        if isinstance(layer, nn.Linear):
            assert layer.weight.std().item() == pytest.approx(0.01, rel=0.05)
        if isinstance(layer, nn.Conv2d | nn.Linear):
            assert layer.bias is not None
            assert not layer.bias.any()


# The interface


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@every_variant
def test_runs_on_every_device(configuration: str, batch_norm: bool, dtype: torch.dtype, device: str) -> None:
    with torch.device(device):
        model = VGG(configuration, batch_norm, num_classes=7).to(dtype)
        got = model(torch.ones(2, 3, 96, 64, dtype=dtype))
    assert (got.device.type, got.shape, got.dtype) == (device, (2, 7), dtype)


def test_runs_in_bfloat16(pair: tuple[VGG, nn.Module]) -> None:
    model = pair[0].eval()
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(5))
    state = {name: value.bfloat16() for name, value in model.state_dict().items()}
    with torch.no_grad():
        got, want = functional_call(model, state, (x.bfloat16(),)), model(x)
    assert got.dtype == torch.bfloat16
    assert error(got, want) <= 0.05


def test_learns_under_autocast() -> None:
    torch.manual_seed(0)
    model = VGG("A", batch_norm=True, num_classes=2)
    x, y = torch.randn(4, 3, 32, 32), torch.tensor([0, 1, 0, 1])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.003)
    losses = []
    for _ in range(3):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(x)
            loss = F.cross_entropy(logits.float(), y)
        assert logits.dtype == torch.bfloat16
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


@pytest.mark.usefixtures("as_a_reader")
def test_compiles_as_one_graph(pair: tuple[VGG, nn.Module]) -> None:
    from dlref.vision.vgg import VGG

    model = hollow(lambda: VGG("A", num_classes=10)).eval()
    model.load_state_dict(pair[0].state_dict(), assign=True)
    torch._dynamo.reset()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    x = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        assert error(compiled(x), model(x)) <= 1e-6


def test_a_relu_leaves_what_a_hook_took(pair: tuple[VGG, nn.Module]) -> None:
    taken: list[Tensor] = []

    def take(_: nn.Module, __: object, output: Tensor) -> None:
        taken.append(output)

    handle = pair[0].features[0].register_forward_hook(take)
    with torch.no_grad():
        pair[0].eval()(torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(8)))
    handle.remove()
    assert taken[0].min() < 0


@pytest.mark.usefixtures("as_a_reader")
def test_bad_input_names_the_rule_and_the_values() -> None:
    from dlref.vision.vgg import VGG, features

    for build in (VGG, features):
        with pytest.raises(ValueError, match=r"configuration must be one of A, B, D, E, got 'C'"):
            build("C")
    with pytest.raises(ValueError, match=r"num_classes must be 1 or more, got 0"):
        VGG("A", num_classes=0)
    with torch.device("meta"):
        model = VGG("A", num_classes=1)
        for shape in [(3, 32, 32), (1, 1, 32, 32), (1, 3, 31, 32), (1, 3, 32, 31), (1, 3, 32)]:
            message = (
                rf"x must be \(batch, 3, height, width\) of 32 pixels or more, got \({', '.join(map(str, shape))}\)"
            )
            with pytest.raises(ValueError, match=message):
                model(torch.ones(shape))
        assert model(torch.ones(0, 3, 32, 32)).shape == (0, 1)
