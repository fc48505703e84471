"""What the estimator sees of a walking person: a row for each leg and frame, from kinematics only.

A leg's row has the angles of its own and the other leg's segments in the world, what Newton says of
the movement (total ground force, moments of the leg as if it only swung, moments as if it carried
the whole body at the pressure centre that balances the body), and where the feet stand. Both legs
give rows of one kind: the left leg is the right leg of the mirrored person.

Zero poses that differ between laboratories are taken off: a foot's angle counts from where it lies
flat, the trunk's from its mean. Forces and moments are per kg of body mass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.learn.people.legs import SIDES, Build, Loads, Pose, lever, loads
from bioenv.learn.people.measured_people import LEGS
from bioenv.motion import Motion

Array = NDArray[np.float64]

PELVIS = ("pelvis_tx", "pelvis_tz", "pelvis_tilt")
NEEDED = (*PELVIS, *LEGS)
"""Coordinates without which there is no estimate."""

HIP = (-0.036, -0.047)
"""The hip in the pelvis, forward and up, in body heights: mean of the lab data's models."""

_LEAST_FORCE = 3.0  # N/kg: a smaller total force has no pressure centre
_FARTHEST = 0.5  # m from the ankle: farther pressure centres are no feet's
_STILL_SPEED, _STILL_TURN = 0.25, 0.6  # m/s, rad/s of a foot that stands

NAMES: tuple[tuple[str, str], ...] = (
    *((f"{name}_{leg}", "rad") for leg in ("own", "other") for name in ("thigh", "shank", "foot")),
    ("trunk", "rad"),
    *((f"{name}_rate_{leg}", "rad/s") for leg in ("own", "other")
      for name in ("thigh", "shank", "foot")),
    ("trunk_rate", "rad/s"),
    *((f"swing_{joint}", "N*m/kg") for joint in ("hip", "knee", "ankle")),
    *((f"carry_{joint}", "N*m/kg") for joint in ("hip", "knee", "ankle")),
    ("ground_x", "N/kg"), ("ground_z", "N/kg"), ("pressure", "m"),
    ("hip_over_own", "m"), ("hip_over_other", "m"), ("lean", "N/kg"),
    ("rise_own", "m"), ("rise_other", "m"), ("still_own", "1"), ("still_other", "1"),
    ("ankle_speed_own", "m/s"), ("ankle_speed_other", "m/s"), ("lift_own", "m/s"),
    ("lift_other", "m/s"), ("hip_speed", "m/s"), ("height", "m"),
)  # fmt: skip
"""Columns and their units."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Features (2, T, F) of the right and the left leg at T instants `time` s, and the `Loads`."""

    time: Array
    values: Array
    loads: Loads


def build_of(motion: Motion) -> Build:
    """Segment lengths from meta: thigh_m and shank_m, else from height_m. Raises without both."""
    meta = motion.meta
    if meta.get("thigh_m") and meta.get("shank_m"):
        return Build(float(meta["thigh_m"]), float(meta["shank_m"]))
    if meta.get("height_m"):
        return Build.of_height(float(meta["height_m"]))
    raise BioenvError(
        "the motion does not say how long the legs are: give meta thigh_m and shank_m (between "
        "joint centres), or height_m, e.g. motion.with_meta(height_m=1.75)"
    )


