"""Run at a commanded speed; no measured movement is used anywhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bioenv.envs import gait, terms
from bioenv.envs.catalog import walk


def stride_time(goal: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) s, stride time of the gait clock at speed ``goal[:, 0]``: 0.73 s at 3.5 m/s.

    A runner's stride lasts 0.7335 s at 3.47 m/s (Dorschky et al. 2019, person P01); up to about
    4 m/s people lengthen their strides and hardly quicken them (Cavanagh and Kram 1989, Med Sci
    Sports Exerc 21:467-479).
    """
    return 0.73 * (3.5 / goal[:, 0]) ** 0.14


TASK = replace(
    walk.FREE,
    rewards={
        **walk.FREE.rewards,
        "stepping": (1.0, terms.stepping(duty=0.36, bearing=0.6)),
        "impact": (-0.2, terms.ground_impact(2.5)),
    },
    goal=lambda rng: rng.uniform([2.8], [3.2]),  # m/s
    cycle_s=stride_time,
    reset=lambda rng, model, goal: gait.step_start(rng, model, goal, stride_time, gait.RUNNING),
    description="run at a commanded speed, no reference; success: no fall, mean speed within 15 %",
)
