"""The shape of the tree: one topic is one page, one module and one test file, and imports go one way.

Each rule is a function from the root of the repository to the faults it finds.
"""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from sitekit import verification
from sitekit.errors import PageError
from sitekit.links import api_names
from sitekit.pages import is_topic

MODULE_LINES = 250
SIBLINGS = 2
NO_TOPIC_TESTS = frozenset({"bench", "labs", "site", "sitekit"})
PARTS = {
    "Source": re.compile(r"(?:^|\n)Source: \S"),
    "Oracle": re.compile(r"(?:^|\n)Oracle: \S"),
    "Example": re.compile(r"\n\nExamples?:\n\s+>>> "),
}


def check_tree(root: Path = Path()) -> list[PageError]:
    """Check every rule of this module."""
    return [fault for rule in RULES for fault in rule(root)]


def topics(root: Path) -> dict[str, dict[str, Path]]:
    """Map each topic, ``training/activations``, to what it has of page, module and test file."""
    found: dict[str, dict[str, Path]] = {}
    for path in sorted((root / "docs").glob("*/*.md")):
        name = f"{path.parent.name}/{path.stem}"
        if is_topic(name):
            found.setdefault(name, {})["page"] = path
    for path in _topic_modules(root):
        found.setdefault(f"{path.parent.name}/{path.stem}".replace("_", "-"), {})["module"] = path
    for path in sorted((root / "tests").glob("*/test_*.py")):
        if path.parent.name not in NO_TOPIC_TESTS:
            name = f"{path.parent.name}/{path.stem.removeprefix('test_')}".replace("_", "-")
            found.setdefault(name, {})["test file"] = path
    return found


def check_topics(root: Path = Path()) -> list[PageError]:
    """Find a topic that lacks its page, its module or its test file."""
    faults = []
    for name, parts in topics(root).items():
        section, topic = name.split("/")
        snake = topic.replace("-", "_")
        expected = {
            "page": root / "docs" / section / f"{topic}.md",
            "module": root / "dlref" / section / f"{snake}.py",
            "test file": root / "tests" / section / f"test_{snake}.py",
        }
        here = next(iter(parts.values()))
        for part, path in expected.items():
            if part not in parts:
                faults.append(PageError(here, 1, f"the topic {name} has no {part}: {path.relative_to(root)}"))
            elif parts[part] != path:  # an underscore in the name of a page
                faults.append(PageError(parts[part], 1, f"the {part} of {name} must be called {path.name}"))
    return faults


def navigation(root: Path = Path()) -> list[str]:
    """List the pages in the order of the site's navigation, as names: ``training/activations``."""
    return [path.removesuffix(".md") for path in _nav_files(_config(root).get("nav"))]


def check_navigation(root: Path = Path()) -> list[PageError]:
    """Find navigation entries without a file, and topic pages without an entry."""
    config = root / "mkdocs.yml"
    if not config.exists():
        return [PageError(config, 1, "there is no site configuration, so no navigation")]
    lines, entries = config.read_text("utf-8").split("\n"), _nav_files(_config(root).get("nav"))
    faults = []
    for entry in entries:
        if not (root / "docs" / entry).is_file():
            line = next((number for number, text in enumerate(lines, 1) if entry in text), 1)
            faults.append(PageError(config, line, f"the navigation names {entry}, which does not exist"))
    for name, parts in topics(root).items():
        if "page" in parts and f"{name}.md" not in entries:
            faults.append(PageError(parts["page"], 1, f"the navigation in mkdocs.yml does not name {name}.md"))
    return faults


def check_lengths(root: Path = Path()) -> list[PageError]:
    """Find modules too long to hold one idea."""
    faults = []
    for path in [*_modules(root / "dlref"), *_modules(root / "sitekit")]:
        count = len(path.read_text("utf-8").splitlines())
        if count >= MODULE_LINES:
            faults.append(PageError(path, count, f"a module of {count} lines; fewer than {MODULE_LINES} are allowed"))
    return faults


def check_docstrings(root: Path = Path()) -> list[PageError]:
    """Find public functions and classes of dlref that do not say their source and oracle, or show no example."""
    faults = []
    for path in _topic_modules(root):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                text = ast.get_docstring(node) or ""
                missing = [part for part, pattern in PARTS.items() if not pattern.search(text)]
                if missing:
                    message = f"{node.name}: its docstring lacks {', '.join(missing)}"
                    faults.append(PageError(path, node.lineno, message))
    return faults


