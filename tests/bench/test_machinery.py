"""What proving a snippet costs beyond running it: the machinery against one plain loop of ``exec``, in one process."""

import contextlib
import io
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from sitekit import fences, running, sandbox
from sitekit.collect import pages
from sitekit.fences import Fence

ROOT = Path(__file__).parents[2]
ROUNDS = 5


def snippets() -> list[Fence]:
    """Return every snippet of the pages that runs to its end on any machine."""
    found = [fence for page in pages(ROOT) for fence in fences.parse(page.read_text("utf-8"), page) if fence.runs]
    return [fence for fence in found if not {"raises", "requires"} & fence.attributes.keys()]


def plain(fences_: list[Fence]) -> None:
    """Run them in one loop of exec, the least that running can cost."""
    for fence in fences_:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            exec(compile(fence.code, str(fence.path), "exec"), {"__name__": "snippet"})
        sandbox.close_figures()


def proved(fences_: list[Fence]) -> None:
    """Run and compare them as the tests do."""
    for fence in fences_:
        running.check(fence.code, fence.path, fence.code_line)


def seconds(function: Callable[[list[Fence]], None], fences_: list[Fence]) -> float:
    start = time.perf_counter()
    function(fences_)
    return time.perf_counter() - start


def test_the_machinery_costs_at_most_15_percent() -> None:
    found = snippets()
    assert found
    proved(found)  # imports
    ratios = [seconds(proved, found) / seconds(plain, found) for _ in range(ROUNDS)]
    ratio = statistics.median(ratios)
    print(f"{len(found)} snippets: {ratio:.3f} times a plain loop of exec (median of {ROUNDS})")
    assert ratio <= 1.15
