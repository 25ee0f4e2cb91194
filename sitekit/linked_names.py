"""The names of torch, NumPy and Python that the site links to: those that dlref's annotations and the pages use."""

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path

ALWAYS = frozenset({"torch.Tensor", "torch.nn.Module", "numpy.ndarray", "int", "float", "bool", "str", "ValueError"})
PYTHON_MODULES = frozenset("collections.abc collections contextlib dataclasses functools itertools math typing".split())
_REFERENCE = re.compile(r"\[`?(?P<text>[^\[\]`]*)`?\]\[(?P<name>[\w.]*)\]")
_DOTTED = re.compile(r"(?<![\w./])(?:torch|numpy)(?:\.[A-Za-z_]\w*)+")
_RAISED = re.compile(r"\b[A-Z]\w*(?:Error|Warning)\b")


def collect(root: Path) -> set[str]:
    """Return every name of torch, NumPy and Python that the site below ``root`` may link to."""
    names = set(ALWAYS)
    for source in sorted((root / "dlref").rglob("*.py")):
        names |= names_in_module(source.read_text("utf-8"))
    for page in sorted([*(root / "docs").rglob("*.md"), *(root / "docs").glob("labs/*.py")]):
        names |= names_in_page(page.read_text("utf-8"))
    return names


def names_in_page(text: str) -> set[str]:
    """Return the torch and NumPy names that a page refers to: ``[silu][torch.nn.functional.silu]``, or as its text."""
    names = {match["name"] or match["text"] for match in _REFERENCE.finditer(text)}
    return {name for name in names if name.startswith(("torch.", "numpy."))}


def names_in_module(source: str) -> set[str]:
    """Return the names of other libraries in a module's annotations, base classes and docstrings."""
    tree = ast.parse(source)
    imported = _imports(tree)
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            docstring = ast.get_docstring(node) or ""
            found |= set(_DOTTED.findall(docstring)) | set(_RAISED.findall(docstring))
        for expression in _linked_expressions(node):
            found |= {_full_name(inner, imported) for inner in ast.walk(expression)}
    return {name for name in found if _known(name)}


def _known(name: str) -> bool:
    library = name.partition(".")[0]
    return library in ("torch", "numpy") or name.rpartition(".")[0] in PYTHON_MODULES or hasattr(builtins, name)


def _imports(tree: ast.Module) -> dict[str, str]:
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _linked_expressions(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
        yield node.annotation
    elif isinstance(node, ast.FunctionDef) and node.returns:
        yield node.returns
    elif isinstance(node, ast.ClassDef):
        yield from node.bases


def _full_name(node: ast.AST, imported: dict[str, str]) -> str:
    if isinstance(node, ast.Attribute):
        owner = _full_name(node.value, imported)
        return f"{owner}.{node.attr}" if owner else ""
    return imported.get(node.id, node.id) if isinstance(node, ast.Name) else ""
