"""Practical identifiability: how well noisy samples tell the parameters, before they are taken.

The Fisher information of independent Gaussian noise is ``J' J``, J the sensitivities in units of
noise, by automatic differentiation; no unbiased estimate varies less than its inverse (Cramér-Rao
bound; Kay SM 1993, Fundamentals of statistical signal processing, ch. 3). What is known beforehand
adds ``1 / deviation^2``. Bounds are to first order: :mod:`.likelihood` says where that does not do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import unknown
from bioenv.learn.identifiability.experiment import Experiment
from bioenv.learn.identifiability.structural import RANK, decomposed, told_of

Array = NDArray[np.float64]

VAGUE = 0.5  # steps: a parameter known no better than this counts as vague
SMALL = 0.05  # entries of a direction that are left out
TRADED = 1e-5  # a told combination changes by less along a null vector of unit length


@dataclass(frozen=True)
class Direction:
    """A direction of parameter space: deviation, in steps, of the estimate along it; parts: its
    entries by parameter, largest first, of a unit vector."""

    deviation: float
    parts: dict[str, float]


@dataclass(frozen=True, eq=False)
class Precision:
    """What noisy samples tell of F parameters.

    Attributes:
        names. information (F, F): Fisher matrix in steps, with what is known beforehand.
        covariance (F, F): its inverse, the Cramér-Rao bound, in steps; infinite on the diagonal
            and NaN beside it where a parameter is not told.
        deviation: by name, in the parameter's unit. share: by name, in steps: the share of the
            value, where a logarithm is sought. correlation (F, F): NaN where nothing is told.
        directions: eigenvectors of the information, the sloppiest first.
        null (F, k): steps that nothing tells. scale (F,): by which they are of unit length;
            bounded (F, F): covariance with those held still,
            right for every combination that they do not change.
    """

    names: tuple[str, ...]
    information: Array
    covariance: Array
    deviation: dict[str, float]
    share: dict[str, float]
    correlation: Array
    directions: tuple[Direction, ...]
    null: Array
    scale: Array
    bounded: Array

    @property
    def told(self) -> tuple[str, ...]:
        """Parameters with a finite bound."""
        return tuple(name for name, size in self.share.items() if np.isfinite(size))

    @property
    def vague(self) -> tuple[str, ...]:
        """Parameters with a finite bound of half of the value or more."""
        return tuple(n for n, size in self.share.items() if VAGUE <= size < np.inf)

    def pairs(self, least: float = 0.9) -> tuple[tuple[str, str, float], ...]:
        """Told parameters whose estimates err together: names and correlation of at least this
        size, the closest first."""
        rows, columns = np.triu_indices(len(self.names), 1)
        values = self.correlation[rows, columns]
        close = np.flatnonzero(np.abs(np.nan_to_num(values)) >= least)
        order = close[np.argsort(-np.abs(values[close]))].tolist()
        return tuple((self.names[rows[i]], self.names[columns[i]], float(values[i])) for i in order)

    def of(self, combination: Mapping[str, float]) -> float:
        """Deviation, in steps, of the sum of weights times steps: of the logarithm of a product of
        powers. Infinite where it is not told.

        Raises BioenvError for a name that is not sought.
        """
        weight = np.zeros(len(self.names))
        for name, value in combination.items():
            if name not in self.names:
                raise unknown("parameter", name, self.names)
            weight[self.names.index(name)] = value
        lost = np.abs(self.null.T @ weight)
        if (lost > TRADED * np.linalg.norm(weight / self.scale)).any():
            return float("inf")
        return float(np.sqrt(weight @ self.bounded @ weight))


def precision(experiment: Experiment) -> Precision:
    """Cramér-Rao bounds of an experiment, at its values, with its noise and what is known.

    Raises BioenvError when outputs are not finite there.
    """
    free = experiment.free
    rows = np.concatenate([experiment.scaled_slope(), experiment.prior_rows()])
    found = decomposed(rows)
    told = [one.name in told_of(free, found) for one in free]
    bounded = _bounded(rows / found.scale, found.null * found.scale[:, None], found.scale)
    covariance = bounded.copy()
    blind = ~np.array(told)
    covariance[blind] = covariance[:, blind] = np.nan
    covariance[blind, blind] = np.inf
    spread = np.sqrt(np.diagonal(covariance))
    with np.errstate(invalid="ignore"):
        correlation = covariance / np.outer(spread, spread)
    return Precision(
        names=experiment.names,
        information=rows.T @ rows,
        covariance=covariance,
        deviation={p.name: float(s) * p.unit_step for p, s in zip(free, spread, strict=True)},
        share={p.name: float(s) for p, s in zip(free, spread, strict=True)},
        correlation=correlation,
        directions=_directions(experiment.names, rows),
        null=found.null,
        scale=found.scale,
        bounded=bounded,
    )


def _bounded(rows: Array, null: Array, scale: Array) -> Array:
    """(J' J)^-1 (F, F) with the null space held still; rows and null space scaled.

    Rows that forbid the null space's directions change nothing for what these do not move.
    """
    root = np.linalg.inv(np.linalg.qr(np.concatenate([rows, null.T]), mode="r"))
    return np.asarray((root @ root.T) / np.outer(scale, scale))


def _directions(names: tuple[str, ...], rows: Array) -> tuple[Direction, ...]:
    _, size, right = np.linalg.svd(np.linalg.qr(rows, mode="r"), full_matrices=True)
    size = np.append(size, np.zeros(len(names) - len(size)))
    found = []
    for value, vector in zip(size[::-1], right[::-1], strict=True):
        order = np.argsort(-np.abs(vector))
        parts = {names[i]: float(vector[i]) for i in order if abs(vector[i]) > SMALL}
        deviation = float(1.0 / value) if value > RANK * size[0] else float("inf")
        found.append(Direction(deviation, parts))
    return tuple(found)
