"""Links to torch, NumPy and Python: each name exists, each address is the documented one, none is missing."""

import urllib.request
from pathlib import Path

import pytest

from sitekit import inventories, linked_names
from sitekit.inventories import BASES, VENDOR

ROOT = VENDOR.parents[1]
MODULE = '''
"""A module; see torch.autograd.gradcheck and F.mse_loss, not mytorch.nn or torch.autograd."""
import numpy as np
import torch.nn.functional as F
from collections.abc import Callable
from jaxtyping import Float
from torch import Tensor, nn
from .sibling import Other


class Layer(nn.Linear):
    def forward(self, x: Float[Tensor, "n"], scale: float = 1.0) -> np.ndarray:
        """Raise it. ValueError is raised; compare numpy.random.default_rng."""
        return F.relu(x)


def make(build: Callable[[np.random.Generator], Tensor | None], other: Other) -> tuple[int, ...]: ...
'''


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("torch.nn.functional.silu", "generated/torch.nn.functional.silu.html#torch.nn.functional.silu"),
        ("torch.nn.Linear", "generated/torch.nn.Linear.html#torch.nn.Linear"),
        ("torch.nn.Module.forward", "generated/torch.nn.Module.html#torch.nn.Module.forward"),
        ("torch.Tensor", "tensors.html#torch.Tensor"),
        ("torch.Tensor.backward", "generated/torch.Tensor.backward.html#torch.Tensor.backward"),
        ("torch.Tensor.grad", "generated/torch.Tensor.grad.html#torch.Tensor.grad"),
        ("torch.dtype", "tensor_attributes.html#torch.dtype"),
        ("torch.finfo", "type_info.html#torch.finfo"),
        ("torch.autograd.Function", "autograd.html#torch.autograd.Function"),
        ("torch.nn.init.kaiming_normal_", "nn.init.html#torch.nn.init.kaiming_normal_"),
        ("numpy.ndarray", "reference/generated/numpy.ndarray.html#numpy.ndarray"),
        ("numpy.random.Generator", "reference/random/generator.html#numpy.random.Generator"),
        ("numpy.linalg.norm", "reference/generated/numpy.linalg.norm.html#numpy.linalg.norm"),
        ("int", "library/functions.html#int"),
        ("tuple", "library/stdtypes.html#tuple"),
        ("ValueError", "library/exceptions.html#ValueError"),
        ("collections.abc.Callable", "library/collections.abc.html#collections.abc.Callable"),
    ],
)  # fmt: skip
def test_a_name_leads_to_its_documentation(name: str, address: str) -> None:
    entry = inventories.entry(name)
    assert entry is not None
    assert entry.uri_expanded == address


def test_names_whose_page_is_called_otherwise() -> None:
    gradcheck, normal = (
        inventories.entry("torch.autograd.gradcheck"),
        inventories.entry("numpy.random.Generator.normal"),
    )
    assert gradcheck is not None
    assert gradcheck.uri == "generated/torch.autograd.gradcheck.gradcheck.html#torch.autograd.gradcheck.gradcheck"
    assert normal is not None
    assert normal.uri == "reference/random/generated/numpy.random.Generator.normal.html#$"


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("torch.relu", "function"),
        ("torch.Tensor", "class"),
        ("torch.Tensor.backward", "method"),
        ("torch.Tensor.grad", "attribute"),
        ("TypeError", "exception"),
    ],
)
def test_a_name_has_its_role(name: str, role: str) -> None:
    entry = inventories.entry(name)
    assert entry is not None
    assert entry.role == role


@pytest.mark.parametrize("name", ["torch.autograd", "torch.float64", "numpy.pi"])
def test_a_module_or_a_constant_gets_no_link(name: str) -> None:
    assert inventories.entry(name) is None


@pytest.mark.parametrize("name", ["torch.nn.functional.swish", "numpy.nothing", "torch.Tensor.nothing"])
def test_a_name_that_does_not_exist_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match=f"no such name, so nothing to link to: {name}"):
        inventories.entry(name)


def test_the_names_of_a_module_are_those_of_its_annotations_bases_and_docstrings() -> None:
    assert linked_names.names_in_module(MODULE) == {
        "torch.autograd", "torch.autograd.gradcheck", "torch.nn.Linear", "torch.nn", "torch.Tensor", "numpy",
        "numpy.ndarray", "numpy.random", "numpy.random.Generator", "numpy.random.default_rng", "ValueError", "float",
        "int", "tuple", "collections.abc.Callable",
    }  # fmt: skip


def test_the_names_of_a_page_are_those_of_its_references() -> None:
    page = "[silu][torch.nn.functional.silu], [`torch.relu`][], [x][dlref.a.b], [y](z.md), torch.tanh, [^1][]"
    assert linked_names.names_in_page(page) == {"torch.nn.functional.silu", "torch.relu"}


def test_an_inventory_survives_being_written_and_is_left_alone_if_it_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "torch.inv"
    found = inventories.inventory("torch", {"torch.relu", "numpy.ndarray", "int", "torch.Tensor"})
    inventories.write(found, path)
    first = path.stat().st_mtime_ns
    assert inventories.read(path) == [
        "torch.Tensor class tensors.html#torch.Tensor",
        "torch.relu function generated/torch.relu.html#torch.relu",
    ]
    inventories.write(found, path)
    assert path.stat().st_mtime_ns == first
    inventories.write(inventories.inventory("torch", {"torch.relu"}), path)
    assert len(inventories.read(path)) == 1


@pytest.mark.parametrize("library", BASES)
def test_the_inventories_hold_every_name_that_the_site_uses(library: str) -> None:
    wanted = inventories.lines(inventories.inventory(library, linked_names.collect(ROOT)))
    missing = set(wanted) - set(inventories.read(VENDOR / f"{library}.inv"))
    assert not missing, f"run: python -m sitekit.inventories, {sorted(missing)} are missing"


def test_paths_of_inventories_become_addresses_that_change_with_the_file(tmp_path: Path) -> None:
    remote = "https://example.com/objects.inv"
    seen = set()
    for content in (b"one", b"two"):
        (tmp_path / "torch.inv").write_bytes(content)
        handlers = {"python": {"inventories": [{"url": "torch.inv"}, {"url": remote}, remote]}}
        inventories.localize(handlers, tmp_path)
        local, *others = handlers["python"]["inventories"]
        assert others == [{"url": remote}, remote]
        assert isinstance(local, dict)
        assert local["url"].partition("#")[0] == (tmp_path / "torch.inv").as_uri()
        with urllib.request.urlopen(local["url"]) as file:
            assert file.read() == content
        seen.add(local["url"])
    assert len(seen) == 2
