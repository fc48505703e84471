"""Where a trial's inverse kinematics begins: a rigid fit of the first body, then a coarse pass.

Newton's method needs a start in the right valley. Of every few frames the one with most markers is
solved from the default posture, after its root coordinates have been fitted to the markers of the
first body alone; the others start from the interpolation in between.
"""

from __future__ import annotations

import copy
import itertools

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from bioenv.inverse.kinematics_solver import Solution, minimize
from bioenv.inverse.marker_fit import MarkerFit

Array = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]

STRIDE = 8  # every so many frames one is solved without knowing its neighbours
LOST = 0.06  # m; a rigid fit so much worse than the best one has the wrong heading
JUMP = 1.0  # rad between neighbours of the coarse pass: their angles are of another branch
# A frame whose mean square error exceeds its neighbour's so many times and 5 mm starts from there.
WORSE, SPREAD = 2.0, 0.005
ROUGH, COARSE = 5e-2, 1e-2  # rad, m: steps at which the rigid fit and the coarse pass end


def coarse(fit: MarkerFit, rows: Index, bounds: Array, moved: Mask, angles: Mask) -> Solution:
    """Solve the frames `rows` from the default posture. moved: (M, k), see `Links`; angles:
    (k,) variables that may turn all the way."""
    z = np.tile(fit.anatomy.default[fit.free], (len(rows), 1))
    root = fit.anatomy.root[fit.free]
    if root.any():
        _place_root(fit, rows, z, bounds, root, moved)
    found = minimize(fit, rows, z, bounds, damping=1e-2, tolerance=COARSE)
    return _continuous(fit, rows, repaired(fit, rows, found, bounds), bounds, angles)


def _place_root(
    fit: MarkerFit, rows: Index, z: Array, bounds: Array, root: Mask, moved: Mask
) -> None:
    """Set the root coordinates in z from the first body's markers, or all where it has few."""
    first = ~moved[:, ~root].any(axis=1)
    own = fit.seen[rows][:, first].sum(axis=1) >= 3
    rigid = copy.copy(fit)
    weight = fit.weight.copy()
    weight[np.ix_(rows[own], ~first)] = 0.0
    rigid.weigh(weight)
    rigid.stiffness = np.zeros_like(fit.stiffness)
    pinned = np.where(root[:, None], bounds, z[:1].T)
    found = minimize(rigid, rows, z, pinned, damping=1e-2, iterations=15, tolerance=ROUGH)
    z[:], cost = found.z, found.cost
    limit = 0.5 * weight[rows].sum(axis=1) * np.where(own, LOST, 4 * LOST) ** 2
    lost = np.flatnonzero(cost > limit)
    if len(lost):
        limit[lost] += 1.1 * _rigid_cost(rigid, rows[lost])
    turns = np.flatnonzero(fit.angles[root])
    angles = itertools.product((0.0, np.pi, np.pi / 2, -np.pi / 2), repeat=len(turns))
    for angle in sorted(angles, key=np.count_nonzero)[1:]:
        lost = np.flatnonzero(cost > limit)
        if not len(lost):
            break
        start = np.tile(fit.anatomy.default[fit.free], (len(lost), 1))
        start[:, np.flatnonzero(root)[turns]] = angle
        again = minimize(
            rigid, rows[lost], start, pinned, damping=1e-2, iterations=15, tolerance=ROUGH
        )
        better = again.cost < cost[lost]
        z[lost[better]], cost[lost[better]] = again.z[better], again.cost[better]


def _rigid_cost(fit: MarkerFit, rows: Index) -> Array:
    """(F,) least cost of moving the body's markers in default posture as one piece (Kabsch)."""
    default = np.tile(fit.anatomy.default[fit.free], (len(rows), 1))
    weight, own = fit.weight[rows][:, :, None], fit.positions(rows, default)
    measured = fit.measured[:, rows].transpose(1, 2, 0)
    total = np.maximum(weight.sum(axis=1), 1e-12)
    own = own - (weight * own).sum(axis=1, keepdims=True) / total[:, None]
    measured = measured - (weight * measured).sum(axis=1, keepdims=True) / total[:, None]
    across = (weight * own).transpose(0, 2, 1) @ measured
    singular = np.linalg.svd(across, compute_uv=False)
    singular[:, 2] *= np.sign(np.linalg.det(across))
    spread = (weight * (own**2 + measured**2)).sum(axis=(1, 2))
    return np.asarray(np.maximum(0.5 * spread - singular.sum(axis=1), 0.0))


