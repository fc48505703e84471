"""Where a lost marker must be, judged by the other markers: as a rigid body, or by habit.

The two sources `bioenv.lab.gaps` fills long gaps from.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_FEWEST = 10  # frames in which a shape or a movement can be learned
_NEIGHBOURS = 5
_NEARNESS = 0.2  # m, the weight of a marker falls with its distance (the paper's 200 mm)
_NOISE = 3e-4  # m of a marker: components of the movement below it count little
_LESSON = 1000  # frames, evenly spread, a shape is learned from at most


def rigid_fit(shape: ArrayLike, seen: ArrayLike, weight: ArrayLike) -> tuple[Array, Array]:
    """Rotations (T, 3, 3) and translations (T, 3) that carry a shape onto seen points.

    shape (K, 3), seen (T, K, 3), weight (T, K) (0 leaves a point out; its position may be NaN).
    Minimizes the weighted squared distances (Söderkvist and Wedin 1993); all frames at once.
    """
    template, points = np.asarray(shape, dtype=float), np.asarray(seen, dtype=float)
    share = np.asarray(weight, dtype=float)
    share = share / share.sum(axis=1, keepdims=True)
    points = np.where(share[..., None] > 0, points, 0.0)
    from_mean = share @ template
    to_mean = np.einsum("tk,tki->ti", share, points)
    spread = np.einsum(
        "tk,tki,tkj->tij", share, points - to_mean[:, None], template - from_mean[:, None]
    )
    left, _, right = np.linalg.svd(spread)
    left[..., -1] *= np.sign(np.linalg.det(left @ right))[:, None]
    rotation = left @ right
    return rotation, to_mean - np.einsum("tij,tj->ti", rotation, from_mean)


def rigid(known: Array, marker: int, gap: slice, tolerance: float) -> Array | None:
    """The marker (G, 3) from at least three markers of the same segment.

    None when the markers that keep their distance are too few in any frame or lie on a line.
    """
    seen = is_seen(known)
    distance = np.linalg.norm(known - known[:, [marker]], axis=2)
    enough = (seen & seen[:, [marker]]).sum(axis=0) >= _FEWEST
    enough[marker] = False
    candidates = np.flatnonzero(enough & seen[gap].any(axis=0))
    wander = np.nanstd(distance[:, candidates], axis=0)
    near = candidates[np.argsort(wander)][: int((wander <= tolerance).sum())][:_NEIGHBOURS]
    group = np.append(near, marker)
    learned = known[seen[:, group].all(axis=1)][:, group]
    if len(near) < 3 or len(learned) < _FEWEST:
        return None
    shape = _mean_shape(learned[:: -(-len(learned) // _LESSON)])
    weight = seen[gap][:, near].astype(float)
    if not _spans_a_plane(shape[:-1], weight).all():
        return None
    rotation, shift = rigid_fit(shape[:-1], known[gap][:, near], weight)
    placed: Array = rotation @ shape[-1] + shift
    return placed


def _spans_a_plane(shape: Array, weight: Array) -> Mask:
    """(T,) whether three or more points (K, 3) of weight (T, K) 1 lie off a common line.

    On a line the second extent vanishes: the lost marker could turn about it.
    """
    count = weight.sum(axis=1)
    mean = weight @ shape / np.maximum(count, 1)[:, None]
    spread = np.einsum("tk,ki,kj->tij", weight, shape, shape)
    spread -= count[:, None, None] * mean[:, :, None] * mean[:, None, :]
    size = np.clip(np.linalg.eigvalsh(spread), 0, None)
    result: Mask = (count >= 3) & (size[:, 1] > 0.01 * size[:, 2])
    return result


def _mean_shape(frames: Array) -> Array:
    """Mean shape (K, 3) of point clouds (T, K, 3): aligned to the first, averaged, twice."""
    shape = frames[0] - frames[0].mean(axis=0)
    for _ in range(2):
        turn, shift = rigid_fit(shape, frames, np.ones(frames.shape[:2]))
        shape = np.einsum("tji,tkj->tki", turn, frames - shift[:, None]).mean(axis=0)
    return shape


def low_rank(known: Array, marker: int, gap: slice) -> Array | None:
    """The marker (G, 3) from the markers seen all through the gap, by what they did together.

    Linear regression on the other markers, weighted by nearness and shrunk along the principal
    components that hardly rise above the noise. (Gløersen and Federolf cut those off instead; the
    softer cut is a little closer on walking.) None when fewer than three such markers, or too few
    frames with all of them, exist.
    """
    seen = is_seen(known)
    guides = np.flatnonzero(seen[gap].all(axis=0))
    taught = seen[:, guides].all(axis=1) & seen[:, marker]
    if len(guides) < 3 or taught.sum() < _FEWEST:
        return None
    # Positions relative to the guides' mean: where the person is in the room teaches nothing.
    center = known[:, guides].mean(axis=1)
    others = known[taught][:, guides] - center[taught][:, None]
    own = known[taught, marker] - center[taught]
    apart = np.linalg.norm(others - own[:, None], axis=2).mean(axis=0)
    weight = np.repeat(np.maximum(np.exp(-(apart**2) / (2 * _NEARNESS**2)), 1e-4), 3)
    mean = others.mean(axis=0)
    lesson = (others - mean).reshape(len(others), -1) * weight
    asked = (known[gap][:, guides] - center[gap][:, None] - mean).reshape(-1, weight.size) * weight
    square = lesson.T @ lesson + _NOISE**2 * len(lesson) * np.eye(weight.size)
    slope = np.linalg.solve(square, lesson.T @ (own - own.mean(axis=0)))
    guess: Array = asked @ slope + own.mean(axis=0) + center[gap]
    return guess


def is_seen(points: Array) -> Mask:
    """(T, M) all three coordinates are known."""
    mask: Mask = np.asarray(~np.isnan(points).any(axis=2))
    return mask
