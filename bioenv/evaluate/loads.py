"""Ground reaction, joint loads and energy of a gait, in body weights and per kilogram."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bioenv.evaluate.gait import Gait, Measure, Measures, spatiotemporal
from bioenv.lab import cycles as cut
from bioenv.lab.cycles import GRAVITY
from bioenv.models.energy import BASAL_RATE

Array = NDArray[np.float64]


def ground(gait: Gait) -> Measures:
    """Peaks and valley of the vertical force, fore-aft peaks, loading rate, impulses.

    Body weights; loading rate in body weights per second is the steepest rise in the first fifth
    of stance. The impulses are means over whole strides of both feet: in steady walking the
    vertical one is one body weight and the fore-aft one zero, whoever walks.
    """
    mass = gait.motion.meta.get("mass_kg")
    if not gait.count or not mass:
        return {}
    weight = mass * GRAVITY
    vertical = np.concatenate([c["grf_vertical"] for c in gait.curves.values()])
    fore_aft = np.concatenate([c["grf_fore_aft"] for c in gait.curves.values()])
    first, valley, second = _peaks(vertical.mean(axis=0))
    total = gait.motion["ground_reaction_force"].sum(axis=1)[gait.whole_strides()] / weight
    return {
        "peak_vertical_grf": Measure(float(_raw_peaks(gait, 2).mean() / weight), "BW"),
        "first_peak_vertical_grf": Measure(first, "BW"),
        "valley_vertical_grf": Measure(valley, "BW"),
        "second_peak_vertical_grf": Measure(second, "BW"),
        "braking_peak": Measure(float(-fore_aft[:, :50].min(axis=1).mean()), "BW"),
        "propulsive_peak": Measure(float(fore_aft[:, 25:75].max(axis=1).mean()), "BW"),
        "loading_rate": Measure(float(_loading_rates(gait).mean() / weight), "BW/s"),
        "vertical_impulse": Measure(float(total[:, 2].mean()), "BW"),
        "fore_aft_impulse": Measure(float(total[:, 0].mean()), "BW"),
    }


def joint_contact(gait: Gait) -> Measures:
    """Peak magnitude of the joint contact forces, mean over strides and legs, body weights."""
    mass = gait.motion.meta.get("mass_kg")
    if not gait.count or not mass or "joint_contact_force" not in gait.motion:
        return {}
    peaks: dict[str, list[float]] = {}
    for label in gait.motion.labels("joint_contact_force"):
        joint, _, foot = label.rpartition("_")
        spans = gait.strides.get(foot, np.empty((0, 3)))
        if len(spans):
            force = np.linalg.norm(gait.motion.column("joint_contact_force", label), axis=1)
            curve = cut.resample(gait.motion.time, force, spans) / (mass * GRAVITY)
            peaks.setdefault(joint, []).append(float(curve.max(axis=1).mean()))
    return {f"{j}_contact_peak": Measure(float(np.mean(p)), "BW") for j, p in peaks.items()}


def energy(gait: Gait) -> Measures:
    """Gross metabolic power W/kg and cost of transport J/kg/m over whole strides.

    Gross: the muscles' rates plus a basal rate, meta["basal_rate"] W/kg or 1.2 W/kg (Umberger
    2003). The cost is per kilogram of body mass and metre walked.
    """
    mass = gait.motion.meta.get("mass_kg")
    if not gait.count or not mass or "metabolic_rate" not in gait.motion:
        return {}
    muscles = gait.motion["metabolic_rate"].sum(axis=1)[gait.whole_strides()]
    basal = float(gait.motion.meta.get("basal_rate", BASAL_RATE))
    power = float(muscles.mean() / mass) + basal
    found = {
        "gross_metabolic_power": Measure(power, "W/kg"),
        "net_metabolic_power": Measure(power - basal, "W/kg"),
    }
    speed = spatiotemporal(gait).get("speed")
    if speed is not None and speed.value > 0.05:  # standing has no cost of transport
        found["cost_of_transport"] = Measure(power / speed.value, "J/kg/m")
    return found


def _peaks(mean: Array) -> tuple[float, float, float]:
    """Weight-acceptance peak, mid-stance valley, push-off peak of a mean vertical force (101,).

    The peaks are sought in the first and second part of a 62 % stance (5-28 % and 36-62 %), the
    valley between them.
    """
    first = 5 + int(np.argmax(mean[5:29]))
    second = 36 + int(np.argmax(mean[36:63]))
    return float(mean[first]), float(mean[first : second + 1].min()), float(mean[second])


def _stances(gait: Gait) -> list[tuple[Array, Array, Array]]:
    """(time, force (n, 3), stance start) of every stance, at the motion's own rate."""
    found = []
    time = gait.motion.time
    for foot, spans in gait.strides.items():
        force = gait.motion.column("ground_reaction_force", foot)
        bounds = np.searchsorted(time, spans[:, :2])
        found += [(time[a : b + 1], force[a : b + 1], time[a]) for a, b in bounds if b - a > 2]
    return found


def _raw_peaks(gait: Gait, axis: int) -> Array:
    """Largest force of every stance, N: 101 points would smooth an impact away."""
    return np.array([force[:, axis].max() for _, force, _ in _stances(gait)])


def _loading_rates(gait: Gait) -> Array:
    """Steepest rise of the vertical force in the first fifth of every stance, N/s."""
    rates = []
    for time, force, _ in _stances(gait):
        slope = np.diff(force[:, 2]) / np.diff(time)
        rates.append(slope[: max(1, len(slope) // 5)].max())
    return np.array(rates)
