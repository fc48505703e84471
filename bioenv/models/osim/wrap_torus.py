"""Segments through or round a torus about z, as OpenSim's WrapTorus finds them.

Where the line passes the ring most closely, a cylinder takes the tube's place. Source: OpenSim
4.6, OpenSim/Simulation/Wrap/WrapTorus.cpp (Apache-2.0). OpenSim searches that place from both ends
of the segment with a condition that weighs the ring twice; the same condition is solved here, so
that the same place is found.
"""

from __future__ import annotations

import numpy as np

from bioenv.models.osim.wrap_cylinder import wrap_cylinder
from bioenv.models.osim.wrap_surface import (
    NONE,
    WRAPPED,
    Array,
    Bools,
    Surfaces,
    Wrapped,
    along,
    cross,
    dot,
    on_side,
    unit,
)

_ENDLESS = 1e4  # m, length of the cylinder in the tube's place
_STEPS = 60
_FIRST_STEP = 0.2  # first step of the search, in units of its condition


def wrap_torus(start: Array, end: Array, surface: Surfaces) -> Wrapped:
    """Wrap segments from `start` to `end` (3, K) over tori; see `Surfaces` and `Wrapped`."""
    ring, found = _ring_point(start, end, surface)
    inward = unit(-ring)
    down = np.zeros_like(ring)
    down[2] = -1.0
    frame = np.stack([inward, down, cross(inward, down)])  # rows: the cylinder's axes
    p, q = (np.stack([dot(row, x - ring) for row in frame]) for x in (start, end))
    # The path passes through the ring: on the tube's inner side, which is the cylinder's +x.
    tube = surface._replace(
        length=np.full_like(surface.radius, _ENDLESS),
        axis=np.zeros_like(surface.axis),
        sign=np.ones_like(surface.sign),
    )
    out = wrap_cylinder(p, q, tube)
    first, second = (ring + (frame * x[:, None]).sum(axis=0) for x in (out.first, out.second))
    # OpenSim never calls a wrap over a torus mandatory.
    code = np.where(found & (out.code >= WRAPPED), WRAPPED, NONE).astype(np.int8)
    return Wrapped(code, first, second, out.length)


def _ring_point(p: Array, q: Array, surface: Surfaces) -> tuple[Array, Bools]:
    """(3, K) the point of the ring to wrap at, and whether one is on the side asked for."""
    line = unit(q - p)
    first = p + _search(p, line, surface.length) * line
    second = q - _search(q, -line, surface.length) * line
    gap_first, gap_second = (
        np.hypot(np.hypot(x[0], x[1]) - surface.length, x[2]) for x in (first, second)
    )
    closer = gap_first < gap_second
    sided = surface.sign != 0.0
    first_on, second_on = (on_side(along(x, surface.axis), surface.sign) for x in (first, second))
    take_first = np.where(sided, first_on & (closer | ~second_on), closer)
    chosen = np.where(take_first, first, second)
    flat = np.hypot(chosen[0], chosen[1])
    scale = surface.length / np.where(flat > 0.0, flat, np.inf)
    ring = np.stack([chosen[0] * scale, chosen[1] * scale, np.zeros_like(scale)])
    return ring, (~sided | first_on | second_on) & (flat > 0.0)


def _search(p: Array, line: Array, radius: Array) -> Array:
    """Distance (K,) from `p` along `line` at which OpenSim's condition holds.

    Newton's method within a trust region, from `p` on, as MINPACK's lmdif does it in OpenSim.
    """
    lead = dot(p, line)
    c3, c4 = p[0] * line[0] + p[1] * line[1], line[0] ** 2 + line[1] ** 2
    c5 = p[0] ** 2 + p[1] ** 2

    def condition(u: Array) -> tuple[Array, Array]:
        flat = np.sqrt(np.maximum(c4 * u**2 + 2.0 * c3 * u + c5, 1e-300))
        lean = (c4 * u + c3) / flat
        return 2.0 * (lead + u - 2.0 * radius * lean), 2.0 - 4.0 * radius * (c4 - lean**2) / flat

    u = np.zeros_like(lead)
    value, slope = condition(u)
    scale = np.abs(slope)
    trust = np.full_like(u, _FIRST_STEP)
    for _ in range(_STEPS):
        scale = np.maximum(scale, np.abs(slope))
        step = -value / np.where(slope != 0.0, slope, np.inf)
        step = np.clip(step, -trust / scale, trust / scale)
        new, _ = condition(u + step)
        size = np.abs(scale * step)
        better = np.abs(new) < np.abs(value)
        u = np.where(better, u + step, u)
        trust = np.where(better, np.maximum(trust, 2.0 * size), 0.25 * size)
        value, slope = condition(u)
    return u
