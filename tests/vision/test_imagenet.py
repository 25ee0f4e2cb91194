"""Proofs of dlref.vision.imagenet: torchvision's recipe, scikit-learn and the papers' tables are the oracles."""

import inspect
import itertools
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.datasets import load_sample_images
from sklearn.metrics import top_k_accuracy_score
from torch import Tensor

from dlref.vision import imagenet
from dlref.vision.imagenet import (
    MEAN,
    RESULTS,
    STD,
    Result,
    center_crop,
    normalize,
    preprocess,
    resize_shorter_side,
    topk_error,
)
from tests.oracle import Verify, error
from tests.published import torchvision

F = torchvision.transforms.functional
RECIPE = torchvision.models.ResNet50_Weights.IMAGENET1K_V1.transforms()
DEVICES = ["meta", *(["cuda"] if torch.cuda.is_available() else [])]
PHOTOS = [torch.from_numpy(photo.copy()).permute(2, 0, 1) for photo in load_sample_images().images]  # (3, 427, 640)
CUTS = {
    "whole": np.s_[:, :, :],
    "portrait": np.s_[:, 3:400, 10:251],
    "odd": np.s_[:, :301, :333],
    "square": np.s_[:, :299, :299],
    "enlarged": np.s_[:, :101, :77],
    "shorter side is 256": np.s_[:, :256, :301],
    "wide": np.s_[:, :60, :],
    "tall": np.s_[:, :, :61],
}
every_cut = pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS.keys())
every_photo = pytest.mark.parametrize("photo", PHOTOS, ids=["temple", "flower"])


def same_bits(ours: Tensor, theirs: Tensor) -> float:
    """Assert that two tensors are equal bit by bit, and give their distance for the record."""
    assert ours.dtype == theirs.dtype
    assert torch.equal(ours, theirs)
    return error(ours, theirs)


# The recipe


@every_photo
@every_cut
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32], ids=str)
def test_prepares_a_tensor_as_torchvision_does(
    photo: Tensor, cut: tuple[slice, ...], dtype: torch.dtype, verify: Verify
) -> None:
    image = photo[cut] if dtype == torch.uint8 else photo[cut] / 255
    distance = same_bits(preprocess(image), RECIPE(image))
    batch = torch.stack([image, image.flip(-1)])
    same_bits(preprocess(batch), RECIPE(batch))
    verify.record(preprocess, "ResNet50_Weights.IMAGENET1K_V1.transforms(), tensors", distance, dtype="float32")


@every_photo
@every_cut
def test_differs_from_pillow_by_one_level_at_most(photo: Tensor, cut: tuple[slice, ...]) -> None:
    image = photo[cut]
    pillow = RECIPE(Image.fromarray(image.permute(1, 2, 0).contiguous().numpy()))
    levels = (preprocess(image) - pillow) * torch.tensor(STD).reshape(3, 1, 1) * 255
    assert levels.abs().max() < 1.001
    assert (levels.abs() > 0.5).float().mean() < 0.2  # of all values


def test_equals_pillow_where_nothing_is_resized() -> None:
    image = PHOTOS[0][:, :256, :301]
    same_bits(preprocess(image), RECIPE(Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())))


@pytest.mark.parametrize("size", [1, 64, 255, 256, 300])
@pytest.mark.parametrize("shape", [(3, 40, 57), (2, 3, 61, 40), (0, 3, 40, 57), (1, 2, 3, 300, 300), (3, 1, 9)])
def test_resizes_as_torchvision(size: int, shape: tuple[int, ...], verify: Verify, generator: torch.Generator) -> None:
    x = torch.rand(shape, generator=generator, dtype=torch.float64)
    if x.ndim < 5:
        verify(
            lambda x: resize_shorter_side(x, size),
            lambda x: F.resize(x, [size], antialias=True),
            [(x,), (x.mT,)],
            oracle="torchvision.transforms.functional.resize",
            name=resize_shorter_side,
        )
    flat = x.reshape(-1, *shape[-3:])
    if len(flat):
        ours = resize_shorter_side(x, size)
        same_bits(ours.reshape(-1, *ours.shape[-3:]), F.resize(flat, [size], antialias=True))
    assert resize_shorter_side(x, size).shape[:-2] == shape[:-2]


@pytest.mark.parametrize("size", [1, 7, 8, 40])
@pytest.mark.parametrize("shape", [(3, 40, 57), (2, 3, 61, 40), (0, 3, 43, 42)])
def test_crops_as_torchvision(size: int, shape: tuple[int, ...], verify: Verify, generator: torch.Generator) -> None:
    x = torch.rand(shape, generator=generator, dtype=torch.float64)
    oracle = "torchvision.transforms.functional.center_crop"
    verify(
        lambda x: center_crop(x, size),
        lambda x: F.center_crop(x, [size]),
        [(x,), (x.mT,)],
        oracle=oracle,
        name=center_crop,
    )


