"""Marker files of the Track Row Column kind (.trc), read and written.

Positions are OpenSim's in the file (y up, z to the right, usually mm) unless axes are given.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.lab.axes import OPENSIM, disagreement, from_world, to_world
from bioenv.lab.finding import Finding
from bioenv.lab.text import check_clock, numbers, read_lines
from bioenv.lab.trial import Markers, rate_of
from bioenv.motion_io import write_atomically

Array = NDArray[np.float64]

METRES: Mapping[str, float] = {
    "mm": 1e-3, "millimeters": 1e-3, "cm": 1e-2, "centimeters": 1e-2, "dm": 1e-1,
    "m": 1.0, "meters": 1.0, "in": 0.0254, "inches": 0.0254, "ft": 0.3048,
}  # fmt: skip
_KEYS = (
    "DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units", "OrigDataRate",
    "OrigDataStartFrame", "OrigNumFrames",
)  # fmt: skip


def read(path: str | Path, *, axes: Sequence[str] = OPENSIM, units: str | None = None) -> Markers:
    """Read a .trc file: positions in m, z up, NaN where a marker was not seen.

    axes: the file's axes that point forward, left and up (see `bioenv.lab.axes`). units: replaces
    the header's. Counts and rates of the header are not trusted; what contradicts the rows is
    among the markers' findings. Raises BioenvError naming the file and line.
    """
    lines = read_lines(path)
    if not lines[0].lstrip().startswith("PathFileType") or len(lines) < 6:
        raise BioenvError(
            f"'{path}' line 1: expected a .trc file, which begins with 'PathFileType' and has "
            f"5 lines of header; got {lines[0][:40]!r}"
        )
    header, findings = _header(path, lines[1], lines[2])
    names = _names(path, lines[3])
    table = numbers(path, lines, 5, 2 + 3 * len(names), "\t" if "\t" in lines[3] else None)
    time = table[:, 1]
    check_clock(path, time)
    raw = table[:, 2:].reshape(len(table), -1, 3)
    where = str(path)
    factor, doubt = _factor(where, units or header.get("Units", ""), raw, given=units is not None)
    positions, zeros = _unseen(where, raw * factor)
    rate, wrong = _rate(where, header, time)
    findings += doubt + zeros + wrong + _counts(where, header, table, names)
    findings += disagreement(axes, names, positions, where)
    return Markers(time, names, to_world(positions, axes), rate, findings)


def write(
    path: str | Path, markers: Markers, *, units: str = "mm", axes: Sequence[str] = OPENSIM
) -> Path:
    """Write a .trc file; unseen markers become empty cells. Returns the path."""
    if units not in METRES:
        raise unknown("unit of length", units, METRES)
    file = Path(path)
    values = from_world(markers.positions, axes) / METRES[units]
    frames, count = len(markers.time), len(markers.names)
    rate = f"{markers.rate:.9g}"
    text = io.StringIO()
    text.write(f"PathFileType\t4\t(X/Y/Z)\t{file.name}\n" + "\t".join(_KEYS) + "\n")
    text.write(f"{rate}\t{rate}\t{frames}\t{count}\t{units}\t{rate}\t1\t{frames}\n")
    text.write("Frame#\tTime\t" + "\t\t\t".join(markers.names) + "\t\t\n\t\t")
    text.write("\t".join(f"{axis}{i + 1}" for i in range(count) for axis in "XYZ") + "\n\n")
    for i, row in enumerate(values.reshape(frames, -1)):
        cells = ("" if np.isnan(v) else f"{v:.9g}" for v in row)
        text.write(f"{i + 1}\t{markers.time[i]:.9g}\t" + "\t".join(cells) + "\n")
    return write_atomically(file, text.getvalue().encode())


def _header(path: str | Path, keys: str, values: str) -> tuple[dict[str, str], tuple[Finding, ...]]:
    """The header's pairs. Some programs write two tabs between values and one between keys."""
    names = [key.strip() for key in keys.split("\t") if key.strip()]
    if not names or names[0] != "DataRate":
        names = keys.split()
    if not names or names[0] != "DataRate":
        raise BioenvError(f"'{path}' line 2: expected 'DataRate CameraRate ...', got {keys[:40]!r}")
    cells = [cell.strip() for cell in values.split("\t")]
    filled = [cell for cell in cells if cell] if "\t" in values else values.split()
    if cells[: len(filled)] == filled or "\t" not in values:
        return dict(zip(names, filled, strict=False)), ()
    note = Finding(
        "header", f"{path} line 3",
        "values of the header are not below their names (doubled tabs): read in order", "note",
    )  # fmt: skip
    return dict(zip(names, filled, strict=False)), (note,)


def _names(path: str | Path, line: str) -> tuple[str, ...]:
    cells = line.split("\t") if "\t" in line else line.split()
    if len(cells) < 3 or cells[0].strip().lower() not in ("frame#", "frame", "frame #"):
        raise BioenvError(f"'{path}' line 4: expected 'Frame#', 'Time' and marker names")
    names = tuple(cell.strip() for cell in cells[2:] if cell.strip())
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not names:
        what = f"markers named twice: {', '.join(twice)}" if twice else "no marker names"
        raise BioenvError(f"'{path}' line 4: {what}; each marker needs its own name")
    return names


def _factor(where: str, unit: str, raw: Array, *, given: bool) -> tuple[float, tuple[Finding, ...]]:
    """Metres per unit; a unit that is missing is guessed from the size of the body."""
    if unit.lower() in METRES:
        return METRES[unit.lower()], ()
    if given:
        raise unknown("unit of length", unit, METRES)
    span = np.nanmax(np.abs(raw)) if np.isfinite(raw).any() else 0.0
    guess = "m" if span < 50.0 else "mm"
    message = f"the header's unit {unit[:20]!r} is none of length; {guess} was taken from the size"
    return METRES[guess], (Finding("length_unit", where, message + "; give units= to be sure"),)


def _unseen(where: str, positions: Array) -> tuple[Array, tuple[Finding, ...]]:
    """NaN in all three components where one is missing, or where all are exactly zero."""
    zero = (positions == 0.0).all(axis=-1)
    lost = zero | ~np.isfinite(positions).all(axis=-1)
    result = np.where(lost[..., None], np.nan, positions)
    if not zero.any():
        return result, ()
    message = f"{int(zero.sum())} positions of exactly (0, 0, 0) were read as unseen"
    return result, (Finding("occlusion", where, message, "note"),)


def _rate(where: str, header: Mapping[str, str], time: Array) -> tuple[float, tuple[Finding, ...]]:
    """DataRate, unless the times contradict it."""
    measured = rate_of(time)
    try:
        said = float(header.get("DataRate", ""))
    except ValueError:
        said = float("nan")
    if time.size < 2 or abs(measured / said - 1.0) < 0.01:
        return said, ()
    message = f"the header says DataRate {said:g} Hz, the times {measured:g} Hz, which was taken"
    return measured, (Finding("sampling", where, message),)


def _counts(
    where: str, header: Mapping[str, str], table: Array, names: Sequence[str]
) -> tuple[Finding, ...]:
    found = []
    for key, actual in (("NumFrames", len(table)), ("NumMarkers", len(names))):
        said = header.get(key, str(actual))
        if said != str(actual):
            short = said.isdigit() and (len(said) > 12 or int(said) > actual)
            message = f"the header says {key} {said[:20]}, the file holds {actual}, which were read"
            kind = "row_count" if key == "NumFrames" else "column_count"
            found.append(Finding(kind, where, message, "warning" if short else "note"))
    return tuple(found)
