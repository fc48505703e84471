"""Segments over an ellipsoid at the origin, as OpenSim's WrapEllipsoid finds them.

A path over an ellipsoid is taken to lie in one plane: through both ends and a point of the surface
chosen by OpenSim's "hybrid" (a blend of a fan of shortest distances and of the section with a plane
of symmetry), "midpoint" or "axial" rule. Source: OpenSim 4.6,
OpenSim/Simulation/Wrap/WrapEllipsoid.cpp (Apache-2.0). The plane is found as there; tangents and
the length of the arc are then exact where OpenSim iterates to 1e-4 and adds up chords of 1 mm.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.models.osim.wrap_surface import (
    INSIDE,
    MANDATORY,
    METHODS,
    NONE,
    Array,
    Bools,
    Ints,
    Surfaces,
    Wrapped,
    along,
    cross,
    dot,
    on_side,
    unit,
    unwrapped,
)

_SURFACE = 1e-4  # how far inside (OpenSim's ellipsoid parameter) counts as on the surface
_BLEND_LOW, _BLEND_HIGH = (
    0.7073,
    0.9,
)  # parallelity with an axis: below only fan, above only section
_FADE = 0.3  # the section counts less when its point is this near the ends of the chord
_FAN = np.arange(1, 299) / 300.0
_NEWTON = 64
_HYBRID, _MIDPOINT, _AXIAL = (METHODS.index(name) for name in ("hybrid", "midpoint", "axial"))
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)


def wrap_ellipsoid(start: Array, end: Array, surface: Surfaces) -> Wrapped:
    """Wrap segments from `start` to `end` (3, K) over ellipsoids; see `Surfaces` and `Wrapped`."""
    # Sizes near 1, as OpenSim's tolerances assume.
    factor = 3.0 / surface.dimensions.sum(axis=0)
    p, q, axes = start * factor, end * factor, surface.dimensions * factor
    code, chord = _classify(p, q, axes)
    out = unwrapped(code)
    pairs = np.flatnonzero(code == MANDATORY)
    if not len(pairs):
        return out
    p, q, axes, part = p[:, pairs], q[:, pairs], axes[:, pairs], surface.take(pairs)
    plane = _plane(p, q, axes, chord[:, :, pairs], part)
    first, second, length = _section(p, q, axes, plane)
    out.first[:, pairs] = first / factor[pairs]
    out.second[:, pairs] = second / factor[pairs]
    out.length[pairs] = length / factor[pairs]
    return out


def _classify(p: Array, q: Array, axes: Array) -> tuple[NDArray[np.int8], Array]:
    """Codes, and (2, 3, K) where the line enters near `p` and leaves near `q`."""
    a, b = p / axes, q / axes
    inside = (dot(a, a) - 1.0 < -_SURFACE) | (dot(b, b) - 1.0 < -_SURFACE)
    same = np.abs(dot(unit(p), unit(q)) - 1.0) < _SURFACE
    d = a - b
    run = dot(d, d)
    run = np.where(run > 0.0, run, np.inf)
    middle = -dot(d, b) / run
    spare = middle**2 - (dot(b, b) - 1.0) / run
    half = np.sqrt(np.maximum(spare, 0.0))
    hit = (spare >= 0.0) & (middle - half > 0.0) & (middle + half < 1.0) & ~same
    chord = np.stack([q + (middle + half) * (p - q), q + (middle - half) * (p - q)])
    return np.where(inside, INSIDE, np.where(hit, MANDATORY, NONE)).astype(np.int8), chord


class _Plane(NamedTuple):
    """Point (3, K) of the plane through both ends, and the point (3, K) whose side is taken."""

    point: Array
    side: Array


def _plane(p: Array, q: Array, axes: Array, chord: Array, surface: Surfaces) -> _Plane:
    """The point of the surface that sets the plane, flipped to the side asked for."""
    enter, leave = chord
    across = leave - enter
    lean = np.abs(unit(p - q))
    best = np.argmax(lean, axis=0)
    share = -along(enter, best) / along(across, best)
    weight = _section_weight(along(lean, best), share)
    hybrid, axial = surface.method == _HYBRID, surface.method == _AXIAL
    middle = enter + 0.5 * across
    point = np.empty_like(p)
    at = np.flatnonzero(surface.method == _MIDPOINT)
    point[:, at] = closest_point(axes[:, at], middle[:, at])
    at = np.flatnonzero(axial | (hybrid & (weight > _BLEND_LOW)))
    crossing = enter[:, at] + share[at] * across[:, at]
    point[:, at] = closest_point(axes[:, at], crossing, best[at])
    at = np.flatnonzero(hybrid & (weight < _BLEND_HIGH))
    fan = np.full(p.shape[1], -np.inf)  # weight of the fan where it was asked
    if len(at):
        tip = _fan(axes[:, at], enter[:, at], across[:, at])
        blend = np.maximum((weight[at] - _BLEND_LOW) / (_BLEND_HIGH - _BLEND_LOW), 0.0)
        mixed = np.flatnonzero(blend > 0.0)
        both = blend * np.where(blend > 0.0, point[:, at], 0.0) + (1.0 - blend) * tip
        tip[:, mixed] = closest_point(axes[:, at][:, mixed], both[:, mixed])
        point[:, at], fan[at] = tip, 1.0 - blend
    # An axial section beyond the chord points to the surface from outside: the wrong side.
    away = axial & ((share <= 0.0) | (share >= 1.0))
    side = np.where(away, 2.0 * enter - point, point)
    return _flipped(_Plane(point, side), fan, surface, axes)


def _section_weight(lean: Array, share: Array) -> Array:
    """How much the section with a plane of symmetry counts: less near the ends of the chord."""
    inside = np.minimum(share, 1.0 - share)
    fade = np.clip(inside / _FADE, 0.0, 1.0)
    return np.where(lean > _BLEND_LOW, _BLEND_LOW + fade * (lean - _BLEND_LOW), lean)


def _fan(axes: Array, enter: Array, across: Array) -> Array:
    """The surface point in the mean direction from points of the chord to the surface."""
    count = enter.shape[1]
    points = (enter[:, :, None] + _FAN * across[:, :, None]).reshape(3, -1)
    wide = np.repeat(axes, len(_FAN), axis=1)
    blades = unit(closest_point(wide, points) - points).reshape(3, count, -1)
    return closest_point(axes, enter + 0.5 * across + unit(blades.sum(axis=2)))


def _flipped(plane: _Plane, fan: Array, surface: Surfaces, axes: Array) -> _Plane:
    point, side = plane
    at = np.flatnonzero((surface.sign != 0.0) & ~on_side(along(point, surface.axis), surface.sign))
    if len(at):
        row, mirrored = surface.axis[at], point[:, at].copy()
        here = np.arange(len(at))
        mirrored[row, here] *= -1.0
        side[:, at] = mirrored
        weight = np.clip(fan[at], 0.0, 1.0)
        flat = mirrored.copy()
        flat[row, here] *= 1.0 - weight
        point[:, at] = np.where(weight > 0.0, closest_point(axes[:, at], flat), mirrored)
    return plane


def _section(p: Array, q: Array, axes: Array, plane: _Plane) -> tuple[Array, Array, Array]:
    """Tangent points from both ends in the plane, and the length of the arc between.

    Divided by the half axes the ellipsoid is a unit sphere, the section a circle, and tangents
    stay tangents.
    """
    a, b, c, side = p / axes, q / axes, plane.point / axes, plane.side / axes
    normal = unit(cross(a - b, a - c))
    center = dot(normal, c) * normal
    radius = np.sqrt(np.maximum(1.0 - dot(center, center), 0.0))
    line = unit(a - b)
    up = cross(normal, line)
    up = np.where(dot(side - a, up) >= 0.0, up, -up)  # from the line to the side taken
    first, second = (_tangent(x, center, radius, line, up) for x in (a, b))
    middle, half = 0.5 * (first + second), 0.5 * (first - second)
    turn = middle + half * _NODES[:, None]  # (nodes, K), angles from `up` towards `line`
    speed = axes[:, None] * (np.cos(turn) * line[:, None] - np.sin(turn) * up[:, None])
    length = radius * np.abs(half) * (_WEIGHTS[:, None] * np.sqrt((speed**2).sum(axis=0))).sum(0)
    touch = (
        axes * (center + radius * (np.cos(angle) * up + np.sin(angle) * line))
        for angle in (first, second)
    )
    return *touch, length


def _tangent(end: Array, center: Array, radius: Array, line: Array, up: Array) -> Array:
    """Angle (K,) from `up` towards `line` where the tangent from `end` on the side `up` touches."""
    out = end - center
    x, y = dot(out, line), dot(out, up)
    distance = np.hypot(x, y)
    opening = np.arccos(np.clip(radius / distance, -1.0, 1.0))
    # Of both touching points, the one on the side of `up` as seen from the end.
    bearing = np.arctan2(x, y)
    return bearing - np.sign(x) * opening


def closest_point(axes: Array, point: Array, section: Ints | None = None) -> Array:
    """(3, K) the point of ellipsoids with half axes (3, K) closest to `point` (3, K).

    section (K,): search in the plane of symmetry across this axis only; that component stays.
    Newton's method on Eberly's equation (Graphics Gems IV), whose left side is convex, from below.
    """
    free = np.ones(point.shape, dtype=bool)
    if section is not None:
        free[section, np.arange(point.shape[1])] = False
    square = axes**2
    pull = np.where(free, axes * point, 0.0)
    live = free & (np.abs(point) > 2e-13)
    low = np.where(live, np.abs(pull) - square, -np.inf).max(axis=0)
    low = np.where(np.isfinite(low), low, -square.max(axis=0))
    for _ in range(_NEWTON):
        gap = np.where(live, low + square, 1.0)
        term = np.where(live, pull / gap, 0.0) ** 2
        value, slope = term.sum(axis=0) - 1.0, 2.0 * (term / gap).sum(axis=0)
        step = np.where(slope > 0.0, value / np.where(slope > 0.0, slope, 1.0), 0.0)
        low = low + step
        if (np.abs(step) < 1e-14).all():
            break
    found = np.where(live, square * point / np.where(live, low + square, 1.0), 0.0)
    if section is not None:
        found = _off_axis(axes, point, found, low, free, live)
        found = np.where(free, found, point)
    return found


def _off_axis(
    axes: Array, point: Array, found: Array, root: Array, free: Bools, live: Bools
) -> Array:
    """From points on an axis of an ellipse, the closest point may lie aside of that axis."""
    still = np.where(free & ~live, axes, np.inf)
    row = np.argmin(still, axis=0)
    at = np.flatnonzero(np.isfinite(still.min(axis=0)) & (-(still.min(axis=0) ** 2) > root))
    if len(at):
        row = row[at]
        square = axes[:, at] ** 2
        gap = square - square[row, np.arange(len(at))]
        moved = live[:, at]
        aside = np.where(moved, square * point[:, at] / np.where(moved, gap, 1.0), 0.0)
        rest = 1.0 - ((aside / axes[:, at]) ** 2).sum(axis=0)
        sign = np.where(along(point[:, at], row) < 0.0, -1.0, 1.0)
        aside[row, np.arange(len(at))] = sign * axes[row, at] * np.sqrt(np.maximum(rest, 0.0))
        found[:, at] = aside
    return found
