"""Nonnegative matrix factorization: many signals as few, nothing negative."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError

Array = NDArray[np.float64]

SWEEPS = 1000
SETTLED = 1e-7  # change of the variance accounted for over a sweep


class Factors(NamedTuple):
    """values ≈ coefficients @ weights.T: weights (m, n), of unit length; coefficients (T, n);
    accounted: share of the sum of squares, 1 - |values - product|² / |values|²."""

    weights: Array
    coefficients: Array
    accounted: float


def factorize(values: Array, count: int) -> Factors:
    """The best product of `count` nonnegative factors near nonnegative values (T, m).

    Hierarchical alternating least squares (Cichocki A, Phan AH 2009, IEICE Trans Fundam E92-A:708)
    from the singular vectors' positive parts (Boutsidis C, Gallopoulos E 2008, Pattern Recognit
    41:1350), so the same values give the same factors. A local optimum, as of every such method.

    Raises BioenvError for negative values, values that are all zero, or a count that is not between
    1 and m.
    """
    m = values.shape[1]
    if not 1 <= count <= m:
        raise BioenvError(f"the number of synergies must be 1 to {m}, got {count}")
    if not np.isfinite(values).all() or values.min(initial=0.0) < 0 or not values.any():
        raise BioenvError("synergies need values that are finite, not negative and not all zero")
    weights, coefficients = _start(values, count)
    total = float((values**2).sum())
    before = -np.inf
    for _ in range(SWEEPS):
        _improve(values, coefficients, weights)
        _improve(values.T, weights, coefficients)
        accounted = 1.0 - float(((values - coefficients @ weights.T) ** 2).sum()) / total
        if accounted - before < SETTLED:
            break
        before = accounted
    size = np.maximum(np.linalg.norm(weights, axis=0), 1e-12)
    return Factors(weights / size, coefficients * size, accounted)


def fewest(values: Array, accounted: float) -> Factors:
    """The factorization with the least count that accounts for the share `accounted`."""
    for count in range(1, values.shape[1] + 1):
        found = factorize(values, count)
        if found.accounted >= accounted:
            break
    return found


def _start(values: Array, count: int) -> tuple[Array, Array]:
    left, size, right = np.linalg.svd(values, full_matrices=False)
    count_known = min(count, len(size))
    coefficients = np.full((len(values), count), values.mean())
    weights = np.full((values.shape[1], count), 1.0 / values.shape[1])
    for j in range(count_known):
        u, v = left[:, j], right[j]
        sides = [(np.maximum(s * u, 0.0), np.maximum(s * v, 0.0)) for s in (1.0, -1.0)]
        a, b = max(sides, key=lambda pair: np.linalg.norm(pair[0]) * np.linalg.norm(pair[1]))
        scale = np.sqrt(size[j]) + 1e-12
        # Small positive entries instead of zeros: a zero could not tell where to grow.
        coefficients[:, j] = scale * (a + 1e-3 * a.max())
        weights[:, j] = scale * (b + 1e-3 * b.max())
    return weights, coefficients


def _improve(values: Array, left: Array, right: Array) -> None:
    """Least squares of `left` (T, n) with `right` (m, n) fixed, column by column, in place."""
    cross, square = values @ right, right.T @ right
    for j in range(left.shape[1]):
        size = max(square[j, j], 1e-12)
        left[:, j] = np.maximum(left[:, j] + (cross[:, j] - left @ square[:, j]) / size, 1e-12)
