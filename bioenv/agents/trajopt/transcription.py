"""Direct collocation: a movement's problem as a nonlinear program over its control points.

Coordinates and activations are cubic splines (:mod:`bioenv.agents.trajopt.splines`); unknown are
their control points, the duration and the distance travelled. The dynamics are implicit: at every
node the forces balance, ``balance(q, v, a, act) = 0`` (Betts 2010, Practical Methods for Optimal
Control, 4; implicit form: van den Bogert, Blana and Heinrich 2011). Bounds on the activation rate
are those of an excitation within 0..1.

A node also has reserves, forces from nowhere on every coordinate but the vertical (or the body
would float, where it feels no ground). They are bounded by the stage's `assist` and cost much, so
that a first stage can find a movement before the last one, without them, makes it a physical one.

Everything is scaled to about 1, so that violations compare: residuals of hinges by 0.1 m times body
weight, of slides by body weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import casadi as ca
import numpy as np
from numpy.typing import NDArray

from bioenv.agents.trajopt.blocks import Block, Program, assemble
from bioenv.agents.trajopt.end_conditions import conditions
from bioenv.agents.trajopt.goals import (
    AT_POINT,
    BETWEEN,
    TRACKING,
    Point,
    Squares,
    Term,
    time_constants,
    tracking,
    value,
)
from bioenv.agents.trajopt.guess import Trajectory
from bioenv.agents.trajopt.problem import Problem
from bioenv.agents.trajopt.splines import Layout
from bioenv.diff.symbolic.compiled import PLAIN, Evaluation
from bioenv.models.skeleton import floating

Array = NDArray[np.float64]

# Sizes of the unknowns: control points of coordinates, of activations.
_COORDINATE, _ACTIVATION = 0.1, 1.0
_LEVER = 0.1  # m
# Of the mean squared reserves, in (body weights)^2: joints may be moved by motors, but the body as
# a whole should not be carried.
_ROOT_RESERVE, _JOINT_RESERVE = 10.0, 0.1
_SWAY = 1.0  # m that the travelling coordinate may be before or behind its mean speed
_FARTHEST = 100.0  # m


class Transcription:
    """The program of a problem on a mesh, and the way between its unknowns and a trajectory.

    Attributes:
        program: functions, bounds of the constraints.
        carried: price of reserves that lift the body, 0 for none.
        lower, upper (size,): bounds of the scaled unknowns.
    """

    def __init__(
        self,
        problem: Problem,
        symbolic: Any,
        mesh: int,
        evaluation: Evaluation = PLAIN,
        carried: float = 0.0,
    ) -> None:
        self.problem, self.symbolic, self.mesh, self.carried = problem, symbolic, mesh, carried
        self.nq, self.nm = len(problem.model.coordinates), len(problem.model.muscles)
        self.layout = Layout.of(problem, mesh)
        self.moves, self.muscles = self.layout.moves.tolist(), self.layout.muscles.tolist()
        counts = len(self.moves), len(self.muscles)
        points, reserves = self.layout.count * self.layout.width, self.layout.nodes * counts[0]
        self.reserves = points + np.arange(reserves).reshape(self.layout.nodes, counts[0])
        self.size = points + reserves + 2
        row = np.repeat([_COORDINATE, _ACTIVATION], counts)
        self._instants, stencil = self.layout.taps()
        sizes = np.repeat([_COORDINATE, _ACTIVATION], [3 * counts[0], 2 * counts[1]])
        self._weight = stencil * sizes[:, None]
        self.scale = np.concatenate([np.tile(row, self.layout.count), np.ones(reserves + 2)])
        self.p = ca.SX.sym("p", symbolic.parameters.default.size)
        blocks = [self._node_block(), *self._interval_blocks(), self.end_block()]
        self.program: Program = assemble(self.size, self.p.numel(), blocks, evaluation)
        self.lower, self.upper = self.bounds()

    # ---- between unknowns and movements
    def pack(self, t: Trajectory) -> Array:
        """(size,) scaled unknowns of a trajectory on this mesh, moved within their bounds."""
        q, v, travelled = t.q.copy(), t.v[[0, -1]].copy(), 0.0
        if self._travel is not None:
            travelled = q[-1, self._travel] - q[0, self._travel]
            q[:, self._travel] -= travelled * np.linspace(0.0, 1.0, self.mesh + 1)
        ends = np.concatenate([v, t.rate[[0, -1]]], axis=1) * (t.duration / self.mesh)
        rows = self.layout.fit(np.concatenate([q, t.act], axis=1), ends)
        if self._travel is not None:
            rows[:, self._travel] -= rows[0, self._travel]
        x = np.concatenate([rows.ravel(), np.zeros(self.reserves.size), [travelled, t.duration]])
        return np.clip(x / self.scale, self.lower, self.upper)

    def unpack(self, x: Array) -> Trajectory:
        """The trajectory of (size,) scaled unknowns."""
        raw = np.asarray(x, dtype=float).ravel() * self.scale
        travelled, duration = float(raw[-2]), float(raw[-1])
        value, first, second = self.layout.at_nodes(raw[: self.reserves.flat[0]])
        h, q = duration / self.mesh, slice(0, self.nq)
        act, rate = value[:, self.nq :], first[:, self.nq :] / h
        pose, v = value[:, q].copy(), first[:, q] / h
        if self._travel is not None:
            pose[:, self._travel] += travelled * np.linspace(0.0, 1.0, self.mesh + 1)
            v[:, self._travel] += travelled / duration
        return Trajectory(pose, v, second[:, q] / h**2, act, rate, duration)

    @property
    def _travel(self) -> int | None:
        """Index of the coordinate that advances while all else is periodic."""
        name = self.problem.travel
        if name is None or not self.layout.periodic:
            return None
        return self.problem.model.coordinate_index(name)

    def _point(self, w: ca.SX, share: ca.SX, ends: ca.SX) -> Point:
        """The instant that its numbers w describe; ends: distance m and duration s."""
        twin = self.layout.twin.tolist()
        moves, muscles = twin[: self.nq], [i - len(self.moves) for i in twin[self.nq :]]
        own = ca.vertsplit(w, self._cuts)
        q, first, second = (ca.SX(u[moves]) for u in own[:3])
        act, change = (u[muscles] for u in own[3:])
        travelled, duration = ends[0], ends[1]
        h = duration / self.mesh
        v = first / h
        if self._travel is not None:
            q[self._travel] += travelled * share
            v[self._travel] += travelled / duration
        phase = share * (0.5 if self.problem.symmetry == "mirror" else 1.0)
        return Point(self.symbolic, q, v, second / h**2, act, change / h, self.p, phase)

    @property
    def _cuts(self) -> list[int]:
        q, m = len(self.moves), len(self.muscles)
        return [0, q, 2 * q, 3 * q, 3 * q + m, 3 * q + 2 * m]

    def _read(self, *index: NDArray[np.intp]) -> tuple[NDArray[np.intp], Array]:
        """What the places of a block read: instants, (n, numbers, 3); then single unknowns (n, k).

        Returns index (n, nw, 3) and weight (nw, 3), the unknowns' scales among the weights.
        """
        instants = [i for i in index if i.ndim == 3]
        single = np.concatenate([i for i in index if i.ndim == 2], axis=1)
        weight = [self._weight] * len(instants) + [np.tile([1.0, 0.0, 0.0], (single.shape[1], 1))]
        every = np.concatenate([*instants, np.repeat(single[..., None], 3, axis=2)], axis=1)
        return every, np.concatenate(weight)

    # ---- blocks
    def _node_block(self) -> Block:
        n, k, problem = self._cuts[-1], self.layout.nodes, self.problem
        w, d = ca.SX.sym("w", n + len(self.moves) + 2), ca.SX.sym("d", 2 + 2 * len(problem.tracks))
        s, reserve = self._point(w[:n], d[1], w[-2:]), w[n:-2]
        # Not body_weight, which is zero in a model without gravity.
        size = 9.81 * problem.model.mass * np.where(problem.slides, 1.0, _LEVER)
        balance = self.symbolic.balance(s.q, s.v, s.a, s.act, self.p) / ca.DM(size)
        moves, muscles = self.moves, self.muscles
        driven = [(s.act + s.rate * time)[muscles] for time in time_constants(problem.model, s.act)]
        g = ca.vertcat(balance[moves] - reserve, *driven)
        names, activated = problem.model.coordinates, problem.model.muscles
        labels = (
            *(f"forces on {names[i]} do not balance (body weights)" for i in moves),
            *(f"excitation of {activated[i]} above 1" for i in muscles),
            *(f"excitation of {activated[i]} below 0" for i in muscles),
        )
        root = floating(problem.model.mj)[moves]
        price = np.where(root, self.carried or _ROOT_RESERVE, _JOINT_RESERVE)
        cost, squares = self._cost(s, d[2:])
        cost += ca.dot(ca.DM(price), reserve**2)
        count = d[0] * self._price(w)
        share = np.arange(k) / self.mesh
        zero, one = np.zeros(len(moves)), np.ones(len(muscles))
        none = np.full(len(muscles), np.inf)
        index = self._read(self._instants[:k], self.reserves, self._ends(k))
        data = np.column_stack([self._quadrature(), share, *self._wanted(share)])
        return Block(
            "node", w, d, self.p, g, count * cost, labels,
            np.concatenate([zero, -none, 0.0 * one]), np.concatenate([zero, one, none]),
            *index, data, share, ca.sqrt(count) * squares,
        )  # fmt: skip

    def _cost(self, s: Point, tracked: ca.SX) -> tuple[ca.SX, ca.SX]:
        """Weighted goals of an instant; tracked: wanted values, then standard deviations."""
        goals = self.problem.goals
        found = [(k, AT_POINT[n](s)) for n, k in goals.items() if n in AT_POINT]
        if TRACKING in goals:
            tracks = self.problem.tracks
            wanted, sd = ca.vertsplit(tracked, len(tracks))
            found.append((goals[TRACKING], tracking(s, tracks, wanted, sd)))
        return self._summed(found)

    def _summed(self, terms: Sequence[tuple[float, Term]]) -> tuple[ca.SX, ca.SX]:
        """Weighted goals as one sum, and as one vector whose squares are to be added to it."""
        short = self.problem.gauss_newton
        squares = [np.sqrt(k) * t.residual for k, t in terms if isinstance(t, Squares) and short]
        plain = [k * value(t) for k, t in terms if not (isinstance(t, Squares) and short)]
        return sum(plain, ca.SX(0)), ca.vertcat(ca.SX(0, 1), *squares)

    def _price(self, w: ca.SX) -> ca.SX:
        """What the mean of the goals counts: 1, or the duration s."""
        return w[-1] if self.problem.total else ca.SX(1)

    def _wanted(self, share: Array) -> list[Array]:
        """Columns of means, then of standard deviations, of what is tracked."""
        tracks = self.problem.tracks
        return [t.at(share)[0] for t in tracks] + [t.at(share)[1] for t in tracks]

    def _quadrature(self) -> Array:
        """(nodes,) the trapezoidal rule's weights; of a periodic function all are equal."""
        weight = np.full(self.layout.nodes, 1.0 / self.mesh)
        if not self.layout.periodic:
            weight[[0, -1]] /= 2.0
        return weight

    def _ends(self, count: int) -> NDArray[np.intp]:
        """(count, 2) where distance and duration stand."""
        return np.tile([self.size - 2, self.size - 1], (count, 1))

    def _interval_blocks(self) -> list[Block]:
        """Goals of two neighbouring nodes; none where no such goal is wanted."""
        goals = {name: k for name, k in self.problem.goals.items() if name in BETWEEN}
        if not goals:
            return []
        n, m = self._cuts[-1], self.mesh
        w, d = ca.SX.sym("w", 2 * n + 2), ca.SX.sym("d", 1)
        s = self._point(w[:n], d[0], w[-2:])
        t = self._point(w[n : 2 * n], d[0] + 1.0 / m, w[-2:])
        h = w[-1] / m
        cost, squares = self._summed([(k, BETWEEN[name](s, t, h)) for name, k in goals.items()])
        count = self._price(w) / m
        index = self._read(self._instants[:m], self._instants[1:], self._ends(m))
        share, empty = np.arange(m) / m, np.zeros(0)
        block = Block("interval", w, d, self.p, ca.SX(0, 1), count * cost, (), empty, empty, *index,
                      share[:, None], share + 0.5 / m, ca.sqrt(count) * squares)  # fmt: skip
        return [block]

    def end_block(self) -> Block:
        """The constraints whose bounds the problem gives: its ends, its speed, its targets."""
        n, periodic = self._cuts[-1], self.layout.periodic
        instants = self._instants[:1], *(() if periodic else (self._instants[-1:],))
        w, d = ca.SX.sym("w", len(instants) * n + 2), ca.SX.sym("d", 0)
        first = self._point(w[:n], ca.SX(0), w[-2:])
        last = self._again(first, w[-2]) if periodic else self._point(w[n:-2], ca.SX(1), w[-2:])
        rows = conditions(self.problem, self.moves, first, last, w[-1])
        g = ca.vertcat(*(row[1] for row in rows)) if rows else ca.SX(0, 1)
        return Block(
            "ends", w, d, self.p, g, ca.SX(0), tuple(row[0] for row in rows),
            np.array([row[2] for row in rows]), np.array([row[3] for row in rows]),
            *self._read(*instants, self._ends(1)), np.zeros((1, 0)), np.ones(1),
        )  # fmt: skip

    def _again(self, s: Point, travelled: ca.SX) -> Point:
        """The first instant of a periodic movement at its end."""
        q, m = self.layout.mirror[: self.nq].tolist(), self.layout.mirror[self.nq :] - self.nq
        pose, side = s.q[q], m.tolist()
        if self._travel is not None:
            pose[self._travel] += travelled
        return Point(self.symbolic, pose, s.v[q], s.a[q], s.act[side], s.rate[side], self.p)

    # ---- bounds of the unknowns
    def bounds(self, assist: float = 0.0) -> tuple[Array, Array]:
        """(size,) lowest and highest scaled unknowns; `assist` limits the reserves."""
        problem, count = self.problem, self.layout.count
        low, high = problem.coordinate_bounds()
        ends = np.array([[0.0, problem.duration[0]], [0.0, problem.duration[1]]])
        if self._travel is not None:
            low[self._travel], high[self._travel] = -_SWAY, _SWAY
            ends[:, 0] = -_FARTHEST, _FARTHEST
        firm = problem.vertical & (not self.carried)
        reserve = np.tile(np.where(firm, 0.0, assist)[self.moves], self.layout.nodes)
        limits = []
        for sign, q, act, end in zip((-1, 1), (low, high), problem.activation, ends, strict=True):
            row = np.tile(np.append(q[self.moves], [act] * len(self.muscles)), (count, 1))
            if self._travel is not None:
                row[0, self._travel] = 0.0  # nothing else says where the movement begins
            limits.append(np.concatenate([row.ravel(), sign * reserve, end]) / self.scale)
        return limits[0], limits[1]
