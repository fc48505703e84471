"""Sections over time: the physics residuals, and movements that are no gait."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bioenv.evaluate.report import figures
from bioenv.evaluate.report.content import Content, Shown
from bioenv.evaluate.report.page import Section, absent, hint, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

_ROOT_FORCES = ("pelvis_tx", "pelvis_ty", "pelvis_tz")
_ROOT_MOMENTS = ("pelvis_list", "pelvis_tilt", "pelvis_rotation")
# Hicks et al. 2015: residual force below 5 % of the peak external force, residual moment below
# 1 % of the height of the centre of mass times that force.
FORCE_LIMIT, MOMENT_LIMIT = 5.0, 1.0
_POINTS = 600


def physics(content: Content) -> Section:
    """Force and moment that would have to hold the pelvis from outside, over time."""
    shown = [one for one in content.shown if _has_root(one)]
    if not shown:
        why = "Left out: the motion has no joint_torque of a free pelvis with ground forces."
        return Section("physics", "Physics check", absent(why))

    def fill(axes: list[Axes]) -> None:
        for index, one in content.numbered(shown):
            time, force, moment = root_residuals(one)
            for row, values in zip(axes, (force, moment), strict=True):
                row.plot(time, values, color=figures.colour(index), lw=1.0)
        for row, limit, what in zip(
            axes,
            (FORCE_LIMIT, MOMENT_LIMIT),
            ("Residual force (% of peak ground force)", "Residual moment (% of height × force)"),
            strict=True,
        ):
            row.axhline(limit, color=figures.INK, lw=1.0, ls=(0, (4, 2)))
            row.set_ylim(0, max(1.15 * limit, row.get_ylim()[1]))
            row.set_title(what)
        figures.name_axis(axes, "time (s)")

    intro = hint(
        "Inverse dynamics of the recorded motion and ground forces. What it finds at the free "
        "pelvis has no physical source: it is the error of the motion as physics."
    )
    caption = (
        f"Dashed: the limits of Hicks et al. 2015. Shown is the largest value in each of {_POINTS} "
        "equal stretches of time, with the accelerations in the motion's file; the scores take "
        "them from its velocities, which also judges what happens between its samples."
    )
    figure = figures.draw("physics", "Root residuals over time", caption, (1, 2), (10, 2.9), fill)
    entries = [(one.label, figures.colour(i), False) for i, one in content.numbered(shown)]
    return Section("physics", "Physics check", intro + figure + legend(entries))


def consistency(content: Content) -> list[Section]:
    """Distance to the nearest motion that obeys Newton, frame by frame, and what it is made of."""
    shown = [(i, one) for i, one in content.numbered(content.shown) if one.consistency is not None]
    if not shown:
        return []

    def fill(axes: list[Axes]) -> None:
        over, share = axes
        names = list(dict.fromkeys(n for _, one in shown for n in _parts(one)))
        for row, (index, one) in enumerate(shown):
            found, parts = one.consistency, _parts(one)
            assert found is not None
            over.plot(*_peaks(found.time, found.score), color=figures.colour(index), lw=1.0)
            place = np.arange(len(names)) + 0.8 * (row + 0.5) / len(shown) - 0.4
            widths = [parts.get(name, 0.0) for name in names]
            share.barh(place, widths, 0.8 / len(shown), color=figures.colour(index))
        for level in (1.0, 3.0):
            over.axhline(level, color=figures.INK, lw=1.0, ls=(0, (4, 2)))
        over.set_ylim(0, max(3.5, over.get_ylim()[1]))
        over.set_title("Distance (standard deviations of noise)")
        over.set_xlabel("time (s)")
        share.set_yticks(range(len(names)), names)
        share.invert_yaxis()
        share.set_title("What it is made of (root mean square)")

    intro = hint(
        "The smallest corrections of coordinates, forces and pressure centers, each in units of "
        "its measurement noise, that make the motion obey Newton, and the rules it breaks."
    )
    caption = (
        "Dashed: 1 is what noise of 1 degree, 5 mm and 10 N explains; beyond 3 no noise does. "
        "Where feet stand without measured force, what they need costs nothing."
    )
    figure = figures.draw("consistency", "Distance from physics", caption, (1, 2), (10, 3.2), fill)
    entries = [(one.label, figures.colour(i), False) for i, one in shown]
    return [Section("consistency", "Distance from physics", intro + figure + legend(entries))]


def _parts(one: Shown) -> dict[str, float]:
    """Root mean square of what the distance is made of, without what is nothing."""
    assert one.consistency is not None
    rms = {n: float(np.sqrt(np.mean(x**2))) for n, x in one.consistency.parts.items()}
    return {name: value for name, value in rms.items() if value > 1e-3}


def root_residuals(one: Shown) -> tuple[Array, Array, Array]:
    """Time (n,) s, residual force and residual moment (n,), in percent of Hicks' yardsticks."""
    motion = one.motion
    peak = float(np.linalg.norm(motion["ground_reaction_force"].sum(axis=1), axis=1).max())
    names = motion.labels("joint_torque")
    found = [np.array([motion.column("joint_torque", n) for n in some if n in names])
             for some in (_ROOT_FORCES, _ROOT_MOMENTS)]  # fmt: skip
    height = float(motion.column("qpos", "pelvis_tz").mean()) if "qpos" in motion else 1.0
    force = 100 * np.linalg.norm(found[0], axis=0) / peak
    moment = 100 * np.linalg.norm(found[1], axis=0) / (peak * height)
    return (*_peaks(motion.time, force), _peaks(motion.time, moment)[1])


