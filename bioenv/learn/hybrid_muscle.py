"""A muscle's force-length-velocity surface: MuJoCo's curves, corrected inside their factors."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from bioenv.diff import muscles
from bioenv.learn.hybrid import Hybrid, Seen
from bioenv.models import Model
from bioenv.models.parameters import MuscleParameters


class MuscleHybrid(Hybrid):
    """Force of a fiber over its maximum isometric force.

        force = f a FL(1 + (l - 1) / w) FV(v / s) exp(r1(l, v, a)) + p FP(l) exp(r2(l))

    Inputs: fiber_length l in optimal fiber lengths; fiber_velocity v in maximum velocities, +
    lengthening; activation a. FL, FV, FP are MuJoCo's curves with the muscle's own constants.
    Parameters, all with lognormal priors: max_isometric_force f, max_velocity s and width w (1 as
    given), passive_force p (the muscle's fpmax as given).

    Whatever is learned, force is never negative, is the passive one at activation 0, and the active
    one is zero at the fastest shortening and where FL ends.

    Args:
        model, muscle: whose constants to take. settings: those of :class:`Hybrid`.
    """

    def __init__(self, model: Model, muscle: str, **settings: Any) -> None:
        super().__init__(
            ("fiber_length", "fiber_velocity", "activation"),
            ("active", "passive"),
            {"max_isometric_force": 0.2, "max_velocity": 0.2, "width": 0.3, "passive_force": 1.0},
            **settings,
        )
        index = model.muscle_index(muscle)
        own = {f.name: getattr(model.muscle, f.name)[index] for f in fields(MuscleParameters)}
        self.muscle, self.passive_force = muscle, float(own["fpmax"])
        self._curves = muscles.Curves(MuscleParameters(**own))

    def see(self, x: Tensor) -> dict[str, Tensor]:
        passive = muscles.passive_force_length(self._curves, x[..., 0])
        return {"length": x[..., 0], "velocity": x[..., 1], "activation": x[..., 2],
                "passive": passive}  # fmt: skip

    def places(self, channel: str, x: Tensor) -> Tensor:
        return x if channel == "active" else x[..., :1]

    def named(self, step: Tensor) -> dict[str, Tensor]:
        factor = dict(zip(self.priors, torch.exp(step), strict=True))
        return {**factor, "passive_force": self.passive_force * factor["passive_force"]}

    def law(self, step: Tensor, residual: Seen, seen: Seen) -> Tensor:
        own, curves = self.named(step), self._curves
        length = 1.0 + (seen["length"] - 1.0) / own["width"]
        pull = muscles.active_force_length(curves, length)
        pull = pull * muscles.force_velocity(curves, seen["velocity"] / own["max_velocity"])[0]
        active = own["max_isometric_force"] * seen["activation"] * pull
        passive = own["passive_force"] * seen["passive"]
        return active * torch.exp(residual["active"]) + passive * torch.exp(residual["passive"])
