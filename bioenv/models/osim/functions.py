"""The functions of an OpenSim model: a coordinate in, a translation, angle or point out.

Each is vectorised (any shape in, the same shape out) with exact first and second derivatives, as
accelerations need them. Splines continue as straight lines beyond their ends, as OpenSim's do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import BSpline, make_interp_spline

from bioenv.errors import BioenvError

Array = NDArray[np.float64]

# OpenSim's TINY_NUMBER: the smallest distance of two knots it divides by.
_TINY = 1e-7


class Function(Protocol):
    """A twice differentiable function of one coordinate, m or rad in; any shape."""

    def value(self, x: Array) -> Array:
        """f(x)."""
        ...

    def slope(self, x: Array) -> Array:
        """First derivative."""
        ...

    def curvature(self, x: Array) -> Array:
        """Second derivative."""
        ...


@dataclass(frozen=True)
class Constant:
    """The same value everywhere (OpenSim's Constant)."""

    constant: float

    def value(self, x: Array) -> Array:
        return np.full(np.shape(x), self.constant)

    def slope(self, x: Array) -> Array:
        return np.zeros(np.shape(x))

    def curvature(self, x: Array) -> Array:
        return np.zeros(np.shape(x))


@dataclass(frozen=True)
class Linear:
    """``gradient · x + intercept`` (OpenSim's LinearFunction)."""

    gradient: float
    intercept: float = 0.0

    def value(self, x: Array) -> Array:
        return self.gradient * np.asarray(x) + self.intercept

    def slope(self, x: Array) -> Array:
        return np.full(np.shape(x), self.gradient)

    def curvature(self, x: Array) -> Array:
        return np.zeros(np.shape(x))


@dataclass(frozen=True)
class Polynomial:
    """Polynomial, highest power first (OpenSim's PolynomialFunction)."""

    coefficients: tuple[float, ...]

    def value(self, x: Array) -> Array:
        return np.polyval(self.coefficients, np.asarray(x, dtype=float))

    def slope(self, x: Array) -> Array:
        return np.polyval(np.polyder(self.coefficients), np.asarray(x, dtype=float))

    def curvature(self, x: Array) -> Array:
        return np.polyval(np.polyder(self.coefficients, 2), np.asarray(x, dtype=float))


@dataclass(frozen=True)
class Scaled:
    """``factor · function(x)`` (OpenSim's MultiplierFunction)."""

    function: Function
    factor: float

    def value(self, x: Array) -> Array:
        return self.factor * self.function.value(x)

    def slope(self, x: Array) -> Array:
        return self.factor * self.function.slope(x)

    def curvature(self, x: Array) -> Array:
        return self.factor * self.function.curvature(x)


@dataclass(frozen=True)
class Sine:
    """``amplitude · sin(omega · x + phase) + offset`` (OpenSim's Sine)."""

    amplitude: float
    omega: float
    phase: float
    offset: float = 0.0

    def value(self, x: Array) -> Array:
        return self.amplitude * np.sin(self.omega * np.asarray(x) + self.phase) + self.offset

    def slope(self, x: Array) -> Array:
        return self.amplitude * self.omega * np.cos(self.omega * np.asarray(x) + self.phase)

    def curvature(self, x: Array) -> Array:
        return -self.amplitude * self.omega**2 * np.sin(self.omega * np.asarray(x) + self.phase)


@dataclass(frozen=True, eq=False)
class _Table:
    """Points x (n,) strictly rising, y (n,)."""

    x: ArrayLike
    y: ArrayLike
    _x: Array = field(init=False, repr=False)
    _y: Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        x, y = (np.array(v, dtype=float).ravel() for v in (self.x, self.y))
        kind = type(self).__name__
        if x.size != y.size or x.size < 2:
            raise BioenvError(f"{kind} needs as many x as y, at least 2; got {x.size}, {y.size}")
        if not (np.isfinite(x).all() and np.isfinite(y).all() and (np.diff(x) >= 0.0).all()):
            raise BioenvError(f"{kind} needs finite points with x rising; got x = {x.tolist()}")
        object.__setattr__(self, "_x", x)
        object.__setattr__(self, "_y", y)

    def _piece(self, x: Array) -> NDArray[np.intp]:
        """Index of the interval each value lies in, the end ones beyond the ends."""
        # Among the inner knots only: no clipping, which would cost more than the search.
        return np.searchsorted(self._x[1:-1], x, side="right")


@dataclass(frozen=True, eq=False)
class PiecewiseLinear(_Table):
    """Straight lines between points (OpenSim's PiecewiseLinearFunction)."""

    @cached_property
    def _rise(self) -> Array:
        return np.diff(self._y) / np.maximum(np.diff(self._x), _TINY)

    def value(self, x: Array) -> Array:
        k = self._piece(np.asarray(x, dtype=float))
        return self._y[k] + self._rise[k] * (x - self._x[k])

    def slope(self, x: Array) -> Array:
        return self._rise[self._piece(np.asarray(x, dtype=float))]

    def curvature(self, x: Array) -> Array:
        return np.zeros(np.shape(x))


@dataclass(frozen=True, eq=False)
class Spline(_Table):
    """OpenSim's SimmSpline: a cubic spline whose third derivative at each end is that of the cubic
    through the four end points (Forsythe, Malcolm & Moler 1977); straight beyond the ends."""

    @cached_property
    def _cubic(self) -> tuple[Array, Array, Array]:
        """Coefficients b, c, d (n,) of ``y + h (b + h (c + h d))`` from every knot."""
        if self._x.size == 2:
            rise = np.diff(self._y) / np.maximum(np.diff(self._x), _TINY)
            return np.repeat(rise, 2), np.zeros(2), np.zeros(2)
        return _cubic_coefficients(self._x, self._y)

    def value(self, x: Array) -> Array:
        b, c, d = self._cubic
        x = np.asarray(x, dtype=float)
        k = self._piece(x)
        h = np.minimum(np.maximum(x, self._x[0]), self._x[-1]) - self._x[k]
        inside = self._y[k] + h * (b[k] + h * (c[k] + h * d[k]))
        low, high = np.minimum(x - self._x[0], 0.0), np.maximum(x - self._x[-1], 0.0)
        return inside + low * b[0] + high * b[-1]

    def slope(self, x: Array) -> Array:
        b, c, d = self._cubic
        x = np.asarray(x, dtype=float)
        k = self._piece(x)
        h = np.minimum(np.maximum(x, self._x[0]), self._x[-1]) - self._x[k]
        return b[k] + h * (2.0 * c[k] + 3.0 * h * d[k])

    def curvature(self, x: Array) -> Array:
        _, c, d = self._cubic
        x = np.asarray(x, dtype=float)
        k = self._piece(x)
        inside = 2.0 * c[k] + 6.0 * (x - self._x[k]) * d[k]
        return np.where((x < self._x[0]) | (x > self._x[-1]), 0.0, inside)


def _cubic_coefficients(x: Array, y: Array) -> tuple[Array, Array, Array]:
    """Solve the tridiagonal system for sixths of the second derivatives, then b, c, d (n,)."""
    n = x.size
    step = np.maximum(np.diff(x), _TINY)
    rise = np.diff(y) / step
    bend = np.diff(rise)  # at the inner knots
    diagonal = np.concatenate([[-step[0]], 2.0 * (step[:-1] + step[1:]), [-step[-1]]])
    right = np.concatenate([[0.0], bend, [0.0]])
    if n > 3:
        span = np.maximum(x[2:] - x[:-2], _TINY)
        wide = np.maximum([x[3] - x[0], x[-1] - x[-4]], _TINY)
        right[0] = (bend[1] / span[1] - bend[0] / span[0]) * step[0] ** 2 / wide[0]
        right[-1] = -(bend[-1] / span[-1] - bend[-2] / span[-2]) * step[-1] ** 2 / wide[1]
    matrix = np.diag(diagonal) + np.diag(step, 1) + np.diag(step, -1)
    sixth = np.linalg.solve(matrix, right)
    first = rise - step * (sixth[1:] + 2.0 * sixth[:-1])
    last = rise[-1] + step[-1] * (sixth[-2] + 2.0 * sixth[-1])
    third = np.diff(sixth) / step
    return np.append(first, last), 3.0 * sixth, np.append(third, third[-1])


@dataclass(frozen=True, eq=False)
class NaturalSpline(_Table):
    """Interpolating natural spline of degree 1, 3, 5 or 7 (OpenSim's GCVSpline without smoothing):
    beyond the ends a polynomial of degree ``(degree - 1) / 2``."""

    degree: int = 5

    @cached_property
    def _spline(self) -> BSpline:
        half = (self.degree + 1) // 2
        if self.degree not in (1, 3, 5, 7) or self._x.size < 2 * half:
            raise BioenvError(
                f"a natural spline of degree {self.degree} needs degree 1, 3, 5 or 7 and at least "
                f"{2 * half} points; got {self._x.size}"
            )
        ends = [(order, 0.0) for order in range(half, 2 * half - 1)]
        bounds = (ends, ends) if ends else None
        return make_interp_spline(self._x, self._y, k=self.degree, bc_type=bounds)

    def _derivative(self, x: Array, order: int) -> Array:
        x = np.asarray(x, dtype=float)
        edge = np.clip(x, self._x[0], self._x[-1])
        out = np.asarray(self._spline(edge, order))
        beyond, factorial = x - edge, 1.0
        # Taylor beyond the ends: the natural conditions make the higher derivatives zero.
        for k in range(1, (self.degree + 1) // 2 - order):
            factorial *= k
            out = out + self._spline(edge, order + k) * beyond**k / factorial
        return np.where((beyond != 0.0) & (order >= (self.degree + 1) // 2), 0.0, out)

    def value(self, x: Array) -> Array:
        return self._derivative(x, 0)

    def slope(self, x: Array) -> Array:
        return self._derivative(x, 1)

    def curvature(self, x: Array) -> Array:
        return self._derivative(x, 2)
