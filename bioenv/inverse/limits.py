"""The torque at the ends of a joint's range, as MuJoCo's soft limits produce it.

A limit is explicit once the acceleration is known: with the distance r < 0 past the end, its
reference acceleration is ``-b v - k d(r) r``, its force ``max(0, (reference - acceleration) / R)``
(MuJoCo documentation, "Computation", solver parameters).
"""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.inverse.frames import mujoco_model, rows
from bioenv.models import Model

Array = NDArray[np.float64]

_MINVAL = 1e-15
_MIN_IMPEDANCE, _MAX_IMPEDANCE = 1e-4, 0.9999


def limit_torque(
    model: Model | mujoco.MjModel, qpos: ArrayLike, qvel: ArrayLike, qacc: ArrayLike
) -> Array:
    """Torque of the ends of range on every coordinate, (T, nv) N or N*m; zero inside the range.

    Args:
        qpos: (T, nq); qvel, qacc: (T, nv).
    """
    mj = mujoco_model(model)
    position = rows(qpos, mj.nq, "qpos")
    velocity = rows(qvel, mj.nv, "qvel", len(position))
    acceleration = rows(qacc, mj.nv, "qacc", len(position))
    scalar = (mj.jnt_type == mujoco.mjtJoint.mjJNT_HINGE) | (
        mj.jnt_type == mujoco.mjtJoint.mjJNT_SLIDE
    )
    joint = np.flatnonzero(mj.jnt_limited.astype(bool) & scalar)
    dof = mj.jnt_dofadr[joint]
    q, v, a = position[:, mj.jnt_qposadr[joint]], velocity[:, dof], acceleration[:, dof]
    tau = np.zeros((len(position), mj.nv))
    for side, sign in ((0, 1.0), (1, -1.0)):
        distance = sign * (q - mj.jnt_range[joint, side])
        force = _limit_force(mj, joint, distance, sign * v, sign * a)
        tau[:, dof] += sign * force
    return tau


def _limit_force(
    mj: mujoco.MjModel, joint: NDArray[np.intp], distance: Array, v: Array, a: Array
) -> Array:
    """(T, n) force >= 0 that pushes back into the range; distance < margin is active."""
    past = distance - mj.jnt_margin[joint]
    impedance = _impedance(past, mj.jnt_solimp[joint])
    stiffness, damping = _reference(mj, joint)
    reference = -damping * v - stiffness * impedance * past
    weight = mj.dof_invweight0[mj.jnt_dofadr[joint]]
    regularizer = np.maximum(_MINVAL, weight * (1.0 - impedance) / impedance)
    return np.where(past < 0.0, np.maximum(reference - a, 0.0) / regularizer, 0.0)


def _impedance(past: Array, solimp: Array) -> Array:
    """d(r): from dmin to dmax over the width, by MuJoCo's power sigmoid."""
    low, high = (np.clip(solimp[:, i], _MIN_IMPEDANCE, _MAX_IMPEDANCE) for i in (0, 1))
    middle = np.clip(solimp[:, 3], _MIN_IMPEDANCE, _MAX_IMPEDANCE)
    power = np.maximum(solimp[:, 4], 1.0)
    x = np.minimum(np.abs(past) / np.maximum(solimp[:, 2], _MINVAL), 1.0)
    rising = x**power / middle ** (power - 1.0)
    falling = 1.0 - (1.0 - x) ** power / (1.0 - middle) ** (power - 1.0)
    return low + np.where(x <= middle, rising, falling) * (high - low)


def _reference(mj: mujoco.MjModel, joint: NDArray[np.intp]) -> tuple[Array, Array]:
    """Stiffness (1/s^2) and damping (1/s) of the limits, from solref in either of its forms."""
    time, ratio = mj.jnt_solref[joint].T
    high = np.clip(mj.jnt_solimp[joint, 1], _MIN_IMPEDANCE, _MAX_IMPEDANCE)
    standard = time > 0.0
    if not mj.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_REFSAFE:
        time = np.where(standard, np.maximum(time, 2.0 * mj.opt.timestep), time)
    safe = np.where(standard, time * ratio, 1.0)
    stiffness = np.where(standard, 1.0 / np.maximum(_MINVAL, (high * safe) ** 2), -time / high**2)
    time_constant = np.where(standard, time, 1.0)
    damping = np.where(standard, 2.0 / np.maximum(_MINVAL, high * time_constant), -ratio / high)
    return stiffness, damping
