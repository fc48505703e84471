"""MuJoCo's contact of spheres and capsules with fixed flat faces, explicit in qacc, in torch.

A soft contact of MuJoCo needs no solver once the acceleration is known: every contact's force
follows from its own distance, velocity and acceleration. Elliptic cones (MuJoCo documentation,
"Computation", friction cones): with x the unclamped normal acceleration deficit and y the
tangential one divided by friction, the force is x, y inside the cone, the projection
``(x + mu^2 |y|) / (1 + mu^2)`` beside it and zero in the polar cone. Pyramids: every edge is a
scalar constraint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bioenv.diff import cone
from bioenv.diff.kinematics import Kinematics, point_jacobian, points, rotate
from bioenv.diff.soft import Impedance, gain, springs
from bioenv.diff.symbolic.contact_pairs import ContactPoint, contact_points
from bioenv.diff.tree import Tree

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ContactArrays:
    """What the contact points of a model are, n of them; see `ContactPoint`.

    friction (n, 2), zero without; stiffness, damping (n,) of the reference acceleration; slip (n,):
    damping along the face over that; elliptic: which cone; impratio: MuJoCo's.
    """

    points: tuple[ContactPoint, ...]
    friction: Array
    stiffness: Array
    damping: Array
    slip: Array
    elliptic: bool
    impratio: float


class Contacts(NamedTuple):
    """Contacts in a batch of frames, world frame; n contact points.

    force (..., n, 3) N of the ground on the body; point (..., n, 3) m; depth (..., n) m, positive
    where they touch.
    """

    force: Tensor
    point: Tensor
    depth: Tensor


class Touch(NamedTuple):
    """Contacts before the acceleration is known; rows of a frame are normal and tangents.

    jacobian (..., n, 3, nv) along the frame; rate (..., n, 3) m/s; spring (..., n) m/s^2 and
    damping (..., n) 1/s of the reference acceleration; gain (..., n) kg, zero where nothing
    touches; friction (..., n, 2); point (..., n, 3) m; depth (..., n) m; frame (..., n, 3, 3).
    """

    jacobian: Tensor
    rate: Tensor
    spring: Tensor
    damping: Tensor
    gain: Tensor
    friction: Tensor
    point: Tensor
    depth: Tensor
    frame: Tensor


def contact_arrays(mj: mujoco.MjModel) -> ContactArrays:
    """Constants of all contact points. Raises BioenvError for contacts that cannot be expressed."""
    found = contact_points(mj)
    n = len(found)
    solimp = np.array([p.solimp for p in found]).reshape(n, 5)
    solref = np.array([p.solref for p in found]).reshape(n, 2)
    slide = [p.solref_friction if p.solref_friction.any() else p.solref for p in found]
    friction = [np.zeros(2) if p.friction is None else p.friction for p in found]
    stiffness, damping = springs(mj, solref, solimp)
    slip = springs(mj, np.array(slide).reshape(n, 2), solimp)[1] / damping
    elliptic = int(mj.opt.cone) == int(mujoco.mjtCone.mjCONE_ELLIPTIC)
    return ContactArrays(
        found,
        np.array(friction).reshape(n, 2),
        stiffness,
        damping,
        slip,
        elliptic,
        float(mj.opt.impratio),
    )


class ContactLaw:
    """Forces of the ground on the contact points of one model."""

    def __init__(self, arrays: ContactArrays) -> None:
        spec, n = arrays.points, len(arrays.points)

        def table(values: list[Array] | list[float], *shape: int) -> Tensor:
            return torch.tensor(np.array(values, dtype=float).reshape(n, *shape))

        self.arrays, self.count = arrays, n
        self.body = torch.tensor([p.body for p in spec], dtype=torch.int64)
        self.local = table([p.local for p in spec], 3)
        self.radius = table([p.radius for p in spec])
        self.offset = table([p.offset for p in spec])
        self.margin = table([p.margin for p in spec])
        self.frame = table([p.frame for p in spec], 3, 3)
        self.inverse_weight = table([p.inverse_weight for p in spec])
        self.impedance = Impedance.of(np.array([p.solimp for p in spec]).reshape(n, 5))
        self.sides = table([p.face.sides for p in spec], 2, 3)
        self.half = table([p.face.half for p in spec], 2)
        self.middle = table([p.face.point for p in spec], 3)
        self.slip = torch.tensor(arrays.slip)
        self.rough = torch.tensor([p.friction is not None for p in spec], dtype=torch.bool)
        self.axis = table([np.zeros(3) if p.axis is None else p.axis for p in spec], 3)
        turned = [p.axis is not None and _matters(arrays, p) for p in spec]
        self.turned = torch.tensor(turned, dtype=torch.bool)

    def touch(
        self, tree: Tree, pose: Kinematics, v: Tensor, parameters: Mapping[str, Tensor]
    ) -> Touch:
        """Contacts at a pose and qvel v (..., nv)."""
        center = points(pose, self.body, self.local)
        frame = self._frame(pose).expand(*center.shape[:-1], 3, 3)
        normal = frame[..., 0, :]
        distance = (center * normal).sum(-1) - self.offset - self.radius
        point = center - normal * (self.radius + 0.5 * distance)[..., None]
        jacobian = frame @ point_jacobian(tree, pose, self.body, point)
        past = distance - self.margin
        d = self.impedance((-past).clamp(min=0.0))
        on = (past < 0.0) & self._over(center)
        damping = parameters["contact_damping"]
        return Touch(
            jacobian,
            (jacobian @ v[..., None, :, None])[..., 0],
            parameters["contact_stiffness"] * d * past,
            damping.expand(past.shape),
            torch.where(on, gain(d) / self.inverse_weight, 0.0),
            parameters["friction"].expand(*past.shape, 2),
            point,
            -past,
            frame,
        )

    def forces(self, touch: Touch, a: Tensor) -> tuple[Tensor, Tensor]:
        """Force (..., n, 3) N along normal and tangents at qacc a (..., nv), and minus its
        derivative by the acceleration there (..., n, 3, 3) kg, without gradient."""
        push = (touch.jacobian @ a[..., None, :, None])[..., 0]
        law = self.arrays
        if law.elliptic:
            slide = touch.damping * self.slip
            damping = torch.stack([touch.damping, slide, slide], -1)
            missing = -damping * touch.rate - push
            missing = torch.cat([missing[..., :1] - touch.spring[..., None], missing[..., 1:]], -1)
            force, slope = cone.elliptic(missing, touch.friction, self.rough, law.impratio)
        else:
            force, slope = cone.pyramidal(
                touch.rate, push, touch.spring, touch.damping, touch.friction, self.rough,
                law.impratio,
            )  # fmt: skip
        return force * touch.gain[..., None], slope * touch.gain[..., None, None]

    def contacts(self, touch: Touch, a: Tensor) -> Contacts:
        """Forces and points in the world."""
        force, _ = self.forces(touch, a)
        world = (touch.frame.transpose(-1, -2) @ force[..., None])[..., 0]
        return Contacts(world, touch.point, touch.depth)

    def _frame(self, pose: Kinematics) -> Tensor:
        """(..., n, 3, 3) rows normal and tangents, the first tangent along a capsule."""
        if not self.turned.any():
            return self.frame
        normal = self.frame[:, 0]
        axis = rotate(pose.rotation[..., self.body, :, :], self.axis)
        along = axis - normal * (normal * axis).sum(-1, keepdim=True)
        along = torch.nn.functional.normalize(along, dim=-1, eps=1e-15)
        normals = normal.expand_as(along)
        turned = torch.stack([normals, along, torch.linalg.cross(normals, along)], -2)
        return torch.where(self.turned[:, None, None], turned, self.frame)

    def _over(self, center: Tensor) -> Tensor:
        """(..., n) whether a point is over its face, not beside it."""
        along = ((center - self.middle)[..., None, :] * self.sides).sum(-1)
        return (along.abs() <= self.half).all(-1)


def _matters(arrays: ContactArrays, point: ContactPoint) -> bool:
    """Whether the tangents' direction changes a contact's force."""
    if point.friction is None:
        return False
    return not arrays.elliptic or point.friction[0] != point.friction[1]
