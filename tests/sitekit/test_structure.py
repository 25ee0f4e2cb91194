"""The shape of the tree: a sound tree passes, and each fault planted in it is found with its file and line."""

from pathlib import Path

import pytest

from sitekit import structure
from tests.sitekit.small_site import CONFIG, MODULE, RECORD, replaced, write

MODULE_AT = "dlref/alpha/first_things.py"
RECORD_AT = "docs/verification.json"
NAME = "dlref.alpha.first_things."


def faults(root: Path) -> list[str]:
    return [f"{fault.path.relative_to(root)}:{fault.line}: {fault.message}" for fault in structure.check_tree(root)]


def found(root: Path, path: str, text: str | None, fault: str) -> bool:
    """Write the tree with one file changed, and look for a fault."""
    return any(message.startswith(fault) for message in faults(write(root, {path: text})))


def test_a_sound_tree_has_no_faults(tmp_path: Path) -> None:
    assert faults(write(tmp_path)) == []
    assert set(structure.topics(tmp_path)) == {"alpha/first-things", "beta/last"}
    assert structure.navigation(tmp_path) == ["index", "alpha/first-things", "beta/last"]


@pytest.mark.parametrize(
    ("path", "text", "fault"),
    [
        ("docs/beta/last.md", None, "dlref/beta/last.py:1: the topic beta/last has no page: docs/beta/last.md"),
        ("dlref/beta/last.py", None, "docs/beta/last.md:1: the topic beta/last has no module: dlref/beta/last.py"),
        ("tests/beta/test_last.py", None, "docs/beta/last.md:1: the topic beta/last has no test file: tests/beta/test"),
        ("docs/gamma/new.md", "", "docs/gamma/new.md:1: the topic gamma/new has no module: dlref/gamma/new.py"),
        ("dlref/alpha/a_new.py", "", "dlref/alpha/a_new.py:1: the topic alpha/a-new has no page: docs/alpha/a-new.md"),
        (
            "tests/alpha/test_new.py",
            "",
            "tests/alpha/test_new.py:1: the topic alpha/new has no page: docs/alpha/new.md",
        ),
        ("docs/alpha/first_things.md", "", "docs/alpha/first_things.md:1: the topic alpha/first_things has no"),
    ],
)
def test_a_topic_has_a_page_a_module_and_a_test_file(tmp_path: Path, path: str, text: str | None, fault: str) -> None:
    assert found(tmp_path, path, text, fault)


def test_a_test_file_is_called_like_its_module(tmp_path: Path) -> None:
    renamed = {"tests/alpha/test_first_things.py": None, "tests/alpha/test_first-things.py": ""}
    assert faults(write(tmp_path, renamed)) == [
        "tests/alpha/test_first-things.py:1: the test file of alpha/first-things must be called test_first_things.py"
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (None, "mkdocs.yml:1: there is no site configuration, so no navigation"),
        (replaced(CONFIG, "  - beta/last.md\n", ""), "docs/beta/last.md:1: the navigation in mkdocs.yml does not name"),
        (replaced(CONFIG, "beta/last", "beta/lost"), "mkdocs.yml:6: the navigation names beta/lost.md, which does not"),
    ],
)
def test_the_navigation_names_every_topic_and_nothing_else(tmp_path: Path, text: str | None, fault: str) -> None:
    assert found(tmp_path, "mkdocs.yml", text, fault)


@pytest.mark.parametrize("path", [MODULE_AT, "sitekit/long.py"])
def test_a_module_is_short(tmp_path: Path, path: str) -> None:
    lines = MODULE.splitlines()
    text = "\n".join(lines + ["x = 1"] * (250 - len(lines)))
    assert found(tmp_path, path, text, f"{path}:250: a module of 250 lines; fewer than 250 are allowed")
    write(tmp_path, {path: text.rpartition("\n")[0]})
    assert structure.check_lengths(tmp_path) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("    Source: Peano 1889, axiom 1.\n\n", "", "One: its docstring lacks Source"),
        ("Source: Peano 1889, axiom 1.", "Source:", "one: its docstring lacks Source"),
        ("    Oracle: itself.\n\n", "", "one: its docstring lacks Oracle"),
        ("\n\n    Oracle:", " Oracle:", "one: its docstring lacks Oracle"),  # not at the start of a line
        ("    Oracle: itself.", "        Oracle: itself.", "one: its docstring lacks Oracle"),  # an argument, say
        (">>> One", "One", "One: its docstring lacks Example"),
        ("    Example:\n        >>> one", "    >>> one", "one: its docstring lacks Example"),
        ("def _one()", "def two()", "two: its docstring lacks Source, Oracle, Example"),
    ],
)
def test_a_public_name_says_its_source_and_oracle(tmp_path: Path, old: str, new: str, fault: str) -> None:
    text = MODULE.replace(old, new)
    name = fault.partition(":")[0]
    line = next(n for n, code in enumerate(text.split("\n"), 1) if code.startswith((f"def {name}", f"class {name}")))
    assert found(tmp_path, MODULE_AT, text, f"{MODULE_AT}:{line}: {fault}")


