"""A walk whose figures are known by construction; helpers of these tests are imported by name."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bioenv.motion import Motion

sys.path.insert(0, str(Path(__file__).parent))

MASS = 70.0
WEIGHT = MASS * 9.81


@pytest.fixture
def make_walk() -> Callable[..., Motion]:
    """Builds a walk: half-sine vertical forces, sine joint angles, constant speed.

    Right heel strikes fall on start + k * period; each stance lasts duty * period. The left leg is
    the right one `shift` of a cycle later.
    """

    def build(
        *, seconds=8.0, rate=200.0, period=1.1, duty=0.6, speed=1.3, shift=0.5, start=0.3,
        left_offset=0.0, **meta,
    ) -> Motion:  # fmt: skip
        time = np.arange(0, seconds, 1 / rate)
        # Mean of a half sine over stance is 2/pi: this peak makes both feet carry one body weight.
        peak = WEIGHT * np.pi / (4 * duty)
        force = np.zeros((time.size, 2, 3))
        angles = []
        for foot, late in enumerate((0.0, shift)):
            phase = ((time - start) / period - late) % 1.0
            down = phase < duty
            force[:, foot, 2] = np.where(down, peak * np.sin(np.pi * phase / duty), 0.0)
            force[:, foot, 0] = np.where(down, -0.2 * WEIGHT * np.sin(2 * np.pi * phase / duty), 0)
            offset = left_offset if foot else 0.0
            angles += [
                0.4 * np.cos(2 * np.pi * phase) + offset,
                0.5 - 0.4 * np.cos(4 * np.pi * phase) + offset,
                0.2 * np.sin(2 * np.pi * phase) + offset,
            ]
        names = [f"{n}_{s}" for s in "rl" for n in ("hip_flexion", "knee_angle", "ankle_angle")]
        qpos = np.column_stack([speed * time, 0.9 + 0 * time, 0 * time, *angles])
        labels = ["pelvis_tx", "pelvis_tz", "pelvis_tilt", *names]
        return (
            Motion(time, meta={"mass_kg": MASS, **meta})
            .add("qpos", qpos, labels=labels, source="simulated")
            .add("ground_reaction_force", force, labels="rl", source="simulated")
        )

    return build
