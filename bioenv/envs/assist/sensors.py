"""What the device knows: its sensors' readings, and an estimate of the joint's load."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bioenv.envs.random import Draws
from bioenv.envs.state import State
from bioenv.errors import BioenvError

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Readings(NamedTuple):
    """One sample of the sensors, (B, joints) each; any number may be corrupt.

    angle rad; speed rad/s; ground N, vertical force under the foot; forefoot N, the part of it
    under ball and toes; tendon N, in the tendons that cross the joint.
    """

    angle: Array
    speed: Array
    ground: Array
    forefoot: Array
    tendon: Array


class Estimate(NamedTuple):
    """What an estimator, learned or not, says of the present instant.

    Args:
        load: (B, joints) body weights, contact force of the joint.
        deviation: (B, joints) its standard deviation, epistemic and aleatoric.
        flag: (B,) or (B, joints) bool, True where the estimator is out of its depth.
        state_deviation: (B, joints) rad, standard deviation of the angle that controls the
            barrier, beyond that of the sensor; 0 where the angle is read from an encoder.
    """

    load: Array
    deviation: Array
    flag: Flags
    state_deviation: Array | float = 0.0


class Estimator(Protocol):
    """A function from state and readings to an `Estimate`: the place for a learned model."""

    def __call__(self, state: State, readings: Readings) -> Estimate: ...


@dataclass(frozen=True)
class Sensors:
    """Noise of the sensors, standard deviations; white, drawn at every physics step.

    Args:
        angle: rad; an encoder of 14 bits on a strapped frame that gives.
        speed: rad/s; a rate gyroscope on shank and foot.
        ground: share of the reading; an insole with two zones.
        tendon: share of the reading; tensiometers on the tendons (Martin et al. 2018, doi
            10.1038/s41467-018-03797-6).
    """

    angle: float = 0.003
    speed: float = 0.05
    ground: float = 0.03
    tendon: float = 0.05

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (np.isfinite(value) and value >= 0.0):
                raise BioenvError(f"noise of {name} must be 0 or more, got {value!r}")

    def read(self, true: Readings, rng: Draws) -> Readings:
        """The readings of what is ``true``."""
        joints = true.angle.shape[1]
        z = rng.normal(np.zeros(5 * joints), 1.0)
        a, s, g, f, t = (z[:, i * joints : (i + 1) * joints] for i in range(5))
        return Readings(
            true.angle + self.angle * a,
            true.speed + self.speed * s,
            true.ground * (1.0 + self.ground * g),
            true.forefoot * (1.0 + self.ground * f),
            true.tendon * (1.0 + self.tendon * t),
        )
