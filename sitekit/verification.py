"""The verification record: what each public name of dlref was compared with, and how far apart the two were."""

import ast
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

RECORD = Path("docs/verification.json")


@dataclass(frozen=True, order=True)
class Row:
    """One comparison: ``name`` against ``oracle`` in ``dtype``.

    ``values`` and ``gradients`` are the largest errors seen, relative to the larger of 1 and the oracle's largest
    entry; ``gradients`` is None where no gradient was compared.
    """

    name: str
    oracle: str
    dtype: str
    values: float
    gradients: float | None


def round_up(error: float) -> float:
    """Round an error up to one significant digit, so that the record holds a bound and seldom changes."""
    if error == 0:
        return 0.0
    exponent = math.floor(math.log10(error))
    return float(f"{math.ceil(error / 10**exponent - 1e-9)}e{exponent}")


def read(path: Path = RECORD) -> list[Row]:
    """Read the committed record; empty where there is none yet."""
    return [Row(**row) for row in json.loads(path.read_text("utf-8"))] if path.exists() else []


def write(rows: Iterable[Row], path: Path = RECORD) -> None:
    """Write the record, one row a line, sorted by name."""
    lines = ",\n".join(
        json.dumps(asdict(row), ensure_ascii=False) for row in sorted(rows, key=lambda r: r.name + r.oracle)
    )
    path.write_text(f"[\n{lines}\n]\n", "utf-8")


def merge(rows: Iterable[Row], recorded: Iterable[Row]) -> list[Row]:
    """Join measured rows into one per name, oracle and dtype, keeping a recorded bound up to ten times wider."""
    kept = {(row.name, row.oracle, row.dtype): row for row in recorded}
    worst: dict[tuple[str, str, str], Row] = {}
    for row in rows:
        key = (row.name, row.oracle, row.dtype)
        seen = worst.get(key, row)
        gradients = [g for g in (seen.gradients, row.gradients) if g is not None]
        worst[key] = Row(*key, max(seen.values, row.values), max(gradients) if gradients else None)
    return [_keep_bound(row, kept.get(key)) for key, row in worst.items()]


def _keep_bound(row: Row, recorded: Row | None) -> Row:
    def bound(measured: float | None, old: float | None) -> float | None:
        if measured is None:
            return None
        if old is not None and measured <= old <= max(10 * measured, 1e-15):
            return old
        return round_up(measured)

    values = bound(row.values, recorded.values if recorded else None)
    assert values is not None
    return Row(row.name, row.oracle, row.dtype, values, bound(row.gradients, recorded.gradients if recorded else None))


def public_names(package: Path) -> list[str]:
    """List every public function and class of the package's topic modules, read from the source, nothing imported."""
    names = []
    for source in sorted(package.rglob("*.py")):
        if source.name.startswith("_"):
            continue
        module = ".".join(source.relative_to(package.parent).with_suffix("").parts)
        for node in ast.parse(source.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                names.append(f"{module}.{node.name}")
    return names


def sentence(row: Row) -> str:
    """Say a row in words: ``equals torch.nn.functional.silu: values to 2e-16, gradients to 4e-16 (float64)``."""

    def words(error: float) -> str:
        return "exactly" if error == 0 else f"to {error:.0e}".replace("e-0", "e-")

    parts = [f"values {words(row.values)}"]
    if row.gradients is not None:
        parts.append(f"gradients {words(row.gradients)}")
    return f"equals {row.oracle}: {', '.join(parts)} ({row.dtype})"
