"""Gait events and cycles from vertical ground reaction force, and cutting signals at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.lab.reference import PERCENT, Curve, Figure, Reference
from bioenv.motion import Motion

Array = NDArray[np.float64]

GRAVITY = 9.81  # m/s^2, as in the models
THRESHOLD = 20.0  # N, the usual force-plate threshold (Zeni et al. 2008 compare others with it)
HYSTERESIS = 10.0  # N, loaded until the force falls below this
SHORTEST_CONTACT = 0.10  # s; a stance lasts 0.5-0.8 s, a running stance 0.2 s
SHORTEST_SWING = 0.10  # s; a shorter gap in contact is chatter of the sole
_LEG = ("hip_flexion", "knee_angle", "ankle_angle", "hip_adduction", "hip_rotation")
_SIDEWAYS = ("pelvis_list", "pelvis_rotation", "lumbar_bending", "lumbar_rotation")
LONGEST_STRIDE = 3.0  # s; a longer gap between strikes is no walking


@dataclass(frozen=True, eq=False)
class Events:
    """Instants of one foot, s: strikes (n,) and offs (m,), each increasing.

    A motion that begins in stance begins with an off, one that ends in stance ends with a strike.
    """

    strikes: Array
    offs: Array


def events(time: Array, vertical: Array) -> Events:
    """Heel strikes and toe-offs of one foot from time (T,) s and vertical force (T,) N.

    Contact begins where the force rises through 20 N and ends where it falls through 10 N
    (hysteresis); swings and contacts shorter than 0.1 s are chatter and are removed. Instants are
    interpolated between samples.
    """
    loaded = _hysteresis(vertical)
    loaded = _without_short_runs(time, loaded, False, SHORTEST_SWING)
    loaded = _without_short_runs(time, loaded, True, SHORTEST_CONTACT)
    change = np.diff(loaded.astype(np.int8))
    return Events(
        _crossing(time, vertical, np.flatnonzero(change == 1), THRESHOLD),
        _crossing(time, vertical, np.flatnonzero(change == -1), HYSTERESIS),
    )


def strides(found: Events) -> Array:
    """Cycles (n, 3) of one foot: strike, toe-off, next strike, s. Interrupted ones are left out."""
    starts, stops = found.strikes[:-1], found.strikes[1:]
    if starts.size == 0 or found.offs.size == 0:
        return np.empty((0, 3))
    after = np.searchsorted(found.offs, starts, side="right")
    off = found.offs[np.minimum(after, found.offs.size - 1)]
    whole = (after < found.offs.size) & (off < stops) & (stops - starts < LONGEST_STRIDE)
    return np.column_stack([starts, off, stops])[whole]


def resample(time: Array, values: Array, cycles: Array) -> Array:
    """Cut values (T, ...) at cycles (n, >= 2: first column start, last column stop).

    Returns (n, 101, ...), linearly interpolated; NaN stays NaN.
    """
    share = PERCENT / 100
    at = cycles[:, :1] + share * (cycles[:, -1:] - cycles[:, :1])
    right = np.clip(np.searchsorted(time, at), 1, len(time) - 1)
    weight = (at - time[right - 1]) / (time[right] - time[right - 1])
    weight = np.clip(weight, 0.0, 1.0).reshape(*at.shape, *(1,) * (values.ndim - 1))
    result: Array = (1 - weight) * values[right - 1] + weight * values[right]
    return result


def foot_events(motion: Motion, foot: str) -> Events:
    """Events of a foot of a Motion with ground_reaction_force. Raises BioenvError without it."""
    return events(motion.time, motion.column("ground_reaction_force", foot)[:, 2])


def steady(cycles: Array, skip: int = 1) -> Array:
    """The cycles without the first `skip` ones when enough are left (starting is no walking)."""
    return cycles[skip:] if len(cycles) > skip + 1 else cycles


def curves_of(motion: Motion, cycles: Array, side: str = "r") -> dict[str, tuple[Array, str]]:
    """Every comparable curve of one leg, (n, 101) per cycle with its unit, by reference name.

    Seen from either leg alike: what goes sideways changes its sign for the left one, and
    grf_lateral pushes the body towards that leg's own outer side.
    """
    found: dict[str, tuple[Array, str]] = {}

    def put(name: str, channel: str, label: str, factor: float, unit: str) -> None:
        if channel in motion and label in motion.labels(channel):
            values = factor * motion.column(channel, label)
            found[name] = resample(motion.time, values, cycles), unit

    for name in (*_LEG, "mtp_angle", "subtalar_angle"):
        put(name, "qpos", f"{name}_{side}", 1.0, "rad")
    for name in ("pelvis_tilt", "lumbar_extension"):
        put(name, "qpos", name, 1.0, "rad")
    mirror = -1.0 if side == "l" else 1.0
    for name in _SIDEWAYS:
        put(name, "qpos", name, mirror, "rad")
    mass = motion.meta.get("mass_kg")
    if mass:
        if "ground_reaction_force" in motion and side in motion.labels("ground_reaction_force"):
            force = resample(
                motion.time, motion.column("ground_reaction_force", side) / (mass * GRAVITY), cycles
            )
            found["grf_vertical"] = force[..., 2], "BW"
            found["grf_fore_aft"] = force[..., 0], "BW"
            if force[..., 1].any():  # a planar body has none
                found["grf_lateral"] = -mirror * force[..., 1], "BW"
        for name in _LEG:
            put(f"{name}_moment", "joint_torque", f"{name}_{side}", 1 / mass, "N*m/kg")
            label = f"{name}_{side}"
            known = f"{name}_moment" in found and name != "hip_rotation"
            if known and label in motion.labels("qpos"):
                power = motion.column("joint_torque", label) * velocity(motion, label) / mass
                found[f"{name}_power"] = resample(motion.time, power, cycles), "W/kg"
    return found


def velocity(motion: Motion, coordinate: str) -> Array:
    """(T,) rate of a coordinate: the motion's own qvel, else differences of qpos."""
    if "qvel" in motion and coordinate in motion.labels("qvel"):
        return motion.column("qvel", coordinate)
    slope: Array = np.gradient(motion.column("qpos", coordinate), motion.time)
    return slope


