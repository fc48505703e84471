"""Many small linear programs at once: the bounded primal simplex method, batched over problems.

A frame of a gait model asks for twice as many linear programs as it has muscles, all with a few
rows. A general solver spends its time on set-up; here every pivot is one NumPy operation over all
of them. A program counts as solved only when its end point is feasible and its reduced costs prove
it optimal; whoever calls gives the others to a general solver.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.intp]

PIVOT = 1e-9  # smaller entries of a direction are rounding
FEASIBLE = 1e-9  # bounds and rows may be missed by this
OPTIMAL = 1e-9  # reduced costs may have the wrong sign by this
REFACTOR = 24  # pivots before the inverse is computed afresh
PIVOTS = 400  # more pivots than this is cycling


@dataclass(frozen=True, eq=False)
class Programs:
    """N programs: least cost·x with ``matrix x = right`` and lower <= x <= upper.

    cost (N, n); matrix (N, k, n), rows of about unit size; right (N, k); lower, upper (N, n), lower
    finite, upper may be inf.
    """

    cost: Array
    matrix: Array
    right: Array
    lower: Array
    upper: Array

    def take(self, rows: Index) -> Programs:
        """The programs `rows`."""
        parts = (self.cost, self.matrix, self.right, self.lower, self.upper)
        return Programs(*(part[rows] for part in parts))


class Vertices(NamedTuple):
    """Corners: basis (N, k) indices of the variables between their bounds; high (N, n) bool, which
    of the others sit at their upper bound; value (N, n); solved (N,) bool."""

    basis: Index
    high: NDArray[np.bool_]
    value: Array
    solved: NDArray[np.bool_]

    def take(self, rows: Index) -> Vertices:
        """The corners `rows`."""
        return Vertices(self.basis[rows], self.high[rows], self.value[rows], self.solved[rows])


def minimize(programs: Programs, start: Vertices) -> Vertices:
    """Optimal corners of `programs`, from feasible corners `start`; an unbounded program, or one
    that pivots forever, ends unsolved."""
    count = len(programs.right)
    basis, high = start.basis.copy(), start.high.copy()
    value, solved = start.value.copy(), np.zeros(count, dtype=bool)
    left = np.arange(count)
    run = _Run(programs, basis, high)
    for pivot in range(PIVOTS):
        if pivot % REFACTOR == 0:
            run.factorize()
        done = run.step(bland=pivot > PIVOTS // 2)
        # Copying the rest costs as much as a pivot, so finished programs wait for company.
        if done.mean() > 0.25:
            rows = left[done]
            basis[rows], high[rows] = run.basis[done], run.high[done]
            value[rows], solved[rows] = _proven(programs.take(rows), basis[rows], high[rows])
            left = left[~done]
            run.keep(~done)
        if left.size == 0:
            break
    return Vertices(basis, high, value, solved)


def feasible(programs: Programs, weight: Array) -> tuple[Vertices, Array]:
    """Corners that miss the rows by the least weighted sum |missing|, weight (k,) or (N, k).

    Returns corners of the programs widened by 2k columns, +1 and -1 for what each row misses (the
    order of :func:`widen`), and the missing part (N, k).
    """
    count, k, n = programs.matrix.shape
    wide = widen(programs)
    wide = replace(wide, cost=np.zeros_like(wide.cost))
    wide.cost[:, n : n + k] = wide.cost[:, n + k :] = weight
    rest = programs.right - np.einsum("nkm,nm->nk", programs.matrix, programs.lower)
    basis = n + np.arange(k) + np.where(rest < 0, k, 0)
    value = np.concatenate([programs.lower, np.maximum(rest, 0), np.maximum(-rest, 0)], axis=1)
    start = Vertices(basis, np.zeros(value.shape, dtype=bool), value, np.zeros(count, dtype=bool))
    found = minimize(wide, start)
    return found, found.value[:, n : n + k] - found.value[:, n + k :]


def widen(programs: Programs, missing: Array | None = None) -> Programs:
    """`programs` with columns +1 and -1 for what each row misses, free or held at `missing`."""
    count, k, _ = programs.matrix.shape
    eye = np.broadcast_to(np.eye(k), (count, k, k))
    low, high = np.zeros((count, 2 * k)), np.full((count, 2 * k), np.inf)
    if missing is not None:
        low[:, :k], low[:, k:] = np.maximum(missing, 0), np.maximum(-missing, 0)
        high = low
    return Programs(
        np.concatenate([programs.cost, np.zeros((count, 2 * k))], axis=1),
        np.concatenate([programs.matrix, eye, -eye], axis=2),
        programs.right,
        np.concatenate([programs.lower, low], axis=1),
        np.concatenate([programs.upper, high], axis=1),
    )


class _Run:
    """The state of programs that are not finished."""

    def __init__(self, programs: Programs, basis: Index, high: NDArray[np.bool_]) -> None:
        self.programs, self.basis, self.high = programs, basis.copy(), high.copy()
        self.rows = np.arange(len(basis))[:, None]
        self.inverse = np.empty(0)
        self.x = np.empty(0)

    def keep(self, mask: NDArray[np.bool_]) -> None:
        self.programs = self.programs.take(np.flatnonzero(mask))
        self.basis, self.high = self.basis[mask], self.high[mask]
        self.inverse, self.x = self.inverse[mask], self.x[mask]
        self.rows = np.arange(len(self.basis))[:, None]

    def factorize(self) -> None:
        """Inverse of the basis and basic values, free of accumulated rounding."""
        self.inverse, value = _basic(self.programs, self.basis, self.high)
        self.x = np.take_along_axis(value, self.basis, axis=1)

    def step(self, *, bland: bool) -> NDArray[np.bool_]:
        """One pivot of every program; True where there is none to make any more."""
        p, one = self.programs, self.rows[:, 0]
        price = np.matmul(np.take_along_axis(p.cost, self.basis, 1)[:, None], self.inverse)
        reduced = p.cost - np.matmul(price, p.matrix)[:, 0]
        gain = np.where(self.high, reduced, -reduced)
        np.put_along_axis(gain, self.basis, 0.0, axis=1)
        gain[p.upper <= p.lower] = 0.0
        # Bland's rule never cycles: the first variable that helps enters.
        enter = np.argmax(gain > OPTIMAL, axis=1) if bland else np.argmax(gain, axis=1)
        done: NDArray[np.bool_] = gain[one, enter] <= OPTIMAL
        way = np.where(self.high[one, enter], -1.0, 1.0)
        column = np.matmul(self.inverse, p.matrix[one, :, enter][:, :, None])[:, :, 0]
        leave, length, to_high = self._ratio(way[:, None] * column)
        span = p.upper[one, enter] - p.lower[one, enter]
        flip = (span <= length) & ~done
        move = ~flip & ~done & np.isfinite(length)
        length = np.where(done, 0.0, np.minimum(length, span))
        ran_away = np.isinf(length)
        length[ran_away] = 0.0
        self.x -= (way * length)[:, None] * column
        self.high[flip, enter[flip]] ^= True
        self._swap(np.flatnonzero(move), enter, leave, column, way * length, to_high)
        return done | ran_away

    def _ratio(self, slope: Array) -> tuple[Index, Array, NDArray[np.bool_]]:
        """Which basic variable meets a bound first, after which length, and is it the upper."""
        low = np.take_along_axis(self.programs.lower, self.basis, 1)
        high = np.take_along_axis(self.programs.upper, self.basis, 1)
        room = np.where(slope > 0, self.x - low, high - self.x)
        size = np.abs(slope)
        with np.errstate(divide="ignore", invalid="ignore"):
            length = np.where(size > PIVOT, np.maximum(room, 0.0) / size, np.inf)
        least = length.min(axis=1)
        # Among variables that meet their bounds together the largest pivot is the safest.
        leave = np.argmax(np.where(length <= least[:, None] + FEASIBLE, size, -1.0), axis=1)
        one = self.rows[:, 0]
        return leave, length[one, leave], slope[one, leave] < 0

    def _swap(
        self,
        rows: Index,
        enter: Index,
        leave: Index,
        column: Array,
        change: Array,
        to_high: NDArray[np.bool_],
    ) -> None:
        """Exchange one basic variable for another in the programs `rows`."""
        new, at = enter[rows], leave[rows]
        p, old = self.programs, self.basis[rows, at]
        start = np.where(self.high[rows, new], p.upper[rows, new], p.lower[rows, new])
        self.high[rows, old], self.high[rows, new] = to_high[rows], False
        self.basis[rows, at] = new
        self.x[rows, at] = start + change[rows]
        pivot_row = self.inverse[rows, at] / column[rows, at][:, None]
        self.inverse[rows] -= column[rows][:, :, None] * pivot_row[:, None, :]
        self.inverse[rows, at] = pivot_row


def _basic(programs: Programs, basis: Index, high: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Inverse (N, k, k) of the basis and the values (N, n) of its corner."""
    value = np.where(high, programs.upper, programs.lower)
    np.put_along_axis(value, basis, 0.0, axis=1)
    square = np.take_along_axis(programs.matrix, basis[:, None, :], axis=2)
    inverse = _inverse(square)
    rest = programs.right - np.matmul(programs.matrix, value[:, :, None])[:, :, 0]
    np.put_along_axis(value, basis, np.matmul(inverse, rest[:, :, None])[:, :, 0], axis=1)
    return inverse, value


def _proven(
    programs: Programs, basis: Index, high: NDArray[np.bool_]
) -> tuple[Array, NDArray[np.bool_]]:
    """Values (N, n) of corners, and whether feasibility and reduced costs prove them optimal."""
    inverse, value = _basic(programs, basis, high)
    price = np.matmul(np.take_along_axis(programs.cost, basis, 1)[:, None], inverse)
    reduced = programs.cost - np.matmul(price, programs.matrix)[:, 0]
    np.put_along_axis(reduced, basis, 0.0, axis=1)
    reduced[programs.upper <= programs.lower] = 0.0
    slack = 100 * FEASIBLE
    inside = (value >= programs.lower - slack) & (value <= programs.upper + slack)
    sign = np.where(high, -reduced, reduced) >= -100 * OPTIMAL
    return np.clip(value, programs.lower, programs.upper), (inside & sign).all(axis=1)


def _inverse(square: Array) -> Array:
    try:
        return np.asarray(np.linalg.inv(square))
    except np.linalg.LinAlgError:  # one of many; its corner will not pass as proven
        return np.asarray(np.linalg.pinv(square))
