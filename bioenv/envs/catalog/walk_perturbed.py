"""Walk while being pushed, up and down slopes, on uneven ground, with a body drawn anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bioenv.envs import gait
from bioenv.envs.catalog import walk
from bioenv.envs.ground import Ground, on_footholds

SLOPE = float(np.deg2rad(6.0))
TILT = float(np.deg2rad(3.0))

TASK = replace(
    walk.TASK,
    model=on_footholds(walk.MODEL),
    observe=lambda s: (*walk.PLANS.observe(s), gait.pitch(s)),
    perturb=gait.Pushes(body="torso", impulse=(0.05, 0.3), every_s=2.0),
    ground=Ground(slope=(-SLOPE, SLOPE), height=(-0.02, 0.02), tilt=(-TILT, TILT)),
    randomize={"mass": (0.9, 1.1), "strength": (0.85, 1.15), "friction": (0.7, 1.2)},
    description="walk under pushes to 0.3 m/s, on slopes and uneven ground; success as Walk",
)
