"""Maximum likelihood for many data sets at once: Levenberg and Marquardt's method, vectorized.

All data sets take their own steps with their own damping; there is no loop over them. It serves
the Monte Carlo check of the bounds and the profile likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bioenv.errors import BioenvError
from bioenv.learn.identifiability.experiment import Experiment

Array = NDArray[np.float64]

ITERATIONS = 30
ENOUGH = 1e-4  # of the minus log likelihood, a hundredth of a deviation: less ends a search
DAMPING, STUCK = 1e-3, 1e4  # of the matrix's diagonal: at the start, and where nothing helps
TRUST = 0.5  # relative error of a foreseen gain beyond which a matrix is taken anew
LONGEST = 0.5  # steps: no parameter moves farther at once
FEW = 300  # data sets: for so many a pass backwards costs more than a matrix


@dataclass(frozen=True, eq=False)
class Refits:
    """Estimates of B data sets: steps (B, F); cost (B,): half the sum of squares in units of noise,
    with what is known beforehand; converged (B,); iterations."""

    steps: Array
    cost: Array
    converged: NDArray[np.bool_]
    iterations: int


def refit(
    experiment: Experiment,
    data: Tensor,
    *,
    start: Tensor | None = None,
    held: Tensor | None = None,
    centers: Tensor | None = None,
    iterations: int = ITERATIONS,
) -> Refits:
    """Most likely parameters of every data set.

    Args:
        data: (B, N, M), or (N, M) for one that serves all starts.
        start: (B, F) steps, zero when None. held: (B, F) or (F,) bool: these stay at their start.
        centers: (B, F) steps that are known beforehand, zero when None; they count where a
            parameter's `known` is finite.

    Raises BioenvError for data that do not fit the experiment, and where the start is not finite.
    """
    free = len(experiment.free)
    batch = len(start) if start is not None else len(data)
    x = torch.zeros(batch, free, dtype=torch.float64) if start is None else start.clone()
    if data.shape[-1] != len(experiment.measured) or not bool(torch.isfinite(data).all()):
        raise BioenvError(
            f"data must be finite and end in {len(experiment.measured)} outputs "
            f"({', '.join(one.name for one in experiment.measured)}), got {tuple(data.shape)}"
        )
    data = data.expand(batch, *data.shape[-2:])
    fixed = torch.zeros(free, dtype=torch.bool) if held is None else held
    problem = _Problem(experiment, data, fixed.expand(batch, free), centers)
    return _search(problem, x, iterations)


class _Problem:
    """Residuals of all data sets in units of noise."""

    def __init__(
        self, experiment: Experiment, data: Tensor, held: Tensor, centers: Tensor | None
    ) -> None:
        self.experiment, self.data, self.held = experiment, data, held
        self.noise = experiment.noise
        self.prior = torch.tensor([1.0 / one.known**2 for one in experiment.free])
        self.centers = torch.zeros_like(data[:, 0, :1]) if centers is None else centers

    def cost(self, x: Tensor, who: Tensor) -> Tensor:
        """(b,) at steps (b, F) of the data sets `who` (b,); infinite where nothing is finite."""
        left = (self.experiment.evaluate(x) - self.data[who]) / self.noise
        return self._total(left, x, who)

    def normal(self, x: Tensor, who: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Cost (b,), gradient (b, F) and Gauss-Newton matrix (b, F, F)."""
        same = bool((x == x[:1]).all())
        value, slope = self.experiment.sensitivities(x[:1] if same else x)
        left = (value - self.data[who]) / self.noise
        steep = (slope / self.noise[:, None]).flatten(1, 2)
        gradient = (steep.transpose(-1, -2) @ left.flatten(1)[..., None])[..., 0]
        matrix = (steep.transpose(-1, -2) @ steep + torch.diag(self.prior)).expand(len(x), -1, -1)
        gradient = gradient + self.prior * (x - self.centers[who])
        free = ~self.held[who]
        matrix = torch.where(free[:, :, None] & free[:, None, :], matrix, 0.0)
        return self._total(left, x, who), gradient * free, matrix

    def slope(self, x: Tensor, who: Tensor) -> tuple[Tensor, Tensor]:
        """Cost (b,) and gradient (b, F), by one pass backwards."""
        with torch.enable_grad():
            at = x.detach().requires_grad_(True)
            cost = self.cost(at, who)
            (gradient,) = torch.autograd.grad(cost.sum(), at)
        return cost.detach(), gradient * ~self.held[who]

    def _total(self, left: Tensor, x: Tensor, who: Tensor) -> Tensor:
        total = left.square().flatten(1).sum(-1)
        total = 0.5 * (total + (self.prior * (x - self.centers[who]).square()).sum(-1))
        return torch.where(torch.isfinite(total), total, torch.inf)


