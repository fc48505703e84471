"""Is a solution physical in MuJoCo itself, at its nodes and between them?

MuJoCo's inverse dynamics, with its own contact and ends of range, says which forces the motion
needs; its own muscles, with its own paths, say which ones the activations give.
"""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.agents.trajopt.guess import Trajectory
from bioenv.models import Model, muscle
from bioenv.models.changed import with_parameters
from bioenv.models.skeleton import floating

Array = NDArray[np.float64]


def judged(symbolic: Any, p: Array) -> Model:
    """The MuJoCo model of a symbolic one with parameters p: its strength and gravity, not softness.

    Where p says neither, it is the model as it is.
    """
    slices, model = symbolic.parameters.slices, symbolic.model
    strength = p[slices["strength"]] if "strength" in slices else 1.0
    gravity = p[slices["gravity"]] if "gravity" in slices else model.mj.opt.gravity
    return with_parameters(model, strength, gravity)


def consistency(model: Model, trajectory: Trajectory) -> dict[str, float]:
    """Forces that the motion needs and nobody gives.

    Returns:
        at the nodes and, ``..._between``, halfway between them: for a floating body
        ``root_force`` and ``root_force_peak`` in percent of body weight and ``root_moment`` N*m;
        ``joint_torque`` N*m, the worst coordinate's. Root mean squares but for the peak.
    """
    found = {}
    for suffix, t in (("", trajectory), ("_between", halfway(trajectory))):
        missing = _missing(model, t)
        root = floating(model.mj)
        slides = root & (model.mj.jnt_type == mujoco.mjtJoint.mjJNT_SLIDE)
        if root.any():
            force = np.linalg.norm(missing[:, slides], axis=1) * 100 / (9.81 * model.mass)
            found[f"root_force{suffix}"] = _rms(force)
            found[f"root_force_peak{suffix}"] = float(force.max())
            found[f"root_moment{suffix}"] = _rms(np.linalg.norm(missing[:, root & ~slides], axis=1))
        joints = missing[:, ~root]
        found[f"joint_torque{suffix}"] = max((_rms(x) for x in joints.T), default=0.0)
    return found


def halfway(t: Trajectory) -> Trajectory:
    """The movement between its nodes: a, v and the activation rate change linearly."""
    h = t.duration / t.mesh

    def middle(x: Array, slope: Array) -> Array:
        return (x[:-1] + x[1:]) / 2 + h / 8 * (slope[:-1] - slope[1:])

    return Trajectory(
        middle(t.q, t.v), middle(t.v, t.a), (t.a[:-1] + t.a[1:]) / 2,
        middle(t.act, t.rate), (t.rate[:-1] + t.rate[1:]) / 2, t.duration - h,
    )  # fmt: skip


def _missing(model: Model, t: Trajectory) -> Array:
    """(T, nv) needed minus given."""
    data, rows = mujoco.MjData(model.mj), []
    moment = np.zeros((model.mj.nu, model.mj.nv))
    for q, v, a, act in zip(t.q, t.v, t.a, t.act, strict=True):
        data.qpos[:], data.qvel[:], data.qacc[:] = q, v, a
        mujoco.mj_inverse(model.mj, data)
        mujoco.mju_sparse2dense(
            moment, data.actuator_moment, data.moment_rownnz, data.moment_rowadr,
            data.moment_colind,
        )  # fmt: skip
        force = muscle.muscle_force(
            data.actuator_length.copy(), data.actuator_velocity.copy(), act, model.muscle
        )
        rows.append(data.qfrc_inverse + moment.T @ force)
    return np.array(rows)


def _rms(x: Array) -> float:
    return float(np.sqrt(np.mean(np.square(x))))
