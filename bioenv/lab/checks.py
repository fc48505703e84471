"""Checks of lab data: what is wrong is named, nothing is repaired.

Each check returns findings; `check_trial` makes them all. See also `bioenv.lab.feet`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from bioenv.lab.check_forces import check_plates, treadmill
from bioenv.lab.coordinates import columns
from bioenv.lab.feet import assign_feet
from bioenv.lab.finding import Finding
from bioenv.lab.sto import Table
from bioenv.lab.trial import Markers, Trial

Array = NDArray[np.float64]
__all__ = [
    "assign_feet", "check_columns", "check_markers", "check_plates", "check_time", "check_trial",
    "check_units", "treadmill",
]  # fmt: skip

DEGREES = float(np.degrees(1.0))
LARGEST_ANGLE = 3 * np.pi  # rad; a pelvis that turns once more than a person walks in a circle
SMALLEST_JOINT = 0.5  # rad; a knee or hip that moves less says nothing about units
_TRANSLATION = ("_tx", "_ty", "_tz")
BODY = (0.2, 2.7)  # m, heights a cloud of markers may have
RARELY_SEEN = 0.2  # share of frames unseen that is worth a warning


def check_trial(trial: Trial, mass: float | None = None) -> tuple[Finding, ...]:
    """Every check that the trial's devices allow; mass in kg makes the forces' check sharper."""
    found: tuple[Finding, ...] = ()
    if trial.markers is not None:
        found += check_markers(trial.markers)
        found += check_time(trial.markers.time, "markers")
    found += check_plates(trial.forces, mass)
    found += treadmill(trial.forces)
    if trial.emg is not None:
        found += check_time(trial.emg.time, "EMG")
    if trial.coordinates is not None:
        found += check_units(trial.coordinates)
        found += check_time(trial.coordinates.time, trial.coordinates.path or "coordinates")
    return found


def check_time(time: Array, where: str) -> tuple[Finding, ...]:
    """Irregular sampling: lost samples, drifting intervals, or stamps that were only rounded."""
    if time.size < 3:
        return ()
    steps = np.diff(time)
    usual = float(np.median(steps))
    if np.abs(steps - usual).max() < 1e-3 * usual:
        return ()
    even = time[0] + np.arange(time.size) * (time[-1] - time[0]) / (time.size - 1)
    if steps.max() > 1.5 * usual:
        gaps = np.flatnonzero(steps > 1.5 * usual)
        longest = int(np.argmax(steps))
        message = (
            f"{gaps.size} gaps in time; the longest lasts {steps[longest]:.4g} s after "
            f"{time[longest]:g} s, usual are {usual:.4g} s"
        )
        return (Finding("sampling", where, message),)
    if np.abs(time - even).max() < 0.1 * usual:
        message = f"time stamps are rounded: steps of {steps.min():.6g} to {steps.max():.6g} s"
        return (Finding("sampling", where, message, "note"),)
    message = f"irregular sampling: steps of {steps.min():.6g} to {steps.max():.6g} s"
    return (Finding("sampling", where, message),)


def check_columns(table: Table, required: Iterable[str]) -> tuple[Finding, ...]:
    """Coordinates or columns that are missing from a table, each with the nearest name it has."""
    held = {*columns(table), *table.labels}
    found = []
    for name in required:
        if name not in held:
            near = difflib.get_close_matches(name, held, n=1)
            hint = f"; the nearest is {near[0]!r}" if near else ""
            message = f"no column {name!r}{hint}"
            found.append(Finding("missing_column", table.path or "table", message, "error"))
    return tuple(found)


def check_units(table: Table, rotational: Sequence[str] | None = None) -> tuple[Finding, ...]:
    """Degrees and radians: columns in other units than the header or their neighbours say.

    rotational: names of the coordinates that are angles; by default all but those that end in _tx,
    _ty, _tz. Columns are told apart by size, by their twin of the other side, and
    knee_angle_*_beta by the knee angle it should repeat.
    """
    held = columns(table)
    names = held if rotational is None else [name for name in rotational if name in held]
    angles = {n: table.column(held[n]) for n in names if not n.endswith(_TRANSLATION)}
    angles = {name: values for name, values in angles.items() if np.isfinite(values).any()}
    where = table.path or "coordinates"
    largest = {name: float(np.nanmax(np.abs(values))) for name, values in angles.items()}
    large = sorted(name for name, value in largest.items() if value > LARGEST_ANGLE)
    joints = [n for n in angles if n.startswith(("knee_angle", "hip_flexion")) and "beta" not in n]
    said = "degrees" if table.in_degrees else "radians"
    if not table.in_degrees and any(name in large for name in joints or large):
        moving = [name for name in joints if np.ptp(angles[name]) > 0]
        if len(large) == 1 or any(name not in large for name in moving):
            return (_mixed(where, large, "degrees", said),)
        message = (
            f"the header says radians, but {large[0]} reaches {largest[large[0]]:.4g}: degrees?"
        )
        return (Finding("in_degrees", where, message, "error"),)
    if table.in_degrees and joints and max(largest.values()) < np.pi:
        if max(float(np.ptp(angles[name])) for name in joints) > SMALLEST_JOINT:
            message = f"the header says degrees, but no angle exceeds {max(largest.values()):.3g}"
            return (Finding("in_degrees", where, message + ": radians?", "error"),)
        return ()
    found: list[Finding] = []
    if large and not table.in_degrees:
        found.append(_mixed(where, large, "degrees", said))
    odd = [name for name in _against_neighbours(angles) if name not in large]
    if odd:
        other = "radians" if table.in_degrees else "degrees"
        found.append(_mixed(where, odd, other, said))
    return tuple(found)


def check_markers(markers: Markers, where: str = "markers") -> tuple[Finding, ...]:
    """Size of the body (millimetres taken for metres), markers never or rarely seen."""
    seen = markers.seen()
    found: list[Finding] = []
    if not seen.any():
        return (Finding("occlusion", where, "no marker is ever seen", "error"),)
    heights = markers.positions[..., 2]
    rows = seen.sum(axis=1) >= 2
    if rows.any() and len(markers.names) > 3:
        some = heights[rows]
        extent = float(np.median(np.nanmax(some, axis=1) - np.nanmin(some, axis=1)))
        if not BODY[0] <= extent <= BODY[1]:
            mistaken = BODY[0] <= extent / 1000 <= BODY[1] or BODY[0] <= extent * 1000 <= BODY[1]
            why = ": millimetres and metres are confused; give units=" if mistaken else ""
            message = f"the markers are {extent:.4g} m high{why}"
            found.append(Finding("length_unit", where, message, "error" if mistaken else "warning"))
    share = 1.0 - seen.mean(axis=0)
    never = [name for name, one in zip(markers.names, share, strict=True) if one == 1.0]
    if never:
        message = f"never seen: {', '.join(never)}; they are left out of the fit"
        found.append(Finding("occlusion", where, message))
    for name, one, column in zip(markers.names, share, seen.T, strict=True):
        if 0.0 < one < 1.0:
            longest = _longest_gap(column) / markers.rate
            message = f"{name} is unseen in {one:.1%} of the frames, at most {longest:.3g} s"
            severity = "warning" if one > RARELY_SEEN else "note"
            found.append(Finding("occlusion", where, message, severity))  # type: ignore[arg-type]
    return tuple(found)


def _mixed(where: str, names: Sequence[str], unit: str, said: str) -> Finding:
    # The patella's angle follows the knee's in every model: it is computed, not read.
    grave = not all(name.endswith("_beta") for name in names)
    message = f"{', '.join(names)} in {unit} beside columns in {said}"
    return Finding("mixed_units", where, message, "error" if grave else "warning")


def _against_neighbours(angles: dict[str, Array]) -> list[str]:
    """Columns whose range differs from a twin's by the factor of degrees and radians."""
    span = {name: float(np.nanmax(v) - np.nanmin(v)) for name, v in angles.items()}
    found = []
    for name in angles:
        twin = name.removesuffix("_beta")
        if twin != name and twin in angles and min(span[name], span[twin]) > 0:
            ratio = span[twin] / span[name]
            if not 0.5 < ratio < 2.0 and 0.8 < max(ratio, 1 / ratio) / DEGREES < 1.25:
                found.append(name)
    large = max(span.values(), default=0.0) > LARGEST_ANGLE
    for right in angles:
        left = right.replace("_r", "_l", 1) if "_r" in right else ""
        if left not in angles or right.endswith("_beta") or min(span[left], span[right]) <= 0:
            continue
        ratio = span[left] / span[right]
        if 0.4 < max(ratio, 1 / ratio) / DEGREES < 2.5:
            small, big = (left, right) if ratio < 1 else (right, left)
            found.append(small if large else big)
    return found


def _longest_gap(seen: NDArray[np.bool_]) -> int:
    """Frames of the longest run of False."""
    edges = np.flatnonzero(np.diff(np.concatenate([[1], seen.astype(np.int8), [1]])))
    runs = edges[1::2] - edges[::2]
    return int(runs.max()) if runs.size else 0