def _search(problem: _Problem, x: Tensor, iterations: int) -> Refits:
    """All data sets at once; those that have arrived rest.

    A Gauss-Newton matrix costs as much as ten gradients. It serves until a step gains much less or
    more than it foresaw.
    """
    batch, free = x.shape
    going, damping = torch.arange(batch), torch.full((batch,), DAMPING, dtype=x.dtype)
    cost, gradient = torch.full((batch,), torch.inf, dtype=x.dtype), torch.zeros_like(x)
    matrix = torch.zeros(batch, free, free, dtype=x.dtype)
    done, stale = torch.zeros(batch, dtype=torch.bool), torch.ones(batch, dtype=torch.bool)
    number = 0
    with torch.no_grad():
        while number < iterations and len(going):
            number += 1
            stale[going] |= len(going) <= FEW
            old, new = going[stale[going]], going[~stale[going]]
            if len(old):
                cost[old], gradient[old], matrix[old] = problem.normal(x[old], old)
            if len(new):
                cost[new], gradient[new] = problem.slope(x[new], new)
            if number == 1 and not bool(torch.isfinite(cost).all()):
                raise BioenvError(f"{problem.experiment.name}: outputs are not finite at the start")
            step = _steps(matrix[going], gradient[going], damping[going])
            foreseen = -(gradient[going] * step).sum(-1)
            foreseen = foreseen - 0.5 * (step * (matrix[going] @ step[..., None])[..., 0]).sum(-1)
            gained = cost[going] - problem.cost(x[going] + step, going)
            better = gained > 0.0
            x[going] = torch.where(better[:, None], x[going] + step, x[going])
            damping[going] = (damping[going] * torch.where(better, 0.2, 10.0)).clamp(min=1e-9)
            stale[going] = (gained / foreseen - 1.0).abs() > TRUST
            # At the optimum rounding lets no step be better: what is foreseen decides. Where pieces
            # of a curve meet, the optimum may be an edge, from which no step is better.
            done[going] = (foreseen < ENOUGH) | (damping[going] > STUCK)
            going = going[~done[going]]
        cost = problem.cost(x, torch.arange(batch))
    return Refits(x.numpy(), cost.numpy(), done.numpy(), number)


def _steps(matrix: Tensor, gradient: Tensor, damping: Tensor) -> Tensor:
    """Damped Gauss-Newton steps (b, F), none longer than LONGEST."""
    size = matrix.diagonal(dim1=-2, dim2=-1)
    size = torch.where(size > 0.0, size, 1.0)
    scale = size.rsqrt()
    scaled = scale[:, :, None] * matrix * scale[:, None, :]
    # A parameter that is held has an empty row: it gets a one and does not move.
    scaled = scaled + torch.diag_embed(damping[:, None] + (matrix.diagonal(dim1=-2, dim2=-1) <= 0))
    step = -scale * torch.linalg.solve(scaled, scale * gradient)
    longest = step.abs().amax(-1, keepdim=True)
    return step * (LONGEST / longest.clamp(min=LONGEST))
