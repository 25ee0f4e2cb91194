"""Check the shapes and dtypes of dlref's annotations while tests and snippets run.

The check goes off where an error message of dlref itself is the subject: the checker would answer first.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from types import ModuleType

from jaxtyping import install_import_hook

PACKAGE = "dlref"
_hooks: list[MetaPathFinder] = []
_unchecked: dict[str, ModuleType] = {}


def check_shapes() -> None:
    """Have beartype check every jaxtyping annotation of dlref's modules from their next import on."""
    if _hooks:
        return
    before = list(sys.meta_path)
    install_import_hook(PACKAGE, "beartype.beartype")
    _hooks.extend(finder for finder in sys.meta_path if finder not in before)  # type: ignore[misc]


@contextmanager
def unchecked() -> Iterator[None]:
    """Import dlref as a reader does, without the checker, for the length of a ``with`` block."""
    checked = _take_modules()
    hooks = [finder for finder in sys.meta_path if finder in _hooks]
    sys.meta_path[:] = [finder for finder in sys.meta_path if finder not in _hooks]
    sys.modules.update(_unchecked)
    try:
        yield
    finally:
        _unchecked.update(_take_modules())
        sys.meta_path[:0] = hooks
        sys.modules.update(checked)


def _take_modules() -> dict[str, ModuleType]:
    names = [name for name in sys.modules if name == PACKAGE or name.startswith(f"{PACKAGE}.")]
    return {name: sys.modules.pop(name) for name in names}
