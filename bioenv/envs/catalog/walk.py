"""Walk at a commanded speed; no measured movement is used anywhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bioenv.envs import gait, terms
from bioenv.envs.task import Task


def stride_time(goal: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) s, stride time of the gait clock at speed ``goal[:, 0]``: 1.1 s at 1.25 m/s, falling
    with its root.

    Cadence grows with the square root of speed (Grieve & Gear 1966, doi 10.1080/00140136608964399).
    """
    return 1.1 * np.sqrt(1.25 / goal[:, 0])


TASK = Task(
    model="walker2d",
    observe=gait.observe,
    rewards={
        "alive": (0.5, lambda s: np.ones(len(s.time))),
        "speed": (0.5, terms.speed(margin=0.3)),
        "stepping": (1.0, terms.stepping(duty=0.62)),
        "upright": (0.3, lambda s: terms.tolerance(terms.trunk_tilt(s), 0.25)),
        "effort": (-1.0, terms.effort),
        "metabolic": (0.0, terms.metabolic),
        "joint_load": (0.0, terms.joint_load),
        "impact": (-0.5, terms.ground_impact(1.2)),
        "limit": (-0.01, terms.limit_torque),
        "smoothness": (-0.3, terms.smoothness),
    },
    goal=lambda rng: rng.uniform([1.15], [1.35]),  # m/s
    cycle_s=stride_time,
    reset=lambda rng, model, goal: gait.step_start(rng, model, goal, stride_time),
    terminate=terms.fallen(),
    control_dt=0.02,
    episode_s=10.0,
    success=terms.mean_speed_within(0.15),
    rewarded=("speed", "cadence", "duty_factor", "effort", "vertical_grf_peak"),
    description="walk at a commanded speed, no reference; success: no fall, mean speed within 15 %",
)
