"""Sections with curves over the gait cycle: joints, ground, muscles, loads, energy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bioenv.evaluate.bands import PEOPLE
from bioenv.evaluate.report import figures
from bioenv.evaluate.report.content import Content, Shown
from bioenv.evaluate.report.legs import (
    band_note,
    both_legs,
    called,
    columns,
    legend_of,
    of_gait,
    of_the_leg,
    reference_band,
)
from bioenv.evaluate.report.page import Section, absent
from bioenv.lab.reference import EMG_OF_MUSCLE, PERCENT, Reference

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

_DEGREES = 180 / np.pi
_ANGLES = {
    "hip_flexion": "Hip flexion (°)",
    "knee_angle": "Knee flexion (°)",
    "ankle_angle": "Ankle dorsiflexion (°)",
}
_MOMENTS = {
    "hip_flexion": "Hip, + flexion (N·m/kg)",
    "knee_angle": "Knee, + flexion (N·m/kg)",
    "ankle_angle": "Ankle, + dorsiflexion (N·m/kg)",
}
_POWERS = {
    "hip_flexion": "Hip power (W/kg)",
    "knee_angle": "Knee power (W/kg)",
    "ankle_angle": "Ankle power (W/kg)",
}
_FORCES = {
    "grf_vertical": "Vertical (body weights)",
    "grf_fore_aft": "Fore-aft, + forward (body weights)",
    "grf_lateral": "Lateral, + outward (body weights)",
}
_KNEE_PEAK = (PEOPLE["knee_contact_peak"].low, PEOPLE["knee_contact_peak"].high)
_STRIDES = (
    "The faint band holds a whole right stride with probability 95 % (bootstrap over strides, "
    "Lenhoff 1999)."
)
_EMG_ON = 0.5  # share of the envelope's peak above which a muscle counts as on


def joints(content: Content) -> Section:
    """Hip, knee and ankle angles against the measured band."""
    bodies = content.walking_with("qpos")
    if not bodies:
        return Section("angles", "Joint angles", absent(content.why_not("qpos")))

    def fill(panels: list[Axes]) -> None:
        for panel, (name, title) in zip(panels, _ANGLES.items(), strict=True):
            reference_band(panel, content.reference, name, _DEGREES)
            for index, body in content.numbered(bodies):
                both_legs(panel, index, columns(body, "qpos", name, _DEGREES), band=True)
            panel.set_title(title)
        figures.percent_axis(panels)

    caption = f"Right leg solid, left leg dashed; thin lines are single right strides. {_STRIDES} "
    figure = figures.draw(
        "angles", "Joint angles over the gait cycle", caption + band_note(content),
        (1, 3), (10, 3.0), fill,
    )  # fmt: skip
    return Section("angles", "Joint angles", figure + legend_of(content, bodies))


def moments(content: Content) -> Section:
    """Net joint moments by inverse dynamics, and their powers, against the measured band."""
    bodies = content.walking_with("joint_torque")
    if not bodies:
        return Section("moments", "Joint moments", absent(content.why_not("joint_torque")))

    def fill(panels: list[Axes]) -> None:
        named = {f"{n}_moment": t for n, t in _MOMENTS.items()}
        named |= {f"{n}_power": t for n, t in _POWERS.items()}
        for panel, (name, title) in zip(panels, named.items(), strict=True):
            reference_band(panel, content.reference, name, 1.0)
            for index, body in content.numbered(bodies):
                both_legs(panel, index, of_gait(body, name), band=True)
            panel.set_title(title)
        figures.percent_axis(panels)

    caption = (
        "Net moments by inverse dynamics, and their powers: + where the joint gives energy. Right "
        f"leg solid, left leg dashed. {_STRIDES} "
    )
    figure = figures.draw(
        "moments", "Joint moments and powers over the gait cycle", caption + band_note(content),
        (2, 3), (10, 5.6), fill,
    )  # fmt: skip
    return Section("moments", "Joint moments and powers", figure + legend_of(content, bodies))


def ground(content: Content) -> Section:
    """Ground reaction force in body weights; the lateral one where a body has one."""
    channel = "ground_reaction_force"
    bodies = content.walking_with(channel)
    if not bodies:
        return Section("ground", "Ground reaction force", absent(content.why_not(channel)))
    shown = [name for name in _FORCES if any(of_gait(body, name) for body in bodies)]
    if not shown:
        return Section(
            "ground", "Ground reaction force", absent("Left out: no body mass is known.")
        )

    def fill(panels: list[Axes]) -> None:
        for panel, name in zip(panels, shown, strict=True):
            reference_band(panel, content.reference, name, 1.0)
            for index, body in content.numbered(bodies):
                both_legs(panel, index, of_gait(body, name), band=True)
            panel.set_title(_FORCES[name])
        figures.percent_axis(panels)

    caption = f"Right foot solid, left foot dashed. {_STRIDES} {band_note(content)}"
    figure = figures.draw(
        "ground", "Ground reaction force over the gait cycle", caption, (1, len(shown)),
        (10, 3.2), fill,
    )  # fmt: skip
    return Section("ground", "Ground reaction force", figure + legend_of(content, bodies))


def muscles(content: Content) -> Section:
    """Activation of every muscle of the leg, over the EMG envelope where one was measured."""
    bodies = content.walking_with("activation")
    if not bodies:
        return Section("muscles", "Muscle activation", absent(content.why_not("activation")))
    names = of_the_leg(bodies[0], "activation")
    rows = -(-len(names) // 3)

    def fill(panels: list[Axes]) -> None:
        for panel, name in zip(panels, names, strict=False):
            heard = _emg(panel, content.reference, name)
            for index, body in content.numbered(bodies):
                both_legs(panel, index, columns(body, "activation", name, 1.0))
            panel.set_ylim(0, 1.02)
            panel.set_title(called(name) if heard else f"{called(name)} (no EMG)")
        for panel in panels[len(names) :]:
            panel.set_visible(False)
        figures.percent_axis(panels)

    caption = (
        "Activation 0 to 1, right leg solid, left leg dashed. Grey: measured EMG envelope with "
        "one and two standard deviations, divided by its own maximum: compare the timing, not the "
        "height. The bar on top of a panel marks when the measured muscle is on (envelope above "
        "half of its peak)."
    )
    title = "Muscle activation over the gait cycle"
    figure = figures.draw("muscles", title, caption, (rows, 3), (10, 2.1 * rows), fill)
    return Section("muscles", "Muscle activation", figure + legend_of(content, bodies))


def loads(content: Content) -> Section:
    """Resultant joint contact forces in body weights."""
    channel = "joint_contact_force"
    bodies = content.walking_with(channel)
    if not bodies:
        return Section("loads", "Joint contact force", absent(content.why_not(channel)))

    def fill(panels: list[Axes]) -> None:
        for panel, joint in zip(panels, ("hip", "knee", "ankle"), strict=True):
            for index, body in content.numbered(bodies):
                both = columns(body, channel, joint, 1 / body.weight)
                size = {side: np.linalg.norm(force, axis=-1) for side, force in both.items()}
                both_legs(panel, index, size)
            if joint == "knee":
                panel.axhspan(*_KNEE_PEAK, color=figures.REFERENCE, alpha=0.3, lw=0)
            panel.set_ylim(bottom=0)
            panel.set_title(f"{joint.capitalize()} (body weights)")
        figures.percent_axis(panels)

    caption = (
        "Resultant force on the joint's child segment, muscles included; right solid, left dashed. "
        f"Grey: peaks that instrumented knees measured in walking, {_KNEE_PEAK[0]:g} to "
        f"{_KNEE_PEAK[1]:g} body weights (D'Lima 2006, Kutzner 2010)."
    )
    title = "Joint contact force over the gait cycle"
    figure = figures.draw("loads", title, caption, (1, 3), (10, 3.0), fill)
    return Section("loads", "Joint contact force", figure + legend_of(content, bodies, False))


def energy(content: Content) -> Section:
    """Metabolic power: of all muscles over the cycle, and the mean of each muscle."""
    channel = "metabolic_rate"
    bodies = content.walking_with(channel)
    if not bodies:
        return Section("energy", "Metabolic power", absent(content.why_not(channel)))
    names = of_the_leg(bodies[0], channel)
    height = 0.8 / len(bodies)

    def fill(panels: list[Axes]) -> None:
        for row, (index, body) in enumerate(content.numbered(bodies)):
            total = body.all_over_cycle(channel, "r").sum(axis=2) / body.mass
            both_legs(panels[0], index, {"r": total})
            at = np.arange(len(names)) + (row - (len(bodies) - 1) / 2) * height
            each = [_mean_power(body, name) for name in names]
            panels[1].barh(at, each, height=0.9 * height, color=figures.colour(index))
        panels[0].set_title("All muscles over the cycle of the right leg (W/kg)")
        panels[0].set_ylim(bottom=0)
        figures.percent_axis(panels[:1])
        panels[1].set_yticks(range(len(names)), [called(name) for name in names])
        panels[1].invert_yaxis()
        panels[1].grid(axis="y", visible=False)
        panels[1].set_title("Mean of each muscle, both legs (W/kg)")

    caption = "Metabolic rate of the muscles (Bhargava et al. 2004), without the basal rate."
    title = "Metabolic power of the muscles"
    figure = figures.draw("energy", title, caption, (1, 2), (10, 3.4), fill, gap=2.0)
    return Section("energy", title, figure + legend_of(content, bodies, False))


def _mean_power(body: Shown, muscle: str) -> float:
    columns = [n for n in body.motion.labels("metabolic_rate") if n[:-2] == muscle]
    both = sum(body.motion.column("metabolic_rate", n)[body.inside_cycles] for n in columns)
    return float(np.mean(both) / body.mass)


def _emg(panel: Axes, reference: Reference | None, muscle: str) -> bool:
    """Draw the measured envelopes of a muscle; False when the reference has none."""
    electrodes = EMG_OF_MUSCLE.get(muscle, ())
    measured = reference.curves if reference is not None else {}
    curves = [measured[name] for name in electrodes if name in measured]
    if not curves:
        return False
    mean = np.mean([c.mean for c in curves], axis=0)
    figures.band(panel, PERCENT, mean, np.mean([np.nan_to_num(c.sd) for c in curves], axis=0))
    on = mean > _EMG_ON * mean.max()
    panel.fill_between(PERCENT, 0.985, 1.02, where=on, color=figures.SOFT, lw=0, step="mid")
    return True
