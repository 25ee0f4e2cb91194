"""Proofs of dlref.vision.transfer_learning: torchvision's models, torch and scikit-learn are the oracles."""

import functools
import hashlib
import http.server
import inspect
import os
import pickle
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import Ridge, RidgeClassifier
from torch import Tensor, nn

from dlref.vision import transfer_learning
from dlref.vision.googlenet import GoogLeNet
from dlref.vision.resnet import ResNet
from dlref.vision.transfer_learning import freeze, linear_probe, load_published, parameter_groups, replace_head
from tests.oracle import Verify, error
from tests.published import torchvision

DEVICES = ["meta", *(["cuda"] if torch.cuda.is_available() else [])]
FORMATS = {"zip": {}, "legacy": {"_use_new_zipfile_serialization": False}}
every_format = pytest.mark.parametrize("options", FORMATS.values(), ids=FORMATS.keys())


class Small(nn.Module):
    """A convolution, batch norm and a linear layer, with values of its own."""

    def __init__(self, seed: int = 0, classes: int = 5) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.conv, self.norm, self.fc = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, classes)
            for value in (self.norm.running_mean, self.norm.running_var):
                assert value is not None
                value.uniform_(0.5, 2.0)
            self.norm.num_batches_tracked = torch.tensor(7 + seed)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.norm(self.conv(x)).relu().mean((2, 3)))


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether two states hold the same bits, NaN included."""
    return one.keys() == other.keys() and all(
        one[n].dtype == other[n].dtype and one[n].numpy().tobytes() == other[n].numpy().tobytes() for n in one
    )


def marked(folder: Path, name: str, data: bytes) -> Path:
    """Write a file whose name carries the first 8 digits of its hash, as the published ones do."""
    path = folder / f"{name}-{hashlib.sha256(data).hexdigest()[:8]}.pth"
    path.write_bytes(data)
    return path


def saved(folder: Path, value: object, options: dict[str, Any] = FORMATS["zip"]) -> Path:
    torch.save(value, path := folder / "saved.pth", **options)
    return path


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give torch an empty folder for its downloads."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    return tmp_path / "hub" / "checkpoints"


class Server(http.server.SimpleHTTPRequestHandler):
    """Serve a folder, and count who asks."""

    asked: list[str]

    def __init__(self, *args: Any, asked: list[str], **kwargs: Any) -> None:
        self.asked = asked
        super().__init__(*args, **kwargs)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        self.asked.append(self.path)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str, list[str]]]:
    """Give a folder, its address on this machine, and the list of what was asked for."""
    (folder := tmp_path / "served").mkdir()
    asked: list[str] = []
    handler = functools.partial(Server, directory=str(folder), asked=asked)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


# load_published against torchvision


@every_format
@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1", "mobilenet_v3_small"])
def test_loads_what_torchvision_loads(
    name: str, options: dict[str, Any], verify: Verify, generator: torch.Generator, tmp_path: Path
) -> None:
    build = getattr(torchvision.models, name)
    path = saved(tmp_path, build(num_classes=7).state_dict(), options)
    theirs = build(num_classes=7)
    theirs.load_state_dict(torch.load(path, weights_only=True))
    ours = load_published(before := build(num_classes=7), path)
    assert ours is before
    assert same(ours.state_dict(), theirs.state_dict())
    image = torch.randn(2, 3, 64, 64, generator=generator, dtype=torch.float64)
    verify(
        ours.double().eval(),
        theirs.double().eval(),
        [(image,)],
        oracle=f"torchvision.models.{name}, same file",
        name=load_published,
    )


def test_leaves_out_the_auxiliary_heads_of_googlenet(verify: Verify, tmp_path: Path) -> None:
    build = functools.partial(torchvision.models.googlenet, num_classes=7, init_weights=False)
    path = saved(tmp_path, (published := build(aux_logits=True)).state_dict())
    ours, theirs = load_published(build(aux_logits=False), path), build(aux_logits=True)
    theirs.load_state_dict(published.state_dict())
    image = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    oracle = "torchvision.models.googlenet, same file"
    verify(ours.double().eval(), theirs.double().eval(), [(image,)], oracle=oracle, name=load_published)
    with_heads = build(aux_logits=True)
    assert same(load_published(with_heads, path).state_dict(), published.state_dict())  # a model with heads takes them
    with pytest.raises(ValueError, match=r"missing \d+ \(aux1.conv.bn.bias, .*; unexpected 0"):
        load_published(build(aux_logits=True), saved(tmp_path, build(aux_logits=False).state_dict()))


def test_the_networks_of_this_section_take_the_files_of_torchvision(verify: Verify, tmp_path: Path) -> None:
    inception = torchvision.models.googlenet(num_classes=3, init_weights=False, transform_input=True)
    networks: list[tuple[nn.Module, nn.Module]] = [
        (ResNet(50, num_classes=3), torchvision.models.resnet50(num_classes=3)),
        (GoogLeNet(num_classes=3, aux_logits=False, transform_input=True, large_kernel=3), inception),
    ]
    case = [(torch.randn(1, 3, 64, 64, dtype=torch.float64),)]
    for ours, published in networks:
        load_published(ours, saved(tmp_path, published.state_dict()))
        oracle = f"torchvision's {type(published).__name__}, same file"
        verify(ours.double().eval(), published.double().eval(), case, oracle=oracle, name=load_published, values=1e-12)


def test_half_an_auxiliary_head_is_an_error(tmp_path: Path) -> None:
    model = nn.ModuleDict({"aux1": nn.Linear(2, 2, bias=False), "fc": nn.Linear(2, 2)})
    before = snapshot(model)
    state = nn.ModuleDict({"aux1": nn.Linear(2, 2), "fc": nn.Linear(2, 2)}).state_dict()
    with pytest.raises(ValueError, match=r"missing 0; unexpected 1 \(aux1.bias\)"):
        load_published(model, saved(tmp_path, state))
    assert same(before, model.state_dict())
    renamed = {name.replace("aux1", "aux3"): value for name, value in state.items()}
    with pytest.raises(ValueError, match=r"missing 1 \(aux1.weight\); unexpected 2 \(aux3.bias, aux3.weight\)"):
        load_published(model, saved(tmp_path, renamed))


@every_format
def test_an_old_file_without_counters_leaves_the_model_its_own(options: dict[str, Any], tmp_path: Path) -> None:
    published, model = Small(1), Small(2)
    state = published.state_dict()
    del state["norm.num_batches_tracked"]  # an OrderedDict with the version of today's batch norm
    path = saved(tmp_path, state, options)
    with pytest.raises(RuntimeError, match="num_batches_tracked"):
        Small().load_state_dict(torch.load(path, weights_only=True))
    load_published(model, path)
    assert int(model.norm.num_batches_tracked or 0) == 9
    assert same(snapshot(model), snapshot(published) | {"norm.num_batches_tracked": torch.tensor(9)})


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_the_model_keeps_dtype_mode_and_gradient_switches(dtype: torch.dtype, tmp_path: Path) -> None:
    model = Small(2).to(dtype).eval()
    model.conv.requires_grad_(False)
    load_published(model, saved(tmp_path, Small(1).state_dict()))
    assert {value.dtype for value in model.parameters()} == {dtype}
    assert not model.training
    assert [value.requires_grad for value in model.parameters()] == [False, False, True, True, True, True]
    assert torch.equal(model.fc.weight, Small(1).fc.weight.to(dtype))


def test_a_file_from_another_device_is_read_on_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    load = torch.load
    monkeypatch.setattr(torch, "load", lambda *args, **options: (seen.update(options), load(*args, **options))[1])
    load_published(Small(), saved(tmp_path, Small(1).state_dict()))
    assert seen == {"map_location": "cpu", "weights_only": True}


# Addresses and hashes


def test_downloads_once_and_checks_the_hash(hub: Path, served: tuple[Path, str, list[str]], tmp_path: Path) -> None:
    folder, address, asked = served
    path = marked(folder, "small", saved(tmp_path, Small(1).state_dict()).read_bytes())
    for seed in (2, 3):
        model = load_published(Small(seed), f"{address}/{path.name}?download=1#file")
        assert same(model.state_dict(), Small(1).state_dict())
    assert asked == [f"/{path.name}?download=1"]  # the second time it lay in the folder
    assert [file.name for file in hub.iterdir()] == [path.name]

    data = bytearray((hub / path.name).read_bytes())
    data[len(data) // 2] ^= 1
    (hub / path.name).write_bytes(data)
    model, before = Small(2), snapshot(Small(2))
    with pytest.raises(ValueError, match=rf"{path.name}: the file must have the hash .* fetch it again"):
        load_published(model, f"{address}/{path.name}")
    assert same(before, model.state_dict())


def test_a_damaged_download_is_not_kept(hub: Path, served: tuple[Path, str, list[str]], tmp_path: Path) -> None:
    folder, address, _ = served
    data = saved(tmp_path, Small(1).state_dict()).read_bytes()
    path = marked(folder, "small", data)
    path.write_bytes(data[:-1])
    model, before = Small(2), snapshot(Small(2))
    promised, found = (hashlib.sha256(bytes_).hexdigest() for bytes_ in (data, data[:-1]))
    with pytest.raises(ValueError, match=rf'{path.name}: .* \(expected "{promised[:8]}", got "{found}"\)'):
        load_published(model, f"{address}/{path.name}")
    assert same(before, model.state_dict())
    assert not list(hub.iterdir())
    with pytest.raises(OSError, match="404"):
        load_published(model, f"{address}/none-12345678.pth")


def test_an_address_without_a_hash_is_downloaded_anew(
    hub: Path, served: tuple[Path, str, list[str]], tmp_path: Path
) -> None:
    folder, address, asked = served
    for seed in (1, 2):
        saved(folder, Small(seed).state_dict())
        assert same(load_published(Small(), f"{address}/saved.pth").state_dict(), Small(seed).state_dict())
    assert asked == 2 * ["/saved.pth"]
    assert [file.name for file in hub.iterdir()] == ["saved.pth"]
    address = saved(tmp_path, Small(3).state_dict()).as_uri()
    assert address.startswith("file://")
    assert same(load_published(Small(), address).state_dict(), Small(3).state_dict())


@pytest.mark.parametrize("name", ["small-{}.pth", "small-{}.pth.tar", "a-b-{}.bin"])
@pytest.mark.parametrize("digits", [8, 16, 64])
def test_a_hash_in_the_name_of_a_local_file_is_checked(name: str, digits: int, tmp_path: Path) -> None:
    data = saved(tmp_path, Small(1).state_dict()).read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    path = tmp_path / name.format(digest[:digits])
    path.write_bytes(data)
    load_published(Small(), path)
    load_published(Small(), str(path))
    path.write_bytes(data + b"\0")
    got = hashlib.sha256(data + b"\0").hexdigest()
    with pytest.raises(ValueError, match=rf"{path}: .* expected SHA-256 {digest[:digits]}, got {got[:digits]};"):
        load_published(Small(), path)


@pytest.mark.parametrize("name", ["small.pth", "my-face.pth", "small-1234567.pth", "12345678.pth", "a-1234567g.pth"])
def test_a_name_without_a_hash_is_not_checked(name: str, tmp_path: Path) -> None:
    path = saved(tmp_path, Small(1).state_dict()).rename(tmp_path / name)
    assert same(load_published(Small(), path).state_dict(), Small(1).state_dict())


# Bad files: a ValueError that names the file, and not one bit of the model changed


class Code:
    """A pickle that runs something when it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("import os; os.environ['DLREF_RAN'] = '1'",)


