"""Write numbers and paths of an SVG drawing with as few characters as the eye needs."""

import re

_PATH = re.compile(r"([MLQCz])([^MLQCz]*)")


def rounded(value: float, digits: int = 1) -> str:
    """Write a number with at most so many decimals."""
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def relative_path(path: str) -> str:
    """Write an absolute path (M, L, Q, C, z) with relative steps in hundredths of a point.

    The steps are differences of rounded points, so that errors do not add up.
    """
    parts: list[str] = []
    at, start = (0, 0), (0, 0)
    for command, numbers in _PATH.findall(path):
        values = [round(100 * float(number)) for number in numbers.split()]
        points = list(zip(values[::2], values[1::2], strict=True))
        if command == "z":
            parts.append("z")
            at = start
            continue
        if command == "L" and points[-1] == at and parts[-1][0] == "l":
            continue
        steps = [step for x, y in points for step in (x - at[0], y - at[1])]
        at = points[-1]
        if command == "M":
            start = at
        parts.append(command.lower() + "".join(_step(step) for step in steps).lstrip())
    return "".join(parts)


def _step(hundredths: int) -> str:
    text = rounded(hundredths / 100, 2)
    text = text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text
    return text if text.startswith("-") else " " + text
