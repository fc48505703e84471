"""Muscles in torch: MuJoCo's force-length-velocity curves and activation dynamics.

The functions of :mod:`bioenv.models.muscle`, differentiable by state and parameters; every array
ends in the muscle axis.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from bioenv.models.parameters import MuscleParameters

_MINVAL = 1e-15


class MuscleState(NamedTuple):
    """(..., nm) each: force N along the tendon, pull positive; fiber_length in optimal fiber
    lengths; fiber_velocity in maximum velocities, lengthening positive; damping: derivative of
    the force by the muscle-tendon velocity, N*s/m."""

    force: Tensor
    fiber_length: Tensor
    fiber_velocity: Tensor
    damping: Tensor


class Curves:
    """Constants of the curves that are no parameters."""

    def __init__(self, p: MuscleParameters) -> None:
        table = {
            name: torch.tensor(getattr(p, name))
            for name in ("lmin", "lmax", "fvmax", "pennation", "tausmooth")
        }
        self.lmin, self.lmax, self.fvmax = table["lmin"], table["lmax"], table["fvmax"]
        self.cosine, self.tausmooth = torch.cos(table["pennation"]), table["tausmooth"]


def muscle(
    curves: Curves,
    parameters: Mapping[str, Tensor],
    length: Tensor,
    velocity: Tensor,
    activation: Tensor,
) -> MuscleState:
    """``F0 cos(pennation) (a FL FV + FP)`` at muscle-tendon lengths (..., nm) m, velocities m/s and
    activations 0..1."""
    element = parameters["optimal_fiber_length"] * curves.cosine
    peak = parameters["max_isometric_force"] * curves.cosine
    fiber = (length - parameters["tendon_slack_length"]) / element
    fastest = element * parameters["max_velocity"]
    speed = velocity / fastest
    shape = active_force_length(curves, fiber)
    active = peak * activation * shape
    passive = peak * parameters["passive_force"] * passive_force_length(curves, fiber)
    factor, slope = force_velocity(curves, speed)
    return MuscleState(active * factor + passive, fiber, speed, active * slope / fastest)


def active_force_length(curves: Curves, length: Tensor) -> Tensor:
    """FL at fiber lengths (..., nm) in optimal lengths: four parabolas, 0 from lmin and lmax on."""
    x = length - 1.0
    short, long = -2.0 / (1.0 - curves.lmin), 2.0 / (curves.lmax - 1.0)
    x = torch.where(x < 0.0, x * short, x * long).clamp(max=2.0)
    outer = (x - 1.0).clamp(min=0.0)
    return 1.0 - 0.5 * x * x + outer * outer


def force_velocity(curves: Curves, velocity: Tensor) -> tuple[Tensor, Tensor]:
    """FV (..., nm), 0 at the fastest shortening to fvmax, and its slope, at velocities in vmax."""
    width = curves.fvmax - 1.0
    v = torch.minimum(velocity.clamp(min=-1.0), width)
    bend = torch.where(v < 0.0, 1.0, -1.0 / width.clamp(min=_MINVAL))
    moving = (velocity > -1.0) & (velocity < width)
    return 1.0 + v * (2.0 + v * bend), torch.where(moving, 2.0 + 2.0 * v * bend, 0.0)


def passive_force_length(curves: Curves, length: Tensor) -> Tensor:
    """FP over its height fpmax, at fiber lengths (..., nm): a parabola, then a line."""
    x = ((length - 1.0) * 2.0 / (curves.lmax - 1.0)).clamp(min=0.0)
    capped = x.clamp(max=1.0)
    return (x - 0.5 * capped) * capped


def activation_rate(
    curves: Curves, parameters: Mapping[str, Tensor], excitation: Tensor, activation: Tensor
) -> Tensor:
    """Rate of activation (..., nm) 1/s (Millard et al. 2013, doi:10.1115/1.4023390)."""
    shape = 0.5 + 1.5 * activation.clamp(0.0, 1.0)
    up, down = parameters["activation_time"] * shape, parameters["deactivation_time"] / shape
    error = excitation.clamp(0.0, 1.0) - activation
    width = curves.tausmooth.clamp(min=_MINVAL)
    x = (error / width + 0.5).clamp(0.0, 1.0)
    blend = x * x * x * (3.0 * x * (2.0 * x - 5.0) + 10.0)
    sharp = torch.where(error > 0.0, up, down)
    tau = torch.where(curves.tausmooth < _MINVAL, sharp, down + (up - down) * blend)
    return error / tau.clamp(min=_MINVAL)
