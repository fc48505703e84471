"""Run at a commanded speed in three dimensions, with 80 muscles; no measured movement is used."""

from __future__ import annotations

from dataclasses import replace

from bioenv.envs import terms
from bioenv.envs.catalog import run, walk_3d

_CROSSED = 1e-4  # m: runners' feet land near the middle line, so that only crossing it counts

TASK = replace(
    run.TASK,
    model="legs3d",
    rewards={
        **run.TASK.rewards,
        **walk_3d.SIDEWAYS,
        "feet_apart": (-0.3, terms.feet_apart(_CROSSED)),
    },
    description="run at a commanded speed in 3-D, no reference; success as Run",
)
