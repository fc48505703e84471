"""Comma-separated tables: a line of names, perhaps a line of units, then rows of numbers."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.lab import sto
from bioenv.lab.finding import Finding
from bioenv.lab.sto import Table
from bioenv.lab.text import check_clock, numbers, read_lines
from bioenv.motion_io import write_atomically

Array = NDArray[np.float64]

_TIMES = ("time", "time_s", "time (s)", "time [s]", "t", "timestamp", "seconds", "time(s)")
_MOST_COMMENTS = 1000


def read(path: str | Path, *, in_degrees: bool = False, rate: float | None = None) -> Table:
    """Read a table whose first column is time in s, as `bioenv.lab.sto.read` reads OpenSim's.

    Columns are separated by commas, semicolons, tabs or blanks; lines beginning with # or % are
    comments, though the last one before the numbers may hold the names. rate: Hz of a table
    without a time column. Raises BioenvError naming the file and line.
    """
    names, values, units = columns(path)
    if names[0].lower() not in _TIMES:
        if rate is None:
            raise BioenvError(
                f"'{path}': the first column is {names[0][:40]!r}, expected 'time' (s); give rate= "
                "for a table without time"
            )
        time = np.arange(len(values)) / rate
        names, values = ("time", *names), np.column_stack([time, values])
    check_clock(path, values[:, 0])
    header = {"units": ",".join(units)} if units else {}
    return Table(
        ("time", *names[1:]), values, in_degrees, header, str(path), _findings(path, names)
    )


def read_table(path: str | Path) -> Table:
    """A table with time in its first column: OpenSim's (.mot, .sto) or a plain one."""
    return sto.read(path) if Path(path).suffix.lower() in (".mot", ".sto") else read(path)


def columns(path: str | Path) -> tuple[tuple[str, ...], Array, tuple[str, ...]]:
    """Names (n,), numbers (T, n) and units (n,) or () of a table, whatever its first column is.

    Empty cells are NaN. Raises BioenvError for a column of text, naming line and cell.
    """
    lines = read_lines(path)
    comments = 0
    while comments < min(len(lines), _MOST_COMMENTS) and _comment(lines[comments]):
        comments += 1
    first = comments
    if first >= len(lines) or not any(line.strip() for line in lines[first:]):
        raise BioenvError(f"'{path}' has no table below its comments")
    delimiter = _delimiter(lines[first])
    if _numeric(lines[first], delimiter) and first > 0:
        first -= 1  # the names stand in the last comment
    names = _cells(lines[first].lstrip("#% "), delimiter)
    if _numeric(lines[first], delimiter) or not all(names):
        raise BioenvError(f"'{path}' line {first + 1}: expected the names of the columns")
    units: tuple[str, ...] = ()
    if first + 1 < len(lines) and _unit_row(lines[first + 1], delimiter, len(names)):
        units = _cells(lines[first + 1], delimiter)
        first += 1
    return names, numbers(path, lines, first + 1, len(names), delimiter), units


def write(path: str | Path, table: Table) -> Path:
    """Write a table as .csv, names in the first line. Returns the path."""
    rows = [",".join(table.labels)]
    rows += [",".join("" if np.isnan(v) else f"{v:.9g}" for v in row) for row in table.values]
    return write_atomically(Path(path), ("\n".join(rows) + "\n").encode())


def _comment(line: str) -> bool:
    return not line.strip() or line.lstrip()[0] in "#%"


def _delimiter(line: str) -> str | None:
    return next((one for one in (";", ",", "\t") if one in line), None)


def _cells(line: str, delimiter: str | None) -> tuple[str, ...]:
    if delimiter is None:
        return tuple(line.split())
    return tuple(cell.strip() for cell in next(csv.reader([line], delimiter=delimiter)))


def _numeric(line: str, delimiter: str | None) -> bool:
    """Whether the first cell of a line is a number."""
    try:
        float(_cells(line, delimiter)[0])
    except (ValueError, IndexError):
        return False
    return True


def _unit_row(line: str, delimiter: str | None, width: int) -> bool:
    """A second line of short words where numbers are expected: units."""
    cells = _cells(line, delimiter)
    first = cells[0].strip("[]() ").lower() if cells else ""
    return len(cells) == width and first in ("s", "ms", "sec", "seconds", "%", "hz")


def _findings(path: str | Path, names: Sequence[str]) -> tuple[Finding, ...]:
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if not twice:
        return ()
    return (Finding("repeated_column", str(path), f"columns occur twice: {', '.join(twice)}"),)
