"""What one kind of Hill muscle must say of itself, for a set of muscles of that kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from bioenv.models.osim.description import Muscle

Array = NDArray[np.float64]


class Curve(Protocol):
    """A dimensionless curve per muscle; the last axis of x (..., m) counts the muscles."""

    def value(self, x: Array) -> Array: ...

    def slope(self, x: Array) -> Array: ...


@dataclass(frozen=True, eq=False)
class CurveSet:
    """Curves and numbers of m muscles, in their order; arrays are (m,).

    Forces are in maximum isometric forces, fiber lengths in optimal fiber lengths, fiber velocities
    in maximum velocities (+ lengthening), tendon lengths in slack lengths.

    Attributes:
        damping: viscous force of the fiber per fiber velocity.
        minimum_fiber_length: m; no active force at or below it.
        maximum_pennation: rad.
        activation_time, deactivation_time: s. minimum_activation.
        static_cosine: the factor OpenSim's static optimization puts between fiber and tendon:
            "pennation" the cosine of the pennation angle; "normalized" the cosine of
            asin(fiber width in m / normalized fiber length), nearly one; "none" one. The last two
            are how Millard2012EquilibriumMuscle and DeGrooteFregly2016Muscle do it in OpenSim 4.6.
    """

    active_force_length: Curve
    passive_force_length: Curve
    force_velocity: Curve
    inverse_force_velocity: Curve
    tendon_force_length: Curve
    damping: Array
    minimum_fiber_length: Array
    maximum_pennation: Array
    activation_time: Array
    deactivation_time: Array
    minimum_activation: Array
    static_cosine: Literal["pennation", "normalized", "none"]


def parameter(muscles: Sequence[Muscle], name: str, default: float) -> Array:
    """(m,) a number of OpenSim's class, its default where the file does not give it."""
    return np.array([muscle.curves.get(name, default) for muscle in muscles], dtype=np.float64)


def column(muscles: Sequence[Muscle], name: str) -> Array:
    """(m,) an attribute every muscle has."""
    return np.array([getattr(muscle, name) for muscle in muscles], dtype=np.float64)


def pennation_limit(muscles: Sequence[Muscle], maximum: Array) -> Array:
    """(m,) fiber length m at the largest pennation angle (MuscleFixedWidthPennationModel)."""
    optimal = column(muscles, "optimal_fiber_length")
    width = optimal * np.sin(column(muscles, "pennation"))
    return np.where(maximum > 1e-9, width / np.maximum(np.sin(maximum), 1e-9), 0.01 * optimal)
