"""MuJoCo's soft constraints in torch, explicit in position, velocity and acceleration.

With the distance r past its margin (negative: violated), the reference acceleration is
``-b v - k d(r) r`` and the regularizer ``R = w (1 - d) / d``; the force of a scalar constraint is
``max(0, reference - acceleration) / R`` (MuJoCo documentation, "Computation", and Todorov 2014,
doi:10.1109/ICRA.2014.6907751).
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]

_MINVAL = 1e-15
_MIN_IMPEDANCE, _MAX_IMPEDANCE = 1e-4, 0.9999


def springs(mj: mujoco.MjModel, solref: Array, solimp: Array) -> tuple[Array, Array]:
    """Stiffness (n,) 1/s^2 (before the impedance) and damping (n,) 1/s of reference accelerations.

    From solref (n, 2) in either of its forms: (time constant s, damping ratio) or (-k, -b).
    """
    time, ratio = solref.T
    high = np.clip(solimp[:, 1], _MIN_IMPEDANCE, _MAX_IMPEDANCE)
    direct = time <= 0.0
    if not mj.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_REFSAFE:
        time = np.where(direct, time, np.maximum(time, 2.0 * mj.opt.timestep))
    safe = np.where(direct, 1.0, time)
    stiffness = 1.0 / np.maximum(_MINVAL, (high * safe * ratio) ** 2)
    damping = 2.0 / np.maximum(_MINVAL, high * safe)
    return (
        np.where(direct, -time / high**2, stiffness),
        np.where(direct, -ratio / high, damping),
    )


@dataclass(frozen=True, eq=False)
class Impedance:
    """d(r) of n constraints: MuJoCo's power sigmoid from low to high over a width; (n,) each."""

    low: Tensor
    high: Tensor
    width: Tensor
    middle: Tensor
    power: Tensor

    @staticmethod
    def of(solimp: Array) -> Impedance:
        """From MuJoCo's solimp (n, 5)."""
        low, high, width, middle, power = torch.tensor(solimp, dtype=torch.float64).T
        return Impedance(
            low.clamp(_MIN_IMPEDANCE, _MAX_IMPEDANCE),
            high.clamp(_MIN_IMPEDANCE, _MAX_IMPEDANCE),
            width.clamp(min=_MINVAL),
            middle.clamp(_MIN_IMPEDANCE, _MAX_IMPEDANCE),
            power.clamp(min=1.0),
        )

    def __call__(self, depth: Tensor) -> Tensor:
        """d (..., n) at depths (..., n) m or rad, not negative."""
        x = (depth / self.width).clamp(max=1.0)
        # Powers of zero have no finite slope below 1; the sigmoid's are 1 and more.
        rising = x**self.power / self.middle ** (self.power - 1.0)
        falling = 1.0 - (1.0 - x) ** self.power / (1.0 - self.middle) ** (self.power - 1.0)
        return self.low + (self.high - self.low) * torch.where(x <= self.middle, rising, falling)


def gain(impedance: Tensor) -> Tensor:
    """1 / (R w): force per (acceleration / inverse weight)."""
    return impedance / (1.0 - impedance)
