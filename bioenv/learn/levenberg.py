"""Levenberg-Marquardt on blocks of weighted residuals.

Marquardt's scaling by the diagonal (Moré JJ 1978, Numerical Analysis, LNM 630:105) and Nielsen's
update of the damping (Madsen K, Nielsen HB, Tingleff O 2004, Methods for non-linear least squares
problems, algorithm 3.16).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bioenv.learn.row import Row

DAMPING = 1e-3  # of the largest diagonal at the start
STILL = 1e-10  # relative length of a step that ends the search
PATIENCE = 3  # steps below the tolerance in a row


def levenberg_marquardt(
    rows: Sequence[Row], x: Tensor, iterations: int, tolerance: float
) -> tuple[Tensor, list[float], bool]:
    """Unknowns (P,), the loss after each iteration, and whether it converged.

    A trial step to where the loss is not finite is rejected. Where the loss or its slope is not
    finite at the start, or becomes so, the last loss told is infinite.
    """
    cost, gradient, matrix = _normal(rows, x)
    if not _finite(cost, matrix):
        return x, [float("inf")], False
    damping, growth = DAMPING, 2.0
    peak = matrix.diagonal().clone()
    losses: list[float] = []
    small = 0
    for _ in range(iterations):
        peak = torch.maximum(peak, matrix.diagonal())
        scale = peak.clamp_min(1e-12 * float(peak.max()))
        step = _step(matrix, gradient, damping * scale)
        trial = _cost(rows, x + step) if step is not None else float("inf")
        if step is None or not trial < float(cost):
            damping, growth = damping * growth, growth * 2.0
            losses.append(float(cost))
            if damping > 1e12 or (step is not None and _tiny(step, x)):
                return x, losses, True
            continue
        foreseen = float(0.5 * step @ (damping * scale * step - gradient))
        ratio = (float(cost) - trial) / max(foreseen, 1e-300)
        damping = max(damping * max(1.0 / 3.0, 1.0 - (2.0 * ratio - 1.0) ** 3), 1e-15)
        growth = 2.0
        small = small + 1 if float(cost) - trial <= tolerance * (1.0 + trial) else 0
        before, x = x, x + step
        losses.append(trial)
        if small >= PATIENCE or _tiny(step, x):
            return x, losses, True
        cost, gradient, matrix = _normal(rows, x)
        if not _finite(cost, matrix):
            return before, [*losses, float("inf")], False
    return x, losses, False


def solve_spd(matrix: Tensor, right: Tensor) -> Tensor:
    """matrix^-1 right for a symmetric positive (semi)definite matrix, scaled to a unit diagonal.

    What rounding leaves singular is lifted a little, which makes it wide and not infinite. A matrix
    that is not finite gives infinities.
    """
    if not bool(torch.isfinite(matrix).all()):
        return torch.full_like(right, float("inf"))
    scale, factor = _scaled_cholesky(matrix)
    return scale[:, None] * torch.cholesky_solve(scale[:, None] * right, factor)


def log_determinant(matrix: Tensor) -> Tensor:
    """Of a symmetric positive matrix, lifted as in :func:`solve_spd`."""
    if not bool(torch.isfinite(matrix).all()):
        return torch.full((), float("inf"), dtype=matrix.dtype)
    scale, factor = _scaled_cholesky(matrix)
    return 2.0 * (factor.diagonal().log().sum() - scale.log().sum())


def _scaled_cholesky(matrix: Tensor) -> tuple[Tensor, Tensor]:
    scale = matrix.diagonal().clamp_min(1e-300).rsqrt()
    scaled = scale[:, None] * matrix * scale
    eye = torch.eye(len(matrix), dtype=matrix.dtype)
    lift = 0.0
    while True:
        factor, info = torch.linalg.cholesky_ex(scaled + lift * eye)
        if not bool(info):
            return scale, factor
        lift = max(10.0 * lift, 1e-14)


def _step(matrix: Tensor, gradient: Tensor, damping: Tensor) -> Tensor | None:
    factor, info = torch.linalg.cholesky_ex(matrix + torch.diag(damping))
    if bool(info):
        return None
    step = -torch.cholesky_solve(gradient[:, None], factor)[:, 0]
    return step if bool(torch.isfinite(step).all()) else None


def _normal(rows: Sequence[Row], x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    parts = [row.normal(x) for row in rows]
    cost, gradient, matrix = (sum(one[1:], one[0]) for one in zip(*parts, strict=True))
    return cost, gradient, matrix


def _cost(rows: Sequence[Row], x: Tensor) -> float:
    with torch.no_grad():
        total = float(sum(row.cost(x) for row in rows))
    return total if total == total else float("inf")


def _finite(cost: Tensor, matrix: Tensor) -> bool:
    return bool(torch.isfinite(cost)) and bool(torch.isfinite(matrix).all())


def _tiny(step: Tensor, x: Tensor) -> bool:
    return float(step.norm()) <= STILL * (float(x.norm()) + STILL)
