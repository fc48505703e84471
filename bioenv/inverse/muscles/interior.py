"""Sharing problems of any exponent, many frames at once, by an interior-point method.

    minimize   sum of |x|^p  +  sum of e^2
    subject to gain · x + reserve · e = demand,   lower <= x <= upper

Newton's method on the optimality conditions with the products of distance to a bound and its
multiplier set to a small number that goes to zero (primal-dual path following with Mehrotra's
predictor; Nocedal, Wright 2006, Numerical Optimization, ch. 14 and 19). The demand must be within
reach: where it is not, give the part that is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bioenv.inverse.muscles.dual import Batch

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

STEPS = 150
GAP = 1e-13  # mean product of distance and multiplier
DUAL = 1e-10  # accepted error of the stationarity, relative to the largest multiplier of a bound
BALANCE = 1e-10  # accepted error of the balance, as in dual.py
_KEEP = 0.995  # part of the way to the nearest bound that a step may go
_RANGE = 3.0  # a power is modelled well while x changes by less than this part of x / exponent
_PINNED = 1e-9  # bounds this near leave nothing to choose
_TOUCH = 1e-17  # smallest distance to a bound
_STAY = 1e-10  # proximal weight, of the mean curvature: coordinates without a free muscle


@dataclass
class _Point:
    """Iterate of B problems, or a step of it: variables x, e, multipliers y of the balance and
    low, high of the bounds."""

    x: Array
    e: Array
    y: Array
    low: Array
    high: Array

    def take(self, rows: Mask) -> _Point:
        return _Point(self.x[rows], self.e[rows], self.y[rows], self.low[rows], self.high[rows])

    def along(self, step: _Point, length: Array) -> _Point:
        return _Point(
            self.x + length * step.x,
            self.e + length * step.e,
            self.y + length * step.y,
            self.low + length * step.low,
            self.high + length * step.high,
        )


class _Room:
    """What a point leaves to the bounds: who may move, who has an upper bound, the distances."""

    def __init__(self, batch: Batch, x: Array) -> None:
        self.free = batch.upper - batch.lower > _PINNED
        self.capped = self.free & np.isfinite(batch.upper)
        self.below = np.where(self.free, np.maximum(x - batch.lower, _TOUCH), 1.0)
        top = np.where(self.capped, batch.upper, 0.0)
        self.above = np.where(self.capped, np.maximum(top - x, _TOUCH), 1.0)

    def gap(self, point: _Point) -> Array:
        """(B,) mean product of distance and multiplier."""
        total = (self.below * point.low + self.above * point.high).sum(1)
        return total / np.maximum(self.free.sum(1) + self.capped.sum(1), 1)


def solve_power(batch: Batch, exponent: float, size: Array) -> tuple[Array, Array, Array, Mask]:
    """(x (B, m), e (B, k), y (B, k), converged (B,)) of problems whose demand can be met.

    The batch's stiffness and target are not used. size (B,): about how large the largest x is.
    """
    # In units of their size powers of x are neither tiny nor huge; e is scaled so that the two
    # costs keep their ratio.
    scale = np.maximum(size, 1e-6)[:, None]
    weight = scale ** (0.5 * exponent)
    inner = replace(
        batch,
        gain=batch.gain * scale[:, :, None],
        lower=batch.lower / scale,
        upper=batch.upper / scale,
        reserve=batch.reserve * weight,
    )
    point, converged = _solve(inner, exponent)
    x = np.clip(point.x * scale, batch.lower, batch.upper)
    return x, point.e * weight, point.y * weight**2, converged


def _solve(batch: Batch, p: float) -> tuple[_Point, Mask]:
    point = _begin(batch)
    out = point.take(np.ones(len(point.x), dtype=bool))
    converged, rows = np.zeros(len(point.x), dtype=bool), np.arange(len(point.x))
    reach = np.abs(batch.gain).sum(2).max(1) + np.abs(batch.demand).max(1)
    tolerance = BALANCE * (1.0 + reach)
    for _ in range(STEPS):
        room = _Room(batch, point.x)
        balance = batch.demand - batch.made(point.x, point.e)
        slope = p * np.sign(point.x) * np.abs(point.x) ** (p - 1.0)
        slope -= np.matmul(point.y[:, None, :], batch.gain)[:, 0]
        stationary = np.where(room.free, slope - point.low + point.high, 0.0)
        largest = 1.0 + np.maximum(point.low, point.high).max(1)
        done = (room.gap(point) <= GAP) & (np.abs(balance).max(1) <= tolerance[rows])
        done &= np.abs(stationary).max(1) <= DUAL * largest
        if done.any():
            _store(out, point, rows, done)
            converged[rows[done]] = True
            rows, batch, point = rows[~done], batch.take(~done), point.take(~done)
            balance, stationary = balance[~done], stationary[~done]
        if not rows.size:
            return out, converged
        point = _step(batch, p, point, balance, stationary)
    _store(out, point, rows, np.ones(len(rows), dtype=bool))
    return out, converged


def _store(out: _Point, point: _Point, rows: NDArray[np.intp], which: Mask) -> None:
    ids = rows[which]
    out.x[ids], out.e[ids], out.y[ids] = point.x[which], point.e[which], point.y[which]


def _begin(batch: Batch) -> _Point:
    room = _Room(batch, batch.lower)
    top = np.where(room.capped, batch.upper, batch.lower + 1.0)
    x = np.where(room.free, 0.7 * batch.lower + 0.3 * top, batch.lower)
    y = np.zeros_like(batch.demand)
    return _Point(x, y, y, room.free.astype(np.float64), room.capped.astype(np.float64))


def _step(batch: Batch, p: float, point: _Point, balance: Array, stationary: Array) -> _Point:
    """Predictor to a zero gap, then the corrected step, from one factorization."""
    room = _Room(batch, point.x)
    # For p > 2 a variable at zero has no curvature, for p < 2 an infinite one.
    near = 1e-20 if p < 2.0 else 1e-6
    curvature = p * (p - 1.0) * np.maximum(np.abs(point.x), near) ** (p - 2.0)
    stiff = curvature + point.low / room.below + point.high / room.above
    soft = np.where(room.free, 1.0 / stiff, 0.0)
    matrix = np.matmul(batch.gain * soft[:, None, :], batch.gain.swapaxes(1, 2))
    diagonal = np.einsum("bii->bi", matrix)
    diagonal += 0.5 * batch.reserve**2
    diagonal += _STAY * (diagonal.mean(1, keepdims=True) + 1e-6)
    inverse = np.linalg.inv(matrix)
    e_wanted = 0.5 * batch.reserve * point.y - point.e

    def move(low: Array | float, high: Array | float) -> _Point:
        """The step that makes the products at lower and upper bounds `low` and `high`."""
        force = np.where(room.free, low / room.below - point.low - stationary, 0.0)
        force -= np.where(room.capped, high / room.above - point.high, 0.0)
        rest = balance - batch.made(soft * force, e_wanted)
        y = np.matmul(inverse, rest[:, :, None])[:, :, 0]
        x = soft * (force + np.matmul(y[:, None, :], batch.gain)[:, 0])
        lower = np.where(room.free, (low - point.low * x) / room.below - point.low, 0.0)
        upper = np.where(room.capped, (high + point.high * x) / room.above - point.high, 0.0)
        return _Point(x, e_wanted + 0.5 * batch.reserve * y, y, lower, upper)

    gap = room.gap(point)
    guess = move(0.0, 0.0)
    reached = point.along(guess, _length(point, guess, room, 1.0, np.inf))
    ratio = np.clip(_Room(batch, reached.x).gap(reached) / np.maximum(gap, 1e-300), 0.0, 1.0)
    center = np.maximum(gap * ratio**3, 0.1 * GAP)[:, None]
    step = move(center - guess.x * guess.low, center + guess.x * guess.high)
    return point.along(step, _length(point, step, room, _KEEP, _RANGE / p))


def _length(point: _Point, step: _Point, room: _Room, keep: float, most: float) -> Array:
    """(B, 1) how far the step may go before a distance or a multiplier would vanish."""
    limit = np.ones(len(point.x))
    for value, change, mask in (
        (room.below, step.x, room.free),
        (room.above, -step.x, room.capped),
        (point.low, step.low, room.free),
        (point.high, step.high, room.capped),
    ):
        shrinks = mask & (change < 0.0)
        ratio = np.where(shrinks, value / np.where(shrinks, -change, 1.0), np.inf)
        limit = np.minimum(limit, keep * ratio.min(1))
    part = np.abs(step.x) / np.maximum(np.abs(point.x), 1e-3)
    return np.minimum(limit, most / np.maximum(part.max(1), 1e-30))[:, None]
