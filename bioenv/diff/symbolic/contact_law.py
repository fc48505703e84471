"""MuJoCo's contact of spheres and capsules with fixed flat faces, as a law explicit in qacc.

A soft contact of MuJoCo needs no solver once the acceleration is known: every contact's force
follows from its own distance, velocity and acceleration. Elliptic cones (MuJoCo documentation,
"Computation", friction cones): with x the unclamped normal acceleration deficit and y the
tangential one divided by friction, the force is x, y inside the cone, the projection
``(x + mu^2 |y|) / (1 + mu^2)`` beside it and zero in the polar cone. Pyramids: every edge is a
scalar constraint.
"""

from __future__ import annotations

from dataclasses import dataclass

import casadi as ca
import mujoco
import numpy as np

from bioenv.diff.symbolic import rigid, smooth, soft_constraint
from bioenv.diff.symbolic.contact_pairs import ContactPoint

ONSET = 1e-4
"""m over which touch-down is rounded, per unit of smoothing."""
ACCELERATION = 0.1
"""m/s^2 over which lift-off and the friction cone are rounded, per unit of smoothing."""
EDGE = 2e-3
"""m over which a contact fades where the sphere's center leaves a box's face, per unit."""
Sliding = tuple[float | ca.SX, float | ca.SX]
"""Sliding friction along both tangents."""


@dataclass(frozen=True)
class Contact:
    """One contact point's law at a state, in world axes.

    force (3,) N on the body, point (3,) m and velocity (3,) m/s of the body there.
    """

    body: int
    force: ca.SX
    point: ca.SX
    velocity: ca.SX


def contacts(
    kin: rigid.Kinematics,
    points: tuple[ContactPoint, ...],
    v: ca.SX,
    a: ca.SX,
    smoothing: ca.SX,
    softness: ca.SX,
    friction: ca.SX | None = None,
) -> list[Contact]:
    """Forces of all contact points at qvel v and qacc a.

    Args:
        smoothing: 0 is MuJoCo's law, 1 is close, 20 is very round.
        softness: divides all contact forces' gain; 1 is MuJoCo's.
        friction: (n_contact,) factors of the points' sliding friction.
    """
    velocity, acceleration = rigid.twists(kin, v), rigid.twists(kin, a)
    out = []
    for number, spec in enumerate(points):
        center = kin.point(spec.body, spec.local)
        distance = ca.dot(center, spec.frame[0]) - spec.offset - spec.radius
        point = center - ca.SX(spec.frame[0]) * (spec.radius + 0.5 * distance)
        frame = _frame(kin, spec)
        rate, push = (
            frame @ rigid.point_motion(kin, motion[spec.body], spec.body, point)
            for motion in (velocity, acceleration)
        )
        law = _elliptic if kin.mj.opt.cone == mujoco.mjtCone.mjCONE_ELLIPTIC else _pyramidal
        slide = _sliding(spec, None if friction is None else friction[number])
        force = law(kin.mj, spec, slide, distance - spec.margin, rate, push, smoothing) / softness
        force = force * _over(spec, center, smoothing)
        out.append(Contact(spec.body, frame.T @ force, point, frame.T @ rate))
    return out


def _sliding(spec: ContactPoint, factor: ca.SX | None) -> Sliding | None:
    """Friction along both tangents; None without."""
    if spec.friction is None:
        return None
    first, second = (float(x) for x in spec.friction)
    return (first, second) if factor is None else (first * factor, second * factor)


def _over(spec: ContactPoint, center: ca.SX, smoothing: ca.SX) -> ca.SX:
    """1 over the face, 0 beside it. MuJoCo's sphere would roll over the edge instead."""
    share = ca.SX(1.0)
    for side, half in zip(spec.face.sides, spec.face.half, strict=True):
        if np.isfinite(half):
            along = ca.dot(ca.SX(side), center - ca.SX(spec.face.point))
            for inside in (float(half) - along, float(half) + along):
                share = share * smooth.step(inside, EDGE * smoothing)
    return share


