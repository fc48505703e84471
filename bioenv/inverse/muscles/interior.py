"""Sharing problems of any exponent, many frames at once, by an interior-point method.

    minimize   sum of |x|^p  +  sum of e^2
    subject to gain · x + reserve · e = demand,   lower <= x <= upper

Newton's method on the optimality conditions with the products of distance to a bound and its
multiplier set to a small number that goes to zero (primal-dual path following with Mehrotra's
predictor; Nocedal, Wright 2006, Numerical Optimization, ch. 14 and 19). The demand must be within
reach: where it is not, give the part that is.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from bioenv.inverse.muscles.dual import Batch

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

STEPS = 150
GAP = 1e-13  # mean product of distance and multiplier
DUAL = 1e-10  # accepted error of the stationarity, relative to the multipliers of the bounds
ROUNDING = 1e-13  # the same, relative to the terms it is the difference of
BALANCE = 1e-10  # accepted error of the balance, as in dual.py
_KEEP = 0.995  # part of the way to the nearest bound that a step may go
_RANGE = 3.0  # a power is modelled well while x changes by less than this part of x / exponent
_SMALL = 0.03  # least size of the unit x is measured in
_PINNED = 1e-9  # bounds this near leave nothing to choose
_STAY = 1e-10  # proximal weight, of the mean curvature: coordinates without a free muscle


@dataclass
class _Point:
    """Iterate of B problems, or a step of it: variables x, e, multipliers y of the balance and
    low, high of the bounds, and the distances below, above to the bounds. These are kept by
    themselves, because near a bound x - lower has no digits left."""

    x: Array
    e: Array
    y: Array
    low: Array
    high: Array
    below: Array
    above: Array

    def take(self, rows: Mask) -> _Point:
        return _Point(*(getattr(self, field.name)[rows] for field in fields(self)))

    def along(self, step: _Point, length: Array) -> _Point:
        names = [field.name for field in fields(self)]
        return _Point(*(getattr(self, name) + length * getattr(step, name) for name in names))


class _Kinds:
    """Variables that may move, and those of them with an upper bound."""

    def __init__(self, batch: Batch) -> None:
        self.free = batch.upper - batch.lower > _PINNED
        self.capped = self.free & np.isfinite(batch.upper)
        self.bounds = np.maximum(self.free.sum(1) + self.capped.sum(1), 1)

    def gap(self, point: _Point) -> Array:
        """(B,) mean product of distance and multiplier."""
        return (point.below * point.low + point.above * point.high).sum(1) / self.bounds


def solve_power(batch: Batch, exponent: float, size: Array) -> tuple[Array, Array, Array, Mask]:
    """(x (B, m), e (B, k), y (B, k), converged (B,)) of problems whose demand can be met.

    The batch's stiffness and target are not used. size (B,): about how large the largest x is.
    """
    # In units of their size powers of x are neither tiny nor huge; e is scaled so that the two
    # costs keep their ratio.
    scale = np.maximum(size, _SMALL)[:, None]
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
        kinds = _Kinds(batch)
        balance = batch.demand - batch.made(point.x, point.e)
        slope = p * np.sign(point.x) * np.abs(point.x) ** (p - 1.0)
        pull = np.matmul(point.y[:, None, :], batch.gain)[:, 0]
        off = np.where(kinds.free, slope - pull - point.low + point.high, 0.0)
        largest = np.matmul(np.abs(point.y)[:, None, :], np.abs(batch.gain))[:, 0]
        near = DUAL * (1.0 + point.low + point.high) + ROUNDING * largest
        done = (np.abs(off) <= near).all(1) & (kinds.gap(point) <= GAP)
        done &= np.abs(balance).max(1) <= tolerance[rows]
        if done.any():
            _store(out, point, rows, done)
            converged[rows[done]] = True
            rows, batch, point = rows[~done], batch.take(~done), point.take(~done)
            kinds, balance, off = _Kinds(batch), balance[~done], off[~done]
        if not rows.size:
            return out, converged
        point = _step(batch, p, point, kinds, balance, off)
    _store(out, point, rows, np.ones(len(rows), dtype=bool))
    return out, converged


def _store(out: _Point, point: _Point, rows: NDArray[np.intp], which: Mask) -> None:
    ids = rows[which]
    out.x[ids], out.e[ids], out.y[ids] = point.x[which], point.e[which], point.y[which]


def _begin(batch: Batch) -> _Point:
    kinds = _Kinds(batch)
    top = np.where(kinds.capped, batch.upper, batch.lower + 1.0)
    width = top - batch.lower
    y = np.zeros_like(batch.demand)
    return _Point(
        x=np.where(kinds.free, batch.lower + 0.3 * width, batch.lower),
        e=y,
        y=y,
        low=kinds.free.astype(np.float64),
        high=kinds.capped.astype(np.float64),
        below=np.where(kinds.free, 0.3 * width, 1.0),
        above=np.where(kinds.capped, 0.7 * width, 1.0),
    )


def _step(
    batch: Batch, p: float, point: _Point, kinds: _Kinds, balance: Array, off: Array
) -> _Point:
    """Predictor to a zero gap, then the corrected step, from one factorization."""
    # For p > 2 a variable at zero has no curvature, for p < 2 an infinite one.
    near = 1e-20 if p < 2.0 else 1e-6
    curvature = p * (p - 1.0) * np.maximum(np.abs(point.x), near) ** (p - 2.0)
    stiff = curvature + point.low / point.below + point.high / point.above
    soft = np.where(kinds.free, 1.0 / stiff, 0.0)
    matrix = np.matmul(batch.gain * soft[:, None, :], batch.gain.swapaxes(1, 2))
    diagonal = np.einsum("bii->bi", matrix)
    diagonal += 0.5 * batch.reserve**2
    diagonal += _STAY * (diagonal.mean(1, keepdims=True) + 1e-6)
    inverse = np.linalg.inv(matrix)
    e_wanted = 0.5 * batch.reserve * point.y - point.e

    def move(low: Array | float, high: Array | float) -> _Point:
        """The step that makes the products at lower and upper bounds `low` and `high`."""
        force = np.where(kinds.free, low / point.below - point.low - off, 0.0)
        force -= np.where(kinds.capped, high / point.above - point.high, 0.0)
        rest = balance - batch.made(soft * force, e_wanted)
        y = np.matmul(inverse, rest[:, :, None])[:, :, 0]
        x = soft * (force + np.matmul(y[:, None, :], batch.gain)[:, 0])
        lower = np.where(kinds.free, (low - point.low * x) / point.below - point.low, 0.0)
        upper = np.where(kinds.capped, (high + point.high * x) / point.above - point.high, 0.0)
        e = e_wanted + 0.5 * batch.reserve * y
        below, above = np.where(kinds.free, x, 0.0), np.where(kinds.capped, -x, 0.0)
        return _Point(x, e, y, lower, upper, below, above)

    gap = kinds.gap(point)
    guess = move(0.0, 0.0)
    reached = point.along(guess, _length(point, guess, 1.0, np.inf))
    ratio = np.clip(kinds.gap(reached) / np.maximum(gap, 1e-300), 0.0, 1.0)
    center = np.maximum(gap * ratio**3, 0.1 * GAP)[:, None]
    step = move(center - guess.x * guess.low, center + guess.x * guess.high)
    return point.along(step, _length(point, step, _KEEP, _RANGE / p))


def _length(point: _Point, step: _Point, keep: float, most: float) -> Array:
    """(B, 1) how far the step may go before a distance or a multiplier would vanish."""
    limit = np.ones(len(point.x))
    for value, change in (
        (point.below, step.below),
        (point.above, step.above),
        (point.low, step.low),
        (point.high, step.high),
    ):
        shrinks = change < 0.0
        ratio = np.where(shrinks, value / np.where(shrinks, -change, 1.0), np.inf)
        limit = np.minimum(limit, keep * ratio.min(1))
    part = np.abs(step.x) / np.maximum(np.abs(point.x), 1e-3)
    return np.minimum(limit, most / np.maximum(part.max(1), 1e-30))[:, None]
