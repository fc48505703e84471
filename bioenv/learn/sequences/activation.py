"""Activation dynamics in torch over a sampled excitation: stable at any rate, always in [0, 1].

    da/dt = (u - a) / tau,  tau = up (0.5 + 1.5 a) rising, down / (0.5 + 1.5 a) falling

(Thelen DG 2003, J Biomech Eng 125:70; Millard M et al. 2013, doi 10.1115/1.4023390; the same as
`bioenv.models.muscle.activation_rate`.) A step holds u and tau and solves the rest exactly, so that
a moves towards u and never past it.
"""

from __future__ import annotations

import torch
from torch import Tensor

ACTIVATION_S, DEACTIVATION_S = 0.015, 0.050
"""Time constants, s, of Thelen 2003 and Zajac 1989 for adults."""


def activation(excitation: Tensor, step: float, up: Tensor, down: Tensor) -> Tensor:
    """Activations (..., T, m) in [0, 1] of excitations (..., T, m) in [0, 1] every `step` s.

    up, down: (m,) s, time constants of activation and deactivation. The muscle begins settled.
    """
    state = excitation[..., 0, :]
    states = [state]
    # Every step needs the one before it: this recurrence is the muscle's own.
    for drive in excitation.unbind(dim=-2)[1:]:
        shape = 0.5 + 1.5 * state
        tau = torch.where(drive > state, up * shape, down / shape)
        state = state + (drive - state) * (1.0 - torch.exp(-step / tau))
        states.append(state)
    return torch.stack(states, dim=-2)
