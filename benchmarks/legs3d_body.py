"""The skeleton of legs3d: OpenSim's Rajagopal model with a hinge for a knee and arms in the trunk.

Everything here is in the file's axes (x forward, y up, z right) until `converted` turns it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from bioenv.models.osim.anatomy import OsimAnatomy
from bioenv.models.osim.description import Axis, Body, Coordinate, Description, Joint, Pose
from bioenv.models.osim.functions import Constant, Linear
from bioenv.models.osim.skeleton import about

Array = NDArray[np.float64]

# Where joints are to move, degrees: soft ends in the model, and the poses paths are fitted to.
RANGE = {
    "hip_flexion": (-30.0, 120.0),
    "hip_adduction": (-50.0, 30.0),
    "hip_rotation": (-40.0, 40.0),
    "knee_angle": (2.0, 120.0),
    "ankle_angle": (-50.0, 30.0),
    "subtalar_angle": (-20.0, 20.0),
    "mtp_angle": (-34.0, 69.0),
    "lumbar_extension": (-34.0, 34.0),
    "lumbar_bending": (-25.0, 25.0),
    "lumbar_rotation": (-30.0, 30.0),
}
# The arms hang, elbows bent, as they do in the walking trial on average.
_ARMS = {"arm_add": -0.12, "arm_rot": -0.28, "elbow_flex": 0.75, "pro_sup": 0.9}  # rad
_ARM_BODIES = ("humerus", "ulna", "radius", "hand")
# The file's toe joints stand where the unscaled model has them, though all muscle points of the
# heel bone are scaled by these factors (x, y, z): extensors would bend the toes down.
_HEEL_BONE_SCALE = np.array([1.1554, 1.1171, 1.3214])
_PATELLA_AT = np.radians(20.0)  # of knee flexion: where the kneecap's 70 g join the thigh


class Knee(NamedTuple):
    """The right knee's hinge: unit axis, a point of it in the femur and in the tibia (3,) m, and
    how far it leaves the file's tibia over the fit, m: RMS and largest, of ankle and insertions."""

    axis: Array
    in_femur: Array
    in_tibia: Array
    rms: float
    most: float


def freed(description: Description) -> Description:
    """The file with its subtalar joints, welded in the lab's file, as pins about their axes."""
    return replace(description, joints=tuple(map(_pinned, description.joints)))


def toes_in_place(description: Description) -> Description:
    """With the toe joints scaled as the heel bones they are on."""
    return replace(description, joints=tuple(map(_toe_scaled, description.joints)))


def _toe_scaled(joint: Joint) -> Joint:
    if not joint.name.startswith("mtp"):
        return joint
    pose = joint.parent_pose
    return replace(joint, parent_pose=Pose(pose.position * _HEEL_BONE_SCALE, pose.rotation))


def _pinned(joint: Joint) -> Joint:
    if not joint.name.startswith("subtalar"):
        return joint
    name = f"subtalar_angle_{joint.name[-1]}"
    low, high = np.radians(RANGE["subtalar_angle"])
    coordinate = Coordinate(name, 0.0, (float(low), float(high)), True, clamped=True)
    return replace(joint, coordinates=(coordinate,), rotations=(*joint.rotations[:2], _pin(name)))


def _pin(name: str, direction: Array | None = None) -> Axis:
    way = np.array([0.0, 0.0, 1.0]) if direction is None else direction
    return Axis(way, name, Linear(1.0))


def fit_knee(exact: OsimAnatomy, flexion: Array) -> Knee:
    """The hinge nearest to the file's rolling knee at the angles (n,) rad of measured gait.

    Least squares on the places of the ankle and of the muscles' insertions in the femur's frame;
    the tibia's orientation at 0° stays the file's.
    """
    points = [
        p.location
        for muscle in exact.description.muscles
        for p in muscle.points
        if p.body == "tibia_r" and p.location[1] > -0.12 and muscle.name.endswith("_r")
    ]
    ankle = next(j for j in exact.description.joints if j.name == "ankle_r")
    spots = np.array([*points, *[ankle.parent_pose.position] * len(points)])
    true = _in_femur(exact, flexion, spots)

    def placed(x: Array) -> Array:
        axis = x[:3] / np.linalg.norm(x[:3])
        turns = np.array([about(axis, angle) for angle in flexion])
        return np.einsum("nij,pj->npi", turns, spots - x[6:]) + x[3:6]

    def residual(x: Array) -> Array:
        along = 1e-3 * (x[3:6] @ x[:3])  # a point of the axis is any: the one nearest the origin
        return np.concatenate([(placed(x) - true).ravel(), [np.linalg.norm(x[:3]) - 1.0, along]])

    start = np.array([0.0, -0.07, -1.0, 0.0, -0.4, 0.0, 0.0, 0.0, 0.0])
    found = least_squares(residual, start, xtol=1e-14, ftol=1e-14, gtol=1e-14).x
    error = np.linalg.norm(placed(found) - true, axis=2)
    axis = found[:3] / np.linalg.norm(found[:3])
    # The point of the axis at mid width of the knee is its center.
    slide = -found[5] / axis[2] * axis
    rms = float(np.sqrt((error**2).mean()))
    return Knee(axis, found[3:6] + slide, found[6:] + slide, rms, float(error.max()))


