"""What goes into an inverse analysis: files of a trial, brought to the coordinates of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.lab.coordinates import coordinates
from bioenv.lab.finding import Finding
from bioenv.lab.sto import Table
from bioenv.lab.trial import Emg, ForcePlate, Markers
from bioenv.models.anatomy import Anatomy

Array = NDArray[np.float64]

COUPLED_TOLERANCE = 0.02  # rad or m: a coupled column this far from its function contradicts it


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
    sources: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.markers is None and self.q is None:
            raise BioenvError(f"trial {self.name!r} has neither markers nor coordinates")


def coordinates_of(anatomy: Anatomy, table: Table) -> tuple[Array, tuple[str, ...]]:
    """q (T, n) of the anatomy from a table of coordinates, and what was noticed.

    A coordinate without a column keeps its default. Coupled coordinates (the patella) follow their
    function; a column that contradicts it is named, since other programs take it at its word.

    Raises BioenvError when no column is a coordinate of the model, and for gaps.
    """
    found = coordinates(table, anatomy.coordinates, anatomy.rotational, anatomy.default)
    if not np.isfinite(found.values).all():
        bad = [n for n, v in zip(found.names, found.values.T, strict=True) if np.isnan(v).any()]
        raise BioenvError(
            f"'{table.path or 'the table'}' has gaps (NaN) in {', '.join(bad)}: fill them first"
        )
    follow = anatomy.couple(found.values)
    coupled = [anatomy.coordinates[i] for i in np.flatnonzero(~anatomy.independent)]
    notes = [str(one) for one in found.findings if not _only_about(one, coupled)]
    for name in coupled:
        i = anatomy.coordinates.index(name)
        if name in found.missing:
            continue
        if np.abs(found.values[:, i] - follow[:, i]).max() > COUPLED_TOLERANCE:
            notes.append(
                f"column {name} contradicts the model's coupling (units other than its "
                "neighbours'?): the coupling's values are used"
            )
    return follow, tuple(notes)


def _only_about(finding: Finding, coupled: Sequence[str]) -> bool:
    """Whether a finding speaks of columns that are not used anyway."""
    return finding.kind == "missing_column" and set(
        finding.message.removeprefix("no column for ").split(":")[0].split(", ")
    ) <= set(coupled)
