"""Polynomials of a few coordinates, fitted to samples of any function of the pose."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lstsq

Array = NDArray[np.float64]

DEGREE = {1: 10, 2: 8, 3: 6, 4: 5, 5: 4}
"""Highest total degree by the number of coordinates; 3 beyond. Single powers go up to 10."""
_FEW, _LOWEST = 3, 3
_TERM = 0.03  # of the tolerance: terms that never contribute more are dropped
_SHORT = 1.25  # where nothing meets the tolerance: how much worse than the best will do
_SLOPE = 0.1  # m of length error that weighs like 1 m/rad of slope error


@dataclass(frozen=True, eq=False)
class Polynomial:
    """Values as a polynomial of scaled coordinates ``(q[dofs] - middle) / half``.

    exponents (terms, k); coefficients (terms, values).
    """

    dofs: NDArray[np.intp]
    middle: Array
    half: Array
    exponents: NDArray[np.intp]
    coefficients: Array


@dataclass(frozen=True, eq=False)
class Target:
    """Samples to fit: poses q (n, nq), values (n, m), slopes (n, k) of a single value or None.

    dofs (k,): the coordinates to use; low, high (nq,): the range that scales them; tolerance:
    largest errors of value and slope at which a lower degree is good enough.
    """

    dofs: NDArray[np.intp]
    low: Array
    high: Array
    q: Array
    values: Array
    slopes: Array | None
    tolerance: tuple[float, float]


def evaluate(polynomial: Polynomial, q: Array) -> tuple[Array, Array]:
    """Values (n, values) and their derivatives (n, values, k) by the coordinates, at q (n, nq)."""
    basis, slopes = _basis(polynomial, q)
    value = basis @ polynomial.coefficients
    return value, np.einsum("ktn,nv->tvk", slopes, polynomial.coefficients)


def fit(target: Target) -> Polynomial:
    """Least squares with the fewest terms that meet the tolerance, or else are nearly the best.

    Candidates by total degree: sums of functions of one coordinate each, all terms, and all terms
    up to the degree together with high powers of single coordinates (a wrapping surface of one
    joint bends its curve sharply, but mixes little with the next joint).
    """
    low, high = target.low[target.dofs], target.high[target.dofs]
    exponents = _exponents(len(target.dofs))
    empty = np.zeros((len(exponents), target.values.shape[1]))
    shape = Polynomial(target.dofs, 0.5 * (low + high), 0.5 * (high - low), exponents, empty)
    basis, slope_basis = _basis(shape, target.q)
    matrix, values = basis, target.values
    if target.slopes is not None:
        matrix = np.concatenate([basis, *(_SLOPE * slope_basis)])
        values = np.concatenate([values, _SLOPE * target.slopes.T.reshape(-1, 1)])
    square, right = matrix.T @ matrix, matrix.T @ values
    bound = np.full(len(matrix), _SLOPE * target.tolerance[1])
    bound[: len(basis)] = target.tolerance[0]
    tried: list[tuple[float, Array]] = []  # largest error in tolerances
    for chosen in _candidates(exponents):
        found = _solve(square, right, chosen)
        miss = np.abs(matrix @ found - values).max(axis=1) / bound
        tried.append((float(miss.max()), found))
        if tried[-1][0] <= 1.0:
            break
    enough = max(1.0, _SHORT * min(error for error, _ in tried))
    found = next(found for error, found in tried if error <= enough)
    found = _solve(square, right, np.abs(found).max(axis=1) > _TERM * target.tolerance[0])
    kept = (found != 0.0).any(axis=1)
    return Polynomial(shape.dofs, shape.middle, shape.half, exponents[kept], found[kept])


def _solve(square: Array, right: Array, chosen: NDArray[np.bool_]) -> Array:
    """Coefficients (terms, values), zero where not chosen."""
    found = np.zeros_like(right)
    if chosen.any():
        found[chosen] = lstsq(square[np.ix_(chosen, chosen)], right[chosen])[0]
    return found


def _candidates(exponents: NDArray[np.intp]) -> list[NDArray[np.bool_]]:
    """Which terms to try, fewest first."""
    degree, alone = exponents.sum(axis=1), (exponents > 0).sum(axis=1) <= 1
    full = DEGREE.get(exponents.shape[1], _FEW)
    sets = []
    for top in range(_LOWEST, full + 1):
        sets += [degree <= top, (degree <= top) & alone, (degree <= top) | alone]
    return sorted(sets, key=lambda chosen: int(chosen.sum()))


def _exponents(count: int) -> NDArray[np.intp]:
    """(terms, k) all exponents allowed for a number of coordinates."""
    full, alone = DEGREE.get(count, _FEW), DEGREE[1]
    rows = [
        tuple(factors.count(k) for k in range(count))
        for degree in range(full + 1)
        for factors in combinations_with_replacement(range(count), degree)
    ]
    powers = range(full + 1, alone + 1)
    rows += [tuple(n * (i == k) for i in range(count)) for k in range(count) for n in powers]
    return np.array(rows, dtype=np.intp).reshape(len(rows), count)


def _basis(polynomial: Polynomial, q: Array) -> tuple[Array, Array]:
    """Monomials (n, terms) and their slopes (k, n, terms) by the coordinates."""
    z = (q[:, polynomial.dofs] - polynomial.middle) / polynomial.half
    e = polynomial.exponents
    top = int(e.max(initial=0)) + 1
    power = z[:, :, None] ** np.arange(top)  # (n, k, top)
    factor = np.stack([power[:, i, e[:, i]] for i in range(z.shape[1])] or [np.ones((len(q), 1))])
    value = factor.prod(axis=0)
    slopes = np.empty((z.shape[1], *value.shape))
    for i in range(z.shape[1]):
        lower = e[:, i] * power[:, i, np.maximum(e[:, i] - 1, 0)] / polynomial.half[i]
        slopes[i] = lower * np.delete(factor, i, axis=0).prod(axis=0)
    return value, slopes
