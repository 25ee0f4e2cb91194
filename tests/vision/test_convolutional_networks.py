"""Proofs of dlref.vision.convolutional_networks: torch, torchvision, scikit-learn and a paper's numbers are oracles."""

import copy
import inspect
import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from dlref.vision import convolutional_networks
from dlref.vision.convolutional_networks import (
    LayerSummary,
    LeNet5,
    SmallCNN,
    TrainingStep,
    class_contributions,
    summarize,
    training_step_,
)
from tests.oracle import Verify, error
from tests.published import torchvision

# Counting layers

PUBLISHED = {
    "resnet18": "ResNet18_Weights",
    "resnet50": "ResNet50_Weights",
    "vgg16": "VGG16_Weights",
    "googlenet": "GoogLeNet_Weights",
    "mobilenet_v2": "MobileNet_V2_Weights",  # grouped convolutions
}


def published(name: str) -> nn.Module:
    options = {"init_weights": False} if name == "googlenet" else {}
    with torch.device("meta"):
        return torchvision.models.get_model(name, **options)


def profiled(model: nn.Module, *shape: int) -> float:
    """Count with torch's own profiler, which takes a multiply-add for two operations."""
    dtype = next(model.parameters()).dtype
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(torch.empty(1, *shape, device=next(model.parameters()).device, dtype=dtype))
    return counter.get_total_flops() / 2


@pytest.mark.parametrize("name", PUBLISHED)
def test_multiply_adds_and_parameters_equal_torchvisions(name: str, verify: Verify) -> None:
    meta = getattr(torchvision.models, PUBLISHED[name]).IMAGENET1K_V1.meta
    model = published(name)
    rows = summarize(model, 3, 224, 224)
    total = sum(row.multiply_adds for row in rows)
    assert total == profiled(model, 3, 224, 224)
    verify.record(summarize, "torch.utils.flop_counter.FlopCounterMode / 2", 0.0)
    assert round(total / 1e9, 3) == pytest.approx(meta["_ops"], abs=1e-9)
    verify.record(summarize, "the operations that torchvision publishes, to three decimals", 0.0)
    left_out = sum(p.numel() for n, p in model.named_parameters() if n.startswith("aux"))  # GoogLeNet trains with them
    parameters = sum(row.parameters for row in rows)
    assert parameters == meta["num_params"] == sum(p.numel() for p in model.parameters()) - left_out
    verify.record(LayerSummary, "the number of parameters that torchvision publishes", 0.0)


def test_a_summary_reads_like_the_layers_run() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(6, 3)
            self.act = nn.ReLU()
            self.body = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1, groups=2), nn.BatchNorm2d(4))
            self.again = nn.Conv2d(4, 4, (1, 3), stride=2)
            self.unused = nn.Linear(1, 1)

        def forward(self, x: Tensor) -> Tensor:
            x = self.act(self.body(x))
            x = self.act(self.again(x))
            return self.last(x.flatten(2))

    assert summarize(Twice(), 2, 5, 6) == [
        LayerSummary("body.0", "Conv2d", (4, 5, 6), 40, 4 * 9 * 30),
        LayerSummary("body.1", "BatchNorm2d", (4, 5, 6), 8, 0),
        LayerSummary("act", "ReLU", (4, 5, 6), 0, 0),
        LayerSummary("again", "Conv2d", (4, 3, 2), 52, 4 * 4 * 3 * 6),
        LayerSummary("act", "ReLU", (4, 3, 2), 0, 0),
        LayerSummary("last", "Linear", (4, 3), 21, 4 * 18),
    ]
    assert summarize(nn.Linear(4, 2), 4) == [LayerSummary("", "Linear", (2,), 10, 8)]


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (nn.Linear(4, 2, bias=False), (4,)),
        (nn.Linear(4, 2), (3, 5, 4)),
        (nn.Conv1d(4, 6, 3, groups=2, dilation=2), (4, 11)),
        (nn.Conv2d(4, 6, (1, 3), stride=(2, 1), padding=(0, 1)), (4, 5, 6)),
        (nn.Conv3d(2, 4, 2), (2, 3, 4, 5)),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 5)).bfloat16(), (1, 8, 8)),
    ],
    ids=str,
)
def test_one_layer_equals_the_profiler(model: nn.Module, shape: tuple[int, ...], verify: Verify) -> None:
    rows = summarize(model, *shape)
    assert sum(row.multiply_adds for row in rows) == profiled(model, *shape)
    assert rows[-1].output_shape == tuple(model(torch.zeros(1, *shape, dtype=next(model.parameters()).dtype)).shape[1:])
    verify.record(LayerSummary, "torch.utils.flop_counter.FlopCounterMode / 2", 0.0)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 3),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(0, 2), st.integers(0, 2)),
    st.booleans(),
)
def test_any_convolution_equals_the_profiler(
    groups: int, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int], bias: bool
) -> None:
    model = nn.Sequential(
        nn.Conv2d(6, 12, kernel, stride, padding, groups=groups, bias=bias), nn.ReLU(), nn.Conv2d(12, 2, 1, bias=bias)
    )
    rows = summarize(model, 6, 7, 5)
    assert sum(row.multiply_adds for row in rows) == profiled(model, 6, 7, 5)
    assert sum(row.parameters for row in rows) == sum(parameter.numel() for parameter in model.parameters())
    assert rows[-1].output_shape == tuple(model(torch.zeros(1, 6, 7, 5)).shape[1:])


