"""Two pages about an inverse analysis: movement and moments; muscles, loads and residuals.

Curves run over the gait cycle, mean and standard deviation of all strides of a leg, when the trial
holds whole strides; over time otherwise.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioenv.evaluate import gait
from bioenv.evaluate.report.figures import COLOURS, INK, SOFT, style
from bioenv.evaluate.report.inverse_muscles import activations
from bioenv.evaluate.report.inverse_panels import (
    SIDES,
    Panel,
    both_sides,
    contact_force,
    draw_panel,
    ground_force,
    say,
)
from bioenv.inverse.analysis import Analysis
from bioenv.inverse.hicks import FORCE_LIMIT_PERCENT, MOMENT_LIMIT_PERCENT
from bioenv.inverse.standard import to_motion
from bioenv.motion import Motion
from bioenv.motion_io import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

JOINTS = (("hip_flexion", "Hip"), ("knee_angle", "Knee"), ("ankle_angle", "Ankle"))
LOADED = ("hip", "knee", "patellofemoral", "ankle")
SLIDES = ("_tx", "_ty", "_tz")
A4 = (8.27, 11.69)  # inches
LINES = 11  # of words that fit below the panels


def write(analysis: Analysis, path: str | Path) -> Path:
    """Write the two pages as PDF, whole or not at all. Returns the path."""
    return write_atomically(Path(path), render(analysis))


def render(analysis: Analysis) -> bytes:
    """The two pages as the bytes of a PDF file."""
    import matplotlib
    from matplotlib.backends.backend_pdf import PdfPages

    motion = to_motion(analysis)
    strides = _strides(motion)
    buffer = io.BytesIO()
    look: Any = style()
    with matplotlib.rc_context(look), PdfPages(buffer) as pages:
        for draw in (_movement_page, _muscle_page):
            pages.savefig(draw(analysis, motion, strides))
    return buffer.getvalue()


def _strides(motion: Motion) -> Mapping[str, Array]:
    """Foot -> (n, 3) strides; empty without ground forces."""
    return gait.analyse(motion).strides if "ground_reaction_force" in motion else {}


def _movement_page(analysis: Analysis, motion: Motion, strides: Mapping[str, Array]) -> Figure:
    figure, rows = _page(analysis, "1 · Movement, moments, ground forces", 4, 3)
    mass = analysis.anatomy.mass
    for axes in (axes for row in rows[:3] for axes in row):
        axes.set_axis_off()
    for column, (name, title) in enumerate(_joints(motion)):
        for row in rows[:3]:
            row[column].set_axis_on()
        angle = both_sides(motion, "qpos", name, 180 / np.pi)
        draw_panel(rows[0][column], Panel(f"{title} angle", "deg", angle), motion, strides)
        moment = both_sides(motion, "joint_torque", name, 1 / mass)
        draw_panel(rows[1][column], Panel(f"{title} moment", "N·m/kg", moment), motion, strides)
        speed = both_sides(motion, "qvel", name, 1.0)
        power = {s: moment[s] * speed[s] for s in moment if s in speed}
        draw_panel(rows[2][column], Panel(f"{title} power", "W/kg", power), motion, strides)
    weight = analysis.anatomy.body_weight
    for column, title in enumerate(("Fore-aft", "Lateral", "Vertical")):
        force = ground_force(motion, column, 1 / weight)
        draw_panel(rows[3][column], Panel(f"{title} ground force", "BW", force), motion, strides)
    _legend(figure)
    return figure


def _muscle_page(analysis: Analysis, motion: Motion, strides: Mapping[str, Array]) -> Figure:
    drawings = activations(analysis, motion, strides)
    muscle_rows = -(-len(drawings) // 4)
    figure, rows = _page(
        analysis, "2 · Muscles, joint loads, residuals", muscle_rows + 2, 4, bottom=0.17
    )
    panels = [axes for row in rows[:muscle_rows] for axes in row]
    for axes, draw in zip(panels, drawings, strict=False):
        draw(axes)
    for axes in panels[len(drawings) :]:
        axes.set_axis_off()
    for axes, joint in zip(rows[-2], _loaded(motion), strict=False):
        load = contact_force(motion, joint, 1 / analysis.anatomy.body_weight)
        draw_panel(axes, Panel(f"{joint.capitalize()} contact", "BW", load), motion, strides)
    for axes in rows[-2][len(_loaded(motion)) :]:
        axes.set_axis_off()
    _residual_panels(rows[-1], analysis)
    figure.text(0.09, 0.12, _words(analysis), va="top", size=6, color=SOFT, linespacing=1.4)
    _legend(figure, emg=bool(analysis.agreement))
    return figure


def _joints(motion: Motion) -> Sequence[tuple[str, str]]:
    """Coordinates to show with their titles: of the legs, else the three that move most."""
    if any(f"{name}_{side}" in motion.labels("qpos") for name, _ in JOINTS for side in "rl"):
        return JOINTS
    own = motion.labels("joint_torque" if "joint_torque" in motion else "qpos")
    turning = [n for n in own if not n.startswith("pelvis") and n[-3:] not in SLIDES]
    turning.sort(key=lambda name: -float(np.ptp(motion.column("qpos", name))))
    return [(name, name.replace("_", " ").capitalize()) for name in turning[:3]]


def _loaded(motion: Motion) -> Sequence[str]:
    """Joints whose load is shown: of the legs, else the first four."""
    if "joint_contact_force" not in motion:
        return LOADED
    labels = motion.labels("joint_contact_force")
    if any(f"{joint}_{side}" in labels for joint in LOADED for side in "rl"):
        return LOADED
    return labels[:4]


def _page(
    analysis: Analysis, title: str, rows: int, columns: int, bottom: float = 0.07
) -> tuple[Figure, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=A4)
    top = 0.86
    axes = figure.subplots(
        rows, columns, squeeze=False,
        gridspec_kw={"left": 0.09, "right": 0.97, "top": top, "bottom": bottom,
                     "hspace": 0.62, "wspace": 0.36},
    )  # fmt: skip
    figure.text(0.09, 0.965, analysis.name, size=14, weight="bold", color=INK)
    figure.text(0.09, 0.947, title, size=10, color=SOFT)
    figure.text(0.09, 0.932, _facts(analysis), size=7.5, color=SOFT, va="top", linespacing=1.5)
    return figure, axes


def _facts(analysis: Analysis) -> str:
    anatomy, time = analysis.anatomy, analysis.time
    cutoff = analysis.settings.cutoff
    first = (
        f"{anatomy.name}, {anatomy.mass:.1f} kg · {len(time)} frames, {time[0]:.2f} to "
        f"{time[-1]:.2f} s · coordinates "
        + (f"low-passed at {cutoff:g} Hz" if cutoff else "not filtered")
    )
    second = analysis.sharing.method if analysis.sharing is not None else "no muscle forces"
    return f"{first}\nmuscles: {second}"


def _residual_panels(row: Sequence[Axes], analysis: Analysis) -> None:
    force, moment, width, gains = row
    anatomy, root = analysis.anatomy, analysis.residuals
    if analysis.torque is None or not anatomy.root.any():
        for axes, title in ((force, "Residual force"), (moment, "Residual moment")):
            axes.set_title(title)
            say(axes, "no ground forces" if anatomy.root.any() else "fixed to the ground")
    else:
        for axes, chosen, title, unit, limit in (
            (force, anatomy.root & ~anatomy.rotational, "Residual force", "N",
             FORCE_LIMIT_PERCENT / 100 * float(root.get("external_force_peak", np.nan))),
            (moment, anatomy.root & anatomy.rotational, "Residual moment", "N·m",
             MOMENT_LIMIT_PERCENT / 100 * float(root.get("external_force_peak", np.nan))
             * float(root.get("com_height", np.nan))),
        ):  # fmt: skip
            size = np.linalg.norm(analysis.torque[:, chosen], axis=1)
            axes.plot(analysis.time, size, color=INK, linewidth=0.9)
            if np.isfinite(limit):
                axes.axhline(limit, color=COLOURS[1], linewidth=0.9, linestyle="--")
            axes.set_title(title)
            axes.set_ylabel(unit)
            axes.set_xlabel("time, s")
    _widths(width, analysis.well_posed)
    _stability(gains, analysis.well_posed)


def _widths(axes: Axes, report: Mapping[str, Any]) -> None:
    """How far the torques leave each muscle's activation open: the best determined ones."""
    by_muscle = report.get("uniqueness", {}).get("muscles", {}) if report else {}
    axes.set_title("Narrowest feasible ranges", fontsize=7.5)
    if not by_muscle:
        say(axes, "not computed")
        return
    widths = sorted((figures["mean_width"], name) for name, figures in by_muscle.items())[:8]
    axes.barh([name for _, name in widths][::-1], [w for w, _ in widths][::-1], color=COLOURS[2])
    axes.tick_params(axis="y", labelsize=5.5)
    axes.set_xlim(0, 1)
    axes.set_xlabel("of activation, mean")


