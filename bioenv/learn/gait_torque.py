"""What is known of joint torques beforehand: muscles cannot change them at once.

A torque is a Gaussian process with a Matérn kernel of smoothness 3/2 (Rasmussen, Williams 2006,
Gaussian Processes for Machine Learning, eq. 4.17): its power falls with the fourth power of
frequency beyond ``sqrt(3) / (2 pi time)`` Hz. A time of 0.1 s puts that at 2.8 Hz, where torques of
walking have 19 % of their amplitude beyond 6 Hz and 4 % beyond 20 Hz. Accelerations have several
times as much, above all when a foot lands: there the ground force explains them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

Array = NDArray[np.float64]

NUGGET = 1e-9  # of the variance: keeps the factor of a smooth kernel from losing its digits


def matern(time: Array, correlation: float, period: float | None = None) -> Array:
    """(T, T) covariance of unit variance at `time` (T,) s; with a period (s), of a process that
    repeats: the sum over the period's images."""
    gap = np.abs(time[:, None] - time)
    shifts = [0.0]
    if period is not None:
        reach = int(np.ceil(8.0 * correlation / period))
        shifts = [k * period for k in range(-reach, reach + 1)]
    total = np.zeros_like(gap)
    for shift in shifts:
        scaled = np.sqrt(3.0) * np.abs(gap + shift) / correlation
        total += (1.0 + scaled) * np.exp(-scaled)
    return np.asarray(total / total[0, 0])


def whitener(time: Array, correlation: float, period: float | None = None) -> Array:
    """(T, T) lower triangle W with ``W tau`` uncorrelated and of unit variance."""
    kernel = matern(time, correlation, period) + NUGGET * np.eye(len(time))
    factor = np.linalg.cholesky(kernel)
    return np.asarray(solve_triangular(factor, np.eye(len(time)), lower=True))
