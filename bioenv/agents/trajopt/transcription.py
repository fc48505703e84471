"""Direct collocation: a movement's problem as a nonlinear program over its nodes.

Unknowns of a node: q, v, activation, acceleration a and activation rate; and the duration. The
dynamics are implicit: at every node the forces balance, ``balance(q, v, a, act) = 0``, and between
nodes the trapezoidal rule ties q to v, v to a and activation to its rate (Betts 2010, Practical
Methods for Optimal Control, 4.4; implicit form: van den Bogert, Blana and Heinrich 2011). Bounds on
the activation rate are those of an excitation within 0..1.

A node also has reserves, forces from nowhere on every coordinate but the vertical (or the body
would float, where it feels no ground). They are bounded by the stage's
`assist` and cost much, so that a first stage can find a movement before the last one, without them,
makes it a physical one.

Everything is scaled to about 1, so that violations compare: residuals of hinges by 0.1 m times body
weight, of slides by body weight.
"""

from __future__ import annotations

from typing import Any

import casadi as ca
import numpy as np
from numpy.typing import NDArray

from bioenv.agents.trajopt.blocks import Block, Program, assemble
from bioenv.agents.trajopt.goals import AT_POINT, BETWEEN, Point, site, time_constants
from bioenv.agents.trajopt.guess import Trajectory
from bioenv.agents.trajopt.problem import Problem
from bioenv.errors import BioenvError

Array = NDArray[np.float64]

# Sizes of the unknowns, SI.
_VELOCITY, _ACCELERATION, _RATE, _LEVER = 5.0, 50.0, 5.0, 0.1
_MOST_VELOCITY, _MOST_ACCELERATION = 30.0, 3000.0
_MOST_RATE = 200.0  # 1/s
_RESERVE_COST = 10.0  # of the mean squared reserves, in (body weights)^2