def pose_of(motion: Motion, build: Build) -> Pose:
    """The sagittal pose. Raises BioenvError naming the coordinates that are missing."""
    have = motion.labels("qpos") if "qpos" in motion else ()
    missing = [name for name in NEEDED if name not in have]
    if missing:
        raise BioenvError(
            f"qpos lacks {', '.join(missing)}: moments without force plates need the pelvis' path "
            f"and tilt and both legs ({', '.join(NEEDED)})"
        )
    tilt = motion.column("qpos", "pelvis_tilt")
    lumbar = motion.column("qpos", "lumbar_extension") if "lumbar_extension" in have else 0 * tilt
    thigh = np.stack([tilt + motion.column("qpos", f"hip_flexion_{s}") for s in SIDES], axis=1)
    shank = thigh - np.stack([motion.column("qpos", f"knee_angle_{s}") for s in SIDES], axis=1)
    foot = shank + np.stack([motion.column("qpos", f"ankle_angle_{s}") for s in SIDES], axis=1)
    trunk = tilt + lumbar
    ahead, up = motion.meta.get("hip_m") or [share * build.height for share in HIP]
    c, s = np.cos(tilt), np.sin(tilt)
    hip = np.stack(
        [motion.column("qpos", "pelvis_tx") + c * ahead - s * up,
         motion.column("qpos", "pelvis_tz") + s * ahead + c * up], axis=1,
    )  # fmt: skip
    return Pose(trunk - trunk.mean(), thigh, shank, foot, hip)


def rows_of(motion: Motion) -> Rows:
    """Features of both legs at every instant of a motion with an even clock.

    The coordinates should be low-passed (6 Hz): they are differentiated twice.
    """
    build = build_of(motion)
    step = motion.duration / (len(motion) - 1)
    pose = pose_of(motion, build)
    still, ankle_speed = _still(pose, loads(pose, build, step), step)
    flat = (still * pose.foot).sum(axis=0) / still.sum(axis=0)
    pose = Pose(pose.trunk, pose.thigh, pose.shank, pose.foot - flat, pose.hip)
    found = loads(pose, build, step)
    values = np.stack(
        [_leg(pose, found, still, ankle_speed, side, build, step) for side in range(2)]
    )
    return Rows(motion.time, values, found)


def _still(pose: Pose, found: Loads, step: float) -> tuple[Array, Array]:
    """(T, 2) how much each foot stands, 0..1, and (T, 2, 2) velocity of its ankle, m/s."""
    speed = np.gradient(found.joint[:, :, 2], step, axis=0)
    turn = np.gradient(pose.foot, step, axis=0)
    size = np.hypot(speed[..., 0], speed[..., 1]) / _STILL_SPEED
    return np.exp(-(size**2) - (turn / _STILL_TURN) ** 2) + 1e-12, speed


def _leg(
    pose: Pose, found: Loads, still: Array, speed: Array, own: int, build: Build, step: float
) -> Array:
    """(T, F) features of one leg."""
    other = 1 - own
    angles = np.column_stack(
        [pose.thigh[:, own], pose.shank[:, own], pose.foot[:, own],
         pose.thigh[:, other], pose.shank[:, other], pose.foot[:, other], pose.trunk]
    )  # fmt: skip
    ankle = found.joint[:, :, 2]
    rest = (still * ankle[..., 1]).sum(axis=0) / still.sum(axis=0)  # height of a standing ankle
    floor = float(rest.mean()) - build.ankle
    force = np.maximum(found.ground[:, 1], _LEAST_FORCE)
    drop = floor - pose.hip[:, 1]
    reach = (found.spin + drop * found.ground[:, 0]) / force  # from the hip to the pressure centre
    over = pose.hip[:, 0] + reach - ankle[:, own, 0]
    over = np.clip(over, -_FARTHEST, _FARTHEST)
    point = np.stack([ankle[:, own, 0] + over, np.full(len(over), floor)], axis=1)
    carry = lever(point, found.ground, found.joint[:, own])
    ahead = pose.hip[:, None, 0] - ankle[..., 0]
    height = pose.hip[:, 1] - floor
    lean = found.ground[:, 0] - found.ground[:, 1] * ahead[:, own] / height
    return np.column_stack([
        angles, np.gradient(angles, step, axis=0), found.swing[:, own], carry, found.ground, over,
        ahead[:, own], ahead[:, other], lean,
        ankle[:, own, 1] - rest[own], ankle[:, other, 1] - rest[other],
        still[:, own], still[:, other], speed[:, own, 0], speed[:, other, 0], speed[:, own, 1],
        speed[:, other, 1], np.gradient(pose.hip[:, 0], step), np.full(len(over), build.height),
    ])  # fmt: skip