def changed(name: str, value: object) -> dict[str, object]:
    return {**Small(1).state_dict(), name: value}


TENSORS = {
    "a list": ([torch.zeros(2)], "map names to tensors, got list"),
    "a tensor": (torch.zeros(2), "map names to tensors, got Tensor"),
    "a checkpoint": ({"epoch": 3, "model": Small(1).state_dict()}, "got 'epoch': int"),
    "a nested state": ({"state_dict": Small(1).state_dict()}, "got 'state_dict': OrderedDict"),
    "a number as a name": ({**Small(1).state_dict(), 7: torch.zeros(1)}, "got 7: Tensor"),
    "nothing": ({}, r"expected 8, got 0; missing 8 \(conv.bias, conv.weight, fc.bias, ...\); unexpected 0"),
    "other weights": (
        nn.Linear(4, 5).state_dict(),
        r"be the model's: expected 8, got 2; missing 8 \(.*\); unexpected 2 \(bias, weight\)",
    ),
    "a name too many": (changed("fc.scale", torch.zeros(1)), r"missing 0; unexpected 1 \(fc.scale\)"),
    "another head": (
        Small(1, classes=3).state_dict(),
        r"fit the model: 2 \(fc.weight expected \(5, 4\), got \(3, 4\), fc.bias expected \(5,\), got \(3,\)\)",
    ),
    "transposed": (changed("fc.weight", torch.ones(4, 5)), r"fc.weight expected \(5, 4\), got \(4, 5\)"),
    "a scalar": (changed("fc.bias", torch.tensor(1.0)), r"fc.bias expected \(5,\), got \(\)"),
    "a broadcast": (changed("fc.bias", torch.ones(1)), r"fc.bias expected \(5,\), got \(1,\)"),
    "integers": (changed("fc.bias", torch.ones(5).long()), "fc.bias expected floating, got integer"),
    "bools": (changed("fc.bias", torch.ones(5).bool()), "fc.bias expected floating, got bool"),
    "complex numbers": (
        changed("fc.bias", torch.ones(5, dtype=torch.cfloat)),
        "fc.bias expected floating, got complex",
    ),
    "a float counter": (changed("norm.num_batches_tracked", torch.tensor(1.0)), "expected integer, got floating"),
    "sparse": (changed("fc.weight", torch.eye(5)[:, :4].to_sparse()), "fc.weight expected floating, got .*sparse_coo"),
    "no memory": (changed("fc.bias", torch.ones(5, device="meta")), "fc.bias expected floating, got .* on meta"),
    "not a number": (
        changed("fc.bias", torch.full((5,), float("nan"))),
        "expected 5 finite numbers, got 5 that are not",
    ),
    "infinity": (changed("fc.bias", torch.tensor([1, 2, 3, 4, float("inf")])), "got 1 that are not"),
    "too large": (changed("fc.bias", torch.full((5,), 1e39, dtype=torch.float64)), "finite numbers, got 5"),
    "code": (Code(), "and no code; got .* bytes that are not .*Unsupported global: GLOBAL exec"),
    "code among weights": (changed("fc.bias", Code()), "Unsupported global: GLOBAL exec"),
    "a whole model": (nn.Linear(4, 5), "Unsupported global: GLOBAL torch.nn.modules.linear.Linear"),
}
BYTES = {
    "empty": (b"", "got 0 bytes that are not"),
    "text": (b"Not found. " * 30, "got 330 bytes that are not"),
    "a page": (b"<html>404</html>", "Unsupported operand 60"),
    "a pickle": (pickle.dumps(changed("a", 1)), "got .* bytes that are not"),
    "an old pickle": (pickle.dumps([1.0], protocol=2), "Invalid magic number"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "got 108 bytes that are not"),
    "zeros": (bytes(5000), "got 5000 bytes that are not"),
}


