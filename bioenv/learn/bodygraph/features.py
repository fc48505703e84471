"""From coordinates and ground forces to graphs: exact kinematics in the segments' own frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from bioenv.diff.kinematics import Kinematics, cross, kinematics, rotate
from bioenv.errors import BioenvError
from bioenv.inverse.dynamics import Contact
from bioenv.inverse.frames import rows
from bioenv.learn.bodygraph.graphs import Graphs
from bioenv.learn.bodygraph.skeleton import Skeleton

Array = NDArray[np.float64]


def graphs_of(
    skeleton: Skeleton,
    qpos: ArrayLike,
    qvel: ArrayLike,
    qacc: ArrayLike | None = None,
    *,
    torque: ArrayLike | None = None,
    contacts: Sequence[Contact] = (),
) -> Graphs:
    """One graph per frame, float64.

    Args:
        qpos: (T, nq), qvel, qacc, torque: (T, nv) in SI units and radians; what is None is zero.
        contacts: forces of the surroundings, world frame; an edge exists in the frames where the
            force is not zero and its point is finite.

    Raises BioenvError for arrays of the wrong shape, values that are not finite, unknown bodies.
    """
    mj = skeleton.mj
    q = _rows(qpos, mj.nq, "qpos")
    v, a, tau = (
        _rows(np.zeros((len(q), mj.nv)) if x is None else x, mj.nv, name, len(q))
        for x, name in ((qvel, "qvel"), (qacc, "qacc"), (torque, "torque"))
    )
    pose = kinematics(skeleton.tree, skeleton.frame, q)
    count, node = len(q), torch.as_tensor(skeleton.body)
    turned = pose.rotation[:, node]
    place = pose.position[:, node]
    parts = {
        **_bodies(skeleton, count),
        **_bones(skeleton, turned, place),
        **_motions(skeleton, pose, v, a, turned, place),
        **_joints(skeleton, pose, turned, place, v, a, tau),
        "carried": _carried(skeleton, pose, turned, place),
        **_contacts(skeleton, contacts, turned, place),
    }
    return Graphs(**parts)


def _bodies(skeleton: Skeleton, count: int) -> dict[str, Tensor]:
    """What is the same in every frame."""
    units, n, d = skeleton.units, len(skeleton.body), len(skeleton.coordinates)
    parent = torch.as_tensor(skeleton.parent).repeat(count)
    first = n * torch.arange(count)
    scale = [units.mass, units.length, units.acceleration, units.torque, units.inertia]
    armature = skeleton.armature / np.where(skeleton.turns, units.inertia, units.mass)
    joint = np.isin(np.arange(d), skeleton.joints).astype(float)
    same = {
        "depth": skeleton.depth,
        "mass": skeleton.mass / units.mass,
        "center": skeleton.center / units.length,
        "inertia": skeleton.inertia / units.inertia,
        "turns": skeleton.turns.astype(float),
        "joint": joint,
        "armature": armature,
    }
    repeated = {name: _tiled(np.asarray(x), count) for name, x in same.items()}
    return {
        **repeated,
        "nodes": torch.full((count,), n),
        "dofs": torch.full((count,), d),
        "parent": torch.where(parent < 0, parent, parent + first.repeat_interleave(n)),
        "dof_node": _tiled(skeleton.dof_node, count) + first.repeat_interleave(d),
        "scale": torch.tensor(scale, dtype=torch.float64).expand(count, 5).clone(),
    }


def _bones(skeleton: Skeleton, turned: Tensor, place: Tensor) -> dict[str, Tensor]:
    """Every segment in its parent's frame; one that hangs on the world has no bone."""
    root = torch.as_tensor(skeleton.parent < 0)
    above = torch.as_tensor(np.maximum(skeleton.parent, 0))
    back = turned[:, above].transpose(-1, -2)
    offset = rotate(back, place - place[:, above]) / skeleton.units.length
    one = torch.eye(3, dtype=torch.float64)
    rotation = torch.where(root[:, None, None], one, back @ turned)
    return {
        "rotation": rotation.flatten(0, 1),
        "offset": torch.where(root[:, None], 0.0, offset).flatten(0, 1),
    }


def _motions(
    skeleton: Skeleton, pose: Kinematics, v: Tensor, a: Tensor, turned: Tensor, place: Tensor
) -> dict[str, Tensor]:
    """Spin, accelerations and gravity in the segments' frames.

    All twists refer to the pose's origin, where sums along a chain are a matrix product
    (Featherstone R, Rigid Body Dynamics Algorithms, 2008, ch. 5).
    """
    units, node = skeleton.units, torch.as_tensor(skeleton.body)
    carried = skeleton.tree.carried[node]
    joint = pose.axis * v[..., None]
    before = skeleton.tree.before @ joint
    turn, move = before[..., :3], before[..., 3:]
    change = torch.cat(
        [cross(turn, joint[..., :3]), cross(turn, joint[..., 3:]) + cross(move, joint[..., :3])],
        -1,
    )
    twist, drift = carried @ joint, carried @ change
    full = drift + carried @ (pose.axis * a[..., None])
    arm = place + rotate(turned, torch.tensor(skeleton.center)) - pose.origin[:, None]
    spin, gravity = twist[..., :3], torch.tensor(skeleton.gravity)
    speed = twist[..., 3:] + cross(spin, arm)
    back = turned.transpose(-1, -2)

    def local(motion: Tensor) -> Tensor:
        rate = motion[..., :3]
        linear = motion[..., 3:] + cross(rate, arm) + cross(spin, speed) - gravity
        parts = [rotate(back, rate) * units.time**2, rotate(back, linear) / units.acceleration]
        return torch.cat(parts, -1).flatten(0, 1)

    return {
        "spin": (rotate(back, spin) * units.time).flatten(0, 1),
        "motion": local(full),
        "drift": local(drift),
        "down": (rotate(back, gravity.expand_as(arm)) / units.acceleration).flatten(0, 1),
    }


