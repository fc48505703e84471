"""Walk the optimized gait in the simulator: a feedback that stabilizes what was planned.

``bioenv solve predict-walk`` finds one stride; this task keeps a body in it while it walks.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from bioenv.envs.imitation import ImitationTask, motion_task
from bioenv.paths import agent_file


def solution_file() -> Path:
    """Where the shipped solution of ``predict-walk`` lies."""
    return agent_file("solutions", "predict-walk", "motion.nc")


@lru_cache(maxsize=1)
def _task() -> ImitationTask:
    return motion_task(
        solution_file(),
        rewarded=("joint_angles", "speed", "vertical_grf", "activation", "effort"),
        description="follow the optimized gait; success: no fall, within 15 degrees of it, on pace",
    )


def __getattr__(name: str) -> Any:
    # the motion is read when the task is asked for, not when this module is imported
    if name == "TASK":
        return _task()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
