"""Can the sensors be believed? Checks of every sample against physics and against the last one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bioenv.envs.assist.sensors import Readings
from bioenv.errors import BioenvError

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Monitor:
    """What is a corrupt reading: not finite, beyond what a joint can do, a jump, a frozen value.

    Args:
        angle: rad, (low, high) beyond which no ankle bends.
        speed: rad/s that no ankle reaches.
        force: N that neither ground nor tendon reaches.
        jump: rad by which the angle may have run away from the integral of the speed, forgotten
            with the time constant ``forget_s``. A leap, or two sensors that contradict each other.
        kick: rad/s by which the speed may change in one sample; a foot that meets the ground
            changes by 5.
        frozen: samples in a row with the same bits of angle or of speed, which noise never gives.
        hold_s: s without a corrupt reading before sensors are believed again.
    """

    angle: tuple[float, float] = (-1.3, 1.0)
    speed: float = 60.0
    force: float = 20_000.0
    jump: float = 0.08
    forget_s: float = 0.5
    kick: float = 15.0
    frozen: int = 2
    hold_s: float = 0.1

    def __post_init__(self) -> None:
        for name in ("speed", "force", "jump", "forget_s", "kick", "frozen", "hold_s"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise BioenvError(f"monitor's {name} must be positive, got {value!r}")

    def drifted(
        self, now: Readings, before: Readings, drift: Array, known: Flags, dt: float
    ) -> Array:
        """(B, joints) rad by which the angle has run away from the integral of the speed.

        Args:
            now, before: this sample and the last one.
            drift: the same at the last sample.
            known: whether there is a last one.
            dt: s between samples.
        """
        moved = 0.5 * dt * (now.speed + before.speed)
        more = np.where(known, now.angle - before.angle - moved, 0.0)
        return np.nan_to_num(
            (1.0 - dt / self.forget_s) * drift + more, nan=0.0, posinf=9.0, neginf=9.0
        )

    def corrupt(
        self, now: Readings, before: Readings, same: Array, drift: Array, known: Flags
    ) -> Flags:
        """(B, joints) whether a sample is corrupt.

        Args:
            now, before: this sample and the last one.
            same: samples in a row, until now, that repeated the one before.
            drift: of `drifted`.
            known: whether there is a last one.
        """
        bad = ~np.isfinite(sum(now))
        bad |= (now.angle < self.angle[0]) | (now.angle > self.angle[1])
        bad |= np.abs(now.speed) > self.speed
        bad |= np.maximum(np.abs(now.ground), np.abs(now.tendon)) > self.force
        leap = (np.abs(drift) > self.jump) | (np.abs(now.speed - before.speed) > self.kick)
        result: Flags = bad | (known & leap) | (same >= self.frozen)
        return result

    @staticmethod
    def repeated(now: Readings, before: Readings) -> Flags:
        """(B, joints) whether angle or speed is the last one to the bit."""
        same: Flags = (now.angle == before.angle) | (now.speed == before.speed)
        return same