def test_what_runs_twice_counts_its_parameters_once() -> None:
    layer = nn.Linear(3, 3)
    tied = nn.Linear(3, 3, bias=False)
    tied.weight = layer.weight
    rows = summarize(nn.Sequential(layer, layer, tied), 3)
    assert [row.parameters for row in rows] == [12, 0, 0]
    assert [row.multiply_adds for row in rows] == [9, 9, 9]
    assert [row.name for row in rows] == ["0", "0", "2"]


def test_summarize_leaves_the_model_alone_and_needs_no_values() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(), nn.Flatten(), nn.Linear(72, 2))
    model[0].requires_grad_(False)
    model[4].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    rows = summarize(model, 1, 8, 8)
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert modes == [module.training for module in model.modules()]
    assert not any(module._forward_hooks for module in model.modules())
    assert [p.requires_grad for p in model.parameters()] == [False] * 2 + [True] * 4
    assert summarize(model.to("meta"), 1, 8, 8) == rows
    assert [row.kind for row in rows] == ["Conv2d", "BatchNorm2d", "Dropout", "Flatten", "Linear"]


def test_a_layer_with_a_state_shows_its_output() -> None:
    rows = summarize(nn.LSTM(3, 5, batch_first=True), 7, 3)
    assert rows == [LayerSummary("", "LSTM", (7, 5), 4 * 5 * (3 + 5 + 2), 0)]


# The networks


