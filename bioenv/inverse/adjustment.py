"""Small smooth corrections of a motion that bring the root's residual force and moment down.

The corrections are splines in time whose knots lie too far apart for fast ones. Their effect on the
residual is taken to first order (in position, speed and acceleration) and the weighted least
squares problem is solved exactly, a few times over: Gauss-Newton on a banded system, so a minute of
walking costs sixty times a second of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline
from scipy.linalg import solveh_banded

from bioenv.inverse.dynamics import Contact
from bioenv.inverse.generalized import generalized_forces
from bioenv.models.anatomy import Anatomy

Array = NDArray[np.float64]

_DEGREE = 5
_SLOW = 2 * np.pi * 2.0  # rad/s: corrections faster than 2 Hz cost more by their acceleration
_FRAMES = 4096  # evaluated at once
_STEP = 1e-4  # rad or m, rad/s or m/s, of the differences


class Motion3(NamedTuple):
    """Coordinates (T, n) with their first and second derivatives."""

    q: Array
    qd: Array
    qdd: Array


class Problem(NamedTuple):
    """What is corrected and what it may cost.

    time (T,) s; external; scale (r,): residual of each root coordinate that counts as one;
    counted (T,) bool: frames whose residual is meaningful; free (k,): indices of the coordinates
    that may change; room (k,) m or rad: largest change of each; spacing s between knots.
    """

    time: Array
    external: Sequence[Contact]
    scale: Array
    counted: NDArray[np.bool_]
    free: NDArray[np.intp]
    room: Array
    spacing: float


def adjusted(anatomy: Anatomy, motion: Motion3, problem: Problem, rounds: int = 3) -> Motion3:
    """The motion with its corrections; no coordinate moves further than its room.

    Args:
        rounds: of Gauss-Newton. A coordinate that would exceed its room is made dearer.
    """
    basis = _Basis(problem.time, problem.spacing)
    weight = 1.0 / (0.5 * problem.room) ** 2
    change = np.zeros((basis.count, len(problem.free)))
    # Two degrees hardly change how the residual depends on the motion: the slopes are found once.
    slopes = _slopes(anatomy, motion, problem)
    current = motion
    for _ in range(rounds):
        residual = _residual(anatomy, current, problem.external, problem)
        for _ in range(30):
            tried = _solve(basis, residual, slopes, change, weight, problem)
            excess = np.abs(basis.matrices[0] @ tried).max(axis=0) / problem.room
            if excess.max() <= 1.0 + 1e-6:
                break
            weight = weight * np.maximum(excess, 1.0) ** 2 * 1.05 ** (excess > 1.0)
        change = tried
        current = _moved(anatomy, motion, basis, change, problem.free)
    return current


class _Basis:
    """Quintic B-splines over a trial: matrices of value, first and second derivative, (T, K)."""

    def __init__(self, time: Array, spacing: float) -> None:
        pieces = max(1, round((time[-1] - time[0]) / spacing))
        inner = np.linspace(time[0], time[-1], pieces + 1)
        ends = np.repeat(inner[[0, -1]], _DEGREE)
        knots = np.sort(np.concatenate([inner, ends]))
        self.count = pieces + _DEGREE
        spline = BSpline(knots, np.eye(self.count), _DEGREE)
        self.matrices = tuple(np.asarray(spline(time, order)) for order in range(3))
        piece = np.clip(np.searchsorted(inner, time, side="right") - 1, 0, pieces - 1)
        # Frames of each piece between knots: they share the same few splines.
        self.pieces = [(p, np.flatnonzero(piece == p)) for p in range(pieces)]


def _moved(
    anatomy: Anatomy, motion: Motion3, basis: _Basis, change: Array, free: NDArray[np.intp]
) -> Motion3:
    """The motion plus the splines; coupled coordinates follow those they are coupled to."""
    follow = anatomy.reduction(motion.q)
    column = np.cumsum(anatomy.independent)[free] - 1
    steps = (matrix @ change for matrix in basis.matrices)
    return Motion3(
        *(
            values + np.einsum("tik,tk->ti", follow[:, :, column], step)
            for values, step in zip(motion, steps, strict=True)
        )
    )


def _residual(
    anatomy: Anatomy, motion: Motion3, external: Sequence[Contact], problem: Problem
) -> Array:
    """(T, r) residuals in units of their scale; the motion may be the trial's several times over,
    with the external forces as often. Zero where they mean nothing."""
    tau = generalized_forces(anatomy, *motion, external, like_opensim=False)
    counted = np.tile(problem.counted, len(tau) // len(problem.counted))
    return tau[:, anatomy.root] / problem.scale * counted[:, None]


def _slopes(anatomy: Anatomy, motion: Motion3, problem: Problem) -> Array:
    """(3, T, r, k) slope of the residual by position, speed and acceleration of each coordinate."""
    frames = len(problem.time)
    follow = anatomy.reduction(motion.q)[:, :, np.cumsum(anatomy.independent)[problem.free] - 1]
    at_rest = _residual(anatomy, motion, problem.external, problem)
    out = np.empty((3, *at_rest.shape, len(problem.free)))
    group = max(1, _FRAMES // frames)
    for first in range(0, len(problem.free), group):
        step = _STEP * np.moveaxis(follow[:, :, first : first + group], 2, 0)
        times = len(step)
        external = [_repeated(Contact(*load), times) for load in problem.external]
        for order in range(3):
            tried = [np.tile(values, (times, 1)) for values in motion]
            tried[order] += step.reshape(times * frames, -1)
            there = _residual(anatomy, Motion3(*tried), external, problem)
            rise = (there.reshape(times, frames, -1) - at_rest) / _STEP
            out[order, :, :, first : first + times] = np.moveaxis(rise, 0, 2)
    return out


def _repeated(load: Contact, times: int) -> Contact:
    moment = None if load.moment is None else np.tile(load.moment, (times, 1))
    return Contact(
        load.body, np.tile(load.force, (times, 1)), np.tile(load.point, (times, 1)), moment
    )


def _solve(
    basis: _Basis, residual: Array, slopes: Array, change: Array, weight: Array, problem: Problem
) -> Array:
    """(K, k) spline coefficients that minimize squared residuals plus squared corrections."""
    k = len(problem.free)
    width = (_DEGREE + 1) * k
    upper = np.zeros((width, basis.count * k))  # banded, LAPACK's upper form
    right = np.zeros(basis.count * k)
    band, column = np.triu_indices(width)
    for piece, frames in basis.pieces:
        local = slice(piece, piece + _DEGREE + 1)
        shape = [matrix[frames, local] for matrix in basis.matrices]
        effect = sum(
            np.einsum("trk,ts->trsk", slopes[order][frames], shape[order]) for order in range(3)
        ).reshape(-1, width)
        # Linear about the current corrections: what is left once they are taken back.
        left = effect @ change[local].ravel() - residual[frames].ravel()
        size = shape[0].T @ shape[0] + shape[2].T @ shape[2] / _SLOW**4
        square = effect.T @ effect + np.kron(size, np.diag(weight))
        start = piece * k
        upper[width - 1 - (column - band), start + column] += square[band, column]
        right[start : start + width] += effect.T @ left
    upper[-1] += 1e-12 * upper[-1].max()
    return np.asarray(solveh_banded(upper, right)).reshape(basis.count, k)