def _stability(axes: Axes, report: Mapping[str, Any]) -> None:
    """What an error of 1 N·m in a torque does to the muscle forces: the most sensitive ones."""
    by_muscle = report.get("stability", {}).get("muscles", {}) if report else {}
    axes.set_title("Largest noise gains", fontsize=7.5)
    if not by_muscle:
        say(axes, "not computed")
        return
    gains = sorted(((f["rms_gain"], name) for name, f in by_muscle.items()), reverse=True)[:8]
    axes.barh([name for _, name in gains][::-1], [g for g, _ in gains][::-1], color=COLOURS[3])
    axes.tick_params(axis="y", labelsize=5.5)
    axes.set_xlabel("N per N·m, RMS")


def _words(analysis: Analysis) -> str:
    """How fast it went, and what a reader must know."""
    speeds = ", ".join(f"{s.name} {s.rate:,.0f}" for s in analysis.stages)
    notes = [re.sub(r"/\S*/(?=\S)", "", note) for note in analysis.notes]
    lines = textwrap.wrap(f"Frames per second: {speeds}.", 150)
    for note in notes:
        lines += textwrap.wrap(f"· {note}", 150)
    more = len(lines) - LINES
    return "\n".join(
        lines[:LINES] + ([f"… {more} more lines in residuals.json"] if more > 0 else [])
    )


def _legend(figure: Figure, emg: bool = False) -> None:
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], color=colour, label=label) for _, label, colour in SIDES]
    if emg:
        label = "EMG after activation dynamics, scaled"
        lines.append(Line2D([], [], color=INK, linestyle="--", label=label))
    figure.legend(handles=lines, loc="upper right", bbox_to_anchor=(0.97, 0.985), frameon=False,
                  fontsize=7.5)  # fmt: skip
