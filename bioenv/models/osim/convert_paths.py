"""Paths MuJoCo can follow in place of the file's: the same where it can, else candidates to fit.

MuJoCo wraps over one cylinder or sphere between two given sites. OpenSim looks for the segment of
the path that meets the surface, knows ellipsoids and tori, and lets points come, go and move.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from bioenv.models.osim.convert_moving import Moving, body_name, moving_track
from bioenv.models.osim.convert_poses import Poses
from bioenv.models.osim.description import Description, Muscle, PathPoint, PathWrap, WrapObject
from bioenv.models.osim.skeleton import UPRIGHT
from bioenv.models.osim.tendon import Path, Roll, Site

Array = NDArray[np.float64]

_RADII = (0.008, 0.02, 0.035)  # m, of rolls tried in place of a conditional point


def is_plain(muscle: Muscle) -> bool:
    """Whether a path consists of fixed points alone."""
    return not muscle.wraps and not any(point.motion or point.active for point in muscle.points)


def plain_path(muscle: Muscle) -> Path:
    """The fixed points of a path as sites."""
    return tuple(_site(point) for point in muscle.points)


def _site(point: PathPoint) -> Site:
    return Site(body_name(point.body), UPRIGHT @ point.location)


def candidates(
    muscle: Muscle, description: Description, poses: Poses, moving: Sequence[Moving]
) -> Iterator[Path]:
    """Paths to try, those nearest to the file first."""
    sites = {key: site for one in moving for key, site in one.sites.items()}
    options = [
        _options(muscle, index, description, poses, sites) for index in range(len(muscle.points))
    ]
    surfaces = {wrap.name: wrap for wrap in description.wraps}
    active = [wrap for wrap in muscle.wraps if surfaces[wrap.wrap].active]
    choices = [
        _choices(muscle, wrap, surfaces[wrap.wrap], poses, several=len(active) > 1)
        for wrap in active
    ]
    for points in product(*options):
        for chosen in product(*choices):
            path = _assembled(points, [one for one in chosen if one is not None])
            if path is not None:
                yield path


def _choices(
    muscle: Muscle, wrap: PathWrap, surface: WrapObject, poses: Poses, several: bool
) -> list[tuple[int, Site | Roll] | None]:
    """(segment, element) for a wrap: rolls, or a point on its surface. MuJoCo takes no two rolls in
    one segment, so that one of several may be left out."""
    places = _segments(muscle, wrap)
    rolls = _rolls(surface) if several else [*_rolls(surface), *_deeper(surface)]
    found: list[tuple[int, Site | Roll] | None] = [
        (place, roll) for place in places for roll in rolls
    ]
    found += [(place, _on_surface(muscle, place, surface, poses)) for place in places]
    return [*found, None] if several else found


def _deeper(surface: WrapObject) -> list[Roll]:
    """Thicker rolls whose surface is the same on the side of the path.

    MuJoCo leads a path that passes behind a roll's center all around it: a thing OpenSim does not
    do, and that a deeper center prevents.
    """
    roll = _rolls(surface)[0]
    if roll.side is None or roll.sphere:
        return []
    inward = -(roll.rotation @ roll.side)
    return [
        replace(roll, center=roll.center + depth * inward, radius=roll.radius + depth)
        for depth in (0.02, 0.05)
    ]


def _on_surface(muscle: Muscle, place: int, surface: WrapObject, poses: Poses) -> Site:
    """A point of a wrap object where the straight path passes it on average."""
    roll, frames = _rolls(surface)[0], poses.goal_frames()
    ends = [
        frames.place(body_name(p.body), UPRIGHT @ p.location)
        for p in muscle.points[place : place + 2]
    ]
    rotation = frames.rotation[roll.body] @ roll.rotation
    center = frames.place(roll.body, roll.center)
    first, second = (np.einsum("nji,nj->ni", rotation, end - center) for end in ends)
    way = second - first
    share = np.clip(-(first * way).sum(axis=1) / (way**2).sum(axis=1), 0.0, 1.0)
    nearest = (first + share[:, None] * way).mean(axis=0)
    outward = roll.side if roll.side is not None else nearest * [1.0, 1.0, float(roll.sphere)]
    touch = roll.radius * _unit(outward, np.array([1.0, 0.0, 0.0]))
    if not roll.sphere:
        touch[2] = nearest[2]
    return Site(roll.body, roll.center + roll.rotation @ touch)


def _options(
    muscle: Muscle,
    index: int,
    description: Description,
    poses: Poses,
    sites: dict[tuple[str, str], Site],
) -> list[Site | Roll | None]:
    """What may stand at a point of the path."""
    point = muscle.points[index]
    if (muscle.name, point.name) in sites:
        return [sites[muscle.name, point.name]]
    if point.motion is not None:
        return [Site(body_name(point.body), moving_track(point, np.zeros(1))[0])]
    if point.active is None or not 0 < index < len(muscle.points) - 1:
        return [_site(point)]
    rolls = [_roll_at(muscle, index, poses, radius) for radius in _RADII]
    return [*rolls, _site(point), None]


def _segments(muscle: Muscle, wrap: PathWrap) -> list[int]:
    """Indices of points after which a wrap's roll may come: between bodies that differ."""
    first = 0 if wrap.start < 1 else wrap.start - 1
    last = len(muscle.points) - 1 if wrap.end < 1 else wrap.end - 1
    inside = list(range(first, last))
    across = [i for i in inside if muscle.points[i].body != muscle.points[i + 1].body]
    return across or inside