@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 3, 7, 1), (0, 3, 2, 2)])
def test_normalizes_as_torchvision(shape: tuple[int, ...], verify: Verify, generator: torch.Generator) -> None:
    x = torch.rand(shape, generator=generator, dtype=torch.float64)
    oracle = "torchvision.transforms.functional.normalize"
    verify(normalize, lambda x: F.normalize(x, MEAN, STD), [(x,), (x.mT,)], oracle=oracle)


def test_gradients_of_the_whole_recipe_equal_torchvision(verify: Verify, generator: torch.Generator) -> None:
    def theirs(x: Tensor) -> Tensor:
        return F.normalize(F.center_crop(F.resize(x, [32], antialias=True), [28]), MEAN, STD)

    cases = [(torch.rand(shape, generator=generator, dtype=torch.float64),) for shape in [(3, 61, 40), (2, 3, 30, 30)]]
    oracle = "torchvision.transforms.functional, step by step"
    verify(lambda x: preprocess(x, 32, 28), theirs, cases, oracle=oracle, name=preprocess)


def test_the_published_numbers() -> None:
    assert (list(MEAN), list(STD)) == (RECIPE.mean, RECIPE.std)
    defaults = inspect.signature(preprocess).parameters
    assert [defaults["resize_size"].default] == RECIPE.resize_size
    assert [defaults["crop_size"].default] == RECIPE.crop_size
    for name in ("VGG16_Weights", "GoogLeNet_Weights", "ResNet152_Weights", "AlexNet_Weights"):
        assert str(getattr(torchvision.models, name).IMAGENET1K_V1.transforms()) == str(RECIPE)


def test_antialiasing_averages_what_it_covers() -> None:
    stripes = (torch.arange(512) % 2).double().expand(3, 512, 512)
    assert (resize_shorter_side(stripes, 128)[..., 2:-2] - 0.5).abs().max() < 1e-9


# The top-k error

quickly = settings(max_examples=50, deadline=None)


@pytest.mark.parametrize("k", [1, 2, 5, 9, 10])
@pytest.mark.parametrize("batch", [1, 4, 60])
def test_topk_equals_scikit_learn_without_ties(k: int, batch: int, verify: Verify, generator: torch.Generator) -> None:
    scores = torch.randn(batch, 10, generator=generator, dtype=torch.float64)
    labels = torch.randint(10, (batch,), generator=generator)

    def theirs(scores: Tensor, labels: Tensor, k: int) -> Tensor:
        hits = top_k_accuracy_score(labels, scores.numpy(), k=min(k, 9), labels=range(10)) if k < 10 else 1.0
        return torch.tensor(1 - hits, dtype=torch.float64)

    oracle = "1 - sklearn.metrics.top_k_accuracy_score"
    verify(
        topk_error, theirs, [(scores, labels, k), (scores.mT.contiguous().mT, labels, k)], oracle=oracle, gradients=None
    )


@quickly
@given(st.data(), st.integers(1, 4))
def test_a_tie_counts_against_the_network(data: st.DataObject, k: int) -> None:
    values = data.draw(st.lists(st.integers(0, 2), min_size=4, max_size=4))
    label = data.draw(st.integers(0, 3))
    orders = [sorted(order, key=lambda c: -values[c]) for order in itertools.permutations(range(4))]
    worst = all(label in order[:k] for order in orders)  # a hit, however the ties are broken
    assert topk_error(torch.tensor([values]).double(), torch.tensor([label]), k) == 1 - worst


def test_a_constant_network_is_always_wrong_and_so_is_one_without_numbers() -> None:
    labels = torch.arange(10)
    assert topk_error(torch.zeros(10, 10), labels, 9) == 1
    assert topk_error(torch.zeros(10, 10), labels, 10) == 0
    scores = torch.eye(10)
    assert topk_error(scores, labels, 1) == 0
    scores[0, 0] = scores[1, 2] = float("nan")  # of the label, and of another class
    assert topk_error(scores, labels, 1) == pytest.approx(0.2)
    assert topk_error(torch.full((10, 10), float("inf")), labels, 5) == 1


