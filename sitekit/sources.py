"""Which source files a piece of code depends on, read from the sources alone: nothing is imported."""

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

Import = tuple[str, tuple[str, ...], int]  # the module, the names taken from it, the dots before it


def imported_sources(code: str, root: Path) -> list[Path]:
    """List the files under ``root`` that the code imports, and those that they import in turn, sorted.

    A package counts with its ``__init__.py``, and so do the packages above an imported module. Modules that are not
    found under ``root`` (the standard library, installed packages) are left out.

    Raises:
        SyntaxError: The code, or a source that it imports, is no Python.
    """
    root = root.resolve()
    found: set[Path] = set()
    pending = [path for item in _imports(code) for path in _files(item, root, root)]
    while pending:
        path = pending.pop()
        if path not in found:
            found.add(path)
            pending.extend(file for item in _imports_of(path) for file in _files(item, root, path.parent))
    return sorted(found)


def _imports_of(path: Path) -> tuple[Import, ...]:
    return _parsed(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=1024)
def _parsed(path: Path, _changed: int) -> tuple[Import, ...]:
    return tuple(_imports(path.read_text("utf-8"), str(path)))


def _imports(code: str, name: str = "<code>") -> Iterator[Import]:
    for node in ast.walk(ast.parse(code, name)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, (), 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", tuple(alias.name for alias in node.names), node.level


def _files(item: Import, root: Path, directory: Path) -> Iterator[Path]:
    """Yield the files that one import statement reads: packages on the way, the module, submodules among its names."""
    module, names, level = item
    base = root if not level else [directory, *directory.parents][level - 1]
    parts = module.split(".") if module else []
    for depth in range(1, len(parts) + 1):
        place = base.joinpath(*parts[:depth])
        yield from _existing(place / "__init__.py", place.with_name(place.name + ".py"))
    for name in names:
        place = base.joinpath(*parts, name)
        if parts or level:
            yield from _existing(place / "__init__.py", place.with_name(place.name + ".py"))


def _existing(*paths: Path) -> Iterator[Path]:
    yield from (path for path in paths if path.is_file())