def refuses(path: Path, message: str) -> None:
    """Assert that a file is refused by name, and that the model keeps every bit."""
    model = Small()
    before, modes = snapshot(model), [value.requires_grad for value in model.parameters()]
    with pytest.raises(ValueError, match=rf"(?s)^{re.escape(str(path))}: the .* must .*{message}"):
        load_published(model, path)
    assert same(before, model.state_dict())
    assert modes == [value.requires_grad for value in model.parameters()]


@every_format
@pytest.mark.parametrize(("value", "message"), TENSORS.values(), ids=TENSORS.keys())
def test_refuses_what_does_not_fit(value: object, message: str, options: dict[str, Any], tmp_path: Path) -> None:
    refuses(saved(tmp_path, value, options), message)
    assert "DLREF_RAN" not in os.environ


@pytest.mark.parametrize(("data", "message"), BYTES.values(), ids=BYTES.keys())
def test_refuses_what_torch_did_not_write(data: bytes, message: str, tmp_path: Path) -> None:
    (path := tmp_path / "foreign.pth").write_bytes(data)
    refuses(path, message)
    refuses(marked(tmp_path, "foreign", data), message)  # a true hash does not make it weights


@every_format
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_refuses_a_truncated_file(share: float, options: dict[str, Any], tmp_path: Path) -> None:
    data = (path := saved(tmp_path, Small(1).state_dict(), options)).read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    refuses(path, f"got {int(share * len(data))} bytes that are not")


