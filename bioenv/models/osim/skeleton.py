"""A Description's bodies and joints as a MuJoCo tree of hinges and slides, exactly.

OpenSim's joint places the child by ``parent_pose · T(translations) · R1 R2 R3 · child_pose⁻¹``.
MuJoCo applies a body's slides, then its hinges in order, which is the same. What is constant in a
joint is moved into the body's static pose, turning the axes that follow it. A motion that is a
coordinate itself becomes that coordinate's joint; one that is a function of a coordinate becomes a
dependent joint, whose value is that function.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.models.osim.description import GROUND, Axis, Body, Description, Joint, Pose
from bioenv.models.osim.functions import Function, Linear
from bioenv.models.osim.parse_frames import compose

Array = NDArray[np.float64]

# OpenSim's ground (x forward, y up, z right) in bioenv's world (x forward, y left, z up).
UPRIGHT = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])

# Moving bodies of MuJoCo need some mass: 1e-12 of a human's changes nothing.
_LEAST_MASS, _LEAST_INERTIA = 1e-10, 1e-13
_THIN = 1e-9  # how near to the edge of the triangle inequality moments of inertia may lie


class Drive(NamedTuple):
    """A MuJoCo joint and what sets it: ``qpos = function(coordinate)``; `own` when it is ±."""

    joint: str
    coordinate: str
    function: Function
    own: bool


class Skeleton(NamedTuple):
    """A specification, its joints, and principal moments (3,) of bodies that no mass can have."""

    spec: mujoco.MjSpec
    drives: tuple[Drive, ...]
    impossible: dict[str, Array]


def build(description: Description, ground: Array = UPRIGHT) -> Skeleton:
    """The tree of a model. `ground` (3, 3) turns the file's ground into the world's axes.

    Every body of the file is a MuJoCo body of the same name with the same frame. The ground is one
    too, unless its axes are the world's: then it is the world.
    """
    spec = mujoco.MjSpec()
    spec.modelname = description.name
    spec.compiler.degree = False
    spec.option.gravity = ground @ description.gravity
    turned = not np.array_equal(ground, np.eye(3))
    world = spec.worldbody
    bodies = {GROUND: world.add_body(name=GROUND, quat=quaternion(ground)) if turned else world}
    at_rest = {GROUND: np.eye(3)}  # rotation of each body in the ground, all joints at zero
    mass = {body.name: body for body in description.bodies}
    names = _Names(description)
    drives: list[Drive] = []
    impossible: dict[str, Array] = {}
    for joint in description.joints:
        chain = _Chain(joint)
        static = chain.static
        body = bodies[joint.parent].add_body(
            name=joint.child, pos=static.position, quat=quaternion(static.rotation)
        )
        bodies[joint.child] = body
        at_rest[joint.child] = at_rest[joint.parent] @ static.rotation
        moments = _set_inertia(body, mass[joint.child])
        if moments is not None:
            impossible[joint.child] = moments
        for motion in chain.motions():
            in_world = ground @ at_rest[joint.child] @ motion.axis
            drive, sign = names.drive(joint, motion, in_world)
            body.add_joint(
                name=drive.joint,
                type=mujoco.mjtJoint.mjJNT_SLIDE if motion.slides else mujoco.mjtJoint.mjJNT_HINGE,
                axis=motion.axis * sign,
                pos=joint.child_pose.position,
            )
            drives.append(drive)
    return Skeleton(spec, tuple(drives), impossible)


def quaternion(rotation: Array) -> Array:
    """(4,) MuJoCo's quaternion of a rotation matrix."""
    quat = np.zeros(4)
    mujoco.mju_mat2Quat(quat, np.ascontiguousarray(rotation).ravel())
    return quat


def about(axis: Array, angle: float) -> Array:
    """(3, 3) rotation by `angle` about a unit axis (Rodrigues)."""
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + np.sin(angle) * cross + (1.0 - np.cos(angle)) * cross @ cross


class _Motion(NamedTuple):
    """One moving axis of a joint, in the child's frame at rest."""

    axis: Array
    slides: bool
    source: Axis
    own: bool


