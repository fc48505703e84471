"""Motion: what one body did, on one clock, in named channels of one unit each.

Lab data, policy rollouts and trajectory optimization all end as a `Motion`; everything downstream
(inverse dynamics, evaluation, reports, learning) sees nothing else. `CHANNELS` is the one table of
channel names, units, axes and signs; documentation is generated from it.

SI units and radians; world frame x forward, y left, z up; time axis first, xyz last.
Coordinates of the planar walker, in qpos order: pelvis_tx, pelvis_tz (up), pelvis_tilt (+ backward
lean), lumbar_extension (+ trunk backward relative to the pelvis), then per side hip_flexion
(+ flexion), knee_angle (+ flexion), ankle_angle (+ dorsiflexion), mtp_angle (+ toes up), with
``_r`` and ``_l``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, cast, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError, unknown

Source = Literal["measured", "simulated", "optimized", "computed", "estimated"]
SOURCES: tuple[str, ...] = get_args(Source)
Array = NDArray[np.float64]


class Channel(NamedTuple):
    """One row of the table of channels: unit, axes after time, meaning and sign."""

    unit: str
    axes: tuple[str, ...]
    doc: str
    gaps: bool = False
    """True when NaN has a meaning (unseen marker, unloaded foot, missing electrode)."""


CHANNELS: Mapping[str, Channel] = MappingProxyType(
    {
        "qpos": Channel("m|rad", ("coordinate",), "generalized coordinates"),
        "qvel": Channel("m/s|rad/s", ("coordinate",), "generalized velocities"),
        "qacc": Channel("m/s^2|rad/s^2", ("coordinate",), "generalized accelerations"),
        "excitation": Channel("1", ("muscle",), "neural excitation, 0 to 1"),
        "activation": Channel("1", ("muscle",), "muscle activation, 0 to 1"),
        "muscle_force": Channel("N", ("muscle",), "tendon force, positive when it pulls"),
        "muscle_length": Channel("m", ("muscle",), "muscle-tendon length"),
        "muscle_velocity": Channel("m/s", ("muscle",), "muscle-tendon velocity, + lengthening"),
        "fiber_length": Channel("1", ("muscle",), "fiber length in optimal fiber lengths"),
        "metabolic_rate": Channel("W", ("muscle",), "metabolic rate of each muscle, no basal rate"),
        "joint_torque": Channel(
            "N|N*m", ("coordinate",), "generalized force of the joints, sign of its coordinate"
        ),
        "ground_reaction_force": Channel(
            "N", ("foot", "xyz"), "force of the ground on the foot, world frame"
        ),
        "center_of_pressure": Channel(
            "m", ("foot", "xyz"), "point of application, world frame; NaN when unloaded", True
        ),
        "free_moment": Channel(
            "N*m", ("foot", "xyz"), "moment of the ground on the foot about its pressure center"
        ),
        "joint_contact_force": Channel(
            "N", ("joint", "xyz"), "force on the child body at the joint, in the child's frame"
        ),
        "markers": Channel("m", ("marker", "xyz"), "marker positions, world; NaN = unseen", True),
        "emg": Channel("1", ("emg",), "EMG envelope, normalized; NaN = missing", True),
        "imu_acceleration": Channel(
            "m/s^2", ("imu", "xyz"), "specific force in the sensor's frame (+g up at rest)", True
        ),
        "imu_angular_velocity": Channel(
            "rad/s", ("imu", "xyz"), "angular velocity in the sensor's frame", True
        ),
    }
)


@dataclass(frozen=True, eq=False)
class Signal:
    """Values of one channel: (T, labels[, 3]) float64, read-only, and where they come from.

    band: (T, labels[, 3], 2) lower and upper end of the 90 % interval of an estimate, or None.
    flag: (T,) True where the estimator says that it is out of its depth, or None.
    Raises BioenvError for non-numeric values, repeated labels, an unknown source, or a band or
    flag of another shape.
    """

    values: Array
    labels: tuple[str, ...]
    source: Source = "simulated"
    band: Array | None = None
    flag: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _read_only(self.values, "a signal's values"))
        _check_trust(self)
        labels = tuple(str(label) for label in self.labels)
        if len(set(labels)) != len(labels):
            twice = sorted({label for label in labels if labels.count(label) > 1})
            raise BioenvError(f"labels must differ from each other; repeated: {', '.join(twice)}")
        object.__setattr__(self, "labels", labels)
        if self.source not in SOURCES:
            raise unknown("source", str(self.source), SOURCES)

    def at(self, samples: NDArray[Any]) -> Signal:
        """The signal at samples: a mask (T,), or indices in any order."""
        band = None if self.band is None else self.band[samples]
        flag = None if self.flag is None else self.flag[samples]
        return replace(self, values=self.values[samples], band=band, flag=flag)

    def only(self, labels: Iterable[str]) -> Signal:
        """The signal of some of its labels, in their order. Raises BioenvError for others."""
        kept = tuple(labels)
        for label in kept:
            if label not in self.labels:
                raise unknown("label", label, self.labels)
        index = [self.labels.index(label) for label in kept]
        band = None if self.band is None else self.band[:, index]
        return replace(self, values=self.values[:, index], labels=kept, band=band)


@dataclass(frozen=True, eq=False)
class Motion:
    """What one body did: time (T,) s, strictly increasing, and named channels (see `CHANNELS`).

    `model` names the body ("walker2d"); `meta` is JSON-able (mass_kg, height_m, task, command,
    seed, rewarded: channel names a policy was rewarded for). Immutable: `add`, `between` and
    `with_meta` return a new Motion. Raises BioenvError when an array does not fit its channel.
    """

    time: Array
    signals: Mapping[str, Signal] = field(default_factory=dict)
    model: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        time = _read_only(self.time, "time")
        if time.ndim != 1 or time.size == 0:
            raise BioenvError(f"time must be a (T,) array with T >= 1, got shape {time.shape}")
        if not np.isfinite(time).all():
            raise BioenvError("time must be finite; it holds NaN or infinity")
        if time.size > 1 and not (np.diff(time) > 0).all():
            first = int(np.argmax(np.diff(time) <= 0))
            raise BioenvError(
                f"time must increase: sample {first + 1} ({time[first + 1]:g} s) does not follow "
                f"sample {first} ({time[first]:g} s)"
            )
        for name, signal in self.signals.items():
            _check_signal(name, signal, time.size)
        object.__setattr__(self, "time", time)
        object.__setattr__(self, "signals", MappingProxyType(dict(self.signals)))
        object.__setattr__(self, "meta", MappingProxyType(_jsonable(self.meta)))

    def __reduce__(self) -> tuple[Any, ...]:
        # Mapping proxies do not cross process borders; plain dicts do.
        return Motion, (self.time, dict(self.signals), self.model, dict(self.meta))

    def __getitem__(self, name: str) -> Array:
        """Values of a channel, (T, labels[, 3])."""
        return self._signal(name).values

    def __contains__(self, name: object) -> bool:
        return name in self.signals

    def __len__(self) -> int:
        return int(self.time.size)

    @property
    def duration(self) -> float:
        """Seconds from the first to the last sample."""
        return float(self.time[-1] - self.time[0])

    def labels(self, name: str) -> tuple[str, ...]:
        """Names along the first axis after time."""
        return self._signal(name).labels

    def source(self, name: str) -> str:
        """Where a channel comes from: one of `SOURCES`."""
        return self._signal(name).source

    def column(self, name: str, label: str) -> Array:
        """One labelled column: (T,), or (T, 3) for channels with an xyz axis."""
        signal = self._signal(name)
        if label not in signal.labels:
            raise unknown(f"label of {name}", label, signal.labels)
        return signal.values[:, signal.labels.index(label)]

    def add(
        self,
        name: str,
        values: ArrayLike,
        *,
        labels: Iterable[str],
        source: Source,
        band: ArrayLike | None = None,
        flag: ArrayLike | None = None,
    ) -> Motion:
        """A new Motion with one more channel (or a replaced one); see `Signal`."""
        signal = Signal(
            _read_only(values, name), tuple(labels), source,
            None if band is None else np.asarray(band), None if flag is None else np.asarray(flag),
        )  # fmt: skip
        return replace(self, signals={**self.signals, name: signal})

    def between(self, start: float, stop: float) -> Motion:
        """The samples with start <= time <= stop, as a new Motion. Raises when there are none."""
        inside = (self.time >= start) & (self.time <= stop)
        if not inside.any():
            raise BioenvError(
                f"no samples between {start:g} and {stop:g} s; the motion covers "
                f"{self.time[0]:g} to {self.time[-1]:g} s"
            )
        signals = {n: s.at(inside) for n, s in self.signals.items()}
        return replace(self, time=self.time[inside], signals=signals)

    def with_meta(self, **entries: Any) -> Motion:
        """A new Motion with entries added to, or replaced in, `meta`."""
        return replace(self, meta={**self.meta, **entries})

    def save(self, path: str | Path) -> Path:
        """Write NetCDF-3 (.nc) or NumPy (.npz, no pickle), whole or not at all. Returns the path.

        In the .nc file every channel is a variable with attributes units, source, labels (JSON
        list) and doc; meta is JSON text.
        """
        from bioenv import motion_io

        return motion_io.save(self, Path(path))

    @staticmethod
    def load(path: str | Path) -> Motion:
        """Read a file written by `save`. Raises BioenvError for a missing or foreign file."""
        from bioenv import motion_io

        return motion_io.load(Path(path))

    def to_opensim(self, directory: str | Path, stem: str = "motion") -> list[Path]:
        """Write OpenSim files into a directory; returns their paths.

        ``stem.mot`` coordinates in degrees under OpenSim's names (y up; knee flexion negative, as
        in gait10dof18musc), ``stem_grf.mot`` ground reaction, ``stem_activation.sto`` and
        ``stem_muscle_force.sto``; a file for each of these channels that is present.
        """
        from bioenv import motion_io

        return motion_io.write_opensim(self, Path(directory), stem)

    def _signal(self, name: str) -> Signal:
        if name in self.signals:
            return self.signals[name]
        if name in CHANNELS:
            have = ", ".join(self.signals) or "none"
            raise BioenvError(f"this motion has no channel '{name}'; it has: {have}")
        raise unknown("channel", name, CHANNELS)


def _read_only(values: ArrayLike, what: str) -> Array:
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BioenvError(f"{what}: expected an array of numbers ({error})") from error
    array.flags.writeable = False
    return array


def _check_trust(signal: Signal) -> None:
    """Make band and flag read-only, of their types; raise where they do not fit the values."""
    shape = signal.values.shape
    if signal.band is not None:
        band = _read_only(signal.band, "a signal's band")
        if band.shape != (*shape, 2):
            raise BioenvError(f"a band of values {shape} needs shape {(*shape, 2)}: {band.shape}")
        if (band[..., 0] > band[..., 1]).any():
            raise BioenvError("a band's lower end must not lie above its upper end")
        object.__setattr__(signal, "band", band)
    if signal.flag is not None:
        flag = np.array(signal.flag, dtype=np.bool_)
        if flag.shape != shape[:1]:
            raise BioenvError(f"a flag of values {shape} needs shape {shape[:1]}: {flag.shape}")
        flag.flags.writeable = False
        object.__setattr__(signal, "flag", flag)


def _check_signal(name: str, signal: Signal, samples: int) -> None:
    if name not in CHANNELS:
        raise unknown("channel", name, CHANNELS)
    channel = CHANNELS[name]
    sizes = tuple(3 if axis == "xyz" else len(signal.labels) for axis in channel.axes)
    expected = (samples, *sizes)
    if signal.values.shape != expected or not signal.labels:
        raise BioenvError(
            f"{name} has shape {signal.values.shape} with {len(signal.labels)} labels; expected "
            f"(time, {', '.join(channel.axes)}) = {expected} with at least one label"
        )
    bad = np.isinf(signal.values) if channel.gaps else ~np.isfinite(signal.values)
    if bad.any():
        index = tuple(int(i) for i in np.argwhere(bad)[0])
        raise BioenvError(
            f"{name} must be finite; sample {index[0]} of '{signal.labels[index[1]]}' is "
            f"{signal.values[index]}"
        )


def _jsonable(meta: Mapping[str, Any]) -> dict[str, Any]:
    """A deep copy through JSON, so that what is stored can be read back."""

    def plain(value: object) -> object:
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, np.ndarray):
            return value.tolist()
        if isinstance(value, Mapping):
            return dict(value)
        if isinstance(value, Path):
            return str(value)
        raise TypeError(f"{type(value).__name__} is not JSON-able")

    try:
        return cast(dict[str, Any], json.loads(json.dumps(dict(meta), default=plain)))
    except (TypeError, ValueError) as error:
        raise BioenvError(f"meta must be JSON-able: {error}") from error
