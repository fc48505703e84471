"""Sharing by a quadratic cost whose least is not at rest: every muscle has a target."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.inverse.muscles import dual
from bioenv.inverse.muscles.problem import Sharing, SharingProblem, Status
from bioenv.inverse.muscles.ranges import groups

Array = NDArray[np.float64]

MISSING = 1e-6  # of the largest torque a muscle can make: more missing torque is no rounding
WORKING_SET = 500_000  # entries of the matrices held at a time


class Targeted(NamedTuple):
    """activation (T, m), reserve_torque (T, k), short and converged (T,)."""

    activation: Array
    reserve_torque: Array
    short: NDArray[np.bool_]
    converged: NDArray[np.bool_]


def share(problem: SharingProblem, stiffness: Array, target: Array) -> Targeted:
    """Least ``Σ stiffness / 2 (a - target)² + Σ (reserve torque / reserve)²`` in every frame.

    stiffness > 0 and target: (T, m). Where the torque is out of reach, least for the nearest.
    """
    frames = len(problem.time)
    free = np.isinf(problem.reserve)
    gain = np.where(free[:, None], 0.0, problem.gain)
    reserve = np.where(free, 0.0, problem.reserve)
    alone = ~(gain != 0).any(axis=(0, 2))
    found = Targeted(
        np.clip(target, problem.lower, problem.upper),
        np.where(alone & (problem.reserve > 0), problem.demand, 0.0),
        np.any(np.abs(problem.demand[:, alone & (problem.reserve == 0)]) > MISSING, axis=1),
        np.ones(frames, dtype=bool),
    )
    for rows, columns in groups(gain):
        step = max(1, WORKING_SET // (len(rows) * len(columns)))
        for first in range(0, frames, step):
            part = slice(first, min(first + step, frames))
            shape = part.stop - first, len(columns)
            batch = dual.Batch(
                np.ascontiguousarray(gain[part][:, rows][:, :, columns]),
                problem.demand[part, rows],
                np.broadcast_to(problem.lower[columns], shape),
                np.broadcast_to(problem.upper[columns], shape),
                stiffness[part, columns],
                target[part, columns],
                np.broadcast_to(reserve[rows], (shape[0], len(rows))),
            )
            end = dual.solve(batch)
            found.activation[part, columns] = end.x
            found.reserve_torque[part, rows] = end.e * reserve[rows]
            size = MISSING * np.abs(batch.gain).max(axis=(1, 2), initial=1.0)
            found.short[part] |= np.abs(end.missing).max(axis=1) > size
            found.converged[part] &= end.converged
    made = np.einsum("tkm,tm->tk", problem.gain, found.activation)
    found.reserve_torque[:, free] = (problem.demand - made)[:, free]
    return found


def sharing(
    problem: SharingProblem, found: Targeted, cost: Array, begin: float, method: str
) -> Sharing:
    """The answer as a Sharing; `begin` is the perf_counter at the start of the call."""
    status = np.where(found.short, Status.SHORT, Status.OPTIMAL)
    missing = problem.missing(found.activation, found.reserve_torque)
    size = np.abs(problem.gain).max(axis=(1, 2), initial=1.0)
    return Sharing(
        activation=found.activation,
        force=problem.force(found.activation),
        reserve_torque=found.reserve_torque,
        missing_torque=missing,
        cost=cost,
        status=np.where(found.converged, status, Status.UNSOLVED).astype(np.int8),
        residual=np.where(found.short, 0.0, np.abs(missing).max(axis=1, initial=0.0) / size),
        seconds=time.perf_counter() - begin,
        method=method,
    )
