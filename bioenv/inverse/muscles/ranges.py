"""How far each muscle's activation can go while the torque stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse.csgraph import connected_components

from bioenv.inverse.muscles import simplex
from bioenv.inverse.muscles.simplex import Programs, Vertices

Array = NDArray[np.float64]
Index = NDArray[np.intp]

WORKING_SET = 4_000_000  # entries of all matrices held at a time: 32 MB


class Ranges(NamedTuple):
    """lowest, highest (T, m) activation; missing (T, k) torque that no activation reaches, least in
    its 1-norm. The range is that of activations that leave exactly `missing`."""

    lowest: Array
    highest: Array
    missing: Array


class _Block(NamedTuple):
    """Muscles and coordinates that share nothing with the others, some frames, rows scaled."""

    frames: slice
    rows: Index
    columns: Index
    scale: Array
    programs: Programs


def feasible_ranges(gain: Array, torque: Array, lower: Array, upper: Array) -> Ranges:
    """Ranges of activations with ``gain a = torque`` and lower <= a <= upper.

    Two linear programs per muscle and frame, solved exactly (:mod:`.simplex`, and HiGHS for any
    that it cannot prove optimal). Muscles and coordinates fall into groups that share nothing (the
    two legs), which are solved apart.

    Args:
        gain: (T, k, m) torque per activation. torque: (T, k). lower, upper: (m,).
    """
    frames, _, m = gain.shape
    found = Ranges(np.empty((frames, m)), np.empty((frames, m)), torque.copy())
    found.lowest[:], found.highest[:] = lower, upper
    for block in _blocks(gain, torque, lower, upper, 2 * m):
        corner, missing = _nearest(block)
        low, high = _extremes(block.programs, corner, missing)
        found.lowest[block.frames, block.columns] = low
        found.highest[block.frames, block.columns] = np.maximum(high, low)
        found.missing[block.frames, block.rows] = missing * block.scale
    return found


def least_missing(gain: Array, torque: Array, lower: Array, upper: Array) -> Array:
    """(T, k) torque that no activation within its bounds reaches, least in its 1-norm.

    Arguments as for :func:`feasible_ranges`. A coordinate without muscles misses all its torque.
    """
    found = torque.copy()
    for block in _blocks(gain, torque, lower, upper, 1):
        found[block.frames, block.rows] = _nearest(block)[1] * block.scale
    return found


def groups(gain: Array) -> list[tuple[Index, Index]]:
    """(rows, columns) of the blocks of gain (T, k, m) that share no muscle in any frame.

    Coordinates without a muscle and muscles without a coordinate are in none.
    """
    k = gain.shape[1]
    linked = (gain != 0).any(axis=0)
    graph = np.block([[np.zeros((k, k)), linked], [linked.T, np.zeros(2 * linked.shape[1:])]])
    _, label = connected_components(graph, directed=False)
    found = []
    for one in np.unique(label[:k]):
        rows, columns = np.flatnonzero(label[:k] == one), np.flatnonzero(label[k:] == one)
        if columns.size:
            found.append((rows, columns))
    return found


def _blocks(
    gain: Array, torque: Array, lower: Array, upper: Array, copies: int
) -> Iterator[_Block]:
    """Groups of muscles over as many frames as `copies` of their matrices fit in memory."""
    for rows, columns in groups(gain):
        size = copies * len(rows) * (len(columns) + 2 * len(rows))
        step = max(1, WORKING_SET // size)
        scale = np.abs(gain[:, rows][:, :, columns]).max(axis=(0, 2))
        for first in range(0, len(gain), step):
            frames = slice(first, first + step)
            matrix = gain[frames, rows][:, :, columns] / scale[:, None]
            wide = matrix.shape[0], len(columns)
            programs = Programs(
                np.zeros(wide),
                matrix,
                torque[frames, rows] / scale,
                np.broadcast_to(lower[columns], wide),
                np.broadcast_to(upper[columns], wide),
            )
            yield _Block(frames, rows, columns, scale, programs)


def _nearest(block: _Block) -> tuple[Vertices, Array]:
    """Corners nearest to the torque, and what they miss (scaled)."""
    corner, missing = simplex.feasible(block.programs, block.scale)
    for frame in np.flatnonzero(~corner.solved):
        missing[frame] = _least_missing(block.programs.take(np.array([frame])), block.scale)
    return corner, missing


def _extremes(programs: Programs, corner: Vertices, missing: Array) -> tuple[Array, Array]:
    """Least and greatest (T, m) of every variable among the solutions that miss `missing`."""
    frames, _, m = programs.matrix.shape
    # Every muscle twice: least of it, and least of its negative.
    frame = np.repeat(np.arange(frames), 2 * m)
    muscle = np.tile(np.repeat(np.arange(m), 2), frames)
    every = np.arange(frame.size)
    many = simplex.widen(programs, missing).take(frame)
    many.cost[every, muscle] = np.tile([1.0, -1.0], frames * m)
    end = simplex.minimize(many, corner.take(frame))
    value = end.value[every, muscle]
    for one in np.flatnonzero(~end.solved | ~corner.solved[frame]):
        value[one] = _general(many.take(np.array([one])), int(muscle[one]))
    pairs = value.reshape(frames, m, 2)
    return pairs[..., 0], pairs[..., 1]


def _general(program: Programs, variable: int) -> float:
    """One program by HiGHS: the value of `variable`, infinite when nothing bounds it."""
    bounds = np.column_stack([program.lower[0], program.upper[0]])
    found = linprog(program.cost[0], A_eq=program.matrix[0], b_eq=program.right[0], bounds=bounds)
    if found.status == 3:
        return float(np.inf if program.cost[0, variable] < 0 else program.lower[0, variable])
    return float(found.x[variable]) if found.x is not None else float("nan")


def _least_missing(program: Programs, weight: Array) -> Array:
    """(k,) the missing part of one program by HiGHS."""
    k, n = program.matrix.shape[1:]
    wide = simplex.widen(program)
    cost = np.concatenate([np.zeros(n), weight, weight])
    bounds = np.column_stack([wide.lower[0], wide.upper[0]])
    found = linprog(cost, A_eq=wide.matrix[0], b_eq=wide.right[0], bounds=bounds)
    missing: Array = found.x[n : n + k] - found.x[n + k :]
    return missing