def _in_femur(exact: OsimAnatomy, flexion: Array, points: Array) -> Array:
    """(n, p, 3) points of the tibia in the femur's frame as the file moves them."""
    position, rotation = exact.body_frames(_at(exact, {"knee_angle_r": flexion}))
    femur, tibia = exact.body_id("femur_r"), exact.body_id("tibia_r")
    world = position[:, None, tibia] + np.einsum("nij,pj->npi", rotation[:, tibia], points)
    return np.einsum("nji,npj->npi", rotation[:, femur], world - position[:, None, femur])


def _at(exact: OsimAnatomy, values: Mapping[str, Array | float]) -> Array:
    """(n, nq) poses of the file: defaults, and these coordinates."""
    count = max(np.size(v) for v in values.values())
    q = np.tile(exact.default, (count, 1))
    for name, value in values.items():
        q[:, exact.coordinates.index(name)] = value
    return exact.couple(q)


def lean(exact: OsimAnatomy, knee: Knee) -> Description:
    """The file's model as legs3d has it: no arms, no kneecaps, hinges for knees.

    Muscles stay as they are; points on the kneecap then lie on a body that is not there.
    """
    source = exact.description
    bodies = {body.name: body for body in source.bodies}
    for side in "rl":
        arms = [f"{name}_{side}" for name in _ARM_BODIES]
        at = {f"{name}_{side}": angle for name, angle in _ARMS.items()}
        _merge(exact, bodies, "torso", arms, at)
        bent = {f"knee_angle_{side}": _PATELLA_AT}
        _merge(exact, bodies, f"femur_{side}", [f"patella_{side}"], bent)
    bodies["torso"] = _symmetric(bodies["torso"])
    joints = tuple(_leaned(j, knee) for j in source.joints if j.child in bodies)
    return replace(source, bodies=tuple(bodies.values()), joints=joints, couplers=(), markers=())


def _merge(
    exact: OsimAnatomy,
    bodies: dict[str, Body],
    into: str,
    names: list[str],
    values: Mapping[str, float],
) -> None:
    """Weld bodies to another in a pose: masses add, inertias by the parallel axis theorem."""
    position, rotation = (part[0] for part in exact.body_frames(_at(exact, values)))
    home = exact.body_id(into)
    parts = []
    for name in (into, *names):
        body, i = bodies[name], exact.body_id(name)
        turn = rotation[home].T @ rotation[i]
        shift = rotation[home].T @ (position[i] - position[home])
        center = shift + turn @ body.mass_center
        parts.append((body.mass, center, turn @ body.inertia @ turn.T))
    mass = sum(m for m, _, _ in parts)
    center = sum((m * c for m, c, _ in parts), np.zeros(3)) / mass
    inertia = sum((i + m * _about(c - center) for m, c, i in parts), np.zeros((3, 3)))
    bodies[into] = Body(into, mass, center, inertia)
    for name in names:
        del bodies[name]


def _about(offset: Array) -> Array:
    return np.asarray(offset @ offset * np.eye(3) - np.outer(offset, offset))


def _symmetric(body: Body) -> Body:
    """Without what is left over of the two sides in the mirror."""
    flip = np.diag([1.0, 1.0, -1.0])
    inertia = 0.5 * (body.inertia + flip @ body.inertia @ flip)
    return replace(body, mass_center=body.mass_center * [1.0, 1.0, 0.0], inertia=inertia)


def _leaned(joint: Joint, knee: Knee) -> Joint:
    """The joint with legs3d's ranges; a hinge for the knee."""
    joint = replace(joint, coordinates=tuple(map(_ranged, joint.coordinates)))
    if not joint.name.startswith("walker_knee"):
        return joint
    mirror = np.array([1.0, 1.0, 1.0 if joint.name.endswith("r") else -1.0])
    # A turn's axis changes its components in the mirror's plane, not the one across.
    axis = knee.axis if mirror[2] > 0 else -knee.axis * mirror
    name = joint.coordinates[0].name
    still = tuple(Axis(way, None, Constant(0.0)) for way in np.eye(3))
    return replace(
        joint,
        parent_pose=Pose(knee.in_femur * mirror, np.eye(3)),
        child_pose=Pose(knee.in_tibia * mirror, np.eye(3)),
        rotations=(_pin(name, axis), *still[:2]),
        translations=still,
    )


def _ranged(coordinate: Coordinate) -> Coordinate:
    for prefix, degrees in RANGE.items():
        if coordinate.name.startswith(prefix):
            low, high = np.radians(degrees)
            return replace(coordinate, range=(float(low), float(high)), clamped=True)
    return coordinate
