"""Joint contact force from Newton's second law, independent of MuJoCo's own force sensors.

What a joint transmits to the limb below it is what the limb needs and nobody else gives:
``F = sum m a - sum m g - external forces - pulls of the muscles that cross the joint``. Muscles
push the bones together, so this is several times what inverse dynamics alone would give.
"""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import unknown
from bioenv.inverse.dynamics import Contact, checked_contact, foot_contacts
from bioenv.inverse.frames import Frames, mujoco_model, rows
from bioenv.models import Model
from bioenv.models.tendons import FIELDS as PATHS
from bioenv.models.tendons import tendon_pieces

Array = NDArray[np.float64]

_KINEMATICS = ("cvel", "cdof", "cdof_dot", "subtree_com", "xipos", "xmat", "site_xmat")


def joint_contact_force(
    model: Model | mujoco.MjModel,
    qpos: ArrayLike,
    qvel: ArrayLike,
    qacc: ArrayLike,
    muscle_force: ArrayLike | None = None,
    ground_reaction_force: ArrayLike | None = None,
    center_of_pressure: ArrayLike | None = None,
    *,
    contacts: Sequence[Contact] = (),
    joints: Sequence[str] | None = None,
) -> Array:
    """Force at each joint on the child segment, in the child's frame.

    Args:
        qpos: (T, nq); qvel, qacc: (T, nv).
        muscle_force: (T, nm) N, pull positive; None: without muscles, the net joint force.
        ground_reaction_force, center_of_pressure: (T, feet, 3), as in :func:`inverse_dynamics`
            (a whole foot lies below each joint, so how the force is split between segments of
            the foot does not matter here).
        contacts: further external forces by body.
        joints: names with a sensor ``contact_<joint>``, ``model.contact_joints`` when None.

    Returns:
        (T, joints, 3) N.

    Raises BioenvError for a joint without such a sensor, wrong shapes, or pulleys in a tendon.
    """
    mj = mujoco_model(model)
    position = rows(qpos, mj.nq, "qpos")
    count = len(position)
    velocity = rows(qvel, mj.nv, "qvel", count)
    acceleration = rows(qacc, mj.nv, "qacc", count)
    wrenches = [*contacts]
    if ground_reaction_force is not None:
        wrenches += foot_contacts(model, ground_reaction_force, center_of_pressure)
    external = np.zeros((count, mj.nbody, 3))
    for contact in wrenches:
        body, force, _, _ = checked_contact(mj, contact, count)
        external[:, body] += force
    pull = None if muscle_force is None else rows(muscle_force, mj.nu, "muscle_force", count)
    site = _joint_sites(mj, joints)
    below = np.array([subtree(mj, int(mj.site_bodyid[s])) for s in site])  # (joints, nbody)

    out = np.empty((count, len(site), 3))
    fields = _KINEMATICS + (PATHS if pull is not None else ())
    for part, batch, ids in Frames(mj, position, velocity, fields):
        get = {name: batch.bind(name)[ids] for name in fields}
        needed = mj.body_mass[:, None] * (
            _center_acceleration(mj, get, velocity[part], acceleration[part]) - mj.opt.gravity
        )
        world = np.einsum("jb,tbk->tjk", below, needed - external[part])
        if pull is not None:
            world -= _muscle_pull(mj, get, pull[part], below)
        axes = get["site_xmat"][:, site].reshape(len(ids), len(site), 3, 3)
        out[part] = np.einsum("tjki,tjk->tji", axes, world)
    return out


def _joint_sites(mj: mujoco.MjModel, joints: Sequence[str] | None) -> NDArray[np.intp]:
    """Site of the sensor contact_<joint> of every joint, in the order of the sensors when None."""
    sensors = (mj.sensor(i) for i in range(mj.nsensor))
    sites = {s.name.removeprefix("contact_"): int(mj.sensor_objid[s.id])
             for s in sensors if s.name.startswith("contact_")}  # fmt: skip
    wanted = list(sites) if joints is None else joints
    for joint in wanted:
        if joint not in sites:
            raise unknown("joint", joint, sites)
    return np.array([sites[joint] for joint in wanted], dtype=np.intp)


def subtree(mj: mujoco.MjModel, root: int) -> NDArray[np.bool_]:
    """(nbody,) True for a body and everything below it."""
    inside = np.zeros(mj.nbody, dtype=bool)
    for body in range(mj.nbody):
        inside[body] = body == root or (body > 0 and inside[mj.body_parentid[body]])
    return inside


def _center_acceleration(mj: mujoco.MjModel, get: dict[str, Array], v: Array, a: Array) -> Array:
    """(n, nbody, 3) acceleration of every body's center of mass, m/s^2, world.

    Spatial accelerations add up from parent to child: A = A_parent + S qacc + dS qvel
    (Featherstone).
    """
    rate = get["cdof"] * a[..., None] + get["cdof_dot"] * v[..., None]
    spatial = np.zeros_like(get["cvel"])
    for body in range(1, mj.nbody):
        first, count = mj.body_dofadr[body], mj.body_dofnum[body]
        spatial[:, body] = spatial[:, mj.body_parentid[body]]
        if count:
            spatial[:, body] += rate[:, first : first + count].sum(axis=1)
    arm = get["xipos"] - get["subtree_com"][:, mj.body_rootid]
    turn, move = get["cvel"][..., :3], get["cvel"][..., 3:]
    point_velocity = move + np.cross(turn, arm)
    return spatial[..., 3:] + np.cross(spatial[..., :3], arm) + np.cross(turn, point_velocity)


def _muscle_pull(
    mj: mujoco.MjModel, get: dict[str, Array], pull: Array, below: NDArray[np.bool_]
) -> Array:
    """(n, joints, 3) N, world: pull of all muscles on everything below each joint.

    A straight piece of tendon between two bodies pulls each toward the other; a piece with both
    ends below the joint, or around a wrapping surface of one body, does not count.
    """
    pieces = tendon_pieces(mj, get, pull)
    ends = below[:, pieces.body].astype(float)  # (joints, n, points)
    crossing = ends[..., :-1] - ends[..., 1:]  # +1: the near end is below, pulled along the piece
    return np.einsum("jtp,tpk->tjk", crossing, pieces.force)
