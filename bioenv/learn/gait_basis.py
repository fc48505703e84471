"""Functions of time that carry a movement: sines of a window, a line, and optional tanh units.

A coordinate is ``q(t) = sum_f value_f(t) c_f``. The inner weights of the tanh units are drawn once
and stay (Huang, Zhu, Siew 2006, "Extreme learning machine"), so that q is linear in what is fitted
and one Gauss-Newton step solves a linear problem.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bioenv.errors import BioenvError
from bioenv.learn.features import Periodic, Window
from bioenv.learn.jet import Jet

Array = NDArray[np.float64]

ROOM = 0.15  # s beyond each end: what the waves' period is longer than the window


class Columns(NamedTuple):
    """value (T, F), velocity 1/s and acceleration 1/s^2 of F functions at T instants."""

    value: Array
    velocity: Array
    acceleration: Array


@dataclass(frozen=True)
class Basis:
    """One, a line from -1 to 1, sines and cosines up to a frequency, tanh units.

    start, stop: s, of the window. highest: Hz. periodic: the window is one period; otherwise the
    waves' period is 0.15 s longer at both ends, so that they need not close (Huybrechs 2010, On the
    Fourier extension of nonperiodic functions). hidden, seed: number of tanh units and how their
    weights are drawn.

    Raises BioenvError for a window or frequency that leaves no wave.
    """

    start: float
    stop: float
    highest: float
    periodic: bool = False
    hidden: int = 0
    seed: int = 0
    waves: int = field(init=False)

    def __post_init__(self) -> None:
        if not (np.isfinite(self.highest) and np.isfinite(self.period) and self.stop > self.start):
            raise BioenvError(
                f"a window needs start < stop s and a frequency, got {self.start:g} to "
                f"{self.stop:g} s and {self.highest:g} Hz"
            )
        count = int(np.floor(self.highest * self.period + 1e-9))
        if count < 1 or self.hidden < 0:
            raise BioenvError(
                f"features up to {self.highest:g} Hz leave no wave in a window of "
                f"{self.stop - self.start:.3g} s: {1 / self.period:.3g} Hz is the least; hidden "
                f"units are 0 or more, got {self.hidden}"
            )
        object.__setattr__(self, "waves", count)

    @property
    def period(self) -> float:
        """s of the slowest wave."""
        return self.stop - self.start + (0.0 if self.periodic else 2.0 * ROOM)

    @property
    def count(self) -> int:
        """F."""
        return 2 + 2 * self.waves + self.hidden

    def __call__(self, time: Array) -> Columns:
        """The functions at `time` (T,) s: one, line, sines, cosines, tanh units."""
        at = torch.tensor(np.asarray(time, dtype=float))
        flat = torch.ones(len(at), 1, dtype=at.dtype)
        one = Jet(flat, torch.zeros_like(flat), torch.zeros_like(flat))
        seen = self._seen(at)
        parts = [one, seen]
        if self.hidden:
            parts.append(seen.linear(*self._inner(seen.value.shape[1])).tanh())
        return Columns(*(torch.cat(jet, dim=1).numpy() for jet in zip(*parts, strict=True)))

    def _seen(self, time: Tensor) -> Jet:
        if not self.periodic:
            hertz = tuple(float(k / self.period) for k in range(1, self.waves + 1))
            return Window(self.start, self.stop, hertz, decay=0.0)(time)
        middle, half = 0.5 * (self.start + self.stop), 0.5 * (self.stop - self.start)
        line = Jet.time(time, middle, half)
        waves = Periodic(self.period, self.waves, decay=0.0)(time - self.start)
        return Jet(*(torch.cat(pair, dim=1) for pair in zip(line, waves, strict=True)))

    def _inner(self, inputs: int) -> tuple[Tensor, Tensor]:
        """Weights and biases of the tanh units. Fast waves weigh little, or accelerations burst."""
        draw = torch.Generator().manual_seed(self.seed)
        weight = torch.randn((inputs, self.hidden), generator=draw, dtype=torch.float64)
        bias = torch.randn((self.hidden,), generator=draw, dtype=torch.float64)
        order = torch.arange(1, self.waves + 1, dtype=torch.float64)
        scale = torch.cat([torch.ones(1, dtype=torch.float64), 1 / order, 1 / order])
        if self.periodic:
            scale[0] = 0.0  # what is not periodic must not enter a unit
        return weight * scale[:, None], bias
