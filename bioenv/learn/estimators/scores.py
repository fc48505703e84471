"""How good estimates and their uncertainties are. Arrays of one shape; NaN truths are left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, rankdata

from bioenv.errors import BioenvError

Array = NDArray[np.float64]


def rmse(mean: ArrayLike, truth: ArrayLike) -> float:
    """Root mean squared error, in the unit of the truth."""
    one, two = _known(mean, truth)
    return float(np.sqrt(np.mean((one - two) ** 2)))


def nrmse(mean: ArrayLike, truth: ArrayLike) -> float:
    """Root mean squared error over the range of the truth."""
    one, two = _known(mean, truth)
    return float(np.sqrt(np.mean((one - two) ** 2)) / np.ptp(two))


def correlation(mean: ArrayLike, truth: ArrayLike) -> float:
    """Pearson's r; 0 where one of the two does not vary."""
    one, two = _known(mean, truth)
    one, two = one - one.mean(), two - two.mean()
    size = np.sqrt((one @ one) * (two @ two))
    return float(one @ two / size) if size > 0 else 0.0


def coverage(lower: ArrayLike, upper: ArrayLike, truth: ArrayLike) -> float:
    """Share of truths inside their intervals."""
    low, high, value = _known(lower, upper, truth)
    return float(np.mean((low <= value) & (value <= high)))


def sharpness(lower: ArrayLike, upper: ArrayLike) -> float:
    """Mean width of the intervals, in the unit of the estimate."""
    return float(np.mean(np.asarray(upper) - np.asarray(lower)))


def expected_calibration_error(
    mean: ArrayLike, variance: ArrayLike, truth: ArrayLike, levels: int = 19
) -> float:
    """Mean |share of truths below a quantile - its level|, over evenly spaced levels.

    Kuleshov V, Fenner N, Ermon S (2018) ICML, of a normal distribution; 0 is perfect, 0.25 is that
    of a variance of nothing.
    """
    one, spread, value = _known(mean, variance, truth)
    level = np.arange(1, levels + 1) / (levels + 1)
    probability = norm.cdf((value - one) / np.sqrt(np.maximum(spread, 1e-300)))
    below = np.searchsorted(np.sort(probability), level, side="right") / len(probability)
    return float(np.mean(np.abs(below - level)))


def crps_gaussian(mean: ArrayLike, variance: ArrayLike, truth: ArrayLike) -> float:
    """Mean continuous ranked probability score of a normal distribution, in the truth's unit.

    Gneiting T, Raftery AE (2007) J Am Stat Assoc 102:359, equation 21; of no variance it is the
    mean absolute error.
    """
    one, spread, value = _known(mean, variance, truth)
    sd = np.sqrt(np.maximum(spread, 1e-300))
    z = (value - one) / sd
    score = sd * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi))
    return float(np.mean(score))


def auroc(inside: ArrayLike, outside: ArrayLike) -> float:
    """Probability that a score (m,) from outside exceeds one (n,) from inside; ties count half."""
    low, high = np.ravel(inside), np.ravel(outside)
    if not len(low) or not len(high):
        raise BioenvError(f"auroc needs scores of both kinds, got {len(low)} and {len(high)}")
    rank = rankdata(np.concatenate([low, high]))[len(low) :]
    return float((rank.sum() - len(high) * (len(high) + 1) / 2) / (len(low) * len(high)))


def _known(*arrays: ArrayLike) -> list[Array]:
    """The arrays, flat, where the last one is known."""
    shape = np.shape(arrays[-1])
    found = [np.broadcast_to(np.asarray(one, dtype=np.float64), shape).ravel() for one in arrays]
    known = np.isfinite(found[-1])
    if not known.any():
        raise BioenvError("there is no finite truth to compare with")
    return [one[known] for one in found]
