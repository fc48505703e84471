"""Analog files of Motion Analysis (.anc): raw A/D counts of EMG amplifiers and force plates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.lab.finding import Finding
from bioenv.lab.text import check_clock, numbers, read_lines
from bioenv.lab.trial import Emg, rate_of

Array = NDArray[np.float64]

# Force plates carry their axis and number; everything else on the board is taken for EMG.
_PLATE = re.compile(
    r"^(?:F\d+[XYZ]|M\d+[XYZ]|[FM][XYZ]\d*|F\d*Z[1-4]|F\d*[XY]\d\d)$", re.IGNORECASE
)


class Analog(NamedTuple):
    """Channels of one board: time (T,) s, names, values (T, C) V at the board's input, rate Hz."""

    time: Array
    names: tuple[str, ...]
    values: Array
    rate: float
    findings: tuple[Finding, ...]


def read(path: str | Path) -> Analog:
    """Read an .anc file; counts become volts by its ranges (mV) and bit depth.

    Raises BioenvError naming the file and line.
    """
    lines = read_lines(path)
    if not lines[0].startswith("File_Type"):
        raise BioenvError(
            f"'{path}' line 1: expected an .anc file, which begins with 'File_Type:'; got "
            f"{lines[0][:40]!r}"
        )
    at = {line.split("\t", 1)[0].strip(): i for i, line in reversed(list(enumerate(lines[:40])))}
    missing = [word for word in ("Name", "Rate", "Range") if word not in at]
    if missing:
        raise BioenvError(f"'{path}': no line '{missing[0]}' in the header of an .anc file")
    names = _cells(lines[at["Name"]])
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BioenvError(f"'{path}' line {at['Name'] + 1}: channels named twice: {twice}")
    rates = _row(path, lines, at["Rate"], names)
    ranges = _row(path, lines, at["Range"], names)
    below = max(at[word] for word in ("Name", "Rate", "Range")) + 1
    table = numbers(path, lines, below, len(names) + 1, "\t")
    check_clock(path, table[:, 0])
    if len(set(rates)) > 1:
        raise BioenvError(
            f"'{path}' line {at['Rate'] + 1}: channels of different rates {sorted(set(rates))} in "
            "one table are not supported; export them at one rate"
        )
    full = _full_scale(path, lines)
    values = table[:, 1:] * np.array(ranges) / 1000.0 / full
    rate, findings = _checked(path, lines, table, rates[0], len(names))
    return Analog(table[:, 0], names, values, rate, findings)


def emg(path: str | Path, names: Sequence[str] | None = None) -> Emg:
    """The raw EMG of an .anc file in V: the named channels, else all but the force plates'."""
    board = read(path)
    wanted = tuple(names or (name for name in board.names if not _PLATE.match(name)))
    unknown_names = [name for name in wanted if name not in board.names]
    if unknown_names or not wanted:
        raise BioenvError(
            f"'{path}' has no EMG channel {', '.join(unknown_names)}; it has "
            f"{', '.join(board.names)}"
        )
    columns = [board.names.index(name) for name in wanted]
    return Emg(
        board.time, wanted, board.values[:, columns], "V", board.rate, findings=board.findings
    )


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.split("\t")[1:] if cell.strip())


def _row(path: str | Path, lines: Sequence[str], at: int, names: Sequence[str]) -> list[float]:
    cells = _cells(lines[at])
    try:
        values = [float(cell) for cell in cells]
    except ValueError as error:
        raise BioenvError(f"'{path}' line {at + 1}: {error}; expected numbers") from error
    if len(values) != len(names) or not np.isfinite(values).all() or min(values) <= 0:
        raise BioenvError(
            f"'{path}' line {at + 1}: expected {len(names)} positive numbers, one for each "
            f"channel, got {len(values)}"
        )
    return values


def _full_scale(path: str | Path, lines: Sequence[str]) -> float:
    """Counts at full range: 2^(bits - 1) for a bipolar board."""
    head = "\t".join(lines[:8])
    bits = re.search(r"BitDepth:\s*(\d{1,2})", head)
    depth = int(bits.group(1)) if bits else 0
    if not 8 <= depth <= 32:
        raise BioenvError(f"'{path}': the header's BitDepth must be 8 to 32, got {depth or 'none'}")
    bipolar = re.search(r"Polarity:\s*(\w+)", head)
    return float(
        2 ** (depth - 1 if not bipolar or bipolar.group(1).lower() != "unipolar" else depth)
    )


def _checked(
    path: str | Path, lines: Sequence[str], table: Array, said: float, channels: int
) -> tuple[float, tuple[Finding, ...]]:
    """The rate the times show, and contradictions of the header."""
    found = []
    measured = rate_of(table[:, 0]) if len(table) > 1 else said
    if abs(measured / said - 1.0) > 0.01:
        message = f"the header says {said:g} Hz, the times {measured:g} Hz, which was taken"
        found.append(Finding("sampling", str(path), message))
    else:
        measured = said
    count = re.search(r"#Channels:\s*(\d+)", "\t".join(lines[:8]))
    if count and count.group(1) != str(channels):
        message = f"the header says {count.group(1)[:12]} channels, the file names {channels}"
        found.append(Finding("column_count", str(path), message, "note"))
    return measured, tuple(found)
