"""OpenSim's tables: .mot and .sto files, read and written.

A table is kept as it stands in the file; `coordinates` and `ground_reaction` convert it to the
coordinates, signs and axes of `bioenv.motion`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.motion import Motion
from bioenv.motion_io import write_table

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of an OpenSim file: labels (n,), values (T, n) with time s first, header as text."""

    labels: tuple[str, ...]
    values: Array
    in_degrees: bool
    header: Mapping[str, str] = field(default_factory=dict)

    @property
    def time(self) -> Array:
        """Time (T,) s."""
        return self.values[:, 0]

    def column(self, label: str) -> Array:
        """One column (T,). Raises BioenvError listing the labels."""
        if label not in self.labels:
            raise unknown("column", label, self.labels)
        return self.values[:, self.labels.index(label)]


def read(path: str | Path) -> Table:
    """Read a .mot or .sto file. Raises BioenvError naming the file and line.

    nRows of the header is not trusted (published files give it wrongly); the number of columns and
    increasing time are checked. Columns are separated by tabs or blanks.
    """
    file = Path(path)
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise BioenvError(f"cannot read '{file}': {error.strerror}") from error
    end = next((i for i, s in enumerate(lines) if s.strip().lower() == "endheader"), None)
    if end is None or end + 1 >= len(lines):
        raise BioenvError(
            f"'{file}' is not an OpenSim table: no line 'endheader' with labels after"
        )
    pairs = [line.split("=", 1) for line in lines[:end] if "=" in line]
    header = {key.strip(): value.strip() for key, value in pairs}
    labels_at = next((i for i in range(end + 1, len(lines)) if lines[i].strip()), end + 1)
    labels = tuple(lines[labels_at].split())
    if not labels or labels[0].lower() != "time":
        raise BioenvError(f"'{file}' line {labels_at + 1}: the first column must be 'time'")
    values = _numbers(file, lines, labels_at + 1, len(labels))
    if len(values) > 1 and not (np.diff(values[:, 0]) > 0).all():
        row = int(np.argmax(np.diff(values[:, 0]) <= 0))
        raise BioenvError(f"'{file}': time does not increase after {values[row, 0]:g} s")
    degrees = header.get("inDegrees", "no").lower() in ("yes", "y", "true")
    return Table(labels, values, degrees, header)


def write(path: str | Path, table: Table) -> Path:
    """Write a table as .mot or .sto, whole or not at all. Returns the path."""
    return write_table(Path(path), table.labels, table.values, in_degrees=table.in_degrees)


def coordinates(
    table: Table, *, knee: Literal["negative", "positive"] = "negative", model: str | None = None
) -> Motion:
    """A Motion with qpos from a table of coordinates: radians, z up, knee flexion positive.

    `knee` is the sign of knee flexion in the file: "negative" in gait2392, gait10dof18musc and
    their kin, "positive" in Rajagopal's. Columns in other units than their neighbours
    (knee_angle_*_beta) are left out, and so are speeds and activations of a states file.
    Raises BioenvError when no column is a coordinate.
    """
    names, columns = [], []
    for label in table.labels[1:]:
        name = label.removesuffix("/value").rsplit("/", 1)[-1]
        if name.endswith("_beta") or label.endswith(("/speed", "/activation")):
            continue
        values = table.column(label)
        if name.endswith(("_tx", "_ty", "_tz")):
            swap = {"x": ("x", 1.0), "y": ("z", 1.0), "z": ("y", -1.0)}
            axis, factor = swap[name[-1]]
            name = name[:-1] + axis
        else:
            factor = np.pi / 180 if table.in_degrees else 1.0
            if name.startswith("knee_angle") and knee == "negative":
                factor = -factor
        names.append(name)
        columns.append(factor * values)
    if not columns:
        raise BioenvError("the table holds no coordinates besides time")
    return Motion(table.time, model=model).add(
        "qpos", np.column_stack(columns), labels=names, source="measured"
    )


def ground_reaction(table: Table, feet: Mapping[str, str]) -> Motion:
    """A Motion with ground_reaction_force and center_of_pressure, z up, from a force table.

    `feet` maps a foot to the prefix of its columns, e.g. {"r": "1_ground_force_", "l":
    "ground_force_"} (Falisse: the unnumbered plate is the LEFT foot) or {"r": "ground_force_r_"}.
    The centre of pressure of an unloaded foot is NaN. Raises BioenvError for a missing column.
    """
    force = np.stack([_vector(table, prefix + "v") for prefix in feet.values()], axis=1)
    pressure = np.stack([_vector(table, prefix + "p") for prefix in feet.values()], axis=1)
    pressure[np.abs(force).sum(axis=-1) == 0] = np.nan
    return (
        Motion(table.time)
        .add("ground_reaction_force", force, labels=feet, source="measured")
        .add("center_of_pressure", pressure, labels=feet, source="measured")
    )


def _vector(table: Table, prefix: str) -> Array:
    x, y, z = (table.column(prefix + axis) for axis in "xyz")
    return np.column_stack([x, -z, y])


def _numbers(file: Path, lines: Sequence[str], start: int, width: int) -> Array:
    """The rows of numbers from line `start`. Raises BioenvError with the line that is wrong."""
    body = [(i, line.split()) for i, line in enumerate(lines[start:], start + 1) if line.strip()]
    if not body:
        raise BioenvError(f"'{file}' has labels but no rows")
    for number, cells in body:
        if len(cells) != width:
            raise BioenvError(
                f"'{file}' line {number}: {len(cells)} columns, expected {width} as labelled"
            )
    try:
        return np.array([cells for _, cells in body], dtype=np.float64)
    except ValueError as error:
        raise BioenvError(f"'{file}' holds a cell that is no number: {error}") from error
