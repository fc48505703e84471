"""The stages of an inverse analysis: their names, how long each took, and how far the work is."""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from typing import Any

from bioenv.inverse.analysis import Stage

Progress = Callable[[str, int, int], None]
"""Called with the name of a stage, its number and how many there are."""

STAGES = (
    "gap filling", "inverse kinematics", "filter", "inverse dynamics", "residual reduction",
    "muscle geometry", "muscle forces", "well-posedness", "joint loads",
)  # fmt: skip


class Watch:
    """Times the stages and tells how far the work is."""

    def __init__(self, progress: Progress | None = None) -> None:
        self.stages: list[Stage] = []
        self._progress = progress

    def run(self, name: str, frames: int, work: Callable[[], Any]) -> Any:
        """Do the work of stage `name` on so many frames, and return its result."""
        if self._progress is not None:
            self._progress(name, STAGES.index(name), len(STAGES))
        start = clock.perf_counter()
        result = work()
        self.stages.append(Stage(name, frames, clock.perf_counter() - start))
        return result
