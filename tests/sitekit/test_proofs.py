"""Docstrings show where their formula comes from, what they must equal, and how closely they do."""

from pathlib import Path

import griffe
import pytest
from markdown import Markdown

from sitekit import verification
from sitekit.proofs import Proofs, labelled
from sitekit.verification import Row

ROW = Row("pkg.part.silu", "torch.nn.functional.silu", "float64", 2e-16, 4e-16)
DOCSTRING = """Multiply by the sigmoid.

Args:
    x: Anything.

        With more said about it.

Source: Ramachandran, Zoph, Le 2017,
    arXiv:1710.05941, section 3; also doi:10.1016/j.neunet.2017.12.012.
Oracle: torch.nn.functional.silu.

Example:
    >>> 1 + 1
    2
"""


PART = '''"""A part."""
from math import sqrt


def silu():
    """Do.

    Oracle: torch.nn.functional.silu.
    """


class Thing:
    """Be.

    Source: me.
    """

    def act(self):
        """Act.

        Source: you.
        """


def bare(): ...
'''


def link(name: str) -> str:
    return f'<autoref identifier="{name}" optional><code>{name}</code></autoref>'


def test_facts_become_labelled_paragraphs_and_the_rest_stays() -> None:
    assert labelled(DOCSTRING, [ROW]).split("\n\n") == [
        "Multiply by the sigmoid.",
        "Args:\n    x: Anything.",
        "        With more said about it.",
        "**Source** Ramachandran, Zoph, Le 2017, [arXiv:1710.05941](https://arxiv.org/abs/1710.05941), section 3; "
        "also [doi:10.1016/j.neunet.2017.12.012](https://doi.org/10.1016/j.neunet.2017.12.012).\n"
        "{ .doc-fact .doc-fact--source }",
        f"**Oracle** {link('torch.nn.functional.silu')}.\n{{ .doc-fact .doc-fact--oracle }}",
        f"**Verified** equals {link('torch.nn.functional.silu')}: values to 2e-16, gradients to 4e-16 (float64).\n"
        "{ .doc-fact .doc-fact--verified }",
        "Examples: Example\n    >>> 1 + 1\n    2",
    ]


def test_a_docstring_without_facts_ends_in_its_proofs() -> None:
    assert labelled("Do it.") == "Do it."
    assert labelled("Do it.", [ROW, ROW]).count("**Verified** equals") == 2
    assert labelled("Do it.", [ROW]).startswith("Do it.\n\n**Verified**")


def test_a_word_that_looks_like_a_label_is_left_alone() -> None:
    for docstring in ("The Source: is here.", "Args:\n    Source: an argument.", "Sources: many."):
        assert labelled(docstring) == docstring


def test_markdown_makes_a_paragraph_with_the_label_of_it() -> None:
    html = Markdown(extensions=["attr_list"]).convert(labelled("Oracle: scipy.special.expit."))
    assert html == '<p class="doc-fact doc-fact--oracle"><strong>Oracle</strong> scipy.special.expit.</p>'


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "pkg"
    folder.mkdir()
    (folder / "__init__.py").write_text('"""A package."""\n', "utf-8")
    (folder / "part.py").write_text(PART, "utf-8")
    return tmp_path


def docstring(module: griffe.Object, name: str) -> str:
    found = module[name].docstring
    return found.value if found else ""


def test_griffe_shows_the_proof_under_the_name_it_belongs_to(package: Path) -> None:
    record = package / "verification.json"
    verification.write([ROW, Row("pkg.part.bare", "math.sqrt", "float64", 0.0, None)], record)
    extensions = griffe.load_extensions(Proofs(str(record)))
    loaded = griffe.load("pkg", search_paths=[package], extensions=extensions)
    assert isinstance(loaded, griffe.Module)
    part = loaded["part"]
    assert "**Verified** equals <autoref" in docstring(part, "silu")
    assert docstring(part, "bare").startswith("**Verified** equals math.sqrt: values exactly (float64).")
    assert docstring(part, "Thing.act").startswith("Act.\n\n**Source** you.")
    assert "Verified" not in docstring(part, "Thing")


def test_without_a_record_there_are_no_proofs(package: Path) -> None:
    extensions = griffe.load_extensions(Proofs(str(package / "missing.json")))
    loaded = griffe.load("pkg", search_paths=[package], extensions=extensions)
    assert isinstance(loaded, griffe.Module)
    assert "Verified" not in docstring(loaded["part"], "silu")
    assert "**Oracle**" in docstring(loaded["part"], "silu")
