"""The passive moment of a joint: a spring and a damper, with a learned change of stiffness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bioenv.errors import BioenvError
from bioenv.learn.hybrid import Hybrid, Seen

NODES = 12  # of the Gauss-Legendre integral of stiffness: 1e-6 of bumps as long as half the range


class PassiveMomentHybrid(Hybrid):
    """Passive moment of a joint, N*m, positive where it drives the angle up.

        moment = -d qd + k (c . others + r1(others)) - integral from q0 to q of k exp(r2)

    Inputs: angle q rad, speed qd rad/s, and the angles rad of neighbouring joints that muscles
    couple to it (`others`). Without residuals it is the linear spring -k (q - q0 - c . others) and
    the damper -d qd. Parameters: stiffness k, damping d (lognormal priors), neutral_angle q0 and
    coupling/<other> c (normal priors).

    Whatever is learned, the joint is passive: stiffness and damping are never negative. Away from
    the data the stiffness is k again, but far away: published moments are double exponentials, the
    logarithms of their stiffness nearly straight, so the bumps are as long as the data are wide.

    Args:
        stiffness: N*m/rad, damping: N*m*s/rad, neutral_angle: rad; as given by the model.
        others: names of the neighbouring joints. settings: those of :class:`Hybrid`.

    Raises BioenvError unless stiffness and damping are positive.
    """

    def __init__(
        self,
        stiffness: float,
        damping: float,
        neutral_angle: float,
        others: Sequence[str] = (),
        **settings: Any,
    ) -> None:
        if not (stiffness > 0 and damping > 0 and np.isfinite(neutral_angle)):
            raise BioenvError(
                "a joint's stiffness and damping must be positive (its spring is what the residual "
                f"changes), got {stiffness:g} N*m/rad and {damping:g} N*m*s/rad"
            )
        self.others = tuple(others)
        coupling = {f"coupling/{name}": 0.3 for name in self.others}
        super().__init__(
            ("angle", "speed", *self.others),
            ("stiffness", "offset") if others else ("stiffness",),
            {"stiffness": 1.0, "damping": 1.0, "neutral_angle": 0.5, **coupling},
            **{"lengths": (4.0,), **settings},
        )
        self.stiffness, self.damping, self.neutral_angle = stiffness, damping, neutral_angle
        node, weight = np.polynomial.legendre.leggauss(NODES)
        self._node, self._weight = torch.tensor(0.5 * (node + 1.0)), torch.tensor(0.5 * weight)

    def see(self, x: Tensor) -> dict[str, Tensor]:
        return {"angle": x[..., 0], "speed": x[..., 1], "others": x[..., 2:]}

    def places(self, channel: str, x: Tensor) -> Tensor:
        others = x[..., 2:]
        if channel == "offset":
            return others
        angle = self.neutral_angle + (x[..., :1] - self.neutral_angle) * self._node
        beside = others.unsqueeze(-2).expand(*angle.shape, others.shape[-1])
        return torch.cat([angle.unsqueeze(-1), beside], dim=-1)

    def named(self, step: Tensor) -> dict[str, Tensor]:
        coupling = {f"coupling/{name}": step[3 + i] for i, name in enumerate(self.others)}
        return {
            "stiffness": self.stiffness * torch.exp(step[0]),
            "damping": self.damping * torch.exp(step[1]),
            "neutral_angle": self.neutral_angle + step[2],
            **coupling,
        }

    def law(self, step: Tensor, residual: Seen, seen: Seen) -> Tensor:
        own = self.named(step)
        factor = torch.exp(residual["stiffness"])
        mean = (factor * self._weight).sum(dim=-1) if factor.dim() else factor
        stretch = (seen["angle"] - self.neutral_angle) * mean
        neutral = step[2] + seen["others"] @ step[3:]
        if self.others:
            neutral = neutral + residual["offset"]
        return own["stiffness"] * (neutral - stretch) - own["damping"] * seen["speed"]
