"""Trial: what the laboratory measured in one go, every device on its own clock.

SI units and radians; world x forward, y left, z up; time axis first, xyz last. Nothing is resampled
or filtered here, and NaN means "not seen" (markers) or "not loaded" (pressure centers).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.lab.events import Event
from bioenv.lab.finding import Finding
from bioenv.lab.sto import Table

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Markers:
    """Marker positions (T, M, 3) m, z up, NaN where unseen; time (T,) s; rate Hz as recorded."""

    time: Array
    names: tuple[str, ...]
    positions: Array
    rate: float
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        _set(self, "time", clock(self.time, "the markers' clock"))
        _set(self, "names", tuple(map(str, self.names)))
        shape = (self.time.size, len(self.names), 3)
        _set(self, "positions", _values(self.positions, shape, "marker positions"))
        _once(self.names, "marker")

    def position(self, name: str) -> Array:
        """One marker (T, 3) m. Raises BioenvError listing the names."""
        if name not in self.names:
            raise unknown("marker", name, self.names)
        return self.positions[:, self.names.index(name)]

    def seen(self) -> NDArray[np.bool_]:
        """(T, M) True where all three components are known."""
        return np.asarray(np.isfinite(self.positions).all(axis=-1), dtype=np.bool_)

    def between(self, start: float, stop: float) -> Markers:
        """The frames from start to stop s. Raises BioenvError when there are none."""
        inside = _window(self.time, start, stop, "the markers")
        return replace(self, time=self.time[inside], positions=self.positions[inside])

    def only(self, names: Iterable[str]) -> Markers:
        """These markers, in this order. Raises BioenvError for an unknown name."""
        wanted = tuple(names)
        columns = [self.position(name) for name in wanted]
        positions = np.stack(columns, axis=1) if columns else np.empty((self.time.size, 0, 3))
        return replace(self, names=wanted, positions=positions)


@dataclass(frozen=True, eq=False)
class ForcePlate:
    """Force of the ground on the person, world frame, on the plate's own clock.

    time (T,) s; force (T, 3) N, z up positive; point (T, 3) m, the pressure center, NaN while
    unloaded; moment (T, 3) N*m, the free moment about `point` (zero while unloaded). corners (4, 3)
    m where known.
    """

    name: str
    time: Array
    force: Array
    point: Array
    moment: Array
    corners: Array | None = None

    def __post_init__(self) -> None:
        _set(self, "time", clock(self.time, f"the clock of plate {self.name}"))
        for name in ("force", "point", "moment"):
            shape = (self.time.size, 3)
            _set(self, name, _values(getattr(self, name), shape, f"{name} of plate {self.name}"))
        if self.corners is not None:
            _set(self, "corners", _values(self.corners, (4, 3), f"corners of plate {self.name}"))

    @property
    def rate(self) -> float:
        """Hz, from the whole clock."""
        return rate_of(self.time)

    def moment_about(self, center: ArrayLike = (0.0, 0.0, 0.0)) -> Array:
        """(T, 3) N*m about a fixed point, world frame; unloaded frames count only `moment`."""
        arm = np.nan_to_num(self.point - np.asarray(center, dtype=np.float64))
        total: Array = self.moment + np.cross(arm, self.force)
        return total


@dataclass(frozen=True, eq=False)
class Emg:
    """Electromyograms: time (T,) s, names, values (T, C); unit "V" (raw) or "1" (normalized).

    `envelope` is True when the file already holds rectified, smoothed signals.
    """

    time: Array
    names: tuple[str, ...]
    values: Array
    unit: str
    rate: float
    envelope: bool = False
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        _set(self, "time", clock(self.time, "the clock of the EMG"))
        _set(self, "names", tuple(map(str, self.names)))
        shape = (self.time.size, len(self.names))
        _set(self, "values", _values(self.values, shape, "EMG values"))
        _once(self.names, "EMG channel")

    def channel(self, name: str) -> Array:
        """One channel (T,). Raises BioenvError listing the names."""
        if name not in self.names:
            raise unknown("EMG channel", name, self.names)
        return self.values[:, self.names.index(name)]


@dataclass(frozen=True, eq=False)
class Imu:
    """One inertial sensor: time (T,) s; acceleration (T, 3) m/s^2 with gravity (+g up at rest) and
    angular_velocity (T, 3) rad/s in the sensor's frame; orientation (T, 3, 3) sensor to world."""

    name: str
    time: Array
    acceleration: Array | None = None
    angular_velocity: Array | None = None
    orientation: Array | None = None

    def __post_init__(self) -> None:
        _set(self, "time", clock(self.time, f"the clock of sensor {self.name}"))
        shapes = {"acceleration": (3,), "angular_velocity": (3,), "orientation": (3, 3)}
        for name, shape in shapes.items():
            if getattr(self, name) is not None:
                whole = (self.time.size, *shape)
                values = _values(getattr(self, name), whole, f"{name} of sensor {self.name}")
                _set(self, name, values)


