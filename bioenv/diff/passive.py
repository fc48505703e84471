"""Springs and dampers of the joints, in torch."""

from __future__ import annotations

from collections.abc import Mapping

import mujoco
import numpy as np
import torch
from torch import Tensor


class Passive:
    """MuJoCo's qfrc_passive without gravity compensation (that is part of the bias here)."""

    def __init__(self, mj: mujoco.MjModel) -> None:
        springy = np.isin(
            mj.jnt_type, (int(mujoco.mjtJoint.mjJNT_HINGE), int(mujoco.mjtJoint.mjJNT_SLIDE))
        )
        joint = np.flatnonzero(springy)
        self.joint = torch.as_tensor(joint)
        self.dof = torch.as_tensor(mj.jnt_dofadr[joint].astype(np.int64))
        self.address = torch.as_tensor(mj.jnt_qposadr[joint].astype(np.int64))
        self.rest = torch.tensor(mj.qpos_spring[mj.jnt_qposadr[joint]])
        self.spring = torch.tensor(mj.jnt_stiffnesspoly[joint])
        self.damper = torch.tensor(mj.dof_dampingpoly)

    def torque(self, parameters: Mapping[str, Tensor], q: Tensor, v: Tensor) -> Tensor:
        """(..., nv) N or N*m: ``-(k x + k1 x^2 + k2 x^3)`` of the deflection x and ``-(b v + b1 v
        |v| + b2 v^3)`` of the velocity, with MuJoCo's polynomial coefficients."""
        x = q[..., self.address] - self.rest
        k = parameters["stiffness"][..., self.joint]
        spring = x * (k + self.spring[:, 0] * x + self.spring[:, 1] * x * x)
        size = v.abs()
        drag = v * (
            parameters["damping"] + self.damper[:, 0] * size + self.damper[:, 1] * size * size
        )
        lead = torch.broadcast_shapes(spring.shape[:-1], drag.shape[:-1])
        out = -drag.expand(*lead, drag.shape[-1])
        return out.index_add(-1, self.dof, -spring.expand(*lead, spring.shape[-1]))

    def velocity_slope(self, parameters: Mapping[str, Tensor], v: Tensor) -> Tensor:
        """(..., nv) minus the derivative of the dampers' torque by the velocity."""
        size = v.abs()
        return (
            parameters["damping"]
            + 2.0 * self.damper[:, 0] * size
            + 3.0 * self.damper[:, 1] * size * size
        )