class Transcription:
    """The program of a problem on a mesh, and the way between its unknowns and a trajectory.

    Attributes:
        program: functions, bounds of the constraints.
        lower, upper (size,): bounds of the scaled unknowns.
    """

    def __init__(self, problem: Problem, symbolic: Any, mesh: int, threads: int = 1) -> None:
        if mesh < 2:
            raise BioenvError(f"a mesh has at least 2 intervals, not {mesh}")
        self.problem, self.symbolic, self.mesh = problem, symbolic, mesh
        self.nq, self.nm = len(problem.model.coordinates), len(problem.model.muscles)
        q, m = self.nq, self.nm
        sizes = [np.ones(q), np.full(q, _VELOCITY), np.ones(m), np.full(q, _ACCELERATION),
                 np.full(m, _RATE), np.ones(q)]  # fmt: skip
        self.node_scale = np.concatenate(sizes)
        self.nodes = np.arange((mesh + 1) * self.node_scale.size).reshape(mesh + 1, -1)
        self.size = self.nodes.size + 1
        self.scale = np.append(np.tile(self.node_scale, mesh + 1), 1.0)
        self.p = ca.SX.sym("p", symbolic.parameters.default.size)
        blocks = [self._node_block(), self._interval_block(), self._end_block()]
        self.program: Program = assemble(self.size, self.p.numel(), blocks, threads)
        self.lower, self.upper = self.bounds()

    # ---- between unknowns and movements
    def pack(self, t: Trajectory) -> Array:
        """(size,) scaled unknowns of a trajectory on this mesh, moved within their bounds."""
        rows = np.concatenate([t.q, t.v, t.act, t.a, t.rate, 0.0 * t.q], axis=1)
        x = np.append(rows.ravel(), t.duration) / self.scale
        return np.clip(x, self.lower, self.upper)

    def unpack(self, x: Array) -> Trajectory:
        """The trajectory of (size,) scaled unknowns."""
        raw = np.asarray(x, dtype=float).ravel() * self.scale
        rows = raw[:-1].reshape(self.mesh + 1, -1)
        q, v, act, a, rate, _ = np.split(rows, self._cuts(), axis=1)
        return Trajectory(q, v, a, act, rate, float(raw[-1]))

    def _cuts(self) -> list[int]:
        q, m = self.nq, self.nm
        return [q, 2 * q, 2 * q + m, 3 * q + m, 3 * q + 2 * m]

    def point(self, w: ca.SX) -> Point:
        """The instant that the scaled unknowns (nz,) of a node describe."""
        raw = w * ca.DM(self.node_scale)
        q, v, act, a, rate, _ = ca.vertsplit(raw, [0, *self._cuts(), raw.numel()])
        return Point(self.symbolic, q, v, a, act, rate, self.p)

    # ---- blocks
    def _node_block(self) -> Block:
        w, d = ca.SX.sym("w", self.node_scale.size), ca.SX.sym("d", 1)
        s, problem = self.point(w), self.problem
        # Not body_weight, which is zero in a model without gravity.
        size = 9.81 * problem.model.mass * np.where(problem.slides, 1.0, _LEVER)
        reserve = w[-self.nq :]
        balance = self.symbolic.balance(s.q, s.v, s.a, s.act, self.p) / ca.DM(size) - reserve
        up, down = time_constants(problem.model, s.act)
        g = ca.vertcat(balance, s.act + s.rate * up, s.act + s.rate * down)
        names = problem.model.coordinates, problem.model.muscles
        labels = (
            *(f"forces on {n} do not balance (body weights)" for n in names[0]),
            *(f"excitation of {n} above 1" for n in names[1]),
            *(f"excitation of {n} below 0" for n in names[1]),
        )
        zero, far = np.zeros(self.nq), np.full(self.nm, 1e3)
        cost = sum(
            (k * AT_POINT[n](s) for n, k in problem.goals.items() if n in AT_POINT), ca.SX(0)
        )
        cost += _RESERVE_COST * ca.sumsqr(reserve)
        share = np.linspace(0.0, 1.0, self.mesh + 1)
        weight = np.full(self.mesh + 1, 1.0 / self.mesh)
        weight[[0, -1]] /= 2.0  # the trapezoidal rule
        return Block(
            "node", w, d, self.p, g, d * cost, labels,
            np.concatenate([zero, -far, 0.0 * far]), np.concatenate([zero, far / far, far]),
            self.nodes, weight[:, None], share,
        )  # fmt: skip

    def _interval_block(self) -> Block:
        n = self.node_scale.size
        w, d = ca.SX.sym("w", 2 * n + 1), ca.SX.sym("d", 0)
        s, t, h = self.point(w[:n]), self.point(w[n : 2 * n]), w[2 * n] / self.mesh
        defects = [
            t.q - s.q - h / 2 * (s.v + t.v),
            (t.v - s.v - h / 2 * (s.a + t.a)) / _VELOCITY,
            t.act - s.act - h / 2 * (s.rate + t.rate),
        ]
        g = ca.vertcat(*defects)
        names = self.problem.model.coordinates
        labels = (
            *(f"velocity of {n} does not fit its motion" for n in names),
            *(f"acceleration of {n} does not fit its velocity" for n in names),
            *(f"activation of {n} does not fit its rate" for n in self.problem.model.muscles),
        )
        goals = self.problem.goals.items()
        cost = sum((k * BETWEEN[n](s, t, h) for n, k in goals if n in BETWEEN), ca.SX(0))
        index = np.concatenate(
            [self.nodes[:-1], self.nodes[1:], np.full((self.mesh, 1), self.size - 1)], axis=1
        )
        middle = (np.arange(self.mesh) + 0.5) / self.mesh
        zero = np.zeros(g.numel())
        return Block(
            "interval", w, d, self.p, g, cost / self.mesh, labels, zero, zero, index,
            np.zeros((self.mesh, 0)), middle,
        )  # fmt: skip

    def _end_block(self) -> Block:
        n = self.node_scale.size
        w, d = ca.SX.sym("w", 2 * n + 1), ca.SX.sym("d", 0)
        first, last, duration = self.point(w[:n]), self.point(w[n : 2 * n]), w[2 * n]
        rows = [*self._periodic(first, last), *self._speed(first, last, duration)]
        rows += self._targets(last)
        g = ca.vertcat(*(row[1] for row in rows)) if rows else ca.SX(0, 1)
        index = np.concatenate([self.nodes[0], self.nodes[-1], [self.size - 1]])[None]
        return Block(
            "ends", w, d, self.p, g, ca.SX(0), tuple(row[0] for row in rows),
            np.array([row[2] for row in rows]), np.array([row[3] for row in rows]),
            index, np.zeros((1, 0)), np.ones(1),
        )  # fmt: skip

    def _periodic(self, s: Point, t: Point) -> list[tuple[str, ca.SX, float, float]]:
        model, kind = self.problem.model, self.problem.symmetry
        if kind == "none":
            return []
        q, m = np.arange(self.nq), np.arange(self.nm)
        if kind == "mirror":
            q, m = model.mirror_qpos, model.mirror_muscle
        rows = []
        for i, name in enumerate(model.coordinates):
            if name != self.problem.travel:
                rows.append((f"{name} is not periodic", t.q[i] - s.q[int(q[i])]))
            rows.append(
                (f"velocity of {name} is not periodic", (t.v[i] - s.v[int(q[i])]) / _VELOCITY)
            )
        for i, name in enumerate(model.muscles):
            rows.append((f"activation of {name} is not periodic", t.act[i] - s.act[int(m[i])]))
            rate = (t.rate[i] - s.rate[int(m[i])]) / _RATE
            rows.append((f"activation rate of {name} is not periodic", rate))
        return [(label, value, 0.0, 0.0) for label, value in rows]

    def _speed(self, s: Point, t: Point, duration: ca.SX) -> list[tuple[str, ca.SX, float, float]]:
        if self.problem.speed is None or self.problem.travel is None:
            return []
        i = self.problem.model.coordinate_index(self.problem.travel)
        low, high = self.problem.speed
        label = f"mean speed of {self.problem.travel} is not {low:g} to {high:g} m/s"
        return [(label, (t.q[i] - s.q[i]) / duration, low, high)]

    def _targets(self, t: Point) -> list[tuple[str, ca.SX, float, float]]:
        rows = []
        for name, place in self.problem.target.items():
            where = site(t, name)
            moves = ca.jacobian(where, t.q)
            numbers = ca.Function("moves", [t.q], [moves])
            rng = np.random.default_rng(0)
            sizes = [np.abs(numbers(rng.normal(size=self.nq)).full()) for _ in range(3)]
            # A planar arm cannot leave its plane: only what it can move is asked of it.
            for i in np.flatnonzero(np.sum(sizes, axis=(0, 2)) > 1e-9):
                label = f"{name} is not at its target in {'xyz'[i]}"
                rows.append((label, where[int(i)], float(place[i]), float(place[i])))
        return rows

    # ---- bounds of the unknowns
    def bounds(self, assist: float = 0.0) -> tuple[Array, Array]:
        """(size,) lowest and highest scaled unknowns; `assist` limits the reserves."""
        problem = self.problem
        low_q, high_q = problem.coordinate_bounds()
        low, high = problem.activation
        fast, hard = np.full(self.nq, _MOST_VELOCITY), np.full(self.nq, _MOST_ACCELERATION)
        muscle, most = np.ones(self.nm), np.full(self.nm, _MOST_RATE)
        reserve = np.where(problem.vertical, 0.0, assist)
        lower = np.concatenate([low_q, -fast, low * muscle, -hard, -most, -reserve])
        upper = np.concatenate([high_q, fast, high * muscle, hard, most, reserve])
        lower, upper = (np.tile(b, (self.mesh + 1, 1)) for b in (lower, upper))
        q, m = self.nq, self.nm
        velocity, acceleration = slice(q, 2 * q), slice(2 * q + m, 3 * q + m)
        for end, name, given in ((0, "start", problem.start), (-1, "end", problem.finish)):
            for coordinate, value in given.items():
                i = problem.model.coordinate_index(coordinate)
                lower[end, i] = upper[end, i] = value
            if name in (*problem.still, *problem.rest):
                lower[end, velocity] = upper[end, velocity] = 0.0
            if name in problem.rest:
                lower[end, acceleration] = upper[end, acceleration] = 0.0
        if problem.travel is not None:
            i = problem.model.coordinate_index(problem.travel)
            lower[0, i] = upper[0, i] = problem.start.get(problem.travel, 0.0)
        ends = problem.duration
        return (
            np.append(lower.ravel(), ends[0]) / self.scale,
            np.append(upper.ravel(), ends[1]) / self.scale,
        )
