"""Gauss-Newton for a gait network, with torques' noise re-estimated from the torques found."""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from bioenv.learn.fit import Status
from bioenv.learn.gait_ground import Ground
from bioenv.learn.gait_problem import GaitProblem, Noise, State

Array = NDArray[np.float64]

USUAL_TORQUE = 0.3  # N*m/kg, deviation of every joint torque before any is known
WIDE = 2.0  # deviations in the size of the torque found: a tight prior would shrink it further
LEAST_TORQUE = 1e-3  # N*m/kg; no joint is taken to be stiller
SETTLED = 0.5  # decrease of the negative log posterior that is no decrease
STEADY = 0.1  # relative change of a noise that is no change
LOOSE = 3  # iterations in which contacts follow the movement; then they stay
HALVINGS = 8  # of a step that makes the cost larger
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
    noise = Noise(np.where(problem.body.root, root_noise, usual))
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
        state, cost, drop, factor = found
        history.append(cost)
        fresh = _noise(problem, state, ground, noise)
        change = float(np.abs(fresh.row / noise.row - 1.0).max())
        if number >= LOOSE and drop < SETTLED and change < STEADY:
            status, message = Status.CONVERGED, f"converged in {number + 1} iterations"
            break
        noise = fresh
        if number < LOOSE:
            ground, state = problem.grounded(state)
    seconds = clock.perf_counter() - begin
    return Solution(state, ground, noise, status, message, tuple(history), seconds, factor)


def _step(
    problem: GaitProblem, state: State, ground: Ground, noise: Noise
) -> tuple[State, float, float, Array] | None:
    """The next state, its cost, how much less that is, and the factor of the matrix; None when
    nothing finite is found."""
    before = problem.cost(state, ground, noise)
    gradient, matrix = problem.normal(state, ground, noise)
    if not (np.isfinite(before) and np.isfinite(gradient).all() and np.isfinite(matrix).all()):
        return None
    factor = _factor(matrix)
    if factor is None:
        return None
    step = -cho_solve((factor, True), gradient)
    share = 1.0
    for _ in range(HALVINGS):
        trial = state.moved(share * step)
        cost = problem.cost(trial, ground, noise)
        if np.isfinite(cost) and cost <= before:
            return trial, cost, before - cost, factor
        share *= 0.5
    # The present state is as good as rounding allows.
    return state, before, 0.0, factor


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
    """Every joint's deviation is twice the size of its torque, the root's stays."""
    torque = problem.torque(state, ground)
    size = WIDE * np.sqrt((torque**2).mean(axis=0))
    least = LEAST_TORQUE * problem.body.anatomy.mass
    return Noise(np.where(problem.body.root, noise.row, np.maximum(size, least)))