@every_format
def test_refuses_every_flipped_byte_by_the_hash(options: dict[str, Any], tmp_path: Path) -> None:
    path = marked(tmp_path, "small", data := saved(tmp_path, Small(1).state_dict(), options).read_bytes())
    for position in range(0, len(data), 97):
        damaged = bytearray(data)
        damaged[position] ^= 0x10
        path.write_bytes(damaged)
        refuses(path, f"expected SHA-256 {path.stem[-8:]}, got {hashlib.sha256(damaged).hexdigest()[:8]}")


@every_format
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_without_a_hash_a_damaged_file_loads_whole_or_not_at_all(
    options: dict[str, Any], tmp_path: Path, data: st.DataObject
) -> None:
    content = bytearray((path := saved(tmp_path, Small(1).state_dict(), options)).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    model, before = Small(), snapshot(Small())
    message = ""
    try:
        load_published(model, path)
    except ValueError as fault:
        message = str(fault)
    if message:
        assert str(path) in message
        assert same(before, model.state_dict())
    else:
        assert all(value.isfinite().all() for value in model.state_dict().values())


def test_a_missing_file_is_reported_by_python(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.pth"):
        load_published(Small(), tmp_path / "none.pth")


def test_a_model_without_memory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"must have memory .* on meta are 9 \(conv.weight, conv.bias, norm.weight, ...\)"
    ):
        load_published(Small().to("meta"), saved(tmp_path, Small(1).state_dict()))


# freeze


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.AdamW], ids=["SGD", "AdamW"])
def test_a_frozen_body_trains_as_a_head_on_ready_features(
    optimizer: Callable[..., torch.optim.Optimizer], verify: Verify, generator: torch.Generator
) -> None:
    x = torch.randn(40, 3, 6, 6, generator=generator, dtype=torch.float64)
    labels = torch.randint(5, (40,), generator=generator)
    model = Small(1).double()
    alone = nn.Linear(4, 5, dtype=torch.float64)
    alone.load_state_dict(model.fc.state_dict())
    with torch.no_grad():
        reference = Small(1).double().eval()
        features = reference.norm(reference.conv(x)).relu().mean((2, 3))
    for part in (model.conv, model.norm):
        assert freeze(part) is part
    body = {name: value for name, value in snapshot(model).items() if not name.startswith("fc")}
    assert len(body) == 7
    ours, theirs = (optimizer(list(m.parameters()), lr=0.1, weight_decay=0.1) for m in (model, alone))
    for step in range(20):
        rows = torch.arange(step, step + 20)
        for opt, outputs in ((ours, model(x[rows])), (theirs, alone(features[rows]))):
            opt.zero_grad()
            nn.functional.cross_entropy(outputs, labels[rows]).backward()
            opt.step()
    verify(
        model.fc, alone, [(features,)], oracle="torch.optim on features computed beforehand", name=freeze, values=1e-12
    )
    assert same(body, {name: value for name, value in model.state_dict().items() if not name.startswith("fc")})
    assert model.training


