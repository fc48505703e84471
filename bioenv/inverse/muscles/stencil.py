"""Linear expressions of a trial that reach a few frames back and ahead, muscle by muscle."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Stencil:
    """``value(t) = sum over d of coefficient[d](t) x(t + d)`` for x (T, m); d are frames.

    coefficients: (T, m) arrays by d. What reaches beyond the ends of the trial counts as zero.
    """

    def __init__(self, coefficients: Mapping[int, Array]) -> None:
        self.parts = {d: _clipped(c, d) for d, c in sorted(coefficients.items())}

    @property
    def span(self) -> int:
        """Frames between the first and the last one an expression reaches."""
        return max(self.parts) - min(self.parts)

    def __call__(self, x: Array) -> Array:
        """Values (T, m)."""
        return np.asarray(sum(c * shifted(x, d) for d, c in self.parts.items()))

    def back(self, v: Array) -> Array:
        """The transpose: what values' weights v (T, m) give every x."""
        return np.asarray(sum(shifted(c * v, -d) for d, c in self.parts.items()))

    def scaled(self, factor: float | Array) -> Stencil:
        """The expression times a number or (T, m)."""
        return Stencil({d: factor * c for d, c in self.parts.items()})

    def chained(self, ahead: Array) -> Stencil:
        """The expression ``value(t + 1) - ahead(t) · value(t)``; nothing in the last frame."""
        out: dict[int, Array] = {}
        last = np.zeros_like(ahead)
        last[:-1] = 1.0
        for d, c in self.parts.items():
            for shift, part in ((d, -ahead * c), (d + 1, shifted(c, 1))):
                out[shift] = out.get(shift, 0.0) + last * part
        return Stencil(out)

    def accumulate(self, band: Array, weight: Array) -> None:
        """Add ``G' diag(weight) G`` to a symmetric matrix in lower band storage (b + 1, T m)."""
        frames, m = weight.shape
        for i, ci in self.parts.items():
            for j, cj in self.parts.items():
                if j >= i:
                    band[(j - i) * m] += shifted(ci * weight * cj, -i).reshape(frames * m)


def shifted(x: Array, frames: int) -> Array:
    """x(t + frames), zero beyond the ends."""
    if frames == 0:
        return x
    out = np.zeros_like(x)
    if frames > 0:
        out[:-frames] = x[frames:]
    else:
        out[-frames:] = x[:frames]
    return out


def _clipped(coefficient: Array, frames: int) -> Array:
    """The coefficient, zero where it would reach beyond the ends."""
    if frames == 0:
        return coefficient
    out = coefficient.copy()
    if frames > 0:
        out[-frames:] = 0.0
    else:
        out[:-frames] = 0.0
    return out
