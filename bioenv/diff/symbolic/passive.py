"""Springs and dampers of the joints, in CasADi SX."""

from __future__ import annotations

import casadi as ca
import mujoco
import numpy as np

from bioenv.diff.symbolic import smooth


def passive_torque(
    mj: mujoco.MjModel,
    q: ca.SX,
    v: ca.SX,
    stiffness: ca.SX | None = None,
    damping: ca.SX | None = None,
) -> ca.SX:
    """(nv,) N or N*m of MuJoCo's qfrc_passive without gravity compensation.

    ``-(k x + k1 x^2 + k2 x^3)`` of the deflection x and ``-(b v + b1 v |v| + b2 v^3)`` of the
    velocity, with MuJoCo's polynomial coefficients ``stiffness`` and ``damping``;
    k (njnt,) and b (nv,) are the model's where they are not given.
    """
    tau = ca.SX(mj.nv, 1)
    for joint in range(mj.njnt):
        dof, address = int(mj.jnt_dofadr[joint]), int(mj.jnt_qposadr[joint])
        x, k = q[address] - float(mj.qpos_spring[address]), mj.jnt_stiffnesspoly[joint]
        tau[dof] -= _polynomial(x, x, (_or(stiffness, mj.jnt_stiffness, joint), *k))
        b = (_or(damping, mj.dof_damping, dof), *mj.dof_dampingpoly[dof])
        tau[dof] -= _polynomial(v[dof], smooth.absolute(v[dof], 0.0), b)
    return tau


def _or(given: ca.SX | None, constants: np.ndarray, i: int) -> ca.SX | float:
    return float(constants[i]) if given is None else given[i]


def _polynomial(x: ca.SX, size: ca.SX, coefficients: tuple[ca.SX | float, ...]) -> ca.SX:
    """c0 x + c1 x size + c2 x size^2, without the terms that are zero."""
    total = ca.SX(0.0)
    for power, c in enumerate(coefficients):
        if isinstance(c, ca.SX) or c:
            total = total + c * x * size**power
    return total
