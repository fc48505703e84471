"""Static optimization in which muscles work together.

A synergy is a fixed pattern of activation over muscles; few of them, with nonnegative strengths,
explain most of measured EMG (Tresch MC, Saltiel P, Bizzi E 1999, Nat Neurosci 2:162). With
patterns W (m, n)

    minimize   Σ a² + w |a - W c|²    with c >= 0, subject to the balance

keeps the torques and draws activations to what synergies can make; w without limit allows nothing
else, and torques may then be missed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioenv.errors import BioenvError
from bioenv.inverse.muscles import dual
from bioenv.inverse.muscles.factors import factorize, fewest
from bioenv.inverse.muscles.problem import Sharing, SharingProblem
from bioenv.inverse.muscles.quadratic import MISSING, WORKING_SET, Targeted, sharing
from bioenv.inverse.muscles.static import static_optimization

Array = NDArray[np.float64]
Index = NDArray[np.intp]

ACCOUNTED = 0.95  # of the activations' sum of squares, that the extracted synergies explain
STRENGTH = 1e-4  # stiffness of a synergy's strength: its own use costs next to nothing
# Weight of the deviation when only synergies are allowed, and the missing torque, N*m, that costs
# as much as a fully active muscle then.
STRICT_WEIGHT = 1e10
STRICT_MISSING = 0.1
STRICT_SHORT = 0.05  # N*m: frames that miss more are short then


@dataclass(frozen=True, eq=False)
class SynergySharing(Sharing):
    """A sharing drawn to synergies.

    Attributes:
        synergies: (m, n) patterns; strength: (T, n). weight: of the deviation, inf when only
            synergies were allowed.
        accounted: share of the activations' sum of squares that strength times patterns explain;
            accounted_muscle (m,): of each muscle.
        extracted: the same share at the extraction, None when patterns were given.
    """

    synergies: Array
    strength: Array
    weight: float
    accounted: float
    accounted_muscle: Array
    extracted: float | None = None


def synergy_optimization(
    problem: SharingProblem,
    synergies: int | ArrayLike | None = None,
    *,
    activation: ArrayLike | None = None,
    weight: float = 10.0,
) -> SynergySharing:
    """Activations that make the torque, cost little and are near to synergies.

    Args:
        problem: T frames.
        synergies: their number, or patterns (m, n), or None for the fewest that explain 95 % of
            `activation`. A muscle that is in none of the given patterns is free.
        activation: (S, m) from which patterns are extracted, EMG of all muscles for instance;
            static optimization of this problem when None.
        weight: of the deviation from synergies; inf allows nothing else: then 0.1 N*m of missing
            torque cost as much as a fully active muscle, and frames that miss 0.05 are SHORT.

    Returns a :class:`SynergySharing`. Raises BioenvError for a number outside 1 ... m, patterns
    that are negative or of the wrong shape, and a negative weight.
    """
    begin = time.perf_counter()
    if not weight >= 0:
        raise BioenvError(f"weight must be 0 or more (inf: synergies only), got {weight:g}")
    patterns, extracted = _patterns(problem, synergies, activation)
    found, strength = _solve(problem, patterns, weight)
    square = found.activation**2
    free = patterns.max(axis=1) <= 0
    rest = np.where(free, 0.0, found.activation - strength @ patterns.T) ** 2
    held = problem.reserve > 0
    reserve = found.reserve_torque[:, held] / problem.reserve[held]
    cost = square.sum(axis=1) + (reserve**2).sum(axis=1)
    if np.isfinite(weight):
        cost = cost + weight * rest.sum(axis=1)
    method = f"static optimization near {patterns.shape[1]} synergies, weight {weight:g}"
    return SynergySharing(
        **vars(sharing(problem, found, cost, begin, method)),
        synergies=patterns,
        strength=strength,
        weight=weight,
        accounted=1.0 - float(rest.sum() / max(square.sum(), 1e-12)),
        accounted_muscle=1.0 - rest.sum(axis=0) / np.maximum(square.sum(axis=0), 1e-12),
        extracted=extracted,
    )


def _patterns(
    problem: SharingProblem, synergies: int | ArrayLike | None, activation: ArrayLike | None
) -> tuple[Array, float | None]:
    """(m, n) patterns, and the share they explain of what they were extracted from."""
    m = len(problem.muscles)
    if synergies is not None and not isinstance(synergies, (int, np.integer)):
        given = np.asarray(synergies, dtype=float)
        if given.ndim != 2 or given.shape[0] != m or given.shape[1] < 1:
            raise BioenvError(
                f"synergies must be a number or patterns ({m}, n), a row per muscle; got shape "
                f"{given.shape}"
            )
        if not np.isfinite(given).all() or given.min() < 0:
            raise BioenvError("synergies must be finite and not negative")
        return given, None
    if activation is None:
        values = static_optimization(problem).activation
    else:
        values = np.asarray(activation, dtype=float)
        if values.ndim != 2 or values.shape[1] != m:
            raise BioenvError(f"activation must have shape (frames, {m}), got {values.shape}")
    found = fewest(values, ACCOUNTED) if synergies is None else factorize(values, int(synergies))
    return found.weights, found.accounted


class _Deviation(NamedTuple):
    """Balances of a frame: k torques, then what b muscles in synergies deviate by.

    rows (k,) coordinates; fixed (b, m + n), the deviations' coefficients; reserve (k + b,).
    """

    rows: Index
    fixed: Array
    reserve: Array

    @staticmethod
    def of(problem: SharingProblem, patterns: Array, weight: float) -> _Deviation:
        """A deviation is the balance a - W c + e / sqrt(weight) = 0, whose reserve e costs e²."""
        m, n = patterns.shape
        rows = np.flatnonzero(np.isfinite(problem.reserve))
        bound = np.flatnonzero((patterns > 0).any(axis=1) & (weight > 0))
        fixed = np.zeros((len(bound), m + n))
        fixed[np.arange(len(bound)), bound] = 1.0
        fixed[:, m:] = -patterns[bound]
        reserve = problem.reserve[rows]
        if np.isinf(weight):
            reserve, weight = np.where(reserve == 0, STRICT_MISSING, reserve), STRICT_WEIGHT
        soft = np.full(len(bound), 1.0 / np.sqrt(max(weight, 1e-12)))
        return _Deviation(rows, fixed, np.concatenate([reserve, soft]))

    def batch(self, problem: SharingProblem) -> dual.Batch:
        """The problem of activations and strengths together, in the form of :mod:`.dual`."""
        k, (b, wide), m = len(self.rows), self.fixed.shape, len(problem.muscles)
        shape, n = (len(problem.time), wide), wide - m
        gain = np.zeros((shape[0], k + b, wide))
        gain[:, :k, :m] = problem.gain[:, self.rows]
        gain[:, k:] = self.fixed

        def every(muscles: Array | float, strengths: float) -> Array:
            row = np.concatenate([np.broadcast_to(muscles, m), np.full(n, strengths)])
            return np.broadcast_to(row, shape)

        return dual.Batch(
            gain=gain,
            demand=np.pad(problem.demand[:, self.rows], ((0, 0), (0, b))),
            lower=every(problem.lower, 0.0),
            upper=every(problem.upper, np.inf),
            stiffness=every(2.0, STRENGTH),
            target=np.zeros(shape),
            reserve=np.broadcast_to(self.reserve, (shape[0], k + b)),
        )


def _solve(problem: SharingProblem, patterns: Array, weight: float) -> tuple[Targeted, Array]:
    """The activations and the strengths of synergies."""
    frames, (m, n) = len(problem.time), patterns.shape
    deviation = _Deviation.of(problem, patterns, weight)
    k = len(deviation.rows)
    activation, strength = np.empty((frames, m)), np.empty((frames, n))
    left, converged = np.zeros((frames, k)), np.ones(frames, dtype=bool)
    step = max(1, WORKING_SET // (len(deviation.reserve) * (m + n + len(deviation.reserve))))
    for first in range(0, frames, step):
        part = np.arange(first, min(first + step, frames))
        end = dual.solve(deviation.batch(problem.at(part)))
        activation[part], strength[part] = end.x[:, :m], end.x[:, m:]
        left[part] = end.missing[:, :k] + end.e[:, :k] * deviation.reserve[:k]
        converged[part] = end.converged
    reserve = problem.demand - np.einsum("tkm,tm->tk", problem.gain, activation)
    reserve[:, problem.reserve == 0] = 0.0
    none = problem.reserve[deviation.rows] == 0
    size = MISSING * np.abs(problem.gain).max(axis=(1, 2), initial=1.0)
    size = np.maximum(size, STRICT_SHORT if np.isinf(weight) else 0.0)
    short = np.abs(left[:, none]).max(axis=1, initial=0.0) > size
    return Targeted(activation, reserve, short, converged), strength
