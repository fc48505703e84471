"""Smooth curves made of quintic Bezier segments, evaluated for many muscles at once.

OpenSim's SegmentedQuinticBezierToolkit and SmoothSegmentedFunction build the curves of Millard,
Uchida, Seth, Delp 2013 (J Biomech Eng 135:021005) this way. Outside its ends a curve is a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_GRID = 256  # intervals of the table that starts Newton's iteration
_NEWTON = 6  # steps of it for the table itself
_CHUNK = 8192  # values at once: the polynomials' coefficients of each stay in the cache

# Powers of u of the six Bernstein polynomials of degree five.
_BERNSTEIN = np.array(
    [
        [1, 0, 0, 0, 0, 0],
        [-5, 5, 0, 0, 0, 0],
        [10, -20, 10, 0, 0, 0],
        [-10, 30, -30, 10, 0, 0],
        [5, -20, 30, -20, 5, 0],
        [-1, 5, -10, 10, -5, 1],
    ],
    dtype=np.float64,
)


class Knot(NamedTuple):
    """A point the curve goes through, and its slope there."""

    x: float
    y: float
    slope: float


def corner(start: Knot, end: Knot, curviness: float) -> Array:
    """(2, 6) control points, x and y, of a C-shaped segment with no curvature at its ends.

    curviness from 0 (a straight line) to 1 (hugs the corner where both end tangents meet).
    """
    if abs(start.slope - end.slope) > np.sqrt(np.finfo(float).eps):
        rise = end.y - start.y - end.x * end.slope + start.x * start.slope
        x = rise / (start.slope - end.slope)
    else:
        x = 0.5 * (start.x + end.x)
    y = (x - end.x) * end.slope + end.y
    tight = 0.1 + 0.8 * curviness  # OpenSim's scaleCurviness
    near = start.x + tight * (x - start.x), start.y + tight * (y - start.y)
    far = end.x + tight * (x - end.x), end.y + tight * (y - end.y)
    return np.array([start[:2], near, near, far, far, end[:2]]).T


class SmoothCurve:
    """One curve per muscle, all of the same number of segments.

    Args:
        knots: per muscle the knots from left to right; segment i joins knot i and i + 1.
        curviness: per muscle one number per segment.
        inverted: exchange x and y, which gives the inverse function.
    """

    def __init__(
        self,
        knots: Sequence[Sequence[Knot]],
        curviness: Sequence[Sequence[float]],
        inverted: bool = False,
    ) -> None:
        # Muscles mostly share a curve: each distinct one is stored once.
        distinct: dict[tuple[tuple[Knot, ...], tuple[float, ...]], int] = {}
        keys = [(tuple(k), tuple(c)) for k, c in zip(knots, curviness, strict=True)]
        self._which = np.array([distinct.setdefault(key, len(distinct)) for key in keys])
        points = np.array(
            [
                [corner(a, b, c) for a, b, c in zip(k[:-1], k[1:], tightness, strict=True)]
                for k, tightness in distinct
            ]
        )
        ends = np.array([[k[0], k[-1]] for k, _ in distinct])
        if inverted:
            points = points[:, :, ::-1]
            ends = np.stack([ends[..., 1], ends[..., 0], 1.0 / ends[..., 2]], axis=-1)
        self._low, self._high = ends[:, 0].T, ends[:, 1].T  # (x, y, slope) of each curve's ends
        self._inner = points[:, 1:, 0, 0].T  # where segments meet, (segments - 1, curve)
        # Segments of all curves in one row: an index finds them fastest that way.
        self._segments = points.shape[1]
        flat = points.reshape(-1, 2, 6)
        self._x, self._y = (_BERNSTEIN @ flat[:, axis].T for axis in (0, 1))  # (power, segment)
        self._left = flat[:, 0, 0]
        self._cells = _GRID / (flat[:, 0, 5] - self._left)
        self._start = self._table()

    def value(self, x: Array) -> Array:
        """(..., m) curve of muscle j at x[..., j]."""
        return self._evaluate(x, slope=False)

    def slope(self, x: Array) -> Array:
        """(..., m) first derivative."""
        return self._evaluate(x, slope=True)

    def _table(self) -> Array:
        """(2, segment · (grid + 1)) u, and its change per cell, at equal steps of x."""
        fine = np.linspace(0.0, 1.0, 8 * _GRID + 1)
        table = np.empty((2, self._x.shape[1], _GRID + 1))
        for segment, px in enumerate(self._x.T):
            x = _polynomial(px, fine)
            at = np.linspace(x[0], x[-1], _GRID + 1)
            u = np.interp(at, x, fine)
            for _ in range(_NEWTON):
                u = np.clip(u - (_polynomial(px, u) - at) / _derivative(px, u), 0.0, 1.0)
            table[:, segment] = u, (at[1] - at[0]) / _derivative(px, u)
        return table.reshape(2, -1)

    def _evaluate(self, x: Array, slope: bool) -> Array:
        x = np.asarray(x, dtype=np.float64)
        rows = x.reshape(-1, x.shape[-1])
        out = np.empty_like(rows)
        size = max(1, _CHUNK // max(1, rows.shape[1]))
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            curve = np.broadcast_to(self._which, part.shape).ravel()
            out[start : start + size] = self._at(curve, part.ravel(), slope).reshape(part.shape)
        return out.reshape(x.shape)

    def _at(self, curve: NDArray[np.intp], x: Array, slope: bool) -> Array:
        """(n,) value or slope of curves (n,) at x (n,)."""
        low, high = self._low.take(curve, axis=1), self._high.take(curve, axis=1)
        left, right = x < low[0], x >= high[0]
        # Elements beyond the ends are computed at the end and replaced afterwards.
        inside = np.minimum(np.maximum(x, low[0]), high[0])
        segment = curve * self._segments
        for edges in self._inner:
            segment += inside >= edges.take(curve)
        u, px = self._parameter(segment, inside)
        py = self._y.take(segment, axis=1)
        if slope:
            middle = _derivative(py, u) / _derivative(px, u)
            return np.where(left, low[2], np.where(right, high[2], middle))
        before, after = (end[1] + end[2] * (x - end[0]) for end in (low, high))
        return np.where(left, before, np.where(right, after, _polynomial(py, u)))

    def _parameter(self, segment: NDArray[np.intp], x: Array) -> tuple[Array, Array]:
        """u (n,) of each x on its segment, and the segment's polynomial x(u) (6, n)."""
        px = self._x.take(segment, axis=1)
        place = (x - self._left.take(segment)) * self._cells.take(segment)
        cell = np.minimum(place.astype(np.intp), _GRID - 1)
        t = place - cell
        cell += segment * (_GRID + 1)
        u0, du0 = self._start.take(cell, axis=1)
        u1, du1 = self._start.take(cell + 1, axis=1)
        # Cubic Hermite interpolation comes so near that one Newton step ends at rounding.
        bend = (1.0 - t) * (du0 + u0 - u1) + t * (u1 - u0 - du1)
        u = u0 + t * (u1 - u0) + t * (1.0 - t) * bend
        u -= (_polynomial(px, u) - x) / _derivative(px, u)
        return np.minimum(np.maximum(u, 0.0), 1.0), px


def _polynomial(p: Array, u: Array) -> Array:
    return p[0] + u * (p[1] + u * (p[2] + u * (p[3] + u * (p[4] + u * p[5]))))


def _derivative(p: Array, u: Array) -> Array:
    return p[1] + u * (2 * p[2] + u * (3 * p[3] + u * (4 * p[4] + u * 5 * p[5])))
