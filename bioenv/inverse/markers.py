"""Markers of a body and of a trial: which belong together, how they weigh, how well they fit."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.models.anatomy import Anatomy, BodyMarker

Array = NDArray[np.float64]

RMS_LIMIT, MAX_LIMIT = 0.02, 0.04  # m; OpenSim's guide for inverse kinematics of walking


class Matching(NamedTuple):
    """markers of the body that are used, their columns in the data, their weights (M,); names only
    the data have (`unused`), only the body has (`missing`), or with weight but no data."""

    markers: tuple[BodyMarker, ...]
    columns: NDArray[np.intp]
    weights: Array
    unused: tuple[str, ...]
    missing: tuple[str, ...]


class IkTasks(NamedTuple):
    """What an OpenSim inverse kinematics setup asks for: weights by marker and by coordinate, and
    the coordinates' fixed targets, rad or m (None: the model's default; absent: from a file)."""

    markers: dict[str, float]
    coordinates: dict[str, float]
    targets: dict[str, float | None]


def match_markers(
    anatomy: Anatomy, names: Sequence[str], weights: Mapping[str, float] | None
) -> Matching:
    """Pair the data's marker names with the body's.

    A prefix up to a colon ("Subject:RASI") is ignored, and so is case where that is unambiguous.
    With `weights` only the markers named there count, as in OpenSim; zero leaves a marker out.
    """
    plain = [str(name).rsplit(":", 1)[-1].strip() for name in names]
    twice = sorted({name for name in plain if plain.count(name) > 1})
    if twice:
        raise BioenvError(f"marker names must differ; given more than once: {', '.join(twice)}")
    column = {name: i for i, name in enumerate(plain)}
    lowered = {name.lower(): i for name, i in column.items()}
    used: list[tuple[BodyMarker, int, float]] = []
    known = [marker.name for marker in anatomy.markers]
    for name, value in (weights or {}).items():
        if name not in known and name not in column:
            raise unknown("marker with a weight", name, known)
        if not (np.isfinite(value) and value >= 0):
            raise BioenvError(f"the weight of marker {name!r} must be 0 or more, got {value!r}")
    for marker in anatomy.markers:
        at = column.get(marker.name, lowered.get(marker.name.lower()))
        weight = 1.0 if weights is None else float(weights.get(marker.name, 0.0))
        if at is not None and weight > 0:
            used.append((marker, at, weight))
    if not used:
        raise BioenvError(
            f"none of the {len(plain)} markers in the data ({_few(plain)}) belongs to "
            f"{anatomy.name!r}, whose markers are {_few(known)}; rename them"
        )
    taken = {at for _, at, _ in used}
    return Matching(
        tuple(marker for marker, _, _ in used),
        np.array([at for _, at, _ in used], dtype=np.intp),
        np.array([weight for _, _, weight in used]),
        tuple(str(name) for i, name in enumerate(names) if i not in taken),
        tuple(n for n in known if n not in column and n.lower() not in lowered),
    )


@dataclass(frozen=True, eq=False)
class MarkerReport:
    """Errors of a fit in meters, judged by OpenSim's guide (RMS below 2 cm, maximum below 4 cm).

    rms, maximum: over the whole trial; by_marker: name to (RMS, maximum); worst: marker, frame and
    error of the maximum; swapped: pairs of names that fit better exchanged; `within_guide`.
    """

    rms: float
    maximum: float
    by_marker: Mapping[str, tuple[float, float]]
    worst: tuple[str, int, float]
    swapped: tuple[tuple[str, str], ...]

    @property
    def within_guide(self) -> bool:
        """Both below OpenSim's limits."""
        return self.rms < RMS_LIMIT and self.maximum < MAX_LIMIT

    def to_dict(self) -> dict[str, object]:
        """Plain numbers, for JSON."""
        return {
            "rms_m": self.rms,
            "max_m": self.maximum,
            "guide": {"rms_m": RMS_LIMIT, "max_m": MAX_LIMIT, "within": self.within_guide},
            "worst": {"marker": self.worst[0], "frame": self.worst[1], "error_m": self.worst[2]},
            "markers": {
                name: {"rms_m": rms, "max_m": top} for name, (rms, top) in self.by_marker.items()
            },
            "look_swapped": [list(pair) for pair in self.swapped],
        }

    def __str__(self) -> str:
        name, frame, error = self.worst
        verdict = "within" if self.within_guide else "outside"
        lines = [
            f"marker error RMS {self.rms * 1e3:.1f} mm, max {error * 1e3:.1f} mm ({name}, frame "
            f"{frame}): {verdict} OpenSim's guide (RMS < 20 mm, max < 40 mm)"
        ]
        lines += [f"{a} and {b} look swapped" for a, b in self.swapped]
        return "\n".join(lines)


def report(
    names: Sequence[str], error: Array, swapped: Sequence[tuple[str, str]] = ()
) -> MarkerReport:
    """Report of a fit with errors (T, M) m, NaN where a marker was not seen."""
    seen = np.isfinite(error)
    if not seen.any():
        raise BioenvError("no marker was seen in any frame: there is no error to report")
    filled = np.where(seen, error, 0.0)
    rms = np.sqrt((filled**2).sum(axis=0) / np.maximum(seen.sum(axis=0), 1))
    frame, marker = np.unravel_index(int(np.argmax(filled)), filled.shape)
    return MarkerReport(
        float(np.sqrt((filled**2).sum() / seen.sum())),
        float(filled.max()),
        {n: (float(r), float(t)) for n, r, t in zip(names, rms, filled.max(axis=0), strict=True)},
        (names[int(marker)], int(frame), float(filled.max())),
        tuple(swapped),
    )


def read_marker_weights(path: str | Path) -> IkTasks:
    """Weights and targets from an OpenSim IKTaskSet or inverse kinematics setup file.

    Tasks that are not applied are left out. A coordinate task with value_type ``from_file`` has no
    entry in `targets`: its values are in the coordinate file.
    """
    file = Path(path)
    try:
        root = ET.parse(file).getroot()
    except OSError as error:
        raise BioenvError(f"cannot read '{file}': {error.strerror}") from error
    except ET.ParseError as error:
        raise BioenvError(f"'{file}' is not XML: {error}") from error
    tasks = IkTasks({}, {}, {})
    for kind, weights in (("IKMarkerTask", tasks.markers), ("IKCoordinateTask", tasks.coordinates)):
        for task in root.iter(kind):
            name = task.get("name", "")
            if _text(task, "apply", "true").lower() != "true":
                continue
            weights[name] = _number(file, task, "weight", 1.0)
            how = _text(task, "value_type", "default_value")
            if kind == "IKCoordinateTask" and how != "from_file":
                manual = how == "manual_value"
                tasks.targets[name] = _number(file, task, "value", 0.0) if manual else None
    if not tasks.markers and not tasks.coordinates:
        raise BioenvError(
            f"'{file}' has no applied IKMarkerTask or IKCoordinateTask: it must be an OpenSim "
            "IKTaskSet or inverse kinematics setup"
        )
    return tasks


def _text(task: ET.Element, field: str, default: str) -> str:
    return (task.findtext(field) or default).strip()


def _number(file: Path, task: ET.Element, field: str, default: float) -> float:
    text = _text(task, field, str(default))
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise BioenvError(f"'{file}': {field} of task {task.get('name')!r} is no number: {text!r}")
    return value


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
