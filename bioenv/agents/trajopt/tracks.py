"""Curves that a movement is to follow: of a measured reference, or of a Motion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bioenv.envs.reference import suited_stride_time
from bioenv.errors import BioenvError, unknown
from bioenv.lab import reference as references
from bioenv.lab.gait_reference import ReferenceGait
from bioenv.lab.reference import Curve, Reference
from bioenv.models import Model
from bioenv.motion import Motion

Array = NDArray[np.float64]

FORCES = {"grf_fore_aft": 0, "grf_vertical": 2}
"""Curves of ground reaction force and their axis: x forward, z up; body weights."""
MOTION_FILES = (".nc", ".npz")
_PERIODIC = ("mirror", "cycle")  # meta["symmetry"] of a motion that is one whole stride
LEAST_SD = {"rad": np.deg2rad(2.0), "BW": 0.05}
"""Floor of standard deviations: a foot in the air has none, and markers wander by degrees."""


@dataclass(frozen=True, eq=False)
class Track:
    """One curve to follow over a movement.

    Attributes:
        name: a coordinate (rad), or "grf_vertical_r", "grf_fore_aft_l", ... (body weights).
        mean, sd (k,): at evenly spaced instants from the start to the end of the movement.
    """

    name: str
    mean: Array
    sd: Array

    def __post_init__(self) -> None:
        if self.mean.shape != self.sd.shape or self.mean.ndim != 1:
            raise BioenvError(
                f"track {self.name}: mean and sd need one shape (k,), got {self.mean.shape} and "
                f"{self.sd.shape}"
            )
        known = np.isfinite(self.mean) & np.isfinite(self.sd) & (self.sd > 0)
        if not known.all():
            raise BioenvError(f"track {self.name}: mean must be finite, sd finite and above 0")

    def at(self, share: Array) -> tuple[Array, Array]:
        """Mean and sd at shares 0..1 of the movement, linear in between."""
        known = np.linspace(0.0, 1.0, len(self.mean))
        return np.interp(share, known, self.mean), np.interp(share, known, self.sd)

    def force(self, model: Model) -> tuple[int, int] | None:
        """(foot, axis) of a ground reaction force, None for a coordinate.

        Raises BioenvError for a name that is neither.
        """
        curve, _, foot = self.name.rpartition("_")
        if curve in FORCES and foot in model.feet:
            return model.feet.index(foot), FORCES[curve]
        model.coordinate_index(self.name)
        return None


def source_of(against: str | Path) -> Reference | Motion:
    """What a name says: an optimized gait's motion file, or a reference.

    Motion files of several strides, measured or simulated, are references: their mean stride.
    Raises BioenvError, see :func:`bioenv.lab.reference.load`.
    """
    if Path(against).suffix in MOTION_FILES:
        motion = Motion.load(against)
        if motion.meta.get("symmetry") in _PERIODIC:
            return motion
    return references.load(against)


def pace(model: Model, source: Reference | Motion) -> tuple[float, float]:
    """Stride time s and speed m/s that suit the model's legs: those of an optimized gait, or the
    reference's speed at the cadence at which its angles carry such legs that fast.
    """
    if isinstance(source, Motion):
        travelled = np.ptp(source.column("qpos", "pelvis_tx")[[0, -1]])
        return source.duration, float(travelled / source.duration)
    gait = ReferenceGait.fit(source)
    return suited_stride_time(gait, model), gait.speed


def tracks(
    model: Model, source: Reference | Motion, curves: Sequence[str], cycles: float
) -> tuple[Track, ...]:
    """Curves of a reference for both legs of a model, from right heel strike on.

    Args:
        source: a reference, or the motion of one stride, which is followed from its start.
        curves: names such as "knee_angle" or "grf_vertical"; a reference's forces are scaled so
            that both feet carry one body weight.
        cycles: gait cycles that the movement lasts: 0.5 for half a symmetric stride.

    Raises BioenvError for curves that the reference or coordinates that the model does not have.
    """
    share = np.linspace(0.0, cycles, round(100 * cycles) + 1)
    found = []
    for name in curves:
        names = [name] if name in model.coordinates else [f"{name}_{f}" for f in model.feet]
        if name not in FORCES and not set(names) <= set(model.coordinates):
            raise unknown("curve to track", name, [*FORCES, *model.coordinates])
        if isinstance(source, Motion):
            found += [_of_period(one, source, share) for one in names]
        elif name in model.coordinates:
            found.append(_track(name, _symmetric(source.curve(name)), share, 0.0, source))
        else:
            found += [
                _track(one, source.curve(name), share, 0.5 * one.endswith("_l"), source)
                for one in names
            ]
    return tuple(found)


def _of_period(name: str, motion: Motion, share: Array) -> Track:
    """A curve of one period of a gait as it is, with the least standard deviations."""
    curve, _, foot = name.rpartition("_")
    if curve in FORCES:
        weight = 9.81 * float(motion.meta["mass_kg"])
        values = motion.column("ground_reaction_force", foot)[:, FORCES[curve]] / weight
    else:
        values = motion.column("qpos", name)
    at = motion.time[0] + share * motion.duration
    sd = LEAST_SD["BW" if curve in FORCES else "rad"]
    return Track(name, np.interp(at, motion.time, values), np.full(share.size, sd))


def _track(name: str, curve: Curve, share: Array, later: float, source: Reference) -> Track:
    """A curve from `later` cycles on."""
    phase = (share + later) % 1.0
    known = np.linspace(0.0, 1.0, len(curve.mean))
    floor = LEAST_SD.get(curve.unit, LEAST_SD["rad"])
    sd = np.maximum(np.nan_to_num(curve.sd, nan=floor), floor)
    scale = ReferenceGait.fit(source).grf_scale if curve.unit == "BW" else 1.0
    return Track(name, scale * np.interp(phase, known, curve.mean), np.interp(phase, known, sd))


def _symmetric(curve: Curve) -> Curve:
    """A trunk curve that repeats with every step, as it must in a symmetric gait."""
    later = np.roll(curve.mean[:-1], (len(curve.mean) - 1) // 2)
    mean = 0.5 * (curve.mean[:-1] + later)
    return Curve(np.append(mean, mean[0]), curve.sd, curve.unit)
