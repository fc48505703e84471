"""Some muscles of a model, and their numbers that are not sought here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import torch
from torch import Tensor

from bioenv.models.parameters import MuscleParameters


def subset(muscle: MuscleParameters, at: Sequence[int]) -> MuscleParameters:
    """The parameters of the muscles with these numbers."""
    chosen = {one.name: getattr(muscle, one.name)[list(at)] for one in fields(MuscleParameters)}
    return MuscleParameters(**chosen)


def fixed_numbers(muscle: MuscleParameters) -> dict[str, Tensor]:
    """What :func:`bioenv.diff.muscles.muscle` and `activation_rate` need beside strength and
    lengths, each (m,)."""
    return {
        "max_velocity": torch.tensor(muscle.vmax),
        "passive_force": torch.tensor(muscle.fpmax),
        "activation_time": torch.tensor(muscle.tau_act),
        "deactivation_time": torch.tensor(muscle.tau_deact),
    }
