"""Curves as a whole: bands and tests that hold at every point of the cycle at once.

A band drawn point by point is left somewhere by most curves, and 101 tests find differences by
chance. Here one number is drawn from the largest deviation over the cycle:

- bands by the bootstrap over strides (Lenhoff et al. 1999, Gait Posture 9:10-17; Duhamel et al.
  2004, Gait Posture 20:204-212);
- tests by permutation (Nichols and Holmes 2002, Hum Brain Mapp 15:1-25): signs are flipped where
  strides are compared with a mean, labels are exchanged between two groups of strides or people.

No normal distribution is assumed. Strides are taken as exchangeable: that neighbours resemble each
other makes all of it somewhat too sure.
"""

from __future__ import annotations

from itertools import product
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

RESAMPLES = 400
_FEWEST = 4  # curves for a band or a test
_EXACT = 10  # up to 2^10 sign flips are all tried


class Band(NamedTuple):
    """A simultaneous band (T,) around a mean (T,); `factor` standard deviations wide."""

    mean: Array
    low: Array
    high: Array
    factor: float


class Difference(NamedTuple):
    """A test over whole curves.

    statistic: (T,) t at every point, 0 where nothing varies. critical: what its largest absolute
    value exceeds by chance with probability `level`. p: of the largest one. where: (T,) points
    beyond the critical value.
    """

    statistic: Array
    critical: float
    p: float
    where: Mask


