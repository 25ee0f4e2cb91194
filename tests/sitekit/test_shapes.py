"""The shape checker: on in tests, off where a reader's own view is the subject."""

import importlib
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from jaxtyping import TypeCheckError

from sitekit import shapes


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "dlref_sample").mkdir()
    (tmp_path / "dlref_sample" / "__init__.py").write_text("")
    (tmp_path / "dlref_sample" / "module.py").write_text(
        textwrap.dedent("""
            from jaxtyping import Float
            from torch import Tensor

            def double(x: Float[Tensor, "batch 2"]) -> Float[Tensor, "batch 2"]:
                return 2 * x
        """)
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(shapes, "PACKAGE", "dlref_sample")
    monkeypatch.setattr(shapes, "_hooks", [])
    monkeypatch.setattr(shapes, "_unchecked", {})
    monkeypatch.setattr(sys, "meta_path", sys.meta_path[:])
    return "dlref_sample.module"


def test_a_wrong_shape_is_caught_except_in_the_readers_view(package: str) -> None:
    shapes.check_shapes()
    checked = importlib.import_module(package)
    with pytest.raises(TypeCheckError):
        checked.double(torch.zeros(4, 3))
    with shapes.unchecked():
        plain = importlib.import_module(package)
        assert plain.double(torch.zeros(4, 3)).shape == (4, 3)
    with shapes.unchecked():
        assert importlib.import_module(package) is plain
    assert importlib.import_module(package) is checked
