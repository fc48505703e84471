"""Walk while being pushed, with a body that is drawn anew every episode."""

from __future__ import annotations

from dataclasses import replace

from bioenv.envs import gait
from bioenv.envs.catalog import walk

TASK = replace(
    walk.TASK,
    perturb=gait.Pushes(body="torso", impulse=(0.05, 0.3), every_s=2.0),
    randomize={"mass": (0.9, 1.1), "strength": (0.85, 1.15), "friction": (0.7, 1.2)},
    description="walk under pushes up to 0.3 m/s, drawn mass, strength, friction; success as Walk",
)
