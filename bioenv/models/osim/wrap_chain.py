"""Paths whose run of points changes with the pose: conditional points, and surfaces to wrap over.

Source: OpenSim 4.6, GeometryPath::applyWrapObjects (Apache-2.0): of all segments in a surface's
range the first that must wrap does, else the one whose length changes least; paths over several
surfaces repeat this up to 8 times, until the length changes by less than half a millimeter.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bioenv.models.osim.description import Description, PathWrap, WrapObject
from bioenv.models.osim.paths import Nodes
from bioenv.models.osim.wrap_cylinder import wrap_cylinder
from bioenv.models.osim.wrap_ellipsoid import wrap_ellipsoid
from bioenv.models.osim.wrap_runs import Runs
from bioenv.models.osim.wrap_sphere import wrap_sphere
from bioenv.models.osim.wrap_surface import (
    INSIDE,
    MANDATORY,
    METHODS,
    NONE,
    WRAPPED,
    Array,
    Bools,
    Ints,
    Surfaces,
    Wrapped,
    norm,
    turned,
    turned_back,
    unwrapped,
)
from bioenv.models.osim.wrap_torus import wrap_torus

SOLVERS: dict[str, Callable[[Array, Array, Surfaces], Wrapped]] = {
    "cylinder": wrap_cylinder,
    "sphere": wrap_sphere,
    "ellipsoid": wrap_ellipsoid,
    "torus": wrap_torus,
}
_KINDS = tuple(SOLVERS)
_ROUNDS, _CLOSE = 8, 0.0005

Codes = NDArray[np.int8]
Poses = tuple[Array, Array]  # (3, 3, I) rotation, (3, I) position in the world


class _Layer:
    """The k-th surface of each of g paths: what (g,) arrays and `Surfaces` say of it."""

    def __init__(
        self, objects: list[WrapObject], wraps: list[PathWrap], points: Ints, body: Ints, many: bool
    ) -> None:
        self.body = body
        self._rotation = np.stack([s.pose.rotation for s in objects])
        self._position = np.stack([s.pose.position for s in objects])[:, :, None]
        self.kind = np.array([_KINDS.index(s.kind) for s in objects])
        self.live: Bools = np.array([s.active for s in objects])
        ranges = [
            (max(wrap.start, 1) - 1, (wrap.end if wrap.end >= 1 else count) - 1)
            for wrap, count in zip(wraps, points, strict=True)
        ]
        self.start, self.end = np.array(ranges, dtype=np.intp).T
        sides = [s.quadrant.lower() for s in objects]
        self.surfaces = Surfaces(
            radius=np.array([s.radius for s in objects]),
            length=np.array([s.length for s in objects]),
            dimensions=np.stack([s.dimensions for s in objects], axis=1),
            axis=np.array([0 if side == "all" else "xyz".index(side[-1]) for side in sides]),
            sign=np.array([0.0 if s == "all" else -1.0 if s[0] == "-" else 1.0 for s in sides]),
            method=np.array([METHODS.index(wrap.method.lower()) for wrap in wraps]),
            adjust=np.full(len(objects), many),
        )

    def poses(self, position: Array, rotation: Array) -> Poses:
        """Of each instance's surface."""
        turn = rotation[:, self.body]
        axes = np.ascontiguousarray((turn @ self._rotation).transpose(2, 3, 0, 1))
        shift = (turn @ self._position)[..., 0] + position[:, self.body]
        return axes.reshape(3, 3, -1), np.ascontiguousarray(shift.transpose(2, 0, 1)).reshape(3, -1)

    def solve(self, group: Ints, start: Array, end: Array) -> Wrapped:
        """Segments (3, K) of the paths `group` (K,), each over its kind of surface."""
        kinds = np.unique(self.kind)
        if len(kinds) == 1:
            return SOLVERS[_KINDS[kinds[0]]](start, end, self.surfaces.take(group))
        out = unwrapped(np.zeros(len(group), dtype=np.int8))
        for kind in kinds:
            at = np.flatnonzero(self.kind[group] == kind)
            part = SOLVERS[_KINDS[kind]](start[:, at], end[:, at], self.surfaces.take(group[at]))
            out.code[at], out.length[at] = part.code, part.length
            out.first[:, at], out.second[:, at] = part.first, part.second
        return out


