"""External forces as OpenSim lists them: an ExternalLoads file beside a table, or a table alone.

Tables give force, point and torque in OpenSim's ground frame (y up); here they are in the world
(z up), each on the table's own clock. A force expressed in a body's frame keeps that frame's axes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.lab.axes import OPENSIM, to_world
from bioenv.lab.csv_table import read_table
from bioenv.lab.finding import Finding
from bioenv.lab.sto import Table
from bioenv.lab.text import read_bytes
from bioenv.lab.trial import ForcePlate

Array = NDArray[np.float64]

GROUND = "ground"
_SIDES = {"r": "r", "right": "r", "rt": "r", "l": "l", "left": "l", "lt": "l"}


@dataclass(frozen=True, eq=False)
class ExternalForce:
    """One force on one body.

    body: what it acts on, None when no file says so; likely: the foot its column names suggest by
    custom. time (T,) s; force (T, 3) N; point (T, 3) m, NaN where the force is zero; moment (T, 3)
    N*m, the free moment about `point`. file_point (T, 3): the point as in the file, for programs
    that interpolate through unloaded frames. force_frame, point_frame: "ground" (world axes, z up)
    or the body whose own axes they are in.
    """

    name: str
    body: str | None
    time: Array
    force: Array
    point: Array
    moment: Array
    file_point: Array
    force_frame: str = GROUND
    point_frame: str = GROUND
    likely: str | None = None
    findings: tuple[Finding, ...] = field(default=())

    @property
    def plate(self) -> ForcePlate:
        """The force as a force plate. Raises BioenvError unless both frames are the ground."""
        if (self.force_frame, self.point_frame) != (GROUND, GROUND):
            raise BioenvError(
                f"external force {self.name!r} is expressed in {self.force_frame}, its point in "
                f"{self.point_frame}; a force plate needs both in ground"
            )
        return ForcePlate(self.name, self.time, self.force, self.point, self.moment)


def read_external_loads(
    path: str | Path, data: str | Path | Table | None = None
) -> tuple[ExternalForce, ...]:
    """The forces of an OpenSim ExternalLoads file (.xml), in its order; disabled ones left out.

    data: the table to take instead of the one the file names (relative to the file's folder).
    Raises BioenvError naming the file, force and element that is wrong.
    """
    loads = _loads(path)
    named = (loads.findtext("datafile") or "").strip()
    table = _table(path, named, data)
    found = []
    for i, element in enumerate(loads.iter("ExternalForce")):
        values = {child.tag: (child.text or "").strip() for child in element}
        name = element.get("name") or f"force {i + 1}"
        off = values.get("isDisabled") == "true" or values.get("appliesForce") == "false"
        if not off:
            found.append(_force(path, name, values, table))
    if not found:
        raise BioenvError(f"'{path}' lists no active ExternalForce")
    twice = sorted({f.name for f in found if [g.name for g in found].count(f.name) > 1})
    if twice:
        raise BioenvError(f"'{path}': forces named twice: {', '.join(twice)}")
    return tuple(found)


def guess_external_loads(table: Table) -> tuple[ExternalForce, ...]:
    """The forces of a table without an ExternalLoads file, from its column names.

    Columns end in vx vy vz (force), px py pz (point) and, with "torque" or "moment" for "force", x
    y z. A name with r, l, right or left says the foot (body "calcn_r", "calcn_l"); otherwise body
    is None and `likely` follows custom: unnumbered right, "1_" left. Custom is often broken: let
    `bioenv.lab.feet.assign_feet` decide. Raises BioenvError when no column is a force.
    """
    bases = [
        label[:-1]
        for label in table.labels
        if label.endswith("vx") and all(label[:-1] + axis in table.labels for axis in "yz")
    ]
    if not bases:
        raise BioenvError(
            f"'{table.path or 'the table'}' has no columns of force: expected names that end in "
            "vx, vy, vz (ground_force_vx, 1_ground_force_vx, ground_force_r_vx, ...); it has "
            f"{', '.join(table.labels[:8])}"
        )
    found = []
    for base in bases:
        name = base[:-1].strip("_")
        side = _side(name)
        pair = len(bases) == 2 and sorted(_number(b) for b in bases) == ["", "1"]
        likely = side or (("l" if base.startswith("1_") else "r") if pair else None)
        torque = next((t for t in _torques(base) if t + "y" in table.labels), "")
        values = {
            "force_identifier": base, "point_identifier": base[:-1] + "p",
            "torque_identifier": torque, "applied_to_body": f"calcn_{side}" if side else "",
        }  # fmt: skip
        foot = f"calcn_{likely}" if likely else None
        found.append(_force(table.path or "table", name, values, table, foot))
    return tuple(found)


def forces_of(
    path: str | Path, external_loads: str | Path | None = None
) -> tuple[ExternalForce, ...]:
    """The forces of a table file, by an ExternalLoads file where one is given, else by guess."""
    if external_loads is not None:
        return read_external_loads(external_loads, path)
    return guess_external_loads(read_table(path))


def _loads(path: str | Path) -> ElementTree.Element:
    content = read_bytes(path)
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise BioenvError(f"'{path}' declares document types or entities; OpenSim files have none")
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise BioenvError(f"'{path}' is not a valid XML file: {error}") from error
    loads = root if root.tag == "ExternalLoads" else root.find("ExternalLoads")
    if loads is None:
        raise BioenvError(f"'{path}' holds <{root.tag[:40]}>, expected <ExternalLoads>")
    return loads


def _table(path: str | Path, named: str, data: str | Path | Table | None) -> Table:
    if isinstance(data, Table):
        return data
    if data is not None:
        return read_table(data)
    if not named or named.lower() == "unassigned":
        raise BioenvError(f"'{path}' names no <datafile>; give the table of forces as data=")
    file = Path(path).parent / named.replace("\\", "/")
    if not file.is_file():
        raise BioenvError(
            f"'{path}' names the table '{named[:200]}', which is not in {file.parent}; give the "
            "table of forces as data="
        )
    return read_table(file)


def _force(
    path: str | Path, name: str, values: Mapping[str, str], table: Table, likely: str | None = None
) -> ExternalForce:
    """One force from its identifiers; a missing point is the body's origin, as in OpenSim."""
    body = values.get("applied_to_body", "").rsplit("/", 1)[-1] or None
    frames = [
        values.get(f"{what}_expressed_in_body", "").rsplit("/", 1)[-1] or GROUND
        for what in ("force", "point")
    ]
    columns = {
        what: _vector(path, name, what, values.get(f"{what}_identifier", ""), table)
        for what in ("force", "point", "torque")
    }
    if columns["force"] is None and columns["torque"] is None:
        raise BioenvError(f"'{path}': {name} has neither <force_identifier> nor torque")
    if columns["point"] is None:
        frames[1] = body or GROUND
    force, torque = (_turned(table, columns[what], frames[0]) for what in ("force", "torque"))
    listed = _turned(table, columns["point"], frames[1])
    point = np.where((force == 0.0).all(axis=1)[:, None], np.nan, listed)
    return ExternalForce(
        name, body, table.time, force, point, torque, listed, frames[0], frames[1], likely,
        table.findings,
    )  # fmt: skip


def _turned(table: Table, vectors: Array | None, frame: str) -> Array:
    if vectors is None:
        return np.zeros((len(table.values), 3))
    return to_world(vectors, OPENSIM) if frame == GROUND else vectors


def _vector(path: str | Path, name: str, what: str, identifier: str, table: Table) -> Array | None:
    """Three columns by identifier: with x, y, z behind it, else the three that begin with it."""
    if not identifier:
        return None
    labels = [identifier + axis for axis in "xyz"]
    if not all(label in table.labels for label in labels):
        labels = [label for label in table.labels if label.startswith(identifier)]
    if len(labels) != 3:
        raise BioenvError(
            f"'{path}': {what}_identifier {identifier[:60]!r} of {name} fits {len(labels)} columns "
            f"of '{table.path or 'the table'}', expected 3; it has {', '.join(table.labels[1:9])}"
        )
    return np.column_stack([table.column(label) for label in labels])


def _torques(base: str) -> tuple[str, ...]:
    """Names the torque may have beside a force called `base` ("1_ground_force_v")."""
    stems = [base[:-1].replace("force", word) for word in ("torque", "moment") if "force" in base]
    return tuple(stem + end for stem in stems for end in ("", "m"))


def _number(base: str) -> str:
    return base[: len(base) - len(base.lstrip("0123456789"))]


def _side(name: str) -> str | None:
    found = {_SIDES[word] for word in re.split(r"[_\W]+", name.lower()) if word in _SIDES}
    return found.pop() if len(found) == 1 else None
