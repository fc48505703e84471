"""Ground forces at the frames of an analysis, each on the body it acts on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.inverse.analysis import GroundContact
from bioenv.inverse.frames import Frames, body_id
from bioenv.lab.feet import Contact as Step
from bioenv.lab.feet import Feet, assign_feet
from bioenv.lab.finding import words
from bioenv.lab.gaps import runs
from bioenv.lab.opensim_filter import opensim_forces
from bioenv.lab.plates import condition
from bioenv.lab.trial import ForcePlate
from bioenv.models.anatomy import Anatomy

Array = NDArray[np.float64]
Plates = Sequence[tuple[ForcePlate, str | None]]

FEET = {"r": "calcn_r", "l": "calcn_l"}
LEGS = {"r": "right", "l": "left"}
LEAST_FORCE = 1e-6  # N: less is no force
STANDING, SHORTEST_STEP = 100.0, 0.3  # N and s of force under a foot that surely stands
SLOWEST_BELT = 0.2  # m/s; heels creep by less on the floor
UPRIGHT = 0.05  # vertical share of a force: below it where it crosses the floor means nothing


def filtered(plates: Plates, cutoff: float | None) -> tuple[Plates, tuple[str, ...]]:
    """Plates low-passed at `cutoff` Hz and empty while unloaded, as they are when it is None.

    Raises BioenvError as `bioenv.lab.plates.condition` does.
    """
    if cutoff is None:
        return plates, ()
    made = [(condition(plate, cutoff=cutoff), body) for plate, body in plates]
    notes = dict.fromkeys(f"plate {c.plate.name}: {n}" for c, _ in made for n in c.notes)
    return [(one.plate, body) for one, body in made], tuple(notes)


def covered(plates: Plates, time: Array) -> tuple[slice, tuple[str, ...]]:
    """The longest run of frames at `time` (T,) s in which every plate measured, and a note when
    these are not all. A slice without frames when there is none.
    """
    known = np.ones(len(time), dtype=bool)
    for plate, _ in plates:
        step = 1.01 / plate.rate if plate.time.size > 1 else 0.0
        known &= (time >= plate.time[0] - step) & (time <= plate.time[-1] + step)
        lost = (~np.isfinite(plate.force).all(axis=1)).astype(float)
        known &= np.interp(time, plate.time, lost) == 0.0
    if known.all():
        return slice(0, len(time)), ()
    spans = [f"{plate.name} {plate.time[0]:g} to {plate.time[-1]:g} s" for plate, _ in plates]
    stretches = runs(known)
    longest = max(stretches, key=lambda run: run.stop - run.start, default=slice(0, 0))
    if longest.stop - longest.start < 2:
        return slice(0, 0), (
            f"warning: no frame between {time[0]:g} and {time[-1]:g} s has forces of every plate "
            f"({', '.join(spans)}): do the clocks start together?",
        )
    return longest, (
        f"warning: forces cover {time[longest.start]:g} to {time[longest.stop - 1]:g} s of "
        f"{time[0]:g} to {time[-1]:g} s: moments, muscles and loads are for that part, angles of "
        "the whole are in kinematics.mot",
    )


class Ground(NamedTuple):
    """What the ground did: contacts at the frames, speed of a treadmill's belt m/s (0 on the floor,
    + backward), and what was noticed."""

    contacts: tuple[GroundContact, ...]
    belt_speed: float
    notes: tuple[str, ...]


def ground_contacts(anatomy: Anatomy, q: Array, time: Array, plates: Plates) -> Ground:
    """The ground at `time` (T,) s under a body that moves through `q` (T, n).

    A plate without a body is given to the foot whose position follows its pressure center; one that
    both feet step on is divided in time. One that names a body is checked the same way, and a
    contradiction is said, not repaired.

    Raises BioenvError when a plate does not cover the trial or names an unknown body.
    """
    feet = foot_positions(anatomy, q)
    notes: list[str] = []
    if not feet and any(body is None for _, body in plates):
        notes.append(
            f"warning: {anatomy.name} has neither {' nor '.join(FEET.values())}: say in "
            "--external-loads which bodies the forces act on"
        )
    sides = {body: side for side, body in FEET.items()}
    claimed = {plate.name: sides[body] for plate, body in plates if body in sides}
    found = assign_feet([plate for plate, _ in plates], feet, time, claimed)
    said = {one.where: one for one in found.findings} if feet else {}
    contacts: list[GroundContact] = []
    for plate, body in plates:
        parts = [(plate, body)] if body is not None else _by_foot(plate, found)
        where = f"plate {plate.name}"
        if len(parts) > 1:
            said.pop(where, None)
            notes.append(f"{where} is stepped on by both feet: divided in time")
        elif not parts and feet:
            why = f"{said.pop(where).message}; " if where in said else ""
            notes.append(f"warning: {where}: {why}it is left out")
        for part, owner in parts:
            _check_body(anatomy, owner, where)
            contacts.append(contact_at(part, owner, time))
    belt = belt_speed(time, feet, contacts)
    if belt:
        notes.append(f"treadmill: feet on the ground move backward at {belt:.2f} m/s")
    return Ground(tuple(contacts), belt, (*words(said.values()), *notes, *_bare(feet, contacts)))


def belt_speed(time: Array, feet: Mapping[str, Array], contacts: Sequence[GroundContact]) -> float:
    """Speed m/s at which the heels that stand on the ground move backward; 0 on the floor.

    Heels stand still from the first to the second quarter of a step, while the foot is flat.
    """
    found: list[float] = []
    for contact in contacts:
        side = next((side for side, body in FEET.items() if body == contact.body), "")
        if side not in feet:
            continue
        speed = np.gradient(feet[side][:, 0], time)
        for step in runs(contact.force[:, 2] > STANDING):
            length = step.stop - step.start
            if time[step.stop - 1] - time[step.start] > SHORTEST_STEP:
                flat = slice(step.start + length // 5, step.start + length // 2)
                found.append(float(np.median(speed[flat])))
    backward = -float(np.median(found)) if found else 0.0
    return backward if backward > SLOWEST_BELT else 0.0


def _check_body(anatomy: Anatomy, body: str, where: str) -> None:
    try:
        body_id(anatomy.mj, body)
    except BioenvError as error:
        raise BioenvError(f"{where} acts on an {error}") from error


def _by_foot(plate: ForcePlate, found: Feet) -> list[tuple[ForcePlate, str]]:
    """The plate under the foot that stands on it; under each for its time when both do."""
    if plate.name in found.feet:
        return [(plate, FEET[found.feet[plate.name]])]
    steps = [step for step in found.contacts if step.plate == plate.name]
    owners = sorted({step.foot for step in steps if step.foot is not None})
    return [(_part(plate, steps, foot), FEET[foot]) for foot in owners]


def _part(plate: ForcePlate, steps: Sequence[Step], foot: str) -> ForcePlate:
    """The plate while `foot` stands on it, empty otherwise; cut half way between two steps."""
    cuts = [(a.stop + b.start) / 2 for a, b in pairwise(steps)]
    owner = np.array([step.foot == foot for step in steps])
    mine = owner[np.searchsorted(cuts, plate.time)][:, None]
    return replace(
        plate,
        name=f"{plate.name}_{foot}",
        force=np.where(mine, plate.force, 0.0),
        point=np.where(mine, plate.point, np.nan),
        moment=np.where(mine, plate.moment, 0.0),
    )


def _bare(feet: dict[str, Array], contacts: Sequence[GroundContact]) -> list[str]:
    """Feet without a plate."""
    bare = [LEGS[side] for side in feet if FEET[side] not in {one.body for one in contacts}]
    if not contacts:
        return []
    return [
        f"warning: no force under the {leg} foot: moments, muscle forces and loads of that leg, "
        "and the residuals, are right only while it swings"
        for leg in bare
    ]


def contact_at(plate: ForcePlate, body: str, time: Array) -> GroundContact:
    """A plate's force, pressure center and free moment at `time`.

    Force and its moment about the world origin are interpolated (natural cubic splines, as OpenSim
    does with each column); the pressure center is where the force acts without a horizontal moment.
    It is not interpolated itself: it jumps when a foot lands. A force that is nearly horizontal (a
    push at the trunk) keeps the point of its file.
    """
    first, last = plate.time[0], plate.time[-1]
    step = 1.0 / plate.rate if plate.time.size > 1 else 0.0
    if time[0] < first - 1.01 * step or time[-1] > last + 1.01 * step:
        raise BioenvError(
            f"plate {plate.name} covers {first:g} to {last:g} s, the movement {time[0]:g} to "
            f"{time[-1]:g} s; give start and stop within the plate's time"
        )
    seen = np.asarray(np.isfinite(plate.point).all(axis=1))
    # A force without a point is the noise of an empty plate.
    both = np.where(seen[:, None], np.column_stack([plate.force, plate.moment_about()]), 0.0)
    both = opensim_forces(plate.time, np.nan_to_num(both))(time)
    force, moment = both[:, :3], both[:, 3:]
    loaded = np.interp(time, plate.time, seen.astype(float)) > 0
    size = np.linalg.norm(force, axis=1)
    upright = loaded & (np.abs(force[:, 2]) > np.maximum(UPRIGHT * size, LEAST_FORCE))
    height = np.median(plate.point[seen, 2]) if seen.any() else 0.0
    safe = np.where(upright, force[:, 2], 1.0)
    x = (-moment[:, 1] + height * force[:, 0]) / safe
    y = (moment[:, 0] + height * force[:, 1]) / safe
    crossing = np.column_stack([x, y, np.full(len(time), height)])
    point = np.where(upright[:, None], crossing, _listed(plate, seen, time))
    free = moment - np.cross(point, force)
    keep = loaded[:, None]
    return GroundContact(
        plate.name,
        body,
        np.where(keep, force, 0.0),
        np.where(keep, point, np.nan),
        np.where(keep, free, 0.0),
    )


def _listed(plate: ForcePlate, seen: NDArray[np.bool_], time: Array) -> Array:
    """(T, 3) m, the point of the file between its known samples; zero when there is none."""
    if not seen.any():
        return np.zeros((len(time), 3))
    known = plate.point[seen]
    return np.column_stack([np.interp(time, plate.time[seen], axis) for axis in known.T])


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
