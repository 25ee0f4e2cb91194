"""Draw the figure of a snippet: the code that is shown is the code that draws."""

import ast
import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sitekit import figure_style, figure_svg, running
from sitekit.errors import PageError
from sitekit.fences import Fence
from sitekit.figure_colors import Unfit
from sitekit.sources import imported_sources

ROOT = Path(__file__).resolve().parents[1]
CACHE = Path(".cache/figures")
SHORTEST_ALT = 20
_ID = re.compile(r"[A-Za-z][\w-]*")
_LIBRARIES = ("matplotlib", "numpy", "torch", "scikit-learn")


def render(fence: Fence, cache_dir: Path = CACHE, root: Path = ROOT) -> str:
    """Return the figure of a ``.figure`` fence as one inline SVG, drawn now or taken from the cache.

    Args:
        fence: The fence; its id prefixes the ids of the drawing, its ``alt`` names it for those who cannot see it.
        cache_dir: Where drawings are kept.
        root: The tree whose modules the code may import; a change in one of them draws the figure again.

    Raises:
        PageError: The code fails, draws no figure or several, or one that would not do on the page.
    """
    _check(fence)
    entry = cache_dir / f"{key(fence, root)}.svg"
    if not entry.exists():
        _store(entry, draw(fence))
    return figure_svg.named(entry.read_text("utf-8"), fence.id, fence.attributes["alt"])


def key(fence: Fence, root: Path = ROOT) -> str:
    """Return the name of a drawing in the cache: a hash of all that decides how it looks."""
    digest = hashlib.sha256(_machinery().encode())
    try:
        sources = imported_sources(fence.code, root)
    except SyntaxError as error:
        if error.filename in (None, "<code>"):
            raise PageError(fence.path, fence.line + (error.lineno or 1), f"SyntaxError: {error.msg}") from None
        raise PageError(error.filename or "", error.lineno or 1, f"SyntaxError: {error.msg}") from None
    for content in (fence.code.encode(), *(path.read_bytes() for path in sources)):
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def draw(fence: Fence) -> str:
    """Run the code of a fence and return its figure, fit for a page but for its id and its name."""
    _check_code(fence)
    import matplotlib.pyplot as plt

    plt.close("all")
    with figure_style.use(), _fresh("dlref"), running.running(fence.code, fence.path, fence.code_line):
        drawn = plt.get_fignums()
        if len(drawn) != 1:
            count = f"{len(drawn)} figures" if drawn else "no figure"
            raise PageError(fence.path, fence.line, f"a .figure fence draws one figure with pyplot; this draws {count}")
        try:
            return figure_svg.fit(figure_style.drawn(plt.figure(drawn[0])))
        except Unfit as fault:
            raise PageError(fence.path, _line_of_color(fence, fault.color), str(fault)) from None
        except Exception as error:
            raise PageError(fence.path, fence.line, f"the figure cannot be drawn: {error}") from error


def _check(fence: Fence) -> None:
    """Refuse what can be refused before anything runs."""
    alt = fence.attributes.get("alt", "").strip()
    fault = ""
    if not _ID.fullmatch(fence.id):
        fault = f"a figure needs an id of letters, digits and '-', as in #fig-losses; this is {fence.id!r}"
    elif len(alt) < SHORTEST_ALT or " " not in alt:
        fault = (
            f"alt={alt!r} does not tell what one sees: say in a sentence ({SHORTEST_ALT} letters or more) what the "
            "figure shows to somebody who cannot see it"
        )
    elif taken := {"raises", "requires"} & fence.attributes.keys():
        fault = f"a figure is drawn on every machine: it cannot have {taken.pop()}="
    if fault:
        raise PageError(fence.path, fence.line, fault)


def _check_code(fence: Fence) -> None:
    for node in ast.walk(ast.parse(fence.code)):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("plt.show", "plt.savefig", "fig.savefig"):
            message = f"the page shows the figure itself: leave out {ast.unparse(node)}()"
            raise PageError(fence.path, fence.line + node.lineno, message)


@lru_cache(maxsize=1)
def _machinery() -> str:
    parts = [f"{name} {_version(name)}" for name in _LIBRARIES]
    own = [Path(__file__), *imported_sources("from sitekit import figure_style, figure_svg", ROOT)]
    return "\0".join([*parts, *(path.read_text("utf-8") for path in own)])


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "none"


def _store(entry: Path, svg: str) -> None:
    """Write a cache entry whole or not at all: builds may run side by side."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=entry.parent, suffix=".tmp", delete=False) as file:
        file.write(svg)
    os.replace(file.name, entry)


@contextmanager
def _fresh(package: str) -> Iterator[None]:
    """Import the package anew, so that a site that is being served draws with the code as it stands now."""
    kept = _taken(package)
    try:
        yield
    finally:
        _taken(package)
        sys.modules.update(kept)


def _taken(package: str) -> dict[str, Any]:
    names = [name for name in sys.modules if name == package or name.startswith(f"{package}.")]
    return {name: sys.modules.pop(name) for name in names}


def _line_of_color(fence: Fence, color: str) -> int:
    """Find the line of the code that names a colour, ``"black"`` or as in ``"k--"``; the fence's own if none does."""
    from matplotlib.colors import is_color_like, to_hex

    for node in ast.walk(ast.parse(fence.code)) if color else ():
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            names = [node.value, *(node.value if len(node.value) <= 4 else "")]
            if any(is_color_like(name) and to_hex(name) == color for name in names):
                return fence.line + node.lineno
    return fence.line