def test_source_and_oracle_may_share_a_paragraph(tmp_path: Path) -> None:
    text = MODULE.replace("axiom 1.\n\n    Oracle:", "axiom 1.\n    Oracle:")
    assert text != MODULE
    assert structure.check_docstrings(write(tmp_path, {MODULE_AT: text})) == []


@pytest.mark.parametrize(
    ("path", "text", "fault"),
    [
        (MODULE_AT, replaced(MODULE, "def _one", "def two"), f"{MODULE_AT}:42: {NAME}two was compared with no oracle"),
        (RECORD_AT, None, f"{MODULE_AT}:6: {NAME}One was compared with no oracle"),
        (RECORD_AT, replaced(RECORD, "things.one", "things.uno"), f"{RECORD_AT}:4: {NAME}uno is on record, but not in"),
        (RECORD_AT, replaced(RECORD, "One.value", "One.it"), f"{RECORD_AT}:3: {NAME}One.it is on record, but not in"),
    ],
)
def test_public_names_and_the_record_agree(tmp_path: Path, path: str, text: str | None, fault: str) -> None:
    assert found(tmp_path, path, text, fault)


@pytest.mark.parametrize(
    ("path", "text", "fault"),
    [
        ("dlref/beta/last.py", "\nfrom sitekit.fences import parse\n", "2: dlref imports sitekit.fences: it knows"),
        ("dlref/beta/last.py", "\nimport tests.oracle\n", "2: dlref imports tests.oracle: it knows"),
        (
            "sitekit/x.py",
            "def f():\n    from dlref.alpha import first_things\n",
            "2: sitekit imports dlref.alpha.first",
        ),
        ("sitekit/x.py", "from tests import oracle\n", "1: sitekit imports tests: it knows nothing of any topic"),
        ("sitekit/x.py", '"""X."""\n\nPAGE = "docs/beta/last.md"\n', "3: sitekit names a topic in 'docs/beta/last.md'"),
        ("sitekit/x.py", 'NAME = "dlref.alpha.first_things.one"\n', "1: sitekit names a topic in 'dlref.alpha.first"),
    ],
)
def test_imports_go_one_way(tmp_path: Path, path: str, text: str, fault: str) -> None:
    assert found(tmp_path, path, text, f"{path}:{fault}")


@pytest.mark.parametrize(
    "imports",
    [
        "import dlref.alpha.a\nimport dlref.alpha.b\nfrom dlref.beta.last import x\n",
        "from dlref.alpha import a, b\nfrom dlref.beta import last\n",
        "from . import a, b\nfrom ..beta import last\n",
        "from .a import x\nfrom .b import y\nfrom ..beta.last import z\n",
    ],
)
def test_a_module_imports_two_siblings_at_most(tmp_path: Path, imports: str) -> None:
    siblings = {"dlref/alpha/a.py": "", "dlref/alpha/b.py": ""}
    imports = f"import ast, json\nfrom torch import Tensor\n{imports}"
    root = write(tmp_path, {MODULE_AT: imports, **siblings})
    assert [str(fault) for fault in structure.check_imports(root)] == [
        f"{root / MODULE_AT}:1: imports 3 siblings, dlref.alpha.a, dlref.alpha.b, dlref.beta.last; 2 are the most"
    ]
    write(root, {MODULE_AT: imports.rpartition("\n")[0].rpartition("\n")[0] + "\n", **siblings})
    assert structure.check_imports(root) == []
