"""Gauss-Newton for a gait network, with torques' noise re-estimated from the torques found."""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from bioenv.learn.fit import Status
from bioenv.learn.gait_ground import Ground
from bioenv.learn.gait_problem import GaitProblem, Noise, State

Array = NDArray[np.float64]

USUAL_TORQUE = 0.3  # N*m/kg, deviation of every joint torque before any is known
WIDE = 2.0  # deviations in the size of the torque found: a tight prior would shrink it further
USUAL_CHANGE = (100.0, 20.0)  # rad/s^2 and m/s^2, likewise of accelerations
LEAST_CHANGE = (0.3, 0.1)  # rad/s^2 and m/s^2
LEAST_TORQUE = 1e-3  # N*m/kg; no joint is taken to be stiller
SETTLED = 0.5  # decrease of the negative log posterior that is no decrease
STEADY = 0.1  # relative change of a noise that is no change
LOOSE = 3  # iterations in which contacts follow the movement; then they stay
TUNED = 6  # iterations in which deviations follow; that of a hand at rest would shrink forever
STALLED = 5.0  # decrease that is foreseen where none is found: the search did not arrive
DAMPING = (0.0, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0)  # of the matrix's diagonal
SAMPLES = 64  # of the posterior, for standard deviations of torques


@dataclass(frozen=True, eq=False)
class Solution:
    """What was found: unknowns, ground and noise, status and message, the cost after each
    iteration, seconds, and the Cholesky factor of the precision (P, P), None when it diverged."""

    state: State
    ground: Ground
    noise: Noise
    status: Status
    message: str
    history: tuple[float, ...]
    seconds: float
    factor: Array | None

    def deviation(self, slope: Array) -> Array:
        """(r,) standard deviations of quantities with derivative `slope` (r, P)."""
        if self.factor is None:
            return np.full(len(slope), np.nan)
        half = solve_triangular(self.factor, slope.T, lower=True)
        return np.asarray(np.sqrt((half**2).sum(axis=0)))

    def sampled_deviation(self, slope: Array, seed: int) -> Array:
        """As `deviation`, of (..., P), by samples: to one part in eleven."""
        if self.factor is None:
            return np.full(slope.shape[:-1], np.nan)
        draw = np.random.default_rng(seed).standard_normal((len(self.factor), SAMPLES))
        step = solve_triangular(self.factor, draw, lower=True, trans="T")
        return np.asarray(np.sqrt(((slope @ step) ** 2).mean(axis=-1)))


def solve(
    problem: GaitProblem,
    start: Array,
    root_noise: Array,
    iterations: int,
    progress: Callable[[int, int], None] | None = None,
) -> Solution:
    """The unknowns of least cost.

    Args:
        start: (F, k) coefficients of the coordinates; root_noise: (k,) N or N*m, used on the root.
        progress: called with each iteration's number and how many there may be.
    """
    begin = clock.perf_counter()
    usual = USUAL_TORQUE * problem.body.anatomy.mass
    noise = Noise(
        np.where(problem.body.root, root_noise, usual),
        np.where(problem.body.rotational, *USUAL_CHANGE),
        np.zeros(len(problem.groups)),
    )
    empty = np.zeros((problem.ground_basis.shape[1], 0))
    ground, state = problem.grounded(State(start, empty, np.zeros(len(problem.groups))))
    history: list[float] = []
    factor: Array | None = None
    status, message = Status.UNSETTLED, f"not settled after {iterations} iterations"
    for number in range(iterations):
        if progress is not None:
            progress(number, iterations)
        found = _step(problem, state, ground, noise)
        if found is None:
            status, message = Status.DIVERGED, f"no step of iteration {number + 1} is finite"
            break
        state, drop, factor = found.state, found.drop, found.factor
        history.append(found.cost)
        fresh = _noise(problem, state, ground, noise)
        if number >= TUNED:
            fresh = noise._replace(mass=fresh.mass)
        change = _difference(fresh, noise)
        if number >= LOOSE and drop < SETTLED:
            if found.foreseen > STALLED:
                message = f"stalled: a step foreseen to gain {found.foreseen:.3g} gains {drop:.3g}"
                break
            if change < STEADY:
                status, message = Status.CONVERGED, f"converged in {number + 1} iterations"
                break
        noise = fresh
        if number < LOOSE:
            ground, state = problem.grounded(state)
    seconds = clock.perf_counter() - begin
    return Solution(state, ground, noise, status, message, tuple(history), seconds, factor)


class _Step(NamedTuple):
    """The next state, its cost, how much less that is and how much less was foreseen, and the
    factor of the Gauss-Newton matrix."""

    state: State
    cost: float
    drop: float
    foreseen: float
    factor: Array


def _step(problem: GaitProblem, state: State, ground: Ground, noise: Noise) -> _Step | None:
    """One step that does not make the cost larger; None when nothing finite is found.

    Gauss-Newton's where that will do, otherwise ever shorter ones, turned toward steepest descent
    (Levenberg-Marquardt).
    """
    before = problem.cost(state, ground, noise)
    gradient, matrix = problem.normal(state, ground, noise)
    if not (np.isfinite(before) and np.isfinite(gradient).all() and np.isfinite(matrix).all()):
        return None
    factor = _factor(matrix)
    if factor is None:
        return None
    step = -cho_solve((factor, True), gradient)
    foreseen = -0.5 * float(gradient @ step)
    for damping in DAMPING:
        if damping:
            damped = _factor(matrix + damping * np.diag(np.diag(matrix)))
            step = step if damped is None else -cho_solve((damped, True), gradient)
        trial = state.moved(step)
        cost = problem.cost(trial, ground, noise)
        if np.isfinite(cost) and cost <= before:
            return _Step(trial, cost, before - cost, foreseen, factor)
    return _Step(state, before, 0.0, foreseen, factor)


def _factor(matrix: Array) -> Array | None:
    """Lower Cholesky factor; a matrix that rounding left singular is lifted a little."""
    lift = 0.0
    for _ in range(6):
        try:
            lifted = matrix + lift * np.diag(np.diag(matrix))
            return np.tril(cho_factor(lifted, lower=True)[0])
        except np.linalg.LinAlgError:
            lift = max(100.0 * lift, 1e-12)
    return None


def _noise(problem: GaitProblem, state: State, ground: Ground, noise: Noise) -> Noise:
    """Every deviation is twice the size of its torque or acceleration; the root's stays."""
    torque = problem.torque(state, ground)
    size = WIDE * np.sqrt((torque**2).mean(axis=0))
    least = LEAST_TORQUE * problem.body.anatomy.mass
    change = WIDE * np.sqrt((problem.movement(state.c)[2] ** 2).mean(axis=0))
    return Noise(
        np.where(problem.body.root, noise.row, np.maximum(size, least)),
        np.maximum(change, np.where(problem.body.rotational, *LEAST_CHANGE)),
        state.m,
    )


def _difference(new: Noise, old: Noise) -> float:
    """The largest relative change, of a mass by its own size."""
    ratios = [np.abs(a / b - 1.0) for a, b in ((new.row, old.row), (new.change, old.change))]
    return float(np.concatenate([*ratios, np.abs(new.mass - old.mass)]).max())
