"""Poses of a MuJoCo tree in torch, for a batch of frames: bodies, joint axes, points."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bioenv.diff.tree import Joints, Level, Tree


@dataclass(frozen=True, eq=False)
class Kinematics:
    """A pose, world frame; leading batch axes ``...``.

    position (..., nbody, 3) m of every body's origin; rotation (..., nbody, 3, 3) body to world;
    origin (..., 3) m: the point that spatial vectors refer to (of the first body);
    axis (..., nv, 6): unit motion of every degree of freedom about that point, [rotation,
    translation].
    """

    position: Tensor
    rotation: Tensor
    origin: Tensor
    axis: Tensor


@dataclass(frozen=True, eq=False)
class Frame:
    """Constants that place bodies and joints; parameters may carry leading batch axes.

    position (..., nbody, 3) m and rotation (nbody, 3, 3) of every body in its parent; anchor,
    axis (njnt, 3) in the body; reference (nq,): qpos0.
    """

    position: Tensor
    rotation: Tensor
    anchor: Tensor
    axis: Tensor
    reference: Tensor


def kinematics(tree: Tree, frame: Frame, q: Tensor) -> Kinematics:
    """The pose at q (..., nq)."""
    lead = torch.broadcast_shapes(q.shape[:-1], frame.position.shape[:-2])
    q = q.expand(*lead, tree.nq)
    position = [q.new_zeros(*lead, 1, 3)]
    rotation = [torch.eye(3, dtype=q.dtype).expand(*lead, 1, 3, 3)]
    axes: list[Tensor] = []
    anchors: list[Tensor] = []
    for level in tree.levels:
        pose = _level(frame, level, q, torch.cat(position, -2), torch.cat(rotation, -3))
        position.append(pose[0])
        rotation.append(pose[1])
        axes += pose[2]
        anchors += pose[3]
    places = torch.cat(position, -2)[..., tree.order, :]
    axis = torch.cat(axes, -2)[..., tree.joint_order, :]
    anchor = torch.cat(anchors, -2)[..., tree.joint_order, :]
    origin = places[..., 1, :]
    turn = axis * tree.turns[:, None]
    move = cross(turn, origin[..., None, :] - anchor) + axis - turn
    return Kinematics(
        places,
        torch.cat(rotation, -3)[..., tree.order, :, :],
        origin,
        torch.cat([turn, move], -1),
    )


def points(pose: Kinematics, body: Tensor, local: Tensor) -> Tensor:
    """(..., k, 3) m, world, of points fixed in bodies: body (k,) ids, local (..., k, 3) m."""
    return pose.position[..., body, :] + rotate(pose.rotation[..., body, :, :], local)


def rotate(rotation: Tensor, vector: Tensor) -> Tensor:
    """rotation (..., 3, 3) times vector (..., 3)."""
    return (rotation @ vector[..., None])[..., 0]


def cross(a: Tensor, b: Tensor) -> Tensor:
    """a × b along the last axis of three; leading axes broadcast, also in their number."""
    return torch.linalg.cross(*torch.broadcast_tensors(a, b))


def point_jacobian(tree: Tree, pose: Kinematics, body: Tensor, point: Tensor) -> Tensor:
    """(..., k, 3, nv) derivative of world points (..., k, 3) of bodies (k,) by the joints."""
    turn, move = pose.axis[..., None, :, :3], pose.axis[..., None, :, 3:]
    arm = (point - pose.origin[..., None, :])[..., None, :]
    moved = move + cross(turn, arm)
    return (moved * tree.carried[body][:, :, None]).transpose(-1, -2)


def quaternion_matrix(quaternion: Tensor) -> Tensor:
    """(..., 3, 3) rotation of quaternions (..., 4) wxyz, which are normalized first."""
    w, x, y, z = torch.nn.functional.normalize(quaternion, dim=-1, eps=1e-15).unbind(-1)
    rows = (
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    )  # fmt: skip
    return torch.stack(rows, -1).unflatten(-1, (3, 3))


def quaternion_product(a: Tensor, b: Tensor) -> Tensor:
    """(..., 4) wxyz: first the rotation b, then a."""
    w, x, y, z = a.unbind(-1)
    p, q, r, s = b.unbind(-1)
    parts = (
        w * p - x * q - y * r - z * s, w * q + x * p + y * s - z * r,
        w * r - x * s + y * p + z * q, w * s + x * r - y * q + z * p,
    )  # fmt: skip
    return torch.stack(parts, -1)


def _level(
    frame: Frame, level: Level, q: Tensor, positions: Tensor, rotations: Tensor
) -> tuple[Tensor, Tensor, list[Tensor], list[Tensor]]:
    """Positions and rotations of a level's bodies, axes and anchors of their joints."""
    parent = rotations[..., level.parent, :, :]
    position = positions[..., level.parent, :] + rotate(parent, frame.position[..., level.body, :])
    rotation = parent @ frame.rotation[level.body]
    axes: list[Tensor] = []
    anchors: list[Tensor] = []
    for group in level.joints:
        whole = len(group.rows) == len(level.body)
        place = position if whole else position[..., group.rows, :]
        turn = rotation if whole else rotation[..., group.rows, :, :]
        place, turn, axis, anchor = _moved(frame, group, q, place, turn)
        axes.append(axis)
        anchors.append(anchor)
        if whole:
            position, rotation = place, turn
        else:
            position = position.index_copy(-2, group.rows, place)
            rotation = rotation.index_copy(-3, group.rows, turn)
    return position, rotation, axes, anchors


def _moved(
    frame: Frame, group: Joints, q: Tensor, position: Tensor, rotation: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Bodies (k) after their joints: position, rotation, axes and anchors (..., k * dofs, 3)."""
    if group.kind == "free":
        value = q[..., group.qpos]
        position, rotation = value[..., :3], quaternion_matrix(value[..., 3:])
        world = torch.eye(3, dtype=q.dtype).expand(*rotation.shape)
        axis = torch.cat([world, rotation.transpose(-1, -2)], -2)
        return position, rotation, axis.flatten(-3, -2), _repeated(position, 6)
    local = frame.anchor[group.joint]
    anchor = position + rotate(rotation, local)
    if group.kind == "ball":
        rotation = rotation @ quaternion_matrix(q[..., group.qpos])
        position = anchor - rotate(rotation, local)
        axis = rotation.transpose(-1, -2).flatten(-3, -2)
        return position, rotation, axis, _repeated(anchor, 3)
    axis = rotate(rotation, frame.axis[group.joint])
    address = group.qpos[:, 0]
    value = q[..., address] - frame.reference[address]
    if group.kind == "slide":
        return position + axis * value[..., None], rotation, axis, anchor
    rotation = rotation @ _turn(frame.axis[group.joint], value)
    return anchor - rotate(rotation, local), rotation, axis, anchor


def _turn(axis: Tensor, angle: Tensor) -> Tensor:
    """(..., k, 3, 3) rotations about constant unit axes (k, 3) (Rodrigues)."""
    x, y, z = axis.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
    outer = axis[:, :, None] * axis[:, None, :]
    flat = torch.eye(3, dtype=axis.dtype) - outer
    cosine, sine = angle.cos()[..., None, None], angle.sin()[..., None, None]
    return outer + cosine * flat + sine * cross


def _repeated(point: Tensor, count: int) -> Tensor:
    """(..., k * count, 3): every point as often as its joint has degrees of freedom."""
    return point.repeat_interleave(count, dim=-2)
