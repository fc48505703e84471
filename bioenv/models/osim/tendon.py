"""MuJoCo's tendon paths in NumPy: length and its derivatives by everything a fit may move.

A path goes through sites and around cylinders or spheres between two sites, as MuJoCo's spatial
tendons do (``mju_wrap`` of MuJoCo 3: the tangents of a circle, on the side of the side site when
there is one, a helix on a cylinder). Since the path is the shortest, its derivatives follow from
the pull of unit tension alone (envelope theorem).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Site:
    """A point the path passes: position (3,) m in the frame of a body."""

    body: str
    position: Array


@dataclass(frozen=True, eq=False)
class Roll:
    """A cylinder or sphere the path may wrap over, between the sites before and after it.

    center (3,) m and rotation (3, 3) in the frame of a body; a cylinder lies along its z. side (3,)
    is a direction in the roll's frame: the side the path must take, None for the shorter one.
    """

    body: str
    center: Array
    rotation: Array
    radius: float
    side: Array | None
    sphere: bool = False


Path = tuple[Site | Roll, ...]


class BodyFrames(NamedTuple):
    """Poses of named bodies: position (N, 3), rotation (N, 3, 3)."""

    position: dict[str, Array]
    rotation: dict[str, Array]

    def place(self, body: str, point: Array) -> Array:
        """(N, 3) where a body's point (3,) lies in the world."""
        return self.position[body] + self.rotation[body] @ point


class Reach(NamedTuple):
    """A path's length (N,) and its derivatives by each element's parameters.

    A site has (N, 3): its position in the body. A roll has (N, 6): center in the body, turn about
    the roll's own x and y, radius. world (N, 3) per element: by a shift in the world.
    """

    length: Array
    by_element: list[Array]
    world: list[Array]


def reach(path: Path, frames: BodyFrames) -> Reach:
    """Length and derivatives of a path in N poses."""
    first = frames.place(path[0].body, _position(path[0]))
    length = np.zeros(len(first))
    world = [np.zeros_like(first) for _ in path]
    turn: dict[int, tuple[Array, Array]] = {}
    previous, roll_at = 0, -1
    for index, element in enumerate(path[1:], start=1):
        if isinstance(element, Roll):
            roll_at = index
            continue
        second = frames.place(element.body, element.position)
        if roll_at < 0:
            away = second - first
            distance = np.linalg.norm(away, axis=1)
            pull = away / np.maximum(distance, 1e-12)[:, None]
            length += distance
            world[previous] -= pull
            world[index] += pull
        else:
            roll = path[roll_at]
            assert isinstance(roll, Roll)
            wrap = _wrap(roll, frames, first, second)
            length += wrap.length
            world[previous] -= wrap.first_pull
            world[index] += wrap.second_pull
            world[roll_at] += wrap.first_pull - wrap.second_pull
            turn[roll_at] = (wrap.turn, wrap.radius)
        first, previous, roll_at = second, index, -1
    by_element = []
    for index, element in enumerate(path):
        rotation = frames.rotation[element.body]
        shift = np.einsum("nji,nj->ni", rotation, world[index])
        if isinstance(element, Roll):
            moment, radius = turn[index]
            shift = np.column_stack([shift, moment, radius])
        by_element.append(shift)
    return Reach(length, by_element, world)


def _position(element: Site | Roll) -> Array:
    assert isinstance(element, Site)
    return element.position


class _Wrap(NamedTuple):
    """length (N,); unit pulls along the path at the first and second site (N, 3), world;
    derivatives by turns about the roll's x, y (N, 2) and by its radius (N,)."""

    length: Array
    first_pull: Array
    second_pull: Array
    turn: Array
    radius: Array


def _wrap(roll: Roll, frames: BodyFrames, first: Array, second: Array) -> _Wrap:
    rotation = frames.rotation[roll.body] @ roll.rotation
    center = frames.place(roll.body, roll.center)
    ends = [np.einsum("nji,nj->ni", rotation, p - center) for p in (first, second)]
    if roll.sphere:
        plane, flat = _sphere_plane(*ends)
        side = None if roll.side is None else np.einsum("nij,j->ni", plane[:, :2], roll.side)
    else:
        plane, flat = None, [end[:, :2] for end in ends]
        side = None if roll.side is None else np.broadcast_to(roll.side[:2], flat[0].shape)
    circle = _circle(flat[0], flat[1], roll.radius, side)
    if plane is None:
        touch = _helix(ends, circle, roll.radius)
    else:
        touch = [np.einsum("nij,ni->nj", plane[:, :2], t) for t in (circle.first, circle.second)]
    return _pulls(roll, rotation, ends, touch, circle)


def _pulls(
    roll: Roll, rotation: Array, ends: list[Array], touch: list[Array], circle: _Circle
) -> _Wrap:
    """Length and derivatives once the tangent points are known; all in the roll's frame first."""
    on = circle.on[:, None]
    straight = ends[1] - ends[0]
    legs = [np.where(on, touch[0] - ends[0], straight), np.where(on, ends[1] - touch[1], straight)]
    sizes = [np.linalg.norm(leg, axis=1) for leg in legs]
    pulls = [leg / np.maximum(n, 1e-12)[:, None] for leg, n in zip(legs, sizes, strict=True)]
    climb = 0.0 if roll.sphere else touch[1][:, 2] - touch[0][:, 2]
    arc = np.hypot(roll.radius * circle.angle, climb)
    length = np.where(circle.on, sizes[0] + arc + sizes[1], sizes[0])
    moment = np.cross(touch[0], pulls[0]) - np.cross(touch[1], pulls[1])
    radius = roll.radius * circle.angle**2 / np.maximum(arc, 1e-12)
    world = [np.einsum("nij,nj->ni", rotation, pull) for pull in pulls]
    return _Wrap(
        length, world[0], world[1], np.where(on, moment, 0.0)[:, :2],
        np.where(circle.on, radius, 0.0),
    )  # fmt: skip


