"""Coordinates tied to others by polynomials: MuJoCo's soft joint equalities, explicit in qacc."""

from __future__ import annotations

import casadi as ca
import mujoco

from bioenv.diff.symbolic import smooth, soft_constraint

JOINT = int(mujoco.mjtEq.mjEQ_JOINT)


def coupler_torque(mj: mujoco.MjModel, q: ca.SX, v: ca.SX, a: ca.SX) -> ca.SX:
    """(nv,) N or N*m that holds ``q1 - q1_0 = c0 + c1 x + ... + c4 x^4``, with x = q2 - q2_0.

    Such couplers move a knee's translations with its angle in models converted from OpenSim.
    """
    tau = ca.SX(mj.nv, 1)
    for number in range(mj.neq):
        if int(mj.eq_type[number]) != JOINT or not mj.eq_active0[number]:
            continue
        slope = _jacobian(mj, number, q)
        weight = sum(float(mj.dof_invweight0[dof]) for dof in slope)
        solimp, solref = mj.eq_solimp[number], mj.eq_solref[number]
        past = _violation(mj, number, q)
        rate, push = (sum((k * u[d] for d, k in slope.items()), ca.SX(0.0)) for u in (v, a))
        d = soft_constraint.impedance(smooth.absolute(past, 0.0), solimp, ca.SX(0.0))
        spring = soft_constraint.spring(mj, solref, solimp)
        missing = soft_constraint.reference(spring, d, past, rate) - push
        for dof, k in slope.items():
            tau[dof] += k * missing * d / ((1.0 - d) * weight)
    return tau


def _other(mj: mujoco.MjModel, number: int, q: ca.SX) -> ca.SX | None:
    second = int(mj.eq_obj2id[number])
    if second < 0:
        return None
    address = int(mj.jnt_qposadr[second])
    return q[address] - float(mj.qpos0[address])


def _violation(mj: mujoco.MjModel, number: int, q: ca.SX) -> ca.SX:
    address = int(mj.jnt_qposadr[mj.eq_obj1id[number]])
    x, total = _other(mj, number, q), q[address] - float(mj.qpos0[address])
    for power, c in enumerate(mj.eq_data[number, :5]):
        if power == 0:
            total = total - float(c)
        elif c and x is not None:
            total = total - float(c) * x**power
    return total


def _jacobian(mj: mujoco.MjModel, number: int, q: ca.SX) -> dict[int, ca.SX]:
    """Derivative of the violation by dof."""
    out = {int(mj.jnt_dofadr[mj.eq_obj1id[number]]): ca.SX(1.0)}
    x = _other(mj, number, q)
    if x is not None:
        slope = ca.SX(0.0)
        for power, c in enumerate(mj.eq_data[number, :5]):
            if power and c:
                slope = slope - power * float(c) * x ** (power - 1)
        out[int(mj.jnt_dofadr[mj.eq_obj2id[number]])] = slope
    return out
