"""Gait of a Motion: events, cycles, spatiotemporal figures, symmetry and landing.

Everything is computed from the ground reaction force and the coordinates of the Motion; nothing is
assumed about who moved. Figures that cannot be computed are absent from the results: a motion that
fell after one step has no speed over whole strides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.lab import cycles as cut
from bioenv.lab.cycles import Events
from bioenv.motion import Motion

Array = NDArray[np.float64]
JOINTS = ("hip_flexion", "knee_angle", "ankle_angle")
DEGREE = 180 / np.pi


class Measure(NamedTuple):
    """A figure and its unit."""

    value: float
    unit: str


Measures = dict[str, Measure]


@dataclass(frozen=True, eq=False)
class Gait:
    """A Motion cut into gait cycles.

    strides: foot -> (n, 3) strike, toe-off, next strike, s, without the first (starting) stride
    when two or more remain. why: why there are no strides, or "".
    """

    motion: Motion
    events: Mapping[str, Events]
    strides: Mapping[str, Array]
    why: str = ""

    @property
    def count(self) -> int:
        """Number of whole strides of both feet."""
        return sum(len(spans) for spans in self.strides.values())

    @cached_property
    def curves(self) -> Mapping[str, Mapping[str, Array]]:
        """foot -> curve name (as in a Reference) -> (n, 101) over the strides of that foot."""
        return MappingProxyType(
            {
                foot: {n: v for n, (v, _) in cut.curves_of(self.motion, spans, foot).items()}
                for foot, spans in self.strides.items()
                if len(spans)
            }
        )

    def mean_curve(self, name: str) -> dict[str, Array]:
        """foot -> mean (101,) of a curve, for the feet that have it."""
        return {f: c[name].mean(axis=0) for f, c in self.curves.items() if name in c}

    def activation(self, *muscles: str) -> dict[str, Array]:
        """foot -> mean activation (101,) of muscles, e.g. "soleus", over that foot's strides.

        The mean over those of the muscles that the motion has.
        """
        if "activation" not in self.motion:
            return {}
        labels = self.motion.labels("activation")
        found = {}
        for foot, spans in self.strides.items():
            own = [f"{m}_{foot}" for m in muscles if f"{m}_{foot}" in labels]
            if own and len(spans):
                mean = np.mean([self.motion.column("activation", one) for one in own], axis=0)
                found[foot] = cut.resample(self.motion.time, mean, spans).mean(axis=0)
        return found

    def whole_strides(self) -> NDArray[np.bool_]:
        """(T,) samples within the strides of the foot that has more of them: whole cycles only."""
        foot = max(self.strides, key=lambda f: len(self.strides[f]))
        spans = self.strides[foot]
        time = self.motion.time
        inside = np.searchsorted(spans[:, 0], time, side="right") - 1
        result: NDArray[np.bool_] = (inside >= 0) & (time < spans[np.maximum(inside, 0), 2])
        return result


def analyse(motion: Motion) -> Gait:
    """Find the strides of a Motion. Never raises: `Gait.why` says what is missing."""
    if "ground_reaction_force" not in motion:
        return Gait(motion, {}, {}, "the motion has no ground_reaction_force")
    feet = motion.labels("ground_reaction_force")
    found = {foot: cut.foot_events(motion, foot) for foot in feet}
    strides = {foot: cut.steady(cut.strides(one)) for foot, one in found.items()}
    why = ""
    if not any(len(spans) for spans in strides.values()):
        strikes = sum(one.strikes.size for one in found.values())
        why = (
            f"no whole stride in {motion.duration:.2f} s ({strikes} heel strikes above "
            f"{cut.THRESHOLD:g} N)"
        )
    return Gait(motion, MappingProxyType(found), MappingProxyType(strides), why)


def spatiotemporal(gait: Gait) -> Measures:
    """Speed, stride, step, cadence, duty factor, double support over whole strides."""
    found: Measures = {}
    spans = np.concatenate([s for s in gait.strides.values() if len(s)] or [np.empty((0, 3))])
    if not len(spans):
        return found
    period = float((spans[:, 2] - spans[:, 0]).mean())
    duty = (spans[:, 1] - spans[:, 0]) / (spans[:, 2] - spans[:, 0])
    found["stride_time"] = Measure(period, "s")
    found["stride_time_sd"] = Measure(float((spans[:, 2] - spans[:, 0]).std()), "s")
    found["cadence"] = Measure(120 / period, "steps/min")
    found["duty_factor"] = Measure(float(duty.mean()), "1")
    forward = _forward(gait.motion)
    if forward is not None:
        ends = np.interp(spans[:, [0, 2]], gait.motion.time, forward)
        length = float((ends[:, 1] - ends[:, 0]).mean())
        found["stride_length"] = Measure(length, "m")
        found["speed"] = Measure(length / period, "m/s")
    if len(gait.strides) == 2:
        found |= _double_support(gait)
        found |= _steps(gait, forward)
    return found


def symmetry(gait: Gait) -> Measures:
    """Difference of the mean joint curves of both legs, each from its own heel strike."""
    differences = []
    for name in JOINTS:
        both = list(gait.mean_curve(name).values())
        if len(both) == 2:
            differences.append((both[0] - both[1]) * DEGREE)
    if not differences:
        return {}
    all_of_them = np.array(differences)
    return {
        "left_right_difference": Measure(float(np.sqrt((all_of_them**2).mean())), "deg"),
        "left_right_difference_max": Measure(float(np.abs(all_of_them).max()), "deg"),
    }


def landing(gait: Gait) -> Measures:
    """Pitch of the foot at heel strike and toe-off (+ toes up), knee flexion extremes.

    Pitch is pelvis_tilt + hip_flexion - knee_angle + ankle_angle: exact for a planar leg whose
    neutral pose stands flat.
    """
    at_strike, at_off, stance_knee, swing_knee = [], [], [], []
    for foot, curves in gait.curves.items():
        if not all(name in curves for name in (*JOINTS, "pelvis_tilt")):
            continue
        hip, knee, ankle = (curves[name] for name in JOINTS)
        pitch = (curves["pelvis_tilt"] + hip - knee + ankle) * DEGREE
        spans = gait.strides[foot]
        off = (100 * (spans[:, 1] - spans[:, 0]) / (spans[:, 2] - spans[:, 0])).round().astype(int)
        at_strike.append(pitch[:, 0].mean())
        at_off.append(np.take_along_axis(pitch, off[:, None], axis=1).mean())
        stance_knee.append(knee[:, 25:50].min(axis=1).mean() * DEGREE)
        swing_knee.append(knee[:, 60:].max(axis=1).mean() * DEGREE)
    if not at_strike:
        return {}
    return {
        "foot_pitch_at_landing": Measure(float(np.mean(at_strike)), "deg"),
        "foot_pitch_at_toe_off": Measure(float(np.mean(at_off)), "deg"),
        "straightest_stance_knee": Measure(float(np.mean(stance_knee)), "deg"),
        "peak_swing_knee": Measure(float(np.mean(swing_knee)), "deg"),
    }


def loaded(events: Events, time: Array) -> NDArray[np.bool_]:
    """Whether a foot with these events is on the ground at times (N,) s."""
    strike = np.searchsorted(events.strikes, time, side="right")
    off = np.searchsorted(events.offs, time, side="right")
    # A motion that begins in stance has an off before its first strike.
    begins = bool(
        events.offs.size and (not events.strikes.size or events.offs[0] < events.strikes[0])
    )
    result: NDArray[np.bool_] = strike + begins - off > 0
    return result


def _forward(motion: Motion) -> Array | None:
    """Forward position (T,) m of the pelvis over ground; a treadmill's belt is added."""
    if "qpos" not in motion or "pelvis_tx" not in motion.labels("qpos"):
        return None
    belt = float(motion.meta.get("belt_speed", 0.0))
    return motion.column("qpos", "pelvis_tx") + belt * motion.time


