"""A function of time with its first and second derivative, propagated together.

Truncated Taylor (jet) arithmetic: Griewank A, Walther A 2008, Evaluating Derivatives, ch. 13. One
pass costs about three evaluations and is exact, as nested `torch.func.jvp` is.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Jet(NamedTuple):
    """value, velocity, acceleration: (..., n) each; units of the value, per s, per s^2."""

    value: Tensor
    velocity: Tensor
    acceleration: Tensor

    @staticmethod
    def time(time: Tensor, origin: float = 0.0, unit: float = 1.0) -> Jet:
        """The jet (..., 1) of ``(t - origin) / unit`` at times (...) s."""
        value = ((time - origin) / unit).unsqueeze(-1)
        return Jet(value, torch.full_like(value, 1.0 / unit), torch.zeros_like(value))

    def __add__(self, other: Jet) -> Jet:  # type: ignore[override]
        return Jet(*(a + b for a, b in zip(self, other, strict=True)))

    def __mul__(self, other: Jet) -> Jet:  # type: ignore[override]
        """Leibniz: (f g)'' = f'' g + 2 f' g' + f g''."""
        (f, f1, f2), (g, g1, g2) = self, other
        return Jet(f * g, f1 * g + f * g1, f2 * g + 2.0 * f1 * g1 + f * g2)

    def through(self, value: Tensor, slope: Tensor, bend: Tensor) -> Jet:
        """g(f) from g, g' and g'' at f: Faa di Bruno's formula."""
        f1, f2 = self.velocity, self.acceleration
        return Jet(value, slope * f1, slope * f2 + bend * f1 * f1)

    def tanh(self) -> Jet:
        y = torch.tanh(self.value)
        slope = 1.0 - y * y
        return self.through(y, slope, -2.0 * y * slope)

    def sin(self) -> Jet:
        y = torch.sin(self.value)
        return self.through(y, torch.cos(self.value), -y)

    def linear(self, weight: Tensor, bias: Tensor | None = None) -> Jet:
        """f W + b; weight (..., n, m), bias (..., m)."""
        value = self.value @ weight
        if bias is not None:
            value = value + (bias if bias.dim() == 1 else bias.unsqueeze(-2))
        return Jet(value, self.velocity @ weight, self.acceleration @ weight)

    def scaled(self, factor: Tensor) -> Jet:
        """Multiplied by a constant (n,)."""
        return Jet(*(factor * part for part in self))
