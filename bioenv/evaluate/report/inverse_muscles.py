"""Panels of activations: each electrode against the muscles below it, or the main muscles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bioenv.evaluate.report.figures import INK
from bioenv.evaluate.report.inverse_panels import MIDDLE, Panel, draw_curve, draw_panel, say
from bioenv.inverse.analysis import Analysis
from bioenv.inverse.emg_agreement import activated
from bioenv.lab import cycles as cut
from bioenv.lab.electrodes import Electrode, match
from bioenv.motion import Motion

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]
Draw = Callable[["Axes"], None]

MAIN = (
    "soleus", "gastrocnemius_medialis", "tibialis_anterior", "vastus_lateralis",
    "rectus_femoris", "hamstrings_lateralis", "gluteus_medius", "gluteus_maximus",
)  # fmt: skip
MOST = 12  # panels


def activations(analysis: Analysis, motion: Motion, strides: Mapping[str, Array]) -> Sequence[Draw]:
    """One drawing per electrode; without EMG the main muscles of both legs; without legs the
    muscles that work most."""
    if analysis.sharing is None or analysis.problem is None:
        return [lambda axes: say(axes, "no muscle forces")]
    if analysis.agreement:
        return [
            lambda axes, one=one: _against_emg(  # type: ignore[misc]
                axes, analysis, one.electrode, f"r = {one.correlation:.2f}", motion, strides
            )
            for one in analysis.agreement[:MOST]
        ]
    panels = [
        Panel(
            _title(one), "", {side: _below(analysis, one, side) for side in _sides(analysis, one)}
        )
        for one in match(MAIN, analysis.problem.muscles, "r")[0]
    ] or _busiest(analysis)
    return [lambda axes, one=one: _draw(axes, one, motion, strides) for one in panels]  # type: ignore[misc]


def _busiest(analysis: Analysis) -> list[Panel]:
    """The eight muscles of the highest mean activation."""
    assert analysis.sharing is not None
    assert analysis.problem is not None
    values = analysis.sharing.activation
    order = np.argsort(-values.mean(axis=0))[:8]
    return [Panel(analysis.problem.muscles[m], "", {MIDDLE: values[:, m]}) for m in order]


def _title(electrode: Electrode) -> str:
    return electrode.site.replace("_", " ").capitalize()


def _sides(analysis: Analysis, electrode: Electrode) -> Sequence[str]:
    """The legs that have muscles below such an electrode."""
    assert analysis.problem is not None
    stems = [muscle[:-2] for muscle in electrode.muscles]
    muscles = analysis.problem.muscles
    return [side for side in ("r", "l") if any(f"{stem}_{side}" in muscles for stem in stems)]


def _below(analysis: Analysis, electrode: Electrode, side: str) -> Array:
    """(T,) activation of the muscles below an electrode, on one leg, weighted by strength."""
    assert analysis.sharing is not None
    assert analysis.problem is not None
    muscles = analysis.problem.muscles
    names = [f"{muscle[:-2]}_{side}" for muscle in electrode.muscles]
    columns = [muscles.index(name) for name in names if name in muscles]
    weight = analysis.problem.max_isometric_force[columns]
    mean: Array = analysis.sharing.activation[:, columns] @ (weight / weight.sum())
    return mean


def _draw(axes: Axes, panel: Panel, motion: Motion, strides: Mapping[str, Array]) -> None:
    draw_panel(axes, panel, motion, strides)
    axes.title.set_fontsize(7)


def _against_emg(
    axes: Axes, analysis: Analysis, electrode: Electrode, note: str, motion: Motion,
    strides: Mapping[str, Array],
) -> None:  # fmt: skip
    """The envelope after activation dynamics, scaled to the height of the computed curve."""
    side = electrode.side
    series = {side: _below(analysis, electrode, side)}
    _draw(axes, Panel(_title(electrode), "", series), motion, strides)
    axes.text(0.98, 0.97, note, transform=axes.transAxes, ha="right", va="top", size=7)
    heard = _envelope(analysis, electrode, motion.time)
    spans = strides.get(side, np.empty((0, 3)))
    shown = heard[None]
    if len(spans):
        cycles = cut.resample(motion.time, heard, spans)
        spans = spans[np.isfinite(cycles).all(axis=1)]
        shown = cycles[np.isfinite(cycles).all(axis=1)]
    peak = float(np.nanmax(shown.mean(axis=0))) if np.isfinite(shown).any() else 0.0
    if peak > 0:
        scaled = heard * (0.9 * axes.get_ylim()[1] / peak)
        draw_curve(axes, motion.time, scaled, spans, side in strides and len(strides[side]) > 0,
                   INK, dashed=True)  # fmt: skip


def _envelope(analysis: Analysis, electrode: Electrode, time: Array) -> Array:
    """(T,) envelope after activation dynamics; NaN outside the recording."""
    assert analysis.emg_time is not None
    raw = analysis.emg[electrode.channel]
    known = np.isfinite(raw)
    delayed = activated(analysis.emg_time[known], raw[known][:, None])[:, 0]
    return np.interp(time, analysis.emg_time[known], delayed, left=np.nan, right=np.nan)
