"""Inverse kinematics of all frames together, with a price on acceleration.

Added to the marker cost is ``1/2 sum_k l_k sum_t (z[t+1] - 2 z[t] + z[t-1])^2`` with
``l_k = h_k / (2 sin(pi f dt))^4``, h_k the usual curvature of the marker cost: a coordinate alone
then follows its markers with gain one half at the frequency f (Whittaker's smoother).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, solveh_banded

from bioenv.errors import BioenvError
from bioenv.inverse.kinematics_trial import Found
from bioenv.inverse.marker_fit import MarkerFit

Array = NDArray[np.float64]

TOLERANCE = 2e-5  # rad, m: the step at which the iteration ends
UNEVEN = 0.1  # of the sampling interval: rounded time stamps pass, dropped frames do not


def smoothed(fit: MarkerFit, found: Found, bounds: Array, time: Array, cutoff: float) -> Found:
    """`found` improved for markers and smoothness together. cutoff: f in Hz.

    Raises BioenvError for unevenly sampled time and for a cutoff outside 0 to half the rate.
    """
    price = found.scale / (2.0 * np.sin(np.pi * cutoff * _interval(time, cutoff))) ** 4
    rows, (lower, upper) = np.arange(len(time)), bounds.T
    z = np.clip(found.z, lower, upper)
    exact = np.ones(len(rows))
    here = fit.evaluate(rows, z, exact)
    cost = here.cost.sum() + _roughness(z, price)
    iterations = np.array(found.iterations)
    converged = False
    for _ in range(40):
        slope = here.gradient + price * _bend_back(np.diff(z, 2, axis=0))
        held = ((z <= lower) & (slope > 0)) | ((z >= upper) & (slope < 0))
        try:
            step = _step(here.hessian, slope, held, price, found.scale)
        except LinAlgError:  # not convex here: Gauss-Newton's matrix is
            bare = fit.evaluate(rows, z, np.zeros(len(rows))).hessian
            step = _step(bare, slope, held, price, found.scale)
        for shrink in 0.5 ** np.arange(12):
            new = np.clip(z + shrink * step, lower, upper)
            trial = fit.evaluate(rows, new, exact)
            total = trial.cost.sum() + _roughness(new, price)
            if total <= cost * (1 + 1e-12):
                break
        else:
            break
        length = float(np.abs(new - z).max())
        z, here, cost = new, trial, total
        iterations += 1
        converged = length < TOLERANCE
        if converged:
            break
    return found._replace(z=z, converged=np.full(len(rows), converged), iterations=iterations)


def _interval(time: Array, cutoff: float) -> float:
    if len(time) < 5:
        raise BioenvError(f"smoothing needs at least 5 frames, got {len(time)}")
    steps = np.diff(time)
    step = float(np.median(steps))
    if np.abs(steps - step).max() > UNEVEN * step:
        raise BioenvError(
            f"smoothing needs evenly sampled frames: intervals range from {steps.min():.4g} to "
            f"{steps.max():.4g} s; resample first or leave `smooth` out"
        )
    if not 0.0 < cutoff < 0.5 / step:
        raise BioenvError(
            f"smooth must lie between 0 and half the sampling rate, {0.5 / step:g} Hz; got {cutoff}"
        )
    return step


def _roughness(z: Array, price: Array) -> float:
    return float(0.5 * (price * np.diff(z, 2, axis=0) ** 2).sum())


def _bend_back(bend: Array) -> Array:
    """Transposed second difference (T, k) of (T - 2, k)."""
    out = np.zeros((len(bend) + 2, bend.shape[1]))
    out[:-2] += bend
    out[1:-1] -= 2.0 * bend
    out[2:] += bend
    return out


def _step(
    hessian: Array, slope: Array, held: NDArray[np.bool_], price: Array, scale: Array
) -> Array:
    """Newton step (T, k): banded with 2 k diagonals below the main one."""
    count, k = slope.shape
    band = np.zeros((2 * k + 1, count, k))  # lower form: band[d, t, j] couples t k + j + d with it
    for below in range(k):
        for column in range(k - below):
            band[below, :, column] = hessian[:, column + below, column]
    # D'D of the second difference: 1, -4, 6, -4, 1 with free ends.
    number = np.arange(count)
    middle = 1.0 * (number < count - 2) + 4.0 * ((number > 0) & (number < count - 1))
    middle += 1.0 * (number > 1)
    one = -2.0 * (number < count - 2) - 2.0 * ((number > 0) & (number < count - 1))
    two = 1.0 * (number < count - 2)
    # The least lift keeps a variable no marker ever feels from making the matrix singular.
    band[0] += middle[:, None] * price + 1e-9 * scale + np.where(held, 1e9 * scale, 0.0)
    band[k] += one[:, None] * price
    band[2 * k] += two[:, None] * price
    right = np.where(held, 0.0, -slope)
    solved = solveh_banded(band.reshape(2 * k + 1, -1), right.ravel(), lower=True)
    return np.asarray(solved).reshape(count, k)
