"""The blocks of a composite loss over one flat vector of unknowns, with the weights of the moment.

Jacobians are taken point by point, so that a network's weights cost one small reverse pass per
component, and normal equations are summed over pieces, so that no whole Jacobian is ever held.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from bioenv.errors import BioenvError
from bioenv.learn.block import Block, Packing, Prior

WAITING = 9.0  # mean square of a point, in noise units, beyond which later points wait for it
ENTRIES = 20_000_000  # of a Jacobian held at once: 160 MB


@dataclass(frozen=True, eq=False)
class Row:
    """A block made ready: one function of the flat unknowns, and the weights that hold now.

    factor: of the block's noise. causal: (T,). count: points T.
    """

    name: str
    block: Block
    packing: Packing
    count: int
    width: int
    causal: Tensor
    factor: float = 1.0

    def starting(self, noise: float | None) -> Row:
        """With an adapted noise as :meth:`noise_told` told it."""
        if noise is None or not self.block.adapt:
            return self
        factor = noise * self.factor / self.noise_told()
        return replace(self, factor=min(max(factor, self.block.floor), self.block.ceiling))

    def residual(self, x: Tensor) -> Tensor:
        """(T, r) in the residual's own units."""
        if self.block.points is None:
            return self._one(x).unsqueeze(0)
        return torch.vmap(self._one, in_dims=(None, 0))(x, self.block.points)

    def cost(self, x: Tensor) -> Tensor:
        """1/2 the sum of weighted squared residuals in noise units; differentiable."""
        return 0.5 * (self._weight() * self.residual(x) ** 2).sum()

    def normal(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """cost, gradient (P,) and Gauss-Newton matrix (P, P)."""
        if isinstance(self.block, Prior):
            cost, gradient, diagonal = self._prior(self.block, x)
            return cost, gradient, torch.diag(diagonal)
        cost, gradient = torch.zeros((), dtype=x.dtype), torch.zeros_like(x)
        matrix = torch.zeros(len(x), len(x), dtype=x.dtype)
        for w, value, slope in self._pieces(x):
            cost = cost + 0.5 * (w * value**2).sum()
            gradient += slope.T @ (w * value)
            matrix.addmm_((slope * w[:, None]).T, slope)
        return cost, gradient, matrix

    def diagonal(self, x: Tensor) -> Tensor:
        """(P,) of the Gauss-Newton matrix, without forming it."""
        if isinstance(self.block, Prior):
            return self._prior(self.block, x)[2]
        return torch.stack([w @ slope**2 for w, _, slope in self._pieces(x)]).sum(dim=0)

    def reweighted(self, x: Tensor, determined: float, last: bool) -> Row:
        """With the noise and the causal weights of the residual at x.

        determined: parameters that this block determines. last: wait for nobody any more.
        """
        with torch.no_grad():
            square = (self.residual(x) / self.block.noise) ** 2
        shown = self._shown().expand_as(square)
        factor, causal = self.factor, self.causal
        if self.block.adapt:
            waited = shown * causal[:, None]  # rows that still wait tell nothing about the noise
            freedom = max(float(waited.sum()) - determined, 1.0)
            factor = (float((waited * square).sum()) / freedom) ** 0.5
            factor = min(max(factor, self.block.floor), self.block.ceiling)
        if self.block.causal:
            excess = ((shown * square).mean(dim=1) / factor**2 - WAITING).clamp_min(0.0)
            before = torch.cumsum(excess, 0) - excess
            causal = torch.exp(-self.block.causal * before)
            causal = torch.ones_like(causal) if last else causal
        return replace(self, factor=factor, causal=causal)

    def shown_count(self) -> float:
        """Residuals, those with a smaller weight counted in part."""
        return float(self._shown().expand(self.count, self.width).sum())

    def mean_square(self, x: Tensor) -> float:
        """Of the shown residuals, in noise units."""
        with torch.no_grad():
            square = (self.residual(x) / self.block.noise) ** 2 / self.factor**2
        shown = self._shown().expand_as(square)
        return float((shown * square).sum() / shown.sum().clamp_min(1e-300))

    def rms(self, x: Tensor) -> float:
        """Of the shown residuals, in their own units where the noise is one number."""
        return self.noise_told() * self.mean_square(x) ** 0.5

    def noise_told(self) -> float:
        """The noise where it is one number, else its factor."""
        noise = self.block.noise
        return self.factor * (noise if isinstance(noise, float | int) else 1.0)

    def _prior(self, block: Prior, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """cost, gradient (P,) and diagonal (P,)."""
        value = self.residual(x)[0]
        weight = self._weight()[0].expand(len(value))
        place, zero = self.packing.place(block.name), torch.zeros_like(x)
        gradient, diagonal = zero.clone(), zero
        gradient[place], diagonal[place] = weight * value, weight
        return 0.5 * (weight * value**2).sum(), gradient, diagonal

    def _one(self, x: Tensor, *point: Any) -> Tensor:
        return self.block.residual(self.packing.named(x), *point)

    def _pieces(self, x: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Weights (n,), residuals (n,) and Jacobian (n, P) of some points after others."""
        weight = self._weight().expand(self.count, self.width)
        step = max(1, ENTRIES // (len(x) * max(1, self.width)))
        for first in range(0, self.count, step):
            part = slice(first, first + step)
            value, slope = self._slope(x, part)
            yield weight[part].reshape(-1), value.reshape(-1), slope.reshape(-1, len(x))

    def _slope(self, x: Tensor, part: slice) -> tuple[Tensor, Tensor]:
        """Residual (t, r) and its Jacobian (t, r, P) at some points."""

        def twice(x: Tensor, *point: Any) -> tuple[Tensor, Tensor]:
            value = self._one(x, *point)
            return value, value

        slope = torch.func.jacrev(twice, argnums=0, has_aux=True)
        with torch.no_grad():
            if self.block.points is None:
                jacobian, value = slope(x)
                return value.unsqueeze(0), jacobian.unsqueeze(0)
            points = pytree.tree_map(lambda tensor: tensor[part], self.block.points)
            jacobian, value = torch.vmap(slope, in_dims=(None, 0))(x, points)
            return value, jacobian

    def _shown(self) -> Tensor:
        weight = self.block.weight
        if weight is None:
            return torch.ones(1, 1, dtype=torch.float64)
        return weight if weight.dim() == 2 else weight[:, None]

    def _weight(self) -> Tensor:
        """(T or 1, r or 1) of the squared residuals."""
        noise = torch.as_tensor(self.block.noise, dtype=torch.float64) * self.factor
        return self._shown() * self.causal[:, None] / noise**2


def rows_of(blocks: Mapping[str, Block], packing: Packing) -> tuple[Row, ...]:
    """The blocks made ready. Raises BioenvError for points of unequal length or no points."""
    zeros = torch.zeros(packing.size, dtype=torch.float64)
    rows = []
    for name, block in blocks.items():
        count = 1
        if isinstance(block, Prior):
            packing.place(block.name)
        elif block.points is not None:
            lengths = {len(leaf) for leaf in pytree.tree_leaves(block.points)}
            if len(lengths) != 1 or not min(lengths):
                raise BioenvError(
                    f"block {name}: all points must be tensors with the same number of rows, "
                    f"1 or more; got {sorted(lengths)}"
                )
            count = lengths.pop()
        row = Row(name, block, packing, count, 0, torch.ones(count, dtype=torch.float64))
        with torch.no_grad():
            shape = row.residual(zeros).shape
        if len(shape) != 2:
            raise BioenvError(
                f"block {name}: the residual of one point must have one axis (r,), got "
                f"{tuple(shape[1:])}"
            )
        rows.append(replace(row, width=shape[1]))
    return tuple(rows)
