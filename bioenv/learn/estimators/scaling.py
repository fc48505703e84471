"""What a network sees: every column minus its mean, over its standard deviation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

CONSTANT = 1e-9  # of the largest value: a column that varies less is not divided


class Scaling(NamedTuple):
    """center and scale (n,) of columns, learned from training data and kept with the model."""

    center: Array
    scale: Array

    @staticmethod
    def of(values: ArrayLike, weight: ArrayLike | None = None) -> Scaling:
        """From values (..., n), NaN left out; weight (N,) of the first axis' rows, equal if None.

        A column that does not vary keeps its unit.
        """
        array = np.asarray(values, dtype=np.float64)
        known = np.isfinite(array)
        shape = (-1, *(1,) * (array.ndim - 1))
        each = np.ones(len(array)) if weight is None else np.asarray(weight, dtype=np.float64)
        share = known * each.reshape(shape)
        axes = tuple(range(array.ndim - 1))
        total = np.maximum(share.sum(axis=axes), 1e-300)
        filled = np.where(known, array, 0.0)
        center = (share * filled).sum(axis=axes) / total
        spread = np.sqrt((share * (filled - center) ** 2).sum(axis=axes) / total)
        largest = np.abs(filled).max(axis=axes, initial=0.0)
        return Scaling(center, np.where(spread > CONSTANT * (largest + 1e-300), spread, 1.0))

    def forward(self, values: ArrayLike) -> Array:
        """Values (..., n) scaled."""
        return (np.asarray(values, dtype=np.float64) - self.center) / self.scale

    def back(self, scaled: ArrayLike) -> Array:
        """Scaled values (..., n) in their unit."""
        return np.asarray(scaled, dtype=np.float64) * self.scale + self.center
