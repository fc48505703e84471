"""The equations of one step of a simulation, and their derivatives, as CasADi functions."""

from __future__ import annotations

from dataclasses import dataclass

import casadi as ca

from bioenv.diff.symbolic import rigid
from bioenv.diff.symbolic.expressions import Expressions
from bioenv.diff.symbolic.model import SymbolicModel


@dataclass(frozen=True, eq=False)
class StepEquations:
    """One semi-implicit step of Euler of a body with n coordinates and m muscles.

    The acceleration a solves balance(q, v, a, act, p) = 0. With ``implicit_damping`` the velocity
    changes by h b with ``(M + h D) b = M a``, as in MuJoCo's Euler integrator; else b is a.

        newton(a, q, v, act, exc, p) -> balance (n,), its slope by a (n, n), rate of activation
            (m,), M (n, n), D (n,). Only what depends on the contacts depends on a.
        slopes(q, v, a, act, exc, p, b) -> balance by a, q, v (n, n), by act (n, m); rate by act
            and by exc (m,); M (n, n), M (b - a) by q (n, n), D (n,).
        pull(q, v, a, act, exc, p, b, force, rate, applied) -> (np,) derivative by p of balance *
            force + rate of activation * rate + damping's equation * applied.

    M, D and what comes of them have no numbers without ``implicit_damping``.
    """

    n: int
    m: int
    n_parameters: int
    implicit_damping: bool
    newton: ca.Function
    slopes: ca.Function
    pull: ca.Function


def equations(body: SymbolicModel, h: float, implicit_damping: bool) -> StepEquations:
    """The equations of a step of h s."""
    e = body.expressions
    n, m, size = e.q.numel(), e.act.numel(), e.p.numel()
    b, force, applied = (ca.SX.sym(name, n) for name in ("b", "force", "applied"))
    rate = ca.SX.sym("rate", m)
    mass, motion, soft = _mass(e), e.passive + e.torque, _soft(e)
    fixed = rigid.newton_euler(e.kin, e.v, ca.SX(n, 1), e.gravity, {}, e.mass).generalized - motion
    damping = ca.DM(body.model.mj.dof_damping) if e.damping is None else e.damping
    late, none = b - e.a, ca.SX(0, 0)
    # (M + h D) b = M a
    lag = mass @ late + h * damping * b
    newton = [mass @ e.a + fixed + soft, mass + ca.jacobian(soft, e.a), e.activation_rate]
    balance, exc = e.balance, e.exc
    slopes = [ca.jacobian(balance, x) for x in (e.a, e.q, e.v, e.act)]
    slopes += [ca.gradient(ca.sum1(e.activation_rate), x) for x in (e.act, exc)]
    work = ca.dot(balance, force) + ca.dot(e.activation_rate, rate)
    if implicit_damping:
        newton += [mass, ca.SX(damping)]
        slopes += [mass, ca.jacobian(mass @ late, e.q), ca.SX(damping)]
        work += ca.dot(lag, applied)
    else:
        newton += [none, none]
        slopes += [none, none, none]
    state = [e.q, e.v, e.a, e.act, exc, e.p, b]
    return StepEquations(
        n, m, size, implicit_damping,
        _function("newton", [e.a, e.q, e.v, e.act, exc, e.p], newton),
        _function("slopes", state, slopes),
        _function("pull", [*state, force, rate, applied], [ca.gradient(work, e.p)]),
    )  # fmt: skip


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
