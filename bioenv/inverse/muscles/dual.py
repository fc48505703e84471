"""Quadratic sharing problems of many frames at once, solved exactly through their duals.

    minimize   sum of stiffness / 2 (x - target)^2  +  sum of e^2
    subject to gain · x + reserve · e = demand,   lower <= x <= upper

The multipliers y of the balance give every x by itself, cut at its bounds:
x = target + (gain' y) / stiffness. What is left is to find y with zero gradient

    gain · x(y) + reserve · e(y) - demand

of a concave function of as many variables as there are balances. The gradient is piecewise linear,
and Newton's method with the active set of the moment (a semismooth Newton method: Qi, Sun 1993,
Math Program 58:353) ends exactly after a few steps. Frames are one batch, and leave it when solved.

Where nothing reaches the demand the multipliers grow without end. So they are found by proximal
steps (the augmented Lagrangian method): on such a problem these converge to the nearest demand that
can be reached, in the Euclidean norm, and to its cheapest x (Chiche, Gilbert 2016, J Convex Anal
23:425).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

BALANCE = 1e-11  # accepted error of the balance, of the torque all muscles together can make
SHORT = 1e-8  # the same where the demand is out of reach: large multipliers round more
NEAREST = 1e-6  # accepted pull of the missing torque on variables that could follow it, relative
NEWTON_STEPS = 60
PROXIMAL = (1e-4, *3 * (1e-6,), *3 * (1e-7,), *10 * (1e-9,))
# weights of staying put, of the mean curvature: the longer a demand resists, the less
_LEAVE = 0.2  # solved problems leave the batch when they are more than this part of it
_TURN = 0.1  # a step is too long when the slope at its end exceeds this part of the first


@dataclass
class Batch:
    """B independent problems of k balances and m variables.

    gain (B, k, m); demand (B, k); lower, upper, stiffness, target (B, m), stiffness positive;
    reserve (B, k): gain of a further variable e of each balance, without bounds, 0 for none.
    """

    gain: Array
    demand: Array
    lower: Array
    upper: Array
    stiffness: Array
    target: Array
    reserve: Array

    def take(self, rows: Mask | NDArray[np.intp]) -> Batch:
        """Some of the problems."""
        return Batch(
            self.gain[rows],
            self.demand[rows],
            self.lower[rows],
            self.upper[rows],
            self.stiffness[rows],
            self.target[rows],
            self.reserve[rows],
        )

    def variables(self, y: Array) -> tuple[Array, Array]:
        """(x (B, m), e (B, k)) that multipliers y (B, k) ask for."""
        z = np.matmul(y[:, None, :], self.gain)[:, 0]
        x = np.clip(self.target + z / self.stiffness, self.lower, self.upper)
        return x, 0.5 * self.reserve * y

    def made(self, x: Array, e: Array) -> Array:
        """(B, k) torque."""
        return np.matmul(self.gain, x[:, :, None])[:, :, 0] + self.reserve * e

    def curvature(self, x: Array) -> Array:
        """(B, k, k) of minus the dual: variables at a bound stay there."""
        slope = ((x > self.lower) & (x < self.upper)) / self.stiffness
        out = np.matmul(self.gain * slope[:, None, :], self.gain.swapaxes(1, 2))
        np.einsum("bii->bi", out)[...] += 0.5 * self.reserve**2
        return out


@dataclass
class Solution:
    """multiplier (B, k), x (B, m), e (B, k); missing (B, k) demand minus made; converged (B,)."""

    multiplier: Array
    x: Array
    e: Array
    missing: Array
    converged: Mask


def solve(batch: Batch, start: Array | None = None) -> Solution:
    """The cheapest x and e of every problem; where the demand is out of reach, of the nearest one.

    start (B, k): multipliers to begin with.
    """
    most = np.where(np.isfinite(batch.upper), np.maximum(-batch.lower, batch.upper), 1.0)
    reach = np.matmul(np.abs(batch.gain), most[:, :, None]).max(1)[:, 0]
    scale = 1.0 + reach + np.abs(batch.demand).max(1)
    curvature = (batch.gain**2 / batch.stiffness[:, None, :]).sum((1, 2)) / batch.demand.shape[1]
    y = _unbounded(batch, curvature) if start is None else start
    out = Solution(y.copy(), *batch.variables(y), np.empty_like(y), np.zeros(len(y), dtype=bool))
    rows = np.arange(len(y))
    loose = batch.reserve == 0.0  # a reserve keeps its multiplier from running away
    before = np.full_like(y, np.inf)
    for i, weight in enumerate(PROXIMAL):
        part = batch.take(rows)
        stay = weight * (curvature[rows, None] + 1.0) * loose[rows]
        tolerance = (BALANCE if i < 3 else 0.1 * SHORT) * scale[rows]
        y, x, e, inner = _minimize(part, out.multiplier[rows], stay, tolerance)
        missing = part.demand - part.made(x, e)
        out.multiplier[rows], out.x[rows], out.e[rows], out.missing[rows] = y, x, e, missing
        met = np.abs(missing).max(1) <= tolerance
        settled = np.abs(missing - before[rows]).max(1) <= SHORT * scale[rows]
        settled &= _nearest(part, x, missing)
        before[rows] = missing
        out.converged[rows] = inner & (met | (settled & (i > 2)))
        rows = rows[~out.converged[rows]]
        if not rows.size:
            break
    return out


def _nearest(batch: Batch, x: Array, missing: Array) -> Mask:
    """(B,) whether no variable can make less torque missing: each that could is at its bound."""
    push = np.matmul(missing[:, None, :], batch.gain)[:, 0]
    able = ((push > 0.0) & (x < batch.upper)) | ((push < 0.0) & (x > batch.lower))
    size = np.sqrt((missing**2).sum(1)) * np.sqrt((batch.gain**2).sum(1)).max(1)
    out: Mask = np.where(able, np.abs(push), 0.0).max(1) <= NEAREST * size
    return out


def _minimize(
    batch: Batch, y: Array, stay: Array, tolerance: Array
) -> tuple[Array, Array, Array, Mask]:
    """(y, x, e, converged) of the proximal problem ``-dual + sum of stay / 2 (y - start)^2``."""
    anchor = y
    y_out, rows = y.copy(), np.arange(len(y))
    converged = np.zeros(len(y), dtype=bool)
    x, e = batch.variables(y)
    x_out, e_out = x.copy(), e.copy()
    gradient = batch.made(x, e) - batch.demand
    for _ in range(NEWTON_STEPS):
        done = np.abs(gradient).max(1) <= tolerance
        # Copying what is left costs as much as a step of a few solved problems.
        if done.sum() > _LEAVE * len(done) or done.all():
            ids, keep = rows[done], ~done
            y_out[ids], x_out[ids], e_out[ids], converged[ids] = y[done], x[done], e[done], True
            rows, batch = rows[keep], batch.take(keep)
            y, x, e, gradient, stay, anchor, tolerance = (
                a[keep] for a in (y, x, e, gradient, stay, anchor, tolerance)
            )
        if not rows.size:
            return y_out, x_out, e_out, converged
        step = _newton(batch, x, gradient, stay)
        slope = (gradient * step).sum(1)
        new = y + step
        x, e, gradient = _at(batch, new, stay, anchor)
        # The function is convex: while the slope stays negative the whole step is too short.
        far = np.flatnonzero((gradient * step).sum(1) > -_TURN * slope)
        if far.size:
            part = batch.take(far)
            length = _length(part, y[far], step[far], slope[far], stay[far])
            new[far] = y[far] + length[:, None] * step[far]
            x[far], e[far], gradient[far] = _at(part, new[far], stay[far], anchor[far])
        y = new
    y_out[rows], x_out[rows], e_out[rows] = y, x, e
    converged[rows] = np.abs(gradient).max(1) <= tolerance
    return y_out, x_out, e_out, converged


def _newton(batch: Batch, x: Array, gradient: Array, stay: Array) -> Array:
    """(B, k) step to where the gradient would vanish if no variable met or left a bound."""
    matrix = batch.curvature(x)
    diagonal = np.einsum("bii->bi", matrix)
    # Where no variable is free and nothing else holds, the gradient itself is the direction.
    diagonal += stay + 1e-14 * (diagonal.sum(1, keepdims=True) + 1.0)
    return -_solved(matrix, gradient)


def _at(batch: Batch, y: Array, stay: Array, anchor: Array) -> tuple[Array, Array, Array]:
    """(x, e, gradient) at multipliers y."""
    x, e = batch.variables(y)
    return x, e, batch.made(x, e) - batch.demand + stay * (y - anchor)


def _length(batch: Batch, y: Array, step: Array, slope: Array, stay: Array) -> Array:
    """(B,) where along a step, at most all of it, the slope is zero: it is piecewise linear, and
    bends where a variable reaches or leaves a bound."""
    z = np.matmul(y[:, None, :], batch.gain)[:, 0]
    dz = np.matmul(step[:, None, :], batch.gain)[:, 0]
    moves = np.abs(dz) > 1e-300
    rate = np.where(moves, dz, 1.0)
    ends = [
        np.where(moves, (batch.stiffness * (bound - batch.target) - z) / rate, 0.0)
        for bound in (batch.lower, batch.upper)
    ]
    bend = dz**2 / batch.stiffness
    times = np.concatenate([np.minimum(*ends), np.maximum(*ends)], axis=1)
    order = times.argsort(1)
    row = np.arange(len(y))
    first = np.zeros((len(y), 1))
    times = np.concatenate([first, times[row[:, None], order].clip(0.0, 1.0)], axis=1)
    bend = np.concatenate([bend, -bend], axis=1)[row[:, None], order]
    base = ((0.5 * batch.reserve**2 + stay) * step**2).sum(1)
    curvature = base[:, None] + np.concatenate([first, bend.cumsum(1)], axis=1)
    rise = (curvature[:, :-1] * (times[:, 1:] - times[:, :-1])).cumsum(1)
    slopes = slope[:, None] + np.concatenate([first, rise], axis=1)
    # The last bend before the slope changes sign, and from there in a straight line.
    last = np.maximum((slopes < 0.0).sum(1) - 1, 0)
    ahead = -slopes[row, last] / np.maximum(curvature[row, last], 1e-300)
    out: Array = np.minimum(times[row, last] + ahead, 1.0)
    return out


def _unbounded(batch: Batch, curvature: Array) -> Array:
    """(B, k) multipliers of the problem without bounds."""
    matrix = np.matmul(batch.gain / batch.stiffness[:, None, :], batch.gain.swapaxes(1, 2))
    diagonal = np.einsum("bii->bi", matrix)
    diagonal += 0.5 * batch.reserve**2 + 1e-6 * (curvature[:, None] + 1.0)
    rest = batch.demand - batch.made(batch.target, np.zeros_like(batch.demand))
    return _solved(matrix, rest)


def _solved(matrix: Array, right: Array) -> Array:
    """(B, k) solutions of B linear systems."""
    out: Array = np.linalg.solve(matrix, right[:, :, None])[:, :, 0].astype(np.float64, copy=False)
    return out
