"""How legs3d stands: feet flat, mass over their middle, the floor carrying the weight."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from bioenv.models.standing import height_that_carries_weight

Array = NDArray[np.float64]

_KNEE, _LEAN = np.radians(8.0), -0.14  # knee flexion; trunk forward on the pelvis, rad
_BALANCE = 0.45  # where the mass stands, from heel sphere to inner ball sphere
_FREE = ("pelvis_tilt", "hip_flexion", "ankle_angle", "subtalar_angle")


def home_pose(mj: mujoco.MjModel) -> Array:
    """(nq,) the standing pose: pelvis level, soles level, both sides alike."""
    data = mujoco.MjData(mj)

    def posed(x: Array) -> Array:
        q = np.zeros(mj.nq)
        _set(mj, q, "lumbar_extension", _LEAN)
        _set(mj, q, "knee_angle", _KNEE)
        for name, value in zip(_FREE, x, strict=True):
            _set(mj, q, name, value)
        return q

    def residual(x: Array) -> Array:
        data.qpos[:] = posed(x)
        mujoco.mj_fwdPosition(mj, data)
        upward = data.body("calcn_r").xmat.reshape(3, 3)[2]
        heel, ball = (data.geom(f"{name}_r").xpos[0] for name in ("heel", "ball_inner"))
        over = heel + _BALANCE * (ball - heel)
        return np.array([upward[0], upward[1], data.subtree_com[0, 0] - over, x[0]])

    start = np.array([0.0, _KNEE, 0.0, 0.0])
    found = least_squares(residual, start, xtol=1e-15, ftol=1e-15, gtol=1e-15)
    assert np.abs(found.fun).max() < 1e-9, "no standing pose"
    q = posed(found.x)
    q[_address(mj, "pelvis_tz")] = 1.0
    return np.asarray(height_that_carries_weight(mj, q))


def _address(mj: mujoco.MjModel, name: str) -> int:
    return int(mj.joint(name).qposadr[0])


def _set(mj: mujoco.MjModel, q: Array, name: str, value: float) -> None:
    """One coordinate, or that of both sides."""
    names = [mj.joint(i).name for i in range(mj.njnt)]
    for full in (name, f"{name}_r", f"{name}_l"):
        if full in names:
            q[_address(mj, full)] = value
