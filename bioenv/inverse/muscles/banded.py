"""A convex quadratic program over a whole trial whose frames are chained muscle by muscle.

    minimize   sum over frames of  ½ (E x + c)'H (E x + c) + ½ y'Dy
    with       A x + D y = b
    and        G x <= h

A acts within a frame; E and the rows of G within a muscle, over a few frames (:mod:`.stencil`). H
and D are diagonal; a small D makes the balance exact, and y are its multipliers. Mehrotra's
primal-dual interior-point method (Mehrotra S 1992, SIAM J Optim 2:575; for quadratic programs
Nocedal, Wright 2006, ch. 16.6). With the frames in order every Newton system is a symmetric band a
few frames wide, so one call of LAPACK's banded Cholesky solves it and the work grows linearly with
the trial.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_solve_banded, cholesky_banded

from bioenv.inverse.muscles.stencil import Stencil

Array = NDArray[np.float64]

ITERATIONS = 60
TOLERANCE = 1e-8  # of x, where the search ends
ACCEPTED = 1e-4  # of x: a point this good counts as solved when rounding allows no better
PATIENCE = 6  # iterations without progress before rounding is to blame
TO_BOUNDARY = 0.995  # of the longest step that keeps slacks and multipliers positive
ROOM = 0.1  # slack a limit has at the start
# Multiplier of a limit at the start, of the curvature. A generous one matters where the demand is
# out of reach: multipliers are then thousands of times larger than elsewhere.
FORCE = 1e3


@dataclass(frozen=True, eq=False)
class Chain:
    """The program above: T frames of m variables and k balances.

    gain A (T, k, m); demand b (T, k); compliance D (T, k) > 0; effort E, offset c and curvature
    H > 0 (T, m); limits: pairs of G and h (T, m), together bounding x.
    """

    gain: Array
    demand: Array
    compliance: Array
    effort: Stencil
    offset: Array
    curvature: Array
    limits: tuple[tuple[Stencil, Array], ...]

    @property
    def width(self) -> int:
        """Sub-diagonals of the band."""
        reach = max(1, self.effort.span, *(rows.span for rows, _ in self.limits))
        return reach * self.gain.shape[2]

    def back(self, v: list[Array]) -> Array:
        """G' v, (T, m)."""
        pairs = zip(self.limits, v, strict=True)
        return np.asarray(sum(rows.back(one) for (rows, _), one in pairs))

    def rows(self, x: Array) -> list[Array]:
        """G x."""
        return [rows(x) for rows, _ in self.limits]

    def made(self, x: Array) -> Array:
        """A x, (T, k)."""
        return np.matmul(self.gain, x[:, :, None])[:, :, 0]

    def pulled(self, y: Array) -> Array:
        """A' y, (T, m)."""
        return np.matmul(y[:, None], self.gain)[:, 0]


class Chained(NamedTuple):
    """x (T, m), y (T, k); pressure: largest multiplier of a limit; residual (T,): largest violation
    of the optimality conditions of a frame in units of x; converged; iterations."""

    x: Array
    y: Array
    pressure: float
    residual: Array
    converged: bool
    iterations: int


@dataclass
class _Point:
    """Where the method stands: x, y, slacks and multipliers of the four kinds of limits."""

    x: Array
    y: Array
    slack: list[Array]
    force: list[Array]

    def move(self, length: float, step: _Point) -> _Point:
        return _Point(
            self.x + length * step.x,
            self.y + length * step.y,
            [a + length * b for a, b in zip(self.slack, step.slack, strict=True)],
            [a + length * b for a, b in zip(self.force, step.force, strict=True)],
        )

    def longest(self, step: _Point) -> float:
        """Longest step that keeps slacks and multipliers positive, at most 1."""
        pairs = zip(self.slack + self.force, step.slack + step.force, strict=True)
        ratio = [(-a[b < 0] / b[b < 0]).min(initial=1.0) for a, b in pairs]
        return float(min(ratio))

    def gap(self) -> float:
        """Mean product of slack and multiplier."""
        pairs = list(zip(self.slack, self.force, strict=True))
        return float(sum((s * f).sum() for s, f in pairs) / sum(s.size for s, _ in pairs))


class _Errors(NamedTuple):
    """Of stationarity (T, m), balance (T, k) and limits."""

    dual: Array
    balance: Array
    limits: list[Array]


