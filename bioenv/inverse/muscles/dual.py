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
NEWTON_STEPS = 60
PROXIMAL = (1e-4, 1e-6, 1e-6, 1e-6, 1e-6, 1e-6)  # weight of staying put, of the mean curvature
_DESCENT = 1e-4  # Armijo's constant
_LADDER = 0.5 ** np.arange(1, 8)  # parts of a Newton step tried at once
_SHORTEST = 1e-9  # shortest part tried


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

    def value(self, y: Array, x: Array, e: Array) -> Array:
        """(B,) minus the dual."""
        cost = 0.5 * (self.stiffness * (x - self.target) ** 2).sum(1) + (e**2).sum(1)
        return ((self.made(x, e) - self.demand) * y).sum(1) - cost

    def curvature(self, x: Array) -> Array:
        """(B, k, k) of `value`: variables at a bound stay there."""
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
    held = np.all(batch.reserve > 0.0, axis=1)  # their multipliers cannot run away
    before = np.full_like(y, np.inf)
    for i, weight in enumerate(PROXIMAL):
        part = batch.take(rows)
        stay = np.where(held[rows], 0.0, weight * (curvature[rows] + 1e-30))
        tolerance = (BALANCE if i < 3 else 0.1 * SHORT) * scale[rows]
        y, x, e, inner = _minimize(part, out.multiplier[rows], stay, tolerance)
        missing = part.demand - part.made(x, e)
        out.multiplier[rows], out.x[rows], out.e[rows], out.missing[rows] = y, x, e, missing
        met = np.abs(missing).max(1) <= tolerance
        settled = np.abs(missing - before[rows]).max(1) <= SHORT * scale[rows]
        before[rows] = missing
        out.converged[rows] = inner & (met | (settled & (i > 2)))
        rows = rows[~out.converged[rows]]
        if not rows.size:
            break
    return out


def _minimize(
    batch: Batch, y: Array, stay: Array, tolerance: Array
) -> tuple[Array, Array, Array, Mask]:
    """(y, x, e, converged) of the proximal problem ``value + stay / 2 |y - start|^2``."""
    anchor = y
    y_out, rows = y.copy(), np.arange(len(y))
    converged = np.zeros(len(y), dtype=bool)
    x, e = batch.variables(y)
    x_out, e_out = x.copy(), e.copy()
    value = batch.value(y, x, e)
    for _ in range(NEWTON_STEPS):
        gradient = batch.made(x, e) - batch.demand + stay[:, None] * (y - anchor)
        done = np.abs(gradient).max(1) <= tolerance
        if done.any():
            ids, keep = rows[done], ~done
            y_out[ids], x_out[ids], e_out[ids], converged[ids] = y[done], x[done], e[done], True
            rows, batch = rows[keep], batch.take(keep)
            y, x, e, value, gradient, stay, anchor, tolerance = (
                a[keep] for a in (y, x, e, value, gradient, stay, anchor, tolerance)
            )
        if not rows.size:
            return y_out, x_out, e_out, converged
        matrix = batch.curvature(x)
        diagonal = np.einsum("bii->bi", matrix)
        # Where no variable is free and nothing else holds, the gradient itself is the direction.
        diagonal += stay[:, None] + 1e-14 * (diagonal.sum(1, keepdims=True) + 1.0)
        step = -_solved(matrix, gradient)
        y, x, e, value = _search(batch, y, value, step, (gradient * step).sum(1), stay, anchor)
    y_out[rows], x_out[rows], e_out[rows] = y, x, e
    return y_out, x_out, e_out, converged


def _search(
    batch: Batch,
    y: Array,
    value: Array,
    step: Array,
    slope: Array,
    stay: Array,
    anchor: Array,
) -> tuple[Array, Array, Array, Array]:
    """The longest of the steps 1, 1/2, 1/4 ... that lowers the value enough."""
    new = y + step
    x, e = batch.variables(new)
    reached = batch.value(new, x, e) + _moved(stay, new, anchor)
    noise = 1e-13 * (np.abs(value) + 1.0)
    poor = np.flatnonzero(reached > value + _DESCENT * slope + noise)
    ladder = _LADDER
    while poor.size and ladder[0] > _SHORTEST:
        # All parts at once: most frames take whole steps, so the batch is small.
        rows = np.tile(poor, len(ladder))
        part = batch.take(rows)
        tried = y[rows] + np.repeat(ladder, poor.size)[:, None] * step[rows]
        tried_x, tried_e = part.variables(tried)
        found = part.value(tried, tried_x, tried_e) + _moved(stay[rows], tried, anchor[rows])
        enough = value[rows] + noise[rows] + _DESCENT * np.repeat(ladder, poor.size) * slope[rows]
        good = (found <= enough).reshape(len(ladder), -1)
        rung = np.where(good.any(0), good.argmax(0), len(ladder) - 1)
        best = rung * poor.size + np.arange(poor.size)
        new[poor], x[poor], e[poor] = tried[best], tried_x[best], tried_e[best]
        reached[poor] = found[best]
        poor, ladder = poor[~good.any(0)], ladder * ladder[-1]
    return new, x, e, reached


def _moved(stay: Array, y: Array, anchor: Array) -> Array:
    """(B,) the proximal term."""
    out: Array = 0.5 * stay * np.square(y - anchor).sum(1)
    return out


def _unbounded(batch: Batch, curvature: Array) -> Array:
    """(B, k) multipliers of the problem without bounds."""
    matrix = np.matmul(batch.gain / batch.stiffness[:, None, :], batch.gain.swapaxes(1, 2))
    diagonal = np.einsum("bii->bi", matrix)
    diagonal += 0.5 * batch.reserve**2 + 1e-6 * (curvature[:, None] + 1e-30)
    rest = batch.demand - batch.made(batch.target, np.zeros_like(batch.demand))
    return _solved(matrix, rest)


def _solved(matrix: Array, right: Array) -> Array:
    """(B, k) solutions of B linear systems."""
    out: Array = np.linalg.solve(matrix, right[:, :, None])[:, :, 0].astype(np.float64, copy=False)
    return out
