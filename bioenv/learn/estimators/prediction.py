"""What an estimator says: a mean, two variances, an interval, and whether to trust them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Prediction:
    """Estimates of N windows at H instants of O targets, in the targets' units.

    Attributes:
        mean: (N, H, O).
        aleatoric: (N, H, O) variance that more data would not remove; epistemic: that of the
            members' means, which says that they have not seen such a window.
        lower, upper: (N, H, O) calibrated interval; wider where `flag` is set.
        novelty: (N,) distance from the training data, 1 at the limit. flag: (N,) above it, or in a
            degraded mode.
        notes: what was done about inputs that were not as in training.
    """

    mean: Array
    aleatoric: Array
    epistemic: Array
    lower: Array
    upper: Array
    novelty: Array
    flag: NDArray[np.bool_]
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> Array:
        """(N, H, O) variance of the ensemble as a mixture: the law of total variance."""
        return self.aleatoric + self.epistemic


def total_variance(means: ArrayLike, variances: ArrayLike) -> tuple[Array, Array, Array]:
    """Mean, aleatoric and epistemic variance of a mixture of M equally likely distributions.

    means, variances: (M, ...). Var[y] = E[Var[y | m]] + Var[E[y | m]] (Lakshminarayanan et al.
    2017, NeurIPS: deep ensembles; Kendall & Gal 2017 name the two terms).
    """
    each, spread = np.asarray(means, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    return each.mean(axis=0), spread.mean(axis=0), each.var(axis=0)


def conformal_factor(
    error: ArrayLike, deviation: ArrayLike, level: float, weight: ArrayLike
) -> Array:
    """(H, O) factor on the deviation so that a share `level` of errors lies within.

    Split conformal prediction with a normalized score |error| / deviation (Papadopoulos et al.
    2002; Lei et al. 2018, J Am Stat Assoc 113:1094; weights: Tibshirani et al. 2019). Its promise
    holds for errors that are exchangeable with these: other strides of the same people, or other
    people where `weight` gives every person the same share and each was estimated by a model that
    had not seen him.

    Args:
        error: (N, H, O), NaN left out. deviation: (N, H, O), positive. weight: (N,).

    Raises BioenvError for a target that was never known.
    """
    score = np.abs(np.asarray(error, dtype=np.float64)) / np.asarray(deviation, dtype=np.float64)
    share = np.broadcast_to(np.asarray(weight, dtype=np.float64)[:, None, None], score.shape)
    known = np.isfinite(score)
    if not known.any(axis=0).all():
        raise BioenvError("a target has no known value to calibrate its interval with")
    order = np.argsort(np.where(known, score, np.inf), axis=0)
    ranked = np.take_along_axis(np.where(known, score, np.inf), order, axis=0)
    mass = np.cumsum(np.take_along_axis(np.where(known, share, 0.0), order, axis=0), axis=0)
    # One more sample, the new one, lies at infinity.
    extra = mass[-1] / known.sum(axis=0)
    reached = mass >= np.minimum(level * (mass[-1] + extra), mass[-1] * (1 - 1e-12))
    first = np.argmax(reached, axis=0)
    return np.asarray(np.take_along_axis(ranked, first[None], axis=0)[0], dtype=np.float64)
