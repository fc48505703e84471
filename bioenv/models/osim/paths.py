"""The points of all muscle paths, placed in the world: fixed, moving and conditional ones.

Every path is a run of nodes: its points in order, then two for each surface it may wrap over, where
it meets and where it leaves that surface. Arrays are xyz first: (3, T, N) for N nodes of all paths.
Source: OpenSim 4.6, PathPoint, MovingPathPoint, ConditionalPathPoint (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError, unknown
from bioenv.models.osim.description import Coordinate, Description, Muscle, PathPoint, WrapObject
from bioenv.models.osim.functions import Function

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

_EDGE = 1e-5  # rad or m that OpenSim adds to the range of a conditional point


class Motion(NamedTuple):
    """One moving component of a node: `component` 0..2 of its location is function(coordinate),
    held at the ends of the coordinate's range (2,)."""

    node: int
    component: int
    coordinate: int
    function: Function
    range: tuple[float, float]


class Condition(NamedTuple):
    """A node that is on its path while coordinate is within low, high."""

    node: int
    coordinate: int
    low: float
    high: float


class Nodes:
    """The nodes of all paths of a model.

    Attributes:
        first, points, wraps (m,): of each muscle, its first node, how many points it has and how
            many surfaces; its nodes are first ... first + points + 2 * wraps.
        muscle, body (N,): each node's muscle and MuJoCo body.
        motions, conditions: of moving and conditional points.
        surfaces: wrap objects of each muscle, in the order of its path wraps.
    """

    def __init__(self, description: Description, body_names: Sequence[str]) -> None:
        self._bodies = {name: i for i, name in enumerate(body_names)}
        self._coordinates = {c.name: (i, c) for i, c in enumerate(description.coordinates)}
        # Of surfaces with one name the first counts, as in OpenSim.
        objects = {wrap.name: wrap for wrap in reversed(description.wraps)}
        self.motions: list[Motion] = []
        self.conditions: list[Condition] = []
        self.surfaces = [_surfaces(muscle, objects) for muscle in description.muscles]
        self.points = np.array([len(m.points) for m in description.muscles], dtype=np.intp)
        self.wraps = np.array([len(wraps) for wraps in self.surfaces], dtype=np.intp)
        ends = np.cumsum(self.points + 2 * self.wraps)
        self.count = int(ends[-1]) if len(ends) else 0
        self.first: Ints = ends - self.points - 2 * self.wraps
        self.muscle: Ints = np.repeat(np.arange(len(ends)), self.points + 2 * self.wraps)
        self.body: Ints = np.zeros(self.count, dtype=np.intp)
        self._location = np.zeros((3, self.count))
        self._fixed = np.zeros(self.count, dtype=bool)
        for i, muscle in enumerate(description.muscles):
            self._place(muscle, int(self.first[i]), self.surfaces[i])
        self._by_body = [
            (int(b), np.flatnonzero(self._fixed & (self.body == b)))
            for b in np.unique(self.body[self._fixed])
        ]

    def _place(self, muscle: Muscle, first: int, surfaces: Sequence[WrapObject]) -> None:
        if len(muscle.points) < 2:
            raise BioenvError(f"the path of {muscle.name} has {len(muscle.points)} points, needs 2")
        for node, point in enumerate(muscle.points, first):
            self.body[node] = self.body_id(point.body, muscle)
            self._location[:, node] = point.location
            self._fixed[node] = point.motion is None
            self._note(node, point, muscle)
        for k, surface in enumerate(surfaces):
            node = first + len(muscle.points) + 2 * k
            self.body[node : node + 2] = self.body_id(surface.body, muscle)

    def _note(self, node: int, point: PathPoint, muscle: Muscle) -> None:
        """Remember what moves a point or takes it off the path."""
        for component, moves in enumerate(point.motion or ()):
            if moves is not None:
                index, coordinate = self._coordinate(moves[0], muscle)
                self.motions.append(Motion(node, component, index, moves[1], coordinate.range))
        if point.active is not None:
            name, low, high = point.active
            self.conditions.append(Condition(node, self._coordinate(name, muscle)[0], low, high))

    def body_id(self, name: str, muscle: Muscle) -> int:
        """MuJoCo's id of a body of the file."""
        if name not in self._bodies:
            raise BioenvError(f"path of {muscle.name}: {unknown('body', name, self._bodies)}")
        return self._bodies[name]

    def _coordinate(self, name: str, muscle: Muscle) -> tuple[int, Coordinate]:
        if name not in self._coordinates:
            wrong = unknown("coordinate", name, self._coordinates)
            raise BioenvError(f"path of {muscle.name}: {wrong}")
        return self._coordinates[name]

    def place(self, q: Array, position: Array, rotation: Array) -> Array:
        """(3, T, N) m, world: where every point is; wrap nodes are left at zero.

        position (T, nb, 3) and rotation (T, nb, 3, 3) of the bodies' frames.
        """
        frames = len(position)
        out = np.zeros((3, frames, self.count))
        # One matrix product per body: (3 T, 3) @ (3, k).
        turn = np.ascontiguousarray(rotation.transpose(1, 2, 0, 3))
        shift = np.ascontiguousarray(position.transpose(1, 2, 0))
        for body, nodes in self._by_body:
            points = turn[body].reshape(-1, 3) @ self._location[:, nodes]
            out[:, :, nodes] = points.reshape(3, frames, -1) + shift[body, :, :, None]
        for node, location in self._moving(q).items():
            body = self.body[node]
            out[:, :, node] = np.einsum("ctj,jt->ct", turn[body], location) + shift[body]
        return out

    def _moving(self, q: Array) -> dict[int, Array]:
        """(3, T) location in its body of every moving point."""
        found: dict[int, Array] = {}
        for motion in self.motions:
            fixed = self._location[:, motion.node, None]
            location = found.setdefault(motion.node, np.repeat(fixed, len(q), axis=1))
            x = np.clip(q[:, motion.coordinate], *motion.range)
            location[motion.component] = motion.function.value(x)
        return found

    def moves(self, q: Array, rotation: Array) -> Array:
        """(3, T, k) m, world: what each of the k motions adds per unit of its coordinate.

        As in OpenSim the slope is that at the coordinate itself, even beyond its range.
        """
        out = np.empty((3, len(q), len(self.motions)))
        for k, motion in enumerate(self.motions):
            axis = rotation[:, self.body[motion.node], :, motion.component]
            out[:, :, k] = axis.T * motion.function.slope(q[:, motion.coordinate])
        return out

    def active(self, q: Array) -> Bools:
        """(T, k) which of the k conditional points are on their path."""
        out = np.empty((len(q), len(self.conditions)), dtype=bool)
        for k, rule in enumerate(self.conditions):
            x = q[:, rule.coordinate]
            out[:, k] = (x >= rule.low - _EDGE) & (x <= rule.high + _EDGE)
        return out


def _surfaces(muscle: Muscle, objects: dict[str, WrapObject]) -> list[WrapObject]:
    for wrap in muscle.wraps:
        if wrap.wrap not in objects:
            raise BioenvError(
                f"path of {muscle.name}: {unknown('wrap object', wrap.wrap, objects)}"
            )
    return [objects[wrap.wrap] for wrap in muscle.wraps]
