"""The look of the figures: one drawing for the light and the dark page, for the phone and the wide screen.

Nothing here needs Matplotlib until a figure is drawn.
"""

import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sitekit.figure_colors import CYCLE, DIVERGING, MARKS, RAMP, TEXT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

_SEQUENTIAL_NAMES = frozenset("viridis cividis plasma inferno magma Blues Greens Oranges Purples Reds".split())
_DIVERGING_NAMES = {
    **dict.fromkeys("RdBu PuOr RdYlBu BrBG PRGn PiYG".split(), False),
    **dict.fromkeys("coolwarm bwr seismic RdBu_r PuOr_r RdYlBu_r".split(), True),
}


def settings() -> dict[str, Any]:
    """Return the rcParams of the house."""
    from cycler import cycler

    axes = TEXT + "b0"
    colors = {
        "text.color": TEXT, "axes.labelcolor": TEXT, "xtick.labelcolor": TEXT, "ytick.labelcolor": TEXT,
        "axes.titlecolor": TEXT, "axes.edgecolor": axes, "xtick.color": axes, "ytick.color": axes,
        "grid.color": TEXT, "patch.edgecolor": TEXT, "hatch.color": TEXT, "lines.color": TEXT,
        "figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none", "figure.edgecolor": "none",
        "axes.prop_cycle": cycler(color=CYCLE), "patch.facecolor": CYCLE[0],
        "boxplot.boxprops.color": TEXT, "boxplot.capprops.color": TEXT, "boxplot.flierprops.color": TEXT,
        "boxplot.flierprops.markeredgecolor": TEXT, "boxplot.meanprops.color": CYCLE[2],
        "boxplot.medianprops.color": CYCLE[1], "boxplot.whiskerprops.color": TEXT,
    }  # fmt: skip
    sizes = {
        "figure.figsize": (5.2, 3.0), "figure.dpi": 72, "figure.constrained_layout.use": True,
        "figure.constrained_layout.h_pad": 0.03, "figure.constrained_layout.w_pad": 0.03,
        "font.family": ["DejaVu Sans"], "font.size": 12, "axes.titlesize": 12, "axes.labelsize": 12,
        "xtick.labelsize": 12, "ytick.labelsize": 12, "legend.fontsize": 12, "figure.titlesize": 12,
        "figure.labelsize": 12, "legend.title_fontsize": 12, "axes.titleweight": "bold", "figure.titleweight": "bold",
        "axes.titlelocation": "left", "axes.titlepad": 8, "axes.labelpad": 3, "axes.linewidth": 0.8,
        "lines.linewidth": 2.2, "lines.markersize": 5, "lines.solid_capstyle": "round", "scatter.edgecolors": "none",
        "patch.linewidth": 0.8, "hatch.linewidth": 0.8, "errorbar.capsize": 3, "grid.linewidth": 0.8,
        "grid.alpha": 0.16, "axes.grid": True, "axes.axisbelow": True, "axes.spines.top": False,
        "axes.spines.right": False, "axes.xmargin": 0.03, "xtick.major.size": 0, "ytick.major.size": 0,
        "xtick.minor.size": 0, "ytick.minor.size": 0, "xtick.major.pad": 5, "ytick.major.pad": 5,
        "boxplot.boxprops.linewidth": 1.4,
        "boxplot.whiskerprops.linewidth": 1.4, "boxplot.capprops.linewidth": 1.4, "boxplot.medianprops.linewidth": 2.2,
        "legend.frameon": False, "legend.handlelength": 1.3, "legend.handletextpad": 0.5, "legend.labelspacing": 0.35,
        "legend.borderaxespad": 0.2, "legend.columnspacing": 1.2,
    }  # fmt: skip
    output = {
        "svg.fonttype": "none", "image.interpolation": "none", "image.composite_image": False,
        "path.simplify_threshold": 0.02, "axes.formatter.useoffset": False,
    }  # fmt: skip
    return colors | sizes | output