def bootstrap_band(
    curves: ArrayLike,
    kind: Literal["mean", "stride"] = "stride",
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Band:
    """The band that holds the true mean, or the next stride, whole with probability `level`.

    Args:
        curves: (n, T) one row per stride, n >= 4.
        kind: "mean" for a confidence band of the mean, "stride" for a prediction band.
        level: probability, between 0 and 1.
        resamples: bootstrap samples.
        seed: of the resampling.

    A prediction band is judged by the strides that a sample left out. It needs more strides than
    the mean's: with ten of them it is about as wide as their range. Raises BioenvError.
    """
    values = _matrix(curves, "curves")
    _check_level(level)
    n = len(values)
    mean, sd = values.mean(axis=0), values.std(axis=0, ddof=1)
    varies = sd > 1e-9 * (1.0 + np.abs(values).max())
    drawn = np.random.default_rng(seed).integers(n, size=(resamples, n))
    counts = (drawn[:, :, None] == np.arange(n)).sum(axis=1)  # (B, n)
    part = values[:, varies] - mean[varies]
    of_means, of_sds = _weighted(counts, part, n)
    usable = (of_sds > 1e-3 * sd[varies]).all(axis=1)
    if not varies.any() or not usable.any():
        return Band(mean, mean.copy(), mean.copy(), 0.0)
    of_sds = np.where(usable[:, None], of_sds, 1.0)  # the others are left out below
    if kind == "mean":
        largest = np.abs(of_means / of_sds).max(axis=1)[usable]
    else:
        away = np.abs(part[None] - of_means[:, None]) / of_sds[:, None]
        largest = away.max(axis=2)[(counts == 0) & usable[:, None]]
    factor = float(np.quantile(largest, level))
    return Band(mean, mean - factor * sd, mean + factor * sd, factor)


def sign_flip_test(
    curves: ArrayLike, mean: ArrayLike, level: float = 0.05, resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference:  # fmt: skip
    """Whether strides (n, T) have another mean curve than `mean` (T,), and where in the cycle.

    The mean is taken as exact. Symmetry of the strides about their mean is assumed. Raises
    BioenvError for less than four strides or other shapes.
    """
    values = _matrix(curves, "curves")
    against = np.asarray(mean, dtype=np.float64)
    if against.shape != values.shape[1:]:
        raise BioenvError(f"the mean has shape {against.shape}, the curves have {values.shape[1:]}")
    away = values - against
    n = len(away)
    signs = np.ones((1, n))
    if n <= _EXACT:
        signs = np.array(list(product((1.0, -1.0), repeat=n)))
    else:
        drawn = np.random.default_rng(seed).integers(2, size=(resamples - 1, n))
        signs = np.concatenate([signs, 2.0 * drawn - 1.0])  # what was observed comes first
    means = signs @ away / n
    squares = (away**2).sum(axis=0)  # the same whatever the signs
    variance = np.maximum(squares - n * means**2, 0.0) / (n - 1)
    return _judged(_t(means, variance / n), level)


def two_sample_test(
    one: ArrayLike, other: ArrayLike, level: float = 0.05, resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference:  # fmt: skip
    """Whether two groups of strides, (n, T) and (m, T), have different mean curves, and where.

    Welch's t with exchanged labels. Raises BioenvError as `sign_flip_test`.
    """
    first, second = _matrix(one, "the first group"), _matrix(other, "the second group")
    if first.shape[1] != second.shape[1]:
        raise BioenvError(f"curves of {first.shape[1]} and {second.shape[1]} points")
    both = np.concatenate([first, second])
    n, total = len(first), len(both)
    rng = np.random.default_rng(seed)
    labels = np.zeros((resamples, total))
    labels[0, :n] = 1.0
    order = rng.random((resamples - 1, total)).argsort(axis=1)
    np.put_along_axis(labels[1:], order[:, :n], 1.0, axis=1)
    mean_a, sd_a = _weighted(labels, both, n)
    mean_b, sd_b = _weighted(1.0 - labels, both, total - n)
    return _judged(_t(mean_a - mean_b, sd_a**2 / n + sd_b**2 / (total - n)), level)


def one_more_person(person: ArrayLike, people: ArrayLike) -> float:
    """p of a person's curves (T,) if he were one more of the people (n, T), n >= 3.

    Everybody in turn is measured by the largest distance from the mean of all others, in their
    standard deviations; p is the share that is at least as far out. With n people it cannot be
    below 1 / (n + 1). Raises BioenvError.
    """
    rows = np.vstack([np.asarray(person, dtype=np.float64)[None], _matrix(people, "people", 3)])
    count = len(rows)
    away = []
    for i in range(count):
        rest = np.delete(rows, i, axis=0)
        sd = rest.std(axis=0, ddof=1)
        varies = sd > 1e-9 * (1.0 + np.abs(rows).max())
        away.append((np.abs(rows[i] - rest.mean(axis=0))[varies] / sd[varies]).max(initial=0.0))
    return float((np.array(away) >= away[0] - 1e-12).mean())


def _weighted(weights: Array | NDArray[np.intp], values: Array, n: int) -> tuple[Array, Array]:
    """Means and standard deviations (B, T) of n rows counted by weights (B, rows)."""
    means: Array = weights @ values / n
    variance = (weights @ values**2 - n * means**2) / (n - 1)
    return means, np.sqrt(np.maximum(variance, 0.0))


def _t(means: Array, variance: Array) -> Array:
    """(B, T) t values; 0 where nothing varies in what was observed."""
    varies = variance[0] > 1e-18 * (1.0 + np.abs(means).max() ** 2)
    error = np.sqrt(np.maximum(variance, 1e-30))
    return np.where(varies, means / error, 0.0)


def _judged(statistics: Array, level: float) -> Difference:
    """The first row against the largest values of all rows."""
    _check_level(level)
    largest = np.abs(statistics).max(axis=1)
    critical = float(np.quantile(largest, 1.0 - level, method="higher"))
    p = float((largest >= largest[0] - 1e-12).mean())
    return Difference(statistics[0], critical, p, np.abs(statistics[0]) > critical)


def _matrix(curves: ArrayLike, what: str, fewest: int = _FEWEST) -> Array:
    values = np.asarray(curves, dtype=np.float64)
    if values.ndim != 2 or len(values) < fewest or not np.isfinite(values).all():
        raise BioenvError(
            f"{what}: an array of shape (n, points) of finite numbers with n >= {fewest} is "
            f"needed, got {values.shape}"
        )
    return values


def _check_level(level: float) -> None:
    if not 0.0 < level < 1.0:
        raise BioenvError(f"level must lie between 0 and 1, got {level:g}")
