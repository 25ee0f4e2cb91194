"""The sources that code depends on: found through packages and relative imports, and nothing is imported."""

import sys
from pathlib import Path

import pytest

from sitekit.sources import imported_sources

FILES = {
    "lib/__init__.py": "",
    "lib/alone.py": "import numpy\n",
    "lib/layers/__init__.py": "from .dense import Dense\n",
    "lib/layers/dense.py": "from ..alone import x\nfrom . import norm\n",
    "lib/layers/norm.py": "import lib.other\n",
    "lib/other.py": "def f():\n    from lib import late\n",
    "lib/late.py": "from lib.layers.norm import y  # a circle\n",
    "lib/unused.py": "raise SystemExit('nothing is imported')\n",
    "single.py": "",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import math, numpy, torch.nn", []),
        ("import lib", ["lib/__init__.py"]),
        ("import lib.alone", ["lib/__init__.py", "lib/alone.py"]),
        ("from lib.alone import x", ["lib/__init__.py", "lib/alone.py"]),
        ("from lib import alone as a", ["lib/__init__.py", "lib/alone.py"]),
        ("from lib import nothing", ["lib/__init__.py"]),
        ("import lib.unused", ["lib/__init__.py", "lib/unused.py"]),
        ("def f():\n    import single", ["single.py"]),
        ("import singles", []),
        (
            "from lib.layers import Dense",
            ["lib/__init__.py", "lib/alone.py", "lib/late.py", "lib/layers/__init__.py", "lib/layers/dense.py",
             "lib/layers/norm.py", "lib/other.py"],
        ),
    ],
)  # fmt: skip
def test_the_sources_are_found(root: Path, code: str, expected: list[str]) -> None:
    before = set(sys.modules)
    assert [path.relative_to(root).as_posix() for path in imported_sources(code, root)] == expected
    assert set(sys.modules) == before


def test_a_changed_source_is_read_again(root: Path) -> None:
    assert len(imported_sources("import single", root)) == 1
    (root / "single.py").write_text("import lib.alone, lib.other\n", "utf-8")
    assert root / "lib/late.py" in imported_sources("import single", root)


def test_a_broken_source_is_named(root: Path) -> None:
    (root / "lib/alone.py").write_text("def (:\n", "utf-8")
    with pytest.raises(SyntaxError) as caught:
        imported_sources("import lib.alone", root)
    assert caught.value.filename == str(root / "lib/alone.py")
