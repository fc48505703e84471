"""Both legs and the trunk in the sagittal plane: seven segments, from angles to joint moments.

Angles are those of the segments in the world (pelvis tilt + hip flexion is the thigh's): a zero
pose of the pelvis that differs between laboratories cancels. Masses, mass centres and radii of
gyration by Winter (2009, table 4.1 and fig. 4.1). Everything is per kg of body mass, so that
moments are N*m/kg. In the plane x is forward, z up, rotations count counterclockwise: a segment
hanging at angle a points along (sin a, -cos a), and flexion of the hip, extension of the knee and
dorsiflexion turn the distal segment counterclockwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bioenv.lab.planar import WINTER

Array = NDArray[np.float64]

GRAVITY = 9.81  # m/s^2
SIDES = ("r", "l")
# Shares of body height (Winter 2009, fig. 4.1), and of body mass.
THIGH, SHANK, ANKLE, FOOT, TRUNK = 0.245, 0.246, 0.039, 0.152, 0.288
HEEL = 0.25  # share of the foot that lies behind the ankle
_TRUNK_MASS, _TRUNK_CENTER, _TRUNK_GYRATION = 0.678, 0.626, 0.496  # head, arms, trunk; from the hip
_LEG = np.array(WINTER)  # thigh, shank, foot: mass, centre from above, radius of gyration


@dataclass(frozen=True)
class Build:
    """Lengths of a person's segments, m."""

    thigh: float
    shank: float

    @staticmethod
    def of_height(height: float) -> Build:
        """The build that a body height (m) has on average."""
        return Build(THIGH * height, SHANK * height)

    @property
    def height(self) -> float:
        """Body height that belongs to such legs, m."""
        return (self.thigh + self.shank) / (THIGH + SHANK)

    @property
    def trunk(self) -> float:
        """Hip to shoulder, m."""
        return TRUNK * self.height

    @property
    def foot(self) -> float:
        """Heel to toe, m."""
        return FOOT * self.height

    @property
    def ankle(self) -> float:
        """Height of the ankle above the sole, m."""
        return ANKLE * self.height


@dataclass(frozen=True, eq=False)
class Pose:
    """Angles over T frames, rad: trunk (T,), thigh, shank, foot (T, 2: right, left); hip (T, 2) m.

    The foot's angle is 0 when it lies flat.
    """

    trunk: Array
    thigh: Array
    shank: Array
    foot: Array
    hip: Array


@dataclass(frozen=True, eq=False)
class Loads:
    """What the movement alone says, per kg of body mass.

    ground (T, 2): force of the ground on both feet together, x and z, N/kg. swing (T, 2, 3):
    moments at hip, knee, ankle of each leg that carry only its own segments, N*m/kg, in the signs
    of the coordinates. joint (T, 2, 3, 2): places of hip, knee, ankle, m; sole (T, 2, 2, 2): heel
    and toe. spin (T,): the ground's moment on the body about the hip, N*m/kg.
    """

    ground: Array
    swing: Array
    joint: Array
    sole: Array
    spin: Array


SIGN = np.array([1.0, -1.0, 1.0])
"""From counterclockwise to hip flexion, knee flexion, dorsiflexion."""


def places(pose: Pose, build: Build) -> tuple[Array, Array]:
    """Joints (T, 2, 3, 2) and heel and toe (T, 2, 2, 2) of both legs, m."""
    hip = np.broadcast_to(pose.hip[:, None], (*pose.foot.shape, 2))
    knee = hip + build.thigh * _down(pose.thigh)
    ankle = knee + build.shank * _down(pose.shank)
    back = np.array([[-HEEL * build.foot, -build.ankle], [(1 - HEEL) * build.foot, -build.ankle]])
    sole = ankle[:, :, None] + _turned(pose.foot, back)
    return np.stack([hip, knee, ankle], axis=2), sole


def loads(pose: Pose, build: Build, step: float) -> Loads:
    """Forces and moments that the movement asks for, frames `step` s apart."""
    joint, sole = places(pose, build)
    center, angle, share, inertia = _segments(pose, build, joint, sole)
    push = _second(center, step) + np.array([0.0, GRAVITY])
    push = share[:, None] * push
    turn = inertia * _second(angle, step)
    ground = push.sum(axis=1)
    arm = center - pose.hip[:, None]
    spin = (turn + cross(arm, push)).sum(axis=1)
    legs = (slice(1, 4), slice(4, 7))
    swing = np.empty((*pose.foot.shape, 3))
    for side, rows in enumerate(legs):
        for at in range(3):
            below = slice(rows.start + at, rows.stop)
            arm = center[:, below] - joint[:, side, at, None]
            swing[:, side, at] = (turn[:, below] + cross(arm, push[:, below])).sum(axis=1)
    return Loads(ground, SIGN * swing, joint, sole, spin)


def lever(point: Array, force: Array, joint: Array) -> Array:
    """(..., 3) what a ground force (..., 2) at a point (..., 2) adds to the moments at the joints
    (..., 3, 2), in the signs of the coordinates."""
    arm = point[..., None, :] - joint
    return -SIGN * cross(arm, force[..., None, :])


def _segments(
    pose: Pose, build: Build, joint: Array, sole: Array
) -> tuple[Array, Array, Array, Array]:
    """Mass centres (T, 7, 2), angles (T, 7), mass shares (7,) and inertias (7,) per kg.

    Order: trunk, then thigh, shank, foot of the right and of the left leg.
    """
    trunk = pose.hip - _TRUNK_CENTER * build.trunk * _down(pose.trunk)
    centers, angles = [trunk], [pose.trunk]
    for side in range(2):
        ends = ((joint[:, side, 0], joint[:, side, 1]), (joint[:, side, 1], joint[:, side, 2]),
                (sole[:, side, 0], sole[:, side, 1]))  # fmt: skip
        for (above, below), (_, middle, _) in zip(ends, _LEG, strict=True):
            centers.append(above + middle * (below - above))
        angles += [pose.thigh[:, side], pose.shank[:, side], pose.foot[:, side]]
    length = np.array([build.thigh, build.shank, build.foot])
    leg = _LEG[:, 0] * (_LEG[:, 2] * length) ** 2
    own = _TRUNK_MASS * (_TRUNK_GYRATION * build.trunk) ** 2
    share = np.concatenate([[_TRUNK_MASS], _LEG[:, 0], _LEG[:, 0]])
    return (
        np.stack(centers, axis=1), np.stack(angles, axis=1), share,
        np.concatenate([[own], leg, leg]),
    )  # fmt: skip


def _down(angle: Array) -> Array:
    """Unit vectors (..., 2) along segments that hang at an angle."""
    return np.stack([np.sin(angle), -np.cos(angle)], axis=-1)


def _turned(angle: Array, points: Array) -> Array:
    """Points (k, 2) turned by angles (...): (..., k, 2)."""
    c, s = np.cos(angle)[..., None], np.sin(angle)[..., None]
    x, z = points[:, 0], points[:, 1]
    return np.stack([c * x - s * z, s * x + c * z], axis=-1)


def cross(a: Array, b: Array) -> Array:
    """Planar cross product (...) of vectors (..., 2), counterclockwise."""
    product: Array = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return product


def _second(values: Array, step: float) -> Array:
    slope: Array = np.gradient(values, step, axis=0, edge_order=2)
    second: Array = np.gradient(slope, step, axis=0, edge_order=2)
    return second