def trained_like(model: nn.Module, generator: torch.Generator) -> nn.Module:
    """Give every parameter, those of LeNet-5's pooling too, a value of its own."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
    return model


def compare_network(model: nn.Module, reference: Callable[..., Tensor], x: Tensor, verify: Verify, oracle: str) -> None:
    """Compare values, and the gradients of the images and of every parameter, with a formula over the same weights."""
    names = [name for name, _ in model.named_parameters()]

    def ours(x: Tensor, *values: Tensor) -> Tensor:
        return torch.func.functional_call(model, dict(zip(names, values, strict=True)), (x,))

    def theirs(x: Tensor, *values: Tensor) -> Tensor:
        return reference(x, dict(zip(names, values, strict=True)))

    case = (x, *(parameter.detach() for parameter in model.parameters()))
    verify(ours, theirs, [case], oracle=oracle, name=type(model), values=1e-14, gradients=1e-13)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.SiLU])
@pytest.mark.parametrize(
    ("size", "channels", "batch"), [(8, (8, 16), 3), (8, (8, 16), 1), (8, (8, 16), 0), (5, (2, 3), 2), (2, (1, 1), 2)]
)
def test_the_small_cnn_equals_torch(
    activation: type[nn.Module],
    size: int,
    channels: tuple[int, int],
    batch: int,
    verify: Verify,
    generator: torch.Generator,
) -> None:
    model = trained_like(SmallCNN(size, channels, activation).double(), generator)

    def reference(x: Tensor, p: dict[str, Tensor]) -> Tensor:
        x = activation()(F.conv2d(F.pad(x, (1, 1, 1, 1)), p["features.0.weight"], p["features.0.bias"]))
        x = activation()(F.conv2d(F.pad(x, (1, 1, 1, 1)), p["features.2.weight"], p["features.2.bias"]))
        x = F.max_pool2d(x, 2)
        return x.flatten(1) @ p["head.weight"].T + p["head.bias"]

    x = torch.randn(batch, 1, size, size, generator=generator, dtype=torch.float64)
    compare_network(model, reference, x, verify, "torch.nn.functional")
    assert model.get_parameter("features.2.weight").shape == (channels[1], channels[0], 3, 3)


TABLE_1 = """
X . . . X X X . . X X X X . X X
X X . . . X X X . . X X X X . X
X X X . . . X X X . . X . X X X
. X X X . . X X X X . . X . X X
. . X X X . . X X X X . X X . X
. . . X X X . . X X X X . X X X
"""  # LeCun et al. 1998: each column says which maps of s2 a map of c3 combines


def test_lenet_equals_torch_with_the_zeros_of_the_papers_table(verify: Verify, generator: torch.Generator) -> None:
    lenet = LeNet5().double()
    model, table = trained_like(lenet, generator), lenet.table
    marks = [row.split() for row in TABLE_1.split("\n")[1:-1]]
    assert [sorted(maps) for maps in table] == [[m for m in range(6) if marks[m][c] == "X"] for c in range(16)]

    def squash(x: Tensor) -> Tensor:
        return 1.7159 * torch.tanh(x * 2 / 3)

    def pool(x: Tensor, p: dict[str, Tensor], name: str) -> Tensor:
        weight = p[f"{name}.weight"]
        kernel = weight[:, None].expand(-1, 1, 2, 2)
        return F.conv2d(x, kernel, p[f"{name}.bias"].flatten(), stride=2, groups=len(weight))

    def reference(x: Tensor, p: dict[str, Tensor]) -> Tensor:
        x = squash(pool(squash(F.conv2d(x, p["c1.weight"], p["c1.bias"])), p, "s2"))
        dense = torch.zeros(16, 6, 5, 5, dtype=torch.float64)  # what the table leaves out stays zero
        for row, maps in enumerate(table):
            where = (torch.full((len(maps),), row), torch.tensor(maps))
            dense = dense.index_put(where, p[f"c3.{row}.weight"][0])
        bias = torch.cat([p[f"c3.{row}.bias"] for row in range(16)])
        x = squash(pool(squash(F.conv2d(x, dense, bias)), p, "s4"))
        x = squash(x.flatten(1) @ p["c5.weight"].flatten(1).T + p["c5.bias"])
        x = squash(x @ p["f6.weight"].T + p["f6.bias"])
        return x @ p["output.weight"].T + p["output.bias"]

    for batch in (2, 1, 0):
        x = torch.randn(batch, 1, 32, 32, generator=generator, dtype=torch.float64)
        compare_network(model, reference, x, verify, "torch.nn.functional, with the zeros of the paper's table I")


def test_lenet_has_the_papers_parameters_and_connections(verify: Verify) -> None:
    model = LeNet5()
    paper = {"c1": 156, "s2": 12, "c3": 1516, "s4": 32, "c5": 48120, "f6": 10164}
    got = {name: sum(p.numel() for p in getattr(model, name).parameters()) for name in paper}
    assert got == paper
    assert sum(got.values()) == 60_000
    verify.record(LeNet5, "the paper's number of parameters, layer by layer", 0.0)
    rows = {row.name: row for row in summarize(model, 1, 32, 32)}
    c1, c5, f6 = rows["c1"], rows["c5"], rows["f6"]
    assert (c1.output_shape, rows["s2"].output_shape, rows["s4"].output_shape) == ((6, 28, 28), (6, 14, 14), (16, 5, 5))
    maps_of_c3 = [row for name, row in rows.items() if name.startswith("c3.")]
    connections = [  # a bias counts as one for each unit that it reaches
        c1.multiply_adds + 6 * 28 * 28,
        (4 + 1) * 6 * 14 * 14,
        sum(row.multiply_adds + 10 * 10 for row in maps_of_c3),
        (4 + 1) * 16 * 5 * 5,
        c5.multiply_adds + 120,
        f6.multiply_adds + 84,
        rows["output"].multiply_adds,
    ]
    assert connections == [122_304, 5_880, 151_600, 2_000, 48_120, 10_164, 840]
    assert sum(connections) == 340_908
    verify.record(LayerSummary, "the connections that LeCun et al. 1998 count in LeNet-5", 0.0)


def test_lenets_squashing_keeps_its_targets() -> None:
    x = torch.tensor([-1.0, 1.0])
    assert (convolutional_networks._squash(x) - x).abs().max() < 1e-4


# A training step


def several_models() -> list[tuple[nn.Module, Tensor]]:
    torch.manual_seed(0)
    normed = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 10))
    frozen = SmallCNN(activation=nn.Tanh)
    frozen.features.requires_grad_(False)
    models = [SmallCNN(), LeNet5(), normed, frozen, nn.Linear(7, 4)]
    shapes = [(5, 1, 8, 8), (2, 1, 32, 32), (4, 1, 8, 8), (1, 1, 8, 8), (6, 7)]
    return [
        (model.double(), torch.randn(shape, dtype=torch.float64)) for model, shape in zip(models, shapes, strict=True)
    ]


@pytest.mark.parametrize("which", range(5), ids=["small", "lenet", "batch norm", "frozen", "linear"])
def test_a_step_equals_torchs_loss_gradient_and_sgd(which: int, verify: Verify, generator: torch.Generator) -> None:
    model, images = several_models()[which]
    theirs = copy.deepcopy(model)
    classes = model(images).shape[1]
    theirs(images)  # so that both have seen the images as often, for the running averages
    optimizer = torch.optim.SGD([p for p in theirs.parameters() if p.requires_grad], lr=0.3)
    worst, gradients = 0.0, 0.0
    for _ in range(5):
        labels = torch.randint(classes, (len(images),), generator=generator)
        step = training_step_(model, images, labels, lr=0.3)
        logits = theirs(images)
        loss = F.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        wanted = {name: p.grad for name, p in theirs.named_parameters() if p.requires_grad}
        assert step.gradients.keys() == wanted.keys()
        gradients = max(gradients, *(error(step.gradients[name], grad) for name, grad in wanted.items()))
        optimizer.step()
        moving = {name: value.clone() for name, value in theirs.named_buffers()}
        after = F.cross_entropy(torch.func.functional_call(theirs, moving, (images,)), labels)
        pairs = [(step.logits, logits), (step.probabilities, F.softmax(logits, dim=1)), (step.loss, loss)]
        pairs += [(step.loss_after, after), *zip(model.parameters(), theirs.parameters(), strict=True)]
        pairs += zip(model.buffers(), theirs.buffers(), strict=True)
        worst = max(worst, *(error(ours, reference) for ours, reference in pairs))
    assert worst <= 1e-13
    assert gradients <= 1e-13
    verify.record(training_step_, "torch.optim.SGD and torch.nn.functional.cross_entropy, 5 steps", worst, gradients)
    verify.record(TrainingStep, "torch.nn.functional.cross_entropy and torch.autograd", worst, gradients)


def test_a_step_hands_out_nothing_that_trains_on() -> None:
    model, images = SmallCNN(), torch.rand(3, 1, 8, 8)
    step = training_step_(model, images, torch.tensor([1, 2, 3]), lr=0.1)
    assert not any(x.requires_grad for x in (step.logits, step.probabilities, step.loss, step.loss_after))
    assert all(p.grad is None for p in model.parameters())
    assert all(p.requires_grad for p in model.parameters())


def test_an_unused_parameter_stays() -> None:
    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.idle = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.used(x)

    model = Idle()
    before = model.idle.weight.clone()
    step = training_step_(model, torch.ones(1, 2), torch.tensor([0]), lr=1.0)
    assert torch.equal(model.idle.weight, before)
    assert not step.gradients["idle.weight"].any()


@pytest.mark.parametrize("model", [SmallCNN(), SmallCNN(activation=nn.SiLU), LeNet5()], ids=["relu", "silu", "lenet"])
def test_an_untrained_network_is_undecided(model: nn.Module, generator: torch.Generator) -> None:
    size = 32 if isinstance(model, LeNet5) else 8
    images = torch.rand(200, 1, size, size, generator=generator)
    labels = torch.randint(10, (200,), generator=generator)
    step = training_step_(copy.deepcopy(model), images, labels, lr=0.0)
    assert float(step.loss) == pytest.approx(math.log(10), abs=0.1)
    assert float(step.loss) == pytest.approx(float(step.loss_after), abs=1e-5)
    assert (step.probabilities.max() < 0.3) & (step.probabilities.min() > 0.03)


def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    images, labels = load_digits(return_X_y=True)
    x = torch.tensor(images / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)
    train, test = train_test_split(np.arange(len(x)), test_size=360, stratify=labels, random_state=0)
    return x, torch.tensor(labels), torch.tensor(train), torch.tensor(test)


def test_the_small_cnn_reads_98_of_100_digits_that_it_has_not_seen() -> None:
    torch.manual_seed(0)
    x, y, train, test = digits()
    model = SmallCNN()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=20 * 45)
    for _ in range(20):
        for rows in train[torch.randperm(len(train))].split(32):
            down, right = torch.randint(0, 3, (2,)).tolist()
            moved = F.pad(x[rows], (1, 1, 1, 1))[:, :, down : down + 8, right : right + 8]
            loss = F.cross_entropy(model(moved), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        accuracy = (model(x[test]).argmax(dim=1) == y[test]).double().mean()
    assert accuracy >= 0.98


def test_lenet_learns_digits_within_40_steps() -> None:
    torch.manual_seed(0)
    x, y, train, test = digits()
    large = F.pad(F.interpolate(x, scale_factor=3.0), (4, 4, 4, 4), value=0) * 1.275 - 0.1  # the paper's grey levels
    model = LeNet5()
    losses = []
    for rows in train[:1280].split(32):
        losses.append(float(training_step_(model, large[rows], y[rows], lr=0.1).loss))
    with torch.no_grad():
        accuracy = (model(large[test]).argmax(dim=1) == y[test]).double().mean()
    assert losses[0] == pytest.approx(math.log(10), abs=0.1)
    assert sum(losses[-5:]) / 5 < 1
    assert accuracy > 0.75


# The head


def test_contributions_add_up_to_the_linear_layer(verify: Verify, generator: torch.Generator) -> None:
    cases = [
        (
            torch.randn(batch, features, generator=generator, dtype=torch.float64),
            torch.randn(classes, features, generator=generator, dtype=torch.float64),
        )
        for batch, features, classes in [(3, 5, 4), (1, 7, 2), (0, 3, 2), (2, 1, 1), (4, 4, 4)]
    ]
    cases.append((cases[0][0].mT.contiguous().mT, cases[0][1][:, torch.arange(5)].mT.contiguous().mT))
    verify(
        lambda features, weight: class_contributions(features, weight).sum(dim=2),
        F.linear,
        cases,
        oracle="torch.nn.functional.linear, summed over the features",
        name=class_contributions,
    )

    def gradient_times_input(features: Tensor, weight: Tensor) -> Tensor:
        slopes = torch.func.vmap(torch.func.jacrev(lambda f: F.linear(f, weight)))(features)
        return slopes * features[:, None]

    verify(
        class_contributions,
        gradient_times_input,
        [case for case in cases if len(case[0])],
        oracle="gradient times input of each logit",
        gradients=None,
    )


# The interface

DEVICES = ["meta", *(["cuda"] if torch.cuda.is_available() else [])]
NETWORKS: dict[str, Callable[[], nn.Module]] = {"small": SmallCNN, "lenet": LeNet5}
every_network = pytest.mark.parametrize("name", NETWORKS)


def images_for(name: str, batch: int = 2) -> Tensor:
    size = {"small": 8, "lenet": 32}[name]
    return torch.linspace(-1, 1, batch * size * size).reshape(batch, 1, size, size)


def test_every_public_name_is_proved() -> None:
    members = inspect.getmembers(convolutional_networks, lambda m: inspect.isfunction(m) or inspect.isclass(m))
    public = {n for n, m in members if m.__module__ == convolutional_networks.__name__ and not n.startswith("_")}
    proved = (LayerSummary, LeNet5, SmallCNN, TrainingStep, class_contributions, summarize, training_step_)
    assert public == {name.__name__ for name in proved}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@every_network
def test_networks_and_steps_run_on_every_device(name: str, dtype: torch.dtype, device: str) -> None:
    torch.manual_seed(0)
    model, x = NETWORKS[name]().to(dtype), images_for(name).to(dtype)
    want = model(x)
    model, x = model.to(device), x.to(device)
    got = model(x)
    assert (got.device.type, got.shape, got.dtype) == (device, want.shape, want.dtype)
    step = training_step_(model, x, torch.tensor([1, 2], device=device), lr=0.1)
    values = [step.logits, step.probabilities, step.loss, step.loss_after, *step.gradients.values()]
    assert {value.device.type for value in values} == {device}
    assert {value.dtype for value in values} == {dtype}
    contributions = class_contributions(got.detach(), torch.ones(3, 10, device=device, dtype=dtype))
    assert (contributions.device.type, contributions.shape, contributions.dtype) == (device, (2, 3, 10), dtype)
    if device != "meta":
        assert error(got, want) <= 32 * torch.finfo(dtype).eps


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@every_network
def test_half_precision_stays_near(name: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    model, x = NETWORKS[name](), images_for(name)
    want = model(x)
    got = copy.deepcopy(model).to(dtype)(x.to(dtype))
    assert got.dtype == dtype
    assert error(got, want) <= 8 * torch.finfo(dtype).eps


@every_network
def test_networks_train_under_autocast(name: str) -> None:
    torch.manual_seed(0)
    model, x, y = NETWORKS[name](), images_for(name), torch.tensor([3, 8])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        steps = [training_step_(model, x, y, lr=0.1) for _ in range(5)]
    assert steps[0].logits.dtype == torch.bfloat16
    assert all(p.dtype == torch.float32 for p in model.parameters())
    losses = [float(step.loss) for step in steps]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] - 0.1
    for step, later in itertools.pairwise(steps):  # no cached copy of the old weights answers after a step
        assert float(step.loss_after) == pytest.approx(float(later.loss), abs=1e-6)


@pytest.mark.usefixtures("as_a_reader")  # the compiler cannot look into the shape checker
@every_network
def test_networks_compile_in_one_graph(name: str) -> None:
    from dlref.vision.convolutional_networks import LeNet5, SmallCNN

    torch.manual_seed(0)
    model, x = {"small": SmallCNN, "lenet": LeNet5}[name](), images_for(name)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    assert error(compiled(x), model(x)) <= 1e-6


@every_network
def test_networks_treat_each_image_alone(name: str) -> None:
    torch.manual_seed(0)
    model, x = NETWORKS[name]().double(), images_for(name, batch=3).double()
    assert error(torch.cat([model(image[None]) for image in x]), model(x)) <= 1e-14
    before = x.clone()
    assert error(model(x.mT.contiguous().mT), model(x)) <= 1e-14  # strided
    assert torch.equal(x, before)


@pytest.mark.usefixtures("as_a_reader")
def test_bad_input_names_the_rule_and_the_values() -> None:
    from dlref.vision.convolutional_networks import (
        LeNet5,
        SmallCNN,
        class_contributions,
        summarize,
        training_step_,
    )

    x = torch.zeros(2, 1, 8, 8)
    cases: list[tuple[Callable[[], object], str]] = [
        (lambda: summarize(nn.ReLU()), r"sizes of one input, each 1 or more, got \(\)"),
        (lambda: summarize(nn.ReLU(), 3, 0), r"sizes of one input, each 1 or more, got \(3, 0\)"),
        (lambda: SmallCNN(1), r"size must be 2 or more, or the pooling leaves nothing, got 1"),
        (lambda: SmallCNN(9)(x), r"x must be \(batch, 1, 9, 9\), got shape \(2, 1, 8, 8\)"),
        (lambda: SmallCNN()(x[0]), r"x must be \(batch, 1, 8, 8\), got shape \(1, 8, 8\)"),
        (lambda: SmallCNN()(x.expand(2, 3, 8, 8)), r"x must be \(batch, 1, 8, 8\), got shape \(2, 3, 8, 8\)"),
        (lambda: LeNet5()(x), r"x must be \(batch, 1, 32, 32\), got shape \(2, 1, 8, 8\)"),
        (lambda: training_step_(SmallCNN(), x, torch.tensor([1]), lr=0.1), r"\(2, 10\).*\(1,\)"),
        (lambda: training_step_(SmallCNN(), x, torch.tensor([1, 10]), lr=0.1), r"10"),
        (
            lambda: class_contributions(torch.zeros(2, 3), torch.zeros(5, 4)),
            r"weight must have a column per feature: \(2, 3\), \(5, 4\)",
        ),
        (
            lambda: class_contributions(torch.zeros(2, 1), torch.zeros(5, 4)),
            r"weight must have a column per feature: \(2, 1\), \(5, 4\)",
        ),
    ]
    for call, message in cases:
        with pytest.raises(ValueError, match=message):
            call()