class _Circle(NamedTuple):
    """Whether the path touches the circle, its tangent points (N, 2), and the angle between."""

    on: Bools
    first: Array
    second: Array
    angle: Array


def _circle(start: Array, end: Array, radius: float, side: Array | None) -> _Circle:
    """MuJoCo's way around a circle at the origin, from `start` to `end` (N, 2)."""
    first_sq, second_sq = (start**2).sum(axis=1), (end**2).sum(axis=1)
    chord = end - start
    chord_sq = (chord**2).sum(axis=1)
    share = np.clip(-(chord * start).sum(axis=1) / np.maximum(chord_sq, 1e-15), 0.0, 1.0)
    nearest = start + share[:, None] * chord
    outside = (first_sq >= radius**2) & (second_sq >= radius**2) & (chord_sq > 1e-15)
    clear = (nearest**2).sum(axis=1) > radius**2
    if side is not None:
        clear &= (nearest * side).sum(axis=1) >= 0.0
    solutions = [_tangents(start, end, first_sq, second_sq, radius, sign) for sign in (1.0, -1.0)]
    goodness = []
    for one, two in solutions:
        if side is None:
            good = -((one - two) ** 2).sum(axis=1)
        else:
            middle = one + two
            size = np.maximum(np.linalg.norm(middle, axis=1), 1e-15)
            good = (middle * side).sum(axis=1) / size
        goodness.append(np.where(_cross(start, one, end, two), -1e4, good))
    pick = (goodness[0] > goodness[1])[:, None]
    one, two = (np.where(pick, solutions[0][k], solutions[1][k]) for k in (0, 1))
    on = outside & ~clear & ~_cross(start, one, end, two)
    return _Circle(on, one, two, _angle(one, two, pick[:, 0], radius))


def _tangents(
    start: Array, end: Array, first_sq: Array, second_sq: Array, radius: float, sign: float
) -> tuple[Array, Array]:
    points = []
    for point, square, turn in ((start, first_sq, sign), (end, second_sq, -sign)):
        root = turn * radius * np.sqrt(np.maximum(square - radius**2, 0.0))
        across = np.stack([point[:, 1], -point[:, 0]], axis=1)
        safe = np.maximum(square, 1e-15)[:, None]
        points.append((point * radius**2 + across * root[:, None]) / safe)
    return points[0], points[1]


def _cross(a: Array, b: Array, c: Array, d: Array) -> Bools:
    """Whether segments a-b and c-d meet, (N,)."""
    ab, cd, ca = b - a, d - c, a - c
    det = cd[:, 1] * ab[:, 0] - cd[:, 0] * ab[:, 1]
    safe = np.where(np.abs(det) < 1e-15, 1.0, det)
    u = (cd[:, 0] * ca[:, 1] - cd[:, 1] * ca[:, 0]) / safe
    v = (ab[:, 0] * ca[:, 1] - ab[:, 1] * ca[:, 0]) / safe
    inside = (u >= 0.0) & (u <= 1.0) & (v >= 0.0) & (v <= 1.0)
    return inside & (np.abs(det) >= 1e-15)


def _angle(one: Array, two: Array, first_solution: Bools, radius: float) -> Array:
    cosine = np.clip((one * two).sum(axis=1) / max(radius**2, 1e-15), -1.0, 1.0)
    angle = np.arccos(cosine)
    cross = one[:, 1] * two[:, 0] - one[:, 0] * two[:, 1]
    far = ((cross > 0.0) & ~first_solution) | ((cross < 0.0) & first_solution)
    return np.where(far, 2.0 * np.pi - angle, angle)


def _helix(ends: list[Array], circle: _Circle, radius: float) -> list[Array]:
    """Tangent points with heights: the climb is even along the unrolled path."""
    before = np.linalg.norm(ends[0][:, :2] - circle.first, axis=1)
    after = np.linalg.norm(ends[1][:, :2] - circle.second, axis=1)
    around = radius * circle.angle
    whole = np.maximum(before + around + after, 1e-15)
    rise = ends[1][:, 2] - ends[0][:, 2]
    low = ends[0][:, 2] + rise * before / whole
    high = ends[0][:, 2] + rise * (before + around) / whole
    return [np.column_stack([circle.first, low]), np.column_stack([circle.second, high])]


def _sphere_plane(first: Array, second: Array) -> tuple[Array, list[Array]]:
    """The plane through a sphere's center and both ends: axes (N, 3, 3), the ends in it (N, 2)."""
    x = first / np.maximum(np.linalg.norm(first, axis=1), 1e-15)[:, None]
    z = np.cross(first, second)
    size = np.linalg.norm(z, axis=1)
    # Ends in line with the center: any plane through them.
    other = np.cross(x, np.eye(3)[np.argmin(np.abs(x), axis=1)])
    z = np.where((size > 1e-12)[:, None], z / np.maximum(size, 1e-15)[:, None], other)
    z /= np.maximum(np.linalg.norm(z, axis=1), 1e-15)[:, None]
    axes = np.stack([x, np.cross(z, x), z], axis=1)
    return axes, [np.einsum("nij,nj->ni", axes[:, :2], end) for end in (first, second)]


def lengths(paths: Sequence[Path], frames: BodyFrames) -> Array:
    """(N, m) lengths of several paths."""
    return np.stack([reach(path, frames).length for path in paths], axis=1)