def minimize(chain: Chain, start: Array) -> Chained:
    """The solution, from any `start` (T, m)."""
    scale = float(chain.curvature.mean())
    slack = [np.maximum(h - rows(start), ROOM) for rows, h in chain.limits]
    force = [np.full_like(one, FORCE * scale) for one in slack]
    point = _Point(start, np.zeros_like(chain.demand), slack, force)
    band = _band(chain)
    best, least, found, iteration = point, np.full(len(start), np.inf), 0, 0
    for iteration in range(ITERATIONS):
        errors = _errors(chain, point)
        residual = _residual(chain, point, errors)
        if residual.max() < least.max():
            best, least, found = point, residual, iteration
        if least.max() < TOLERANCE or iteration - found > PATIENCE:
            break
        try:
            point = _advance(chain, band, point, errors)
        except LinAlgError:  # rounding has the last word
            break
    pressure = max(float(one.max()) for one in best.force)
    return Chained(best.x, best.y, pressure, least, bool(least.max() < ACCEPTED), iteration)


def _advance(chain: Chain, band: Array, point: _Point, errors: _Errors) -> _Point:
    """One predictor-corrector step."""
    stiff = [f / s for f, s in zip(point.force, point.slack, strict=True)]
    factor = _factor(chain, band, stiff)
    known = errors.dual + chain.pulled(errors.balance / chain.compliance)

    def direction(push: list[Array]) -> _Point:
        kinds = list(zip(push, point.slack, stiff, errors.limits, strict=True))
        load = known + chain.back([p / s + w * r for p, s, w, r in kinds])
        dx = cho_solve_banded((factor, True), -load.ravel(), check_finite=False).reshape(load.shape)
        dy = -(errors.balance + chain.made(dx)) / chain.compliance
        ds = [-r - g for r, g in zip(errors.limits, chain.rows(dx), strict=True)]
        df = [p / s - w * d for (p, s, w, _), d in zip(kinds, ds, strict=True)]
        return _Point(dx, dy, ds, df)

    push = [-s * f for s, f in zip(point.slack, point.force, strict=True)]
    step = direction(push)
    ahead, gap = point.move(point.longest(step), step).gap(), point.gap()
    center = (ahead / gap) ** 3 * gap
    push = [p + center - a * b for p, a, b in zip(push, step.slack, step.force, strict=True)]
    step = direction(push)
    length = point.longest(step)
    return point.move(1.0 if length == 1.0 else TO_BOUNDARY * length, step)


def _errors(chain: Chain, point: _Point) -> _Errors:
    effort = chain.effort.back(chain.curvature * (chain.effort(point.x) + chain.offset))
    dual = effort - chain.pulled(point.y) + chain.back(point.force)
    balance = chain.made(point.x) + chain.compliance * point.y - chain.demand
    kinds = zip(chain.limits, point.slack, strict=True)
    return _Errors(dual, balance, [rows(point.x) + s - h for (rows, h), s in kinds])


def _residual(chain: Chain, point: _Point, errors: _Errors) -> Array:
    """(T,) violations in units of x; of a product of slack and multiplier the smaller factor."""
    size = np.abs(chain.gain).max(axis=(0, 2)) + 1e-300
    size_of_effort = sum(c**2 for c in chain.effort.parts.values())
    worst = np.maximum(
        (np.abs(errors.dual) / (chain.curvature * size_of_effort)).max(axis=1),
        (np.abs(errors.balance) / size).max(axis=1, initial=0.0),
    )
    scale = chain.curvature.mean(axis=0)
    for limit, slack, force in zip(errors.limits, point.slack, point.force, strict=True):
        kind = np.maximum(np.abs(limit), np.minimum(slack, force / scale))
        worst = np.maximum(worst, kind.max(axis=1))
    return np.asarray(worst)


def _band(chain: Chain) -> Array:
    """E'HE + A' D^-1 A in lower band storage (width + 1, T m)."""
    scaled = chain.gain / np.sqrt(chain.compliance)[:, :, None]
    block = np.matmul(scaled.swapaxes(1, 2), scaled)
    frames, m, _ = block.shape
    band = np.zeros((chain.width + 1, frames, m))
    row, column = np.tril_indices(m)
    band[row - column, :, column] = block[:, row, column].T
    flat = band.reshape(-1, frames * m)
    chain.effort.accumulate(flat, chain.curvature)
    return flat


def _factor(chain: Chain, band: Array, stiff: list[Array]) -> Array:
    """Banded Cholesky factor of E'HE + A' D^-1 A + G' diag(stiff) G."""
    full = band.copy()
    for (rows, _), weight in zip(chain.limits, stiff, strict=True):
        rows.accumulate(full, weight)
    return np.asarray(cholesky_banded(full, overwrite_ab=True, lower=True, check_finite=False))
