"""Rules of a movement beside Newton's: the ground only pushes, feet carry where they stand.

Every rule gives, frame by frame, by how much it is broken, in units of measurement noise.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bioenv.learn.consistency_state import Ground, MovedBody

Array = NDArray[np.float64]

FRICTION = 1.0  # of shoes on a rough floor; slipping starts before
_LOADED = 50.0  # N: from here on a foot's place and a pressure center's mean something
_CLEARANCE = 0.04  # m: soles are known that well, and shoes deform
_REACH = 0.09  # m from a point of the sole to its rim
_WINDOW = 0.1  # s over which rates must add up
_RATE = 2.0 * np.pi * 3.0  # 1/s: noise of a rate per noise of its coordinate, at 3 Hz


def broken(moved: MovedBody, land: Ground, sigma: Mapping[str, float]) -> dict[str, Array]:
    """By rule, (T,) how much each is broken.

    sigma: standard deviations by name: angle, position, force, pressure.
    """
    out = {"derivatives": _derivatives(moved, sigma)}
    if land.measured:
        force = np.stack([load.force for load in land.measured], axis=1)
        out |= _pushing(force, sigma["force"])
        out |= _footing(land, force, sigma)
    return out


def _pushing(force: Array, sigma: float) -> dict[str, Array]:
    """Pull, and friction beyond the cone, of forces (T, c, 3)."""
    normal = force[..., 2]
    along = np.hypot(force[..., 0], force[..., 1])
    slip = np.maximum(along - FRICTION * np.maximum(normal, 0.0) - sigma, 0.0)
    return {
        "pull": _norm(np.maximum(-normal, 0.0) / sigma),
        "friction": _norm(slip / sigma),
    }


def _footing(land: Ground, force: Array, sigma: Mapping[str, float]) -> dict[str, Array]:
    """Force on a foot in the air, and pressure centers beside the foot."""
    high, beside = np.zeros(force.shape[:2]), np.zeros(force.shape[:2])
    for i, (foot, load) in enumerate(zip(land.feet, land.measured, strict=True)):
        mine = [k for k, point in enumerate(land.points) if point.side == foot]
        if not mine or load.point is None:
            continue
        on = force[:, i, 2] > _LOADED
        place = land.place[:, mine]
        height = place[..., 2].min(axis=1) - load.point[:, 2]
        high[:, i] = on * np.maximum(height - _CLEARANCE, 0.0) / sigma["position"]
        away = _from_lines(load.point[:, :2], place[..., :2])
        beside[:, i] = on * np.maximum(away - _REACH, 0.0) / sigma["pressure"]
    return {"air": _norm(high), "beside the foot": _norm(beside)}


def _from_lines(point: Array, sole: Array) -> Array:
    """(T,) m from points (T, 2) to the nearest line between two points of soles (T, c, 2)."""
    best = np.full(len(point), np.inf)
    for i in range(sole.shape[1]):
        for j in range(i + 1):
            start, step = sole[:, i], sole[:, j] - sole[:, i]
            long = np.maximum((step**2).sum(axis=1), 1e-12)
            share = np.clip(((point - start) * step).sum(axis=1) / long, 0.0, 1.0)
            best = np.minimum(best, np.linalg.norm(point - start - share[:, None] * step, axis=1))
    return best


def _derivatives(moved: MovedBody, sigma: Mapping[str, float]) -> Array:
    """Rates that do not add up to what changed, over a tenth of a second."""
    if not moved.given:
        return np.zeros(len(moved.time))
    spread = np.where(moved.body.rotational, sigma["angle"], sigma["position"])
    place = _missing(moved.time, moved.z, moved.v) / spread
    if moved.simulated:
        # A simulator's acceleration is that of an instant; where it takes dampers implicitly
        # (MuJoCo's "implicitfast"), its velocities move on by another one.
        return _norm(place)
    rate = _missing(moved.time, moved.v, moved.a) / (_RATE * spread)
    return _norm(np.concatenate([place, rate], axis=1))


def _missing(time: Array, value: Array, rate: Array) -> Array:
    """(T, k) what the integral of `rate` over a window misses of the change of `value`.

    The best of three rules counts: a simulation holds a rate over its step, from either end.
    """
    step = np.diff(time)[:, None]
    width = max(1, min(round(_WINDOW / float(np.median(step))), len(time) - 1))
    change = value[width:] - value[:-width]
    missing = np.full_like(change, np.inf)
    for mean in (rate[:-1], rate[1:], 0.5 * (rate[:-1] + rate[1:])):
        whole = np.concatenate([np.zeros((1, rate.shape[1])), np.cumsum(mean * step, axis=0)])
        missing = np.minimum(missing, np.abs(change - (whole[width:] - whole[:-width])))
    out = np.zeros_like(value)
    half = width // 2
    out[half : half + len(missing)] = missing
    return out


def room(land: Ground, most: float) -> Array:
    """(T, c, 3) N: standard deviation of unknown forces; `most` where a sole surely stands."""
    return np.repeat((most * land.gate)[..., None], 3, axis=2)


def renewed(room: Array, force: Array, land: Ground, least: float) -> Array:
    """The room with no place for pulls and less along the floor than friction gives.

    force: (T, c, 3) N, as found with the old room.
    """
    out = room.copy()
    pulls = force[..., 2] < 0.0
    out[pulls] = np.minimum(out[pulls], least * land.gate[pulls][:, None])
    limit = FRICTION * np.maximum(force[..., 2], least)
    slides = np.hypot(force[..., 0], force[..., 1]) > limit
    out[slides, :2] = np.minimum(out[slides, :2], limit[slides][:, None])
    return out


def _norm(values: Array) -> Array:
    """(T,) root of the sum of squares of (T, n)."""
    return np.sqrt((values**2).sum(axis=1))
