"""Newton-Euler on a graph's numbers, and the same states in a world that was turned and moved."""

from __future__ import annotations

import copy
from dataclasses import replace

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray

from bioenv.inverse.dynamics import Contact
from bioenv.learn.bodygraph import Graphs, Skeleton, States

QUATERNION = np.array([0.5, -0.1, 0.7, 0.5]) / np.linalg.norm([0.5, -0.1, 0.7, 0.5])
SHIFT = np.array([12.0, -30.0, 5.0])  # m


def newton_euler(graphs: Graphs) -> NDArray[np.float64]:
    """(D,) torques in the bodies' units, from the graph alone, by recursion from the leaves."""
    force = graphs.mass[:, None] * graphs.motion[:, 3:]
    spun = torch.einsum("nij,nj->ni", graphs.inertia, graphs.spin)
    moment = torch.einsum("nij,nj->ni", graphs.inertia, graphs.motion[:, :3])
    moment = moment + torch.linalg.cross(graphs.spin, spun)
    moment = moment + torch.linalg.cross(graphs.center, force)
    wrench = torch.cat([moment, force], -1).index_add(0, graphs.contact_node, -graphs.wrench)
    for node in torch.argsort(graphs.depth, descending=True, stable=True).tolist():
        parent = int(graphs.parent[node])
        if parent >= 0:
            up = graphs.rotation[node] @ wrench[node, 3:]
            about = graphs.rotation[node] @ wrench[node, :3]
            about = about + torch.linalg.cross(graphs.offset[node], up)
            wrench[parent] += torch.cat([about, up])
    along = (graphs.axis * wrench[graphs.dof_node]).sum(-1)
    return (along + graphs.armature * graphs.acceleration).numpy()


def turned_world(
    states: States, quaternion: NDArray[np.float64] = QUATERNION, shift: NDArray[np.float64] = SHIFT
) -> States:
    """The same movement in a world with another origin and other axes: all that hangs on the world
    is turned and moved with it, gravity and ground forces too; the coordinates stay."""
    turn = np.empty(9)
    mujoco.mju_quat2Mat(turn, quaternion)
    turn = turn.reshape(3, 3)
    mj = copy.copy(states.skeleton.mj)
    for body in np.flatnonzero(mj.body_parentid == 0):
        if body == 0:
            continue
        mj.body_pos[body] = turn @ mj.body_pos[body] + shift
        mujoco.mju_mulQuat(mj.body_quat[body], quaternion, mj.body_quat[body].copy())
    mj.opt.gravity[:] = turn @ mj.opt.gravity
    contacts = tuple(
        Contact(
            one.body, one.force @ turn.T, one.point @ turn.T + shift,
            None if one.moment is None else one.moment @ turn.T,
        )
        for one in states.contacts
    )  # fmt: skip
    return replace(states, skeleton=Skeleton(mj, "turned"), contacts=contacts)