def _double_support(gait: Gait) -> Measures:
    foot = max(gait.strides, key=lambda f: len(gait.strides[f]))
    spans = gait.strides[foot]
    at = spans[:, :1] + np.linspace(0, 1, 1000, endpoint=False) * (spans[:, 2:] - spans[:, :1])
    both = [loaded(one, at.ravel()) for one in gait.events.values()]
    return {
        "double_support": Measure(float((both[0] & both[1]).mean()), "1"),
        "flight": Measure(float((~both[0] & ~both[1]).mean()), "1"),
    }


def _steps(gait: Gait, forward: Array | None) -> Measures:
    """Step times and lengths (pelvis progress) from one foot's strike to the other's."""
    first, second = gait.events.values()
    times, lengths = [], []
    for one, other in ((first, second), (second, first)):
        begin = min((s[0, 0] for s in gait.strides.values() if len(s)), default=np.inf)
        starts = one.strikes[one.strikes >= begin - 1e-9]
        after = np.searchsorted(other.strikes, starts, side="right")
        starts, after = starts[after < other.strikes.size], after[after < other.strikes.size]
        stops = other.strikes[after]
        near = stops - starts < cut.LONGEST_STRIDE
        if not near.any():
            return {}
        starts, stops = starts[near], stops[near]
        times.append(float((stops - starts).mean()))
        if forward is not None:
            ends = np.interp([starts, stops], gait.motion.time, forward)
            lengths.append(float((ends[1] - ends[0]).mean()))
    asymmetry = abs(times[0] - times[1]) / np.mean(times)
    found = {"step_time_asymmetry": Measure(float(asymmetry), "1")}
    if lengths:
        found["step_length"] = Measure(float(np.mean(lengths)), "m")
    return found
