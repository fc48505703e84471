"""Newton's method within bounds for many small independent problems at once.

Every frame has its own damping (Levenberg-Marquardt) and its own set of variables held at a bound
(projected Newton: D. P. Bertsekas, SIAM J. Control Optim. 20:221, 1982); a step is kept only if the
cost falls. Frames that are done drop out, so late iterations work on few.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bioenv.inverse.marker_fit import Fit, MarkerFit

Array = NDArray[np.float64]
Index = NDArray[np.intp]

REACH = 0.7  # rad: the longest step of any angle in one iteration
NEWTON_BELOW = 0.2  # steps shorter than this use the exact Hessian
STALLED = 1e6  # damping at which no descent is left within rounding


@dataclass(frozen=True, eq=False)
class Solution:
    """z (F, k); cost (F,) m^2 before the last step; converged (F,) bool; iterations (F,)."""

    z: Array
    cost: Array
    converged: NDArray[np.bool_]
    iterations: Index


def minimize(
    fit: MarkerFit,
    rows: Index,
    z: Array,
    bounds: Array,
    *,
    scale: Array | None = None,
    damping: float = 0.0,
    iterations: int = 60,
    tolerance: float = 2e-5,
) -> Solution:
    """Minimize the marker cost of frames `rows` (F,) from z (F, k) within `bounds` (k, 2).

    Args:
        scale: (k,) typical curvature of every variable, for the damping; estimated when None.
        damping: of the first step; 0 is right close to the solution.
        tolerance: rad and m; a frame is done when its undamped step is shorter. That step is still
            taken, and Newton's error after it is its square.
    """
    lower, upper = bounds.T
    z = np.clip(z, lower, upper)
    count = len(rows)
    exact = np.full(count, float(damping == 0.0))
    fits = fit.evaluate(rows, z, exact)
    weight = curvature(fits) if scale is None else scale
    damp = np.full(count, damping)
    done = np.zeros(count, dtype=bool)
    taken = np.zeros(count, dtype=np.intp)
    active = np.arange(count)
    for _ in range(iterations):
        here = Fit(*(a[active] for a in fits))
        step, downhill = _step(here, z[active], bounds, damp[active, None] * weight, fit.angles)
        new = np.clip(z[active] + step, lower, upper)
        length = np.abs(new - z[active]).max(axis=1)
        ready = (length < tolerance) & (damp[active] <= 1e-3) & downhill
        z[active[ready]] = new[ready]
        done[active[ready]] = True
        stuck = damp[active] > STALLED
        keep = ~(ready | stuck)
        active, new, length, downhill = active[keep], new[keep], length[keep], downhill[keep]
        if not len(active):
            break
        new[~downhill] = z[active[~downhill]]  # same place, Gauss-Newton's matrix
        exact = (downhill & (length < NEWTON_BELOW)).astype(float)
        trial = fit.evaluate(rows[active], new, exact)
        better = trial.cost <= fits.cost[active] * (1 + 1e-13) + 1e-24
        kept = active[better]
        z[kept] = new[better]
        for old, fresh in zip(fits, trial, strict=True):
            old[kept] = fresh[better]
        damp[kept] = np.where(downhill[better], _relaxed(damp[kept]), damp[kept] * 10 + 1e-3)
        damp[active[~better]] = damp[active[~better]] * 10 + 1e-3
        taken[active] += 1
    return Solution(z, fits.cost, done, taken)


def curvature(fits: Fit) -> Array:
    """(k,) mean curvature of every variable, never zero."""
    diagonal = np.abs(np.einsum("fkk->fk", fits.hessian)).mean(axis=0)
    return np.maximum(diagonal, 1e-6 * max(float(diagonal.max(initial=0.0)), 1e-12))


def _relaxed(damp: Array) -> Array:
    lower = damp * 0.1
    return np.where(lower < 1e-6, 0.0, lower)


def _held(fits: Fit, z: Array, bounds: Array) -> NDArray[np.bool_]:
    """(F, k) at a bound and pushed against it."""
    lower, upper = bounds.T
    return ((z <= lower) & (fits.gradient > 0)) | ((z >= upper) & (fits.gradient < 0))


def _step(
    fits: Fit, z: Array, bounds: Array, damp: Array, angles: NDArray[np.bool_]
) -> tuple[Array, NDArray[np.bool_]]:
    """The damped Newton step (F, k) of the variables not held, and whether it goes downhill."""
    hessian = fits.hessian.copy()
    diagonal = np.einsum("fkk->fk", hessian)
    # The smallest lift that keeps a variable no marker feels from making the matrix singular.
    diagonal += damp + 1e-12 * np.abs(diagonal).max(axis=1, keepdims=True) + 1e-30
    slope = fits.gradient
    if np.isfinite(bounds).any():
        held = _held(fits, z, bounds)
        if held.any():
            hessian[held[:, :, None] | held[:, None, :]] = 0.0
            diagonal[held] = 1.0
            slope = np.where(held, 0.0, slope)
    step = np.linalg.solve(hessian, -slope[:, :, None])[:, :, 0]
    downhill = np.einsum("fk,fk->f", step, slope) <= 0.0
    longest = np.abs(step[:, angles]).max(axis=1, keepdims=True, initial=0.0)
    step *= np.minimum(1.0, REACH / np.maximum(longest, 1e-300))
    return np.asarray(step, dtype=np.float64), np.asarray(downhill, dtype=np.bool_)
