"""Walk at any speed from slow to the edge of running, the command changing on the way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bioenv.envs import pace, terms
from bioenv.envs.catalog import walk
from bioenv.envs.task import Task
from bioenv.errors import BioenvError

Array = NDArray[np.float64]

SPEEDS = (0.6, 2.0)  # m/s
PACE = pace.Pace()


def duty(goal: Array) -> Array:
    """(n,) share of stance at speed ``goal[:, 0]``: 0.66 at 0.6 m/s, 0.56 at 2.0 m/s.

    Power law through the means of Schwartz et al. 2008 (doi 10.1016/j.jbiomech.2008.03.015; 0.68,
    0.62, 0.59, 0.58, 0.56 at dimensionless speeds 0.172, 0.290, 0.429, 0.560, 0.694, within 0.01),
    from children to a leg of 0.94 m by equal dimensionless speed.
    """
    return 0.595 * (1.30 / goal[:, 0]) ** 0.14


def at(speed: float) -> Task:
    """The task with one command for the whole episode, ``speed`` m/s."""
    low, high = SPEEDS
    if not low <= speed <= high:
        raise BioenvError(f"speed must be {low} to {high} m/s, got {speed!r}")
    return replace(TASK, goal=lambda rng: np.full((len(rng), 1), float(speed)), goal_every_s=None)


TASK = replace(
    walk.TASK,
    observe=lambda s: (*walk.PLANS.observe(s), PACE.ahead(s)),
    rewards={
        **walk.TASK.rewards,
        "stepping": (1.0, terms.stepping(duty)),
        "pace": (0.5, pace.on_pace(0.1)),
    },
    goal=lambda rng: rng.uniform([SPEEDS[0]], [SPEEDS[1]]),  # m/s
    # A command that jumps asks for what no body can do, and its first second would only blur the
    # reward; this one leaves 2.8 s for the largest change.
    goal_rate=0.5,  # m/s^2
    goal_every_s=(6.0, 10.0),
    memory=PACE,
    success=pace.kept(0.05),
    description="walk at 0.6 to 2.0 m/s, changing; success: every speed kept within 5 %",
)
