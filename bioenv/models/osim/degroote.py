"""DeGrooteFregly2016Muscle: the curves of De Groote et al. 2016 (Ann Biomed Eng 44:2922) with the
constants of OpenSim 4.6, which differ from the paper's so that the curves meet their end values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bioenv.models.osim.curve_set import CurveSet, parameter
from bioenv.models.osim.description import Muscle

Array = NDArray[np.float64]

# Height, centre, width and skew of the three bells of the active force-length curve.
_BELLS = (
    (0.8150671134243542, 1.055033428970575, 0.162384573599574, 0.063303448465465),
    (0.433004984392647, 0.716775413397760, -0.029947116970696, 0.200356847296188),
    (0.1, 1.0, 0.353553390593274, 0.0),
)
_D = (-0.3211346127989808, -8.149, -0.374, 0.8825327733249912)
_PASSIVE_SHAPE = 4.0
_SHORTEST = 0.2
_TENDON = 0.2


class ActiveForceLength:
    """Three skewed bells, stretched about the optimal length by `width`."""

    def __init__(self, width: Array) -> None:
        self.width = width

    def value(self, x: Array) -> Array:
        at = (x - 1.0) / self.width + 1.0
        return sum(  # type: ignore[return-value]
            height * np.exp(-0.5 * ((at - centre) / (spread + skew * at)) ** 2)
            for height, centre, spread, skew in _BELLS
        )

    def slope(self, x: Array) -> Array:
        at = (x - 1.0) / self.width + 1.0
        total = np.zeros_like(at)
        for height, centre, spread, skew in _BELLS:
            off, wide = at - centre, spread + skew * at
            bell = height * np.exp(-0.5 * (off / wide) ** 2)
            total -= bell * off * (spread + skew * centre) / wide**3
        return total / self.width


class PassiveForceLength:
    """Exponential through zero at 0.2 and one at `strain`."""

    def __init__(self, strain: Array, on: Array) -> None:
        self.rate = _PASSIVE_SHAPE / strain
        self.offset = np.exp(self.rate * (_SHORTEST - 1.0))
        self.scale = on / (np.exp(_PASSIVE_SHAPE) - self.offset)

    def value(self, x: Array) -> Array:
        return (np.exp(self.rate * (x - 1.0)) - self.offset) * self.scale

    def slope(self, x: Array) -> Array:
        return self.rate * np.exp(self.rate * (x - 1.0)) * self.scale


class ForceVelocity:
    """d1 asinh(d2 v + d3) + d4."""

    def value(self, x: Array) -> Array:
        return _D[0] * np.arcsinh(_D[1] * x + _D[2]) + _D[3]

    def slope(self, x: Array) -> Array:
        return _D[0] * _D[1] / np.sqrt((_D[1] * x + _D[2]) ** 2 + 1.0)


class InverseForceVelocity:
    """(sinh((f - d4) / d1) - d3) / d2."""

    def value(self, x: Array) -> Array:
        return (np.sinh((x - _D[3]) / _D[0]) - _D[2]) / _D[1]

    def slope(self, x: Array) -> Array:
        return np.cosh((x - _D[3]) / _D[0]) / (_D[0] * _D[1])


class TendonForceLength:
    """Exponential through zero at slack length and one at `strain`."""

    def __init__(self, strain: Array) -> None:
        self.rate = np.log((1.0 + _TENDON) / _TENDON) / strain

    def value(self, x: Array) -> Array:
        return _TENDON * np.expm1(self.rate * (x - 1.0))

    def slope(self, x: Array) -> Array:
        return _TENDON * self.rate * np.exp(self.rate * (x - 1.0))


def curves(muscles: Sequence[Muscle]) -> CurveSet:
    """Curves of DeGrooteFregly2016Muscle with the file's parameters."""
    passive_on = 1.0 - parameter(muscles, "ignore_passive_fiber_force", 0.0)
    return CurveSet(
        active_force_length=ActiveForceLength(parameter(muscles, "active_force_width_scale", 1.0)),
        passive_force_length=PassiveForceLength(
            parameter(muscles, "passive_fiber_strain_at_one_norm_force", 0.6), passive_on
        ),
        force_velocity=ForceVelocity(),
        inverse_force_velocity=InverseForceVelocity(),
        tendon_force_length=TendonForceLength(
            parameter(muscles, "tendon_strain_at_one_norm_force", 0.049)
        ),
        damping=parameter(muscles, "fiber_damping", 0.0),
        minimum_fiber_length=np.zeros(len(muscles)),
        maximum_pennation=np.full(len(muscles), np.pi / 2),
        activation_time=parameter(muscles, "activation_time_constant", 0.015),
        deactivation_time=parameter(muscles, "deactivation_time_constant", 0.060),
        minimum_activation=np.zeros(len(muscles)),
        static_cosine="none",
    )
