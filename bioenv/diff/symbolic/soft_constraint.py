"""MuJoCo's soft constraints, explicit in position, velocity and acceleration, in CasADi SX.

With the distance r past its margin (negative: violated), the reference acceleration is
``-b v - k d(r) r`` and the regularizer ``R = w (1 - d) / d``; the force of a scalar constraint is
``max(0, reference - acceleration) / R`` (MuJoCo documentation, "Computation", and todorov 2014,
doi:10.1109/ICRA.2014.6907751).
"""

from __future__ import annotations

from typing import NamedTuple

import casadi as ca
import mujoco
import numpy as np

from bioenv.diff.symbolic import smooth

_MINVAL = 1e-15
_MIN_IMPEDANCE, _MAX_IMPEDANCE = 1e-4, 0.9999


class Spring(NamedTuple):
    """Stiffness 1/s^2 (before the impedance) and damping 1/s of a reference acceleration."""

    stiffness: float
    damping: float


class Stiffness(NamedTuple):
    """1 / (R w): force per (acceleration / inverse weight), zero outside; and the impedance d."""

    gain: ca.SX
    impedance: ca.SX


def spring(mj: mujoco.MjModel, solref: np.ndarray, solimp: np.ndarray) -> Spring:
    """From solref in either of its forms: (time constant s, damping ratio) or (-k, -b)."""
    time, ratio = (float(x) for x in solref)
    high = float(np.clip(solimp[1], _MIN_IMPEDANCE, _MAX_IMPEDANCE))
    if time <= 0.0:
        return Spring(-time / high**2, -ratio / high)
    if not mj.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_REFSAFE:
        time = max(time, 2.0 * float(mj.opt.timestep))
    return Spring(1.0 / max(_MINVAL, (high * time * ratio) ** 2), 2.0 / max(_MINVAL, high * time))


def stiffness(past: ca.SX, solimp: np.ndarray, width: ca.SX) -> Stiffness:
    """Impedance and gain d / (1 - d) at a distance past the margin.

    ``width`` (units of past) rounds the onset: where MuJoCo's constraint starts to exist, the gain
    rises in a smooth step.
    """
    depth = smooth.relu(-past, width)
    d = impedance(depth, solimp, width)
    return Stiffness(smooth.step(-past, width) * d / (1.0 - d), d)


def reference(spring: Spring, d: ca.SX, past: ca.SX, velocity: ca.SX) -> ca.SX:
    """Reference acceleration at impedance d."""
    return -spring.damping * velocity - spring.stiffness * d * past


def impedance(depth: ca.SX, solimp: np.ndarray, width: ca.SX) -> ca.SX:
    """d(r): from dmin to dmax over the width of solimp, by MuJoCo's power sigmoid."""
    low, high = (float(np.clip(x, _MIN_IMPEDANCE, _MAX_IMPEDANCE)) for x in solimp[:2])
    reach = max(float(solimp[2]), _MINVAL)
    middle = float(np.clip(solimp[3], _MIN_IMPEDANCE, _MAX_IMPEDANCE))
    power = max(float(solimp[4]), 1.0)
    x, rounding = depth / reach, width / reach
    x = x - smooth.relu(x - 1.0, rounding)  # at most 1
    if power == 2.0:  # two parabolas, by a squared relu: smooth where they meet
        bend = 1.0 / middle + 1.0 / (1.0 - middle)
        inner = smooth.relu(x - middle, rounding)
        return low + (high - low) * (x * x / middle - bend * inner * inner)
    if power == 1.0:
        return low + (high - low) * x
    x = ca.fmax(x, 0.0)
    rising = x**power / middle ** (power - 1.0)
    falling = 1.0 - (1.0 - x) ** power / (1.0 - middle) ** (power - 1.0)
    return low + (high - low) * ca.if_else(x <= middle, rising, falling)
