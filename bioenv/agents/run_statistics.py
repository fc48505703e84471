"""What a handful of training runs tell: interquartile means, intervals, probability of improvement.

Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice" (arXiv
2108.13264). Scores are (runs, tasks): a column is a task, or a quantity that every run was judged
on. With fewer than about ten runs a percentile interval is too narrow: read it as what these runs
disagree on, and no more.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import trim_mean

from bioenv.errors import BioenvError

Array = NDArray[np.float64]
RESAMPLES = 2000


class Interval(NamedTuple):
    """A statistic and its bootstrap percentile interval."""

    value: float
    low: float
    high: float


def interquartile_mean(scores: ArrayLike) -> float:
    """Mean of the middle half of all scores (runs, tasks): of n, n // 4 are dropped at each end."""
    return float(_iqm(_scores(scores)[None])[0])


def iqm_interval(
    scores: ArrayLike, whole_runs: bool = False, confidence: float = 0.95, seed: int = 0
) -> Interval:
    """Interquartile mean of scores (runs, tasks) with its stratified bootstrap interval.

    Args:
        whole_runs: False draws every task's runs apart (Agarwal et al. 2021), right where each
            task was trained on its own. True draws whole runs: several quantities of the same run
            rise and fall together, and drawn apart they would give too narrow an interval.
        confidence: share of the bootstrap's distribution in the interval.
        seed: of the resampling.
    """
    x = _scores(scores)
    draws = _drawn(x, whole_runs, np.random.default_rng(seed))
    return _interval(interquartile_mean(x), _iqm(draws), confidence)


def iqm_difference(
    scores: ArrayLike, control: ArrayLike, confidence: float = 0.95, seed: int = 0
) -> Interval:
    """How much higher the interquartile mean of ``scores`` is than that of ``control``.

    Both are (runs, tasks), row i of both began alike (same seed, same first stage): pairs of whole
    rows are drawn. Raises BioenvError when their shapes differ.
    """
    x, y = _scores(scores), _scores(control)
    if x.shape != y.shape:
        raise BioenvError(f"paired scores need one shape, got {x.shape} and {y.shape}")
    draws = _drawn(np.concatenate((x, y), axis=1), True, np.random.default_rng(seed))
    tasks = x.shape[1]
    spread = _iqm(draws[..., :tasks]) - _iqm(draws[..., tasks:])
    return _interval(interquartile_mean(x) - interquartile_mean(y), spread, confidence)


def probability_of_improvement(
    scores: ArrayLike,
    control: ArrayLike,
    whole_runs: bool = False,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """P(X > Y), ties half: how probably a run beats a run of ``control``, mean over tasks.

    (N, tasks) and (K, tasks); Agarwal et al. 2021, section 4.3. ``whole_runs``: see `iqm_interval`.
    """
    x, y = _scores(scores), _scores(control)
    if x.shape[1] != y.shape[1]:
        raise BioenvError(f"{x.shape[1]} tasks cannot be compared with {y.shape[1]}")
    rng = np.random.default_rng(seed)
    draws = _wins(_drawn(x, whole_runs, rng), _drawn(y, whole_runs, rng))
    return _interval(float(_wins(x[None], y[None])[0]), draws, confidence)


def _scores(scores: ArrayLike) -> Array:
    x = np.asarray(scores, dtype=np.float64)
    if x.ndim != 2 or x.size == 0:
        raise BioenvError(f"scores must have the shape (runs, tasks), got {x.shape}")
    if not np.isfinite(x).all():
        raise BioenvError("scores must be finite: give a run that failed the score of a failure")
    return x


def _drawn(x: Array, whole_runs: bool, rng: np.random.Generator) -> Array:
    """(resamples, runs, tasks) drawn with replacement from the runs."""
    runs, tasks = x.shape
    columns = 1 if whole_runs else tasks
    rows = rng.integers(runs, size=(RESAMPLES, runs, columns))
    return x[rows, np.arange(tasks)]


def _iqm(draws: Array) -> Array:
    """(resamples,) of draws (resamples, runs, tasks)."""
    return np.asarray(trim_mean(draws.reshape(len(draws), -1), 0.25, axis=1))


def _wins(x: Array, y: Array) -> Array:
    """(resamples,) of (resamples, N, tasks) against (resamples, K, tasks)."""
    return 0.5 + 0.5 * np.sign(x[:, :, None] - y[:, None]).mean(axis=(1, 2, 3))


def _interval(value: float, draws: Array, confidence: float) -> Interval:
    if not 0 < confidence < 1:
        raise BioenvError(f"confidence must lie between 0 and 1, got {confidence}")
    outside = (1 - confidence) / 2
    low, high = np.quantile(draws, [outside, 1 - outside])
    return Interval(value, float(low), float(high))
