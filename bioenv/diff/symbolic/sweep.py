"""Derivatives carried back through time: the discrete adjoint of :mod:`.stepping`.

With the acceleration a an implicit function of the state by R(a, x) = 0, a scalar's derivative by
x through a is ``-(dR/dx)^T (dR/da)^-T (d scalar/da)`` (implicit-function theorem), whatever
iterations found a. So no iteration is differentiated, and since all states are known after the
forward pass, the matrices of all steps are made side by side. What is left for the sweep are
products of small matrices with a vector.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bioenv.diff.symbolic.columns import Columns
from bioenv.diff.symbolic.compiled import address, library, loaded
from bioenv.diff.symbolic.step_equations import StepEquations

Array = NDArray[np.float64]
CHUNK = 512
"""Steps whose matrices are kept at a time."""


@dataclass(frozen=True, eq=False)
class Direct:
    """What a scalar changes by directly: state (T + 1, 2 n + m), qacc (T, n), exc (T, m), p (np,).

    The state is qpos, qvel, activation one after the other.
    """

    state: Array
    qacc: Array
    excitation: Array
    parameters: Array


@dataclass(frozen=True, eq=False)
class Swept:
    """Whole derivatives, shapes as Direct's without qacc; failed: the first bad step, or -1."""

    state: Array
    excitation: Array
    parameters: Array
    failed: int


class _Sweep(ctypes.Structure):
    """Sweep of rollout.c."""

    _fields_ = (
        *((name, ctypes.c_long) for name in ("n", "m", "count", "lags")),
        ("h", ctypes.c_double),
        *(
            (name, ctypes.c_void_p)
            for name in (
                "by_a", "by_q", "by_v", "by_act", "rate_act", "rate_exc", "mass", "lagging",
                "lag_q", "lag_v", "lag_act", "cost_x", "cost_a", "cost_exc", "total", "state",
                "excitation", "force", "rate", "applied", "room",
            )
        ),
    )  # fmt: skip


class Sweeper:
    """Sweeps back over simulated steps."""

    def __init__(self, e: StepEquations, compiled: bool) -> None:
        self._e, self._compiled = e, compiled
        self._slopes, self._pull = (Columns(f, compiled) for f in (e.slopes, e.pull))
        if compiled:
            self._run = loaded(library("rollout")).sweep
            self._run.restype = ctypes.c_long

    def __call__(self, h: float, states: tuple[Array, ...], p: Array, direct: Direct) -> Swept:
        """Derivatives through ``states``: qpos, qvel, qacc, activation, excitation, applied.

        Rows of the first T steps; p (np,).
        """
        e, steps = self._e, len(states[0])
        state, excitation = np.zeros_like(direct.state), np.zeros_like(direct.excitation)
        state[-1] = total = direct.state[-1].copy()
        parameters, failed = direct.parameters.copy(), -1
        for first in reversed(range(0, steps, CHUNK)):
            part = slice(first, min(first + CHUNK, steps))
            q, v, a, act, exc, b = (x[part] for x in states)
            given = (q, v, a, act, exc, p, b)
            count = part.stop - first
            found = _Found(
                total, state[first : part.stop], excitation[part],
                np.zeros((count, e.n)), np.zeros((count, e.m)), np.zeros((count, e.n)),
            )  # fmt: skip
            cost = (direct.state[part], direct.qacc[part], direct.excitation[part])
            bad = self._back(h, self._slopes(*given), cost, found)
            if bad >= 0:
                failed = first + bad
                break
            parameters += self._pull(*given, found.force, found.rate, found.applied)[0].sum(axis=0)
        return Swept(state, excitation, parameters, failed)

    def _back(
        self, h: float, matrices: tuple[Array, ...], cost: tuple[Array, ...], found: _Found
    ) -> int:
        e = self._e
        if not self._compiled:
            return _plain(e, h, matrices, cost, found)
        inputs = [np.ascontiguousarray(x) for x in (*matrices, *cost)]
        room = np.zeros(e.n * (e.n + 1))
        outputs = (found.total, found.state, found.excitation, found.force, found.rate,
                   found.applied, room)  # fmt: skip
        problem = _Sweep(
            e.n, e.m, len(found.force), int(e.lags), h,
            *(address(x) if x.size else None for x in (*inputs, *outputs)),
        )  # fmt: skip
        return int(self._run(ctypes.byref(problem)))


@dataclass(frozen=True, eq=False)
class _Found:
    """What one chunk's sweep writes; total (2 n + m) is carried from chunk to chunk."""

    total: Array
    state: Array
    excitation: Array
    force: Array
    rate: Array
    applied: Array


def _plain(
    e: StepEquations, h: float, matrices: tuple[Array, ...], cost: tuple[Array, ...], out: _Found
) -> int:
    """As ``sweep`` of rollout.c, in NumPy. A flattened matrix read row by row is its transpose."""
    n, count = e.n, len(out.force)
    rate_act, rate_exc = matrices[4:6]
    by_a, by_q, by_v, by_act, mass, lagging, lag_q, lag_v, lag_act = (
        x.reshape(count, -1, n) for x in (*matrices[:4], *matrices[6:])
    )
    total = out.total
    q, v, act = np.split(total, [n, 2 * n])  # views
    for t in reversed(range(count)):
        v += h * q
        pull = h * v
        try:
            if e.lags:
                out.applied[t] = -np.linalg.solve(lagging[t], pull)
                pull = -mass[t] @ out.applied[t]
                _add(q, lag_q[t], out.applied[t])
                _add(v, lag_v[t], out.applied[t])
            out.force[t] = -np.linalg.solve(by_a[t], pull + cost[1][t])
        except np.linalg.LinAlgError:
            return t
        q += by_q[t] @ out.force[t]
        v += by_v[t] @ out.force[t]
        out.rate[t] = h * act
        out.excitation[t] = rate_exc[t] * out.rate[t] + cost[2][t]
        act += rate_act[t] * out.rate[t] + by_act[t] @ out.force[t]
        _add(act, lag_act[t], out.applied[t])
        total += cost[0][t]
        out.state[t] = total
        if not np.isfinite(total).all():
            return t
    return -1


def _add(out: Array, slope: Array, multiplier: Array) -> None:
    """out += slope @ multiplier, unless the slope has no numbers."""
    if slope.size:
        out += slope @ multiplier
