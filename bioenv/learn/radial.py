"""A small network of Gaussian bumps: what it has learned fades away from the data.

Radial basis functions (Broomhead and Lowe 1988, Complex Syst 2:321) on centers taken from the data,
in coordinates in which the weights of a Gaussian-process prior are independent and equal (Nyström;
Williams and Seeger 2001). Far from every center all functions are zero, so is the network.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

KEPT = 1e-6  # of the largest eigenvalue: combinations of bumps below are rounding


@dataclass(frozen=True, eq=False)
class Radial:
    """n functions of d inputs.

    Attributes:
        center: (m, d), in units of `scale`. scale: (d,) of the inputs, in their own units.
        length: of a bump, in scaled inputs.
        mix: (m, n) from bumps to functions of unit prior variance.
    """

    center: Tensor
    scale: Tensor
    length: float
    mix: Tensor

    @staticmethod
    def of(inputs: Tensor, centers: int, length: float) -> Radial:
        """Over the range of inputs (T, d): at most `centers` bumps, each as far as possible from
        those before it. `length` is in standard deviations of each input."""
        scale = inputs.std(dim=0)
        scale = torch.where(scale > 1e-12, scale, 1.0)
        center = _spread(inputs / scale, centers)
        value, vector = torch.linalg.eigh(_bumps(center, center, length))
        kept = value > KEPT * value.max()
        return Radial(center, scale, length, vector[:, kept] * value[kept].rsqrt())

    @property
    def count(self) -> int:
        """n, functions and weights."""
        return self.mix.shape[1]

    def __call__(self, inputs: Tensor) -> Tensor:
        """(..., n) at inputs (..., d)."""
        return _bumps(inputs / self.scale, self.center, self.length) @ self.mix

    def unknown(self, inputs: Tensor) -> Tensor:
        """(...) share of the prior's variance that lies outside these functions: near zero between
        the centers, one far away, where data say nothing."""
        return (1.0 - self(inputs).square().sum(dim=-1)).clamp(0.0, 1.0)


def _bumps(x: Tensor, center: Tensor, length: float) -> Tensor:
    square = (x.unsqueeze(-2) - center).square().sum(dim=-1)
    return torch.exp(-0.5 * square / length**2)


def _spread(x: Tensor, count: int) -> Tensor:
    """Rows of x (T, d), the first nearest to the mean, the others farthest from all before."""
    first = int((x - x.mean(dim=0)).square().sum(dim=1).argmin())
    chosen = [first]
    distance = (x - x[first]).square().sum(dim=1)
    while len(chosen) < min(count, len(x)) and float(distance.max()) > 1e-12:
        chosen.append(int(distance.argmax()))
        distance = torch.minimum(distance, (x - x[chosen[-1]]).square().sum(dim=1))
    return x[chosen]
