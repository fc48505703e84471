"""Arm reach: bring the hand to a point and hold it there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bioenv.envs import terms
from bioenv.envs.random import Draws
from bioenv.envs.state import State
from bioenv.envs.task import Task
from bioenv.models import Model


def to_goal(s: State) -> NDArray[np.float64]:
    """(B, 3) m, from the hand to the goal."""
    return s.goal - s.sensor("hand")


def _start(rng: Draws, model: Model, goal: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    return {"qpos": model.home + rng.normal(np.zeros(2), 0.1)}


TASK = Task(
    model="arm26",
    observe=lambda s: (s.qpos, s.qvel, s.activation, s.sensor("hand"), to_goal(s)),
    rewards={
        "near": (1.0, lambda s: terms.tolerance(np.linalg.norm(to_goal(s), axis=1), 0.2)),
        "precise": (1.0, lambda s: terms.tolerance(np.linalg.norm(to_goal(s), axis=1), 0.03)),
        "effort": (-0.1, terms.effort),
        "smoothness": (-0.1, terms.smoothness),
    },
    goal=lambda rng: rng.uniform([0.1, 0.0, -0.5], [0.3, 0.0, -0.2]),
    reset=_start,
    control_dt=0.02,
    episode_s=3.0,
    success=lambda s: np.linalg.norm(to_goal(s), axis=1) < 0.03,
    success_hold_s=0.5,
    rewarded=("hand_position",),
    description="reach a point with the hand; success: within 3 cm for the last half second",
)
