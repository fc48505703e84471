"""Experiments on the elbow: a forearm on a hinge that one or two muscles move.

Muscles are MuJoCo's Hill elements (:mod:`bioenv.diff.muscles`) on tendons with constant moment
arms, ``length = reference - sign moment_arm (q - rest)``; parameters and reference lengths are
those of the model `elbow` at the rest angle (long head of biceps, lateral head of triceps). The
forearm moves in a horizontal plane, so that gravity does not pull. :mod:`.elbow_movement` lets it
move.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bioenv import models
from bioenv.diff import Dynamics
from bioenv.diff.muscles import Curves, muscle
from bioenv.errors import BioenvError, unknown
from bioenv.learn.identifiability.experiment import Experiment, Output, Parameter
from bioenv.learn.identifiability.muscles import fixed_numbers, subset
from bioenv.learn.identifiability.ode import Values
from bioenv.models.parameters import MuscleParameters

Array = NDArray[np.float64]

MUSCLES = {"flexor": ("BIClong", 1.0), "extensor": ("TRIlat", -1.0)}
REST = 1.2  # rad of elbow flexion
UNITS = {
    "max_isometric_force": "N",
    "moment_arm": "m",
    "optimal_fiber_length": "m",
    "tendon_slack_length": "m",
    "drive": "1",
}
DRIVE = 0.6  # activation at full effort, or excitation
NOISE = {
    "angle": ("rad", 0.01),
    "gyroscope": ("rad/s", 0.05),
    "torque": ("N m", 0.3),
    "emg": ("1", 0.05),
    "tendon_force": ("N", 10.0),
    "fiber_length": ("m", 0.001),
}
"""Units and standard deviations of the modalities: goniometer, gyroscope, dynamometer, envelope of
EMG over that of full effort, buckle on the tendon, ultrasound."""


class Anatomy:
    """One or two muscles of the elbow: their numbers in the model, their curves, their values."""

    def __init__(self, muscles: Sequence[str]) -> None:
        for name in muscles:
            if name not in MUSCLES:
                raise unknown("muscle of the elbow", name, MUSCLES)
        if not muscles or len(set(muscles)) < len(muscles):
            raise BioenvError(f"give each muscle once, of {', '.join(MUSCLES)}; got {muscles}")
        self.names = tuple(muscles)
        found, self.reference, arm = _of_model(self.names)
        self.sign = torch.tensor([MUSCLES[name][1] for name in muscles], dtype=torch.float64)
        self.curves = Curves(found)
        self.fixed = fixed_numbers(found)
        self.values = {
            "max_isometric_force": found.max_isometric_force,
            "moment_arm": arm,
            "optimal_fiber_length": found.optimal_fiber_length,
            "tendon_slack_length": found.tendon_slack_length,
            "drive": np.full(len(muscles), DRIVE),
        }

    def parameters(self) -> tuple[Parameter, ...]:
        """Of the muscles, "max_isometric_force/flexor" where there are two."""
        return tuple(
            Parameter(self.called(kind, name), float(self.values[kind][i]), unit)
            for i, name in enumerate(self.names)
            for kind, unit in UNITS.items()
        )

    def called(self, kind: str, muscle_name: str) -> str:
        """The name of a muscle's parameter or output."""
        return kind if len(self.names) == 1 else f"{kind}/{muscle_name}"

    def outputs(self, kinds: Sequence[str]) -> tuple[Output, ...]:
        """Of the muscles: those of `kinds` that every muscle has."""
        return tuple(
            Output(self.called(kind, name), *NOISE[kind], measured=False)
            for kind in kinds
            for name in self.names
        )

    def gather(self, values: Tensor, first: int) -> dict[str, Tensor]:
        """Parameters (..., P), the muscles' from `first` on, as dict of (..., m)."""
        kinds, count = list(UNITS), len(self.names)
        part = values[..., first : first + count * len(kinds)].unflatten(-1, (count, len(kinds)))
        return {**self.fixed, **{kind: part[..., i] for i, kind in enumerate(kinds)}}

    def pull(self, p: Values, angle: Any, velocity: Any, activation: Any) -> tuple[Any, Any, Any]:
        """Force (..., m) N, fiber length (..., m) m, and their torque (...) N m."""
        arm = self.sign * p["moment_arm"]
        length = self.reference - arm * (angle - REST)[..., None]
        state = muscle(self.curves, p, length, -arm * velocity[..., None], activation)
        fiber = state.fiber_length * p["optimal_fiber_length"]
        return state.force, fiber, (arm * state.force).sum(-1)


@cache
def _of_model(muscles: tuple[str, ...]) -> tuple[MuscleParameters, Tensor, Array]:
    """Parameters of some muscles, their lengths (m,) m and moment arms (m,) m at rest."""
    model = models.load("elbow")
    path = Dynamics(model).muscle_path(torch.tensor([REST], dtype=torch.float64))
    at = [model.muscle_index(MUSCLES[name][0]) for name in muscles]
    return subset(model.muscle, at), path.length[at].clone(), np.abs(path.slope[at, 0].numpy())


def isometric(
    *,
    muscles: Sequence[str] = ("flexor",),
    postures: Sequence[float] = (REST,),
    levels: Sequence[float] = (1.0,),
    repeats: int = 10,
) -> Experiment:
    """Steady contractions against a dynamometer, one muscle after the other.

    Args:
        postures: elbow angles, rad. levels: of effort, 1: the activation `drive`. repeats: samples
            of each.
    """
    anatomy = Anatomy(muscles)
    grid = [(q, m, level) for m in range(len(muscles)) for q in postures for level in levels]
    angle = torch.tensor([q for q, _, _ in grid], dtype=torch.float64).repeat_interleave(repeats)
    effort = torch.zeros(len(grid), len(muscles), dtype=torch.float64)
    for row, (_, m, level) in enumerate(grid):
        effort[row, m] = level
    effort = effort.repeat_interleave(repeats, 0)

    def function(values: Tensor) -> Tensor:
        p = {k: v if v.ndim == 1 else v[..., None, :] for k, v in anatomy.gather(values, 0).items()}
        active = (p["drive"] * effort).clamp(max=1.0)
        force, fiber, torque = anatomy.pull(p, angle, torch.zeros_like(angle), active)
        fiber = fiber.expand(force.shape)
        return torch.cat([torque[..., None], active.expand(force.shape), force, fiber], -1)

    return Experiment(
        "elbow-isometric",
        anatomy.parameters(),
        (
            Output("torque", *NOISE["torque"]),
            *anatomy.outputs(("emg", "tendon_force", "fiber_length")),
        ),
        function,
        text=f"steady contractions of {', '.join(muscles)} at {len(postures)} posture(s)",
    )
