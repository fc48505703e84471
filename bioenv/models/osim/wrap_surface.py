"""What all wrap surfaces share: many (segment, surface) pairs are solved at once, xyz first.

A pair is a straight segment of a path and a surface, in the surface's own frame. K pairs are flat
arrays: points (3, K), numbers (K,).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

# OpenSim's WrapObject::WrapAction. A path must wrap where its straight line meets the surface
# (MANDATORY); over a one-sided surface it also wraps when it passes on the wrong side (WRAPPED).
NONE, INSIDE, WRAPPED, MANDATORY = 0, 1, 2, 3

METHODS = ("hybrid", "midpoint", "axial")


class Surfaces(NamedTuple):
    """The surface of each pair.

    radius (K,) m of a cylinder or sphere, of a torus its tube's; length (K,) m of a cylinder, of a
    torus the radius of its ring; dimensions (3, K) m half axes of an ellipsoid; axis (K,) 0..2 and
    sign (K,) -1, 0, +1: the side of the surface a path must take, 0 for any; method (K,) index in
    METHODS; adjust (K,) bool: slide tangent points until the path is straight (OpenSim does so
    only on paths with several wraps).
    """

    radius: Array
    length: Array
    dimensions: Array
    axis: Ints
    sign: Array
    method: Ints
    adjust: Bools

    def take(self, pairs: Ints) -> Surfaces:
        """The surfaces of some of the pairs."""
        return Surfaces(
            self.radius[pairs],
            self.length[pairs],
            self.dimensions[:, pairs],
            self.axis[pairs],
            self.sign[pairs],
            self.method[pairs],
            self.adjust[pairs],
        )


class Wrapped(NamedTuple):
    """How each pair wraps: code (K,); first, second (3, K) where the path meets and leaves the
    surface; length (K,) m in between. Numbers are NaN where code is below WRAPPED."""

    code: NDArray[np.int8]
    first: Array
    second: Array
    length: Array


def unwrapped(code: NDArray[np.int8]) -> Wrapped:
    """An answer with codes only, to be filled in where something wraps."""
    count = len(code)
    nan = np.full((3, count), np.nan)
    return Wrapped(code, nan, nan.copy(), np.full(count, np.nan))


def dot(a: Array, b: Array) -> Array:
    """Scalar product over the first axis."""
    return np.asarray(a[0] * b[0] + a[1] * b[1] + a[2] * b[2])


def cross(a: Array, b: Array) -> Array:
    """Vector product over the first axis."""
    out = np.empty(np.broadcast_shapes(a.shape, b.shape))
    np.subtract(a[1] * b[2], a[2] * b[1], out=out[0])
    np.subtract(a[2] * b[0], a[0] * b[2], out=out[1])
    np.subtract(a[0] * b[1], a[1] * b[0], out=out[2])
    return out


def norm(a: Array) -> Array:
    """Length over the first axis."""
    return np.sqrt(dot(a, a))


def unit(a: Array) -> Array:
    """Direction over the first axis; the zero vector stays zero."""
    length = norm(a)
    return a / np.where(length > 0.0, length, 1.0)


def turned(rotation: Array, vector: Array) -> Array:
    """rotation (3, 3, K) times vector (3, K)."""
    x, y, z = vector
    return np.asarray(rotation[:, 0] * x + rotation[:, 1] * y + rotation[:, 2] * z)


def turned_back(rotation: Array, vector: Array) -> Array:
    """The transpose of rotation (3, 3, K) times vector (3, K)."""
    x, y, z = vector
    return np.asarray(rotation[0] * x + rotation[1] * y + rotation[2] * z)


def along(points: Array, axis: Ints) -> Array:
    """The component of each point (3, K) along its `axis` (K,)."""
    return np.asarray(points[axis, np.arange(points.shape[1])])


def on_side(value: Array, sign: Array) -> Bools:
    """Whether a component lies on the side `sign`; zero counts as positive, as in OpenSim."""
    return np.asarray(np.where(value >= 0.0, 1.0, -1.0) == sign)
