"""Walk at a commanded speed; no measured movement is used anywhere.

`FREE` learns from a gait clock and a hand-drawn first step alone. `TASK` is led by the body's own
optimal gaits: it begins in them, sees how far it is from them, and a recipe may reward following.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bioenv import models
from bioenv.envs import gait, terms
from bioenv.envs.gait import stride_time
from bioenv.envs.plans import Plans
from bioenv.envs.task import Task
from bioenv.paths import agent_file

MODEL = "walker2d_elastic"

FREE = Task(
    model=MODEL,
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

PLANS = Plans.load(agent_file("plans", "walk-speeds"), models.load(MODEL))
"""Optimal gaits of the body, 0.6 to 2.0 m/s: ``bioenv solve predict-walk --set model=MODEL --sweep
speed=0.6:2.0:8``."""

TASK = replace(
    FREE,
    observe=PLANS.observe,
    rewards={**FREE.rewards, **PLANS.rewards(), "plan_muscles": (0.0, PLANS.activations())},
    reset=PLANS.start(),
)
