"""Where feet can touch the ground, and when they do, as their own movement says.

A point of the sole carries force only while it is near the floor and does not slide over it: a toe
that swings passes the floor closer than 2 cm, but at 3 m/s.
"""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from bioenv.errors import BioenvError
from bioenv.inverse.ground import FEET, SLOWEST_BELT
from bioenv.lab.gaps import runs
from bioenv.models.anatomy import Anatomy

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

HEIGHT, HEIGHT_WIDTH = 0.03, 0.007  # m above the floor at which a point half touches
SPEED, SPEED_WIDTH = 0.8, 0.15  # m/s over the floor
# Soles of bodies whose file has no geometry, in foot lengths (heel to toe joint), along and
# outward: heel, outer and inner ball, where the contact spheres of Falisse et al. 2019 lie.
SOLE = ((0.01, 0.0), (0.78, 0.25), (0.85, -0.15))
TOE = 0.33  # foot lengths beyond the toe joint
LOW, STILL = 0.015, 0.15  # m and m/s (vertical): what surely stands
SHORTEST = 0.1  # s of a step that a plate must have missed


class FootPoint(NamedTuple):
    """side "r" or "l"; body: id that moves it; carrier: id of the body its force acts on, the heel
    bone, as a plate's force does in OpenSim; local (3,) m in the body's frame; drop m: how far
    below it the sole is."""

    side: str
    body: int
    carrier: int
    local: Array
    drop: float


class Touch(NamedTuple):
    """gate (T, c): from 0, a point cannot carry, to 1; belt: m/s the floor moves backward."""

    gate: Array
    belt: float


def foot_points(anatomy: Anatomy) -> tuple[FootPoint, ...]:
    """Points of the soles: the geometry that collides, or heel, ball and toes by bone landmarks.

    Raises BioenvError for a body without feet named as in OpenSim (calcn_r, calcn_l).
    """
    mj = anatomy.mj
    names = {mj.body(i).name: i for i in range(mj.nbody)}
    found: list[FootPoint] = []
    for side, heel in FEET.items():
        if heel not in names:
            continue
        toes = names.get(f"toes_{side}")
        own = _spheres(anatomy, side, names[heel], toes)
        found += own or _landmarks(anatomy, side, names[heel], toes)
    if not found:
        raise BioenvError(
            f"{anatomy.name!r} has no bodies {' or '.join(FEET.values())}: without feet the "
            "ground's force cannot be found; give --forces"
        )
    return tuple(found)


def _spheres(anatomy: Anatomy, side: str, heel: int, toes: int | None) -> list[FootPoint]:
    """Lowest points of the spheres of a native model's foot."""
    model = getattr(anatomy, "model", None)
    if model is None:
        return []
    mj, found = model.mj, []
    for i in range(mj.ngeom):
        on = mj.body(int(mj.geom_bodyid[i])).name
        touches = mj.geom_contype[i] or mj.geom_conaffinity[i]
        ball = mj.geom_type[i] == mujoco.mjtGeom.mjGEOM_SPHERE and touches
        if ball and on in (f"calcn_{side}", f"toes_{side}"):
            body = heel if toes is None or on.startswith("calcn") else toes
            found.append(
                FootPoint(side, body, heel, mj.geom_pos[i].copy(), float(mj.geom_size[i, 0]))
            )
    return found


def _landmarks(anatomy: Anatomy, side: str, heel: int, toes: int | None) -> list[FootPoint]:
    """Heel and ball in the frame of the heel bone, toes in that of the toes."""
    if not anatomy.y_up:
        raise BioenvError(
            f"the feet of {anatomy.name!r} have no spheres that touch the ground: give --forces"
        )
    offset = anatomy.mj.body_pos[toes] if toes is not None else np.array([0.18, 0.0, 0.0])
    length, outward = float(offset[0]), 1.0 if side == "r" else -1.0
    found = [
        FootPoint(side, heel, heel, np.array([x * length, 0.0, outward * z * length]), 0.0)
        for x, z in SOLE
    ]
    tip = np.array([TOE * length, 0.0, 0.0])
    if toes is None:
        return [*found, FootPoint(side, heel, heel, tip + offset, 0.0)]
    return [*found, FootPoint(side, toes, heel, tip, 0.0)]


def touch(time: Array, place: Array, points: tuple[FootPoint, ...]) -> Touch:
    """How far points at `place` (T, c, 3) m, world, can carry at `time` (T,) s.

    The floor below a point is the lowest it gets, less the odd sample, or the other foot's where it
    never comes down within the trial.
    """
    speed = np.gradient(place, time, axis=0)
    lowest = np.quantile(place[..., 2], 0.05, axis=0)
    twin = _twins(points)
    floor = np.where(lowest - lowest[twin] > LOW, lowest[twin], lowest)
    height = place[..., 2] - floor
    standing = (height < LOW) & (np.abs(speed[..., 2]) < STILL)
    belt = -float(np.median(speed[..., 0][standing])) if standing.any() else 0.0
    belt = belt if abs(belt) > SLOWEST_BELT else 0.0
    sliding = np.hypot(speed[..., 0] + belt, speed[..., 1])
    low = expit((HEIGHT - height) / HEIGHT_WIDTH)
    return Touch(low * expit((SPEED - sliding) / SPEED_WIDTH), belt)


def _twins(points: tuple[FootPoint, ...]) -> NDArray[np.intp]:
    """Index of the same point of the other foot, or its own."""
    sides = {side: [i for i, p in enumerate(points) if p.side == side] for side in FEET}
    twin = np.arange(len(points))
    left, right = sides["l"], sides["r"]
    if len(left) == len(right):
        twin[left], twin[right] = right, left
    return twin


def unmeasured(
    time: Array, gate: Array, points: tuple[FootPoint, ...], felt: dict[str, Mask]
) -> Array:
    """The gates (T, c) of steps that no plate measured, 0 elsewhere.

    felt: by side, (T,) whether a plate feels that foot. A step of which most was felt counts as
    measured, and so does one that went unfelt for less than 0.1 s: there plate and gate differ only
    in when a step begins and ends.
    """
    out = np.zeros_like(gate)
    step_time = float(np.median(np.diff(time)))
    for side in FEET:
        mine = [i for i, point in enumerate(points) if point.side == side]
        if not mine:
            continue
        known = felt.get(side, np.zeros(len(gate), dtype=bool))
        on = gate[:, mine].max(axis=1)
        for step in runs(on > 1e-3):
            missing = float(((on[step] > 0.5) & ~known[step]).sum() * step_time)
            if known[step].mean() < 0.5 and missing > SHORTEST:
                out[step, mine] = gate[step][:, mine] * ~known[step][:, None]
    return out
