"""What is known of joint torques beforehand: muscles cannot change them at once.

A torque is a Gaussian process with a Matérn kernel of smoothness 3/2 (Rasmussen, Williams 2006,
Gaussian Processes for Machine Learning, eq. 4.17): its power falls with the fourth power of
frequency beyond ``sqrt(3) / (2 pi time)`` Hz. A time of 0.1 s puts that at 2.8 Hz: 20 % of the
amplitude is beyond 6 Hz and 3 % beyond 20 Hz, as in a hip's torque in walking (19 % and 4 %:
subject 01 after Arnold et al. 2013). Accelerations have several times as much, above all when a
foot lands: there the ground's force explains them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

Array = NDArray[np.float64]

RANK = 1e-8  # of the largest singular value: smaller ones are rounding
SUDDEN = 0.03  # s over which accelerations change
USUAL_RATE = 100.0  # nodes per s for which the noise at the root is given
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


class Tests(NamedTuple):
    """What the equation of motion is tested by: rows at N nodes become R numbers each.

    root (R, N) keeps white noise of unit variance at 100 nodes per s white and of unit variance;
    joint (R, N) whitens a torque, change (R, N) an acceleration of unit variance.
    """

    root: Array
    joint: Array
    change: Array


def galerkin(basis: Array, time: Array, correlation: float, period: float | None = None) -> Tests:
    """Tests by the functions `basis` (N, F) that the movement consists of (Galerkin).

    What is faster than they are cannot be balanced by any of them: a landing's force would stand
    there as a torque that muscles cannot make, and pull at the movement. R is the rank of the
    basis at the nodes.
    """
    span = span_of(basis)
    white = []
    for spread in (correlation, SUDDEN):
        kernel = span.T @ matern(time, spread, period) @ span
        factor = np.linalg.cholesky(kernel + NUGGET * len(time) * np.eye(span.shape[1]))
        white.append(solve_triangular(factor, span.T, lower=True))
    gap = float(time[1] - time[0])
    return Tests(np.sqrt(gap * USUAL_RATE) * span.T, *white)


def span_of(basis: Array) -> Array:
    """(N, R) orthonormal columns that span those of the basis (N, F)."""
    left, size, _ = np.linalg.svd(basis, full_matrices=False)
    return np.asarray(left[:, size > RANK * size[0]])


def whitener(time: Array, correlation: float, period: float | None = None) -> Array:
    """(T, T) lower triangle W with ``W tau`` uncorrelated and of unit variance."""
    kernel = matern(time, correlation, period) + NUGGET * np.eye(len(time))
    factor = np.linalg.cholesky(kernel)
    return np.asarray(solve_triangular(factor, np.eye(len(time)), lower=True))
