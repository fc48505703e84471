"""One term of a composite loss: residuals at points, in units of their noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bioenv.errors import BioenvError, unknown

Residual = Callable[..., Tensor]


@dataclass(frozen=True, eq=False)
class Block:
    """Residuals of one kind.

    Attributes:
        residual: ``(unknowns, point) -> (r,)`` of ONE point, in its own units; it is vmapped over
            the points and must consist of torch operations that torch.func can differentiate.
        points: tensors (T, ...) in any nest of dicts and named tuples, the same T everywhere; None:
            ``residual(unknowns)`` is one row (n,), as of a prior.
        noise: standard deviation, one number or (r,).
        adapt: re-estimate the noise from the residual; of (r,) one common factor.
        floor, ceiling: least and largest factor of `noise` that adapting may reach.
        weight: (T,) or (T, r) from 0 (unseen) to 1, or None. What is unseen must be finite too.
        causal: 0, or how strongly rows wait for those before them; the points are in time order.
        accept: the largest root mean squared residual (as in Fit.rms) that a good fit may have.
    """

    residual: Residual
    points: Any
    noise: float | Tensor = 1.0
    adapt: bool = False
    floor: float = 1e-3
    ceiling: float = 1e3
    weight: Tensor | None = None
    causal: float = 0.0
    accept: float | None = None


@dataclass(frozen=True, eq=False)
class Prior(Block):
    """Gaussian prior on one unknown; its Gauss-Newton matrix is a diagonal."""

    name: str = ""


def prior(name: str, deviation: float | Tensor, mean: float | Tensor = 0.0) -> Prior:
    """Gaussian prior on the unknown `name`: without one, weights no data feels have no interval.

    deviation, mean: numbers, or as many as the unknown has.
    """

    def residual(unknowns: Mapping[str, Tensor]) -> Tensor:
        return (unknowns[name] - mean).reshape(-1)

    noise = deviation if isinstance(deviation, float | int) else deviation.reshape(-1)
    return Prior(residual, None, noise=noise, name=name)


@dataclass(frozen=True)
class Packing:
    """Named tensors as one vector and back."""

    shapes: dict[str, torch.Size]

    @staticmethod
    def of(start: Mapping[str, Tensor]) -> Packing:
        """Of the tensors a fit starts from. Raises BioenvError unless all are finite float64."""
        for name, value in start.items():
            if value.dtype != torch.float64:
                raise BioenvError(f"unknown {name} must be float64, got {value.dtype}")
            if not bool(torch.isfinite(value).all()):
                raise BioenvError(f"the start of unknown {name} is not finite")
        return Packing({name: value.shape for name, value in start.items()})

    @property
    def size(self) -> int:
        """P."""
        return sum(shape.numel() for shape in self.shapes.values())

    def place(self, name: str) -> slice:
        """Where an unknown is in the vector. Raises BioenvError for a name that is none."""
        if name not in self.shapes:
            raise unknown("unknown of the fit", name, self.shapes)
        first = 0
        for one, shape in self.shapes.items():
            if one == name:
                break
            first += shape.numel()
        return slice(first, first + self.shapes[name].numel())

    def flat(self, named: Mapping[str, Tensor]) -> Tensor:
        """(P,) a copy."""
        return torch.cat([named[name].detach().reshape(-1) for name in self.shapes])

    def named(self, x: Tensor) -> dict[str, Tensor]:
        """Views of x."""
        parts = torch.split(x, [shape.numel() for shape in self.shapes.values()])
        return {
            name: part.reshape(shape)
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }
