"""The smallest smooth correction of a motion that brings weighted residuals down.

Corrections are B-splines in time. What a residual feels of them is taken to first order; the least
squares problem is banded, so a minute of walking costs sixty times a second of it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline
from scipy.linalg import solveh_banded

Array = NDArray[np.float64]

_DEGREE = 5
_FAST = 2.0 * np.pi * 4.0  # rad/s: faster corrections cost more by their acceleration


class Splines:
    """Quintic B-splines over the instants `time` (T,) s with knots about `spacing` s apart.

    first (T,): the first of the six splines that live at an instant; value (3, T, 6): theirs, with
    first and second derivatives; count: how many splines there are.
    """

    def __init__(self, time: Array, spacing: float) -> None:
        pieces = max(1, round((time[-1] - time[0]) / spacing))
        inner = np.linspace(time[0], time[-1], pieces + 1)
        knots = np.concatenate([np.repeat(inner[0], _DEGREE), inner, np.repeat(inner[-1], _DEGREE)])
        self.count = pieces + _DEGREE
        self.first = np.clip(np.searchsorted(inner, time, side="right") - 1, 0, pieces - 1)
        dense = BSpline(knots, np.eye(self.count), _DEGREE)
        columns = self.first[:, None] + np.arange(_DEGREE + 1)
        rows = np.arange(len(time))[:, None]
        self.value = np.stack([dense(time, order)[rows, columns] for order in range(3)])

    def at(self, coefficients: Array) -> tuple[Array, Array, Array]:
        """Values and two derivatives (T, k) of splines with coefficients (count, k)."""
        own = coefficients[self.first[:, None] + np.arange(_DEGREE + 1)]  # (T, 6, k)
        value, slope, bend = np.einsum("otj,tjk->otk", self.value, own)
        return value, slope, bend


class Slopes(NamedTuple):
    """Derivatives (T, R, k) of R residuals by the position, velocity and acceleration of k
    coordinates."""

    position: Array
    velocity: Array
    acceleration: Array


def correction(
    splines: Splines, residual: Array, slopes: Slopes, whiten: Array, noise: Array, so_far: Array
) -> Array:
    """Coefficients (count, k) of the whole correction, after one Gauss-Newton step.

    Minimizes ``sum_t |x_t / noise|^2 + |x''_t / (noise w^2)|^2 + |W_t (r_t + A_t (x_t - x0_t))|^2``
    with w of 4 Hz: x0 is the correction `so_far` (count, k), at which the residual r was found.

    Args:
        residual: (T, R). whiten: (T, R, R), W. noise: (k,).
    """
    count, k = so_far.shape
    frames, width = len(residual), _DEGREE + 1
    rows = [whiten @ slope for slope in slopes]  # (T, R, k)
    # The derivative by the six living splines' coefficients, (T, R, 6 k).
    jacobian = sum(
        (value[:, None, :, None] * row[:, :, None, :]).reshape(frames, -1, width * k)
        for value, row in zip(splines.value, rows, strict=True)
    )
    moved = sum(
        (row @ part[..., None])[..., 0] for row, part in zip(rows, splines.at(so_far), strict=True)
    )
    target = moved - (whiten @ residual[..., None])[..., 0]
    bend = splines.value[2] / _FAST**2  # nobody is measured to shake
    own = sum(x[:, :, None] * x[:, None, :] for x in (splines.value[0], bend))
    prior = np.einsum("tjl,im->tjilm", own, np.diag(1.0 / noise**2))
    block = prior.reshape(frames, width * k, width * k) + jacobian.transpose(0, 2, 1) @ jacobian
    right = (target[:, None, :] @ jacobian)[:, 0]
    # Frames of one piece share their splines: sum over them, then into the band.
    start = np.flatnonzero(np.diff(splines.first, prepend=-1))
    piece = splines.first[start]
    square = np.zeros((count - _DEGREE, width * k, width * k))
    vector = np.zeros((count - _DEGREE, width * k))
    square[piece] = np.add.reduceat(block, start, axis=0)
    vector[piece] = np.add.reduceat(right, start, axis=0)
    return _banded(square, vector, k).reshape(count, k)


def _banded(square: Array, right: Array, k: int) -> Array:
    """Solution of the sum of overlapping blocks (pieces, 6 k, 6 k), each k further on."""
    pieces, width = right.shape
    size = (pieces - 1) * k + width
    band, vector = np.zeros((width, size)), np.zeros(size)
    row, column = np.triu_indices(width)
    for piece in range(pieces):
        start = piece * k
        band[width - 1 + row - column, start + column] += square[piece, row, column]
        vector[start : start + width] += right[piece]
    band[-1] *= 1.0 + 1e-12
    return np.asarray(solveh_banded(band, vector))
