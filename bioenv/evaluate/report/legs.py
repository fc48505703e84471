"""Drawing the cycles of both legs, and naming what is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bioenv.evaluate.report import figures
from bioenv.evaluate.report.content import Content, Shown
from bioenv.evaluate.report.page import legend
from bioenv.lab.reference import PERCENT, Reference

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

SIDES = ("r", "l")
_MUSCLES = {
    "hamstrings": "Hamstrings",
    "bifemsh": "Biceps femoris, short head",
    "glut_max": "Gluteus maximus",
    "iliopsoas": "Iliopsoas",
    "rect_fem": "Rectus femoris",
    "vasti": "Vasti",
    "gastroc": "Gastrocnemius",
    "soleus": "Soleus",
    "tib_ant": "Tibialis anterior",
}
_BANDED = 6  # strides for a band


def of_the_leg(body: Shown, channel: str) -> list[str]:
    """Muscles of the right leg by their name without the side."""
    return [name[:-2] for name in body.motion.labels(channel) if name.endswith("_r")]


def called(muscle: str) -> str:
    return _MUSCLES.get(muscle, muscle.replace("_", " "))


def columns(body: Shown, channel: str, name: str, factor: float) -> dict[str, Array]:
    """side -> cycles of `name` on that side, times a factor, for the sides that are there."""
    labels = body.motion.labels(channel)
    return {
        side: factor * body.over_cycle(channel, f"{name}_{side}", side)
        for side in SIDES
        if f"{name}_{side}" in labels
    }


def of_gait(body: Shown, name: str) -> dict[str, Array]:
    """side -> cycles of a curve by its name in references, for the sides that have it."""
    curves = body.gait.curves
    return {side: curves[side][name] for side in SIDES if name in curves.get(side, {})}


def both_legs(
    panel: Axes, index: int, curves: Mapping[str, Array], band: bool = False
) -> None:  # fmt: skip
    """Draw cycles by side: the right one with its single strides, the left one dashed."""
    if band and len(curves.get("r", ())) >= _BANDED:
        figures.stride_band(panel, PERCENT, curves["r"], index)
    for side, style in (("l", (0, (3, 1.5))), ("r", "-")):
        if side in curves and len(curves[side]):
            figures.cycles(panel, PERCENT, curves[side], index, style, faint=side == "r")


def reference_band(panel: Axes, reference: Reference | None, name: str, factor: float) -> None:
    if reference is not None and name in reference.curves:
        curve = reference.curves[name]
        figures.band(panel, PERCENT, curve.mean * factor, np.nan_to_num(curve.sd) * factor)


def band_note(content: Content) -> str:
    if content.reference is None:
        return "There is no reference."
    return f"Grey: {content.reference.people}; mean dashed, bands one and two standard deviations."


def legend_of(content: Content, bodies: Sequence[Shown], reference: bool = True) -> str:
    entries = [(one.label, figures.colour(i), False) for i, one in content.numbered(bodies)]
    if reference and content.reference is not None:
        entries.append((content.reference.name, figures.REFERENCE, True))
    return legend(entries)
