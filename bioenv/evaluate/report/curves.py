"""Sections with curves over the gait cycle: joints, ground, muscles, loads, energy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bioenv.evaluate.report import figures
from bioenv.evaluate.report.content import Content, Shown
from bioenv.evaluate.report.page import Section, absent, legend
from bioenv.lab.reference import EMG_OF_MUSCLE, PERCENT, Reference

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DEGREES = 180 / np.pi
_ANGLES = (
    ("hip_flexion", "Hip flexion (°)"),
    ("knee_angle", "Knee flexion (°)"),
    ("ankle_angle", "Ankle dorsiflexion (°)"),
)
_MOMENTS = (
    ("hip_flexion", "Hip, + flexion (N·m/kg)"),
    ("knee_angle", "Knee, + flexion (N·m/kg)"),
    ("ankle_angle", "Ankle, + dorsiflexion (N·m/kg)"),
)
_BAND = "mean dashed, bands one and two standard deviations"


def joints(content: Content) -> Section:
    """Hip, knee and ankle angles against the measured band."""
    return _pairs(content, "angles", "Joint angles", "qpos", _ANGLES, _DEGREES, lambda name: name)


def moments(content: Content) -> Section:
    """Joint moments by inverse dynamics against the measured band."""
    return _pairs(
        content, "moments", "Joint moments", "joint_torque", _MOMENTS, None,
        lambda name: f"{name}_moment",
    )  # fmt: skip


def _pairs(
    content: Content,
    key: str,
    title: str,
    channel: str,
    panels: Sequence[tuple[str, str]],
    factor: float | None,
    curve_name: Callable[[str], str],
) -> Section:
    """A row of panels of one coordinate each, both legs; no factor means per body mass."""
    shown = [one for one in content.walking if channel in one.motion]
    if not shown:
        return Section(key, title, absent(content.why_not(channel)))
    scale = _DEGREES if factor is not None else 1.0

    def fill(axes: list[Axes]) -> None:
        for one, (name, label) in zip(axes, panels, strict=True):
            _reference(one, content.reference, curve_name(name), scale)
            for index, motion in content.numbered(shown):
                unit = factor if factor is not None else 1 / motion.mass
                _both_legs(one, motion, index, lambda side, m=motion, n=name, u=unit: (
                    m.over_cycle(channel, f"{n}_{side}", side) * u
                ))  # fmt: skip
            one.set_title(label)
        figures.percent_axis(axes)

    caption = (
        f"Right leg solid, left leg dashed; thin lines are single strides. {_band_note(content)}"
    )
    figure = figures.draw(key, f"{title} over the gait cycle", caption, (1, 3), (10, 3.0), fill)
    return Section(key, title, figure + _legend(content, shown))


def ground(content: Content) -> Section:
    """Vertical and fore-aft ground reaction force in body weights."""
    channel = "ground_reaction_force"
    shown = [one for one in content.walking if channel in one.motion]
    if not shown:
        return Section("ground", "Ground reaction force", absent(content.why_not(channel)))
    panels = (
        (2, "grf_vertical", "Vertical (body weights)"),
        (0, "grf_fore_aft", "Fore-aft, + forward (body weights)"),
    )

    def fill(axes: list[Axes]) -> None:
        for one, (axis, name, label) in zip(axes, panels, strict=True):
            _reference(one, content.reference, name, 1.0)
            for index, motion in content.numbered(shown):
                _both_legs(one, motion, index, lambda side, m=motion, a=axis: (
                    m.over_cycle(channel, side, side)[:, :, a] / m.weight
                ))  # fmt: skip
            one.set_title(label)
        figures.percent_axis(axes)

    caption = f"Right foot solid, left foot dashed. {_band_note(content)}"
    figure = figures.draw(
        "ground", "Ground reaction force over the gait cycle", caption, (1, 2), (10, 3.2), fill
    )
    return Section("ground", "Ground reaction force", figure + _legend(content, shown))


def muscles(content: Content) -> Section:
    """Activation of every muscle of the leg, over the EMG envelope where one was measured."""
    shown = [one for one in content.walking if "activation" in one.motion]
    if not shown:
        return Section("muscles", "Muscle activation", absent(content.why_not("activation")))
    names = [n[:-2] for n in shown[0].motion.labels("activation") if n.endswith("_r")]
    rows = -(-len(names) // 3)

    def fill(axes: list[Axes]) -> None:
        for one, name in zip(axes, names, strict=False):
            heard = _emg(one, content.reference, name)
            for index, motion in content.numbered(shown):
                _both_legs(one, motion, index, lambda side, m=motion, n=name: (
                    m.over_cycle("activation", f"{n}_{side}", side)
                ))  # fmt: skip
            one.set_ylim(0, 1.02)
            one.set_title(name if heard else f"{name} (no EMG)")
        for one in axes[len(names) :]:
            one.set_visible(False)
        figures.percent_axis(axes)

    caption = (
        "Activation 0 to 1, right leg solid, left leg dashed. Grey: measured EMG envelope with "
        "one and two standard deviations, divided by its own maximum: compare the timing, not the "
        "height. The bar on top of a panel marks when the measured muscle is on (envelope above "
        "half of its peak)."
    )
    figure = figures.draw(
        "muscles",
        "Muscle activation over the gait cycle",
        caption,
        (rows, 3),
        (10, 2.1 * rows),
        fill,
    )
    return Section("muscles", "Muscle activation", figure + _legend(content, shown))


def loads(content: Content) -> Section:
    """Resultant joint contact forces in body weights."""
    channel = "joint_contact_force"
    shown = [one for one in content.walking if channel in one.motion]
    if not shown:
        return Section("loads", "Joint contact force", absent(content.why_not(channel)))

    def fill(axes: list[Axes]) -> None:
        for one, joint in zip(axes, ("hip", "knee", "ankle"), strict=True):
            for index, motion in content.numbered(shown):
                _both_legs(one, motion, index, lambda side, m=motion, j=joint: (
                    np.linalg.norm(m.over_cycle(channel, f"{j}_{side}", side), axis=2) / m.weight
                ))  # fmt: skip
            one.set_ylim(bottom=0)
            one.set_title(f"{joint.capitalize()} (body weights)")
        figures.percent_axis(axes)

    caption = (
        "Resultant force on the joint's child segment, muscles included; right solid, left dashed. "
        "Measured in instrumented knees while walking: peaks of 2.2 to 2.6 body weights."
    )
    figure = figures.draw(
        "loads", "Joint contact force over the gait cycle", caption, (1, 3), (10, 3.0), fill
    )
    return Section("loads", "Joint contact force", figure + _legend(content, shown))


def energy(content: Content) -> Section:
    """Metabolic power: of all muscles over the cycle, and the mean of each muscle."""
    channel = "metabolic_rate"
    shown = [one for one in content.walking if channel in one.motion]
    if not shown:
        return Section("energy", "Metabolic power", absent(content.why_not(channel)))
    names = [n[:-2] for n in shown[0].motion.labels(channel) if n.endswith("_r")]
    height = 0.8 / len(shown)

    def fill(axes: list[Axes]) -> None:
        for index, motion in content.numbered(shown):
            total = motion.all_over_cycle(channel, "r").sum(axis=2) / motion.mass
            figures.cycles(axes[0], PERCENT, total, index)
            each = [_mean_power(motion, name) for name in names]
            at = np.arange(len(names)) + (shown.index(motion) - (len(shown) - 1) / 2) * height
            axes[1].barh(at, each, height=0.9 * height, color=figures.colour(index))
        axes[0].set_title("All muscles over the cycle (W/kg)")
        axes[0].set_ylim(bottom=0)
        figures.percent_axis(axes[:1])
        axes[1].set_yticks(range(len(names)), names)
        axes[1].invert_yaxis()
        axes[1].grid(axis="y", visible=False)
        axes[1].set_title("Mean of each muscle, both legs (W/kg)")

    caption = "Metabolic rate of the muscles (Bhargava et al. 2004), without the basal rate."
    figure = figures.draw(
        "energy", "Metabolic power of the muscles", caption, (1, 2), (10, 3.4), fill
    )
    return Section("energy", "Metabolic power", figure + _legend(content, shown))


def _mean_power(one: Shown, name: str) -> float:
    both = one.motion.column("metabolic_rate", f"{name}_r") + one.motion.column(
        "metabolic_rate", f"{name}_l"
    )
    inside = one.inside_cycles
    return float(both[inside].mean() / one.mass)


def _both_legs(axes: Axes, one: Shown, index: int, curve: Callable[[str], figures.Array]) -> None:
    for side, style in (("l", (0, (3, 1.5))), ("r", "-")):
        if len(one.cycles[side]):
            figures.cycles(axes, PERCENT, curve(side), index, style, faint=side == "r")


def _reference(axes: Axes, reference: Reference | None, name: str, factor: float) -> None:
    if reference is not None and name in reference.curves:
        curve = reference.curves[name]
        figures.band(axes, PERCENT, curve.mean * factor, np.nan_to_num(curve.sd) * factor)


def _emg(axes: Axes, reference: Reference | None, muscle: str) -> bool:
    """Draw the measured envelopes of a muscle; False when the reference has none."""
    names = EMG_OF_MUSCLE.get(muscle, ()) if reference is not None else ()
    curves = [reference.curves[n] for n in names if reference and n in reference.curves]
    if not curves:
        return False
    mean = np.mean([c.mean for c in curves], axis=0)
    sd = np.mean([np.nan_to_num(c.sd) for c in curves], axis=0)
    figures.band(axes, PERCENT, mean, sd)
    on = mean > 0.5 * mean.max()
    axes.fill_between(PERCENT, 0.985, 1.02, where=on, color=figures.SOFT, lw=0, step="mid")
    return True


def _band_note(content: Content) -> str:
    if content.reference is None:
        return "No reference."
    return f"Grey: {content.reference.people}; {_BAND}."


def _legend(content: Content, shown: Sequence[Shown]) -> str:
    entries = [(m.label, figures.colour(i), False) for i, m in content.numbered(shown)]
    if content.reference is not None:
        entries.append((content.reference.name, figures.REFERENCE, True))
    return legend(entries)
