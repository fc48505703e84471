"""Foot on ground: Hunt and Crossley's sphere, with a learned change of its damping factor."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bioenv.errors import BioenvError
from bioenv.learn.hybrid import Hybrid, Seen


class ContactHybrid(Hybrid):
    """Normal force of the ground, N.

        force = k depth^n max(0, 1 + 3/2 c speed + r(depth, speed))     (depth > 0)

    Inputs: depth m of the foot in the ground; speed m/s at which it grows. Without residual it is
    the contact of Hunt KH, Crossley FRE (1975), J Appl Mech 42:440. Parameters: stiffness k N/m^n
    (lognormal prior) and dissipation c s/m (normal prior). The exponent is Hertz's for a sphere and
    is not fitted: a power that fits best where there are data is wrong where there are none.

    Whatever is learned, the ground never pulls and does nothing to a foot above it.

    Args:
        stiffness: N/m^n; dissipation: s/m; exponent: n. settings: those of :class:`Hybrid`.

    Raises BioenvError unless stiffness and exponent are positive and the dissipation not negative.
    """

    def __init__(
        self, stiffness: float, dissipation: float, exponent: float = 1.5, **settings: Any
    ) -> None:
        if not (stiffness > 0 and dissipation >= 0 and exponent > 0):
            raise BioenvError(
                "a contact needs stiffness > 0, dissipation >= 0 and exponent > 0, got "
                f"{stiffness:g} N/m^n, {dissipation:g} s/m and {exponent:g}"
            )
        priors = {"stiffness": 2.0, "dissipation": 1.0}
        super().__init__(("depth", "speed"), ("factor",), priors, **settings)
        self.stiffness, self.dissipation, self.exponent = stiffness, dissipation, exponent

    def see(self, x: Tensor) -> dict[str, Tensor]:
        return {"elastic": x[..., 0].clamp(min=0.0) ** self.exponent, "speed": x[..., 1]}

    def places(self, channel: str, x: Tensor) -> Tensor:
        return x

    def named(self, step: Tensor) -> dict[str, Tensor]:
        stiffness = self.stiffness * torch.exp(step[0])
        return {"stiffness": stiffness, "dissipation": self.dissipation + step[1]}

    def law(self, step: Tensor, residual: Seen, seen: Seen) -> Tensor:
        own = self.named(step)
        factor = 1.0 + 1.5 * own["dissipation"] * seen["speed"] + residual["factor"]
        return own["stiffness"] * seen["elastic"] * factor.clamp(min=0.0)
