"""Walk at a commanded speed with a powered exoskeleton at each ankle, behind a safety filter.

The action is 18 excitations and two commands; the observation is that of Walk and, behind it, the
device's power and torques. The muscles' metabolic rate is rewarded, so that assistance pays.
Walkers are pushed and sensors fail now and then, so that nobody learns to rely on the device alone.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bioenv.envs import gait
from bioenv.envs.assist.body import worn
from bioenv.envs.assist.device import Exoskeleton, remembered
from bioenv.envs.assist.faults import Faults
from bioenv.envs.catalog import walk
from bioenv.envs.state import State
from bioenv.envs.task import Task
from bioenv.errors import BioenvError

Array = NDArray[np.float64]

DEVICE = Exoskeleton(power=(-0.5, 1.5), faults=Faults(every_s=4.0))


def observe(s: State) -> tuple[Array, ...]:
    """What a walker sees, the device's power 0..1, and its torques as shares of the greatest."""
    strongest = -DEVICE.limits.torque[0]
    return (
        *walk.PLANS.observe(s),
        remembered(s, "power").mean(axis=1),
        -remembered(s, "torque") / strongest,
    )


def at(power: float, task: Task | None = None) -> Task:
    """The task (or a variant of it) with one power, 0 to 1, in all episodes; 0 is the device worn
    but silent."""
    task = TASK if task is None else task
    if not 0.0 <= power <= 1.0:
        raise BioenvError(f"power must be 0 to 1, got {power!r}")
    if not isinstance(task.device, Exoskeleton):
        raise BioenvError("power is an exoskeleton's: the task has none")
    return replace(task, device=replace(task.device, power=(power, power)))


TASK = replace(
    walk.TASK,
    model=worn(walk.MODEL),
    device=DEVICE,
    perturb=gait.Pushes(impulse=(0.05, 0.15), every_s=4.0),
    observe=observe,
    rewards={**walk.TASK.rewards, "metabolic": (-0.1, walk.TASK.rewards["metabolic"][1])},
    rewarded=(*walk.TASK.rewarded, "metabolic_power"),
    description="walk with an ankle exoskeleton behind a safety filter, pushed; success as Walk",
)