def _peaks(time: Array, values: Array) -> tuple[Array, Array]:
    """At most `_POINTS` points: the largest value of each stretch, so that no peak is lost."""
    if len(time) <= _POINTS:
        return time, values
    starts = np.linspace(0, len(time), _POINTS, endpoint=False).astype(int)
    return time[starts], np.maximum.reduceat(values, starts)


def _has_root(one: Shown) -> bool:
    if "joint_torque" not in one.motion or "ground_reaction_force" not in one.motion:
        return False
    names = set(one.motion.labels("joint_torque"))
    return bool(names & set(_ROOT_FORCES)) and bool(names & set(_ROOT_MOMENTS))


def movement(content: Content) -> list[Section]:
    """Coordinates and activations over time, for motions that are no gait."""
    resting = [one for one in content.shown if not one.walks]
    if not resting:
        return []
    return [
        _over_time(content, resting, "coordinates", "Coordinates over time", "qpos"),
        _over_time(content, resting, "activations", "Muscle activation over time", "activation"),
    ]


def _over_time(
    content: Content, resting: Sequence[Shown], key: str, title: str, channel: str
) -> Section:
    shown = [one for one in resting if channel in one.motion]
    if not shown:
        return Section(key, title, absent(f"Left out: the motion has no channel {channel}."))
    names = shown[0].motion.labels(channel)[:18]
    rows = -(-len(names) // 3)

    def fill(axes: list[Axes]) -> None:
        for panel, name in zip(axes, names, strict=False):
            for index, one in content.numbered(shown):
                if name in one.motion.labels(channel):
                    step = max(1, len(one.motion) // _POINTS)
                    values, unit = _in_degrees(one.motion.column(channel, name), channel, name)
                    panel.plot(one.motion.time[::step], values[::step], color=figures.colour(index))
                    panel.set_title(name + unit)
            if channel == "activation":
                panel.set_ylim(0, 1.02)
        for panel in axes[len(names) :]:
            panel.set_visible(False)
        figures.name_axis(axes, "time (s)")

    figure = figures.draw(key, title, "The whole motion.", (rows, 3), (10, 2.1 * rows), fill)
    entries = [(one.label, figures.colour(i), False) for i, one in content.numbered(shown)]
    return Section(key, title, figure + legend(entries))


def _in_degrees(values: Array, channel: str, name: str) -> tuple[Array, str]:
    if channel != "qpos":
        return values, ""
    if name in _ROOT_FORCES:
        return values, " (m)"
    return np.degrees(values), " (°)"
