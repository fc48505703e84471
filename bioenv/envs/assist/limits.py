"""Limits of an assisted ankle, from anatomy and from published devices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bioenv.errors import BioenvError

Range = tuple[float, float]


@dataclass(frozen=True)
class Limits:
    """What an assisted ankle must not exceed; dorsiflexion is positive, as in the model.

    Args:
        angle: rad, (plantarflexion, dorsiflexion): 50 and 30 degrees, the passive range of motion
            of adults (Norkin and White 2016: 50 and 20 with the knee straight, 30 and more under
            body weight) and the range of the shipped walkers.
        speed: rad/s, either way. Mean cycles of people reach 3.8 (Winter) to 5.9 in walking at
            1.3 m/s, and 11.8 in running at 3.5 m/s (Dorschky et al. 2019, J
            Biomech 95:109278).
        torque: N*m, (plantarflexion, dorsiflexion) of the device: 0.7 N*m per kg of a 72.6 kg
            person, as much as optimization on people has used (Zhang et al. 2017, doi
            10.1126/science.aal5054); dorsiflexion is there to brake.
        torque_rate: N*m/s. A sine of 16 Hz between 0 and 50 N*m, which the ankle exoskeleton of
            Witte et al. 2015 (doi 10.1109/ICRA.2015.7139347) follows, changes by 2,500.
        load: body weights, the device's included, on the talus. Healthy walking reaches 3.9
            (Procter and Paul 1982, J Biomech 15:627) to 5.5 (Stauffer et al. 1977);
            6 is 10 % above.
    """

    angle: Range = (-float(np.deg2rad(50.0)), float(np.deg2rad(30.0)))
    speed: float = 10.0
    torque: Range = (-50.0, 15.0)
    torque_rate: float = 2000.0
    load: float = 6.0

    def __post_init__(self) -> None:
        for name in ("angle", "torque"):
            low, high = (float(one) for one in getattr(self, name))
            if not (np.isfinite([low, high]).all() and low <= 0.0 <= high and low < high):
                raise BioenvError(
                    f"limit {name} must be (low, high) with low <= 0 <= high, "
                    f"got {getattr(self, name)!r}"
                )
        for name in ("speed", "torque_rate", "load"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0.0):
                raise BioenvError(f"limit {name} must be a positive number, got {value!r}")
