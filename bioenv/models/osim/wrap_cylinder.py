"""Segments over a cylinder about z, as OpenSim's WrapCylinder finds them, all pairs at once.

The tangent lines seen along z give where the path touches; how far it slides along z comes from
the plane through both ends and the cylinder's apex. On a path of one wrap that is the result; on a
path of several, the tangent points then slide until line and spiral meet straight. Source:
OpenSim 4.6, OpenSim/Simulation/Wrap/WrapCylinder.cpp (Apache-2.0): same decisions and tolerances.
A path more than half way round has its true length, which OpenSim 4.6 miscounts clockwise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.models.osim.wrap_surface import (
    INSIDE,
    MANDATORY,
    NONE,
    WRAPPED,
    Array,
    Bools,
    Surfaces,
    Wrapped,
    along,
    cross,
    on_side,
    unit,
    unwrapped,
)

_LINE = 1e-5  # OpenSim's LINE_EPSILON: planes flatter than this do not cut a line
_REACH = 10.0  # m that a tangent point may slide along the cylinder
_STEP = 0.002  # m, OpenSim's spacing of points on the surface
_STRAIGHT = np.tan(np.radians(0.1))  # largest kink where line and spiral meet
_SLIDES = 100


class _Tangents(NamedTuple):
    """Where tangents from a point touch the circle: distance (K,), a and b (2, K), height (K,)."""

    distance: Array
    a: Array
    b: Array
    height: Array


class _Choice(NamedTuple):
    """Touching points (2, K) of both ends; whether the apex is on the far side; whether the path
    goes more than half way round."""

    first: Array
    second: Array
    far: Bools
    long: Bools


def wrap_cylinder(start: Array, end: Array, surface: Surfaces) -> Wrapped:
    """Wrap segments from `start` to `end` (3, K) over cylinders; see `Surfaces` and `Wrapped`."""
    out = unwrapped(_classify(start, end, surface))
    pairs = np.flatnonzero(out.code >= WRAPPED)
    if not len(pairs):
        return out
    p, q, part = start[:, pairs], end[:, pairs], surface.take(pairs)
    near, far = _tangents(p, part.radius), _tangents(q, part.radius)
    chosen = _choose(near, far, p, q, part)
    low, high = _slide(p, q, near, far, chosen, part.radius)
    beyond = (np.abs(low) > 0.5 * part.length) & (np.abs(high) > 0.5 * part.length)
    angle = _angle(chosen, part.radius)
    at = np.flatnonzero(part.adjust & ~beyond)
    if len(at):
        some = chosen.first[:, at], chosen.second[:, at]
        heights = low[at], high[at]
        low[at], high[at] = _straighten(
            p[:, at], q[:, at], some, angle[at], heights, part.radius[at]
        )
    out.code[pairs[beyond]] = NONE
    keep = np.flatnonzero(~beyond)
    pairs = pairs[keep]
    for target, circle, height in (
        (out.first, chosen.first, low),
        (out.second, chosen.second, high),
    ):
        target[:2, pairs], target[2, pairs] = circle[:, keep], height[keep]
    out.length[pairs] = np.hypot(part.radius * angle, high - low)[keep]
    return out


def _classify(p: Array, q: Array, surface: Surfaces) -> NDArray[np.int8]:
    """The codes, as far as the line through both ends decides them."""
    square = surface.radius**2
    inside = (p[0] ** 2 + p[1] ** 2 < square) | (q[0] ** 2 + q[1] ** 2 < square)
    dx, dy = q[0] - p[0], q[1] - p[1]
    run = dx**2 + dy**2
    # Where the line passes the axis most closely; parallel to the axis there is no such place.
    t = -(p[0] * dx + p[1] * dy) / np.where(run > 0.0, run, np.inf)
    x, y = p[0] + t * dx, p[1] + t * dy
    hit = (x**2 + y**2 < square) & (t > 0.0) & (t < 1.0)
    code = np.where(hit, MANDATORY, NONE).astype(np.int8)
    at = np.flatnonzero(surface.sign != 0.0)
    if len(at):
        axis, sign = surface.axis[at], surface.sign[at]
        closest = np.stack([x[at], y[at], p[2, at] + t[at] * (q[2, at] - p[2, at])])
        first, second = (on_side(along(end[:, at], axis), sign) for end in (p, q))
        wrong = ~on_side(along(closest, axis), sign) & (first != second)
        # With both ends on the wrong side the path always goes round, but never must.
        code[at] = np.where(~(first | second) | (wrong & ~hit[at]), WRAPPED, code[at])
    code[inside] = INSIDE
    return code


def _tangents(p: Array, radius: Array) -> _Tangents:
    distance = np.hypot(p[0], p[1])
    x, y = p[0] / distance, p[1] / distance
    foot = radius * radius / distance
    half = np.sqrt(np.maximum(radius**2 - foot**2, 0.0))
    a = np.stack([foot * x - half * y, foot * y + half * x])
    b = np.stack([foot * x + half * y, foot * y - half * x])
    return _Tangents(distance, a, b, p[2])


def _dot(a: Array, b: Array) -> Array:
    return np.asarray(a[0] * b[0] + a[1] * b[1])


def _choose(near: _Tangents, far: _Tangents, p: Array, q: Array, surface: Surfaces) -> _Choice:
    """Which of the two tangents of each end the path takes."""
    aa, ab, ba, bb = (_dot(m, n) for m in (near.a, near.b) for n in (far.a, far.b))
    # Any side: the pair that touches closest together, ties as in OpenSim.
    first_a = ((aa > ab) & (aa > ba) & (aa > bb)) | ((ab > ba) & (ab > bb))
    second_a = np.where(
        (aa > ab) & (aa > ba) & (aa > bb), True, ~((ab > ba) & (ab > bb)) & (ba > bb)
    )
    behind = around = np.zeros(len(aa), dtype=bool)
    at = np.flatnonzero(surface.sign != 0.0)
    if len(at):
        behind = behind.copy()
        around = around.copy()
        b_then_a, behind[at] = _sided(near, far, ab < ba, surface, at)
        first_a[at], second_a[at] = ~b_then_a, b_then_a
    first = np.where(first_a, near.a, near.b)
    second = np.where(second_a, far.a, far.b)
    if len(at):
        pull = (first - p[:2]) + (second - q[:2])
        rise = first + second
        around[at] = _dot(pull, rise)[at] < 0.0
    return _Choice(first, second, behind, around)


def _sided(
    near: _Tangents, far: _Tangents, wider: Bools, surface: Surfaces, at: NDArray[np.intp]
) -> tuple[Bools, Bools]:
    """Over one-sided surfaces: whether the path takes tangents b, a (else a, b), and its apex is on
    the far side. `wider`: the angle between a and b exceeds the one between b and a."""
    axis, sign, alpha = surface.axis[at], surface.sign[at], wider[at]

    def good(circle: Array, height: Array) -> Bools:
        points = np.concatenate([circle[:, at], height[None, at]])
        return on_side(along(points, axis), sign)

    near_a, near_b = good(near.a, near.height), good(near.b, near.height)
    far_a, far_b = good(far.a, far.height), good(far.b, far.height)
    b_then_a = np.where(near_a == near_b, far_a, near_b)
    nowhere = ~(near_a | near_b | far_a | far_b)
    b_then_a = np.where(nowhere, ~alpha, b_then_a)
    return b_then_a, np.where(nowhere, True, alpha != b_then_a)


def _slide(
    p: Array, q: Array, near: _Tangents, far: _Tangents, chosen: _Choice, radius: Array
) -> tuple[Array, Array]:
    """Heights at which the path meets and leaves: the plane through both ends and the apex."""
    share = near.distance / (near.distance + far.distance)
    middle = p + share * (q - p)
    # Normal of the plane through both ends and the axis at the middle's height.
    below, above = p[2] - middle[2], q[2] - middle[2]
    nx, ny = p[1] * above - below * q[1], below * q[0] - p[0] * above
    size = np.hypot(nx, ny)
    size = np.where(size > 0.0, size, np.inf)
    x, y = -ny / size * radius, nx / size * radius
    ahead = x * middle[0] + y * middle[1] > 0.0
    side = np.where(ahead != chosen.far, 1.0, -1.0)
    apex = np.stack([side * x, side * y, middle[2]])
    normal = unit(cross(p - apex, q - apex))
    steep = 2.0 * _REACH * np.abs(normal[2]) >= _LINE
    rise = np.where(steep, normal[2], 1.0)
    heights = []
    for circle, own, other in ((chosen.first, p[2], q[2]), (chosen.second, q[2], p[2])):
        z = p[2] + ((p[0] - circle[0]) * normal[0] + (p[1] - circle[1]) * normal[1]) / rise
        reached = steep & (np.abs(z - own) <= _REACH * (1.0 + 2.0 * _LINE))
        heights.append(np.where(reached & (np.abs(z - other) < np.abs(own - other)), z, own))
    return heights[0], heights[1]


def _angle(chosen: _Choice, radius: Array) -> Array:
    cosine = np.clip(_dot(chosen.first, chosen.second) / radius**2, -1.0, 1.0)
    angle = np.arccos(cosine)
    return np.where(chosen.long, 2.0 * np.pi - angle, angle)


def _straighten(
    p: Array,
    q: Array,
    circles: tuple[Array, Array],
    angle: Array,
    heights: tuple[Array, Array],
    radius: Array,
) -> tuple[Array, Array]:
    """Heights of the tangent points, slid along z until no kink exceeds 0.1 degrees.

    As in OpenSim each step looks at the first point of the spiral, 2 mm on, and overshoots by half.
    """
    reach = (np.hypot(*(c - end[:2])) for c, end in zip(circles, (p, q), strict=True))
    out = np.stack(heights)
    pairs = np.arange(len(angle))
    # One row per number, first both ends' heights: a step needs no more than these.
    live = np.zeros((14, len(angle)))
    live[:9] = *heights, p[2], q[2], *reach, radius, angle, (radius * angle) ** 2
    for _ in range(_SLIDES):
        step = _steps(live)
        moved = (step[0] != 0.0) | (step[1] != 0.0)
        count = np.count_nonzero(moved)
        live[:2] += step
        if count < 0.7 * len(moved):
            # What is straight stays where it is: drop it now and then.
            out[:, pairs] = live[:2]
            kept = np.flatnonzero(moved)
            live, pairs = live.take(kept, axis=1), pairs[kept]
        if not count:
            break
    out[:, pairs] = live[:2]
    return out[0], out[1]


def _steps(live: Array) -> Array:
    """(2, K) how far the tangent points of both ends slide next, 0 where the path is straight."""
    height, climb, reach = live[1] - live[0], live[:2] - live[2:4], live[4:6]
    pieces = np.floor(np.sqrt(live[8] + height**2) / _STEP)
    if (pieces != live[9]).any():
        live[9] = pieces
        live[10:13] = _next_point(live)
        live[13] = np.where(pieces >= 2.0, 1.5, 0.0)
    chord, share, gain = live[10], live[11:13], live[13]
    rise = height / np.maximum(pieces, 1.0)
    step = np.empty_like(climb)
    for end in (0, 1):
        up = climb[end]
        kink = np.abs(reach[end] * rise - chord * up)
        kinked = kink > _STRAIGHT * (reach[end] * chord + up * rise)
        np.multiply(share[end] * (up + rise) - up, gain * kinked, out=step[end])
        # The spiral now starts where its first end has moved to, with its old rise.
        rise = step[0] - rise
    return step


def _next_point(live: Array) -> Array:
    """(3, K) chord from a tangent point to the spiral's next point; for both ends, where the line
    from the path's point to that next point passes the tangent point, as a share of the line."""
    reach, radius, angle, pieces = live[4:6], live[6], live[7], np.maximum(live[9], 1.0)
    sine = np.sin(0.5 * angle / pieces)
    chord = 2.0 * radius * sine
    ahead = chord * np.sqrt(1.0 - sine**2) * reach
    line = reach**2 + ahead
    return np.stack([chord, *(line / (line + ahead + chord**2))])
