"""Each topic page ends in the module of the same path."""

import os
from pathlib import Path

import pytest

from sitekit.reference import is_newer, module_of, with_reference


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("losses", "gradient_descent", "index"):
        path = tmp_path / "dlref/training" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


@pytest.mark.parametrize(
    ("page", "module"),
    [
        ("training/losses.md", "dlref.training.losses"),
        ("training/gradient-descent.md", "dlref.training.gradient_descent"),
        ("training/optimizers.md", None),
        ("training/index.md", None),
        ("losses.md", None),
        ("training/deep/losses.md", None),
        ("training/losses.py", None),
    ],
)
def test_a_page_has_the_module_of_its_path(root: Path, page: str, module: str | None) -> None:
    assert module_of(page, root) == module


def test_the_reference_stands_at_the_end(root: Path) -> None:
    assert with_reference("Text.\n\n", "training/losses.md", root) == (
        "Text.\n\n## Reference implementation { #reference-implementation }\n\n::: dlref.training.losses\n"
    )


def test_a_page_without_a_module_stays_as_it_is(root: Path) -> None:
    assert with_reference("Text.\n\n", "training/index.md", root) == "Text.\n\n"


def test_a_page_is_old_when_its_module_is_newer(root: Path) -> None:
    built = root / "index.html"
    assert not is_newer("training/losses.md", built, root)
    built.touch()
    os.utime(root / "dlref/training/losses.py", (0, 0))
    assert not is_newer("training/losses.md", built, root)
    os.utime(built, (0, 0))
    os.utime(root / "dlref/training/losses.py", (1, 1))
    assert is_newer("training/losses.md", built, root)
    assert not is_newer("training/index.md", built, root)
