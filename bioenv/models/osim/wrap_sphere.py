"""Segments over a sphere at the origin, as OpenSim's WrapSphere finds them, all pairs at once.

The path stays in the plane of both ends and the center: two tangents and an arc. Source: OpenSim
4.6, OpenSim/Simulation/Wrap/WrapSphere.cpp (Apache-2.0): same decisions. Two differences: an arc
longer than half a turn counts with its length (OpenSim subtracts it), and a line through the
center, whose plane is any, takes one of its planes (OpenSim that of its last call).
"""

from __future__ import annotations

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
    dot,
    norm,
    on_side,
    unit,
    unwrapped,
)

_CENTRAL = 1e-5  # sine below which a line passes through the center


def wrap_sphere(start: Array, end: Array, surface: Surfaces) -> Wrapped:
    """Wrap segments from `start` to `end` (3, K) over spheres; see `Surfaces` and `Wrapped`."""
    first_on = on_side(along(start, surface.axis), surface.sign)
    second_on = on_side(along(end, surface.axis), surface.sign)
    out = unwrapped(_classify(start, end, surface, first_on | second_on))
    pairs = np.flatnonzero(out.code >= WRAPPED)
    if not len(pairs):
        return out
    p, q, part = start[:, pairs], end[:, pairs], surface.take(pairs)
    normal = _plane(p, q)
    near, far = _tangents(p, normal, part.radius), _tangents(q, normal, part.radius)
    first, second = _closest(near, far)
    sided = np.flatnonzero((part.sign != 0.0) & ~(first_on & second_on)[pairs])
    long = np.zeros(len(pairs), dtype=bool)
    if len(sided):
        ends = near[:, :, sided], far[:, :, sided]
        r, s, long[sided] = _sided(*ends, p[:, sided], q[:, sided], part.take(sided))
        first[:, sided], second[:, sided] = r, s
    angle = np.arccos(np.clip(dot(unit(first), unit(second)), -1.0, 1.0))
    out.first[:, pairs], out.second[:, pairs] = first, second
    out.length[pairs] = part.radius * np.where(long, 2.0 * np.pi - angle, angle)
    return out


def _classify(p: Array, q: Array, surface: Surfaces, either_on: Bools) -> NDArray[np.int8]:
    inside = (norm(p) < surface.radius) | (norm(q) < surface.radius)
    d = q - p
    run = dot(d, d)
    # Both crossings of line and sphere must lie between the ends.
    t = -dot(p, d) / np.where(run > 0.0, run, np.inf)
    spare = surface.radius**2 - dot(p, p) + t**2 * run
    half = np.sqrt(np.maximum(spare, 0.0) / np.where(run > 0.0, run, np.inf))
    hit = (spare >= 0.0) & (t - half > 0.0) & (t + half < 1.0)
    must = (surface.sign != 0.0) & either_on
    code = np.where(hit, np.where(must, MANDATORY, WRAPPED), NONE).astype(np.int8)
    code[inside] = INSIDE
    return code


def _plane(p: Array, q: Array) -> Array:
    normal = cross(unit(p - q), unit(q))
    size = norm(normal)
    central = np.flatnonzero(size < _CENTRAL)
    if len(central):
        other = np.zeros((3, len(central)))
        other[np.argmin(np.abs(q[:, central]), axis=0), np.arange(len(central))] = 1.0
        normal[:, central] = cross(q[:, central], other)
    return unit(normal)


def _tangents(p: Array, normal: Array, radius: Array) -> Array:
    """(2, 3, K) the two points where tangents from `p` in the plane touch."""
    distance = norm(p)
    back = -p / distance
    aside = cross(normal, back)
    sine = radius / distance
    cosine = np.sqrt(np.maximum(1.0 - sine**2, 0.0))
    reach = distance * cosine
    straight, turn = reach * cosine * back, reach * sine * aside
    return np.stack([p + straight - turn, p + straight + turn])


def _closest(near: Array, far: Array) -> tuple[Array, Array]:
    """The touching points closest together; ties as in OpenSim."""
    aa, ab, ba, bb = (dot(m, n) for m in near for n in far)
    least = (aa > ab) & (aa > ba) & (aa > bb)
    middle = ~least & (ab > ba) & (ab > bb)
    first = np.where(least | middle, near[0], near[1])
    second = np.where(least | (~middle & (ba > bb)), far[0], far[1])
    return first, second


def _sided(
    near: Array, far: Array, p: Array, q: Array, surface: Surfaces
) -> tuple[Array, Array, Bools]:
    """Touching points on the side asked for, and whether the arc exceeds half a turn."""
    inward = -(p + q)
    first_a = dot(near[0], inward) > dot(near[1], inward)
    second_a = dot(far[0], inward) > dot(far[1], inward)
    first = np.where(first_a, near[0], near[1])
    second = np.where(second_a, far[0], far[1])
    pull = (first - p) + (second - q)
    flip = along(pull, surface.axis) * surface.sign < 0.0
    first = np.where(first_a != flip, near[0], near[1])
    second = np.where(second_a != flip, far[0], far[1])
    pull = (first - p) + (second - q)
    return first, second, dot(first + second, pull) < 0.0
