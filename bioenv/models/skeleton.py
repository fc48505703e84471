"""The bare skeleton of a MuJoCo model: bodies, inertias and joints, nothing that costs time."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray


def skeleton(mj: mujoco.MjModel) -> mujoco.MjModel:
    """A model with the bodies and joints of `mj` in the same order and gravity, and nothing else.

    Springs, dampers, ranges, contacts, tendons and sensors are left out; armature stays, since it
    is inertia.
    """
    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    spec.option.gravity = mj.opt.gravity
    bodies = [spec.worldbody]
    for index in range(1, mj.nbody):
        source = mj.body(index)
        body = bodies[int(source.parentid[0])].add_body(
            name=source.name,
            pos=source.pos,
            quat=source.quat,
            mass=float(source.mass[0]),
            ipos=source.ipos,
            iquat=source.iquat,
            inertia=source.inertia,
            explicitinertial=True,
        )
        bodies.append(body)
        first = int(mj.body_jntadr[index])
        for joint in range(first, first + int(mj.body_jntnum[index])):
            body.add_joint(
                name=mj.joint(joint).name,
                type=mujoco.mjtJoint(int(mj.jnt_type[joint])),
                pos=mj.jnt_pos[joint],
                axis=mj.jnt_axis[joint],
                ref=float(mj.qpos0[mj.jnt_qposadr[joint]]),
                armature=float(mj.dof_armature[mj.jnt_dofadr[joint]]),
            )
    return spec.compile()


def floating(mj: mujoco.MjModel) -> NDArray[np.bool_]:
    """(nv,) True for the coordinates that carry the whole body: a slide or free joint to the world.

    A hinge on the same body belongs to them; an arm that hangs from the world by hinges has none.
    """
    kinds = mujoco.mjtJoint
    moves = (mj.jnt_type == kinds.mjJNT_SLIDE) | (mj.jnt_type == kinds.mjJNT_FREE)
    on_world = mj.body_parentid[mj.jnt_bodyid] == 0
    bodies = {int(b) for b in mj.jnt_bodyid[moves & on_world]}
    return np.array([int(mj.jnt_bodyid[j]) in bodies for j in mj.dof_jntid], dtype=bool)
