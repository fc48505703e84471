"""Passive moments of hip and ankle as published: what relaxed legs resist with.

Riener R, Edrich T (1999), Identification of passive elastic joint moments in the lower extremities,
J Biomech 32:539-544: all passive structures together (muscles, ligaments, capsules) of ten healthy
people, as double exponentials of neighbouring angles. Their knee is left out: copies of its formula
disagree in one coefficient.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def hip_moment(hip: ArrayLike, knee: ArrayLike) -> Array:
    """Passive hip flexion moment, N*m, at hip and knee flexion (...) rad."""
    h, k = np.rad2deg(hip), np.rad2deg(knee)
    extended = np.exp(1.4655 - 0.0034 * k - 0.0750 * h)
    flexed = np.exp(1.3403 - 0.0226 * k + 0.0305 * h)
    return np.asarray(extended - flexed + 8.072)


def ankle_moment(ankle: ArrayLike, knee: ArrayLike) -> Array:
    """Passive dorsiflexion moment, N*m, at dorsiflexion and knee flexion (...) rad."""
    a, k = np.rad2deg(ankle), np.rad2deg(knee)
    plantar = np.exp(-7.9763 - 0.1949 * a + 0.0008 * k)
    dorsal = np.exp(2.1016 + 0.0843 * a - 0.0176 * k)
    return np.asarray(plantar - dorsal + 1.792)
