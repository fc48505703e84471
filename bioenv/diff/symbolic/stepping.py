"""Steps through time: every step's acceleration by Newton's method, in compiled C or in NumPy."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bioenv.diff.symbolic.compiled import address, library, loaded
from bioenv.diff.symbolic.step_equations import StepEquations
from bioenv.diff.symbolic.tape import Part, Tape, tape

Array = NDArray[np.float64]

TOLERANCE = 1e-8
"""Newton's last step of qacc, relative to 1 + the largest qacc; the error is about its square."""
MOST_ITERATIONS = 60
GOOD = 0
REASONS = {
    1: "the state or the acceleration is not finite",
    2: "the equations of motion are singular",
    3: f"Newton's method found no acceleration in {MOST_ITERATIONS} iterations",
}


@dataclass(frozen=True, eq=False)
class Steps:
    """What stepping fills in: rows over time; done: steps that succeeded, and the status after."""

    qpos: Array
    qvel: Array
    activation: Array
    qacc: Array
    applied: Array
    iterations: NDArray[np.int32]
    done: int
    status: int


def _empty(e: StepEquations, q: Array, v: Array, act: Array, steps: int) -> Steps:
    """Arrays for so many steps, with the first state."""
    qpos, qvel = np.full((2, steps + 1, e.n), np.nan)
    activation = np.full((steps + 1, e.m), np.nan)
    qpos[0], qvel[0], activation[0] = q, v, act
    qacc, applied = np.zeros((2, steps, e.n))
    return Steps(qpos, qvel, activation, qacc, applied, np.zeros(steps, dtype=np.int32), 0, GOOD)


class _Part(ctypes.Structure):
    _fields_ = (("rows", ctypes.c_void_p), ("runs", ctypes.c_void_p), ("count", ctypes.c_long))


class _Rollout(ctypes.Structure):
    """Rollout of rollout.c."""

    _fields_ = (
        *((name, ctypes.c_long) for name in ("n", "m", "steps", "most", "lags")),
        *((name, ctypes.c_double) for name in ("h", "tolerance")),
        ("parts", _Part * 3),
        *((name, ctypes.c_void_p) for name in ("residual", "slope", "rate", "mass", "lagging")),
        *((name, ctypes.c_long) for name in ("a", "q", "v", "act", "exc")),
        *(
            (name, ctypes.c_void_p)
            for name in (
                "w", "qpos", "qvel", "activation", "excitation", "qacc", "applied", "iterations",
                "room",
            )
        ),
    )  # fmt: skip


class CompiledStepper:
    """Steps in compiled C."""

    def __init__(self, e: StepEquations) -> None:
        self._e, self._tape = e, tape(e.newton)
        self._run = loaded(library("rollout")).roll
        self._run.restype = ctypes.c_long

    def __call__(
        self, h: float, q: Array, v: Array, act: Array, excitation: Array, p: Array
    ) -> Steps:
        """Steps of h s from a state (n,), (n,), (m,) with excitations (T, m); p (np,)."""
        e, t, steps = self._e, self._tape, len(excitation)
        out = _empty(e, q, v, act, steps)
        work = np.zeros(t.size)
        work[t.inputs[5] : t.inputs[5] + e.n_parameters] = p
        work[t.first_constant : t.first_constant + len(t.constants)] = t.constants
        room, given = np.zeros(e.n * (e.n + 3)), np.ascontiguousarray(excitation)
        status = ctypes.c_int(GOOD)
        arrays = (work, out.qpos, out.qvel, out.activation, given, out.qacc, out.applied,
                  out.iterations, room)  # fmt: skip
        problem = _Rollout(
            e.n, e.m, steps, MOST_ITERATIONS, int(e.lags), h, TOLERANCE,
            _parts(t), *(address(x) for x in t.outputs), *t.inputs[:5],
            *(address(x) for x in arrays),
        )  # fmt: skip
        done = int(self._run(ctypes.byref(problem), ctypes.byref(status)))
        return _finished(out, done, status.value)


def _parts(t: Tape) -> ctypes.Array[_Part]:
    def one(part: Part) -> _Part:
        return _Part(part.rows.ctypes.data, part.runs.ctypes.data, len(part.runs))

    return (_Part * 3)(*(one(part) for part in t.parts))


def _finished(s: Steps, done: int, status: int) -> Steps:
    return Steps(s.qpos, s.qvel, s.activation, s.qacc, s.applied, s.iterations, done, status)


class PlainStepper:
    """The same in NumPy, with CasADi's functions: slow, and needs no compiler."""

    def __init__(self, e: StepEquations) -> None:
        self._e = e

    def __call__(
        self, h: float, q: Array, v: Array, act: Array, excitation: Array, p: Array
    ) -> Steps:
        """As :meth:`CompiledStepper.__call__`."""
        e, steps = self._e, len(excitation)
        out = _empty(e, q, v, act, steps)
        guess = np.zeros(e.n)
        for t in range(steps):
            state = (out.qpos[t], out.qvel[t], out.activation[t], excitation[t], p)
            guess, rate, out.iterations[t], status = self._newton(guess, state)
            if status != GOOD:
                return _finished(out, t, status)
            out.qacc[t] = out.applied[t] = guess
            if e.lags:
                mass, lagging = (np.asarray(x) for x in e.newton(guess, *state)[3:])
                out.applied[t] = np.linalg.solve(lagging, mass @ guess)
            out.qvel[t + 1] = out.qvel[t] + h * out.applied[t]
            out.qpos[t + 1] = out.qpos[t] + h * out.qvel[t + 1]
            out.activation[t + 1] = out.activation[t] + h * rate
            if not (
                np.isfinite(out.qpos[t + 1]).all() and np.isfinite(out.activation[t + 1]).all()
            ):
                return _finished(out, t, 1)
        return _finished(out, steps, GOOD)

    def _newton(self, a: Array, state: tuple[Array, ...]) -> tuple[Array, Array, int, int]:
        """qacc, rate of activation, iterations, status."""
        none = np.zeros(self._e.m)
        for k in range(1, MOST_ITERATIONS + 1):
            balance, slope, rate = (np.asarray(x) for x in self._e.newton(a, *state)[:3])
            if not (np.isfinite(balance).all() and np.isfinite(slope).all()):
                return a, none, k, 1
            try:
                d: Array = np.linalg.solve(slope, -balance.ravel()).astype(float)
            except np.linalg.LinAlgError:
                return a, none, k, 2
            if np.abs(d).max() <= TOLERANCE * (1.0 + np.abs(a).max()):
                return a + d, rate.ravel(), k, GOOD
            a = self._search(a, d, float(balance.ravel() @ d), state)
        return a, none, MOST_ITERATIONS, 3

    def _search(self, a: Array, d: Array, start: float, state: tuple[Array, ...]) -> Array:
        """As ``search`` of rollout.c."""
        alpha = 1.0
        for _ in range(30):
            trial = a + alpha * d
            here = float(np.asarray(self._e.newton(trial, *state)[0]).ravel() @ d)
            if start >= 0.0 or here <= -0.5 * start:
                break
            cut = start / (start - here)
            alpha *= min(cut, 0.9) if cut > 0.1 else 0.1
        return trial
