"""A made-up leg whose geometry is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from bioenv.learn.sequences.geometry import MUSCLES, LegGeometry

ARMS = {  # m: hip, knee, ankle; positive flexes
    "soleus": (0, 0, -0.046), "gasmed": (0, 0.028, -0.046), "gaslat": (0, 0.026, -0.046),
    "tibant": (0, 0, 0.043), "vasmed": (0, -0.045, 0), "vaslat": (0, -0.045, 0),
    "vasint": (0, -0.045, 0), "recfem": (0.04, -0.045, 0), "bflh": (-0.05, 0.03, 0),
    "bfsh": (0, 0.03, 0), "semimem": (-0.045, 0.04, 0),
}  # fmt: skip


@pytest.fixture
def leg() -> LegGeometry:
    """Constant moment arms: length = at zero - arm . angle."""
    exponents = np.concatenate([np.zeros((1, 3)), np.eye(3)]).astype(np.int64)
    arms = np.array([ARMS[name] for name in MUSCLES], dtype=float)
    one = np.ones(len(MUSCLES))
    fiber, slack = 0.09 * one, 0.25 * one
    coefficients = np.concatenate([(fiber + slack)[None], -arms.T])
    return LegGeometry(
        MUSCLES, exponents, coefficients, 2000.0 * one, fiber, slack, 0.0 * one, 10.0 * one, 0 * one
    )
