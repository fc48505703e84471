"""The equations of one step of a simulation, and their derivatives, as CasADi functions."""

from __future__ import annotations

from dataclasses import dataclass

import casadi as ca
import mujoco

from bioenv.diff.symbolic import rigid
from bioenv.diff.symbolic.expressions import Expressions
from bioenv.diff.symbolic.model import SymbolicModel

INTEGRATORS = ("euler", "implicitfast")


@dataclass(frozen=True, eq=False)
class StepEquations:
    """One semi-implicit step of Euler of a body with n coordinates and m muscles.

    The acceleration a solves balance(q, v, a, act, p) = 0. Where dampers are implicit (``lags``),
    the velocity changes by h b with ``(M + h D) b = M a``, as in MuJoCo's integrators; else b = a.

        newton(a, q, v, act, exc, p) -> balance (n,), its slope by a (n, n), rate of activation
            (m,), M, M + h D (n, n). Only what depends on the contacts depends on a.
        slopes(q, v, a, act, exc, p, b) -> balance by a, q, v (n, n), by act (n, m); rate by act
            and by exc (m,); M, M + h D (n, n); ``M (b - a) + h D b`` by q, v (n, n), act (n, m).
        pull(q, v, a, act, exc, p, b, force, rate, applied) -> (np,) derivative by p of balance *
            force + rate of activation * rate + ``(M (b - a) + h D b)`` * applied.

    What is not needed has no numbers.
    """

    n: int
    m: int
    n_parameters: int
    lags: bool
    newton: ca.Function
    slopes: ca.Function
    pull: ca.Function


def equations(body: SymbolicModel, h: float, integrator: str) -> StepEquations:
    """The equations of a step of h s; integrator: one of INTEGRATORS."""
    e = body.expressions
    n, m, size = e.q.numel(), e.act.numel(), e.p.numel()
    b, force, applied = (ca.SX.sym(name, n) for name in ("b", "force", "applied"))
    rate = ca.SX.sym("rate", m)
    mass, soft, balance, exc = _mass(e), _soft(e), e.balance, e.exc
    fixed = rigid.newton_euler(e.kin, e.v, ca.SX(n, 1), e.gravity, {}, e.mass).generalized
    fixed = fixed - (e.passive + e.torque)
    newton = [mass @ e.a + fixed + soft, mass + ca.jacobian(soft, e.a), e.activation_rate]
    slopes = [ca.jacobian(balance, x) for x in (e.a, e.q, e.v, e.act)]
    slopes += [ca.gradient(ca.sum1(e.activation_rate), x) for x in (e.act, exc)]
    work = ca.dot(balance, force) + ca.dot(e.activation_rate, rate)
    drag = _drag(e, integrator)
    if drag is None:
        newton, slopes = [*newton, *[ca.SX(0, 0)] * 2], [*slopes, *[ca.SX(0, 0)] * 5]
    else:
        lag = mass @ (b - e.a) + h * (drag @ b)
        newton += [mass, mass + h * drag]
        slopes += [mass, mass + h * drag, *(_or_none(lag, x) for x in (e.q, e.v, e.act))]
        work += ca.dot(lag, applied)
    state = [e.q, e.v, e.a, e.act, exc, e.p, b]
    return StepEquations(
        n, m, size, drag is not None,
        _function("newton", [e.a, e.q, e.v, e.act, exc, e.p], newton),
        _function("slopes", state, slopes),
        _function("pull", [*state, force, rate, applied], [ca.gradient(work, e.p)]),
    )  # fmt: skip


def _drag(e: Expressions, integrator: str) -> ca.SX | None:
    """(n, n) N*m*s/rad: D of the dampers that are taken implicitly; None where none are.

    Those of the joints for "euler", unless the model disables it; also the muscles' for
    "implicitfast", by the slopes of their forces with velocity.
    """
    if integrator == "implicitfast":
        return -ca.jacobian(e.passive, e.v) + e.path.arm.T @ ca.jacobian(e.muscles.force, e.v)
    mj = e.model.mj
    off = mj.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_EULERDAMP
    if off or (e.damping is None and not mj.dof_damping.any()):
        return None
    return -ca.jacobian(e.passive, e.v)


def _or_none(value: ca.SX, by: ca.SX) -> ca.SX:
    """The derivative, without numbers where it is zero."""
    slope = ca.jacobian(value, by)
    return slope if slope.nnz() else ca.SX(0, 0)


def _function(name: str, inputs: list[ca.SX], outputs: list[ca.SX]) -> ca.Function:
    return ca.Function(name, inputs, [ca.densify(x) for x in outputs])


def _mass(e: Expressions) -> ca.SX:
    """(n, n) kg or kg*m^2, with armature."""
    n = e.q.numel()
    still = rigid.newton_euler(e.kin, ca.SX(n, 1), e.a, ca.SX(3, 1), {}, e.mass).generalized
    return ca.jacobian(still, e.a) + ca.diag(ca.DM(e.model.mj.dof_armature))


def _soft(e: Expressions) -> ca.SX:
    """(n,) N or N*m: minus what contacts, ends of range and couplers give."""
    return rigid.external_torque(e.kin, e.external) - e.limit - e.coupler