def test_training_mode_wakes_the_statistics_and_freezing_again_stops_them(generator: torch.Generator) -> None:
    x = torch.randn(8, 3, 6, 6, generator=generator)
    model = freeze(Small(1))
    before = snapshot(model)
    model(x)
    assert same(before, model.state_dict())
    assert not any(value.requires_grad for value in model.parameters())
    model.train()
    model(x)
    moved = [name for name, value in model.state_dict().items() if not torch.equal(value, before[name])]
    assert moved == ["norm.running_mean", "norm.running_var", "norm.num_batches_tracked"]
    after = snapshot(freeze(model))
    model(x)
    assert same(after, model.state_dict())


def test_freezing_turns_dropout_off() -> None:
    model = freeze(nn.Sequential(nn.Dropout(0.5), nn.Linear(50, 50)))
    assert torch.equal(model(torch.ones(1, 50)), model(torch.ones(1, 50)))


# replace_head


@pytest.mark.parametrize(
    ("build", "name"),
    [("resnet18", "fc"), ("googlenet", "fc"), ("vgg11", "classifier.6"), ("mobilenet_v2", "classifier.1")],
)
def test_the_new_head_is_the_one_that_torchvision_builds(build: str, name: str, verify: Verify) -> None:
    options: dict[str, Any] = {"aux_logits": False, "init_weights": False} if build == "googlenet" else {}
    with torch.device("meta"):
        ours, theirs, named = (getattr(torchvision.models, build)(num_classes=n, **options) for n in (1000, 7, 1000))
    assert replace_head(ours, 7) is ours
    replace_head(named, 7, name)
    shapes = [(key, value.shape) for key, value in theirs.state_dict().items()]
    assert [(key, value.shape) for key, value in ours.state_dict().items()] == shapes
    assert [(key, value.shape) for key, value in named.state_dict().items()] == shapes
    assert isinstance(ours.get_submodule(name), nn.Linear)
    verify.record(replace_head, f"torchvision.models.{build}, its names and shapes", 0.0)


