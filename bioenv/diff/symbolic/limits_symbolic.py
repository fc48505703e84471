"""Ends of the joints' ranges as MuJoCo's soft limits; dry friction is not expressed.

The same law as :mod:`bioenv.inverse.limits`, in CasADi.
"""

from __future__ import annotations

import casadi as ca
import mujoco

from bioenv.diff.symbolic import smooth, soft_constraint

ONSET = 1e-4
"""rad or m over which the start of a limit is rounded, per unit of smoothing."""
ACCELERATION = 0.1
"""rad/s^2 or m/s^2 over which its pull-free corner is rounded, per unit of smoothing."""


def limit_torque(mj: mujoco.MjModel, q: ca.SX, v: ca.SX, a: ca.SX, smoothing: ca.SX) -> ca.SX:
    """(nv,) N or N*m that pushes the coordinates back into their ranges."""
    tau = ca.SX(mj.nv, 1)
    for joint in range(mj.njnt):
        if not mj.jnt_limited[joint]:
            continue
        dof, address = int(mj.jnt_dofadr[joint]), int(mj.jnt_qposadr[joint])
        for side, sign in ((0, 1.0), (1, -1.0)):
            past = sign * (q[address] - float(mj.jnt_range[joint, side]))
            past = past - float(mj.jnt_margin[joint])
            push = _force(mj, joint, past, sign * v[dof], sign * a[dof], smoothing)
            tau[dof] += sign * push
    return tau


def _force(
    mj: mujoco.MjModel, joint: int, past: ca.SX, v: ca.SX, a: ca.SX, smoothing: ca.SX
) -> ca.SX:
    solimp = mj.jnt_solimp[joint]
    spring = soft_constraint.spring(mj, mj.jnt_solref[joint], solimp)
    gain, impedance = soft_constraint.stiffness(past, solimp, ONSET * smoothing)
    missing = soft_constraint.reference(spring, impedance, past, v) - a
    weight = float(mj.dof_invweight0[mj.jnt_dofadr[joint]])
    return gain / weight * smooth.relu(missing, ACCELERATION * smoothing)
