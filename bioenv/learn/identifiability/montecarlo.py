"""The bounds against estimates: simulated experiments, estimated anew by maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import qr

from bioenv.learn.identifiability.estimates import Refits, refit
from bioenv.learn.identifiability.experiment import Experiment
from bioenv.learn.identifiability.practical import precision
from bioenv.learn.identifiability.structural import structure

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """One parameter or told combination: its Cramér-Rao bound and what the estimates did, in steps.

    ratio: deviation of the estimates over the bound. bias: their mean less the truth."""

    name: str
    bound: float
    deviation: float
    bias: float

    @property
    def ratio(self) -> float:
        return self.deviation / self.bound


@dataclass(frozen=True)
class Check:
    """rows: of every told parameter and told combination; count: of experiments; converged: share
    of the estimates that converged; worst: largest distance of a ratio from 1."""

    rows: tuple[Row, ...]
    count: int
    converged: float

    @property
    def worst(self) -> float:
        return max((abs(row.ratio - 1.0) for row in self.rows), default=0.0)


def monte_carlo(experiment: Experiment, count: int = 1000, seed: int = 0) -> Check:
    """Simulate an experiment `count` times and estimate its parameters each time.

    Parameters that cannot be told are held at their values, as many as must be; which of them does
    not matter for what is told. What is known beforehand is drawn anew for each experiment, as a
    measurement of its own. Searches start at the truth: the bound speaks of the likelihood's peak
    there.
    """
    free = len(experiment.free)
    generator = torch.Generator().manual_seed(seed)
    truth = experiment.evaluate(torch.zeros(free, dtype=torch.float64))
    noise = torch.randn(count, *truth.shape, generator=generator, dtype=torch.float64)
    known = torch.tensor([one.known if np.isfinite(one.known) else 0.0 for one in experiment.free])
    centers = known * torch.randn(count, free, generator=generator, dtype=torch.float64)
    bound = precision(experiment)
    held = torch.zeros(free, dtype=torch.bool)
    held[_gauge(bound.null)] = True
    found = refit(experiment, truth + noise * experiment.noise, held=held, centers=centers)
    wanted = {name: {name: 1.0} for name in bound.told}
    for group in structure(experiment).groups:
        wanted |= {one.text: one.vector for one in group.told}
    rows = (_row(name, one, experiment.names, found, bound.of(one)) for name, one in wanted.items())
    return Check(
        tuple(row for row in rows if np.isfinite(row.bound)), count, float(found.converged.mean())
    )


def _gauge(null: Array) -> list[int]:
    """Parameters (k of F) that, held still, leave no step of the null space (F, k)."""
    if not null.shape[1]:
        return []
    return [int(i) for i in qr(null.T, pivoting=True, mode="r")[1][: null.shape[1]]]


def _row(
    name: str, weights: dict[str, float], names: tuple[str, ...], found: Refits, bound: float
) -> Row:
    value = sum(weight * found.steps[:, names.index(n)] for n, weight in weights.items())
    array = np.asarray(value)[found.converged]
    return Row(name, bound, float(array.std(ddof=1)), float(array.mean()))