class Chains:
    """Paths of a model with the same number of surfaces.

    Args:
        muscles: (g,) their indices in the model.
        settled: see `Runs`.

    Attributes: muscles.
    """

    def __init__(
        self, description: Description, nodes: Nodes, muscles: Ints, *, settled: bool
    ) -> None:
        self.muscles, self._settled = muscles, settled
        points = nodes.points[muscles]
        self._width, count = int(points.max()), int(nodes.wraps[muscles[0]])
        slots = np.arange(self._width)
        self._present: Bools = slots < points[:, None]
        # Paths with fewer points are padded with their first one, which is then off the path.
        local = np.where(self._present, slots, 0)
        rest = points[:, None] + np.arange(2 * count)
        self._node: Ints = nodes.first[muscles, None] + np.concatenate([local, rest], axis=1)
        self._conditions = [
            (k, *np.argwhere(self._node[:, : self._width] == rule.node)[0])
            for k, rule in enumerate(nodes.conditions)
            if nodes.muscle[rule.node] in muscles
        ]
        wraps = [description.muscles[m].wraps for m in muscles]
        objects = [nodes.surfaces[m] for m in muscles]
        bodies = nodes.body[self._node[:, self._width :: 2]].reshape(len(muscles), count)
        self._layers = [
            _Layer([o[k] for o in objects], [w[k] for w in wraps], points, bodies[:, k], count > 1)
            for k in range(count)
        ]
        # Between its two points on one object a path wraps over that object no further.
        self._object = np.array([[id(o) for o in own] for own in objects], dtype=np.int64)

    def solve(
        self, point: Array, pull: Array, active: Bools, position: Array, rotation: Array
    ) -> Array:
        """(T, g) m lengths. Places the surfaces' nodes in `point` and writes the force of unit
        tension on all nodes to `pull`, both (3, T, N); active (T, k) conditional points."""
        frames, width = point.shape[1], self._width
        shape = (3, frames, *self._node.shape)
        on = np.broadcast_to(self._present, (frames, *self._present.shape)).copy()
        for k, row, column in self._conditions:
            on[:, row, column] = active[:, k]
        place = point[:, :, self._node].reshape(3, -1, shape[-1])
        runs = Runs(place, on.reshape(-1, width), settled=self._settled)
        poses = [layer.poses(position, rotation) for layer in self._layers]
        if len(poses) == 1:
            self._over(runs, np.arange(len(runs.order)), 0, poses)
        elif poses:
            self._wrap(runs, poses)
        length, force = runs.tension()
        force, place = force.reshape(shape), runs.place.reshape(shape)
        point[:, :, self._node[:, width:]] = place[..., width:]
        pull[:, :, self._node[:, width:]] = force[..., width:]
        pull[:, :, self._node[:, :width][self._present]] = force[..., :width][:, :, self._present]
        return length.reshape(frames, -1)

    def _wrap(self, runs: Runs, poses: list[Poses]) -> None:
        """Over several surfaces, round by round."""
        rows = np.arange(len(runs.order))
        swapped = np.zeros(len(rows), dtype=bool)
        before = np.full(len(rows), np.inf)
        for turn in range(_ROUNDS):
            codes = [self._round(runs, rows, k, swapped[rows], poses) for k in range(len(poses))]
            length = runs.segments(rows)[0].sum(axis=1)
            done = np.abs(length - before[rows]) < _CLOSE
            before[rows] = length
            if turn == 0:
                # No wrap over the first, an end inside the second: try the second first.
                other = rows[(codes[0] == NONE) & (codes[1] == INSIDE)]
                swapped[other] = True
                runs.remove(other, 0)
            rows = rows[~done]
            if not len(rows):
                return

    def _round(self, runs: Runs, rows: Ints, k: int, swapped: Bools, poses: list[Poses]) -> Codes:
        if k > 1 or not swapped.any():
            return self._over(runs, rows, k, poses)
        code = np.empty(len(rows), dtype=np.int8)
        code[swapped] = self._over(runs, rows[swapped], 1 - k, poses)
        code[~swapped] = self._over(runs, rows[~swapped], k, poses)
        return code

    def _over(self, runs: Runs, rows: Ints, k: int, poses: list[Poses]) -> Codes:
        """Wrap the paths `rows` over surface k; the code (rows,) of the last segment looked at."""
        if len(self._layers) > 1:
            runs.remove(rows, k)
        valid = self._segments(runs, rows, k)
        row, slot = np.nonzero(valid)
        instance = rows[row]
        nodes = [runs.order[instance, slot + step] for step in (0, 1)]
        turn, shift = (pose[..., instance] for pose in poses[k])
        start, end = (turned_back(turn, runs.place[:, instance, node] - shift) for node in nodes)
        found = self._layers[k].solve(instance % len(self.muscles), start, end)
        maybe = np.flatnonzero(found.code == WRAPPED)
        for node in nodes:
            runs.note(instance[maybe], node[maybe])
        change = norm(start - found.first) + found.length + norm(end - found.second)
        change -= norm(start - end)
        pick = _best(valid, row, slot, found.code, change)
        turn, shift = turn[..., pick], shift[..., pick]
        points = [turned(turn, x[:, pick]) + shift for x in (found.first, found.second)]
        runs.insert(instance[pick], slot[pick] + 1, k, points, found.length[pick])
        return _last(valid, row, slot, found.code)

    def _segments(self, runs: Runs, rows: Ints, k: int) -> Bools:
        """(rows, L - 1) segments that may wrap over surface k."""
        if len(self._layers) > 1 or self._conditions:
            return self._candidates(runs, rows, k)
        # The same in every frame.
        group = len(self.muscles)
        return np.tile(self._candidates(runs, rows[:group], k), (len(rows) // group, 1))

    def _candidates(self, runs: Runs, rows: Ints, k: int) -> Bools:
        layer, group, order = self._layers[k], rows % len(self.muscles), runs.order[rows]
        slots, points = np.arange(order.shape[1]), np.arange(self._width)
        within = runs.on[rows] & (points >= layer.start[group, None])
        within &= points <= layer.end[group, None]
        first = np.argmax(within, axis=1)
        last = self._width - 1 - np.argmax(within[:, ::-1], axis=1)
        begin = np.argmax(order == first[:, None], axis=1)
        end = np.argmax(order == last[:, None], axis=1)
        valid = (slots >= begin[:, None]) & (slots < end[:, None])
        valid &= (layer.live[group] & within.any(axis=1))[:, None]
        if len(self._layers) > 1:
            surface = np.maximum(order - self._width, 0) // 2
            owner = np.where(order < self._width, -slots, self._object[group[:, None], surface])
            valid[:, :-1] &= owner[:, :-1] != owner[:, 1:]
        return np.asarray(valid[:, :-1])


def _best(valid: Bools, row: Ints, slot: Ints, code: Codes, change: Array) -> Ints:
    """Of each row's segments, if any wraps: the first that must, else that of least change."""
    score = np.full(valid.shape, np.inf)
    wraps = np.flatnonzero((code >= WRAPPED) & np.isfinite(change))
    must = code[wraps] == MANDATORY
    score[row[wraps], slot[wraps]] = np.where(must, slot[wraps] - 1e9, change[wraps])
    best = np.argmin(score, axis=1)
    wrapped = np.isfinite(score[np.arange(len(score)), best])
    return np.flatnonzero(wrapped[row] & (best[row] == slot))


def _last(valid: Bools, row: Ints, slot: Ints, code: Codes) -> Codes:
    """OpenSim stops at the first segment that must wrap; else the last one's code stays."""
    table = np.full(valid.shape, NONE, dtype=np.int8)
    table[row, slot] = code
    last = valid.shape[1] - 1 - np.argmax(valid[:, ::-1], axis=1)
    final = np.where(valid.any(axis=1), table[np.arange(len(table)), last], NONE)
    return np.where((table == MANDATORY).any(axis=1), MANDATORY, final).astype(np.int8)
