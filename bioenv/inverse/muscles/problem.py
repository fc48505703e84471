"""The redundancy problem and its answer, the two nouns of every muscle-force method.

    sum over muscles of moment_arm · (activation · active + passive) + reserve = torque

for k coordinates and more muscles than that, so a rule must choose the activations.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError

Array = NDArray[np.float64]


class Status(IntEnum):
    """What became of one frame.

    OPTIMAL: the balance holds and the cost is the least there is. SHORT: no activation within the
    bounds gives the torque; what is missing is as small as it can be, and among the activations
    that leave that much missing these cost least. UNSOLVED: the method did not converge.
    """

    OPTIMAL = 0
    SHORT = 1
    UNSOLVED = 2


@dataclass(frozen=True, eq=False)
class SharingProblem:
    """T frames of k coordinates moved by m muscles.

    Attributes:
        time: (T,) s.
        torque: (T, k) what muscles and reserves must produce, N*m or N.
        moment_arm: (T, m, k) m, positive when the muscle's pull drives the coordinate up.
        active: (T, m) N along the tendon at activation 1. passive: (T, m) N.
        max_isometric_force: (m,) N.
        muscles, coordinates: names of the m and k entries.
        reserve: (k,) optimal force of a torque reserve per coordinate, N*m; 0 means none, inf a
            free one. A reserve's own activation is torque / optimal force, without bounds.
        use_passive: False, as OpenSim's static optimization, leaves passive forces out.
        lower, upper: (m,) bounds of activation; 0 and 1 when not given.

    Raises BioenvError for arrays of the wrong shape, for NaN or infinite values (the message names
    the first frame and column), negative forces and bounds that leave no room.
    """

    time: Array
    torque: Array
    moment_arm: Array
    active: Array
    passive: Array
    max_isometric_force: Array
    muscles: tuple[str, ...]
    coordinates: tuple[str, ...]
    reserve: Array = field(default_factory=lambda: np.zeros(0))
    use_passive: bool = False
    lower: Array = field(default_factory=lambda: np.zeros(0))
    upper: Array = field(default_factory=lambda: np.ones(0))

    def __post_init__(self) -> None:
        frames, m, k = np.size(self.time), len(self.muscles), len(self.coordinates)
        wide = {"reserve": (k, 0.0), "lower": (m, 0.0), "upper": (m, 1.0)}
        for name, (size, value) in wide.items():
            if np.size(getattr(self, name)) == 0:
                object.__setattr__(self, name, np.full(size, value))
        shapes = {
            "time": (frames,),
            "torque": (frames, k),
            "moment_arm": (frames, m, k),
            "active": (frames, m),
            "passive": (frames, m),
            "max_isometric_force": (m,),
            "reserve": (k,),
            "lower": (m,),
            "upper": (m,),
        }
        labels = {"torque": self.coordinates, "active": self.muscles, "passive": self.muscles}
        for name, shape in shapes.items():
            values = np.ascontiguousarray(getattr(self, name), dtype=np.float64)
            if values.shape != shape:
                raise BioenvError(f"{name} must have shape {shape}, got {values.shape}")
            _refuse_holes(name, values, labels.get(name))
            object.__setattr__(self, name, values)
        self._refuse_nonsense()

    def _refuse_nonsense(self) -> None:
        if np.any(self.active < 0):
            frame, muscle = np.argwhere(self.active < 0)[0]
            raise BioenvError(
                f"active force of {self.muscles[muscle]} is negative in frame {frame}: "
                f"{self.active[frame, muscle]:g} N; muscles only pull"
            )
        if np.any(self.max_isometric_force <= 0):
            muscle = int(np.argmax(self.max_isometric_force <= 0))
            raise BioenvError(
                f"max_isometric_force of {self.muscles[muscle]} must be positive, "
                f"got {self.max_isometric_force[muscle]:g} N"
            )
        if np.any(self.reserve < 0):
            raise BioenvError(f"reserve must be 0 (none) or positive, got {self.reserve.min():g}")
        if np.any(self.lower > self.upper):
            muscle = int(np.argmax(self.lower > self.upper))
            raise BioenvError(
                f"bounds of {self.muscles[muscle]} leave no room: lower {self.lower[muscle]:g}, "
                f"upper {self.upper[muscle]:g}"
            )

    def at(self, frames: NDArray[np.intp]) -> SharingProblem:
        """The problem at some of its frames."""
        names = ("time", "torque", "moment_arm", "active", "passive")
        return replace(self, **{name: getattr(self, name)[frames] for name in names})

    @property
    def demand(self) -> Array:
        """(T, k) torque left for active forces: passive moments are taken off when in use."""
        if not self.use_passive:
            return self.torque
        return self.torque - np.einsum("tmk,tm->tk", self.moment_arm, self.passive)

    @property
    def gain(self) -> Array:
        """(T, k, m) torque per unit of activation."""
        return (self.moment_arm * self.active[:, :, None]).swapaxes(1, 2)

    def force(self, activation: Array) -> Array:
        """(T, m) N along the tendon at `activation` (T, m), passive part included when in use."""
        force = activation * self.active
        return force + self.passive if self.use_passive else force

    def missing(self, activation: Array, reserve_torque: Array) -> Array:
        """(T, k) torque that muscles and reserves leave unexplained."""
        made = np.einsum("tmk,tm->tk", self.moment_arm, self.force(activation))
        return self.torque - made - reserve_torque


@dataclass(frozen=True, eq=False)
class Sharing:
    """Who pulls how much.

    Attributes:
        activation (T, m); force (T, m) N along the tendon; reserve_torque (T, k) N*m;
        missing_torque (T, k) N*m, torque minus muscles minus reserves.
        cost (T,), the method's criterion. status (T,) values of `Status`.
        residual (T,): how far from the optimality conditions, in units of activation.
        seconds: wall time of the whole call. method: what was minimized, in words.
    """

    activation: Array
    force: Array
    reserve_torque: Array
    missing_torque: Array
    cost: Array
    status: NDArray[np.int8]
    residual: Array
    seconds: float
    method: str

    @property
    def solved(self) -> NDArray[np.bool_]:
        """(T,) frames whose torque is met at least cost."""
        return self.status == Status.OPTIMAL


def _refuse_holes(name: str, values: Array, labels: tuple[str, ...] | None) -> None:
    """An infinite reserve or upper bound has a meaning; any other hole is a mistake upstream."""
    bad = np.isnan(values) if name in ("reserve", "upper") else ~np.isfinite(values)
    if not bad.any():
        return
    first = tuple(int(i) for i in np.argwhere(bad)[0])
    where = f"frame {first[0]}" if len(values.shape) > 1 or name == "time" else f"entry {first[0]}"
    if labels and len(first) > 1:
        where += f", {labels[first[1]]}"
    raise BioenvError(
        f"{name} holds {int(bad.sum())} values that are not finite, the first in {where}; fill "
        "gaps or cut the frames before sharing torques among muscles"
    )
