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

_GRID = 128  # intervals of the table that starts Newton's iteration
_ITERATIONS = 20
_TOLERANCE = 1e-8  # of the last step; Newton squares it, so u is then exact to rounding

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
        self._x = points[:, :, 0] @ _BERNSTEIN.T  # (curve, segment, power of u)
        self._y = points[:, :, 1] @ _BERNSTEIN.T
        self._break = np.concatenate([points[:, :, 0, 0], points[:, -1:, 0, -1]], axis=1)
        self._start = self._table()

    def value(self, x: Array) -> Array:
        """(..., m) curve of muscle j at x[..., j]."""
        return self._evaluate(x, slope=False)

    def slope(self, x: Array) -> Array:
        """(..., m) first derivative."""
        return self._evaluate(x, slope=True)

    def _table(self) -> Array:
        """(curve, segment, grid + 1) u at equal steps of x."""
        u = np.linspace(0.0, 1.0, 8 * _GRID + 1)
        power = u[:, None] ** np.arange(6)
        table = np.empty((*self._x.shape[:2], _GRID + 1))
        for curve, segments in enumerate(self._x):
            for segment, coefficients in enumerate(segments):
                x = power @ coefficients
                table[curve, segment] = np.interp(np.linspace(x[0], x[-1], _GRID + 1), x, u)
        return table

    def _evaluate(self, x: Array, slope: bool) -> Array:
        x = np.asarray(x, dtype=np.float64)
        flat = x.reshape(-1, x.shape[-1])
        curve = np.broadcast_to(self._which, flat.shape)
        out = np.full(flat.shape, np.nan)
        for outside, (x0, y0, slope0) in (
            (flat < self._low[0][self._which], self._low),
            (flat >= self._high[0][self._which], self._high),
        ):
            ids = curve[outside]
            out[outside] = (
                slope0[ids] if slope else y0[ids] + slope0[ids] * (flat[outside] - x0[ids])
            )
        edges = self._break[self._which]  # (m, segments + 1)
        for segment in range(edges.shape[1] - 1):
            inside = (flat >= edges[:, segment]) & (flat < edges[:, segment + 1])
            if inside.any():
                out[inside] = self._segment(segment, curve[inside], flat[inside], slope)
        return out.reshape(x.shape)

    def _segment(self, segment: int, curve: NDArray[np.intp], x: Array, slope: bool) -> Array:
        px = self._x[curve, segment].T if len(self._x) > 1 else self._x[0, segment]
        py = self._y[curve, segment].T if len(self._x) > 1 else self._y[0, segment]
        left, right = self._break[curve, segment], self._break[curve, segment + 1]
        place = (x - left) / (right - left) * _GRID
        cell = np.minimum(place.astype(np.intp), _GRID - 1)
        low, high = (self._start[curve, segment, cell + i] for i in (0, 1))
        u = low + (place - cell) * (high - low)
        for _ in range(_ITERATIONS):
            step = (_polynomial(px, u) - x) / _derivative(px, u)
            u = np.clip(u - step, 0.0, 1.0)
            if np.abs(step).max() < _TOLERANCE:
                break
        return _derivative(py, u) / _derivative(px, u) if slope else _polynomial(py, u)


def _polynomial(p: Array, u: Array) -> Array:
    return p[0] + u * (p[1] + u * (p[2] + u * (p[3] + u * (p[4] + u * p[5]))))


def _derivative(p: Array, u: Array) -> Array:
    return p[1] + u * (2 * p[2] + u * (3 * p[3] + u * (4 * p[4] + u * 5 * p[5])))
