"""The verification record: bounds rounded up, merged, kept while they hold, said in words."""

from pathlib import Path

import pytest

from sitekit.verification import Row, merge, public_names, read, round_up, sentence, write


def row(values: float, gradients: float | None = None, name: str = "dlref.a.f") -> Row:
    return Row(name, "torch.f", "float64", values, gradients)


@pytest.mark.parametrize(
    ("error", "bound"), [(0.0, 0.0), (1e-16, 1e-16), (1.01e-16, 2e-16), (9.9e-9, 1e-8), (0.5, 0.5), (3.0, 3.0)]
)
def test_a_bound_is_the_error_rounded_up_to_one_digit(error: float, bound: float) -> None:
    assert round_up(error) == bound


def test_rows_of_one_name_and_oracle_are_joined_at_their_worst() -> None:
    assert merge([row(1e-16), row(3e-16, 2e-15)], []) == [row(3e-16, 2e-15)]
    assert len(merge([row(1e-16), row(1e-16, name="dlref.a.g")], [])) == 2


def test_a_recorded_bound_stays_while_it_holds_and_is_near() -> None:
    assert merge([row(1.2e-16)], [row(9e-16)]) == [row(9e-16)]
    assert merge([row(1.2e-12)], [row(9e-10)]) == [row(2e-12)]
    assert merge([row(2e-15)], [row(9e-16)]) == [row(2e-15)]


def test_a_row_without_its_test_goes() -> None:
    assert merge([], [row(1e-16)]) == []


def test_the_file_comes_back_as_written(tmp_path: Path) -> None:
    rows = [row(2e-16, name="dlref.b.f"), row(0.0, 1e-15)]
    write(rows, tmp_path / "record.json")
    assert read(tmp_path / "record.json") == sorted(rows)
    assert read(tmp_path / "none.json") == []


def test_a_row_in_words() -> None:
    assert sentence(row(2e-16, 0.0)) == "equals torch.f: values to 2e-16, gradients exactly (float64)"
    assert sentence(row(1e-8)) == "equals torch.f: values to 1e-8 (float64)"


def test_public_names_are_the_functions_and_classes_of_topic_modules(tmp_path: Path) -> None:
    package = tmp_path / "dlref"
    (package / "training").mkdir(parents=True)
    (package / "__init__.py").write_text("def no(): ...\n")
    (package / "training" / "losses.py").write_text("from math import pi\ndef f(): ...\ndef _g(): ...\nclass C: ...\n")
    assert public_names(package) == ["dlref.training.losses.f", "dlref.training.losses.C"]
