"""Problem: a movement to be found, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, get_args

import mujoco
import numpy as np

from bioenv.agents.trajopt import goals as goals_
from bioenv.agents.trajopt.tracks import Track
from bioenv.errors import BioenvError, unknown
from bioenv.models import Model
from bioenv.models.interventions import one_sided
from bioenv.models.skeleton import floating

Symmetry = Literal["none", "cycle", "mirror", "sides"]
Range = tuple[float, float]
_NONE: Mapping[str, float] = MappingProxyType({})

_BEYOND = 0.25  # rad that a coordinate may go past its soft end of range
_TRAVEL = 5.0  # m or rad that a coordinate without range may move


def span(given: float | Range) -> Range:
    """Lowest and highest of a number, or of both as they are."""
    return (given[0], given[1]) if isinstance(given, list | tuple) else (given, given)


@dataclass(frozen=True, eq=False)
class Problem:
    """Find the movement of `model` with the least weighted sum of `goals`.

    Attributes:
        goals: weight of each goal, by the names in :mod:`bioenv.agents.trajopt.goals`.
        duration: s, lowest and highest length of the movement; of half a stride with "mirror".
        symmetry: "mirror": the end is the mirror image of the start (sides exchanged); "cycle": the
            end is the start again; "sides": both sides move alike, as one; "none".
        travel: coordinate that is not periodic but advances ("pelvis_tx"), or None.
        speed: m/s, lowest and highest mean speed of `travel`, or None.
        start: coordinates given at the start; finish: at the end. m or rad; one number, or lowest
            and highest.
        target: sites and the place (x, y, z) m where each is at the end.
        still: at which ends ("start", "end") nothing moves.
        rest: at which ends ("start", "end") nothing moves or accelerates.
        bounds: coordinate -> lowest and highest value, m or rad.
        activation: lowest and highest activation.
        parameters: of the symbolic model, by name ("strength.soleus_r", "gravity").
        total: goals are integrals over time (times s), not means, so that time has a price.
        gauss_newton: sums of squares count by their slopes alone in second derivatives; without it
            an iteration is dearer, but large joint loads take far fewer of them.
        tracks: curves that the goal "tracking" follows.
        added_mass: kg by body that `model` carries beyond its file; told with the result.
        changes: interventions that `model` has had, see :mod:`bioenv.models.interventions`; told.

    Raises BioenvError for unknown names, bounds that cross and values that are not finite.
    """

    model: Model
    goals: Mapping[str, float]
    duration: Range
    symmetry: Symmetry = "none"
    travel: str | None = None
    speed: Range | None = None
    start: Mapping[str, float | Range] = field(default_factory=lambda: _NONE)
    finish: Mapping[str, float | Range] = field(default_factory=lambda: _NONE)
    target: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    still: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()
    bounds: Mapping[str, Range] = field(default_factory=dict)
    activation: Range = (0.01, 1.0)
    parameters: Mapping[str, float] = field(default_factory=lambda: _NONE)
    total: bool = False
    gauss_newton: bool = True
    tracks: tuple[Track, ...] = ()
    added_mass: Mapping[str, float] = field(default_factory=lambda: _NONE)
    changes: Mapping[str, float] = field(default_factory=lambda: _NONE)

    def __post_init__(self) -> None:
        object.__setattr__(self, "goals", goals_.checked(self.goals))
        if self.symmetry not in get_args(Symmetry):
            raise unknown("symmetry", self.symmetry, get_args(Symmetry))
        for end in (*self.still, *self.rest):
            if end not in ("start", "end"):
                raise unknown("end of the movement", end, ("start", "end"))
        for name in (*self.start, *self.finish, *self.bounds, *filter(None, [self.travel])):
            self.model.coordinate_index(name)
        self._check_sides()
        self._check_likeness()
        for track in self.tracks:
            track.force(self.model)
        if (goals_.TRACKING in self.goals) != bool(self.tracks):
            raise BioenvError('the goal "tracking" and curves to track need each other')
        if self.speed is not None and self.travel is None:
            raise BioenvError("a speed needs `travel`: the coordinate that advances")
        if self.duration[0] <= 0:
            raise BioenvError(f"duration must be above 0 s, not {self.duration[0]:g}")
        ranges = {"duration": self.duration, "speed": self.speed, "activation": self.activation}
        for end in ("start", "finish"):
            ranges |= {f"{name} at the {end}": span(x) for name, x in getattr(self, end).items()}
        for what, limits in {**ranges, **self.bounds}.items():
            if limits is not None and not (np.isfinite(limits).all() and limits[0] <= limits[1]):
                raise BioenvError(f"bounds of {what} cross: {limits[0]:g} to {limits[1]:g}")

    def _check_sides(self) -> None:
        """Where both sides are one, what is given is given for the first of them."""
        names, mirror = self.model.coordinates, self.model.mirror_qpos
        for name in (*self.start, *self.finish, *self.bounds):
            i = self.model.coordinate_index(name)
            if self.symmetry == "sides" and mirror[i] < i:
                raise BioenvError(
                    f'with symmetry "sides" {name} is {names[mirror[i]]}: give that one alone'
                )

    def _check_likeness(self) -> None:
        """A stride whose halves mirror one another needs a body that does."""
        if self.symmetry not in ("mirror", "sides"):
            return
        unlike = one_sided({**self.parameters, **self.added_mass, **self.changes})
        if unlike:
            raise BioenvError(
                f"{', '.join(unlike)} makes the sides unlike, and half a stride does not tell the "
                "other half: solve a whole one, --set symmetry=cycle with twice mesh and duration"
            )

    def coordinate_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """(nq,) lowest and highest coordinates: the given ones, else the soft range and a bit."""
        mj, low, high = self.model.mj, [], []
        for i, name in enumerate(self.model.coordinates):
            if name in self.bounds:
                a, b = self.bounds[name]
            elif mj.jnt_limited[i]:
                a, b = mj.jnt_range[i] + np.array([-_BEYOND, _BEYOND])
            else:
                a, b = self.model.home[i] - _TRAVEL, self.model.home[i] + _TRAVEL
            low.append(a)
            high.append(b)
        return np.array(low), np.array(high)

    @property
    def vertical(self) -> np.ndarray:
        """(nq,) which coordinates are heights."""
        return self.slides & (np.abs(self.model.mj.jnt_axis[:, 2]) > 0.5)

    @property
    def slid(self) -> np.ndarray:
        """(nq,) which coordinates only friction moves. Where nothing moves MuJoCo's friction is
        none, so the balance of forces says already that these do not accelerate.
        """
        carried = floating(self.model.mj) & bool(self.model.feet)
        return self.slides & ~self.vertical & carried

    @property
    def slides(self) -> np.ndarray:
        """(nq,) which coordinates are lengths."""
        return np.asarray(self.model.mj.jnt_type == mujoco.mjtJoint.mjJNT_SLIDE)
