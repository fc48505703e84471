"""What must hold at the start and at the end of a movement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import casadi as ca
import numpy as np

from bioenv.agents.trajopt.goals import Point, site
from bioenv.agents.trajopt.problem import Problem, span

Row = tuple[str, ca.SX, float, float]
"""Label, value, lowest and highest."""

_VELOCITY, _ACCELERATION = 5.0, 50.0  # m/s or rad/s, m/s^2 or rad/s^2 that count as 1


def conditions(
    problem: Problem, moves: Sequence[int], start: Point, end: Point, duration: ca.SX
) -> list[Row]:
    """All conditions; `moves` are the coordinates that are unknowns, `duration` is in s."""
    return [
        *_given(problem, moves, start, end),
        *_speed(problem, start, end, duration),
        *_targets(problem, end),
    ]


def _given(problem: Problem, moves: Sequence[int], s: Point, t: Point) -> list[Row]:
    """Coordinates given at the ends, and rest."""
    rows: list[Row] = []
    names = problem.model.coordinates
    for point, end, given in ((s, "start", problem.start), (t, "end", problem.finish)):
        for name, value in given.items():
            at, (low, high) = point.q[names.index(name)], span(value)
            wanted = f"{low:g}" if low == high else f"{low:g} to {high:g}"
            rows.append((f"{name} at the {end} is not {wanted}", at, low, high))
        if end in (*problem.still, *problem.rest):
            rows += [(f"{names[i]} moves at the {end}", point.v[i] / _VELOCITY, 0.0, 0.0)
                     for i in moves]  # fmt: skip
        if end in problem.rest:
            rows += [(f"{names[i]} accelerates at the {end}", point.a[i] / _ACCELERATION, 0.0, 0.0)
                     for i in moves if not problem.slid[i]]  # fmt: skip
    return rows


def _speed(problem: Problem, s: Point, t: Point, duration: ca.SX) -> list[Row]:
    if problem.speed is None or problem.travel is None:
        return []
    i = problem.model.coordinate_index(problem.travel)
    low, high = problem.speed
    label = f"mean speed of {problem.travel} is not {low:g} to {high:g} m/s"
    return [(label, (t.q[i] - s.q[i]) / duration, low, high)]


def _targets(problem: Problem, t: Point) -> list[Row]:
    rows: list[Row] = []
    for name, place in problem.target.items():
        q = ca.SX.sym("q", t.q.numel())
        numbers = ca.Function("moves", [q], [ca.jacobian(site(replace(t, q=q), name), q)])
        rng = np.random.default_rng(0)
        sizes = [np.abs(numbers(rng.normal(size=q.numel())).full()) for _ in range(3)]
        # A planar arm cannot leave its plane: only what it can move is asked of it.
        for i in np.flatnonzero(np.sum(sizes, axis=(0, 2)) > 1e-9):
            label = f"{name} is not at its target in {'xyz'[i]}"
            rows.append((label, site(t, name)[int(i)], float(place[i]), float(place[i])))
    return rows