@pytest.mark.parametrize(("features", "classes", "bias"), [(4, 3, True), (512, 1, True), (7, 50, False)])
def test_the_new_head_is_drawn_as_torch_draws(features: int, classes: int, bias: bool, verify: Verify) -> None:
    model = nn.Sequential(nn.Linear(features, 9, bias=bias, dtype=torch.float64))
    replace_head(model, classes, generator=torch.Generator().manual_seed(5))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        theirs = nn.Linear(features, classes, bias=bias, dtype=torch.float64)
    x = torch.randn(2, features, dtype=torch.float64)
    verify(model, theirs, [(x,)], oracle="torch.nn.Linear, same seed", name=replace_head)
    assert [value.requires_grad for value in model.parameters()] == (1 + bias) * [True]


def test_the_new_head_of_a_frozen_model_learns_and_nothing_else() -> None:
    model = replace_head(freeze(Small(1)), 2)
    before = snapshot(model)
    nn.functional.cross_entropy(model(torch.randn(6, 3, 6, 6)), torch.tensor([0, 1, 0, 1, 0, 1])).backward()
    assert [name for name, value in model.named_parameters() if value.grad is not None] == ["fc.weight", "fc.bias"]
    assert same(before, model.state_dict())


# linear_probe


def ridge(features: Tensor, labels: Tensor, num_classes: int, l2: float) -> Tensor:
    model = Ridge(alpha=l2, solver="svd").fit(features.numpy(), np.eye(num_classes)[labels.numpy()])
    coef = np.asarray(model.coef_).reshape(num_classes, -1)
    return torch.from_numpy(np.concatenate([coef, np.reshape(model.intercept_, (-1, 1))], axis=1))


def least_squares(features: Tensor, labels: Tensor, num_classes: int, l2: float) -> Tensor:
    """Solve the rows [x, 1] w = y with √l2 I below the features, the bias free."""
    count = features.shape[1]
    rows = torch.cat([features, features.new_ones(len(features), 1)], dim=1)
    penalty = l2**0.5 * torch.eye(count, count + 1, dtype=features.dtype)
    onehot = torch.nn.functional.one_hot(labels, num_classes).to(features)
    target = torch.cat([onehot, onehot.new_zeros(count, num_classes)])
    return torch.linalg.lstsq(torch.cat([rows, penalty]), target, driver="gels").solution.mT


def probe(features: Tensor, labels: Tensor, num_classes: int, l2: float) -> Tensor:
    weight, bias = linear_probe(features, labels, num_classes, l2)
    return torch.cat([weight, bias[:, None]], dim=1)


