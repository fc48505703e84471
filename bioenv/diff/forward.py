"""Forward dynamics through soft contacts, limits and ties, with exact gradients.

The acceleration that MuJoCo's solver looks for is the root of

    r(a) = M a - force - J_s^T f_s(a) - J_c^T f_c(a),

the slope of a convex function. Newton's method with a line search finds it for all frames at once,
without gradient. One more Newton step with gradient leaves the value and has the derivative of the
root (implicit function theorem): ``da = -H^-1 dr``. It is exact to first order; second derivatives
through it are not.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from bioenv.diff.constraints import Rows, forces
from bioenv.diff.contact_law import ContactLaw, Touch
from bioenv.errors import BioenvError

_ITERATIONS, _SEARCH = 60, 12
_TOLERANCE = 1e-11  # of the largest force in the frame
_ENOUGH = 0.5  # of the slope along the step may be left for the whole step to be taken


class System(NamedTuple):
    """What the acceleration must balance: mass (..., nv, nv), force (..., nv) of everything that
    does not depend on it; scalar constraints and contacts, or None where there are none."""

    mass: Tensor
    force: Tensor
    rows: Rows | None
    touch: Touch | None
    law: ContactLaw


class Solution(NamedTuple):
    """qacc (..., nv); residual (...): what is left of r, over the largest force; iterations."""

    qacc: Tensor
    residual: Tensor
    iterations: int


def solve(system: System, guess: Tensor | None = None) -> Solution:
    """The acceleration, with gradient by whatever the system depends on.

    Raises BioenvError when Newton does not arrive in some frame, or numbers are not finite.
    """
    with torch.no_grad():
        found, hessian, count = _newton(_detached(system), guess)
    residual, _ = _residual(system, found)
    step = torch.cholesky_solve(residual[..., None], hessian)[..., 0]
    left = (residual.abs().amax(-1) / _scale(system)).detach()
    return Solution(found - step, left, count)


def _newton(system: System, guess: Tensor | None) -> tuple[Tensor, Tensor, int]:
    """The root, the Cholesky factor of the Hessian there, and how many steps it took."""
    scale = _scale(system)
    a = _smooth(system) if guess is None else guess.detach().expand(system.force.shape).clone()
    r, hessian = _residual(system, a)
    for count in range(_ITERATIONS):
        factor, bad = torch.linalg.cholesky_ex(hessian)
        if bad.any() or not torch.isfinite(r).all():
            raise BioenvError(_broken(r))
        left = r.abs().amax(-1) / scale
        if (left <= _TOLERANCE).all():
            return a, factor, count
        step = -torch.cholesky_solve(r[..., None], factor)[..., 0]
        size = _length(system, a, step, r)
        # Frames that have arrived stay where they are.
        size = torch.where(left <= _TOLERANCE, 0.0, size)
        a = a + size[..., None] * step
        r, hessian = _residual(system, a)
    raise BioenvError(
        f"forward dynamics did not converge in {_ITERATIONS} steps: the residual is "
        f"{float((r.abs().amax(-1) / scale).max()):.1e} of the largest force; is the state sound?"
    )


def _length(system: System, a: Tensor, step: Tensor, r: Tensor) -> Tensor:
    """(...) share of a Newton step at which the convex function's slope along it is small.

    The whole step where it leaves little slope; else false position (Illinois) between its ends.
    """
    start = (r * step).sum(-1)
    low, high = torch.zeros_like(start), torch.ones_like(start)
    below, above = start, (_residual(system, a + step)[0] * step).sum(-1)
    wrong = above > -_ENOUGH * start
    if not wrong.any():
        return high
    best = high
    for _ in range(_SEARCH):
        middle = low - below * (high - low) / (above - below)
        middle = torch.where(wrong, middle, high)
        slope = (_residual(system, a + middle[..., None] * step)[0] * step).sum(-1)
        best = torch.where(wrong, middle, best)
        wrong = wrong & (slope.abs() > -_ENOUGH * start)
        if not wrong.any():
            break
        right = slope > 0.0
        low, high = torch.where(right, low, middle), torch.where(right, middle, high)
        below = torch.where(right, 0.5 * below, slope)
        above = torch.where(right, slope, 0.5 * above)
    return best


def _residual(system: System, a: Tensor) -> tuple[Tensor, Tensor]:
    """r (..., nv) and its derivative by a (..., nv, nv), the latter without gradient."""
    r = (system.mass @ a[..., None])[..., 0] - system.force
    hessian = system.mass.detach()
    if system.rows is not None:
        jacobian = system.rows.jacobian
        force, slope = forces(system.rows, a)
        r = r - (jacobian.transpose(-1, -2) @ force[..., None])[..., 0]
        fixed = jacobian.detach()
        hessian = hessian + fixed.transpose(-1, -2) @ (slope[..., None] * fixed)
    if system.touch is not None:
        jacobian = system.touch.jacobian.flatten(-3, -2)
        force, slope = system.law.forces(system.touch, a)
        r = r - (jacobian.transpose(-1, -2) @ force.flatten(-2)[..., None])[..., 0]
        fixed = system.touch.jacobian.detach()
        hessian = hessian + fixed.flatten(-3, -2).transpose(-1, -2) @ (slope @ fixed).flatten(
            -3, -2
        )
    return r, hessian


def _smooth(system: System) -> Tensor:
    """The acceleration without constraints."""
    factor, bad = torch.linalg.cholesky_ex(system.mass)
    if bad.any() or not torch.isfinite(system.force).all():
        raise BioenvError(_broken(system.force))
    return torch.cholesky_solve(system.force[..., None], factor)[..., 0]


def _scale(system: System) -> Tensor:
    return system.force.detach().abs().amax(-1).clamp(min=1.0)


def _detached(system: System) -> System:
    rows, touch = system.rows, system.touch
    return System(
        system.mass.detach(),
        system.force.detach(),
        None if rows is None else Rows(*(x.detach() for x in rows)),
        None if touch is None else Touch(*(x.detach() for x in touch)),
        system.law,
    )


def _broken(values: Tensor) -> str:
    bad = int((~torch.isfinite(values).all(-1)).sum())
    return (
        f"forward dynamics: {bad} frames with forces that are not finite, or a mass matrix that is "
        "not positive; check the state, and that masses and inertias are positive"
    )
