"""The run of points of many paths in many frames, into which surfaces put their two points.

An instance is one path in one frame; it has local nodes: `width` places for points, then two for
each surface. Its `order` lists the nodes the path runs through.
"""

from __future__ import annotations

import numpy as np

from bioenv.models.osim.wrap_surface import Array, Bools, Ints, norm


class Runs:
    """I instances with L local nodes.

    Args:
        place: (3, I, L) m, world, of the nodes; those of surfaces are set as they are found.
        on: (I, width) points that are on the path.
        settled: measure a path where its points finally are. Otherwise as OpenSim 4.6 does, which
            keeps the world position a surface's point had when first asked for, although later
            rounds over several surfaces move the point: lengths and directions are from there, the
            force acts where the point finally is.

    Attributes:
        order (I, L): nodes in the order of the path, the first count (I,) of them valid;
        arc (I, W): length on each surface.
    """

    def __init__(self, place: Array, on: Bools, *, settled: bool) -> None:
        count, slots = place.shape[1:]
        self.width = on.shape[1]
        self.surfaces = (slots - self.width) // 2
        self.place, self.on = place, on
        self.order: Ints = np.broadcast_to(np.arange(slots), (count, slots)).copy()
        if not on.all():
            self.order[:, : self.width] = np.argsort(~on, axis=1, kind="stable")
        self.count: Ints = on.sum(axis=1)
        self.arc = np.zeros((count, self.surfaces))
        # One surface is visited once: its points never move.
        self._settled = settled or self.surfaces < 2
        self._seen = place if self._settled else place.copy()
        self._known = np.zeros((count, slots), dtype=bool)

    def node(self, surface: int) -> int:
        """The first of the two local nodes of a surface."""
        return self.width + 2 * surface

    def remove(self, rows: Ints, surface: int) -> None:
        """Take a surface's two nodes off the paths `rows`."""
        node, order = self.node(surface), self.order[rows]
        gone = ((order == node) | (order == node + 1)) & self._valid(rows)
        if gone.any():
            keep = np.argsort(gone, axis=1, kind="stable")
            self.order[rows] = np.take_along_axis(order, keep, axis=1)
            self.count[rows] -= gone.sum(axis=1)

    def insert(self, rows: Ints, slot: Ints, surface: int, points: list[Array], arc: Array) -> None:
        """Put a surface's two nodes, at points (3, rows), before the node at `slot` (rows,)."""
        node, slots = self.node(surface), np.arange(self.order.shape[1])
        after = slots - slot[:, None]  # below 0 stays, 0 and 1 are new, the rest moves by two
        source = np.where(after < 0, slots, np.maximum(slots - 2, 0))
        moved = np.take_along_axis(self.order[rows], source, axis=1)
        self.order[rows] = np.where(after == 0, node, np.where(after == 1, node + 1, moved))
        self.count[rows] += 2
        self.arc[rows, surface] = arc
        for offset, point in enumerate(points):
            self.place[:, rows, node + offset] = point

    def note(self, rows: Ints, nodes: Ints) -> None:
        """Remember where surface points are when OpenSim first asks for it."""
        if self._settled:
            return
        new = (nodes >= self.width) & ~self._known[rows, nodes]
        rows, nodes = rows[new], nodes[new]
        self._seen[:, rows, nodes] = self.place[:, rows, nodes]
        self._known[rows, nodes] = True

    def segments(self, rows: Ints) -> tuple[Array, Array]:
        """(rows, L - 1) lengths and (3, rows, L - 1) directions along the paths."""
        order, valid = self.order[rows], self._valid(rows)
        if not self._settled:
            row, slot = np.nonzero(valid)
            self.note(rows[row], order[row, slot])
        place = self._seen[:, rows[:, None], order]
        step = place[:, :, 1:] - place[:, :, :-1]
        length = np.where(valid[:, 1:], norm(step), 0.0)
        if self.surfaces:
            node = order[:, :-1] - self.width
            arc = (node >= 0) & (node % 2 == 0) & valid[:, 1:]
            step *= ~arc
            length = np.where(arc, self.arc[rows[:, None], np.maximum(node, 0) // 2], length)
        return length, step / np.where(length > 0.0, length, np.inf)

    def tension(self) -> tuple[Array, Array]:
        """(I,) lengths and (3, I, L) force of unit tension on every node."""
        rows = np.arange(len(self.order))
        length, along = self.segments(rows)
        total = np.zeros_like(self.place)
        total[:, :, :-1] = along
        total[:, :, 1:] -= along
        force = np.zeros_like(self.place)
        row, slot = np.nonzero(self._valid(rows))
        force[:, row, self.order[row, slot]] = total[:, row, slot]
        return length.sum(axis=1), force

    def _valid(self, rows: Ints) -> Bools:
        return np.asarray(np.arange(self.order.shape[1]) < self.count[rows, None])
