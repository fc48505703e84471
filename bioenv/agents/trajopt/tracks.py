"""Curves that a movement is to follow: of a measured reference, or of a Motion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.lab import reference as references
from bioenv.lab.cycles import reference_of
from bioenv.lab.gait_reference import ReferenceGait
from bioenv.lab.reference import Curve, Reference
from bioenv.models import Model
from bioenv.motion import Motion

Array = NDArray[np.float64]

FORCES = {"grf_fore_aft": 0, "grf_vertical": 2}
"""Curves of ground reaction force and their axis: x forward, z up; body weights."""
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

    def at(self, share: ArrayLike) -> tuple[Array, Array]:
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


def tracks(
    model: Model, against: str | Path | Reference | Motion, curves: Sequence[str], cycles: float
) -> tuple[Track, ...]:
    """Curves of a reference for both legs of a model, from right heel strike on.

    Args:
        against: a reference, its name (see :func:`bioenv.lab.reference.load`), or a Motion, of
            which the mean strides are taken.
        curves: names such as "knee_angle" or "grf_vertical"; forces are scaled so that both feet
            carry one body weight.
        cycles: gait cycles that the movement lasts: 0.5 for half a symmetric stride.

    Raises BioenvError for curves that the reference or coordinates that the model does not have.
    """
    if isinstance(against, Motion):
        source = reference_of(against, str(against.meta.get("label", "motion")))
    else:
        source = against if isinstance(against, Reference) else references.load(against)
    share = np.linspace(0.0, cycles, round(100 * cycles) + 1)
    found = []
    for name in curves:
        curve = source.curve(name)
        sides = [f"_{foot}" for foot in model.feet]
        if name in model.coordinates:
            found.append(_track(name, _symmetric(curve), share, 0.0, source))
        elif name in FORCES or f"{name}{sides[0]}" in model.coordinates:
            found += [
                _track(f"{name}{side}", curve, share, 0.5 * (side == "_l"), source)
                for side in sides
            ]
        else:
            raise unknown("curve to track", name, [*FORCES, *model.coordinates])
    return tuple(found)


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