@dataclass(frozen=True, eq=False)
class Trial:
    """What was measured in one trial. Devices that were absent are None or empty.

    coordinates: a table of joint angles that came with the trial, as in its file. findings: what
    reading and checking noticed.
    """

    name: str
    markers: Markers | None = None
    forces: tuple[ForcePlate, ...] = ()
    emg: Emg | None = None
    coordinates: Table | None = None
    events: tuple[Event, ...] = ()
    imus: tuple[Imu, ...] = ()
    findings: tuple[Finding, ...] = field(default=())

    @property
    def notes(self) -> tuple[str, ...]:
        """The findings in words."""
        return tuple(map(str, self.findings))

    def plate(self, name: str) -> ForcePlate:
        """The force plate of a name. Raises BioenvError listing the names."""
        for one in self.forces:
            if one.name == name:
                return one
        raise unknown("force plate", name, [one.name for one in self.forces])


def clock(time: ArrayLike, what: str) -> Array:
    """A (T,) read-only clock, T >= 1, finite and increasing. Raises BioenvError otherwise."""
    values = np.array(time, dtype=np.float64)
    if values.ndim != 1 or values.size == 0:
        raise BioenvError(f"{what} needs shape (T,) with T >= 1, got {values.shape}")
    if not np.isfinite(values).all():
        at = int(np.argmin(np.isfinite(values)))
        raise BioenvError(f"{what} holds {values[at]} at sample {at}; time must be finite")
    if values.size > 1 and not (np.diff(values) > 0).all():
        at = int(np.argmax(np.diff(values) <= 0))
        raise BioenvError(
            f"{what} does not increase after sample {at}: {values[at]:g} s, then "
            f"{values[at + 1]:g} s"
        )
    values.flags.writeable = False
    return values


def rate_of(time: Array) -> float:
    """Samples per second over a whole clock; NaN for a single sample."""
    return (time.size - 1) / float(time[-1] - time[0]) if time.size > 1 else float("nan")


def _values(values: ArrayLike, shape: tuple[int, ...], what: str) -> Array:
    array = np.array(values, dtype=np.float64)
    if array.shape != shape:
        raise BioenvError(f"{what} need shape {shape}, got {array.shape}")
    array.flags.writeable = False
    return array


def _window(time: Array, start: float, stop: float, what: str) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = (time >= start) & (time <= stop)
    if not inside.any():
        raise BioenvError(
            f"{what} have no sample between {start:g} and {stop:g} s: they last from "
            f"{time[0]:g} to {time[-1]:g} s"
        )
    return inside


def _once(names: Sequence[str], kind: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BioenvError(f"each {kind} needs its own name; repeated: {', '.join(twice)}")


def _set(owner: object, name: str, value: object) -> None:
    object.__setattr__(owner, name, value)  # the dataclasses are frozen
