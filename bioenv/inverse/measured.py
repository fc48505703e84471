"""What goes into an inverse analysis: files of a trial, brought to the coordinates of a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.lab.coordinates import columns, coordinates
from bioenv.lab.finding import Finding, words
from bioenv.lab.sto import Table
from bioenv.lab.trial import Emg, ForcePlate, Markers
from bioenv.models.anatomy import Anatomy

Array = NDArray[np.float64]

COUPLED_TOLERANCE = 0.02  # rad or m: a coupled column this far from its function contradicts it
FARTHEST = 100.0  # m from the laboratory's origin; a coordinate beyond is in other units
MOST_TURNED = 1000.0  # rad, 160 turns
OUTSIDE, INSIDE = 0.1, 0.02  # rad, mean distance from a range that a coordinate leaves, or keeps
UNITS = ("in_degrees", "mixed_units")  # findings that make every number after them wrong


@dataclass(frozen=True, eq=False)
class Measured:
    """One trial: markers, or time (T,) s and coordinates q (T, n) of the model.

    plates with the body each acts on, None where the file does not say; emg; notes of reading.
    """

    name: str
    markers: Markers | None = None
    time: Array | None = None
    q: Array | None = None
    plates: tuple[tuple[ForcePlate, str | None], ...] = ()
    emg: Emg | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.markers is None and self.q is None:
            raise BioenvError(f"trial {self.name!r} has neither markers nor coordinates")


def coordinates_of(anatomy: Anatomy, table: Table) -> tuple[Array, tuple[str, ...]]:
    """q (T, n) of the anatomy from a table of coordinates, and what was noticed.

    A coordinate without a column keeps its default. Coupled coordinates (the patella) follow their
    function; a column that contradicts it is named, since other programs take it at its word.

    Raises BioenvError when no column is a coordinate of the model, for gaps, and for columns whose
    units cannot be what the header says.
    """
    found = coordinates(table, anatomy.coordinates, anatomy.rotational, anatomy.default)
    where = table.path or "the table"
    follow = anatomy.couple(found.values)
    coupled = [anatomy.coordinates[i] for i in np.flatnonzero(~anatomy.independent)]
    for one in found.findings:
        if one.kind in UNITS and one.severity == "error":
            other = "radians" if table.in_degrees else "degrees"
            hint = f" Correct the header, or give --angles {other}"
            if one.kind != "in_degrees":
                hint = "; bring all columns to one unit"
            raise BioenvError(f"'{where}': {one.message}{hint}")
    if not np.isfinite(follow).all():
        bad = [n for n, v in zip(found.names, follow.T, strict=True) if np.isnan(v).any()]
        raise BioenvError(f"'{where}' has gaps (NaN) in {', '.join(bad)}: fill them first")
    _refuse_far(anatomy, follow, where)
    notes = words(one for one in found.findings if not _only_about(one, coupled))
    notes += _contradicting(anatomy, found.values, follow, found.missing)
    notes += _turned(anatomy, follow)
    held = columns(table)
    unused = [label for name, label in held.items() if name not in anatomy.coordinates]
    if unused:
        notes.append(f"columns that are no coordinate of {anatomy.name}: {', '.join(unused)}")
    return follow, tuple(notes)


def _refuse_far(anatomy: Anatomy, q: Array, where: str) -> None:
    """Refuse values no person reaches, such as millimetres taken for meters."""
    reach = np.abs(q).max(axis=0) / np.where(anatomy.rotational, MOST_TURNED, FARTHEST)
    i = int(np.argmax(reach))
    if reach[i] > 1.0:
        unit = "rad" if anatomy.rotational[i] else "m: is it in millimetres?"
        most = np.abs(q[:, i]).max()
        raise BioenvError(f"'{where}': {anatomy.coordinates[i]} reaches {most:.4g} {unit}")


def _contradicting(
    anatomy: Anatomy, values: Array, follow: Array, missing: Sequence[str]
) -> list[str]:
    """Coupled columns that are not where their function puts them."""
    return [
        f"column {anatomy.coordinates[i]} contradicts the model's coupling (units other than its "
        "neighbours'?): the coupling's values are used"
        for i in np.flatnonzero(~anatomy.independent)
        if anatomy.coordinates[i] not in missing
        and np.abs(values[:, i] - follow[:, i]).max() > COUPLED_TOLERANCE
    ]


def _turned(anatomy: Anatomy, q: Array) -> list[str]:
    """Coordinates outside their range that would lie inside with the other sign."""
    low, high = anatomy.coordinate_range.T
    beyond, other = (
        (np.maximum(low - side, 0) + np.maximum(side - high, 0)).mean(axis=0) for side in (q, -q)
    )
    turned = anatomy.rotational & anatomy.independent & (beyond > OUTSIDE) & (other < INSIDE)
    if not turned.any():
        return []
    names = ", ".join(anatomy.coordinates[i] for i in np.flatnonzero(turned))
    return [
        f"error: {names} lie outside the model's range, but inside with the sign turned: does the "
        "file count flexion the other way?"
    ]


def _only_about(finding: Finding, coupled: Sequence[str]) -> bool:
    """Whether a finding speaks of columns that are not used anyway."""
    return finding.kind == "missing_column" and set(
        finding.message.removeprefix("no column for ").split(":")[0].split(", ")
    ) <= set(coupled)
