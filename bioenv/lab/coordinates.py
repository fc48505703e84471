"""Joint angles from a file for a model: names resolved, units SI, senses as in the file's model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError
from bioenv.lab.finding import Finding
from bioenv.lab.sto import Table

Array = NDArray[np.float64]

_NOT_VALUES = ("/speed", "/activation", "/fiber_length", "_u")


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Values (T, n) m or rad of the coordinates `names` at time (T,) s.

    missing: names the file does not hold, filled with the model's default. findings: in words.
    """

    time: Array
    names: tuple[str, ...]
    values: Array
    missing: tuple[str, ...]
    findings: tuple[Finding, ...]


def coordinate_name(label: str) -> str | None:
    """The coordinate a column holds, None for a column that holds something else.

    >>> coordinate_name("/jointset/hip_r/hip_flexion_r/value")
    'hip_flexion_r'
    >>> coordinate_name("/jointset/hip_r/hip_flexion_r/speed") is None
    True
    """
    if label.lower() == "time" or label.endswith(_NOT_VALUES):
        return None
    return label.removesuffix("/value").rsplit("/", 1)[-1]


def columns(table: Table) -> dict[str, str]:
    """Labels of a table by coordinate name; the first one counts where a name repeats."""
    found: dict[str, str] = {}
    for label in table.labels[1:]:
        name = coordinate_name(label)
        if name is not None:
            found.setdefault(name, label)
    return found


def coordinates(
    table: Table,
    names: Sequence[str],
    rotational: ArrayLike,
    default: ArrayLike | None = None,
) -> Coordinates:
    """The coordinates of a model from a table; degrees become radians by the table's header.

    names (n,), rotational (n,) bool and default (n,) are the model's; a coordinate the table lacks
    takes its default and is named. Units are judged by the header alone: what contradicts it is a
    finding (`bioenv.lab.checks.check_units`). Raises BioenvError when the table holds none of them.
    """
    from bioenv.lab.checks import check_units

    held = columns(table)
    if not any(name in held for name in names):
        raise BioenvError(
            f"'{table.path or 'the table'}' holds none of the model's coordinates; it has "
            f"{_listed(held)}, the model {_listed(names)}"
        )
    turns = np.asarray(rotational, dtype=np.bool_)
    rest = np.zeros(len(names)) if default is None else np.asarray(default, dtype=np.float64)
    values = np.tile(rest, (len(table.values), 1))
    for i, name in enumerate(names):
        if name in held:
            factor = np.pi / 180 if table.in_degrees and turns[i] else 1.0
            values[:, i] = factor * table.column(held[name])
    missing = tuple(name for name in names if name not in held)
    findings = check_units(table, [name for name, turn in zip(names, turns, strict=True) if turn])
    where = table.path or "coordinates"
    if missing:
        message = f"no column for {', '.join(missing)}: the model's default was taken"
        findings += (Finding("missing_column", where, message),)
    gone = [n for n, column in zip(names, values.T, strict=True) if np.isnan(column).any()]
    if gone:
        message = f"values are missing (NaN) in {', '.join(gone)}"
        findings += (Finding("gap", where, message, "error"),)
    return Coordinates(table.time, tuple(names), values, missing, findings)


def _listed(names: Sequence[str] | dict[str, str]) -> str:
    some = list(names)
    return ", ".join(some[:6]) + (f" and {len(some) - 6} more" if len(some) > 6 else "")
