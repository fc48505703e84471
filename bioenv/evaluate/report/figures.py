"""Figures of the report as inline SVG, drawn by matplotlib without a window or a global state."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioenv.evaluate.statistics import bootstrap_band

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

# Okabe and Ito's colours: told apart by colour-blind readers and in grey print.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
REFERENCE = "#8a94a0"
_RESAMPLES = 100  # enough for a drawing
INK, SOFT, RULE = "#1b2430", "#5b6770", "#dfe4e8"

_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.labelcolor": SOFT,
    "axes.edgecolor": "#aab3bb",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "text.color": INK,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
}


def style() -> dict[str, Any]:
    """The look of all figures, for `matplotlib.rc_context`."""
    return dict(_STYLE)


def colour(index: int) -> str:
    """Colour of the motion with this index."""
    return COLOURS[index % len(COLOURS)]


def draw(
    key: str,
    title: str,
    caption: str,
    shape: tuple[int, int],
    size: tuple[float, float],
    fill: Callable[[list[Axes]], None],
    gap: float = 0.5,
    left: float = 0.42,
) -> str:
    """A figure element: `fill` gets the axes (row by row) of a grid of `shape`, `size` in inches.

    `title` is what a screen reader says in place of the picture; `gap` is the width between panels
    and `left` that of the left margin, in inches.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    style: Any = {**_STYLE, "svg.hashsalt": key}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=size)
        FigureCanvasSVG(figure)
        axes = figure.subplots(
            *shape, squeeze=False, gridspec_kw=_margins(shape, size, gap, left)
        ).ravel()
        fill(list(axes))
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    picture = _inline(buffer.getvalue(), key, title)
    return f'<figure><div class="scroll">{picture}</div>{below}</figure>'


def _margins(
    shape: tuple[int, int], size: tuple[float, float], gap: float, left: float
) -> dict[str, float]:
    """Margins and gaps in inches as matplotlib's shares. Its own layout engine doubles the time."""
    (rows, columns), (width, height) = shape, size
    right, top, bottom, between = 0.1, 0.28, 0.45, 0.5
    panel_width = (width - left - right - (columns - 1) * gap) / columns
    panel_height = (height - top - bottom - (rows - 1) * between) / rows
    return {
        "left": left / width,
        "right": 1 - right / width,
        "top": 1 - top / height,
        "bottom": bottom / height,
        "wspace": gap / panel_width,
        "hspace": between / panel_height,
    }


def _inline(svg: str, key: str, title: str) -> str:
    """The svg element alone, with ids of its own and the page's typeface."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{key}-\1"', svg)
    svg = re.sub(r'xlink:href="#([^"]+)"', rf'xlink:href="#{key}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{key}-\1)", svg)
    svg = svg.replace("'DejaVu Sans'", "system-ui, 'Segoe UI', Roboto, Helvetica, Arial")
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r"\n\s*", "\n", svg)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(title)}" ', 1)


def band(axes: Axes, x: Array, mean: Array, sd: Array) -> None:
    """A measured band: mean, one and two standard deviations."""
    axes.fill_between(x, mean - 2 * sd, mean + 2 * sd, color=REFERENCE, alpha=0.16, lw=0)
    axes.fill_between(x, mean - sd, mean + sd, color=REFERENCE, alpha=0.30, lw=0)
    axes.plot(x, mean, color=REFERENCE, lw=1.2, ls=(0, (4, 2)))


def cycles(
    axes: Axes, x: Array, curves: Array, index: int, style: Any = "-", faint: bool = True
) -> None:
    """The mean of the cycles (n, len(x)) of motion `index`, over thin single ones if `faint`."""
    if faint and len(curves) > 1:
        axes.plot(x, curves[:12].T, color=colour(index), lw=0.5, alpha=0.25)
    axes.plot(x, curves.mean(axis=0), color=colour(index), ls=style)


def stride_band(axes: Axes, x: Array, curves: Array, index: int) -> None:
    """The simultaneous 95 % band of the next cycle of motion `index`, from cycles (n, len(x))."""
    found = bootstrap_band(curves, "stride", resamples=_RESAMPLES)
    axes.fill_between(x, found.low, found.high, color=colour(index), alpha=0.12, lw=0)


def percent_axis(axes: Sequence[Axes]) -> None:
    """A horizontal axis of 0 to 100 % of the gait cycle, named below the last row."""
    for one in axes:
        one.set_xlim(0, 100)
        one.set_xticks([0, 20, 40, 60, 80, 100])
    name_axis(axes, "gait cycle (%)")


def name_axis(axes: Sequence[Axes], name: str) -> None:
    """Name the horizontal axis, below the last panel of every column."""
    lowest = {}
    for one in axes:
        place = one.get_subplotspec()
        if place is not None and one.get_visible():
            lowest[place.colspan.start] = one
    for one in lowest.values():
        one.set_xlabel(name)
