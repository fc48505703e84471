"""What goes into an inverse analysis: files of a trial, brought to the coordinates of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
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

    Labels may be plain or paths of states ("/jointset/hip_r/hip_flexion_r/value"). A coordinate
    without a column keeps its default. Coupled coordinates (the patella) follow their function;
    a column that contradicts it is named, since other programs take it at its word.

    Raises BioenvError when no column is a coordinate of the model.
    """
    columns = {_plain(label): i for i, label in enumerate(table.labels) if i and _is_value(label)}
    q = np.repeat(anatomy.default[None], len(table.values), axis=0)
    absent, known = [], []
    for i, name in enumerate(anatomy.coordinates):
        if name not in columns:
            if anatomy.independent[i]:
                absent.append(name)
            continue
        known.append(name)
        values = table.values[:, columns[name]]
        scale = np.pi / 180 if table.in_degrees and anatomy.rotational[i] else 1.0
        q[:, i] = scale * values
    if not known:
        raise BioenvError(
            f"no column is a coordinate of {anatomy.name}: the file has "
            f"{', '.join(table.labels[1:6])}, ...; the model has {', '.join(anatomy.coordinates)}"
        )
    notes = []
    if absent:
        notes.append(f"no column for {', '.join(absent)}: kept at the model's default")
    other = [name for name in columns if name not in anatomy.coordinates]
    if other:
        notes.append(f"columns that are no coordinates of the model: {', '.join(other)}")
    follow = anatomy.couple(q)
    for i in np.flatnonzero(~anatomy.independent):
        name = anatomy.coordinates[i]
        if name in columns and np.abs(q[:, i] - follow[:, i]).max() > COUPLED_TOLERANCE:
            notes.append(
                f"column {name} contradicts the model's coupling (units other than its "
                "neighbours'?): the coupling's values are used"
            )
    return follow, tuple(notes)


def _is_value(label: str) -> bool:
    return not label.endswith(("/speed", "/activation", "_u"))


def _plain(label: str) -> str:
    return label.removesuffix("/value").rsplit("/", 1)[-1]