def check_record(root: Path = Path()) -> list[PageError]:
    """Find public names of dlref that were compared with nothing, and records of names that are gone."""
    record, package = root / verification.RECORD, root / "dlref"
    rows, known = {row.name for row in verification.read(record)}, api_names(package)
    faults = []
    for name in verification.public_names(package):
        if name not in rows:
            path, line = _place(root, name)
            faults.append(
                PageError(path, line, f"{name} was compared with no oracle: verify it in a test, make update")
            )
    for name in sorted(rows - known):
        lines = record.read_text("utf-8").split("\n")
        line = next((number for number, text in enumerate(lines, 1) if f'"{name}"' in text), 1)
        faults.append(PageError(record, line, f"{name} is on record, but not in the sources: run make update"))
    return faults


def check_imports(root: Path = Path()) -> list[PageError]:
    """Find imports against the direction: dlref knows nothing of the rest, and sitekit nothing of any topic."""
    faults = []
    for path in _modules(root / "dlref"):
        siblings = set()
        for name, line in _imports(path, root):
            if name.partition(".")[0] in ("sitekit", "docs", "tests"):
                faults.append(
                    PageError(path, line, f"dlref imports {name}: it knows nothing of sitekit, docs or tests")
                )
            if name.startswith("dlref."):
                siblings.add(name)
        if len(siblings) > SIBLINGS:
            message = f"imports {len(siblings)} siblings, {', '.join(sorted(siblings))}; {SIBLINGS} are the most"
            faults.append(PageError(path, 1, message))
    names = {form for topic in topics(root) for form in (topic, topic.replace("-", "_").replace("/", "."))}
    for path in _modules(root / "sitekit"):
        for name, line in _imports(path, root):
            if name.partition(".")[0] in ("dlref", "docs", "tests"):
                faults.append(PageError(path, line, f"sitekit imports {name}: it knows nothing of any topic"))
        for text, line in _strings(path):
            if any(name in text for name in names):
                faults.append(PageError(path, line, f"sitekit names a topic in {text!r}: it knows nothing of any"))
    return faults


RULES: tuple[Callable[[Path], list[PageError]], ...] = (
    check_topics,
    check_navigation,
    check_lengths,
    check_docstrings,
    check_record,
    check_imports,
)


class _Loader(yaml.SafeLoader):
    """Reads a site configuration without importing what its tags name."""


_Loader.add_multi_constructor("", lambda loader, tag, node: None)


def _config(root: Path) -> dict[str, Any]:
    return yaml.load((root / "mkdocs.yml").read_text("utf-8"), _Loader) or {}


def _nav_files(nav: Any) -> list[str]:
    """Flatten a navigation, and leave out what is no file of the site."""
    if isinstance(nav, str):
        return [] if "://" in nav else [nav]
    entries = nav.values() if isinstance(nav, dict) else nav or ()
    return [path for entry in entries for path in _nav_files(entry)]


def _modules(package: Path) -> list[Path]:
    return sorted(package.rglob("*.py"))


def _topic_modules(root: Path) -> list[Path]:
    return [path for path in sorted((root / "dlref").glob("*/*.py")) if not path.name.startswith("_")]


def _place(root: Path, name: str) -> tuple[Path, int]:
    module, _, local = name.rpartition(".")
    path = (root / module.replace(".", "/")).with_suffix(".py")
    lines = path.read_text("utf-8").split("\n")
    return path, next(number for number, line in enumerate(lines, 1) if re.match(rf"(def|class) {local}\b", line))


def _imports(path: Path, root: Path) -> Iterator[tuple[str, int]]:
    """Yield the modules that a file imports, relative imports resolved."""
    package = path.relative_to(root).parent.parts
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:  # "from package import module" imports the module
                whole = f"{module}.{alias.name}"
                yield (whole if (root / whole.replace(".", "/")).with_suffix(".py").exists() else module), node.lineno


def _strings(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the strings of a file's code; docstrings may name a topic for an example."""
    tree = ast.parse(path.read_text("utf-8"))
    statements = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in statements:
            yield node.value, node.lineno
