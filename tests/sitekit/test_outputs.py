"""Comparing documented with printed output: the numeric rule, and nothing beyond it."""

import pytest

from sitekit.outputs import same, same_line, steps

SAME = [
    ("0.7311", "0.7312"),  # one unit in the last digit
    ("tensor([0.1000, 0.2000])", "tensor([ 0.1000,  0.2001])"),  # torch pads for a sign
    ("1.5e-07", "1.6e-07"),
    ("3e-08", "2e-08"),
    ("1e-05", "9e-06"),
    ("nan inf -inf", "nan inf -inf"),
    ("tensor([nan, inf])", "tensor([nan, inf])"),
    ("0.0000", "-0.0000"),
    ("0.5", "0.49999999999999994"),
    ("(0.50+0.25j)", "(0.51+0.25j)"),
    ("f(x1)  = 2.50", "f(x1) = 2.51"),
    ("torch 2.13.0", "torch 2.13.0"),
]
DIFFERENT = [
    ("0.7311", "0.7313"),
    ("1.", "2."),
    ("1.", "1.9"),
    ("1.", "1"),
    ("3", "4"),
    ("0.5", "0.4999"),
    ("nan", "inf"),
    ("inf", "-inf"),
    ("0.1", "1e-01"),
    ("a 0.5", "b 0.5"),
    ("0.5 0.5", "0.5"),
    ("x1", "x2"),
    ("torch 2.13.0", "torch 2.13.1"),
    ("[1, 2]", "[1 2]"),
    ("-0.5", "0.5"),
    ("True", "False"),
    ("1.0e-5", "1.0e-4"),
]


@pytest.mark.parametrize(("documented", "printed"), SAME)
def test_equal_but_for_the_last_digit(documented: str, printed: str) -> None:
    assert same_line(documented, printed)


@pytest.mark.parametrize(("documented", "printed"), DIFFERENT)
def test_different(documented: str, printed: str) -> None:
    assert not same_line(documented, printed)


def test_the_order_and_the_number_of_lines_count() -> None:
    assert same(["1", "2"], ["1", "2"])
    assert not same(["1", "2"], ["2", "1"])
    assert not same(["1"], ["1", "1"])


def test_output_belongs_to_the_statement_above_it() -> None:
    text = 'print("""\n#> no\n""")\n#> yes\n'
    first, loop, last = steps(f"{text}for i in range(2):\n    print(i)\n    #> 0\n#> 1\nx = 1\n")
    assert (first.expected, first.marked) == (["yes"], [4])
    assert (loop.expected, loop.marked, loop.line, loop.last_line) == (["0", "1"], [7, 8], 5, 6)
    assert last.expected == []


@pytest.mark.parametrize(
    ("code", "message", "line"),
    [("#> 1\nx = 1\n", "before the statement", 1), ("x = 1\nprint(x)  #> 1\n", "line of its own", 2)],
)
def test_misplaced_output_is_refused(code: str, message: str, line: int) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        steps(code)
    assert caught.value.args[1] == line
