"""Walk at a commanded speed in three dimensions, with 80 muscles; no measured movement is used.

Learned from a gait clock; a recipe's later stages may reward the sagittal angles of the planar
body's optimal gait.
"""

from __future__ import annotations

from dataclasses import replace

from bioenv.envs import terms
from bioenv.envs.catalog import walk

SIDEWAYS = {
    "level": (0.2, terms.level()),
    "way": (0.3, terms.on_the_way(margin=0.3)),
}
"""What the third dimension adds to walking and running: name -> (weight, term)."""

TASK = replace(
    walk.FREE,
    model="legs3d",
    rewards={
        **walk.FREE.rewards,
        **walk.PLANS.rewards(),
        **SIDEWAYS,
        "feet_apart": (-0.5, terms.feet_apart()),
    },
    description="walk at a commanded speed in 3-D, no reference; success as Walk",
)
