"""What no window of a leg can show: exchanged sides, dead sensors, a body of another size.

Seen from the side, a person whose legs are exchanged walks like that person half a stride later.
But the pelvis turns with the leg that goes ahead: the side of the foremost thigh is the foremost
side. A joint of a walking person never stands still for long: a coordinate that does was not
measured. And nobody smaller or taller than the people learned from is estimated by them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bioenv.learn.people.features import build_of
from bioenv.learn.people.measured_people import LEGS, RATE
from bioenv.motion import Motion

Array = NDArray[np.float64]

STRIDE, PAUSE = 1.0, 0.4  # s over which the pelvis is compared, and in which a joint must move
AGAINST = -0.15  # correlation below which sides are exchanged; measured people stay above -0.07
LEAST = float(np.radians(0.1))  # standard deviation over PAUSE of a joint that moves
HEIGHTS = (1.45, 2.00)  # m; the simulated people have 1.50 to 1.95 m
_MOST = 10.0


def doubt(motion: Motion) -> Array:
    """(T,) how much a recording at 100 Hz is doubted, 1 at the limit: the worst of all signs."""
    return np.maximum.reduce([exchanged(motion), dead(motion), foreign(motion)])


def foreign(motion: Motion) -> Array:
    """(T,) distance of the body's height from the middle of HEIGHTS, over the limit's."""
    low, high = HEIGHTS
    away = abs(build_of(motion).height - (low + high) / 2) / ((high - low) / 2)
    return np.full(len(motion), away)


def exchanged(motion: Motion) -> Array:
    """(T,) doubt that right is right: 1 - correlation of the pelvis' turn with the legs' spread,
    over the limit's. Zero for a motion without pelvis_rotation: the sagittal plane cannot tell."""
    labels = motion.labels("qpos")
    if "pelvis_rotation" not in labels or not np.ptp(motion.column("qpos", "pelvis_rotation")):
        return np.zeros(len(motion))
    turn = motion.column("qpos", "pelvis_rotation")
    spread = motion.column("qpos", "hip_flexion_r") - motion.column("qpos", "hip_flexion_l")
    a, b = (one - _mean(one, STRIDE) for one in (turn, spread))
    size = _mean(a * a, STRIDE) * _mean(b * b, STRIDE)
    together = _mean(a * b, STRIDE) / np.sqrt(np.maximum(size, 1e-12))
    return (1.0 - together) / (1.0 - AGAINST)


def dead(motion: Motion) -> Array:
    """(T,) doubt that every leg joint was measured: the least over their standard deviations."""
    angles = np.stack([motion.column("qpos", name) for name in LEGS], axis=1)
    spread = np.stack([_spread(one) for one in angles.T], axis=1).min(axis=1)
    return np.minimum(LEAST / np.maximum(spread, 1e-9), _MOST)


def _spread(values: Array) -> Array:
    middle = values - values.mean()
    variance = _mean(middle * middle, PAUSE) - _mean(middle, PAUSE) ** 2
    return np.sqrt(np.maximum(variance, 0.0))


def _mean(values: Array, seconds: float) -> Array:
    """Moving mean (T,), over fewer samples at the ends."""
    size = min(round(seconds * RATE), len(values))
    total = np.convolve(values, np.ones(size), mode="same")
    return np.asarray(total / np.convolve(np.ones(len(values)), np.ones(size), mode="same"))
