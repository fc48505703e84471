"""Where a tendon touches a sphere or a cylinder, in torch: MuJoCo's wrapping, batched.

The algorithm of MuJoCo's ``mju_wrap`` (engine_util_misc.c, Apache-2.0): tangents to a circle in the
plane of the path, or, with the side site inside, the shortest path that stays within. All wraps of
all frames are done at once; choices are masks, and gradients pass through the chosen branch only.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from bioenv.diff.kinematics import rotate

_MINVAL = 1e-15
_NEWTON, _TOLERANCE, _START = 20, 1e-6, 1.0 - 1e-7  # as in MuJoCo


class Wrap(NamedTuple):
    """Wraps (..., w): whether they touch; points of touch (..., w, 3) m in the world, first and
    second; length (..., w) m along the surface."""

    on: Tensor
    first: Tensor
    second: Tensor
    length: Tensor


class Surfaces(NamedTuple):
    """w wrapping surfaces: position (..., w, 3) m, rotation (..., w, 3, 3), radius (w,) m, sphere
    (w,) bool (else cylinders along z), sided (w,) bool, side (..., w, 3) m, inside (..., w)."""

    position: Tensor
    rotation: Tensor
    radius: Tensor
    sphere: Tensor
    sided: Tensor
    side: Tensor
    inside: Tensor


def wrap(start: Tensor, stop: Tensor, over: Surfaces) -> Wrap:
    """Wraps of the straight lines from start to stop (..., w, 3) m, world."""
    back = over.rotation.transpose(-1, -2)
    p0, p1, side = (rotate(back, x - over.position) for x in (start, stop, over.side))
    plane = _planes(p0, p1, over.sphere)
    d0, d1, s = ((plane @ x[..., None])[..., 0] for x in (p0, p1, side))
    sided = torch.nn.functional.normalize(s, dim=-1, eps=_MINVAL) * over.radius[:, None]
    around = _circle(d0, d1, sided, over.sided, over.radius)
    within = _inside(d0, d1, over.radius)
    on = torch.where(over.inside, within.on, around.on)
    first, second = (
        torch.where(over.inside[..., None], a, b)
        for a, b in ((within.first, around.first), (within.second, around.second))
    )
    length = torch.where(over.inside, within.length, around.length)
    flat = plane.transpose(-1, -2)
    t0, t1 = rotate(flat, first), rotate(flat, second)
    t0, t1, length = _heights(p0, p1, t0, t1, length, over.sphere)
    t0, t1 = (rotate(over.rotation, t) + over.position for t in (t0, t1))
    return Wrap(on, t0, t1, length)


def _planes(p0: Tensor, p1: Tensor, sphere: Tensor) -> Tensor:
    """(..., w, 2, 3) axes of the circle's plane: x and y of a cylinder; for a sphere, the first
    toward p0 and the plane through the center and both points."""
    first = torch.nn.functional.normalize(p0, dim=-1, eps=_MINVAL)
    normal = torch.linalg.cross(p0, p1)
    parallel = (normal * normal).sum(-1, keepdim=True) < _MINVAL**2
    # Any other plane will do when both points lie on a line through the center.
    least = torch.nn.functional.one_hot(first.abs().argmax(-1), 3).to(p0.dtype)
    normal = torch.where(parallel, torch.linalg.cross(first, 1.0 - least), normal)
    normal = torch.nn.functional.normalize(normal, dim=-1, eps=_MINVAL)
    axes = torch.stack([first, torch.linalg.cross(normal, first)], -2)
    level = torch.eye(3, dtype=p0.dtype)[:2]
    return torch.where(sphere[:, None, None], axes, level)


def _circle(d0: Tensor, d1: Tensor, side: Tensor, sided: Tensor, radius: Tensor) -> Wrap:
    """Around the circle: tangents from points (..., w, 2) in its plane."""
    square = radius * radius
    far0, far1 = (d0 * d0).sum(-1), (d1 * d1).sum(-1)
    step = d1 - d0
    long = (step * step).sum(-1)
    outside = (far0 >= square) & (far1 >= square) & (radius >= _MINVAL) & (long >= _MINVAL)
    share = (-(step * d0).sum(-1) / long.clamp(min=_MINVAL)).clamp(0.0, 1.0)
    near = d0 + share[..., None] * step
    free = ((near * near).sum(-1) > square) & (~sided | ((side * near).sum(-1) >= 0.0))
    # Where nothing wraps, any harmless number keeps the gradients finite.
    d0 = torch.where(
        outside[..., None], d0, 2.0 * radius[:, None] * torch.eye(2, dtype=d0.dtype)[0]
    )
    d1 = torch.where(
        outside[..., None], d1, 2.0 * radius[:, None] * torch.eye(2, dtype=d0.dtype)[1]
    )
    ways = [_tangents(d0, d1, radius, sign) for sign in (1.0, -1.0)]
    good = [_goodness(d0, d1, *way, side, sided) for way in ways]
    plus = good[0] > good[1]
    first, second = (torch.where(plus[..., None], a, b) for a, b in zip(*ways, strict=True))
    on = outside & ~free & ~_crossed(d0, first, d1, second)
    turn = second[..., 0] * first[..., 1] - second[..., 1] * first[..., 0]
    angle = torch.atan2(torch.where(plus, turn, -turn), (first * second).sum(-1))
    full = 2.0 * torch.pi
    return Wrap(on, first, second, radius * torch.where(angle < 0.0, angle + full, angle))


def _tangents(d0: Tensor, d1: Tensor, radius: Tensor, sign: float) -> tuple[Tensor, Tensor]:
    """Points of touch (..., w, 2) on one of the two ways around."""
    out = []
    for d, way in ((d0, sign), (d1, -sign)):
        far = (d * d).sum(-1)
        root = (far - radius * radius).clamp(min=_MINVAL**2).sqrt() * radius * way
        x, y = d.unbind(-1)
        square = radius * radius
        out.append(torch.stack([x * square + y * root, y * square - x * root], -1) / far[..., None])
    return out[0], out[1]


def _goodness(
    d0: Tensor, d1: Tensor, first: Tensor, second: Tensor, side: Tensor, sided: Tensor
) -> Tensor:
    """The better way is close to the side site or, without one, the shorter one; never crossed."""
    middle = torch.nn.functional.normalize(first + second, dim=-1, eps=_MINVAL)
    near = (middle * side).sum(-1)
    short = -((first - second) ** 2).sum(-1)
    good = torch.where(sided, near, short)
    return torch.where(_crossed(d0, first, d1, second), -10000.0, good)


def _crossed(p1: Tensor, p2: Tensor, p3: Tensor, p4: Tensor) -> Tensor:
    """Whether the segments p1-p2 and p3-p4 (..., 2) meet."""
    u, v, w = p2 - p1, p4 - p3, p1 - p3
    det = v[..., 1] * u[..., 0] - v[..., 0] * u[..., 1]
    some = det.abs() >= _MINVAL
    safe = torch.where(some, det, 1.0)
    a = (v[..., 0] * w[..., 1] - v[..., 1] * w[..., 0]) / safe
    b = (u[..., 0] * w[..., 1] - u[..., 1] * w[..., 0]) / safe
    return some & (a >= 0) & (a <= 1) & (b >= 0) & (b <= 1)


def _inside(d0: Tensor, d1: Tensor, radius: Tensor) -> Wrap:
    """Within the circle: one point of touch, where both pieces make the same angle with it."""
    far0, far1 = (torch.linalg.vector_norm(d, dim=-1) for d in (d0, d1))
    step = d1 - d0
    long = (step * step).sum(-1)
    share = -(step * d0).sum(-1) / long.clamp(min=_MINVAL)
    near = torch.linalg.vector_norm(d0 + share[..., None] * step, dim=-1)
    through = (long > _MINVAL) & (share > 0) & (share < 1) & (near <= radius)
    on = (far0 > radius) & (far1 > radius) & (radius >= _MINVAL) & ~through
    cosine = (far0**2 + far1**2 - long) / (2.0 * far0 * far1).clamp(min=_MINVAL)
    on = on & (cosine >= -1.0 + _MINVAL)
    bent = on & (cosine <= 1.0 - _MINVAL)
    a, b = (torch.where(bent, radius / far.clamp(min=_MINVAL), 0.5) for far in (far0, far1))
    angle = torch.where(bent, cosine, 0.0).clamp(-1.0, 1.0).acos()
    z, found = _touching(a, b, angle)
    swap = (d0[..., 0] * d1[..., 1] - d0[..., 1] * d1[..., 0]) > 0
    base = torch.nn.functional.normalize(torch.where(swap[..., None], d0, d1), dim=-1, eps=_MINVAL)
    turn = z.asin() - (torch.where(swap, a, b) * z).asin()
    cos, sin = turn.cos(), turn.sin()
    x, y = base.unbind(-1)
    point = torch.stack([cos * x - sin * y, sin * x + cos * y], -1)
    average = torch.nn.functional.normalize(d0 + d1, dim=-1, eps=_MINVAL)
    point = torch.where((bent & found)[..., None], point, average) * radius[:, None]
    return Wrap(on, point, point, torch.zeros_like(far0))


def _touching(a: Tensor, b: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Root z of asin(a z) + asin(b z) - 2 asin(z) + angle, and where Newton finds it.

    MuJoCo's own steps give the value; a last step with gradient gives the slope of the root.
    """

    def miss(z: Tensor) -> Tensor:
        return (a * z).asin() + (b * z).asin() - 2.0 * z.asin() + angle

    def slope(z: Tensor) -> Tensor:
        roots = (torch.sqrt((1.0 - (k * z) ** 2).clamp(min=_MINVAL**2)) for k in (a, b, 1.0))
        r0, r1, r2 = roots
        return a / r0 + b / r1 - 2.0 / r2

    with torch.no_grad():
        z = torch.full_like(angle, _START)
        f = miss(z)
        found = f <= 0.0
        for _ in range(_NEWTON):
            go = found & (f.abs() > _TOLERANCE)
            if not go.any():
                break
            df = slope(z)
            new = z - f / df
            found = found & ~(go & ((df > -_MINVAL) | (new > z)))
            z = torch.where(go & found, new, z)
            f = miss(z)
            found = found & ~(go & (f > _TOLERANCE))
        found = found & (f.abs() <= _TOLERANCE)
        z = torch.where(found, z, 0.5)
        df = slope(z)
    # Same value, but with the derivative of the root by a, b and the angle.
    value = miss(z)
    return z - (value - value.detach()) / df, found


def _heights(
    p0: Tensor, p1: Tensor, t0: Tensor, t1: Tensor, length: Tensor, sphere: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """On a cylinder the path climbs evenly along its axis."""
    before = _distance((p0 - t0)[..., :2])
    after = _distance((p1 - t1)[..., :2])
    whole = (before + length + after).clamp(min=_MINVAL)
    climb = (p1 - p0)[..., 2] / whole
    zero = torch.zeros_like(climb)
    rise = torch.stack([p0[..., 2] + climb * before, p0[..., 2] + climb * (before + length)], -1)
    height = climb * length
    ball = sphere[:, None]
    t0 = torch.where(ball, t0, torch.stack([t0[..., 0], t0[..., 1], zero + rise[..., 0]], -1))
    t1 = torch.where(ball, t1, torch.stack([t1[..., 0], t1[..., 1], zero + rise[..., 1]], -1))
    slant = _distance(torch.stack([length, height], -1))
    return t0, t1, torch.where(sphere, length, slant)


def _distance(vector: Tensor) -> Tensor:
    """Norm along the last axis, with a finite slope at zero."""
    return ((vector * vector).sum(-1) + 1e-300).sqrt()
