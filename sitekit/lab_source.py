"""A lab as it is written: a percent-format Python file, read as a notebook whose cells know their lines.

A code cell may begin with options, as Quarto writes them; they are no part of the code that is run::

    # %%
    #| fig-alt: What one sees in the figure, for those who cannot see it.
    #| code-fold: true
    plt.plot(...)
"""

import ast
import hashlib
import re
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jupytext
import yaml
from nbformat import NotebookNode

from sitekit.errors import PageError
from sitekit.sources import imported_sources

ROOT = Path(__file__).resolve().parents[1]
LIBRARIES = ("torch", "numpy", "matplotlib", "scikit-learn", "ipykernel")
OPTIONS = {"fig-alt": str, "code-fold": bool}
SHORTEST_ALT = 20
_MACHINERY = "from sitekit import figure_svg, lab_kernel, lab_source, labs"
_KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def read(path: Path) -> NotebookNode:
    """Read a lab.

    Returns:
        A notebook without outputs. Its metadata hold the ``front`` matter; those of each cell its ``line``, the line of
        the file on which its first line stands, and of a code cell its ``options``. Ids count the cells.

    Raises:
        PageError: Front matter, cells, options or code cannot be read.
    """
    text = path.read_text("utf-8")
    notebook = jupytext.reads(text, "py:percent")
    front = _front_matter(notebook, path)
    markers = [number for number, line in enumerate(text.splitlines(), 1) if re.match(r"# %%(?: |$)", line)]
    if len(markers) != len(notebook.cells):
        raise PageError(path, 1, "between the front matter and the end of a lab, all text stands in cells: # %%")
    if not notebook.cells or notebook.cells[0].cell_type != "markdown" or not notebook.cells[0].source.startswith("# "):
        raise PageError(
            path, markers[0] if markers else 1, "the first cell of a lab is text, and begins with its heading"
        )
    for index, (cell, marker) in enumerate(zip(notebook.cells, markers, strict=True), 1):
        cell.id = f"cell-{index:02}"
        cell.metadata = NotebookNode(line=marker + 1)
        if cell.cell_type == "raw":
            raise PageError(path, marker, "a cell holds code, # %%, or text, # %% [markdown]")
        if cell.cell_type == "code":
            cell.execution_count, cell.outputs = None, []
            _take_options(cell, path)
            _parse(cell.source, path, cell.metadata.line)
    notebook.metadata = NotebookNode(
        front=front, kernelspec=NotebookNode(_KERNEL), language_info=NotebookNode(name="python")
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """List the code cells."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook: NotebookNode) -> str:
    """Return the text cells, each line at its place in the file and the lines of code empty, for checks of pages."""
    lines: list[str] = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            lines += [""] * (cell.metadata.line - 1 - len(lines)) + cell.source.split("\n")
    return "\n".join(lines) + "\n"


def key(notebook: NotebookNode, root: Path = ROOT) -> str:
    """Return a hash of all that decides what the lab's cells show; prose and options do not."""
    code = "\n".join(cell.source for cell in code_cells(notebook))
    digest = hashlib.sha256(_machinery().encode())
    for content in (code.encode(), *(source.read_bytes() for source in imported_sources(code, root))):
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:20]


def _machinery() -> str:
    sources = imported_sources(_MACHINERY, ROOT)
    return "\0".join([*map(_version, LIBRARIES), *(source.read_text("utf-8") for source in sources)])


@lru_cache
def _version(library: str) -> str:
    try:
        return f"{library} {version(library)}"
    except PackageNotFoundError:
        return f"{library} is missing"


def _front_matter(notebook: NotebookNode, path: Path) -> dict[str, Any]:
    first = notebook.cells[0] if notebook.cells else None
    if first is None or first.cell_type != "raw":
        raise PageError(path, 1, "a lab begins with front matter: # --- / # title: ... / # description: ... / # ---")
    try:
        front = yaml.safe_load(notebook.cells.pop(0).source.strip().strip("-"))
    except yaml.YAMLError as error:
        raise PageError(path, 1, f"the front matter is no YAML: {error}") from None
    for field in ("title", "description"):
        if not isinstance(front, dict) or not front.get(field):
            raise PageError(path, 1, f"the front matter of a lab has a {field}, which its page and its links show")
    return front


def _take_options(cell: NotebookNode, path: Path) -> None:
    lines, line = cell.source.split("\n"), cell.metadata.line
    count = next((n for n, text in enumerate(lines) if not text.startswith("#|")), len(lines))
    try:
        options = yaml.safe_load("\n".join(text.removeprefix("#|").removeprefix(" ") for text in lines[:count])) or {}
    except yaml.YAMLError as error:
        raise PageError(path, line, f"the options of the cell are no YAML: {error}") from None
    for name, value in options.items() if isinstance(options, dict) else [(options, None)]:
        if name not in OPTIONS or not isinstance(value, OPTIONS[name]):
            known = ", ".join(f"{option}: {kind.__name__}" for option, kind in OPTIONS.items())
            raise PageError(path, line, f"unknown option {name}: {value!r}; a cell may have {known}")
    alt = options.get("fig-alt")
    if alt is not None and (len(alt) < SHORTEST_ALT or " " not in alt):
        raise PageError(path, line, f"fig-alt: {alt!r} does not tell what one sees: say it in a sentence")
    cell.source = "\n".join(lines[count:])
    cell.metadata.options = NotebookNode(options)
    cell.metadata.line = line + count


def _parse(code: str, path: Path, line: int) -> None:
    try:
        ast.parse(code)
    except SyntaxError as error:
        raise PageError(path, line + (error.lineno or 1) - 1, f"SyntaxError: {error.msg}") from None
