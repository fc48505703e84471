"""Does the ground carry the model's weight? Vertical impulse against momentum, over whole strides.

Over whole strides the mean vertical force is body weight. Over any other window the change of the
body's momentum is added, so a single stance can be judged as well, less sharply.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import trapezoid

Array = NDArray[np.float64]

_LOADED = 0.05  # share of the peak force above which a foot counts as loaded
_SHORTEST = 0.3  # s; a shorter window says nothing about mass


def implied_mass(
    time: Array,
    height: Array,
    vertical: Sequence[Array],
    meaningful: NDArray[np.bool_],
    mass: float,
    weight: float,
) -> dict[str, Any]:
    """The mass whose weight and momentum the ground force explains.

    Args:
        time: (T,) s; height: (T,) m of the center of mass; vertical: (T,) N of every plate.
        meaningful: (T,) frames in which every foot is measured; the longest run is used.
        mass: kg and weight: N, the model's.

    Returns:
        ``mass_implied`` kg, ``weight_carried`` (its ratio to `mass`), ``weight_window`` [start,
        stop] s and ``weight_strides``, how many whole strides it holds (0: momentum closed the
        balance). Empty when no run is longer than 0.3 s.
    """
    change = np.flatnonzero(np.diff(meaningful, prepend=False, append=False))
    if not vertical or not change.size:
        return {}
    starts, stops = change[::2], change[1::2]
    longest = int(np.argmax(stops - starts))
    first, last = int(starts[longest]), int(stops[longest]) - 1
    first, last, strides = _whole_strides(vertical, first, last)
    window = slice(first, last + 1)
    span = float(time[last] - time[first])
    if span < _SHORTEST or len(time) < 3:
        return {}
    impulse = sum(float(trapezoid(force[window], time[window])) for force in vertical)
    speed = np.gradient(height, time, edge_order=2)
    needed = weight * span + mass * float(speed[last] - speed[first])
    return {
        "mass_implied": float(mass * impulse / needed),
        "weight_carried": float(impulse / needed),
        "weight_window": [float(time[first]), float(time[last])],
        "weight_strides": strides,
    }


def _whole_strides(vertical: Sequence[Array], first: int, last: int) -> tuple[int, int, int]:
    """The window cut to the most whole strides of one foot, landing to landing."""
    best = (first, last, 0)
    for force in vertical:
        loaded = force[first : last + 1] > _LOADED * max(float(force.max()), 1e-9)
        landing = first + 1 + np.flatnonzero(np.diff(loaded.astype(int)) == 1)
        if len(landing) - 1 > best[2]:
            best = (int(landing[0]), int(landing[-1]), len(landing) - 1)
    return best
