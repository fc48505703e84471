"""Muscle parameters of legs3d: the file's, tendons made rigid, and what the file does not say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.models.osim.description import Muscle
from bioenv.models.osim.muscle_curves import curves_of

Array = NDArray[np.float64]

# Uchida et al. 2016 (PLoS ONE 11:e0150378), as tabulated by Falisse et al. 2019 (3dpredictsim):
# share of slow fibers; specific tension, MPa.
SLOW_AND_TENSION = {
    "addbrev": (0.50, 0.75263), "addlong": (0.50, 0.74643), "addmagDist": (0.552, 0.54831),
    "addmagIsch": (0.552, 0.55323), "addmagMid": (0.552, 0.55323), "addmagProx": (0.552, 0.55217),
    "bflh": (0.5425, 0.62222), "bfsh": (0.529, 1.00500), "edl": (0.75, 0.75294),
    "ehl": (0.75, 0.73636), "fdl": (0.60, 0.50000), "fhl": (0.60, 0.50313),
    "gaslat": (0.507, 0.69694), "gasmed": (0.566, 0.69865), "glmax1": (0.55, 0.75395),
    "glmax2": (0.55, 0.74455), "glmax3": (0.55, 0.74595), "glmed1": (0.55, 0.74455),
    "glmed2": (0.55, 0.75395), "glmed3": (0.55, 0.75057), "glmin1": (0.55, 0.75000),
    "glmin2": (0.55, 0.75000), "glmin3": (0.55, 0.75116), "grac": (0.50, 0.73636),
    "iliacus": (0.50, 1.24770), "perbrev": (0.60, 0.62143), "perlong": (0.60, 0.62450),
    "piri": (0.50, 0.75254), "psoas": (0.50, 1.50410), "recfem": (0.3865, 0.74936),
    "sart": (0.50, 0.74286), "semimem": (0.4925, 0.62524), "semiten": (0.425, 0.62121),
    "soleus": (0.803, 0.62703), "tfl": (0.50, 0.75161), "tibant": (0.70, 0.75417),
    "tibpost": (0.60, 0.62520), "vasint": (0.543, 0.55263), "vaslat": (0.455, 0.50027),
    "vasmed": (0.503, 0.49961),
}  # fmt: skip
# Where fibers are to work in gait, optimal lengths (Arnold et al. 2013, J Exp Biol 216:2150).
WORKING = (0.5, 1.25)
_BISECTIONS = 60


class Tendon(NamedTuple):
    """A rigid tendon, m: slack length, the part of it that the file's slack does not explain
    because the tendon is stretched in gait, the change of path, and the shift into the working
    range. fibers: least, mean and most length in the measured gait, optimal lengths."""

    slack: float
    stretch: float
    path: float
    shift: float
    fibers: tuple[float, float, float]


def fiber_lengths(muscles: Sequence[Muscle], length: Array, activation: Array) -> Array:
    """(T, m) m, fibers at rest on the file's elastic tendons: the tendon pulls as the fiber does.

    length (T, m) m, origin to insertion; activation (T, m). By bisection; a muscle shorter than
    its tendon hangs loose with its fibers at their shortest.
    """
    c = curves_of(tuple(muscles))
    low = np.broadcast_to(1.02 * np.maximum(c.width, c.minimum_fiber_length), length.shape).copy()
    high = np.maximum(length, low)
    for _ in range(_BISECTIONS):
        fiber = 0.5 * (low + high)
        cosine = np.sqrt(1.0 - np.minimum(c.width / fiber, 1.0) ** 2)
        x = fiber / c.optimal_fiber_length
        tendon = (length - fiber * cosine) / c.tendon_slack_length
        fibers = activation * c.active_force_length.value(x) + c.passive_force_length.value(x)
        short = c.tendon_force_length.value(tendon) > fibers * cosine
        low, high = np.where(short, fiber, low), np.where(short, high, fiber)
    return np.asarray(0.5 * (low + high))


def tendons(muscles: Sequence[Muscle], own: Array, files: Array, activation: Array) -> list[Tendon]:
    """Rigid tendons with the file's mean fiber length in gait.

    own, files (T, m) m: lengths in gait by legs3d's paths and by the file's; activation (T, m).
    """
    fiber = fiber_lengths(muscles, files, activation)
    found = []
    for k, muscle in enumerate(muscles):
        optimal, slack = muscle.optimal_fiber_length, muscle.tendon_slack_length
        element = optimal * np.cos(muscle.pennation)
        sheet = optimal * np.sin(muscle.pennation)
        along = np.sqrt(fiber[:, k] ** 2 - sheet**2)
        stretch = float(np.mean(files[:, k] - along)) - slack
        path = float(np.mean(own[:, k] - files[:, k]))
        now = (own[:, k] - slack - stretch - path) / element
        shift = float(_into_range(now.min(), now.max())) * element
        ends = now - shift / element
        fibers = (float(ends.min()), float(ends.mean()), float(ends.max()))
        found.append(Tendon(slack + stretch + path + shift, stretch, path, shift, fibers))
    return found


def _into_range(low: float, high: float) -> float:
    """By how many optimal lengths the tendon must grow for fibers within WORKING."""
    short, long = WORKING[0] - low, high - WORKING[1]
    if short > 0.0 and long > 0.0:
        return 0.5 * (long - short)
    if long > 0.0:
        return min(long, max(-short, 0.5 * (long - short)))
    if short > 0.0:
        return -min(short, max(-long, 0.5 * (short - long)))
    return 0.0
