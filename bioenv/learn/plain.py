"""What a hybrid is compared with: models of the same data that know no physics."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from bioenv.learn.fit import Block, Fit, minimize, prior
from bioenv.learn.hybrid import Hybrid, Seen

Array = NDArray[np.float64]

DECAYS = (0.1, 0.3, 1.0)  # prior standard deviations of standardized weights to choose from
_FREE: dict[str, Any] = {"size": 1.0, "largest": 20.0, "lengths": (0.7, 1.4, 2.8, 5.6)}
HELD_OUT = 5  # one sample out of so many chooses the decay


class PlainBumps(Hybrid):
    """The networks of the hybrids without a law: ``target = mean + spread r(inputs)``.

    Gaussian-process regression on chosen centers; away from the data it is the mean.

    Args:
        inputs: number of inputs. mean, spread: of the target. settings: those of :class:`Hybrid`.
    """

    def __init__(self, inputs: int, mean: float, spread: float, **settings: Any) -> None:
        names = tuple(f"input {i}" for i in range(inputs))
        super().__init__(names, ("all",), {"mean": 1.0}, **{**_FREE, **settings})
        self.mean, self.spread = mean, spread

    def see(self, x: Tensor) -> dict[str, Tensor]:
        return {"one": torch.ones_like(x[..., 0])}

    def places(self, channel: str, x: Tensor) -> Tensor:
        return x

    def named(self, step: Tensor) -> dict[str, Tensor]:
        return {"mean": self.mean + self.spread * step[0]}

    def law(self, step: Tensor, residual: Seen, seen: Seen) -> Tensor:
        return self.named(step)["mean"] * seen["one"] + self.spread * residual["all"]


class PlainNetwork:
    """Inputs (..., d) to one number by two layers of tanh.

    Inputs and target are standardized; weight decay is chosen on every fifth sample, then the
    network is trained on all.

    Args:
        hidden: units of each layer. seed: of the weights at the start.

    Learned: decay_, status_, message_.
    """

    def __init__(self, hidden: int = 12, seed: int = 0, iterations: int = 300) -> None:
        self.hidden, self.seed, self.iterations = hidden, seed, iterations

    def fit(self, inputs: ArrayLike, target: ArrayLike) -> Self:
        """Learn from inputs (T, d) and target (T,)."""
        x, y = (torch.tensor(np.asarray(one, dtype=float)) for one in (inputs, target))
        self._center, self._scale = x.mean(dim=0), x.std(dim=0).clamp(min=1e-12)
        self._middle, self._spread = y.mean(), y.std().clamp(min=1e-12)
        x, y = (x - self._center) / self._scale, ((y - self._middle) / self._spread)[:, None]
        out = torch.arange(len(x)) % HELD_OUT == 0
        errors = []
        for decay in DECAYS:
            weights = self._minimize(x[~out], y[~out], decay).unknowns
            errors.append(float((self._net(weights, x[out]) - y[out]).square().mean()))
        self.decay_ = DECAYS[int(np.argmin(errors))]
        fit = self._minimize(x, y, self.decay_)
        self._weights, self.status_, self.message_ = fit.unknowns, fit.status, fit.message
        return self

    def predict(self, inputs: ArrayLike) -> Array:
        """(...) at inputs (..., d)."""
        x = (torch.tensor(np.asarray(inputs, dtype=float)) - self._center) / self._scale
        y = self._net(self._weights, x)[..., 0]
        return np.asarray((self._middle + self._spread * y).numpy())

    def _minimize(self, x: Tensor, y: Tensor, decay: float) -> Fit:
        generator = torch.Generator().manual_seed(self.seed)
        start: dict[str, Tensor] = {}
        sizes = (x.shape[1], self.hidden, self.hidden, 1)
        for layer, (rows, columns) in enumerate(pairwise(sizes)):
            drawn = torch.randn(rows + 1, columns, generator=generator, dtype=torch.float64)
            start[f"{layer}"] = drawn / rows**0.5

        def data(unknowns: Seen, point: Seen) -> Tensor:
            return self._net(unknowns, point["x"]) - point["y"]

        blocks: dict[str, Block] = {"data": Block(data, {"x": x, "y": y}, noise=0.1)}
        blocks |= {name: prior(name, decay) for name in start}
        return minimize(blocks, start, iterations=self.iterations)

    def _net(self, weights: Seen, x: Tensor) -> Tensor:
        """The last row of each matrix is the bias."""
        for layer in ("0", "1"):
            x = torch.tanh(x @ weights[layer][:-1] + weights[layer][-1])
        return x @ weights["2"][:-1] + weights["2"][-1]
