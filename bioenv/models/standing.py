"""The standing pose: feet on the floor, their contacts carrying the weight."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError


def home_pose(mj: mujoco.MjModel) -> NDArray[np.float64]:
    """(nq,) the keyframe "home", or the reference pose when there is none."""
    key = mujoco.mj_name2id(mj, mujoco.mjtObj.mjOBJ_KEY, "home")
    return np.array(mj.key_qpos[key] if key >= 0 else mj.qpos0)


def height_that_carries_weight(
    mj: mujoco.MjModel, qpos: NDArray[np.float64], scale: float = 1.0
) -> NDArray[np.float64]:
    """(nq,) `qpos` with the vertical root coordinate where the floor carries the weight at rest.

    A model without a vertical root coordinate comes back unchanged. `scale` is the body's height
    ratio: the search starts at the scaled height. Raises BioenvError when the feet find no floor.
    """
    root = _vertical_slide(mj)
    if root is None:
        return qpos
    data = mujoco.MjData(mj)

    def excess(height: float) -> float:
        """N, weight that the floor does not carry; falls as the body sinks."""
        data.qpos[:] = qpos
        data.qpos[root] = height
        data.qvel[:] = 0.0
        data.qacc[:] = 0.0
        mujoco.mj_inverse(mj, data)
        return float(data.qfrc_inverse[mj.jnt_dofadr[root]])

    middle = qpos[root] * scale
    low, high = middle * 0.5, middle * 2.0
    if excess(high) <= 0.0 or excess(low) >= 0.0:
        raise BioenvError("the home pose's feet do not reach the floor")
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if excess(middle) < 0.0 else (low, middle)
    return np.where(np.arange(mj.nq) == root, 0.5 * (low + high), qpos)


def _vertical_slide(mj: mujoco.MjModel) -> int | None:
    slide = mj.jnt_type == mujoco.mjtJoint.mjJNT_SLIDE
    upright = np.abs(mj.jnt_axis[:, 2]) > 0.99
    found = np.flatnonzero(slide & upright & (mj.body_parentid[mj.jnt_bodyid] == 0))
    return int(found[0]) if found.size else None