@quickly
@given(st.integers(1, 30), st.integers(0, 1000))
def test_topk_falls_with_k_and_ignores_the_scale(batch: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(batch, 7, generator=generator, dtype=torch.float64)
    labels = torch.randint(7, (batch,), generator=generator)
    errors = [float(topk_error(scores, labels, k)) for k in range(1, 8)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] == 0
    assert errors == [float(topk_error(scores.softmax(1), labels, k)) for k in range(1, 8)]
    assert errors == [float(topk_error(1000 * scores + 1e4, labels.int(), k)) for k in range(1, 8)]


def test_a_large_test_set_in_half_precision_is_counted_exactly() -> None:
    scores = torch.eye(2, dtype=torch.bfloat16).repeat(25_000, 1)
    labels = torch.zeros(50_000, dtype=torch.long)
    labels[:2] = torch.tensor([1, 1])
    assert topk_error(scores, labels, 1) == pytest.approx(25_000 / 50_000)
    assert topk_error(scores, labels, 1).dtype == torch.float32


# The results

PRINTED = {  # as the sources print them
    ("NEC-UIUC", "test", 0): 28.2,  # Russakovsky et al. 2014, table 5
    ("XRCE", "test", 0): 25.8,
    ("ISI", "test", 0): 26.2,  # Krizhevsky et al. 2012, table 2, and its abstract
    ("AlexNet", "test", 7): 15.3,
    ("AlexNet", "validation", 1): 18.2,
    ("Clarifai", "test", None): 11.7,
    ("ZFNet", "test", 6): 14.8,  # Zeiler, Fergus 2013, table 2
    ("VGG", "test", 7): 7.3,  # Simonyan, Zisserman 2014, table 7
    ("GoogLeNet", "test", 7): 6.67,  # Szegedy et al. 2014, tables 2 and 3
    ("ResNet", "test", 6): 3.57,  # He et al. 2015, tables 3 to 5
    ("SENet", "test", None): 2.251,  # Hu et al. 2017, abstract
}


def test_the_results_are_those_of_the_papers(verify: Verify) -> None:
    ours = {(r.name, r.split, r.models): r.top5 for r in RESULTS if r.crops != 10 or r.name != "ResNet"}
    assert {key: ours[key] for key in PRINTED} == PRINTED
    googlenet = {(r.models, r.crops): r.top5 for r in RESULTS if r.name == "GoogLeNet"}
    assert googlenet == {(1, 1): 10.07, (1, 144): 7.89, (7, 144): 6.67}
    resnet = {(r.models, r.crops): r.top5 for r in RESULTS if r.name == "ResNet"}
    assert resnet == {(1, 10): 5.71, (1, None): 4.49, (6, None): 3.57}
    assert [r.year for r in RESULTS] == sorted(r.year for r in RESULTS)
    assert all(r.split in ("test", "validation") and r.source.startswith(("arXiv:", "doi:")) for r in RESULTS)
    verify.record(Result, "tables of the papers", 0.0)


def test_the_table_of_the_page_shows_them() -> None:
    page = Path("docs/vision/imagenet.md").read_text("utf-8")
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in re.findall(r"^\| 20\d\d \|.*\|$", page, re.M)]
    shown = set()
    for year, entry, top5, models, layers, parameters in rows:
        name = re.sub(r"\[\^\w+\]|\]\(.*?\)|\[", "", entry)
        shown.add(
            (int(year), name, float(top5), *(int(cell) if cell else None for cell in (models, layers, parameters)))
        )
    ours = {(r.year, r.name, r.top5, r.models, r.layers, r.parameters) for r in RESULTS if r.split == "test"}
    assert shown == ours


@pytest.mark.parametrize(
    ("name", "build", "classes"), [("AlexNet", "alexnet", 60), ("VGG", "vgg19", 144), ("ResNet", "resnet152", 60)]
)
def test_the_parameters_are_those_of_torchvision(name: str, build: str, classes: int, verify: Verify) -> None:
    with torch.device("meta"):
        model = getattr(torchvision.models, build)()
    millions = sum(p.numel() for p in model.parameters()) / 1e6
    (printed,) = {r.parameters for r in RESULTS if r.name == name}
    assert printed == classes
    assert millions == pytest.approx(printed, rel=0.02)  # torchvision's AlexNet is a later one, of 61.1 million
    layers = sum(p.ndim > 1 and ".downsample." not in n for n, p in model.named_parameters())
    assert {r.layers for r in RESULTS if r.name == name} == {layers}
    verify.record(Result, f"layers and parameters of torchvision.models.{build}", 0.0)


# The interface


def test_every_public_name_is_proved() -> None:
    members = inspect.getmembers(imagenet, lambda m: inspect.isfunction(m) or inspect.isclass(m))
    public = {n for n, m in members if m.__module__ == imagenet.__name__ and not n.startswith("_")}
    assert public == {"resize_shorter_side", "center_crop", "normalize", "preprocess", "topk_error", "Result"}


FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "resize": lambda x: resize_shorter_side(x, 8),
    "crop": lambda x: center_crop(x, 8),
    "normalize": normalize,
    "preprocess": lambda x: preprocess(x, 10, 8),
    "topk": lambda x: topk_error(x[0, 0], torch.arange(12, device=x.device), 5),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS.keys())
def test_runs_on_every_device(function: Callable[[Tensor], Tensor], dtype: torch.dtype, device: str) -> None:
    x = torch.rand(2, 3, 12, 15, generator=torch.Generator().manual_seed(0)).to(dtype)
    before = x.clone()
    got, want, exact = function(x.to(device)), function(x), function(x.double())
    assert (got.device.type, got.shape, got.dtype) == (device, want.shape, want.dtype)
    assert torch.equal(x, before)  # no function changes its argument
    assert error(want, exact) <= 10 * torch.finfo(dtype).eps
    if device != "meta":
        assert error(got, want) <= 4 * torch.finfo(dtype).eps


@pytest.mark.parametrize("device", DEVICES)
def test_bytes_run_on_every_device(device: str) -> None:
    got = preprocess(PHOTOS[0].to(device))
    assert (got.device.type, got.shape, got.dtype) == (device, (3, 224, 224), torch.float32)
    assert resize_shorter_side(PHOTOS[0].to(device)).dtype == torch.uint8


@pytest.mark.usefixtures("as_a_reader")
def test_compiles_whole() -> None:
    from dlref.vision.imagenet import preprocess

    compiled = torch.compile(preprocess, fullgraph=True, backend="aot_eager")
    for image in (PHOTOS[0], PHOTOS[1] / 255):
        same_bits(compiled(image), preprocess(image))


@pytest.mark.usefixtures("as_a_reader")
def test_bad_input_names_the_rule_and_the_values() -> None:
    from dlref.vision.imagenet import center_crop, normalize, preprocess, resize_shorter_side, topk_error

    image, scores = torch.rand(3, 20, 30), torch.rand(4, 6)
    shape = r"a picture must be \(3, height, width\) or \(batch, 3, height, width\), got "
    cases: list[tuple[Callable[[], object], str]] = [
        (lambda: preprocess(image[0]), shape + r"\(20, 30\)"),
        (lambda: preprocess(image.permute(1, 2, 0)), shape + r"\(20, 30, 3\)"),
        (lambda: preprocess(image[:1]), shape + r"\(1, 20, 30\)"),
        (lambda: resize_shorter_side(image[:, :0]), shape + r"\(3, 0, 30\)"),
        (lambda: center_crop(image[:2], 4), shape + r"\(2, 20, 30\)"),
        (lambda: normalize(torch.rand(4, 20, 30)), shape + r"\(4, 20, 30\)"),
        (lambda: preprocess(image.long()), r"must be uint8, or floating point in \[0, 1\], got torch.int64"),
        (lambda: normalize((255 * image).byte()), r"floating point in \[0, 1\], got torch.uint8: divide by 255"),
        (lambda: preprocess(255 * torch.ones(3, 9, 9)), r"must lie in \[0, 1\], got 255 to 255"),
        (lambda: preprocess(image - 2), r"must lie in \[0, 1\], got -\d.*"),
        (lambda: preprocess(image * float("nan")), r"must lie in \[0, 1\], got nan to nan"),
        (lambda: preprocess(image, 10, 11), r"size must lie between 1 and the sides .*: size 11, picture 10×15"),
        (lambda: center_crop(image, 21), r"size 21, picture 20×30"),
        (lambda: center_crop(image, 0), r"size 0, picture 20×30"),
        (lambda: resize_shorter_side(image, 0), r"size must be 1 pixel or more, got 0"),
        (lambda: topk_error(scores[0], torch.tensor(1)), r"scores \(6,\), labels \(\)"),
        (lambda: topk_error(scores, torch.tensor([1, 2])), r"scores \(4, 6\), labels \(2,\)"),
        (lambda: topk_error(scores, torch.ones(4, 1).long()), r"labels \(4, 1\)"),
        (lambda: topk_error(scores[:0], torch.ones(0).long()), r"one example or more: scores \(0, 6\)"),
        (lambda: topk_error(scores, torch.ones(4).long(), 0), r"k must lie between 1 .*: k 0, 6 classes"),
        (lambda: topk_error(scores, torch.ones(4).long(), 7), r"k 7, 6 classes"),
        (lambda: topk_error(scores, torch.tensor([0, 1, 2, 6])), r"a label must lie in 0\.\.5, got 0 to 6"),
        (lambda: topk_error(scores, torch.tensor([0, -1, 2, 3])), r"a label must lie in 0\.\.5, got -1 to 3"),
    ]
    for call, message in cases:
        with pytest.raises(ValueError, match=message):
            call()
