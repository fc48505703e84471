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
from bioenv.lab.finding import Finding
from bioenv.lab.text import check_clock, numbers, read_lines
from bioenv.motion import Motion
from bioenv.motion_io import write_table

Array = NDArray[np.float64]

# Headers before OpenSim 1.0.
_OLD_KEYS = {"datarows": "nRows", "datacolumns": "nColumns", "range": "range"}


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of an OpenSim file: labels (n,), values (T, n) with time s first, header as text.

    path names the file it came from ("" when made here); findings: contradictions noticed in it.
    """

    labels: tuple[str, ...]
    values: Array
    in_degrees: bool
    header: Mapping[str, str] = field(default_factory=dict)
    path: str = ""
    findings: tuple[Finding, ...] = ()

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

    Counts of rows and columns in the header are not trusted (published files give them wrongly),
    but a contradiction is a finding. Columns are separated by tabs or blanks; time must increase.
    """
    lines = read_lines(path)
    end = next((i for i, s in enumerate(lines) if s.strip().lower() == "endheader"), None)
    if end is None or not any(line.strip() for line in lines[end + 1 :]):
        raise BioenvError(
            f"'{path}' is not an OpenSim table: no line 'endheader' with labels after"
        )
    header = _header(lines[:end])
    _check_kind(path, header)
    labels_at = next(i for i in range(end + 1, len(lines)) if lines[i].strip())
    labels, delimiter = _labels(lines[labels_at], lines[labels_at + 1 :])
    if labels[0].lower() != "time":
        raise BioenvError(
            f"'{path}' line {labels_at + 1}: the first column must be 'time', got "
            f"{labels[0][:40]!r}"
        )
    values = numbers(path, lines, labels_at + 1, len(labels), delimiter)
    check_clock(path, values[:, 0])
    degrees = header.get("inDegrees", "no").lower() in ("yes", "y", "true")
    findings = _contradictions(path, header, labels, values)
    return Table(labels, values, degrees, header, str(path), findings)


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


def _header(lines: Sequence[str]) -> dict[str, str]:
    """Pairs "key=value", and the old form "datarows 1561"."""
    header: dict[str, str] = {}
    for line in lines:
        key, equals, value = line.partition("=")
        if equals:
            header[key.strip()] = value.strip()
        elif len(words := line.split()) == 2 and words[0].lower() in _OLD_KEYS:
            header[_OLD_KEYS[words[0].lower()]] = words[1]
    return header


def _check_kind(path: str | Path, header: Mapping[str, str]) -> None:
    kind = header.get("DataType", "double")
    if kind.lower() not in ("double", "float"):
        raise BioenvError(
            f"'{path}' holds {kind} (header DataType), several numbers in a cell; expected a table "
            "of double. Export it from OpenSim as separate columns"
        )


def _labels(line: str, below: Sequence[str]) -> tuple[tuple[str, ...], str | None]:
    """Labels and the delimiter: tabs only where names with blanks make them necessary."""
    by_blank = tuple(line.split())
    first = next((row for row in below if row.strip()), "")
    by_tab = tuple(cell.strip() for cell in line.strip("\t\n ").split("\t"))
    if (
        first
        and len(first.split()) != len(by_blank)
        and len(first.strip("\n ").split("\t")) == len(by_tab)
    ):
        return by_tab, "\t"
    return by_blank, None


def _contradictions(
    path: str | Path, header: Mapping[str, str], labels: Sequence[str], values: Array
) -> tuple[Finding, ...]:
    found = []
    counts = (("nRows", "row_count", len(values)), ("nColumns", "column_count", len(labels)))
    for key, kind, actual in counts:
        said = header.get(key, str(actual))
        if said != str(actual):
            # More promised than present may mean that the file was cut short.
            short = said.isdigit() and (len(said) > 12 or int(said) > actual)
            message = f"the header says {key}={said[:20]}, the file holds {actual}, which were read"
            found.append(Finding(kind, str(path), message, "warning" if short else "note"))
    twice = sorted({label for label in labels if list(labels).count(label) > 1})
    if twice:
        found.append(
            Finding("repeated_column", str(path), f"columns occur twice: {', '.join(twice)}")
        )
    return tuple(found)
