"""The same step by another body: with another bend of the knees, or of another size.

`bent`: the thigh leans by a small constant angle, the shank back by as much as keeps the ankle
under the hip: the ground force, its place under the foot and the ankle's moment stay, and
knee and hip moments change by what this force does about the moved joints. That is inverse dynamics
of the changed pose, not a guess: laboratories' knees differ by such angles (zero poses, habits).

`resized`: lengths grow with the size, times with its root, moments per kg with the size (dynamic
similarity under gravity, Alexander & Jayes 1983, J Zool 201:135). Angles stay.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.learn.people.features import build_of, pose_of
from bioenv.learn.people.legs import SIDES, SIGN, Build, Pose, cross, loads
from bioenv.learn.people.measured_people import JOINTS, RATE, with_rates
from bioenv.motion import Motion

Array = NDArray[np.float64]

_PLACES = ("_tx", "_ty", "_tz")


def bent(motion: Motion, angle: tuple[float, float]) -> Motion:
    """The motion with thighs leaned forward by `angle` rad (right, left), and its moments.

    motion: with qpos, joint_torque and ground_reaction_force of both legs. Velocities do not
    change; the hips sink or rise by a constant.

    Raises BioenvError for an angle beyond 0.5 rad.
    """
    if max(abs(a) for a in angle) > 0.5:
        raise BioenvError(f"angles must be within 0.5 rad, got {angle}")
    build, mass = build_of(motion), float(motion.meta["mass_kg"])
    step = motion.duration / (len(motion) - 1)
    lean = np.asarray(angle, dtype=np.float64)
    pose = pose_of(motion, build)
    thigh, shank = lean, -lean * build.thigh / build.shank
    other = Pose(pose.trunk, pose.thigh + thigh, pose.shank + shank, pose.foot, pose.hip)
    force = np.stack([motion.column("ground_reaction_force", s)[:, [0, 2]] for s in SIDES], axis=1)
    change = _moments(other, build, step, force / mass) - _moments(pose, build, step, force / mass)
    q, torque = motion["qpos"].copy(), motion["joint_torque"].copy()
    for i, side in enumerate(SIDES):
        turn = (thigh[i], thigh[i] - shank[i], -shank[i])
        for j, joint in enumerate(JOINTS):
            q[:, motion.labels("qpos").index(f"{joint}_{side}")] += turn[j]
            at = motion.labels("joint_torque").index(f"{joint}_{side}")
            torque[:, at] += mass * change[:, i, j]
    sources = motion.source("qpos"), motion.source("joint_torque")
    motion = motion.add("qpos", q, labels=motion.labels("qpos"), source=sources[0])  # type: ignore[arg-type]
    return motion.add(
        "joint_torque", torque, labels=motion.labels("joint_torque"), source=sources[1]  # type: ignore[arg-type]
    )  # fmt: skip


def resized(motion: Motion, size: float) -> Motion:
    """The walk of a dynamically similar person `size` times as tall, at 100 Hz.

    Mass grows with the third power of size, N*m with the fourth. Raises BioenvError beyond 0.3
    to 3.
    """
    if not 0.3 <= size <= 3.0:
        raise BioenvError(f"size must be within 0.3 and 3 times the person's, got {size:g}")
    begin, pace = motion.time[0], float(np.sqrt(size))
    stamps = pace * (motion.time - begin)
    time = np.arange(int(stamps[-1] * RATE + 1e-6) + 1) / RATE
    out = Motion(time, model=motion.model)
    powers = (("qpos", 0), ("joint_torque", 4), ("ground_reaction_force", 3))
    for name, power in powers:
        if name in motion:
            values, labels = motion[name] * size**power, motion.labels(name)
            if name == "qpos":
                places = [label.endswith(_PLACES) for label in labels]
                values[:, places] *= size
            flat = values.reshape(len(values), -1)
            moved = np.column_stack([np.interp(time, stamps, column) for column in flat.T])
            out = out.add(name, moved.reshape(len(time), *values.shape[1:]), labels=labels,
                          source="computed")  # fmt: skip
    return with_rates(out).with_meta(**_resized_meta(motion, size, begin, pace))


def _resized_meta(motion: Motion, size: float, begin: float, pace: float) -> dict[str, Any]:
    """What the person's meta becomes: lengths, mass, and instants on the new clock."""
    meta = dict(motion.meta)
    for name in ("thigh_m", "shank_m", "height_m"):
        if meta.get(name):
            meta[name] = size * meta[name]
    if meta.get("hip_m"):
        meta["hip_m"] = [size * one for one in meta["hip_m"]]
    meta["mass_kg"] = size**3 * meta["mass_kg"]
    for name in ("trusted", "strikes"):
        if name in meta:
            meta[name] = {
                side: (pace * (np.asarray(instants) - begin)).tolist()
                for side, instants in meta[name].items()
            }
    return meta


def _moments(pose: Pose, build: Build, step: float, force: Array) -> Array:
    """(T, 2, 3) moments N*m/kg of legs under forces (T, 2, 2) N/kg that pass through the ankle."""
    found = loads(pose, build, step)
    arm = found.joint[:, :, 2, None] - found.joint
    return found.swing - SIGN * cross(arm, force[:, :, None])
