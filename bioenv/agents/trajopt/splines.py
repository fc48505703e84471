"""Uniform cubic B-splines of a movement: control points, and where they stand for periodic ones.

A movement on a mesh of n intervals has control points c[-1] ... c[n+1]. At node i, with the step h,

    q = (c[i-1] + 4 c[i] + c[i+1]) / 6,  v = (c[i+1] - c[i-1]) / 2h,
    a = (c[i-1] - 2 c[i] + c[i+1]) / h^2

(de Boor 1978, A Practical Guide to Splines). Between nodes a is linear, v and q are its exact
integrals, and a spline lies within the range of its control points: bounds on them hold everywhere.
A periodic movement has n control points; the others are these again, for half a symmetric stride
with the sides exchanged. So periodicity costs neither unknowns nor constraints. Where both sides
move alike, they are one: only the right one's values are unknowns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bioenv.agents.trajopt.problem import Problem
from bioenv.errors import BioenvError

Array = NDArray[np.float64]
Index = NDArray[np.intp]

LEAST_MESH = 4
"""Intervals below which a periodic spline's neighbours would be one another."""

_STENCIL = np.array([[1 / 6, 4 / 6, 1 / 6], [-0.5, 0.0, 0.5], [1.0, -2.0, 1.0]])
"""Value, first and second change per step at a node, of the control points around it."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Control points of one problem on one mesh.

    Attributes:
        nq: coordinates of the model. mesh: intervals. count: control points that are unknowns.
        nodes: instants that differ.
        mirror (width,): for nq coordinates, then nm activations, the same value of the other side.
        columns (own,): which of these values are unknowns: all, or those of one side.
        twin (width,): where among the columns each value stands.
    """

    nq: int
    mesh: int
    count: int
    nodes: int
    periodic: bool
    mirror: Index
    columns: Index
    twin: Index

    @classmethod
    def of(cls, problem: Problem, mesh: int) -> Layout:
        """The layout of a problem. Raises BioenvError for a mesh below 4 intervals."""
        if mesh < LEAST_MESH:
            raise BioenvError(f"a mesh has at least {LEAST_MESH} intervals, not {mesh}")
        model, periodic = problem.model, problem.symmetry in ("mirror", "cycle")
        nq, width = len(model.coordinates), len(model.coordinates) + len(model.muscles)
        mirror = np.arange(width)
        if problem.symmetry in ("mirror", "sides"):
            mirror = np.concatenate([model.mirror_qpos, nq + np.asarray(model.mirror_muscle)])
        first = np.arange(width)
        if problem.symmetry == "sides":
            first = np.minimum(first, mirror)
        columns, twin = np.unique(first, return_inverse=True)
        count, nodes = (mesh, mesh) if periodic else (mesh + 3, mesh + 1)
        return cls(nq, mesh, count, nodes, periodic, mirror.astype(np.intp), columns, twin)

    @property
    def width(self) -> int:
        """Unknowns of a control point."""
        return self.columns.size

    @property
    def moves(self) -> Index:
        """Coordinates that are unknowns."""
        return self.columns[self.columns < self.nq]

    @property
    def muscles(self) -> Index:
        """Muscles whose activations are unknowns."""
        return self.columns[self.columns >= self.nq] - self.nq

    def places(self) -> Index:
        """(mesh + 3, own): which element of the flat unknowns stands at c[-1] ... c[mesh+1]."""
        own = np.arange(self.count * self.width).reshape(self.count, self.width)
        if not self.periodic:
            return own
        turn, row = np.divmod(np.arange(-1, self.mesh + 2), self.mesh)
        return np.where(turn[:, None] % 2 == 0, own[row], own[row][:, self.mirror])

    def taps(self) -> tuple[Index, Array]:
        """What the numbers of an instant sum up: (mesh+1, 3 nq + 2 nm, 3) unknowns, their weights.

        The numbers are q, its first and second change per step, activation and its change per
        step; of those nq coordinates and nm muscles that are unknowns. The weights
        (3 nq + 2 nm, 3) are those of the control points before, at and after.
        """
        c, moves = self.places(), np.arange(self.moves.size)
        muscles = np.arange(self.moves.size, self.width)
        which = np.concatenate([moves, moves, moves, muscles, muscles])
        sizes = [moves.size] * 3 + [muscles.size] * 2
        near = np.stack([c[:-2], c[1:-1], c[2:]], axis=-1)
        return near[:, which], _STENCIL[np.repeat([0, 1, 2, 0, 1], sizes)]

    def at_nodes(self, points: Array) -> tuple[Array, Array, Array]:
        """Value and first and second change per step, (mesh+1, nq+nm) each, of flat unknowns."""
        c = np.asarray(points).ravel()[self.places()][:, self.twin]
        near = np.stack([c[:-2], c[1:-1], c[2:]])
        value, first, second = (np.tensordot(row, near, 1) for row in _STENCIL)
        return value, first, second

    def fit(self, values: Array, ends: Array) -> Array:
        """(count, own) control points of the spline through node values (mesh+1, nq+nm).

        Args:
            ends: (2, nq+nm) change per step at start and end; of no effect on periodic movements.

        A periodic movement whose ends do not meet is bent until they do, half of it at each end.
        """
        if not self.periodic:
            return self._clamped(values[:, self.columns], ends[:, self.columns])
        gap = values[0][self.mirror] - values[-1]
        share = np.linspace(0.0, 1.0, self.mesh + 1)[:, None]
        closed = values + 0.5 * (share * gap - (1.0 - share) * gap[self.mirror])
        whole = np.concatenate([closed[:-1], closed[:-1][:, self.mirror]])
        size = len(whole)
        matrix = (4 * np.eye(size) + np.roll(np.eye(size), 1, 0) + np.roll(np.eye(size), -1, 0)) / 6
        points: Array = np.linalg.solve(matrix, whole)[: self.mesh]
        return points

    def _clamped(self, values: Array, ends: Array) -> Array:
        size = self.count
        matrix = np.zeros((size, size))
        for row in range(1, size - 1):
            matrix[row, row - 1 : row + 2] = _STENCIL[0]
        matrix[0, :3] = matrix[-1, -3:] = _STENCIL[1]
        rows = np.vstack([ends[:1], values, ends[1:]])
        return np.asarray(np.linalg.solve(matrix, rows), dtype=np.float64)
