"""Muscle parameters: one array per quantity, one entry per muscle."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MuscleParameters:
    """Parameters of rigid-tendon Hill muscles; every array has shape (nm,) and is read-only.

    Anatomy (a pennate fiber in series with a rigid tendon):
        max_isometric_force N, along the fiber; optimal_fiber_length m; tendon_slack_length m;
        pennation rad; max_velocity optimal fiber lengths per s; fast_fiber_ratio 0..1;
        specific_tension Pa; mass kg (Umberger 2010: F0 / specific tension * L0 * 1059.7 kg/m^3).

    The MuJoCo element (unpennated; it acts along the tendon):
        element_force N = max_isometric_force * cos(pennation) ("F0_tendon");
        element_length m = optimal_fiber_length * cos(pennation);
        range_min, range_max (element_length's multiples at the ends of lengthrange);
        length_range_min, length_range_max m (muscle-tendon length at those ends);
        lmin, lmax, vmax, fpmax, fvmax: force curves (MuJoCo's names);
        tau_act, tau_deact, tausmooth s: activation dynamics.

    The normalized length of the element is
    (muscle-tendon length - tendon_slack_length) / element_length.
    """

    max_isometric_force: Array
    optimal_fiber_length: Array
    tendon_slack_length: Array
    pennation: Array
    max_velocity: Array
    fast_fiber_ratio: Array
    specific_tension: Array
    mass: Array
    element_force: Array
    element_length: Array
    range_min: Array
    range_max: Array
    length_range_min: Array
    length_range_max: Array
    lmin: Array
    lmax: Array
    vmax: Array
    fpmax: Array
    fvmax: Array
    tau_act: Array
    tau_deact: Array
    tausmooth: Array

    def __post_init__(self) -> None:
        for field in fields(self):
            value = np.array(getattr(self, field.name), dtype=float)
            value.flags.writeable = False
            object.__setattr__(self, field.name, value)

    def __len__(self) -> int:
        return int(self.max_isometric_force.size)

    @property
    def F0_tendon(self) -> Array:
        """(nm,) N, maximum isometric force along the tendon: F0 cos(pennation)."""
        return self.element_force