def _rolls(surface: WrapObject) -> list[Roll]:
    """Rolls for a wrap object; several where MuJoCo has no such surface."""
    center, rotation = UPRIGHT @ surface.pose.position, UPRIGHT @ surface.pose.rotation
    side = _side(surface.quadrant)
    body = body_name(surface.body)
    if surface.kind in ("cylinder", "sphere"):
        roll = Roll(body, center, rotation, surface.radius, side, surface.kind == "sphere")
        return [roll] if side is None else [roll, replace(roll, side=None)]
    if surface.kind == "torus":
        # The path goes through the ring: over its inner rim, a cylinder in the ring's plane.
        return [Roll(body, center, rotation, surface.radius, side, True)]
    rolls = [Roll(body, center, rotation, float(surface.dimensions.mean()), side, True)]
    for axis in range(3):
        order = np.roll(np.arange(3), -axis - 1)  # the axis becomes z
        others = surface.dimensions[order[:2]]
        turned = rotation[:, order]
        kept = None if side is None else side[order]
        if kept is None or kept[:2].any():
            rolls.append(Roll(body, center, turned, float(others.mean()), kept))
    return rolls


def _side(quadrant: str) -> Array | None:
    if quadrant == "all":
        return None
    sign = -1.0 if quadrant.startswith("-") else 1.0
    return sign * np.eye(3)["xyz".index(quadrant[-1])]


def _assembled(
    points: Sequence[Site | Roll | None], chosen: Sequence[tuple[int, Site | Roll]]
) -> Path | None:
    """The path, or None where two rolls follow each other without a site between."""
    out: list[Site | Roll] = []
    for index, point in enumerate(points):
        if point is not None:
            out.append(point)
        between = [element for place, element in chosen if place == index]
        # What is fixed to the body of the point before comes first.
        here = point.body if point is not None else ""
        out += sorted(between, key=lambda element: element.body != here)
    for one, other in pairwise(out):
        if isinstance(one, Roll) and isinstance(other, Roll):
            return None
    return tuple(out)


def _roll_at(muscle: Muscle, index: int, poses: Poses, radius: float) -> Roll:
    """A cylinder that touches the path at a conditional point, bent as there."""
    point = muscle.points[index]
    frames = poses.goal_frames()
    before, here, after = (
        frames.place(body_name(p.body), UPRIGHT @ p.location)
        for p in muscle.points[index - 1 : index + 2]
    )
    to_body = frames.rotation[body_name(point.body)]
    ways = [np.einsum("nji,nj->ni", to_body, other - here) for other in (before, after)]
    ways = [way / np.linalg.norm(way, axis=1, keepdims=True) for way in ways]
    active = poses.active(point)
    bend = np.cross(*ways)[active]
    inward = (ways[0] + ways[1])[active]
    axis = _unit(bend.mean(axis=0), np.array([0.0, 1.0, 0.0]))
    inside = inward.mean(axis=0)
    inside = _unit(inside - axis * (inside @ axis), np.cross(axis, [0.0, 0.0, 1.0]))
    rotation = np.column_stack([inside, np.cross(axis, inside), axis])
    center = UPRIGHT @ point.location + radius * inside
    return Roll(body_name(point.body), center, rotation, radius, np.array([-1.0, 0.0, 0.0]))


def _unit(vector: Array, fallback: Array) -> Array:
    size = float(np.linalg.norm(vector))
    return vector / size if size > 1e-9 else fallback / np.linalg.norm(fallback)


def mirrored(path: Path) -> Path:
    """The path of the same muscle on the other side."""
    flip = np.diag([1.0, -1.0, 1.0])
    out: list[Site | Roll] = []
    for element in path:
        body = other_side(element.body)
        if isinstance(element, Site):
            out.append(Site(body, flip @ element.position))
            continue
        side = None if element.side is None else flip @ element.side
        rotation = flip @ element.rotation @ flip
        center = flip @ element.center
        out.append(Roll(body, center, rotation, element.radius, side, element.sphere))
    return tuple(out)


def other_side(name: str) -> str:
    """The name with every part "r" an "l" and the reverse: knee_r, moving_tibia_r_knee_angle_r."""
    swap = {"r": "l", "l": "r"}
    return "_".join(swap.get(part, part) for part in name.split("_"))
