"""The joint, the torques and the samples of the elbow's benchmark."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bioenv.learn.elbow_ode import Torque, simulate

Array = NDArray[np.float64]

TRUE = np.array([0.08, 0.3, 4.0])
END = 4.0  # s
FINE = np.linspace(0.0, END, 401)


def sines(*waves: tuple[float, float, float]) -> Torque:
    """Sum of (N m, Hz, rad)."""
    return lambda t: sum(a * np.sin(2 * np.pi * f * t + p) for a, f, p in waves)  # type: ignore[return-value]


STANDARD = sines((1.0, 0.8, 0.0), (1.5, 1.5, 1.0))
TORQUES: dict[str, Torque] = {
    "two sines 0.8, 1.5 Hz (standard)": STANDARD,
    "three sines 0.6, 1.0, 1.6 Hz": sines((1.0, 0.6, 0.0), (1.0, 1.0, 1.0), (1.5, 1.6, 2.0)),
    "chirp 0.3 to 2.3 Hz": lambda t: 2.5 * np.sin(2 * np.pi * (0.3 * t + 0.25 * t * t)),
    "two steps": lambda t: 2.0 * (t > 0.5) - 1.0 * (t > 2.2),
    "one sine 0.5 Hz": sines((1.5, 0.5, 0.0)),
    "one sine 1.1 Hz (its own)": sines((1.0, 1.125, 0.0)),
}


def samples(
    seed: int, torque: Torque = STANDARD, count: int = 30, noise: float = 0.05,
    truth: Callable[[Array], Array] | None = None,
) -> tuple[Array, Array, float]:  # fmt: skip
    """Times, noisy angles and the noise in rad."""
    t = np.linspace(0.0, END, count)
    clean = simulate(t, torque, *TRUE).angle if truth is None else truth(t)
    size = noise * float(clean.std())
    return t, clean + size * np.random.default_rng(seed).normal(size=count), size