def reference_of(motion: Motion, name: str) -> Reference:
    """A Motion's own mean cycle as a reference: mean and sd over its right strides.

    One stride is enough, without an sd. EMG labelled "<site>_r" or "<site>_l" becomes
    "emg_<site>", over the strides of its own leg. Raises BioenvError without a whole right stride.
    """
    cycles = steady(strides(foot_events(motion, "r")))
    if not len(cycles):
        raise BioenvError(
            f"'{name}' cannot serve as a reference: 0 whole right strides found, one or more are "
            "needed"
        )
    own = f"mean of {len(cycles)} strides" if len(cycles) > 1 else "one stride"
    curves = {
        key: _mean_curve(values, unit) for key, (values, unit) in curves_of(motion, cycles).items()
    }
    return Reference(
        name, _emg_curves(motion) | curves, _figures_of(motion, cycles, own),
        f"motion '{name}' ({', '.join(_sources(motion))})", "the user's own",
        f"{motion.model or 'one body'}, {own}",
        motion.meta.get("mass_kg"), motion.meta.get("height_m"),
    )  # fmt: skip


def _mean_curve(values: Array, unit: str) -> Curve:
    """Mean and sd of curves (n, 101); one alone has no sd."""
    spread = values.std(axis=0) if len(values) > 1 else np.full(values.shape[1], np.nan)
    return Curve(values.mean(axis=0), spread, unit)


def _figures_of(motion: Motion, cycles: Array, own: str) -> dict[str, Figure]:
    period = float((cycles[:, 2] - cycles[:, 0]).mean())
    duty = (cycles[:, 1] - cycles[:, 0]) / (cycles[:, 2] - cycles[:, 0])
    figures = {
        "stride_time": Figure(period, "s", own),
        "cadence": Figure(120 / period, "steps/min", own),
        "duty_factor": Figure(float(duty.mean()), "1", own),
    }
    if "qpos" in motion and "pelvis_tx" in motion.labels("qpos"):
        forward = np.interp(cycles[:, [0, 2]], motion.time, motion.column("qpos", "pelvis_tx"))
        belt = float(motion.meta.get("belt_speed", 0.0))
        length = float((forward[:, 1] - forward[:, 0]).mean()) + belt * period
        figures["stride_length"] = Figure(length, "m", own)
        figures["speed"] = Figure(length / period, "m/s", own)
    return figures


def _emg_curves(motion: Motion) -> dict[str, Curve]:
    """Envelopes by electrode site, divided by the maximum of their mean; right legs first."""
    found: dict[str, Curve] = {}
    if "emg" not in motion:
        return found
    for side in ("r", "l"):
        if side not in motion.labels("ground_reaction_force"):
            continue
        cycles = steady(strides(foot_events(motion, side)))
        for label in motion.labels("emg"):
            name = f"emg_{label[:-2]}"
            if not label.endswith(f"_{side}") or name in found or not len(cycles):
                continue
            values = resample(motion.time, motion.column("emg", label), cycles)
            values = values[np.isfinite(values).all(axis=1)]
            peak = values.mean(axis=0).max() if len(values) else 0.0
            if peak > 0:
                found[name] = _mean_curve(values / peak, "1")
    return found


def _sources(motion: Motion) -> Sequence[str]:
    return sorted({signal.source for signal in motion.signals.values()})


def _hysteresis(vertical: Array) -> NDArray[np.bool_]:
    """Loaded above 20 N, unloaded below 10 N, unchanged in between."""
    state = np.where(vertical > THRESHOLD, 1, np.where(vertical < HYSTERESIS, 0, -1))
    state[0] = max(state[0], 0)
    last = np.maximum.accumulate(np.where(state >= 0, np.arange(state.size), 0))
    return state[last] == 1


def _without_short_runs(
    time: Array, loaded: NDArray[np.bool_], kind: bool, shortest: float
) -> NDArray[np.bool_]:
    """Flip inner runs of `kind` shorter than `shortest` s; runs at the ends are cut, not short."""
    edges = np.flatnonzero(np.diff(loaded.astype(np.int8))) + 1
    starts, stops = edges[:-1], edges[1:]
    short = (time[stops] - time[starts] < shortest) & (loaded[starts] == kind)
    change = np.zeros(loaded.size + 1, dtype=np.int64)
    np.add.at(change, starts[short], 1)
    np.add.at(change, stops[short], -1)
    flip: NDArray[np.bool_] = np.cumsum(change[:-1]) % 2 == 1
    return loaded ^ flip


def _crossing(time: Array, values: Array, before: NDArray[np.intp], level: float) -> Array:
    """Instants where values cross a level between samples `before` and `before` + 1."""
    low, high = values[before], values[before + 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.clip(np.nan_to_num((level - low) / (high - low), nan=0.5), 0.0, 1.0)
    return time[before] + share * (time[before + 1] - time[before])
