"""A motion as what its physics needs: coordinates and their rates, and the ground's forces."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline

from bioenv.errors import BioenvError
from bioenv.inverse.standard import own_joints
from bioenv.learn.gait_body import GaitBody, Load
from bioenv.learn.gait_feet import FootPoint, foot_points, touch, unmeasured
from bioenv.models.anatomy import Anatomy
from bioenv.motion import Motion

Array = NDArray[np.float64]

FEWEST = 12
_UNLOADED = 1.0  # N: less is no force
_GRF, _COP, _MOMENT = "ground_reaction_force", "center_of_pressure", "free_moment"


class MovedBody(NamedTuple):
    """Coordinates z, v, a (T, k) of `body.free` at time (T,) s; given: v and a are the motion's
    own, not found from qpos; simulated: they are a simulator's."""

    body: GaitBody
    time: Array
    z: Array
    v: Array
    a: Array
    given: bool
    simulated: bool


class Ground(NamedTuple):
    """What the ground does to a body.

    measured: a load for each foot that the motion has forces of; unknown: loads of zero force at
    the points of the soles that may carry, with gate (T, c) 0..1; feet: names of the measured ones;
    points: of the soles; place (T, points, 3) m; floor: gates (T, points) of all of them.
    """

    measured: list[Load]
    unknown: list[Load]
    gate: Array
    feet: tuple[str, ...]
    points: tuple[FootPoint, ...]
    place: Array
    floor: Array


def moved_body(motion: Motion, anatomy: Anatomy) -> MovedBody:
    """The motion in the coordinates of a body.

    Velocities and accelerations are the motion's own where it has both, else those of a quintic
    spline through qpos. Raises BioenvError for a motion that is not this body's, or too short.
    """
    if len(motion) < FEWEST:
        raise BioenvError(f"a check needs {FEWEST} samples or more, the motion has {len(motion)}")
    labels = motion.labels("qpos")
    own = [one for one in own_joints(anatomy) if one[2] in labels]
    known = {coordinate for coordinate, *_ in own}
    chosen = anatomy.independent & ~anatomy.locked
    missing = [anatomy.coordinates[i] for i in np.flatnonzero(chosen) if i not in known]
    if missing:
        raise BioenvError(
            f"the motion lacks {', '.join(missing[:6])} of {anatomy.name!r}; it has "
            f"{', '.join(labels[:12])}: give the model that moved"
        )
    free = np.flatnonzero(chosen)
    pick = {coordinate: (labels.index(name), sign) for coordinate, _, name, sign in own}
    column = np.array([pick[int(i)][0] for i in free])
    sign = np.array([pick[int(i)][1] for i in free])
    z = motion["qpos"][:, column] * sign
    given = all(name in motion and motion.labels(name) == labels for name in ("qvel", "qacc"))
    if given:
        v, a = (motion[name][:, column] * sign for name in ("qvel", "qacc"))
    else:
        spline = make_interp_spline(motion.time, z, k=5)
        v, a = spline(motion.time, 1), spline(motion.time, 2)
    simulated = given and motion.source("qacc") == "simulated"
    return MovedBody(GaitBody(anatomy, free), motion.time, z, v, a, given, simulated)


def ground(motion: Motion, moved: MovedBody) -> Ground:
    """Forces of the motion's ground channels; where a foot stands without any, unknown ones.

    A simulated foot without force is in the air; a measured one may have missed the plate, and in a
    motion without forces every foot may carry.
    """
    body = moved.body
    measured, feet = _measured(motion, body.anatomy)
    try:
        points = foot_points(body.anatomy)
    except BioenvError:
        if not measured and body.root.any():
            raise
        points = ()
    empty = np.zeros((len(moved.time), 0))
    if not points:
        return Ground(measured, [], empty, feet, (), np.zeros((len(moved.time), 0, 3)), empty)
    still = np.zeros((len(moved.time), 3))
    soles = [Load(p.carrier, still, local=p.local, drop=p.drop) for p in points]
    where = [Load(p.body, still, local=p.local, drop=p.drop) for p in points]
    place = body.points(moved.z, where)
    floor = touch(moved.time, place, points).gate
    if not measured:
        return Ground([], soles, floor, feet, points, place, floor)
    if motion.source(_GRF) != "measured":
        return Ground(measured, [], empty, feet, points, place, floor)
    felt = {
        foot: np.linalg.norm(load.force, axis=1) > _UNLOADED
        for foot, load in zip(feet, measured, strict=True)
    }
    gate = unmeasured(moved.time, floor, points, felt)
    return Ground(measured, soles, gate, feet, points, place, floor)


def _measured(motion: Motion, anatomy: Anatomy) -> tuple[list[Load], tuple[str, ...]]:
    """A load per foot; what is under the toes is part of the foot's."""
    if _GRF not in motion:
        return [], ()
    if _COP not in motion:
        raise BioenvError(f"a motion with {_GRF} needs {_COP}, where the force acts")
    names = [anatomy.mj.body(i).name for i in range(anatomy.mj.nbody)]
    loads, feet = [], []
    for i, foot in enumerate(motion.labels(_GRF)):
        if foot.startswith("toes_") and foot.removeprefix("toes_") in motion.labels(_GRF):
            continue
        if f"calcn_{foot}" not in names:
            raise BioenvError(
                f"the motion has forces on foot {foot!r}; {anatomy.name!r} has no body calcn_{foot}"
            )
        point = motion[_COP][:, motion.labels(_COP).index(foot)]
        loaded = np.asarray(np.isfinite(point).all(axis=1))
        force = np.where(loaded[:, None], motion[_GRF][:, i], 0.0)
        moment = None
        if _MOMENT in motion and foot in motion.labels(_MOMENT):
            own = motion[_MOMENT][:, motion.labels(_MOMENT).index(foot)]
            moment = np.where(loaded[:, None] & np.isfinite(own), own, 0.0)
        loads.append(
            Load(names.index(f"calcn_{foot}"), force, moment, np.where(loaded[:, None], point, 0.0))
        )
        feet.append(foot)
    return loads, tuple(feet)
