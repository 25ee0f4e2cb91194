"""The documented output of a snippet: finding its ``#>`` lines, and comparing them with what was printed.

Text must match. A number may differ by one unit in its last printed digit, since the last digit depends on the machine;
a whole number, also one printed as ``1.``, gets no slack. Runs of white space count as one.
"""

import ast
import io
import re
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

MARK = "#>"
_MARKED = re.compile(r"^[ \t]*#>")
_TOKEN = re.compile(
    r"(?P<number>(?<![\w.])[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?(?=j\b|(?![\w.])))|(?P<text>\w+|[^\w\s])"
)


@dataclass
class Step:
    """A top-level statement of a snippet with the output documented below it.

    Line numbers count from 1 within the snippet. ``last_line`` is the statement's own last line; ``marked`` are the
    lines that hold ``expected``. An ``interactive`` statement is run as at the ``>>>`` prompt, which shows its value.
    """

    node: ast.stmt
    line: int
    last_line: int
    expected: list[str] = field(default_factory=list)
    marked: list[int] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)
    interactive: bool = False


def steps(code: str) -> list[Step]:
    """Cut a snippet into its top-level statements, each with its documented output.

    Raises:
        SyntaxError: The code is no Python.
        ValueError: A ``#>`` stands behind code, or before the first statement; the second argument is its line.
    """
    found = [Step(node, _first_line(node), node.end_lineno or node.lineno) for node in ast.parse(code).body]
    for number, text in _marked_lines(code):
        owners = [step for step in found if step.line < number]
        if not owners:
            raise ValueError(f"{MARK} stands before the statement that prints it", number)
        owners[-1].expected.append(text)
        owners[-1].marked.append(number)
    return found


def _first_line(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _marked_lines(code: str) -> list[tuple[int, str]]:
    if MARK not in code:
        return []
    lines = code.splitlines()
    found = []
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT and token.string.startswith(MARK):
            number = token.start[0]
            if not _MARKED.match(lines[number - 1]):
                raise ValueError(f"{MARK} stands on a line of its own, below the line that prints", number)
            found.append((number, token.string[len(MARK) :].removeprefix(" ").rstrip()))
    return found


def same(expected: Sequence[str], printed: Sequence[str]) -> bool:
    """Tell whether the documented lines hold what was printed."""
    return len(expected) == len(printed) and all(map(same_line, expected, printed))


def same_line(expected: str, printed: str) -> bool:
    """Compare one line, token by token."""
    if expected == printed:
        return True
    wanted, got = list(_TOKEN.finditer(expected)), list(_TOKEN.finditer(printed))
    return len(wanted) == len(got) and all(map(_same_token, wanted, got))


def _same_token(wanted: re.Match[str], got: re.Match[str]) -> bool:
    if wanted["number"] is None or got["number"] is None:
        return wanted[0] == got[0]
    return same_number(wanted[0], got[0])


def same_number(expected: str, printed: str) -> bool:
    """Compare two printed numbers: equal within one unit of the last digit that both print.

    Where they print a different number of digits (0.5 and 0.49999999999999994), they must agree to what a float64 can
    hold: four times its spacing.
    """
    if ("." in expected, "e" in expected.lower()) != ("." in printed, "e" in printed.lower()):
        return False  # an integer is no float, and 0.1 is not written 1e-01
    wanted, got = Decimal(expected), Decimal(printed)
    unit = max(_unit(expected), _unit(printed)) if _digits(expected) == _digits(printed) else Decimal(0)
    return abs(wanted - got) <= max(unit, 4 * Decimal(2.0**-52) * max(abs(wanted), abs(got)))


def _digits(number: str) -> int:
    """Count the digits behind the point."""
    return len(number.lower().partition("e")[0].partition(".")[2])


def _unit(number: str) -> Decimal:
    mantissa, _, exponent = number.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    if not decimals and not exponent:
        return Decimal(0)  # a whole number, 1 or 1., is a count: no slack
    return Decimal(1).scaleb(int(exponent or 0) - decimals)
