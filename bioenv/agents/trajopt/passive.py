"""Springs and dampers of the joints, in CasADi SX."""

from __future__ import annotations

import casadi as ca
import mujoco

from bioenv.agents.trajopt import smooth


def passive_torque(mj: mujoco.MjModel, q: ca.SX, v: ca.SX) -> ca.SX:
    """(nv,) N or N*m of MuJoCo's qfrc_passive without gravity compensation.

    ``-(k x + k1 x |x| + k2 x^3)`` of the deflection and the same of the velocity, with MuJoCo's
    polynomial coefficients ``stiffness`` and ``damping``.
    """
    tau = ca.SX(mj.nv, 1)
    for joint in range(mj.njnt):
        dof, address = int(mj.jnt_dofadr[joint]), int(mj.jnt_qposadr[joint])
        stretch = q[address] - float(mj.qpos_spring[address])
        tau[dof] -= _odd(float(mj.jnt_stiffness[joint]), mj.jnt_stiffnesspoly[joint], stretch)
        tau[dof] -= _odd(float(mj.dof_damping[dof]), mj.dof_dampingpoly[dof], v[dof])
    return tau


def _odd(linear: float, higher: object, x: ca.SX) -> ca.SX:
    second, third = (float(c) for c in higher)  # type: ignore[attr-defined]
    total = linear * x
    if second:
        total = total + second * x * smooth.absolute(x, 0.0)
    if third:
        total = total + third * x**3
    return total
