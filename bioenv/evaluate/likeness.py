"""How far a gait is from people, in units of how far people are from each other.

For each quantity the distance between motion and reference is divided by the root mean square of
the same distance for other measured people: 1 is as far as another person, 0 the reference itself.
A group's distance is the root mean square over its quantities, a total the mean over groups, so
that a group with many curves counts no more than one with two. What the movement was made for (see
`bioenv.evaluate.aims`) is summed apart: only the held-out total is a prediction.

docs/evaluation.md says how to read it and where it is weak.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bioenv.evaluate import bands, loads
from bioenv.evaluate.compare import correlation, others_than
from bioenv.evaluate.gait import Gait, spatiotemporal
from bioenv.lab.reference import EMG_CHANNELS, MUSCLES_OF_EMG, Reference

Array = NDArray[np.float64]

FARTHEST = 10.0
"""Distances beyond this count as this; so does what a motion should show and does not."""

_SAGITTAL = ("hip_flexion", "knee_angle", "ankle_angle")
GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "kinematics": _SAGITTAL,
        "kinetics": tuple(f"{joint}_{what}" for what in ("moment", "power") for joint in _SAGITTAL),
        "ground_force": ("grf_vertical", "grf_fore_aft", "peak_vertical_grf"),
        "muscles": EMG_CHANNELS,
        "loads": ("knee_contact_peak", "hip_contact_peak"),
        "energy": ("cost_of_transport",),
        "timing": ("stride_time", "duty_factor"),
        "out_of_plane": (
            "hip_adduction", "pelvis_list", "pelvis_rotation", "grf_lateral",
            "hip_adduction_moment",
        ),
    }
)  # fmt: skip
"""Group -> curves and figures. "out_of_plane" is asked only of bodies that can leave the plane."""

_SIDEWAYS = "hip_adduction_r"  # a body with this coordinate walks in three dimensions
_COST_SPREAD = 0.07  # half of the published range of the cost of transport, over its middle


@dataclass(frozen=True)
class Distance:
    """One quantity. value: in units of another person's distance, NaN when it is not shown."""

    name: str
    group: str
    value: float
    rewarded: bool

    @property
    def counted(self) -> float:
        """The value in sums: at most `FARTHEST`, which is also that of a missing one."""
        return min(self.value, FARTHEST) if np.isfinite(self.value) else FARTHEST


@dataclass(frozen=True)
class Likeness:
    """The distances of one motion; see the module."""

    distances: tuple[Distance, ...]

    @property
    def groups(self) -> dict[str, float]:
        """Group -> root mean square of its distances."""
        return _by_group(self.distances)

    @property
    def held_out_groups(self) -> dict[str, float]:
        """The same over what the movement was not made for; groups without any are absent."""
        return _by_group(one for one in self.distances if not one.rewarded)

    @property
    def total(self) -> float:
        """Mean over groups, NaN without any."""
        return _mean(self.groups)

    @property
    def held_out(self) -> float:
        """Mean over groups of what the movement was not made for."""
        return _mean(self.held_out_groups)

    @property
    def aimed_at(self) -> float:
        """Mean over groups of what it was made for."""
        return _mean(_by_group(one for one in self.distances if one.rewarded))

    def over(self, names: Iterable[str]) -> float:
        """Mean over groups of the quantities of these names alone."""
        wanted = set(names)
        return _mean(_by_group(one for one in self.distances if one.name in wanted))


@dataclass(frozen=True, eq=False)
class Profile:
    """What is compared: curves name -> (legs, 101), EMG channels among them, and figures."""

    curves: Mapping[str, Array]
    figures: Mapping[str, float]


def likeness(gait: Gait, reference: Reference, aims: Iterable[str]) -> Likeness:
    """Distances of a gait from a reference; `aims` are those of `Aim.quantities`."""
    profile, unit, aims = profile_of(gait), units(reference), set(aims)
    target = profile_of_person(reference)
    deep = _SIDEWAYS in (gait.motion.labels("qpos") if "qpos" in gait.motion else ())
    found = []
    for group, names in GROUPS.items():
        for name in names:
            published = name in _PUBLISHED
            if (group == "out_of_plane" and not deep) or not (published or name in unit):
                continue
            value = (
                _from_published(name, profile) if published
                else distance(name, profile, target) / unit[name]
            )  # fmt: skip
            found.append(Distance(name, group, value, bands.rewarded(_as_score(name), aims)))
    return Likeness(tuple(found))


