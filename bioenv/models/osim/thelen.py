"""Thelen2003Muscle: the curves of Thelen 2003 (J Biomech Eng 125:70) as OpenSim 4.6 has them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bioenv.models.osim.curve_set import CurveSet, parameter, pennation_limit
from bioenv.models.osim.description import Muscle

Array = NDArray[np.float64]

_TOE_FORCE = 0.33
_TOE_SHAPE = 3.0


class ActiveForceLength:
    """exp(-(l - 1)^2 / shape)."""

    def __init__(self, shape: Array) -> None:
        self.shape = shape

    def value(self, x: Array) -> Array:
        return np.exp(-((x - 1.0) ** 2) / self.shape)

    def slope(self, x: Array) -> Array:
        return -2.0 * (x - 1.0) / self.shape * self.value(x)


class PassiveForceLength:
    """Exponential above the optimal length, one at `strain`."""

    def __init__(self, strain: Array, shape: Array) -> None:
        self.rate, self.scale = shape / strain, 1.0 / np.expm1(shape)

    def value(self, x: Array) -> Array:
        return np.expm1(self.rate * np.maximum(x - 1.0, 0.0)) * self.scale

    def slope(self, x: Array) -> Array:
        stretched = np.maximum(x - 1.0, 0.0)
        return np.where(x > 1.0, self.rate * self.scale * np.exp(self.rate * stretched), 0.0)


class TendonForceLength:
    """Exponential toe up to a third of the force, then a line to one at `strain`."""

    def __init__(self, strain: Array) -> None:
        e3 = np.exp(_TOE_SHAPE)
        self.toe = 99.0 * strain * e3 / (166.0 * e3 - 67.0)
        self.stiffness = 0.67 / (strain - self.toe)
        self.scale = _TOE_FORCE / np.expm1(_TOE_SHAPE)

    def value(self, x: Array) -> Array:
        strain = x - 1.0
        curved = self.scale * np.expm1(_TOE_SHAPE * np.clip(strain, 0.0, self.toe) / self.toe)
        return curved + self.stiffness * np.maximum(strain - self.toe, 0.0)

    def slope(self, x: Array) -> Array:
        strain = x - 1.0
        curved = np.exp(_TOE_SHAPE * np.clip(strain, 0.0, self.toe) / self.toe)
        rising = np.where(strain > 0, self.scale * _TOE_SHAPE / self.toe * curved, 0.0)
        return np.where(strain > self.toe, self.stiffness, rising)


class ForceVelocity:
    """Hill's hyperbolas at full activation, never below zero (calcfvInv).

    At activation a Thelen's maximum velocity shrinks to (0.25 + 0.75 a): divide the velocity by
    that before asking.
    """

    def __init__(self, af: Array, flen: Array, threshold: Array) -> None:
        self.af, self.flen = af, flen
        self.ratio = (2.0 + 2.0 / af) / (flen - 1.0)
        # Beyond this force lengthening faster adds force along the tangent.
        self.edge = threshold * flen
        self.edge_velocity = (self.edge - 1.0) / (self.ratio * (flen - self.edge))
        self.edge_slope = self.ratio * (flen - self.edge) ** 2 / (flen - 1.0)

    def value(self, x: Array) -> Array:
        shortening = np.clip(x, -1.0, 0.0)
        pull = (1.0 + shortening) / (1.0 - shortening / self.af)
        lengthening = np.clip(x, 0.0, self.edge_velocity)
        stretch = (1.0 + lengthening * self.ratio * self.flen) / (1.0 + lengthening * self.ratio)
        beyond = self.edge_slope * np.maximum(x - self.edge_velocity, 0.0)
        return np.where(x <= 0.0, pull, stretch + beyond)

    def slope(self, x: Array) -> Array:
        shortening = np.clip(x, -1.0, 0.0)
        pull = (1.0 + 1.0 / self.af) / (1.0 - shortening / self.af) ** 2
        lengthening = np.clip(x, 0.0, self.edge_velocity)
        stretch = self.ratio * (self.flen - 1.0) / (1.0 + lengthening * self.ratio) ** 2
        return np.where(x < -1.0, 0.0, np.where(x <= 0.0, pull, stretch))


class InverseForceVelocity:
    """Velocity of a force: eqns 6 and 7 of the paper with OpenSim's linear ends (calcdlceN)."""

    def __init__(self, forward: ForceVelocity) -> None:
        self.forward = forward

    def value(self, x: Array) -> Array:
        af, flen = self.forward.af, self.forward.flen
        pull = np.clip(x, 0.0, 1.0)
        shortening = (pull - 1.0) / (1.0 + pull / af)
        stretch = np.clip(x, 1.0, self.forward.edge)
        lengthening = (stretch - 1.0) / (self.forward.ratio * (flen - stretch))
        below = np.minimum(x, 0.0) * (1.0 + 1.0 / af)
        beyond = np.maximum(x - self.forward.edge, 0.0) / self.forward.edge_slope
        return np.where(x <= 1.0, shortening + below, lengthening + beyond)

    def slope(self, x: Array) -> Array:
        af, flen = self.forward.af, self.forward.flen
        shortening = (1.0 + 1.0 / af) / (1.0 + np.clip(x, 0.0, 1.0) / af) ** 2
        stretch = np.clip(x, 1.0, self.forward.edge)
        lengthening = (flen - 1.0) / (self.forward.ratio * (flen - stretch) ** 2)
        return np.where(x <= 1.0, shortening, lengthening)


def curves(muscles: Sequence[Muscle]) -> CurveSet:
    """Curves of Thelen2003Muscle with the file's parameters."""
    velocity = ForceVelocity(
        parameter(muscles, "Af", 0.25),
        parameter(muscles, "Flen", 1.4),
        parameter(muscles, "fv_linear_extrap_threshold", 0.95),
    )
    maximum = parameter(muscles, "maximum_pennation_angle", float(np.arccos(0.1)))
    return CurveSet(
        active_force_length=ActiveForceLength(parameter(muscles, "KshapeActive", 0.45)),
        passive_force_length=PassiveForceLength(
            parameter(muscles, "FmaxMuscleStrain", 0.6), parameter(muscles, "KshapePassive", 5.0)
        ),
        force_velocity=velocity,
        inverse_force_velocity=InverseForceVelocity(velocity),
        tendon_force_length=TendonForceLength(parameter(muscles, "FmaxTendonStrain", 0.04)),
        damping=np.zeros(len(muscles)),
        minimum_fiber_length=pennation_limit(muscles, maximum),
        maximum_pennation=maximum,
        activation_time=parameter(muscles, "activation_time_constant", 0.015),
        deactivation_time=parameter(muscles, "deactivation_time_constant", 0.050),
        minimum_activation=parameter(muscles, "minimum_activation", 0.01),
        static_cosine="pennation",
    )
