"""``python -m sitekit``: ``check`` and ``update`` run pages and modules, ``lock`` notes the questions' addresses."""

import argparse
import sys
from pathlib import Path

import torch

from sitekit import addresses, collect, coverage, docstrings, fences, running
from sitekit.errors import PageError
from sitekit.shapes import check_shapes
from sitekit.update import update


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m sitekit", description=__doc__)
    parser.add_argument("command", choices=["check", "update", "lock"])
    parser.add_argument("paths", nargs="*", type=Path, help="pages and modules (default: all)")
    parser.add_argument("--force", action="store_true", help="update: also change a documented number")
    options = parser.parse_intermixed_args(arguments)
    if options.command == "lock":
        addresses.lock_addresses()
        coverage.raise_floor()
        return 0
    torch.set_num_threads(1)
    check_shapes()
    paths = options.paths or [*collect.pages(Path()), *sorted(Path("dlref").rglob("*.py"))]
    faults: list[PageError] = []
    for path in paths:
        faults += _check(path) if options.command == "check" else _update(path, options.force)
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults and options.command == "update":
        print("Nothing above was changed. Find out which is wrong, the page or the code; --force rewrites the page.")
    return bool(faults)


def _check(path: Path) -> list[PageError]:
    text = path.read_text("utf-8")
    if path.suffix == ".py":
        items, faults = list(docstrings.examples(text, path)), []
    else:
        items, faults = fences.scan(text, path)
    count = 0
    for item in items:
        try:
            if isinstance(item, PageError):
                raise item
            if isinstance(item, docstrings.Example):
                collect.check_docstring(item)
            elif item.runs and not running.missing(item):
                collect.check_fence(item)
            else:
                continue
            count += 1
        except PageError as fault:
            faults.append(fault)
    print(f"{path}: {count} passed, {len(faults)} failed")
    return faults


def _update(path: Path, force: bool) -> list[PageError]:
    try:
        result = update(path, force=force)
    except PageError as fault:
        return [fault]
    if result.after != result.before:
        path.write_text(result.after, "utf-8")
        print(result.diff())
    return result.refused


if __name__ == "__main__":
    sys.exit(main())