@contextmanager
def use() -> Iterator[None]:
    """Draw in the house style for the length of a ``with`` block, whatever the machine's own settings are."""
    import matplotlib

    matplotlib.use("agg")
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        house: Any = settings()
        matplotlib.rcParams.update(house)
        yield


def drawn(figure: "Figure") -> str:
    """Polish a figure and return it as an SVG file; a warning on the way is an error."""
    file = io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        polish(figure)
        figure.savefig(file, format="svg", dpi=144, metadata={"Date": None})
    return file.getvalue()


def polish(figure: "Figure") -> None:
    """Give a finished figure what settings cannot: colour maps, heat maps without a grid, powers of ten in Unicode."""
    _color(figure)
    for axes in figure.axes:
        if axes.get_label() != "<colorbar>":
            _polish_axes(axes)
        for axis in (axes.xaxis, axes.yaxis):
            _plain_powers(axis)


def _color(figure: "Figure") -> None:
    """Replace Matplotlib's colour maps, which fade into one page or the other, by those of the house."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import LineCollection, PathCollection
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.contour import ContourSet

    for artist in figure.findobj(lambda artist: isinstance(artist, ScalarMappable)):
        assert isinstance(artist, ScalarMappable)
        name = artist.get_cmap().name
        if artist.get_array() is None or name not in _SEQUENTIAL_NAMES | _DIVERGING_NAMES.keys():
            continue
        lines = isinstance(artist, ContourSet) and not artist.filled
        if lines or isinstance(artist, PathCollection | LineCollection):
            artist.set_cmap(LinearSegmentedColormap.from_list("marks", MARKS))
        elif name in _DIVERGING_NAMES:
            stops = [(1 - x, color) for x, color in reversed(DIVERGING)] if _DIVERGING_NAMES[name] else DIVERGING
            artist.set_cmap(LinearSegmentedColormap.from_list("diverging", stops))
        else:
            artist.set_cmap(LinearSegmentedColormap.from_list("ramp", RAMP))


def _polish_axes(axes: "Axes") -> None:
    from matplotlib.collections import QuadMesh
    from matplotlib.container import BarContainer
    from matplotlib.contour import ContourSet

    if axes.images or any(isinstance(item, QuadMesh) for item in axes.collections):
        axes.grid(False)
        axes.spines[:].set_visible(True)
    if any(isinstance(item, ContourSet) and item.filled for item in axes.collections):
        axes.grid(False)
    for container in axes.containers:
        if isinstance(container, BarContainer) and container.orientation:
            across = axes.xaxis if container.orientation == "vertical" else axes.yaxis
            across.grid(False)


def _plain_powers(axis: "Axis") -> None:
    """Write 10⁻³ as Unicode text; Matplotlib's own labels are mathematics, which loses its font on the page."""
    from matplotlib.ticker import Formatter, LogFormatterMathtext

    class Plain(Formatter):
        """Say what another formatter says, where it says something."""

        def __init__(self, inner: Formatter, base: float) -> None:
            self.inner, self.base = inner, base

        def set_locs(self, locs: Any) -> None:
            self.inner.set_locs(locs)

        def __call__(self, x: float, pos: int | None = None) -> str:
            return _power(x, self.base) if self.inner(x, pos) else ""

    base = float(getattr(axis.get_transform(), "base", 10))
    major, minor = axis.get_major_formatter(), axis.get_minor_formatter()
    if isinstance(major, LogFormatterMathtext):
        axis.set_major_formatter(Plain(major, base))
    if isinstance(minor, LogFormatterMathtext):
        axis.set_minor_formatter(Plain(minor, base))


def _power(value: float, base: float) -> str:
    exponent = math.log(abs(value), base) if value else 0.5
    if abs(exponent - round(exponent)) < 1e-9:
        return ("−" if value < 0 else "") + f"{base:g}" + _superscript(round(exponent))
    if 1e-3 <= abs(value) < 1e4 or not value:
        return f"{value:g}".replace("-", "−")
    mantissa, _, exponent = f"{value:.6e}".partition("e")
    return f"{float(mantissa):g}·10{_superscript(int(exponent))}".replace("-", "−")


def _superscript(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
