"""Proofs of dlref.vision.convolutional_networks: torch, torchvision, scikit-learn and a paper's numbers are oracles."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from dlref.vision.convolutional_networks import LayerSummary, summarize
from tests.oracle import Verify
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


# The interface


@pytest.mark.usefixtures("as_a_reader")
def test_bad_input_names_the_rule_and_the_values() -> None:
    from dlref.vision.convolutional_networks import summarize

    cases: list[tuple[Callable[[], object], str]] = [
        (lambda: summarize(nn.ReLU()), r"sizes of one input, each 1 or more, got \(\)"),
        (lambda: summarize(nn.ReLU(), 3, 0), r"sizes of one input, each 1 or more, got \(3, 0\)"),
    ]
    for call, message in cases:
        with pytest.raises(ValueError, match=message):
            call()
