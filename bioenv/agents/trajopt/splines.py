"""Uniform cubic B-splines of a movement: control points, and where they stand for periodic ones.

A movement on a mesh of n intervals has control points c[-1] ... c[n+1]. At node i, with the step h,

    q = (c[i-1] + 4 c[i] + c[i+1]) / 6,  v = (c[i+1] - c[i-1]) / 2h,
    a = (c[i-1] - 2 c[i] + c[i+1]) / h^2

(de Boor 1978, A Practical Guide to Splines). Between nodes a is linear, v and q are its exact
integrals, and a spline lies within the range of its control points: bounds on them hold everywhere.
A periodic movement has n control points; the others are these again, for half a symmetric stride
with the sides exchanged. So periodicity costs neither unknowns nor constraints.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bioenv.agents.trajopt.problem import Problem
from bioenv.errors import BioenvError

Array = NDArray[np.float64]
Index = NDArray[np.intp]

_STENCIL = np.array([[1 / 6, 4 / 6, 1 / 6], [-0.5, 0.0, 0.5], [1.0, -2.0, 1.0]])
"""Value, first and second change per step at a node, of the control points around it."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Control points of one problem on one mesh.

    Attributes:
        mesh: intervals. width: values of a control point: nq coordinates, then nm activations.
        count: control points that are unknowns. nodes: instants that differ.
        mirror (width,): the same value of the other side.
    """

    mesh: int
    width: int
    count: int
    nodes: int
    periodic: bool
    mirror: Index

    @classmethod
    def of(cls, problem: Problem, mesh: int) -> Layout:
        """The layout of a problem. Raises BioenvError for a mesh below 4 intervals."""
        if mesh < 4:
            raise BioenvError(f"a mesh has at least 4 intervals, not {mesh}")
        model, periodic = problem.model, problem.symmetry != "none"
        nq, width = len(model.coordinates), len(model.coordinates) + len(model.muscles)
        mirror = np.arange(width)
        if problem.symmetry == "mirror":
            mirror = np.concatenate([model.mirror_qpos, nq + np.asarray(model.mirror_muscle)])
        count, nodes = (mesh, mesh) if periodic else (mesh + 3, mesh + 1)
        return cls(mesh, width, count, nodes, periodic, mirror.astype(np.intp))

    def places(self) -> Index:
        """(mesh + 3, width): which element of the flat unknowns stands at c[-1] ... c[mesh+1]."""
        own = np.arange(self.count * self.width).reshape(self.count, self.width)
        if not self.periodic:
            return own
        turn, row = np.divmod(np.arange(-1, self.mesh + 2), self.mesh)
        return np.where(turn[:, None] % 2 == 0, own[row], own[row][:, self.mirror])

    def taps(self, nq: int) -> tuple[Index, Array]:
        """What the numbers of an instant sum up: (mesh+1, 3 nq + 2 nm, 3) unknowns, their weights.

        The numbers are q, its first and second change per step, activation and its change per
        step. The weights (3 nq + 2 nm, 3) are those of the control points before, at and after.
        """
        c, moves, muscles = self.places(), np.arange(nq), np.arange(nq, self.width)
        which = np.concatenate([moves, moves, moves, muscles, muscles])
        order = np.repeat([0, 1, 2, 0, 1], [nq, nq, nq, muscles.size, muscles.size])
        near = np.stack([c[:-2], c[1:-1], c[2:]], axis=-1)
        return near[:, which], _STENCIL[order]

    def at_nodes(self, points: Array) -> tuple[Array, Array, Array]:
        """Value and first and second change per step, (mesh+1, width) each, of flat unknowns."""
        c = np.asarray(points).ravel()[self.places()]
        near = np.stack([c[:-2], c[1:-1], c[2:]])
        value, first, second = (np.tensordot(row, near, 1) for row in _STENCIL)
        return value, first, second

    def fit(self, values: Array, ends: Array) -> Array:
        """(count, width) control points of the spline through node values (mesh+1, width).

        Args:
            ends: (2, width) change per step at start and end; of no effect on periodic movements.

        A periodic movement whose ends do not meet is bent until they do, half of it at each end.
        """
        if not self.periodic:
            return self._clamped(values, ends)
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
        points: Array = np.linalg.solve(matrix, np.vstack([ends[:1], values, ends[1:]]))
        return points
