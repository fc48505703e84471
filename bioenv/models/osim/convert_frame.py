"""A Description made ready for conversion: z up in every body, locked coordinates taken out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bioenv.models.osim.description import Axis, Body, Coupler, Description, Joint, Pose
from bioenv.models.osim.functions import Constant, Function
from bioenv.models.osim.skeleton import UPRIGHT

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Composed:
    """``outer(inner(x))``."""

    outer: Function
    inner: Function

    def value(self, x: Array) -> Array:
        return self.outer.value(self.inner.value(x))

    def slope(self, x: Array) -> Array:
        return self.outer.slope(self.inner.value(x)) * self.inner.slope(x)

    def curvature(self, x: Array) -> Array:
        y, rise = self.inner.value(x), self.inner.slope(x)
        return self.outer.curvature(y) * rise**2 + self.outer.slope(y) * self.inner.curvature(x)


def upright(description: Description) -> Description:
    """The bodies and joints with every body's axes turned to x forward, y left, z up at rest.

    Points of wraps, muscles, markers and contact spheres stay as they are: multiply by UPRIGHT.
    """
    return replace(
        description,
        gravity=UPRIGHT @ description.gravity,
        bodies=tuple(map(_upright_body, description.bodies)),
        joints=tuple(map(_upright_joint, description.joints)),
    )


def unlocked(description: Description) -> Description:
    """Without locked coordinates: their joints are fixed at the default value."""
    fixed = {c.name: c.default for c in description.coordinates if c.locked}
    couplers: list[Coupler] = []
    for coupler in description.couplers:
        if coupler.independent in fixed:
            held = float(coupler.function.value(np.array(fixed[coupler.independent])))
            fixed.setdefault(coupler.dependent, held)
        elif coupler.dependent not in fixed:
            couplers.append(coupler)
    joints = tuple(_fixed_joint(joint, fixed) for joint in description.joints)
    return replace(description, joints=joints, couplers=tuple(couplers))


def _fixed_joint(joint: Joint, fixed: Mapping[str, float]) -> Joint:
    return replace(
        joint,
        coordinates=tuple(c for c in joint.coordinates if c.name not in fixed),
        rotations=tuple(_fixed_axis(axis, fixed) for axis in joint.rotations),
        translations=tuple(_fixed_axis(axis, fixed) for axis in joint.translations),
    )


def _fixed_axis(axis: Axis, fixed: Mapping[str, float]) -> Axis:
    if axis.coordinate is None or axis.coordinate not in fixed:
        return axis
    held = float(axis.function.value(np.array(fixed[axis.coordinate])))
    return Axis(axis.direction, None, Constant(held))


def _upright_body(body: Body) -> Body:
    inertia = UPRIGHT @ body.inertia @ UPRIGHT.T
    return replace(body, mass_center=UPRIGHT @ body.mass_center, inertia=inertia)


def _upright_joint(joint: Joint) -> Joint:
    return replace(
        joint,
        parent_pose=_upright_pose(joint.parent_pose),
        child_pose=_upright_pose(joint.child_pose),
        rotations=tuple(map(_upright_axis, joint.rotations)),
        translations=tuple(map(_upright_axis, joint.translations)),
    )


def _upright_pose(pose: Pose) -> Pose:
    return Pose(UPRIGHT @ pose.position, UPRIGHT @ pose.rotation @ UPRIGHT.T)


def _upright_axis(axis: Axis) -> Axis:
    return replace(axis, direction=UPRIGHT @ axis.direction)
