"""Panels of the pages on an inverse analysis: a quantity of both legs over the gait cycle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.evaluate.report.figures import COLOURS, REFERENCE, SOFT
from bioenv.lab import cycles as cut
from bioenv.lab.reference import PERCENT
from bioenv.motion import Motion

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

SIDES = (("r", "right", COLOURS[0]), ("l", "left", COLOURS[1]))
MIDDLE = ""  # the side of what has none


class Panel(NamedTuple):
    """What a panel shows: a title and, per side, values (T,) over the trial."""

    title: str
    unit: str
    series: Mapping[str, Array]


def both_sides(motion: Motion, channel: str, name: str, factor: float) -> dict[str, Array]:
    """Side -> values of a coordinate, for the sides that have it; MIDDLE for one without sides."""
    if channel not in motion:
        return {}
    return {
        side: factor * motion.column(channel, label)
        for side, label in _labels(name, motion.labels(channel))
    }


def _labels(name: str, labels: Sequence[str]) -> Sequence[tuple[str, str]]:
    sides = [(side, f"{name}_{side}") for side, *_ in SIDES if f"{name}_{side}" in labels]
    return sides or ([(MIDDLE, name)] if name in labels else [])


def ground_force(motion: Motion, axis: int, factor: float) -> dict[str, Array]:
    """Side -> (T,) one axis of the ground reaction force."""
    if "ground_reaction_force" not in motion:
        return {}
    labels = motion.labels("ground_reaction_force")
    return {
        side: factor * motion.column("ground_reaction_force", side)[:, axis]
        for side, *_ in SIDES
        if side in labels
    }


def contact_force(motion: Motion, joint: str, factor: float) -> dict[str, Array]:
    """Side -> (T,) size of the contact force of a joint."""
    if "joint_contact_force" not in motion:
        return {}
    return {
        side: factor * np.linalg.norm(motion.column("joint_contact_force", label), axis=1)
        for side, label in _labels(joint, motion.labels("joint_contact_force"))
    }


def draw_panel(axes: Axes, panel: Panel, motion: Motion, strides: Mapping[str, Array]) -> None:
    """Draw a panel: over the gait cycle where there are whole strides, else over time."""
    axes.set_title(panel.title)
    axes.set_ylabel(panel.unit)
    if not panel.series:
        say(axes, "not computed")
        return
    cyclic = any(len(strides.get(side, ())) for side in panel.series)
    for side, _, colour in (*SIDES, (MIDDLE, "", COLOURS[0])):
        if side in panel.series:
            draw_curve(axes, motion.time, panel.series[side], strides.get(side), cyclic, colour)
    axes.set_xlabel("% of gait cycle" if cyclic else "time, s")
    axes.axhline(0, color=REFERENCE, linewidth=0.6, zorder=0)


def draw_curve(
    axes: Axes, time: Array, values: Array, spans: Array | None, cyclic: bool, colour: str,
    dashed: bool = False,
) -> None:  # fmt: skip
    """Mean and one standard deviation over strides, or the trial itself."""
    kind = "--" if dashed else "-"
    if not cyclic:
        axes.plot(time, values, kind, color=colour, linewidth=1.1)
        return
    if spans is None or not len(spans):
        return
    cycles = cut.resample(time, values, spans)
    mean, spread = cycles.mean(axis=0), cycles.std(axis=0)
    if len(cycles) > 1 and not dashed:
        axes.fill_between(PERCENT, mean - spread, mean + spread, color=colour, alpha=0.18, lw=0)
    axes.plot(PERCENT, mean, kind, color=colour, linewidth=1.2)


def say(axes: Axes, text: str) -> None:
    """A panel without content says why, and has neither scale nor unit."""
    axes.set(xticks=[], yticks=[], xlabel="", ylabel="")
    axes.grid(visible=False)
    axes.text(0.5, 0.5, text, ha="center", va="center", color=SOFT, transform=axes.transAxes)