PROBES = [(1, 3, 2), (20, 3, 4), (20, 20, 3), (6, 40, 5), (30, 1, 1), (9, 8, 3), (8, 9, 3)]


@pytest.mark.parametrize("l2", [0.01, 1.0, 100.0])
@pytest.mark.parametrize(("batch", "count", "classes"), PROBES)
def test_the_probe_is_ridge_regression(
    batch: int, count: int, classes: int, l2: float, verify: Verify, generator: torch.Generator
) -> None:
    x = torch.randn(batch, count, generator=generator, dtype=torch.float64) + 3
    labels = torch.randint(classes, (batch,), generator=generator)
    cases = [(x, labels, classes, l2), (x.mT.contiguous().mT, labels, classes, l2)]
    oracle = "sklearn.linear_model.Ridge"
    verify(probe, ridge, cases, oracle=oracle, name=linear_probe, values=1e-10, gradients=None)
    oracle = "torch.linalg.lstsq of the penalised rows"
    verify(probe, least_squares, cases, oracle=oracle, name=linear_probe, values=1e-10, gradients=1e-8)


def test_the_probe_predicts_as_the_classifier_of_scikit_learn() -> None:
    images, digits = load_digits(return_X_y=True)
    features, labels = torch.from_numpy(images / 16), torch.from_numpy(digits)
    weight, bias = linear_probe(features[:900], labels[:900], 10)
    theirs = RidgeClassifier(alpha=1.0).fit(images[:900] / 16, digits[:900]).predict(images[900:] / 16)
    assert ((features[900:] @ weight.mT + bias).argmax(1).numpy() == theirs).all()


def test_the_probe_survives_a_large_offset(generator: torch.Generator) -> None:
    x = torch.randn(50, 6, generator=generator, dtype=torch.float64)
    labels = torch.randint(3, (50,), generator=generator)
    for shift in (1e4, 1e8):
        assert error(linear_probe(x + shift, labels, 3)[0], linear_probe(x, labels, 3)[0]) < 1e-16 * shift + 1e-12


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 1000))
def test_the_outputs_of_a_probe_sum_to_one(batch: int, count: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, count, generator=generator, dtype=torch.float64)
    weight, bias = linear_probe(x, torch.randint(4, (batch,), generator=generator), 4)
    torch.testing.assert_close((x @ weight.mT + bias).sum(1), torch.ones(batch).double())


# parameter_groups


@pytest.mark.parametrize("factor", [2.6, 1.0, 10.0])
@pytest.mark.parametrize("depth", [1, 2, 5])
def test_each_layer_takes_its_own_step(factor: float, depth: int, verify: Verify, generator: torch.Generator) -> None:
    layers = [nn.Linear(3, 3, dtype=torch.float64) for _ in range(depth)]
    model = nn.Sequential(*layers)
    twins = [nn.Linear(3, 3, dtype=torch.float64) for _ in range(depth)]
    nn.Sequential(*twins).load_state_dict(model.state_dict())
    rates = [0.1]  # by hand: from the head down, each divided by the factor
    while len(rates) < depth:
        rates.insert(0, rates[0] / factor)
    ours = torch.optim.SGD(parameter_groups(layers, 0.1, factor), momentum=0.9)
    theirs = [torch.optim.SGD(twin.parameters(), rate, momentum=0.9) for twin, rate in zip(twins, rates, strict=True)]
    x = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    for _ in range(20):
        for network, optimizers in ((model, [ours]), (nn.Sequential(*twins), theirs)):
            network.zero_grad()
            network(x).square().sum().backward()
            for optimizer in optimizers:
                optimizer.step()
    oracle = "torch.optim.SGD, one a layer"
    verify(model, nn.Sequential(*twins), [(x,)], oracle=oracle, name=parameter_groups, values=1e-13, gradients=1e-13)
    if depth == 5 and factor == 2.6:
        printed = [group["lr"] for group in ours.param_groups]
        assert printed == pytest.approx([0.1 / 45.6976, 0.1 / 17.576, 0.1 / 6.76, 0.1 / 2.6, 0.1])


