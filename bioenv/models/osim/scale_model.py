"""A Description scaled to a person, by the rules of OpenSim's ScaleTool.

Every length in a body's frame is multiplied by that body's factors along x, y, z; muscles keep the
ratio of fiber and tendon to the whole path in the default posture. (OpenSim 4.6: Model::scale and
the `extendScale` and `extendPostScale` of its components.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.models.osim.anatomy import OsimAnatomy
from bioenv.models.osim.description import (
    GROUND,
    Axis,
    Body,
    Description,
    Joint,
    Muscle,
    PathPoint,
    Pose,
    WrapObject,
)
from bioenv.models.osim.functions import Function, Linear, Scaled

Array = NDArray[np.float64]
Factors = Mapping[str, Array]


def scale(
    description: Description,
    factors: Mapping[str, ArrayLike],
    mass: float | None = None,
    *,
    preserve_mass_distribution: bool = True,
) -> Description:
    """A model with bodies of other size.

    Args:
        factors: by body, one number or (3,) along the body's axes; bodies not named stay.
        mass: kg of the whole scaled body; None leaves the masses as scaling has them.
        preserve_mass_distribution: bodies keep their share of the mass; otherwise each grows with
            its volume.

    Muscle strength stays, as in OpenSim. Contact spheres move with their body (OpenSim leaves them
    behind) and keep their radius. Raises BioenvError for unknown bodies
    and factors or masses that are not positive.
    """
    by_body = _checked(description, factors)
    if mass is not None and not (np.isfinite(mass) and mass > 0):
        raise BioenvError(f"mass must be a positive number of kg, got {mass!r}")
    bodies = tuple(
        _scaled_body(body, by_body[body.name], preserve_mass_distribution)
        for body in description.bodies
    )
    if mass is not None:
        ratio = mass / sum(body.mass for body in bodies)
        bodies = tuple(
            replace(body, mass=body.mass * ratio, inertia=body.inertia * ratio) for body in bodies
        )
    scaled = replace(
        description,
        bodies=bodies,
        joints=tuple(_scaled_joint(joint, by_body) for joint in description.joints),
        muscles=tuple(_scaled_path(muscle, by_body) for muscle in description.muscles),
        wraps=tuple(_scaled_wrap(wrap, by_body[wrap.body]) for wrap in description.wraps),
        markers=tuple(
            replace(marker, location=marker.location * by_body[marker.body])
            for marker in description.markers
        ),
        contacts=tuple(
            replace(contact, location=contact.location * by_body[contact.body])
            for contact in description.contacts
        ),
    )
    return _with_muscles_in_proportion(description, scaled)


def _checked(description: Description, factors: Mapping[str, ArrayLike]) -> dict[str, Array]:
    names = [body.name for body in description.bodies]
    by_body: dict[str, Array] = {name: np.ones(3) for name in (GROUND, *names)}
    for name, given in factors.items():
        if name not in names:
            raise unknown("body", name, names)
        factor = np.asarray(given, dtype=float)
        if factor.shape not in ((), (3,)) or not (np.isfinite(factor) & (factor > 0)).all():
            raise BioenvError(
                f"the scale factor of {name!r} must be a positive number or three of them, "
                f"got {given!r}"
            )
        by_body[name] = np.broadcast_to(factor, (3,)).copy()
    return by_body


def _scaled_body(body: Body, factor: Array, preserve_mass: bool) -> Body:
    growth = 1.0 if preserve_mass else float(np.prod(factor))
    return Body(
        body.name,
        body.mass * growth,
        body.mass_center * factor,
        _scaled_inertia(body, factor, growth),
    )


def _scaled_inertia(body: Body, factor: Array, growth: float) -> Array:
    """Inertia of a body whose mass grew by `growth`: Body::scaleInertialProperties.

    Equal factors scale it by their square. Otherwise the body counts as a cylinder whose axis is
    that of the least moment; its radius and length, found from two moments, are scaled.
    """
    if body.mass * growth <= np.finfo(float).eps:
        return np.zeros((3, 3))
    if np.allclose(factor, factor[0], rtol=1e-12, atol=0.0):
        return np.asarray(body.inertia * growth * factor[0] ** 2)
    moments, mass = np.diag(body.inertia), body.mass
    axis = int(np.argmin(moments))
    if moments[0] == moments[2] < moments[1]:
        axis = 0  # OpenSim's choice among equals
    across = 1 if axis == 0 else 0
    radius_squared = max(2.0 * moments[axis] / mass, 0.0)
    length_squared = max(12.0 * (moments[across] / mass - 0.25 * radius_squared), 0.0)
    radius_squared *= float(np.prod(np.delete(factor, axis)))
    length_squared *= factor[axis] ** 2
    scaled = body.inertia * np.outer(factor, factor) * growth
    side = mass * growth * (length_squared / 12.0 + 0.25 * radius_squared)
    np.fill_diagonal(scaled, side)
    scaled[axis, axis] = 0.5 * mass * growth * radius_squared
    return np.asarray(scaled)


def _scaled_joint(joint: Joint, factors: Factors) -> Joint:
    parent, child = factors[joint.parent], factors[joint.child]
    return replace(
        joint,
        parent_pose=_scaled_pose(joint.parent_pose, parent),
        child_pose=_scaled_pose(joint.child_pose, child),
        translations=tuple(_scaled_translation(axis, parent) for axis in joint.translations),
    )


def _scaled_translation(axis: Axis, factor: Array) -> Axis:
    """A translation that is a degree of freedom itself keeps its unit; others are lengths.

    As in OpenSim, the factor is taken along the axis in the joint's frame.
    """
    line = axis.function
    if isinstance(line, Linear) and (line.gradient, line.intercept) == (1.0, 0.0):
        return axis
    return replace(axis, function=_times(axis.function, float(axis.direction @ factor)))


def _times(function: Function, factor: float) -> Function:
    if factor == 1.0:
        return function
    if isinstance(function, Scaled):
        return Scaled(function.function, function.factor * factor)
    return Scaled(function, factor)


def _scaled_pose(pose: Pose, factor: Array) -> Pose:
    return Pose(pose.position * factor, pose.rotation)


def _scaled_wrap(wrap: WrapObject, factor: Array) -> WrapObject:
    """Radii by the mean of the factors across, lengths by that along the surface's z axis."""
    # Columns of the rotation: how much each axis of the surface is stretched.
    stretch = np.linalg.norm(wrap.pose.rotation * factor[:, None], axis=0)
    across = 0.5 * (stretch[0] + stretch[1])
    pose = _scaled_pose(wrap.pose, factor)
    if wrap.kind == "cylinder":
        return replace(
            wrap, pose=pose, radius=wrap.radius * across, length=wrap.length * stretch[2]
        )
    if wrap.kind == "sphere":
        return replace(wrap, pose=pose, radius=wrap.radius * float(factor.mean()))
    if wrap.kind == "torus":
        return replace(wrap, pose=pose, radius=wrap.radius * across, length=wrap.length * across)
    return replace(wrap, pose=pose, dimensions=wrap.dimensions * stretch)


def _scaled_path(muscle: Muscle, factors: Factors) -> Muscle:
    return replace(
        muscle, points=tuple(_scaled_point(point, factors[point.body]) for point in muscle.points)
    )


def _scaled_point(point: PathPoint, factor: Array) -> PathPoint:
    motion = point.motion
    if motion is not None:
        motion = tuple(
            None if one is None else (one[0], _times(one[1], float(by)))
            for one, by in zip(motion, factor, strict=True)
        )
    return replace(point, location=point.location * factor, motion=motion)


def _with_muscles_in_proportion(before: Description, after: Description) -> Description:
    """Optimal fiber and tendon slack length in the path's proportion in the default posture."""
    if not after.muscles:
        return after
    lengths = []
    for description in (before, after):
        anatomy = OsimAnatomy(description)
        lengths.append(anatomy.muscle_geometry(anatomy.couple(anatomy.default[None])).length[0])
    muscles = tuple(
        replace(
            muscle,
            optimal_fiber_length=muscle.optimal_fiber_length * ratio,
            tendon_slack_length=muscle.tendon_slack_length * ratio,
        )
        for muscle, ratio in zip(after.muscles, (lengths[1] / lengths[0]).tolist(), strict=True)
    )
    return replace(after, muscles=muscles)
