"""What a lab's kernel does before the first cell: strict warnings, no network, checked shapes, figures of the house.

Runs inside the kernel; the labs themselves hold nothing of it, so that they work in any Jupyter.
"""

import io
import socket
import sys
import warnings
from typing import TYPE_CHECKING, Any

from sitekit import figure_style
from sitekit.shapes import check_shapes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOCAL = ("127.", "::1", "localhost", "0.0.0.0")


def prepare() -> None:
    """Make the kernel as strict as the tests, and let its figures suit the page."""
    check_shapes()
    sys.addaudithook(_stay_offline)
    _show_figures()
    # All warnings would kill the kernel, which warns about itself: only those of a lab's own lines, and of the kinds
    # that speak of results.
    warnings.filterwarnings("error", category=DeprecationWarning, module=r"__main__|dlref")
    for category in (UserWarning, RuntimeWarning, FutureWarning):
        warnings.filterwarnings("error", category=category)


def _stay_offline(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse every address but this machine's own, on which the kernel talks to the build."""
    if event == "socket.connect" and arguments[0].family in (socket.AF_INET, socket.AF_INET6):
        host = arguments[1][0]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0] or "localhost"
    else:
        return
    if not str(host).startswith(LOCAL):
        raise RuntimeError(f"a lab uses data that ships with a library, and this one reached for {host}")


def _show_figures() -> None:
    """Draw in the house style, and hand figures over as SVG only."""
    import matplotlib
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    shell.run_line_magic("matplotlib", "inline")
    import matplotlib.pyplot  # its first import sets the formats of the inline backend
    from matplotlib.figure import Figure

    settings: Any = figure_style.settings()
    matplotlib.rcdefaults()
    matplotlib.rcParams.update(settings)
    for formatter in shell.display_formatter.formatters.values():
        formatter.pop(Figure, None)
    shell.display_formatter.formatters["image/svg+xml"].for_type(Figure, _svg)


def _svg(figure: "Figure") -> str:
    file = io.StringIO()
    figure_style.polish(figure)
    figure.savefig(file, format="svg", dpi=144, metadata={"Date": None})
    return file.getvalue()
