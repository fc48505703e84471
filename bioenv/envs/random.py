"""Random numbers for a batch: one reproducible stream per environment.

A counter-based generator (SplitMix64, Steele, Lea & Flood 2014, doi 10.1145/2660193.2660195):
number k of stream i is ``mix(key_i + k * golden)``. Drawing for some environments leaves the
streams of the others untouched, so environment i of a batch and a single environment with the same
seed see the same numbers, and no Python loop runs over environments.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from bioenv.errors import BioenvError

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * _M1
    z = (z ^ (z >> np.uint64(27))) * _M2
    return z ^ (z >> np.uint64(31))


class BatchRng:
    """Independent random streams for B environments.

    Args:
        seeds: (B,) non-negative integers, one per stream.
    """

    def __init__(self, seeds: ArrayLike) -> None:
        seeds = np.asarray(seeds, dtype=np.uint64)
        self.key = _mix(_mix(seeds + np.uint64(1)) + _GOLDEN)
        self.counter = np.zeros(len(seeds), dtype=np.uint64)

    @classmethod
    def of(cls, seed: int | Sequence[int | None] | None, num: int) -> BatchRng:
        """``num`` streams: seed, seed + 1, ..., or one seed each; None is chance (0 in a list)."""
        if seed is None:
            seed = int(np.random.SeedSequence().generate_state(1)[0])
        if isinstance(seed, (int, np.integer)):
            return cls(int(seed) + np.arange(num))
        if len(seed) != num:
            raise BioenvError(f"{len(seed)} seeds for {num} environments")
        return cls(np.array([0 if one is None else one for one in seed]))

    def select(self, ids: NDArray[np.intp]) -> Draws:
        """The streams ``ids`` (n,): what task functions draw from, n rows at a time."""
        return Draws(self, ids)


class Draws:
    """Draws for n environments at once; every method returns n rows.

    Bounds and parameters broadcast as in NumPy's ``Generator``: ``uniform([0, 0], [1, 2])`` gives
    (n, 2), ``uniform(0, 1)`` gives (n,).
    """

    def __init__(self, rng: BatchRng, ids: NDArray[np.intp]) -> None:
        self._rng, self._ids = rng, ids

    def __len__(self) -> int:
        return len(self._ids)

    def where(self, rows: NDArray[np.bool_]) -> Draws:
        """The draws for some of these environments, ``rows`` (n,)."""
        return Draws(self._rng, self._ids[rows])

    def _unit(self, shape: Sequence[int]) -> NDArray[np.float64]:
        """(n, *shape) uniform in the open interval (0, 1)."""
        size = int(np.prod(shape, dtype=int))
        start = self._rng.counter[self._ids, None]
        k = start + np.arange(1, size + 1, dtype=np.uint64)
        self._rng.counter[self._ids] += np.uint64(size)
        bits = _mix((self._rng.key[self._ids, None] + k * _GOLDEN).astype(np.uint64, copy=False))
        # 52 bits, centred in their cell, so that 0 and 1 never occur and ndtri stays finite
        unit = ((bits >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
        return unit.reshape(len(self), *shape)

    def uniform(self, low: ArrayLike = 0.0, high: ArrayLike = 1.0) -> NDArray[np.float64]:
        """Uniform in [low, high]: (n, *broadcast(low, high).shape)."""
        low, high = np.asarray(low, float), np.asarray(high, float)
        return low + (high - low) * self._unit(np.broadcast_shapes(low.shape, high.shape))

    def normal(self, loc: ArrayLike = 0.0, scale: ArrayLike = 1.0) -> NDArray[np.float64]:
        """Normal with mean ``loc`` and standard deviation ``scale``."""
        loc, scale = np.asarray(loc, float), np.asarray(scale, float)
        return loc + scale * ndtri(self._unit(np.broadcast_shapes(loc.shape, scale.shape)))

    def integers(self, low: int, high: int) -> NDArray[np.int64]:
        """(n,) integers in [low, high)."""
        return low + (self._unit(()) * (high - low)).astype(np.int64)
