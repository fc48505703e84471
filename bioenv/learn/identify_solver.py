"""Gauss-Newton on the equations of a trial, with noise and its memory estimated on the way."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bioenv.learn.fit import Status
from bioenv.learn.identify_equations import Equations

Array = NDArray[np.float64]

QUIET = 1e-2  # least factor of the believed noise
ENOUGH = 1e-4  # of the log posterior: gaining less ends the search
STILL = 1e-6  # of the prior's deviations: a step below ends the search
STEADY = 0.01  # relative change of the noise below which it counts as settled
ROUNDS = 12


@dataclass(frozen=True, eq=False)
class Found:
    """step (p,), its precision (p, p); factor of the noise that was believed; time (n,), how many
    neighbouring frames err alike; status, iterations."""

    step: Array
    precision: Array
    factor: float
    time: Array
    status: Status
    iterations: int


def solve(equations: Equations, deviation: Array, iterations: int) -> Found:
    """The most probable steps for normal priors of `deviation` (p,) about zero."""
    step = np.zeros(len(deviation))
    left = equations.scaled(step)
    factor = max(float(np.sqrt((left**2).mean())), QUIET)
    now = Found(step, np.diag(deviation**-2.0), factor, np.ones(left.shape[1]),
                Status.UNSETTLED, 0)  # fmt: skip
    for _ in range(ROUNDS):
        now, arrived = _search(equations, now, deviation, iterations)
        if not arrived:
            return now
        factor, time = _noise(equations, now)
        settled = abs(factor - now.factor) <= STEADY * factor
        now = replace(now, factor=factor, time=time)
        if settled:
            return replace(now, status=Status.CONVERGED)
    return now


def correlation_time(values: Array) -> float:
    """Samples (T,) that count for one, ``1 + 2 sum of autocorrelations`` about zero.

    The sum ends at the first lag of five times itself or more (Sokal 1997, Monte Carlo methods in
    statistical mechanics, section 3).
    """
    count = len(values)
    spectrum = np.abs(np.fft.rfft(values, 2 * count)) ** 2
    covariance = np.fft.irfft(spectrum)[:count]
    if not covariance[0] > 0.0:
        return 1.0
    time = 2.0 * np.cumsum(covariance / covariance[0]) - 1.0
    enough = np.flatnonzero(np.arange(count) >= 5.0 * time)
    return float(np.clip(time[enough[0]] if enough.size else count, 1.0, count))


def _search(
    equations: Equations, now: Found, deviation: Array, iterations: int
) -> tuple[Found, bool]:
    """Levenberg-Marquardt at given noise: the new state, and whether it arrived."""
    weight, prior = 1.0 / (now.factor**2 * now.time), deviation**-2.0
    step, damping, number = now.step, 1e-6, now.iterations

    def cost(left: Array, step: Array) -> float:
        return 0.5 * float((left**2 @ weight).sum() + (prior * step**2).sum())

    left = equations.scaled(step)
    least, matrix, fresh = cost(left, step), now.precision, True
    if not np.isfinite(least):
        return replace(now, status=Status.DIVERGED), False
    while number < iterations:
        number += 1
        if fresh:
            gradient, matrix = equations.normal(step, weight)
            gradient, matrix = gradient + prior * step, matrix + np.diag(prior)
        change = -np.linalg.solve(matrix + damping * np.diag(np.diagonal(matrix)), gradient)
        trial = equations.scaled(step + change)
        value = cost(trial, step + change)
        fresh = value < least
        if fresh:
            gained, step, left, least = least - value, step + change, trial, value
            damping = max(damping / 10.0, 1e-12)
        else:
            damping *= 10.0
        small = fresh and gained < ENOUGH
        if small or np.abs(change / deviation).max() < STILL or damping > 1e8:
            return replace(now, step=step, precision=matrix, iterations=number), True
    stopped = replace(now, step=step, precision=matrix, iterations=number)
    return replace(stopped, status=Status.UNSETTLED), False


def _noise(equations: Equations, now: Found) -> tuple[float, Array]:
    """Factor of the noise and its memory; a parameter that the data determine takes one degree of
    freedom (MacKay 1992)."""
    left = equations.scaled(now.step)
    time = np.array([correlation_time(column) for column in left.T])
    data = equations.normal(now.step, 1.0 / (now.factor**2 * now.time))[1]
    taken = float(np.einsum("pq,qp->", data, np.linalg.inv(now.precision)))
    free = max(float((len(left) / time).sum()) - taken, 1.0)
    return max(float(np.sqrt(((left**2).sum(axis=0) / time).sum() / free)), QUIET), time
