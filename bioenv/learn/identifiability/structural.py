"""Structural identifiability: what could be told if there were no noise.

Two ways. :func:`structure`: the rank of the sensitivities of a whole record (Stigter JD, Molenaar J
2015, A fast algorithm to assess local structural identifiability, Automatica 58:118), exact for
*this* experiment, its inputs and what it measures. :mod:`.lie`: the rank of the
observability-identifiability matrix, for whatever inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from bioenv.learn.identifiability.combinations import ZERO, Blind, Group, confounded
from bioenv.learn.identifiability.experiment import Experiment, Parameter

Array = NDArray[np.float64]

RANK = 1e-7  # of the largest: singular values below are zero
EFFECT = 1e-9  # of the largest: sensitivities below are zero
DRAWS = 4
SPREAD = 0.1


@dataclass(frozen=True)
class Structure:
    """What a noise-free record tells.

    Attributes:
        names: F parameters that are sought. rank: of the sensitivities at the given values;
            generic_rank: the largest at values drawn about them.
        singular_values: (F,) over the largest, of sensitivities with columns of unit length.
        gap: last value that counts over the first that does not; infinite when all count.
        told: names. groups: of those that are not told, with their combinations.
        null: (F, k) basis of the steps that change nothing.
    """

    names: tuple[str, ...]
    rank: int
    generic_rank: int
    singular_values: Array
    gap: float
    told: tuple[str, ...]
    groups: tuple[Group, ...]
    null: Array

    @property
    def untold(self) -> tuple[str, ...]:
        """Names that are not told, in the experiment's order."""
        return tuple(name for name in self.names if name not in self.told)

    def partners(self, name: str) -> tuple[str, ...]:
        """The parameters that one is confounded with."""
        for group in self.groups:
            if name in group.names:
                return tuple(one for one in group.names if one != name)
        return ()


def structure(
    experiment: Experiment, *, draws: int = DRAWS, spread: float = SPREAD, seed: int = 0
) -> Structure:
    """Rank and null space of an experiment's sensitivities, by exact derivatives.

    Args:
        draws: other parameter values, by normal steps of deviation `spread`, at which the null
            space is computed too: combinations that are the same at all of them are products and
            sums, the others are called local. seed: of the draws.
    """
    slopes = _slopes(experiment, draws, spread, seed)
    found = [decomposed(slope) for slope, _ in slopes]
    blinds = [
        Blind(one.null, one.scale, unit) for one, (_, unit) in zip(found, slopes, strict=True)
    ]
    return summary(experiment.free, found, blinds)


def summary(
    parameters: tuple[Parameter, ...], found: Sequence[Decomposition], blinds: Sequence[Blind]
) -> Structure:
    """The structure by decompositions at the given values, first, and at others."""
    first, (here, *others) = found[0], blinds
    alike = [one for one in others if one.basis.shape == here.basis.shape]
    return Structure(
        names=tuple(one.name for one in parameters),
        rank=first.rank,
        generic_rank=max(one.rank for one in found),
        singular_values=first.values,
        gap=first.gap,
        told=told_of(parameters, first),
        groups=confounded(parameters, here, alike),
        null=first.null,
    )


def units(parameters: tuple[Parameter, ...], step: Array) -> Array:
    """(F,) what one more small step is in the parameters' units, at a step."""
    pairs = zip(parameters, step.tolist(), strict=True)
    return np.array([one.at(x) if one.size is None else one.size for one, x in pairs])


@dataclass(frozen=True, eq=False)
class Decomposition:
    """Singular values (F,) over the largest of a slope (R, F) whose columns were divided by their
    lengths `scale` (F,), 1 where nothing depends on a parameter; rank; null (F, F - rank): basis in
    steps; gap between what counts and what does not."""

    values: Array
    scale: Array
    rank: int
    null: Array
    gap: float


def decomposed(slope: Array) -> Decomposition:
    """Singular value decomposition of sensitivities (R, F), after scaling their columns."""
    scale = np.linalg.norm(slope, axis=0)
    count = slope.shape[1]
    if not scale.max() > 0.0:
        return Decomposition(np.zeros(count), np.ones(count), 0, np.eye(count), np.inf)
    blind = scale <= EFFECT * scale.max()
    safe = np.where(blind, 1.0, scale)
    # Fewer rows than parameters are filled up, so that the null space is complete.
    rows = np.zeros((max(len(slope), count), count))
    rows[: len(slope)] = np.where(blind, 0.0, slope / safe)
    _, size, right = np.linalg.svd(np.linalg.qr(rows, mode="r"))
    values = size / size[0]
    rank = int((values > RANK).sum())
    gap = np.inf if rank == count else values[rank - 1] / max(values[rank], 1e-17)
    return Decomposition(values, safe, rank, right[rank:].T / safe[:, None], float(gap))


def told_of(parameters: tuple[Parameter, ...], found: Decomposition) -> tuple[str, ...]:
    """Names of the parameters that no null vector moves."""
    moved = np.abs(found.null * found.scale[:, None])
    still = [bool(largest <= ZERO) for largest in moved.max(axis=1, initial=0.0)]
    return tuple(one.name for one, told in zip(parameters, still, strict=True) if told)


def _slopes(
    experiment: Experiment, draws: int, spread: float, seed: int
) -> list[tuple[Array, Array]]:
    """Sensitivities in steps at the given values and at `draws` others, and the unit steps."""
    free = experiment.free
    steps = np.random.default_rng(seed).normal(scale=spread, size=(draws + 1, len(free)))
    steps[0] = 0.0
    slope = experiment.sensitivities(torch.tensor(steps))[1] / experiment.noise[:, None]
    flat = np.asarray(slope.reshape(draws + 1, -1, len(free)).numpy())
    if not np.isfinite(flat).all():
        where = "the given values" if not np.isfinite(flat[0]).all() else f"a spread of {spread:g}"
        raise experiment.not_finite(where)
    return [(one, units(free, step)) for one, step in zip(flat, steps, strict=True)]
