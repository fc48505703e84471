"""Sensors that fail: what the filter must survive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bioenv.envs.assist.sensors import Readings
from bioenv.envs.random import Draws
from bioenv.errors import BioenvError, unknown

Array = NDArray[np.float64]

KINDS = ("nan", "frozen", "jump", "range", "bias")
"""NaN; the last value again and again; a leap by up to 0.5 rad and 10 rad/s; a value that no ankle
has; a small lie that nobody can see: up to 0.03 rad, 0.5 rad/s, forces at 70 to 130 %."""


@dataclass(frozen=True)
class Faults:
    """Failures of one ankle's sensors, at random times.

    Args:
        every_s: mean time between failures of an ankle.
        duration_s: (shortest, longest).
        kinds: any of `KINDS`, each as likely.
    """

    every_s: float = 2.0
    duration_s: tuple[float, float] = (0.05, 0.4)
    kinds: tuple[str, ...] = KINDS

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in KINDS:
                raise unknown("sensor fault", kind, KINDS)
        if not (self.kinds and self.every_s > 0 and 0 < self.duration_s[0] <= self.duration_s[1]):
            raise BioenvError(
                "faults need kinds, every_s > 0 and 0 < shortest <= longest duration_s"
            )

    def corrupt(
        self, true: Readings, kind: Array, left: Array, size: Array, last: Readings, dt: float,
        rng: Draws,
    ) -> Readings:  # fmt: skip
        """The readings of this sample; (B, joints) each.

        Args:
            true: what sound sensors would read.
            kind, left, size: number of the failure in `KINDS`, s it still lasts, its size in -1..1;
                brought up to date in place.
            last: what was read last.
        """
        joints = kind.shape[1]
        draw = rng.uniform(np.zeros(4 * joints), 1.0)
        chance, which, how, long = (draw[:, i * joints : (i + 1) * joints] for i in range(4))
        begins = (left <= 0.0) & (chance < dt / self.every_s)
        numbers = np.array([KINDS.index(one) for one in self.kinds], float)
        kind[:] = np.where(begins, numbers[(which * len(numbers)).astype(int)], kind)
        size[:] = np.where(begins, 2.0 * how - 1.0, size)
        shortest, longest = self.duration_s
        left[:] = np.where(begins, shortest + long * (longest - shortest), left - dt)
        fails = left > 0.0
        code = np.where(fails, kind, -1.0)
        choices = [code == i for i in range(len(KINDS))]
        factor = 1.0 + 0.3 * size
        return Readings(
            np.select(choices, [np.full_like(size, np.nan), last.angle, true.angle + 0.5 * size,
                      true.angle + 3.0 * np.sign(size), true.angle + 0.03 * size], true.angle),
            np.select(choices, [np.full_like(size, np.nan), last.speed, true.speed + 10.0 * size,
                      true.speed, true.speed + 0.5 * size], true.speed),
            np.select(choices, [np.full_like(size, np.nan), last.ground, true.ground,
                      true.ground, true.ground * factor], true.ground),
            np.select(choices, [np.full_like(size, np.nan), last.forefoot, true.forefoot,
                      true.forefoot, true.forefoot * factor], true.forefoot),
            np.select(choices, [np.full_like(size, np.nan), last.tendon, true.tendon,
                      true.tendon, true.tendon * factor], true.tendon),
        )  # fmt: skip