def _joints(
    skeleton: Skeleton, pose: Kinematics, turned: Tensor, place: Tensor, v: Tensor, a: Tensor,
    tau: Tensor,
) -> dict[str, Tensor]:  # fmt: skip
    units, node = skeleton.units, torch.as_tensor(skeleton.dof_node)
    turn, move = pose.axis[..., :3], pose.axis[..., 3:]
    here = move + cross(turn, place[:, node] - pose.origin[:, None])
    back = turned[:, node].transpose(-1, -2)
    turns = torch.tensor(skeleton.turns)
    # a rotation moves the origin by m per rad, in lengths of the body; a translation by m per m
    linear = torch.where(turns[:, None], rotate(back, here) / units.length, rotate(back, here))
    axis = torch.cat([rotate(back, turn), linear], -1)
    length = torch.where(turns, 1.0, units.length).to(torch.float64)
    return {
        "axis": axis.flatten(0, 1),
        "velocity": (v * units.time / length).flatten(),
        "acceleration": (a * units.time**2 / length).flatten(),
        "torque": (tau * length / units.torque).flatten(),
        "spread": torch.ones(tau.numel(), 2, dtype=torch.float64),
    }


def _carried(skeleton: Skeleton, pose: Kinematics, turned: Tensor, place: Tensor) -> Tensor:
    """(T nv) twice the kinetic energy of a joint's unit rate: the mass matrix' diagonal."""
    units, moved = skeleton.units, skeleton.tree.carried[torch.as_tensor(skeleton.body)]
    turn, move = pose.axis[:, None, :, :3], pose.axis[:, None, :, 3:]
    arm = place + rotate(turned, torch.tensor(skeleton.center)) - pose.origin[:, None]
    speed = move + cross(turn, arm[:, :, None])
    local = turn @ turned
    spin = torch.einsum("tnji,nik,tnjk->tnj", local, torch.tensor(skeleton.inertia), local)
    energy = torch.tensor(skeleton.mass)[:, None] * speed.square().sum(-1) + spin
    unit = np.where(skeleton.turns, units.inertia, units.mass)
    total = (moved * energy).sum(1) + torch.tensor(skeleton.armature)
    return (total / torch.tensor(unit)).flatten()


def _contacts(
    skeleton: Skeleton, contacts: Sequence[Contact], turned: Tensor, place: Tensor
) -> dict[str, Tensor]:
    """Edges sorted by frame: forces in the frame of the segment they act on."""
    units, count = skeleton.units, len(place)
    nodes, wrenches, present = [], [], []
    for contact in contacts:
        node = skeleton.node(contact.body)
        force = _rows(contact.force, 3, f"force on {contact.body}", count)
        point = torch.tensor(np.asarray(contact.point, dtype=float))
        if point.shape != force.shape:
            raise BioenvError(f"point on {contact.body}: expected ({count}, 3), got {point.shape}")
        there = torch.isfinite(point).all(-1) & (force != 0).any(-1)
        moment = cross(torch.nan_to_num(point) - place[:, node], force)
        if contact.moment is not None:
            moment = moment + torch.nan_to_num(torch.tensor(np.asarray(contact.moment)))
        back = turned[:, node].transpose(-1, -2)
        both = [rotate(back, moment) / units.torque, rotate(back, force) / units.force]
        nodes.append(torch.full((count,), node))
        wrenches.append(torch.cat(both, -1))
        present.append(there)
    if not contacts:
        return {
            "contacts": torch.zeros(count, dtype=torch.int64),
            "contact_node": torch.zeros(0, dtype=torch.int64),
            "wrench": torch.zeros(0, 6, dtype=torch.float64),
        }
    mask = torch.stack(present, 1)
    where = torch.stack(nodes, 1) + len(skeleton.body) * torch.arange(count)[:, None]
    return {
        "contacts": mask.sum(1),
        "contact_node": where[mask],
        "wrench": torch.stack(wrenches, 1)[mask],
    }


def _tiled(values: NDArray, count: int) -> Tensor:
    return torch.as_tensor(values).repeat(count, *(1,) * (values.ndim - 1))


def _rows(values: ArrayLike, width: int, what: str, frames: int | None = None) -> Tensor:
    return torch.tensor(rows(values, width, what, frames))