def _frame(kin: rigid.Kinematics, spec: ContactPoint) -> ca.SX:
    """(3, 3) rows normal and tangents, the first tangent along a capsule, where that matters."""
    round_cone = kin.mj.opt.cone == mujoco.mjtCone.mjCONE_ELLIPTIC
    if spec.friction is None or (round_cone and spec.friction[0] == spec.friction[1]):
        return ca.SX(spec.frame)
    if spec.axis is None:
        return ca.SX(spec.frame)
    normal, axis = ca.SX(spec.frame[0]), kin.rotation[spec.body] @ ca.SX(spec.axis)
    along = axis - normal * ca.dot(normal, axis)
    along = along / ca.norm_2(along)
    return ca.horzcat(normal, along, ca.cross(normal, along)).T


def _elliptic(
    mj: mujoco.MjModel, spec: ContactPoint, slide: Sliding | None,
    past: ca.SX, v: ca.SX, a: ca.SX, smoothing: ca.SX,
) -> ca.SX:  # fmt: skip
    """(3,) force N in the contact's frame, normal first."""
    width = ACCELERATION * smoothing
    spring = soft_constraint.spring(mj, spec.solref, spec.solimp)
    gain, impedance = soft_constraint.stiffness(past, spec.solimp, ONSET * smoothing)
    gain = gain / spec.inverse_weight
    x = soft_constraint.reference(spring, impedance, past, v[0]) - a[0]
    if slide is None:
        return ca.vertcat(gain * smooth.relu(x, width), 0.0, 0.0)
    slip = spring if not spec.solref_friction.any() else soft_constraint.spring(
        mj, spec.solref_friction, spec.solimp
    )  # fmt: skip
    square = slide[0] ** 2 / float(mj.opt.impratio)  # mu^2 of the regularized cone
    y = [(-slip.damping * v[j] - a[j]) * (slide[j - 1] / square) for j in (1, 2)]
    size = ca.sqrt(y[0] ** 2 + y[1] ** 2 + width**2 + 1e-30)
    normal = smooth.relu(x + square / (1.0 + square) * smooth.relu(size - x, width), width)
    share = gain * (1.0 - smooth.relu(size - normal, width) / size)
    side = [slide[j] * y[j] * share for j in (0, 1)]
    return ca.vertcat(gain * normal, *side)


def _pyramidal(
    mj: mujoco.MjModel, spec: ContactPoint, slide: Sliding | None,
    past: ca.SX, v: ca.SX, a: ca.SX, smoothing: ca.SX,
) -> ca.SX:  # fmt: skip
    """(3,) force N in the contact's frame, normal first."""
    width = ACCELERATION * smoothing
    spring = soft_constraint.spring(mj, spec.solref, spec.solimp)
    gain, impedance = soft_constraint.stiffness(past, spec.solimp, ONSET * smoothing)
    if slide is None:
        x = soft_constraint.reference(spring, impedance, past, v[0]) - a[0]
        return ca.vertcat(gain / spec.inverse_weight * smooth.relu(x, width), 0.0, 0.0)
    first = slide[0] ** 2
    # All edges share one regularizer, that of the first one scaled by 2 mu^2.
    edge = gain / (2.0 * first / mj.opt.impratio * spec.inverse_weight * (1.0 + first))
    normal, side = ca.SX(0.0), [ca.SX(0.0), ca.SX(0.0)]
    for j in (0, 1):
        friction = slide[j]
        for sign in (1.0, -1.0):
            rate, push = (u[0] + sign * friction * u[j + 1] for u in (v, a))
            x = soft_constraint.reference(spring, impedance, past, rate) - push
            force = edge * smooth.relu(x, width)
            normal += force
            side[j] += sign * friction * force
    return ca.vertcat(normal, *side)
