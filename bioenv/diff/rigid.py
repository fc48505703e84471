"""Rigid-body dynamics of a tree in torch, for a batch of frames at once.

Newton-Euler and composite inertias (Featherstone R, Rigid Body Dynamics Algorithms, 2008, chapters
5 and 6) on spatial vectors [rotation, translation] about one point. With all vectors about the same
point, sums along a chain are products with a constant matrix of who carries whom: there is no loop
over bodies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from bioenv.diff.kinematics import Kinematics, cross, rotate
from bioenv.diff.tree import Tree


@dataclass(frozen=True, eq=False)
class Inertia:
    """Masses and inertias; parameters may carry leading batch axes.

    mass (..., nbody) kg; center (..., nbody, 3) m in the body; moment (..., nbody, 3) kg*m^2 about
    it in the principal axes; axes (nbody, 3, 3): these to the body; armature (..., nv); gravity
    (..., 3) m/s^2; share (nbody,): of the weight that a body feels.
    """

    mass: Tensor
    center: Tensor
    moment: Tensor
    axes: Tensor
    armature: Tensor
    gravity: Tensor
    share: Tensor


class _Velocity(NamedTuple):
    """Spatial velocity of bodies, and their acceleration at qacc zero; (..., nbody, 6)."""

    body: Tensor
    drift: Tensor


def inverse_dynamics(
    tree: Tree, inertia: Inertia, pose: Kinematics, v: Tensor, a: Tensor
) -> Tensor:
    """M a + bias, (..., nv) N or N*m: what all joints must do, without springs or outer forces."""
    velocity = _velocities(tree, pose, v)
    motion = tree.carried @ (pose.axis * a[..., None]) + velocity.drift
    wrench = _wrenches(inertia, pose, velocity.body, motion)
    tau = (pose.axis * (tree.carried.T @ wrench)).sum(-1)
    return tau + inertia.armature * a


def mass_matrix(tree: Tree, inertia: Inertia, pose: Kinematics) -> Tensor:
    """(..., nv, nv) kg, kg*m, kg*m^2, with armature."""
    momentum = _momenta(tree, inertia, pose)
    lower = pose.axis @ momentum.transpose(-1, -2)  # [i, j] = S_i . I_j S_j
    lower = torch.where(tree.related, lower, torch.zeros((), dtype=lower.dtype))
    upper = torch.triu(lower)
    matrix = upper + torch.triu(lower, 1).transpose(-1, -2)
    return matrix + torch.diag_embed(inertia.armature.expand(*matrix.shape[:-1]))


def external(
    tree: Tree,
    pose: Kinematics,
    body: Tensor,
    force: Tensor,
    point: Tensor,
    moment: Tensor | None = None,
) -> Tensor:
    """(..., nv) generalized forces of forces (..., k, 3) N at world points (..., k, 3) m of bodies.

    Args:
        body: (k,) ids. moment: (..., k, 3) N*m about the points, or none.
    """
    about = cross(point - pose.origin[..., None, :], force)
    if moment is not None:
        about = about + moment
    wrench = torch.cat([about, force.expand_as(about)], -1)
    return (pose.axis * (tree.carried[body].T @ wrench)).sum(-1)


def center_of_mass(inertia: Inertia, pose: Kinematics) -> Tensor:
    """(..., 3) m, world, of all bodies."""
    place = pose.position + rotate(pose.rotation, inertia.center)
    mass = inertia.mass[..., 1:, None]
    return (mass * place[..., 1:, :]).sum(-2) / mass.sum(-2)


def twists(tree: Tree, pose: Kinematics, rate: Tensor) -> Tensor:
    """(..., nbody, 6): every body's Jacobian about the pose's origin times ``rate`` (..., nv)."""
    return tree.carried @ (pose.axis * rate[..., None])


def point_rate(pose: Kinematics, twist: Tensor, body: Tensor, point: Tensor) -> Tensor:
    """(..., k, 3): linear part of the bodies' twists at world points (..., k, 3)."""
    here = twist[..., body, :]
    return here[..., 3:] + cross(here[..., :3], point - pose.origin[..., None, :])


def _velocities(tree: Tree, pose: Kinematics, v: Tensor) -> _Velocity:
    joint = pose.axis * v[..., None]
    before = tree.before @ joint  # of what each joint hangs on
    turn, move = before[..., :3], before[..., 3:]
    change = torch.cat(
        [cross(turn, joint[..., :3]), cross(turn, joint[..., 3:]) + cross(move, joint[..., :3])],
        -1,
    )
    both = tree.carried @ torch.cat([joint, change], -1)
    return _Velocity(both[..., :6], both[..., 6:])


def _wrenches(inertia: Inertia, pose: Kinematics, velocity: Tensor, motion: Tensor) -> Tensor:
    """(..., nbody, 6) moment about the origin and force that each body alone needs."""
    arm = pose.position + rotate(pose.rotation, inertia.center) - pose.origin[..., None, :]
    spin, change = velocity[..., :3], motion[..., :3]
    speed = velocity[..., 3:] + cross(spin, arm)
    weight = inertia.gravity[..., None, :] * inertia.share[:, None]
    acceleration = motion[..., 3:] + cross(change, arm) + cross(spin, speed) - weight
    force = inertia.mass[..., None] * acceleration
    axes = pose.rotation @ inertia.axes
    back = axes.transpose(-1, -2)
    both = back @ torch.stack([spin, change], -1)  # in the principal axes
    turn, rate = both[..., 0], both[..., 1]
    local = inertia.moment * rate + cross(turn, inertia.moment * turn)
    about = rotate(axes, local) + cross(arm, force)
    return torch.cat([about, force.expand_as(about)], -1)


def _momenta(tree: Tree, inertia: Inertia, pose: Kinematics) -> Tensor:
    """(..., nv, 6) momentum, about the origin, of all a joint carries when it moves at rate 1."""
    arm = pose.position + rotate(pose.rotation, inertia.center) - pose.origin[..., None, :]
    axes = pose.rotation @ inertia.axes
    moment = (axes * inertia.moment[..., None, :]) @ axes.transpose(-1, -2)
    mass = inertia.mass[..., None]
    square = (arm * arm).sum(-1)[..., None, None] * torch.eye(3, dtype=arm.dtype)
    outer = arm[..., :, None] * arm[..., None, :]
    about = moment + mass[..., None] * (square - outer)
    lead = torch.broadcast_shapes(about.shape[:-2], mass.shape[:-1])
    parts = [mass, mass * arm, about.flatten(-2)]
    table = torch.cat([part.expand(*lead, part.shape[-1]) for part in parts], -1)
    total = tree.carried.T @ table  # (..., nv, 13): composite inertia below every joint
    whole, first, second = total[..., :1], total[..., 1:4], total[..., 4:].unflatten(-1, (3, 3))
    turn, move = pose.axis[..., :3], pose.axis[..., 3:]
    linear = whole * move - cross(first, turn)
    angular = rotate(second, turn) + cross(first, move)
    return torch.cat([angular, linear], -1)
