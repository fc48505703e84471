"""Polynomials of a few coordinates, fitted to samples of any function of the pose."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lstsq

Array = NDArray[np.float64]

DEGREE = {1: 10, 2: 8, 3: 6, 4: 5}
"""Highest total degree by the number of coordinates; 4 beyond."""
_LOWEST = 3
_TERM = 0.1  # of the tolerance: terms that never contribute more are dropped
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
    """Least squares with the lowest degree that meets the tolerance, else the highest allowed."""
    count = len(target.dofs)
    highest = DEGREE.get(count, 4)
    for degree in range(min(_LOWEST, highest), highest + 1):
        every = _exponents(count, degree)
        alone = every[(every > 0).sum(axis=1) <= 1]  # a sum of functions of one coordinate
        for exponents in (alone, every)[0 if count > 1 else 1 :]:
            fitted = _solve(target, exponents)
            if _good(fitted, target):
                return _pruned(fitted, target)
    return _pruned(fitted, target)


def _pruned(fitted: Polynomial, target: Target) -> Polynomial:
    kept = np.abs(fitted.coefficients).max(axis=1) > _TERM * target.tolerance[0]
    return fitted if kept.all() else _solve(target, fitted.exponents[kept])


def _good(fitted: Polynomial, target: Target) -> bool:
    value, slope = evaluate(fitted, target.q)
    if np.abs(value - target.values).max() > target.tolerance[0]:
        return False
    if target.slopes is None or not target.slopes.size:
        return True
    return bool(np.abs(slope[:, 0] - target.slopes).max() <= target.tolerance[1])


def _solve(target: Target, exponents: NDArray[np.intp]) -> Polynomial:
    low, high = target.low[target.dofs], target.high[target.dofs]
    empty = np.zeros((len(exponents), target.values.shape[1]))
    shape = Polynomial(target.dofs, 0.5 * (low + high), 0.5 * (high - low), exponents, empty)
    basis, slope_basis = _basis(shape, target.q)
    matrix, values = basis, target.values
    if target.slopes is not None:
        matrix = np.concatenate([basis, *(_SLOPE * slope_basis)])
        values = np.concatenate([values, _SLOPE * target.slopes.T.reshape(-1, 1)])
    solution = lstsq(matrix, values, lapack_driver="gelsy", check_finite=False)[0]
    return Polynomial(shape.dofs, shape.middle, shape.half, exponents, solution)


def _exponents(count: int, degree: int) -> NDArray[np.intp]:
    """(terms, k) all exponents of total degree up to ``degree``."""
    rows = [e for e in product(range(degree + 1), repeat=count) if sum(e) <= degree]
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