def test_frozen_parameters_are_left_out_but_their_layers_count() -> None:
    layers = [nn.Linear(2, 2) for _ in range(4)]
    freeze(layers[1])
    layers[2].bias.requires_grad_(False)
    groups = parameter_groups(layers, lr=1.0, factor=2.0)
    assert [(group["lr"], len(group["params"])) for group in groups] == [(0.125, 2), (0.5, 1), (1.0, 2)]
    torch.optim.AdamW(groups)


# The interface


def test_every_public_name_is_proved() -> None:
    members = inspect.getmembers(transfer_learning, inspect.isfunction)
    public = {n for n, m in members if m.__module__ == transfer_learning.__name__ and not n.startswith("_")}
    assert public == {"load_published", "freeze", "replace_head", "linear_probe", "parameter_groups"}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("batch", [6, 20])
def test_runs_on_every_device(batch: int, dtype: torch.dtype, device: str, generator: torch.Generator) -> None:
    model = replace_head(freeze(Small(1).to(device, dtype)), 3)
    assert {(value.device.type, value.dtype) for value in model.parameters()} == {(device, dtype)}
    assert len(parameter_groups([model.conv, model.fc], 0.1)) == 1  # type: ignore[list-item]
    assert model(torch.zeros(2, 3, 6, 6, device=device, dtype=dtype)).shape == (2, 3)

    x = torch.randn(batch, 9, generator=generator).to(dtype)
    labels = torch.randint(3, (batch,), generator=generator)
    exact = linear_probe(x.double(), labels, 3)
    for on in ("cpu", device):
        for got, want in zip(linear_probe(x.to(on), labels.to(on), 3), exact, strict=True):
            assert (got.device.type, got.shape, got.dtype) == (on, want.shape, dtype)
            assert on == "meta" or error(got, want) <= 30 * torch.finfo(dtype).eps


@pytest.mark.usefixtures("as_a_reader")
def test_bad_input_names_the_rule_and_the_values() -> None:
    from dlref.vision.transfer_learning import linear_probe, parameter_groups, replace_head

    x, labels, layer = torch.zeros(4, 3), torch.tensor([0, 1, 2, 0]), nn.Linear(2, 2)
    cases: list[tuple[Callable[[], object], str]] = [
        (lambda: replace_head(Small(), 3, "conv"), r"must be a linear layer of the model: 'conv' is none of 1 \(fc\)"),
        (lambda: replace_head(Small(), 3, "head"), r"'head' is none of 1 \(fc\)"),
        (lambda: replace_head(nn.Sequential(nn.ReLU()), 3), r"'' is none of 0"),
        (lambda: replace_head(layer, 3), r"'' is none of 0"),
        (lambda: replace_head(Small(), 0), r"num_classes must be 1 or more, got 0"),
        (lambda: linear_probe(x[0], labels, 3), r"features \(3,\), labels \(4,\)"),
        (lambda: linear_probe(x, labels[:3], 3), r"features \(4, 3\), labels \(3,\)"),
        (lambda: linear_probe(x[:0], labels[:0], 3), r"one example or more: features \(0, 3\)"),
        (lambda: linear_probe(x, labels, 2), r"a label must lie in 0\.\.1, got 2"),
        (lambda: linear_probe(x, -labels, 3), r"a label must lie in 0\.\.2, got -1"),
        (lambda: linear_probe(x, labels, 3, l2=0.0), r"l2 must be above 0, got 0.0"),
        (lambda: parameter_groups([layer], 0.0), r"lr and factor must be above 0, got lr 0.0, factor 2.6"),
        (lambda: parameter_groups([layer], 0.1, -1.0), r"got lr 0.1, factor -1.0"),
        (lambda: parameter_groups([layer, layer], 0.1), r"each once: got 4, 2 different"),
        (lambda: parameter_groups([nn.ReLU()], 0.1), r"must hold trainable parameters, each once: got 0, 0"),
        (lambda: parameter_groups([], 0.1), r"got 0, 0 different"),
    ]
    for call, message in cases:
        with pytest.raises(ValueError, match=message):
            call()
