"""Newton and Euler for every body of a tree, all frames at once: what each body needs.

Recursive Newton-Euler (Featherstone R, Rigid Body Dynamics Algorithms, 2008, section 5.3) on
MuJoCo's spatial vectors, which are [rotation, translation] about the center of mass of the body's
tree. What a joint carries is the sum of the needs below it; its components along the joint's axes
are the generalized forces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.inverse.dynamics import Contact, checked_contact
from bioenv.inverse.frames import Frames, rows
from bioenv.models.anatomy import Anatomy, JointState

Array = NDArray[np.float64]

_FIELDS = ("cdof", "cdof_dot", "cvel", "cinert", "subtree_com")


class Needs(NamedTuple):
    """n frames of a motion.

    frames: which; carried (n, nbody, 6): moment N*m about `origin` and force N, world frame, that
    each body with everything below it needs from its joint besides the external loads;
    axis (n, nv, 6): unit motion of every joint about `origin`; origin (n, nbody, 3) m, world.
    `extra` holds the further MjData fields asked for.
    """

    frames: slice
    carried: Array
    axis: Array
    origin: Array
    extra: dict[str, Array]


class Drift(NamedTuple):
    """Angular acceleration that a body gets besides what its joints' motion says.

    Body ids of child and parent, center (3,) m of the joint in the child, frame (3, 3) of the joint
    in the parent, angular (T, 3) rad/s^2 in that frame.
    """

    child: int
    center: Array
    parent: int
    frame: Array
    angular: Array


def checked_state(anatomy: Anatomy, q: ArrayLike, qd: ArrayLike, qdd: ArrayLike) -> JointState:
    """State of the skeleton; a BioenvError says which array has a wrong shape or is not finite."""
    count = len(anatomy.coordinates)
    position = rows(q, count, "q")
    velocity = rows(qd, count, "qd", len(position))
    return anatomy.expand(position, velocity, rows(qdd, count, "qdd", len(position)))


def needs(
    mj: mujoco.MjModel,
    state: JointState,
    external: Sequence[Contact] = (),
    extra: Sequence[str] = (),
    drifts: Sequence[Drift] = (),
) -> Iterator[Needs]:
    """What the joints carry, chunk by chunk of frames.

    Args:
        mj: hinges and slides.
        external: forces of the surroundings on bodies; frames whose point is NaN count as unloaded.
        extra: MjData fields to return as well.
        drifts: additions to the acceleration of bodies and of all beyond them.
    """
    loads = [checked_contact(mj, Contact(*load), len(state.qpos)) for load in external]
    fields = tuple(dict.fromkeys((*_FIELDS, *extra, *(("xpos", "xmat") if drifts else ()))))
    for part, batch, ids in Frames(mj, state.qpos, state.qvel, fields):
        get = {name: batch.bind(name)[ids] for name in fields}
        origin = get["subtree_com"][:, mj.body_rootid]
        added = {drift.child: _added(drift, part, get, origin) for drift in drifts}
        carried = _body_needs(mj, get, state.qvel[part], state.qacc[part], added)
        for body, force, point, moment in loads:
            carried[:, body, 3:] -= force[part]
            carried[:, body, :3] -= cross(point[part] - origin[:, body], force[part])
            if moment is not None:
                carried[:, body, :3] -= moment[part]
        for body in range(mj.nbody - 1, 0, -1):
            parent = mj.body_parentid[body]
            if parent:
                carried[:, parent] += carried[:, body]
        yield Needs(part, carried, get["cdof"], origin, {name: get[name] for name in extra})


def cross(a: Array, b: Array) -> Array:
    """a × b along the last axis of three; several times faster than np.cross."""
    out = np.empty(np.broadcast_shapes(a.shape, b.shape))
    for i, (j, k) in enumerate(((1, 2), (2, 0), (0, 1))):
        out[..., i] = a[..., j] * b[..., k] - a[..., k] * b[..., j]
    return out


def _added(drift: Drift, part: slice, get: dict[str, Array], origin: Array) -> Array:
    """(n, 6) spatial acceleration about `origin` of a rotation about the joint's center."""
    count, child = len(origin), drift.child
    turn = get["xmat"].reshape(count, -1, 3, 3)
    world = np.einsum("tkl,lm,tm->tk", turn[:, drift.parent], drift.frame, drift.angular[part])
    place = get["xpos"].reshape(count, -1, 3)[:, child] + turn[:, child] @ drift.center
    return np.concatenate([world, cross(world, origin[:, child] - place)], axis=1)


def _body_needs(
    mj: mujoco.MjModel,
    get: dict[str, Array],
    velocity: Array,
    rate: Array,
    added: dict[int, Array],
) -> Array:
    """(n, nbody, 6) rate of momentum minus weight of each body alone."""
    # The world falls upwards: gravity enters as the acceleration of everything.
    acceleration = np.zeros_like(get["cvel"])
    acceleration[:, 0, 3:] = -mj.opt.gravity
    joint = get["cdof"] * rate[..., None]
    joint += get["cdof_dot"] * velocity[..., None]
    for body in range(1, mj.nbody):
        acceleration[:, body] = acceleration[:, mj.body_parentid[body]]
        first = mj.body_dofadr[body]
        for dof in range(first, first + mj.body_dofnum[body]):
            acceleration[:, body] += joint[:, dof]
        if body in added:
            acceleration[:, body] += added[body]
    inertia, spin = get["cinert"], get["cvel"]
    momentum = _times_inertia(inertia, spin)
    out = _times_inertia(inertia, acceleration)
    out[..., :3] += cross(spin[..., :3], momentum[..., :3])
    out[..., :3] += cross(spin[..., 3:], momentum[..., 3:])
    out[..., 3:] += cross(spin[..., :3], momentum[..., 3:])
    return out


def _times_inertia(inertia: Array, motion: Array) -> Array:
    """Spatial inertia (..., 10) of MuJoCo's cinert times motion (..., 6)."""
    xx, yy, zz, xy, xz, yz = (inertia[..., k] for k in range(6))
    first, mass = inertia[..., 6:9], inertia[..., 9:]
    turn, move = motion[..., :3], motion[..., 3:]
    x, y, z = (turn[..., k] for k in range(3))
    out = np.empty(motion.shape)
    out[..., 0] = xx * x + xy * y + xz * z
    out[..., 1] = xy * x + yy * y + yz * z
    out[..., 2] = xz * x + yz * y + zz * z
    out[..., :3] += cross(first, move)
    out[..., 3:] = mass * move
    out[..., 3:] -= cross(first, turn)
    return out
