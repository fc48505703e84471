"""Random states of a model and what MuJoCo makes of them."""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Truth(NamedTuple):
    """MuJoCo at n states: qacc of its solver, constraint force of its inverse there."""

    q: Array
    v: Array
    act: Array
    mass: Array
    bias: Array
    length: Array
    slope: Array
    force: Array
    passive: Array
    qacc: Array
    constraint: Array

    def tensors(self, *names: str) -> list[torch.Tensor]:
        """Some of them in torch."""
        return [torch.tensor(getattr(self, name)) for name in names]


def truth(mj: mujoco.MjModel, count: int, seed: int = 0, root: float = 1.0) -> Truth:
    """Coordinates over their ranges and a little beyond; a free body at about `root` m."""
    rng = np.random.default_rng(seed)
    data, rows = mujoco.MjData(mj), []
    mj.opt.tolerance, mj.opt.iterations = 0.0, 200  # the solver's own error would hide ours
    for _ in range(count):
        q = _pose(mj, rng, root)
        data.qpos[:], data.qvel[:] = q, rng.normal(size=mj.nv)
        data.act[:], data.qacc_warmstart[:] = rng.uniform(size=mj.na), 0.0
        mujoco.mj_forward(mj, data)
        mass, moment = np.zeros((mj.nv, mj.nv)), np.zeros((mj.nu, mj.nv))
        mujoco.mj_fullM(mj, data, mass)
        if mj.nu:
            mujoco.mju_sparse2dense(
                moment, data.actuator_moment, data.moment_rownnz, data.moment_rowadr,
                data.moment_colind,
            )  # fmt: skip
        row = [q, data.qvel, data.act, mass, data.qfrc_bias - data.qfrc_gravcomp,
               data.actuator_length, moment, -data.actuator_force,
               data.qfrc_passive - data.qfrc_gravcomp, data.qacc]  # fmt: skip
        row = [np.array(x) for x in row]
        mujoco.mj_inverse(mj, data)
        rows.append([*row, data.qfrc_constraint.copy()])
    return Truth(*(np.array(x) for x in zip(*rows, strict=True)))


def _pose(mj: mujoco.MjModel, rng: np.random.Generator, root: float) -> Array:
    q = rng.normal(size=mj.nq)
    for joint in range(mj.njnt):
        kind, a = int(mj.jnt_type[joint]), int(mj.jnt_qposadr[joint])
        if kind in (mujoco.mjtJoint.mjJNT_FREE, mujoco.mjtJoint.mjJNT_BALL):
            start = a + 3 if kind == mujoco.mjtJoint.mjJNT_FREE else a
            q[start : start + 4] /= np.linalg.norm(q[start : start + 4])
        elif mj.jnt_limited[joint]:
            low, high = mj.jnt_range[joint]
            q[a] = rng.uniform(low - 0.05, high + 0.05)
        if mj.joint(joint).name in ("pelvis_tz", "pelvis_ty") and mj.jnt_axis[joint, 2] > 0.9:
            q[a] = rng.uniform(0.6 * root, 1.1 * root)
    return q


def relative(found: torch.Tensor, wanted: Array) -> float:
    """Largest error over the largest value."""
    return float(np.abs(found.detach().numpy() - wanted).max() / max(np.abs(wanted).max(), 1e-12))
