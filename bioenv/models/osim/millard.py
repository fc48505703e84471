"""Millard2012EquilibriumMuscle: the curves of Millard et al. 2013 (J Biomech Eng 135:021005).

The knots are those of OpenSim's SmoothSegmentedFunctionFactory; defaults are the classes'
ActiveForceLengthCurve, FiberForceLengthCurve, ForceVelocityCurve and TendonForceLengthCurve.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bioenv.models.osim.bezier import Knot, SmoothCurve
from bioenv.models.osim.curve_set import CurveSet, column, parameter, pennation_limit
from bioenv.models.osim.description import Muscle

Array = NDArray[np.float64]

_HALF_PLATEAU = 0.05  # optimal lengths; the sarcomere's 0.0259, widened to measured shoulders
_DAMPED = 0.001  # below this OpenSim solves the fiber without damping


def curves(muscles: Sequence[Muscle]) -> CurveSet:
    """Curves of Millard2012EquilibriumMuscle with the file's parameters."""
    damping = parameter(muscles, "fiber_damping", 0.1)
    damping = np.where(damping < _DAMPED, 0.0, damping)
    maximum = parameter(muscles, "maximum_pennation_angle", float(np.arccos(0.1)))
    shortest = parameter(muscles, "ActiveForceLengthCurve.min_norm_active_fiber_length", 0.4441)
    forward = [_force_velocity(muscle) for muscle in muscles]
    inverse = [_force_velocity(muscle, inverse=True) for muscle in muscles]
    bend = [_bends(muscle) for muscle in muscles]
    return CurveSet(
        active_force_length=SmoothCurve([_active(one) for one in muscles], [[1.0] * 5] * len(bend)),
        passive_force_length=SmoothCurve(*_passive(muscles)),
        force_velocity=SmoothCurve(forward, bend),
        inverse_force_velocity=SmoothCurve(inverse, bend, inverted=True),
        tendon_force_length=SmoothCurve(*_tendon(muscles)),
        damping=damping,
        minimum_fiber_length=np.maximum(
            pennation_limit(muscles, maximum), shortest * column(muscles, "optimal_fiber_length")
        ),
        maximum_pennation=maximum,
        activation_time=parameter(muscles, "activation_time_constant", 0.010),
        deactivation_time=parameter(muscles, "deactivation_time_constant", 0.040),
        minimum_activation=parameter(muscles, "minimum_activation", 0.01),
        static_cosine="normalized",
    )


def _undamped(muscle: Muscle) -> bool:
    """True where OpenSim raises curve ends to keep the fiber's equation solvable."""
    stiff = muscle.curves.get("ignore_tendon_compliance", 0.0)
    return not stiff and muscle.curves.get("fiber_damping", 0.1) < _DAMPED


def _active(muscle: Muscle) -> list[Knot]:
    get, name = muscle.curves.get, "ActiveForceLengthCurve."
    left = get(name + "min_norm_active_fiber_length", 0.4441)
    shoulder = get(name + "transition_norm_fiber_length", 0.73)
    right = get(name + "max_norm_active_fiber_length", 1.8123)
    plateau = get(name + "shallow_ascending_slope", 0.8616)
    low = max(get(name + "minimum_value", 0.1), 0.1) if _undamped(muscle) else 0.0
    d = _HALF_PLATEAU
    shoulder_y = 1.0 - plateau * (1.0 - d - shoulder)
    steep = 1.25 * shoulder_y / (shoulder - left)
    fall = -1.0 / ((right - d) - (1.0 + d))
    return [
        Knot(left, low, 0.0),
        Knot(0.5 * (left + shoulder), 0.5 * shoulder_y, steep),
        Knot(0.5 * (shoulder + 1.0 - d), 0.5 * (1.0 + shoulder_y), plateau),
        Knot(1.0, 1.0, 0.0),
        Knot(0.5 * (1.0 + d + right), 0.5, fall),
        Knot(right, low, 0.0),
    ]


def _passive(muscles: Sequence[Muscle]) -> tuple[list[list[Knot]], list[list[float]]]:
    knots, bends = [], []
    for muscle in muscles:
        get, name = muscle.curves.get, "FiberForceLengthCurve."
        zero = get(name + "strain_at_zero_force", 0.0)
        one = get(name + "strain_at_one_norm_force", 0.7)
        low = get(name + "stiffness_at_low_force", 0.2)
        stiff = get(name + "stiffness_at_one_norm_force", 2.0 / (one - zero))
        bend = get(name + "curviness", 0.75)
        toe = min(0.1 / stiff, 0.1 * (one - zero))
        knots.append(
            [
                Knot(1.0 + zero, 0.0, 0.0),
                Knot(1.0 + zero + toe, 0.5 * low * toe, low),
                Knot(1.0 + one, 1.0, stiff),
            ]
        )
        bends.append([bend, bend])
    return knots, bends


def _tendon(muscles: Sequence[Muscle]) -> tuple[list[list[Knot]], list[list[float]]]:
    knots, bends = [], []
    for muscle in muscles:
        get, name = muscle.curves.get, "TendonForceLengthCurve."
        strain = get(name + "strain_at_one_norm_force", 0.049)
        stiff = get(name + "stiffness_at_one_norm_force", 1.375 / strain)
        toe_force = get(name + "norm_force_at_toe_end", 2.0 / 3.0)
        bend = get(name + "curviness", 0.5)
        toe = 1.0 + strain + (toe_force - 1.0) / stiff
        foot = 1.0 + 0.1 * (toe - 1.0)
        middle = 1.0 + strain + (0.5 * toe_force - 1.0) / stiff
        rise = 0.5 * toe_force / (middle - foot)
        knots.append(
            [
                Knot(1.0, 0.0, 0.0),
                Knot(0.5 * (foot + middle), 0.5 * rise * (middle - foot), rise),
                Knot(toe, toe_force, stiff),
            ]
        )
        bends.append([bend, bend])
    return knots, bends


def _force_velocity(muscle: Muscle, inverse: bool = False) -> list[Knot]:
    get, name = muscle.curves.get, "ForceVelocityCurve."
    near = get(name + "concentric_slope_near_vmax", 0.25)
    far_near = get(name + "eccentric_slope_near_vmax", 0.15)
    top = get(name + "max_eccentric_velocity_force_multiplier", 1.4)
    end = far_end = 0.0  # the damped fiber needs no slope at its maximum velocity
    if inverse:
        end, far_end = 0.5 * near, 0.5 * far_near
    elif _undamped(muscle):
        end = max(get(name + "concentric_slope_at_vmax", 0.0), 0.5 * near)
        far_end = max(get(name + "eccentric_slope_at_vmax", 0.0), 0.5 * far_near)
    return [
        Knot(-1.0, 0.0, end),
        Knot(-0.9, 0.05 * (near + end), near),
        Knot(0.0, 1.0, get(name + "isometric_slope", 5.0)),
        Knot(0.9, top - 0.05 * (far_near + far_end), far_near),
        Knot(1.0, top, far_end),
    ]


def _bends(muscle: Muscle) -> list[float]:
    shortening = muscle.curves.get("ForceVelocityCurve.concentric_curviness", 0.6)
    lengthening = muscle.curves.get("ForceVelocityCurve.eccentric_curviness", 0.9)
    return [shortening, shortening, lengthening, lengthening]