def repaired(
    fit: MarkerFit, rows: Index, found: Solution, bounds: Array, sweeps: int = 6
) -> Solution:
    """Try frames that fit much worse than a neighbour from that neighbour's solution."""
    weight = np.maximum(fit.weight[rows].sum(axis=1), 1e-12)
    for _ in range(sweeps):
        square = 2.0 * found.cost / weight
        changed = False
        for side in (-1, 1):
            beside = np.clip(np.arange(len(rows)) + side, 0, len(rows) - 1)
            odd = np.flatnonzero((square > WORSE * square[beside] + SPREAD**2) | ~found.converged)
            odd = odd[beside[odd] != odd]
            if not len(odd):
                continue
            again = minimize(fit, rows[odd], found.z[beside[odd]], bounds, damping=1e-2)
            found.iterations[odd] += again.iterations
            better = again.cost < found.cost[odd] * (1 - 1e-6)
            better |= again.converged & ~found.converged[odd]
            target = odd[better]
            for old, new in zip(_fields(found), _fields(again), strict=True):
                old[target] = new[better]
            changed |= bool(better.any())
        if not changed:
            break
    return found


def _continuous(
    fit: MarkerFit, rows: Index, found: Solution, bounds: Array, angles: Mask
) -> Solution:
    """Other angles for the same posture (each rotation has several) where they jump in time."""
    default = fit.anatomy.default[fit.free]
    z = unwrap(found.z, angles, default)
    if (np.abs(np.diff(z[:, angles], axis=0)) <= JUMP).all():
        return found
    # From the frame with the most usual angles outwards: each begins at its neighbour's.
    usual = int(np.argmin(np.abs(z - default)[:, angles].max(axis=1)))
    order = [(i, i - 1) for i in range(usual + 1, len(rows))]
    order += [(i, i + 1) for i in range(usual - 1, -1, -1)]
    for i, beside in order:
        turns = 2 * np.pi * np.round((z[i] - z[beside]) / (2 * np.pi)) * angles
        z[i] -= turns
        if (np.abs(z[i] - z[beside])[angles] <= JUMP).all():
            continue
        again = minimize(fit, rows[i : i + 1], z[beside][None], bounds, damping=1e-2)
        if again.converged[0] and again.cost[0] <= found.cost[i] * 1.01 + 1e-8:
            z[i], found.cost[i] = again.z[0], again.cost[0]
    found.z[:] = z
    return found


def _fields(one: Solution) -> tuple[NDArray[np.generic], ...]:
    return one.z, one.cost, one.converged


def representatives(seen: Mask) -> Index:
    """Of every STRIDE frames the one with most markers (the middle one if several)."""
    count = seen.sum(axis=1)
    rows = []
    for start in range(0, len(seen), STRIDE):
        part = count[start : start + STRIDE]
        best = np.flatnonzero(part == part.max())
        rows.append(start + int(best[len(best) // 2]))
    # The ends too: beyond the outermost rows there is nothing to interpolate.
    ends = np.flatnonzero(count)
    chosen = np.unique([*rows, ends[0], ends[-1]])
    return chosen[count[chosen] > 0].astype(np.intp)


def unwrap(z: Array, angles: Mask, default: Array) -> Array:
    """z (F, k) with free angles made continuous in time and the trial nearest to `default`."""
    out = z.copy()
    turned = np.unwrap(out[:, angles], axis=0)
    middle = np.median(turned, axis=0) - default[angles]
    out[:, angles] = turned - 2 * np.pi * np.round(middle / (2 * np.pi))
    return out


def interpolate(rows: Index, z: Array, count: int, good: Mask) -> Array:
    """(count, k) values at every frame from those at `rows` where good (F, k), NaN without any.

    Beyond the outermost good frame the value stays.
    """
    frames = np.arange(count)
    out = np.full((count, z.shape[1]), np.nan)
    patterns, which = np.unique(good, axis=1, return_inverse=True)
    for index, pattern in enumerate(patterns.T):
        columns = which.ravel() == index
        at, values = rows[pattern], z[np.ix_(pattern, columns)]
        if not len(at):
            continue
        inside = np.clip(frames, at[0], at[-1])
        if len(at) < 4:
            for k, column in zip(np.flatnonzero(columns), values.T, strict=True):
                out[:, k] = np.interp(inside, at, column)
        else:
            out[:, columns] = CubicSpline(at, values)(inside)
    return out
