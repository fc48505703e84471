"""The joint's load from what can be measured on a person: tendon force and ground force."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bioenv.envs.assist.sensors import Estimate, Readings
from bioenv.envs.state import State

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TendonLoad:
    """Contact force of the ankle as ground force plus force of the tendons that cross it.

    Both press the talus nearly along the shank. What is left out, the angle between them and the
    foot's inertia, is part of the deviation. A peak is remembered and fades, for what has just
    struck may strike again.

    Args:
        share: deviation as a share of the load: noise of both sensors and their lever arms.
        rest: body weights, deviation of what is left out.
        peak_s: s in which a peak fades to a third.
    """

    share: float = 0.05
    rest: float = 0.2
    peak_s: float = 0.05

    def __call__(
        self, state: State, readings: Readings, last: Array | float = 0.0, dt: float = 0.0
    ) -> Estimate:
        """The estimate; ``last`` (B, joints) is that of ``dt`` s ago.

        See `bioenv.envs.assist.sensors.Estimator`.
        """
        load = (readings.ground + readings.tendon) / state.body_weight[:, None]
        load = np.fmax(load, (1.0 - dt / self.peak_s) * np.nan_to_num(last))
        deviation = np.hypot(self.share * load, self.rest)
        return Estimate(load, deviation, np.zeros(len(load), dtype=bool))


def together(physical: Estimate, learned: Estimate, deviations: float) -> Estimate:
    """The more cautious of two estimates, joint by joint: a learned one can only tighten.

    Whatever a learned estimator says, its load counts only where load plus ``deviations`` standard
    deviations is above the physical one's; its flag always counts, and so does a value that is not
    finite.
    """
    flag = np.asarray(learned.flag, bool)
    flag = flag[:, None] if flag.ndim == 1 else flag
    sound = np.isfinite(learned.load) & (learned.deviation >= 0) & np.isfinite(learned.deviation)
    bound = learned.load + deviations * learned.deviation
    higher = sound & (bound > physical.load + deviations * physical.deviation)
    return Estimate(
        np.where(higher, learned.load, physical.load),
        np.where(higher, learned.deviation, physical.deviation),
        flag | ~sound,
        np.maximum(physical.state_deviation, learned.state_deviation),
    )
