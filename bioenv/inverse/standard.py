"""From an Analysis to a Motion: the file's names and senses become bioenv's.

OpenSim files have y up, z to the right, each model its own sense of knee flexion; a `Motion` has z
up, y to the left and flexion positive. The map is the anatomy's own: a coordinate and its joint of
the MuJoCo tree differ by a sign at most.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from bioenv.inverse.analysis import Analysis, GroundContact
from bioenv.lab.axes import OPENSIM, to_world
from bioenv.models.anatomy import Anatomy
from bioenv.motion import Motion

Array = NDArray[np.float64]

_SWAPPED = {"_ty": "_tz", "_tz": "_ty"}


def own_joints(anatomy: Anatomy) -> tuple[tuple[int, int, str, float], ...]:
    """(coordinate, joint, joint's name, sign) of every coordinate that is a joint of the tree."""
    joints = [anatomy.mj.joint(i).name for i in range(anatomy.mj.njnt)]
    slope = anatomy.jacobian(anatomy.default[None])[0]
    found = []
    for i, name in enumerate(anatomy.coordinates):
        swapped = name[:-3] + _SWAPPED[name[-3:]] if name[-3:] in _SWAPPED else name
        for candidate in (swapped, name):
            if candidate not in joints:
                continue
            joint = joints.index(candidate)
            if abs(abs(slope[joint, i]) - 1.0) < 1e-9:
                found.append((i, joint, candidate, float(np.sign(slope[joint, i]))))
                break
    return tuple(found)


def to_motion(analysis: Analysis) -> Motion:
    """Everything the analysis found, as a Motion with all joints of the tree in qpos."""
    anatomy, moved = analysis.anatomy, analysis.kinematics
    joints = [anatomy.mj.joint(i).name for i in range(anatomy.mj.njnt)]
    state = anatomy.expand(moved.q, moved.qd, moved.qdd)
    motion = Motion(moved.time, model=anatomy.name).with_meta(
        mass_kg=anatomy.mass, trial=analysis.name, label=analysis.name, task="inverse analysis",
        belt_speed=analysis.belt_speed,
    )  # fmt: skip
    for name, values in (("qpos", state.qpos), ("qvel", state.qvel), ("qacc", state.qacc)):
        motion = motion.add(name, values, labels=joints, source="computed")
    if analysis.torque is not None:
        own = own_joints(anatomy)
        values = np.column_stack([sign * analysis.torque[:, i] for i, _, _, sign in own])
        motion = motion.add(
            "joint_torque", values, labels=[name for *_, name, _ in own], source="computed"
        )
    motion = _ground(motion, analysis.contacts)
    motion = _muscles(motion, analysis)
    if analysis.loads is not None:
        motion = motion.add(
            "joint_contact_force",
            to_world(analysis.loads.force, OPENSIM) if anatomy.y_up else analysis.loads.force,
            labels=[joint_label(name) for name in analysis.loads.joints],
            source="computed",
        )
    if moved.markers is not None and moved.marker_names:
        seen = between(moved.raw_time, moved.markers, moved.time)
        motion = motion.add("markers", seen, labels=moved.marker_names, source="measured")
    return _emg(motion, analysis)


def between(time: Array, values: Array, at: Array) -> Array:
    """Values (R, ...) at time (R,), on straight lines at other instants; NaN beside a NaN."""
    if len(time) == len(at) and np.allclose(time, at, rtol=0, atol=1e-9):
        return values
    right = np.clip(np.searchsorted(time, at - 1e-9), 1, len(time) - 1)
    share = (at - time[right - 1]) / (time[right] - time[right - 1])
    share = np.clip(share, 0.0, 1.0).reshape(-1, *(1,) * (values.ndim - 1))
    # A sample that is hit exactly needs no neighbour.
    left, other = values[right - 1], values[right]
    return np.where(
        share == 0, left, np.where(share == 1, other, (1 - share) * left + share * other)
    )


def joint_label(name: str) -> str:
    """knee_r for OpenSim's walker_knee_r: one name for one joint over all models."""
    return name.removeprefix("walker_")


def _ground(motion: Motion, contacts: Iterable[GroundContact]) -> Motion:
    """Forces by foot; several plates under one foot are added at their common pressure center."""
    by_foot: dict[str, list[GroundContact]] = {}
    for contact in contacts:
        by_foot.setdefault(contact.body.removeprefix("calcn_"), []).append(contact)
    if not by_foot:
        return motion
    parts = [_merged(group) for group in by_foot.values()]
    for name, values in zip(
        ("ground_reaction_force", "center_of_pressure", "free_moment"),
        (np.stack(column, axis=1) for column in zip(*parts, strict=True)),
        strict=True,
    ):
        motion = motion.add(name, values, labels=by_foot, source="measured")
    return motion


def _merged(group: list[GroundContact]) -> tuple[Array, Array, Array]:
    """Force, center of pressure and moment about it of several contacts of one body."""
    if len(group) == 1:
        return group[0].force, group[0].point, group[0].moment
    force = np.sum([c.force for c in group], axis=0)
    weight = np.stack([np.abs(np.where(np.isnan(c.point[:, 2]), 0.0, c.force[:, 2]))
                       for c in group])  # fmt: skip
    total = weight.sum(axis=0)
    points = np.stack([np.nan_to_num(c.point) for c in group])
    with np.errstate(invalid="ignore", divide="ignore"):
        point = (weight[..., None] * points).sum(axis=0) / total[:, None]
    point[total == 0] = np.nan
    arm = np.nan_to_num(points - point)
    moment = np.sum(
        [np.cross(a, np.where(np.isnan(c.point), 0.0, c.force)) + c.moment
         for a, c in zip(arm, group, strict=True)],
        axis=0,
    )  # fmt: skip
    return force, point, moment


def _muscles(motion: Motion, analysis: Analysis) -> Motion:
    if analysis.geometry is not None:
        for name, values in (
            ("muscle_length", analysis.geometry.length),
            ("muscle_velocity", analysis.geometry.velocity),
        ):
            motion = motion.add(name, values, labels=analysis.anatomy.muscles, source="computed")
    if analysis.sharing is not None and analysis.problem is not None:
        for name, values in (
            ("activation", analysis.sharing.activation),
            ("muscle_force", analysis.sharing.force),
        ):
            motion = motion.add(name, values, labels=analysis.problem.muscles, source="optimized")
    return motion


def _emg(motion: Motion, analysis: Analysis) -> Motion:
    """Envelopes on the analysis's clock by site and leg, NaN outside their recording."""
    if not analysis.emg or analysis.emg_time is None:
        return motion
    columns = [
        np.interp(motion.time, analysis.emg_time, values, left=np.nan, right=np.nan)
        for values in analysis.emg.values()
    ]
    labels = {e.channel: f"{e.site}_{e.side}" for e in analysis.electrodes}
    if len(set(labels.values())) < len(analysis.emg):
        labels = dict(zip(analysis.emg, analysis.emg, strict=True))
    names = [labels[channel] for channel in analysis.emg]
    return motion.add("emg", np.column_stack(columns), labels=names, source="measured")