class _Chain:
    """A joint taken apart: the child's static pose and its moving axes, slides first."""

    def __init__(self, joint: Joint) -> None:
        self._own = _own_axes(joint)
        shift = np.zeros(3)
        slides, hinges, turn = [], [], np.eye(3)
        for axis in joint.translations:
            shift += self._constant(axis) * axis.direction
            if axis.coordinate is not None:
                slides.append((axis, axis.direction))
        for axis in joint.rotations:
            direction = turn @ axis.direction
            if axis.coordinate is not None:
                hinges.append((axis, direction))
            turn = about(direction, self._constant(axis)) @ turn
        inverse = joint.child_pose.rotation.T
        to_child = Pose(-inverse @ joint.child_pose.position, inverse)
        middle = compose(Pose(shift, turn), to_child)
        self.static = compose(joint.parent_pose, middle)
        self._to_body = middle.rotation.T
        self._slides, self._hinges = slides, hinges

    def _constant(self, axis: Axis) -> float:
        """What a motion adds whatever the coordinate."""
        if axis.coordinate is None:
            return float(axis.function.value(np.zeros(())))
        if any(axis is own for own in self._own) and isinstance(axis.function, Linear):
            return axis.function.intercept
        return 0.0

    def motions(self) -> Iterator[_Motion]:
        """Moving axes in MuJoCo's order."""
        for group, slides in ((self._slides, True), (self._hinges, False)):
            for axis, direction in group:
                own = any(axis is other for other in self._own)
                yield _Motion(self._to_body @ direction, slides, axis, own)


def _own_axes(joint: Joint) -> list[Axis]:
    """The first axis of each coordinate that is the coordinate itself, ± and shifted."""
    own: dict[str, Axis] = {}
    for axis in (*joint.rotations, *joint.translations):
        line = axis.function
        if axis.coordinate is None or not isinstance(line, Linear):
            continue
        if abs(line.gradient) == 1.0:
            own.setdefault(axis.coordinate, axis)
    return list(own.values())


class _Names:
    """Names and senses of MuJoCo's joints: bioenv's standard ones."""

    def __init__(self, description: Description) -> None:
        self._taken: set[str] = set()
        self._reserved = {standard_name(c.name)[0] for c in description.coordinates}

    def drive(self, joint: Joint, motion: _Motion, axis_in_world: Array) -> tuple[Drive, float]:
        """The drive of a moving axis, and the factor on the axis direction."""
        coordinate, function = motion.source.coordinate, motion.source.function
        assert coordinate is not None
        if not motion.own:
            return Drive(self._dependent(joint, motion), coordinate, function, False), 1.0
        assert isinstance(function, Linear)
        name, sign = standard_name(coordinate)
        if coordinate.startswith("knee_angle"):
            # Turning about an axis to the right extends the knee: bioenv's flexion is positive.
            sign = -1.0 if function.gradient * axis_in_world[1] < 0.0 else 1.0
        self._taken.add(name)
        return Drive(name, coordinate, Linear(sign), True), sign * function.gradient

    def _dependent(self, joint: Joint, motion: _Motion) -> str:
        letter = "xyz"[int(np.argmax(np.abs(motion.source.direction)))]
        name = stem = f"{joint.name}_{'t' if motion.slides else 'r'}{letter}"
        count = 1
        while name in self._taken or name in self._reserved:
            count += 1
            name = f"{stem}{count}"
        self._taken.add(name)
        return name


def standard_name(coordinate: str) -> tuple[str, float]:
    """bioenv's name of an OpenSim coordinate and the factor on its value, z up for y up.

    The inverse of `bioenv.motion_io.opensim_coordinate` but for the knee, whose sense files differ
    in.
    """
    if coordinate.endswith("_ty"):
        return coordinate[:-1] + "z", 1.0
    if coordinate.endswith("_tz"):
        return coordinate[:-1] + "y", -1.0
    return coordinate, 1.0


def _set_inertia(target: mujoco.MjsBody, body: Body) -> Array | None:
    """Give a MuJoCo body its mass properties.

    MuJoCo compiles no principal moments (3,) that break the triangle inequality, as some files
    have: the body then gets their mean, and the moments come back.
    """
    moments, axes = np.linalg.eigh(body.inertia)
    if np.linalg.det(axes) < 0.0:
        axes[:, 0] *= -1.0
    most = moments[0] + moments[1]
    impossible = moments[2] > most * (1.0 + _THIN) or moments[0] < 0.0
    target.explicitinertial = True
    target.mass = max(body.mass, _LEAST_MASS)
    target.ipos = body.mass_center
    target.iquat = quaternion(axes)
    # A flat body lies on the edge, where rounding decides.
    edge = np.minimum(moments, [np.inf, np.inf, most * (1.0 - _THIN)])
    possible = np.full(3, np.abs(moments).mean()) if impossible else edge
    target.inertia = np.maximum(possible, _LEAST_INERTIA)
    return moments if impossible else None