def profile_of(gait: Gait) -> Profile:
    """The profile of a motion's gait: mean curves of its legs, figures over whole strides."""
    curves = {
        name: np.array(list(legs.values()))
        for names in GROUPS.values() for name in names if (legs := gait.mean_curve(name))
    }  # fmt: skip
    for channel in EMG_CHANNELS:
        heard = gait.activation(*MUSCLES_OF_EMG[channel])
        if heard:
            curves[channel] = np.array(list(heard.values()))
    figures = {
        **spatiotemporal(gait), **loads.ground(gait), **loads.joint_contact(gait),
        **loads.energy(gait),
    }  # fmt: skip
    return Profile(curves, {name: one.value for name, one in figures.items()})


def profile_of_person(person: Reference) -> Profile:
    """The profile of a reference: its right leg."""
    figures = {name: figure.value for name, figure in person.figures.items()}
    if "grf_vertical" in person.curves:
        figures["peak_vertical_grf"] = float(person.curve("grf_vertical").mean.max())
    return Profile({n: c.mean[None] for n, c in person.curves.items()}, figures)


def distance(name: str, one: Profile, other: Profile) -> float:
    """Distance of two profiles in a quantity, in its own unit; NaN where one of them lacks it.

    Curves: root mean square over the cycle and the legs; EMG: 1 - r, mean over the legs, since
    amplitudes are not comparable; figures: absolute difference.
    """
    if name in one.figures and name in other.figures:
        return abs(one.figures[name] - other.figures[name])
    if name not in one.curves or name not in other.curves:
        return float("nan")
    mine, theirs = one.curves[name][:, :-1], other.curves[name].mean(axis=0)[:-1]
    if name.startswith("emg_"):
        return float(np.mean([1.0 - correlation(leg, theirs) for leg in mine]))
    return float(np.sqrt(((mine - theirs) ** 2).mean()))


@lru_cache(maxsize=16)
def units(reference: Reference) -> Mapping[str, float]:
    """Quantity -> root mean square distance of other people, for what others have measured.

    Of a single person or a motion: the shipped adults from it. Of a cohort: each member from the
    mean of the other members.
    """
    people = others_than(reference)
    profiles = [profile_of_person(one) for one in people]
    target = profile_of_person(reference)
    found = {}
    for name in (name for names in GROUPS.values() for name in names):
        values = []
        for i, one in enumerate(profiles):
            rest = profiles[:i] + profiles[i + 1 :]
            other = _mean_profile(rest, name) if reference.members else target
            values.append(distance(name, one, other))
        known = [value for value in values if np.isfinite(value) and value > 0]
        if known:
            found[name] = float(np.sqrt(np.mean(np.square(known))))
    return MappingProxyType(found)


def ralston_cost(speed: float) -> float:
    """Gross cost of transport J/kg/m of people at a speed m/s (Ralston 1958, Int Z Angew Physiol
    17:277-283): 29 + 0.0053 v^2 cal/min/kg with v in m/min."""
    per_minute = 29.0 + 0.0053 * (60.0 * speed) ** 2
    return per_minute * 4.184 / 60.0 / speed


_PUBLISHED = frozenset({"knee_contact_peak", "hip_contact_peak", "cost_of_transport"})
"""Figures with a published range of people; its middle is 0 and its ends are 1."""


def _from_published(name: str, profile: Profile) -> float:
    value, speed = profile.figures.get(name, float("nan")), profile.figures.get("speed", 0.0)
    if name == "cost_of_transport":
        expected = ralston_cost(max(speed, 0.05))
        return abs(value - expected) / (_COST_SPREAD * expected)
    band = bands.PEOPLE[name]
    return abs(value - (band.low + band.high) / 2) / ((band.high - band.low) / 2)


def _mean_profile(people: list[Profile], name: str) -> Profile:
    """The mean of people in one quantity, of those who have it."""
    curves = [one.curves[name] for one in people if name in one.curves]
    figures = [one.figures[name] for one in people if name in one.figures]
    return Profile(
        {name: np.mean(curves, axis=0)} if curves else {},
        {name: float(np.mean(figures))} if figures else {},
    )


def _as_score(name: str) -> str:
    """The name of the score that belongs to a quantity, as `bands.rewarded` knows it."""
    return f"{name}_r" if name.startswith("emg_") else name


def _by_group(some: Iterable[Distance]) -> dict[str, float]:
    squares: dict[str, list[float]] = {}
    for one in some:
        squares.setdefault(one.group, []).append(one.counted**2)
    return {group: float(np.sqrt(np.mean(values))) for group, values in squares.items()}


def _mean(groups: Mapping[str, float]) -> float:
    return float(np.mean(list(groups.values()))) if groups else float("nan")
