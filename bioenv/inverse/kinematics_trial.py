"""A whole trial's inverse kinematics: coarse pass, all frames, gaps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from bioenv.inverse.kinematics_solver import curvature, minimize
from bioenv.inverse.kinematics_start import coarse, interpolate, repaired, representatives, unwrap
from bioenv.inverse.marker_fit import Fit, MarkerFit

Array = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]

# Pull to the neighbours of coordinates the markers leave open, in their usual curvature.
TIE = 1e-3
# Relative curvature below which a direction counts as open.
OPEN = 1e-6


class Found(NamedTuple):
    """z (T, k); converged (T,); iterations (T,); lacking (T, k): variables that the markers seen do
    not determine; scale (k,): typical curvature."""

    z: Array
    converged: Mask
    iterations: Index
    lacking: Mask
    scale: Array


def solve_trial(fit: MarkerFit, bounds: Array, moved: Mask) -> Found:
    """All frames of `fit` within bounds (k, 2). moved: (M, k), see `Links`."""
    count = len(fit.seen)
    default = fit.anatomy.default[fit.free]
    angles = fit.angles & ~np.isfinite(bounds).any(axis=1)
    rows = representatives(fit.seen)
    first = coarse(fit, rows, bounds, moved, angles)
    knots = unwrap(first.z, angles, default)
    start = interpolate(rows, knots, count, np.ones(knots.shape, dtype=bool))
    lacking, scale = _open_variables(fit, start)
    if lacking.any():
        start = interpolate(rows, knots, count, ~lacking[rows])
        start = np.where(np.isfinite(start), start, default)
        fit = fit.tied(np.where(lacking, TIE * scale, 0.0), start)
    everything = np.arange(count)
    found = minimize(fit, everything, start, bounds, scale=scale)
    found = repaired(fit, everything, found, bounds)
    found.iterations[rows] += first.iterations
    gaps = np.flatnonzero(lacking.any(axis=1))
    if len(gaps):
        # The frames around a gap are known now: tie the open variables to them.
        target = _bridge(found.z, lacking, default)
        fit = fit.tied(np.zeros_like(target), target, retarget=lacking)
        again = minimize(fit, gaps, np.where(lacking, target, found.z)[gaps], bounds, scale=scale)
        found.z[gaps] = again.z
        found.converged[gaps] = again.converged
        found.iterations[gaps] += again.iterations
    return Found(found.z, found.converged, found.iterations, lacking, scale)


def _open_variables(fit: MarkerFit, z: Array) -> tuple[Mask, Array]:
    """(T, k) variables left open at z (T, k), and (k,) every variable's typical curvature.

    One frame of every pattern of seen markers is looked at: open are the variables that take part
    in a null direction of the scaled Gauss-Newton matrix.
    """
    if fit.seen.all():
        first, which = np.array([len(z) // 2]), np.zeros(len(z), dtype=np.intp)
    else:
        _, first, which = np.unique(
            np.packbits(fit.seen, axis=1), axis=0, return_index=True, return_inverse=True
        )
    fits = fit.evaluate(first, z[first], np.zeros(len(first)))
    scale = curvature(Fit(fits.cost, fits.gradient, fits.hessian))
    matrix = fits.hessian
    diagonal = np.einsum("fkk->fk", matrix).copy()
    empty = diagonal <= OPEN * scale
    root = np.sqrt(np.where(empty, 1.0, diagonal))
    scaled = matrix / (root[:, :, None] * root[:, None, :])
    scaled[empty[:, :, None] | empty[:, None, :]] = 0.0
    np.einsum("fkk->fk", scaled)[empty] = 1.0
    value, vector = np.linalg.eigh(scaled)
    part = ((vector * (value < OPEN)[:, None, :]) ** 2).sum(axis=2)
    return (empty | (part > 1e-2))[which.ravel()], scale


def _bridge(z: Array, lacking: Mask, default: Array) -> Array:
    """(T, k) z with the open values replaced by a curve through their neighbours in time."""
    out = z.copy()
    for k in np.flatnonzero(lacking.any(axis=0)):
        known = np.flatnonzero(~lacking[:, k])
        if not len(known):
            out[:, k] = default[k]
            continue
        frames = np.clip(np.arange(len(z)), known[0], known[-1])
        if len(known) == 1:
            out[:, k] = z[known[0], k]
        else:
            # Shape-preserving: a cubic spline overshoots across a long gap.
            curve = PchipInterpolator(known, z[known, k])(frames)
            out[:, k] = np.where(lacking[:, k], curve, z[:, k])
    return out
