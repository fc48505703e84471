"""Elbow pose: bring the forearm to a commanded angle and hold it against gravity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bioenv.envs import terms
from bioenv.envs.random import Draws
from bioenv.envs.state import State
from bioenv.envs.task import Task
from bioenv.models import Model


def angle_error(s: State) -> NDArray[np.float64]:
    """(B,) rad, elbow flexion minus the commanded angle."""
    return s.coordinate("elbow_flexion") - s.goal[:, 0]


def _start(rng: Draws, model: Model, goal: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    low, high = model.mj.jnt_range[0]
    return {"qpos": rng.uniform([low + 0.1], [high - 0.1])}


TASK = Task(
    model="elbow",
    observe=lambda s: (s.qpos, s.qvel, s.activation, s.goal, angle_error(s)),
    rewards={
        "pose": (1.0, lambda s: terms.tolerance(angle_error(s), 0.3)),
        "precise": (1.0, lambda s: terms.tolerance(angle_error(s), 0.05)),
        "effort": (-0.1, terms.effort),
        "smoothness": (-0.1, terms.smoothness),
    },
    goal=lambda rng: rng.uniform([0.35], [1.9]),  # rad: 20-109 degrees
    reset=_start,
    control_dt=0.02,
    episode_s=3.0,
    success=lambda s: (np.abs(angle_error(s)) < np.deg2rad(5)) & (np.abs(s.qvel[:, 0]) < 0.5),
    success_hold_s=1.0,
    rewarded=("joint_angles",),
    description="hold a commanded elbow angle; success: within 5 degrees for the last second",
)
