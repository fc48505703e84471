"""The nouns of an inverse analysis: how it is asked for, and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.inverse.emg_agreement import Agreement
from bioenv.inverse.muscles.problem import Sharing, SharingProblem
from bioenv.lab.electrodes import Electrode
from bioenv.models.anatomy import Anatomy, MuscleCapacity, MuscleGeometry

Array = NDArray[np.float64]

METHODS = ("static", "dynamic", "emg", "synergy")
COSTS = ("activation", "force")
GRAVE = ("error: ", "warning: ")  # how a note begins that must not be missed
STEEPEST = 8.0  # exponent of a cost; beyond, all that counts is the largest activation
MUSCLE_ARM = 1e-3  # m; a coordinate no muscle turns by more than this is moved by something else


@dataclass(frozen=True)
class Settings:
    """How to analyse a trial.

    cutoff: low-pass of the coordinates, Hz, None for none (6 Hz is OpenSim's custom in walking);
    force_cutoff: of the ground force, None for as measured. start, stop: s, None for the trial's
    first and last.
    method: how muscles share the torque; cost and exponent: what they minimize. reserve: N*m per
    unit of a motor beside the muscles in each coordinate, which costs its activation squared; so
    weak that it gives what muscles cannot and little more. 0 for none. passive: let passive forces
    help. contact_weight: of the squared load of the knees in body weights, beside effort.
    emg_side: leg of electrodes whose name says none. weights: of markers, by name; pulls: of
    coordinates to a target rad or m (None: the model's default), weight and target by name.
    fill_gaps: of markers. reduce_residuals: adjust mass distribution and kinematics a little.
    """

    cutoff: float | None = 6.0
    force_cutoff: float | None = None
    start: float | None = None
    stop: float | None = None
    method: Literal["static", "dynamic", "emg", "synergy"] = "static"
    cost: Literal["activation", "force"] = "activation"
    exponent: float = 2.0
    reserve: float = 1.0
    passive: bool = False
    contact_weight: float = 0.0
    emg_side: str | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    pulls: Mapping[str, tuple[float, float | None]] = field(default_factory=dict)
    fill_gaps: bool = True
    reduce_residuals: bool = False

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise unknown("method", self.method, METHODS)
        if self.cost not in COSTS:
            raise unknown("cost", self.cost, COSTS)
        for name in ("cutoff", "force_cutoff"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise BioenvError(f"{name} must be a positive frequency in Hz, got {value:g}")
        if not 1 < self.exponent <= STEEPEST:
            raise BioenvError(
                f"exponent must be above 1 and at most {STEEPEST:g}, got {self.exponent:g}: 2 is "
                "usual, 3 after Crowninshield and Brand (1981)"
            )
        if self.contact_weight < 0:
            raise BioenvError(f"contact_weight must be 0 or more, got {self.contact_weight:g}")
        if self.reserve < 0:
            raise BioenvError(f"reserve must be 0 (none) or positive, got {self.reserve:g} N*m")
        if self.start is not None and self.stop is not None and not self.start < self.stop:
            raise BioenvError(f"start {self.start:g} s must come before stop {self.stop:g} s")

    @property
    def usual_cost(self) -> bool:
        """The sum of squared activations."""
        return self.cost == "activation" and self.exponent == 2.0


def gravity(note: str) -> int:
    """Rank of a note: errors, warnings, the others."""
    return next((i for i, word in enumerate(GRAVE) if note.startswith(word)), len(GRAVE))


class Stage(NamedTuple):
    """A stage of the work: how many frames in how many seconds."""

    name: str
    frames: int
    seconds: float

    @property
    def rate(self) -> float:
        """Frames per second."""
        return self.frames / max(self.seconds, 1e-9)


class GroundContact(NamedTuple):
    """One plate's or device's action on a body at the frames of the analysis, world, z up.

    force (T, 3) N; point (T, 3) m, NaN while unloaded; moment (T, 3) N*m about the point.
    """

    name: str
    body: str
    force: Array
    point: Array
    moment: Array


@dataclass(frozen=True, eq=False)
class Kinematics:
    """Movement at T frames: time (T,) s; q, qd, qdd (T, n) filtered and differentiated.

    raw (R, n) at raw_time (R,) s: as measured or fitted to markers, on the clock of the file.
    markers (R, M, 3) m, world, and marker_error (R, M) m, NaN where unseen, when there were any.
    """

    time: Array
    q: Array
    qd: Array
    qdd: Array
    raw_time: Array
    raw: Array
    marker_names: tuple[str, ...] = ()
    markers: Array | None = None
    marker_error: Array | None = None

    def between(self, part: slice) -> Kinematics:
        """These frames only; what was measured stays whole."""
        return replace(
            self, time=self.time[part], q=self.q[part], qd=self.qd[part], qdd=self.qdd[part]
        )


@dataclass(frozen=True, eq=False)
class Loads:
    """Joint loads on the child segment at the joint, in the child's frame: force (T, j, 3) N,
    moment (T, j, 3) N*m, point (T, j, 3) m, for the joints named."""

    joints: tuple[str, ...]
    columns: tuple[str, ...]  # OpenSim's prefix: knee_r_on_tibia_r_in_tibia_r
    force: Array
    moment: Array
    point: Array


@dataclass(frozen=True, eq=False)
class Analysis:
    """Everything found about a trial.

    What could not be computed is None, and `notes` say why, grave ones first.
    belt_speed: m/s of the treadmill, 0 on the floor. torque: (T, n) generalized forces of each
    coordinate, OpenSim's names and senses; residuals: figures against Hicks et al. 2015 by name;
    well_posed: JSON-able report on the muscle problem.
    """

    name: str
    anatomy: Anatomy
    settings: Settings
    kinematics: Kinematics
    contacts: tuple[GroundContact, ...] = ()
    belt_speed: float = 0.0
    torque: Array | None = None
    residuals: Mapping[str, Any] = field(default_factory=dict)
    geometry: MuscleGeometry | None = None
    capacity: MuscleCapacity | None = None
    problem: SharingProblem | None = None
    sharing: Sharing | None = None
    loads: Loads | None = None
    well_posed: Mapping[str, Any] = field(default_factory=dict)
    emg_time: Array | None = None
    emg: Mapping[str, Array] = field(default_factory=dict)
    electrodes: tuple[Electrode, ...] = ()
    agreement: tuple[Agreement, ...] = ()
    stages: tuple[Stage, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def time(self) -> Array:
        """(T,) s."""
        return self.kinematics.time

    def summary(self) -> tuple[str, ...]:
        """The figures that say whether to believe the rest, one a line."""
        lines = []
        error = self.kinematics.marker_error
        if error is not None:
            rms, worst = np.sqrt(np.nanmean(error**2)), np.nanmax(error)
            lines.append(f"marker error: RMS {1000 * rms:.1f} mm, largest {1000 * worst:.1f} mm")
        root = self.residuals
        for what, unit in (("force", "N"), ("moment", "N*m")):
            if f"{what}_rms" in root:
                lines.append(
                    f"residual {what}: RMS {root[f'{what}_rms']:.1f} {unit}, "
                    f"peak {root[f'{what}_peak']:.1f} {unit}"
                )
        if self.sharing is not None:
            lines.append(self._unexplained())
        if self.loads is not None:
            size = np.linalg.norm(self.loads.force, axis=2) / self.anatomy.body_weight
            names = self.loads.joints
            legs = [name for name in names if "knee" in name or "hip" in name]
            peaks = [f"{n} {size[:, names.index(n)].max():.2f}" for n in legs or names[:6]]
            lines.append(f"largest joint contact force, body weights: {', '.join(peaks)}")
        if self.agreement:
            known = [r for one in self.agreement if np.isfinite(r := one.correlation)]
            mean = f"mean {np.mean(known):.2f} of " if known else "none of "
            count = len(known) or len(self.agreement)
            lines.append(f"correlation with EMG: {mean}{count} channels")
        return tuple(lines)

    def _unexplained(self) -> str:
        """How much torque no muscle gives."""
        assert self.sharing is not None
        assert self.problem is not None
        left = np.abs(self.sharing.reserve_torque + self.sharing.missing_torque)
        frame, column = np.unravel_index(int(np.argmax(left)), left.shape)
        share = 100 * left.max() / max(float(np.abs(self.problem.torque[:, column]).max()), 1e-9)
        return (
            f"torque beside the muscles: at most {left.max():.3g} N*m "
            f"({self.problem.coordinates[column]}, {self.time[frame]:.2f} s; {share:.0f} % of that "
            "coordinate's peak)"
        )

    def torque_of(self, coordinate: str) -> Array:
        """(T,) moment or force of a coordinate. Raises BioenvError when there is none."""
        if self.torque is None:
            raise BioenvError("this analysis has no torques: the trial has no ground forces")
        if coordinate not in self.anatomy.coordinates:
            raise unknown("coordinate", coordinate, self.anatomy.coordinates)
        return self.torque[:, self.anatomy.coordinates.index(coordinate)]
