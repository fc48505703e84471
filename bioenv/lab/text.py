"""Text files as laboratories write them: lines and numbers, with errors that name file and line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError

Array = NDArray[np.float64]

LONGEST_LINE = 1_000_000  # characters; 1000 markers with 9 digits need 40,000
LARGEST_FILE = 1 << 30  # bytes; an hour of 32 channels at 1 kHz is a third of it
# What Microsoft's C library prints for a number that is none.
_NOT_A_NUMBER = ("nan(ind)", "1.#qnan", "1.#ind", "1.#snan", "1.#qnan0", "nan(snan)")


def read_bytes(path: str | Path) -> bytes:
    """The content of a file. Raises BioenvError for a folder, an absent, empty or huge file."""
    file = Path(path)
    if file.is_dir():
        raise BioenvError(f"'{file}' is a folder; expected a file")
    try:
        size = file.stat().st_size
        if size > LARGEST_FILE:
            raise BioenvError(
                f"'{file}' has {size / 2**30:.1f} GiB; at most {LARGEST_FILE >> 30} GiB are read"
            )
        content = file.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, BioenvError):
            raise
        raise BioenvError(f"cannot read '{file}': {_reason(error)}") from error
    if not content:
        raise BioenvError(f"'{file}' is empty (0 bytes)")
    return content


def read_lines(path: str | Path) -> list[str]:
    """The lines of a text file, UTF-8 or else Latin-1, without line ends.

    Raises BioenvError for whatever `read_bytes` refuses, for NUL bytes (a binary or UTF-16 file)
    and for a line longer than a million characters.
    """
    content = read_bytes(path)
    at = content.find(b"\0")
    if at >= 0:
        line = content.count(b"\n", 0, at) + 1
        raise BioenvError(
            f"'{path}' line {line} holds a NUL byte: it is a binary file or text in UTF-16; "
            "expected plain text (UTF-8)"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    longest = max(range(len(lines)), key=lambda i: len(lines[i]))
    if len(lines[longest]) > LONGEST_LINE:
        raise BioenvError(
            f"'{path}' line {longest + 1} has {len(lines[longest]):,} characters; expected a "
            f"table with lines of at most {LONGEST_LINE:,}"
        )
    return lines


def numbers(
    path: str | Path, lines: Sequence[str], start: int, width: int, delimiter: str | None = None
) -> Array:
    """The table (T, width) in lines[start:]; blank lines are skipped.

    `delimiter` None means blanks and tabs; with a delimiter an empty cell is NaN. Raises
    BioenvError with the line of the first cell that is no number or of a row of another width.
    """
    rows = [(i, line) for i, line in enumerate(lines[start:], start + 1) if line.strip()]
    if not rows:
        raise BioenvError(f"'{path}' has labels but no rows of numbers")
    if delimiter:
        rows = [(i, _filled(line, width, delimiter)) for i, line in rows]
    try:
        values = np.loadtxt(
            [line for _, line in rows], np.float64, comments=None, delimiter=delimiter, ndmin=2
        )
    except ValueError:
        values = None
    if values is None or values.shape[1] != width:
        values = np.array([_row(path, i, line, width, delimiter) for i, line in rows])
    if np.isinf(values).any():
        row, column = np.argwhere(np.isinf(values))[0]
        raise BioenvError(
            f"'{path}' line {rows[row][0]} column {column + 1} holds an infinite number"
        )
    return values


def check_clock(path: str | Path, time: Array) -> None:
    """Raises BioenvError naming the row where time is no number or does not increase."""
    if not np.isfinite(time).all():
        row = int(np.argmin(np.isfinite(time)))
        raise BioenvError(f"'{path}' row {row + 1} of the table: time is missing or no number")
    if time.size > 1 and not (np.diff(time) > 0).all():
        row = int(np.argmax(np.diff(time) <= 0))
        how = "repeats" if time[row + 1] == time[row] else "goes back"
        raise BioenvError(
            f"'{path}' row {row + 2} of the table: time does not increase after {time[row]:g} s: "
            f"it {how} {'' if how == 'repeats' else f'to {time[row + 1]:g} s'}".rstrip()
        )


def _filled(line: str, width: int, delimiter: str) -> str:
    """The row with "nan" in empty cells and without surplus delimiters at its end."""
    surplus = line.count(delimiter) + 1 - width
    if surplus <= 0 and not re.search(rf"{delimiter} *(?:{delimiter}|$)", line):
        return line
    cells = line.split(delimiter)
    while len(cells) > width and not cells[-1].strip():
        cells.pop()
    return delimiter.join(cell if cell.strip() else "nan" for cell in cells)


def _row(
    path: str | Path, number: int, line: str, width: int, delimiter: str | None
) -> list[float]:
    cells = line.split(delimiter)
    if len(cells) != width:
        raise BioenvError(
            f"'{path}' line {number}: {len(cells)} columns, expected {width} as labelled"
        )
    return [_number(path, number, cell.strip()) for cell in cells]


def _number(path: str | Path, line: int, cell: str) -> float:
    if cell.lower().lstrip("+-") in _NOT_A_NUMBER:
        return float("nan")
    try:
        if "_" not in cell:  # Python reads 1_000, no other program does
            return float(cell)
    except ValueError:
        pass
    hint = "; write numbers with a point, not a comma" if "," in cell else ""
    raise BioenvError(f"'{path}' line {line}: {cell[:40]!r} is no number{hint}")


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)
