"""Ground forces at the frames of an analysis, each on the body it acts on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.inverse.analysis import GroundContact
from bioenv.inverse.frames import Frames, body_id
from bioenv.lab.feet import assign_feet
from bioenv.lab.opensim_filter import opensim_forces
from bioenv.lab.trial import ForcePlate
from bioenv.models.anatomy import Anatomy

Array = NDArray[np.float64]

FEET = {"r": "calcn_r", "l": "calcn_l"}
LEAST_FORCE = 1e-6  # N, vertical: below this there is no pressure center


def ground_contacts(
    anatomy: Anatomy,
    q: Array,
    time: Array,
    plates: Sequence[tuple[ForcePlate, str | None]],
) -> tuple[tuple[GroundContact, ...], tuple[str, ...]]:
    """Contacts at `time` (T,) s for a body moving through `q` (T, n), and what was noticed.

    A plate without a body is given to the foot whose position follows its pressure center. One that
    names a body is checked the same way, and a contradiction is said, not repaired.

    Raises BioenvError when a plate does not cover the trial or names an unknown body.
    """
    feet = foot_positions(anatomy, q)
    sides = {body: side for side, body in FEET.items()}
    claimed = {plate.name: sides[body] for plate, body in plates if body in sides}
    notes: list[str] = []
    stood: dict[str, str] = {}
    if feet and plates:
        found = assign_feet([plate for plate, _ in plates], feet, time, claimed)
        stood = {plate: FEET[side] for plate, side in found.feet.items()}
        notes += map(str, found.findings)
    contacts = []
    for plate, body in plates:
        owner = body or stood.get(plate.name)
        if owner is None:
            notes.append(f"plate {plate.name}: no foot stands on it; it is left out")
            continue
        body_id(anatomy.mj, owner)
        contacts.append(contact_at(plate, owner, time))
    return tuple(contacts), tuple(notes)


def contact_at(plate: ForcePlate, body: str, time: Array) -> GroundContact:
    """A plate's force, pressure center and free moment at `time`.

    Force and its moment about the world origin are interpolated (natural cubic splines, as OpenSim
    does with each column); the pressure center is where the force acts without a horizontal moment.
    It is not interpolated itself: it jumps when a foot lands.
    """
    first, last = plate.time[0], plate.time[-1]
    step = 1.0 / plate.rate if plate.time.size > 1 else 0.0
    if time[0] < first - 1.01 * step or time[-1] > last + 1.01 * step:
        raise BioenvError(
            f"plate {plate.name} covers {first:g} to {last:g} s, the movement {time[0]:g} to "
            f"{time[-1]:g} s; give start and stop within the plate's time"
        )
    both = np.column_stack([np.nan_to_num(plate.force), plate.moment_about()])
    both = opensim_forces(plate.time, np.nan_to_num(both))(time)
    force, moment = both[:, :3], both[:, 3:]
    height = np.nanmedian(plate.point[:, 2]) if np.isfinite(plate.point).any() else 0.0
    vertical = force[:, 2]
    loaded = np.abs(vertical) > LEAST_FORCE
    near = np.interp(time, plate.time, np.isfinite(plate.point[:, 2]).astype(float)) > 0
    loaded &= near
    safe = np.where(loaded, vertical, 1.0)
    x = (-moment[:, 1] + height * force[:, 0]) / safe
    y = (moment[:, 0] + height * force[:, 1]) / safe
    point = np.column_stack([x, y, np.full(len(time), height)])
    free = moment - np.cross(point, force)
    point[~loaded] = np.nan
    keep = loaded[:, None]
    return GroundContact(
        plate.name, body, np.where(keep, force, 0.0), point, np.where(keep, free, 0.0)
    )


def foot_positions(anatomy: Anatomy, q: Array) -> dict[str, Array]:
    """Foot -> (T, 3) m, world position of its calcaneus, for the feet the model has."""
    names = {anatomy.mj.body(i).name for i in range(anatomy.mj.nbody)}
    ids = {side: body_id(anatomy.mj, name) for side, name in FEET.items() if name in names}
    if not ids:
        return {}
    qpos = anatomy.expand(q).qpos
    parts: list[Array] = [
        batch.bind("xpos")[rows][:, list(ids.values())]
        for _, batch, rows in Frames(anatomy.mj, qpos, None, ("xpos",))
    ]
    where = np.concatenate(parts)
    return {side: where[:, i] for i, side in enumerate(ids)}
