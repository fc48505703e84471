"""Where a training run takes place, how far it is, and how two runs differ."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from bioenv.agents.policy import PhaseMirror


@dataclass(frozen=True)
class Setting:
    """Where a recipe is trained: two vector environments (SAME_STEP autoreset) and their names.

    Attributes:
        env, judge_env: for training and for evaluation.
        judge_steps: length of an evaluation episode in steps.
        model, muscles: names for the policy.
        reward_weights: the task's own, which stages override.
        mirror: the phase mirror, or None.
        command: what the user ran.
    """

    env: Any
    judge_env: Any
    judge_steps: int
    model: str
    muscles: tuple[str, ...]
    reward_weights: Mapping[str, float]
    mirror: PhaseMirror | None = None
    command: str = ""


@dataclass
class Progress:
    """How far training is; JSON-able, stored in every checkpoint."""

    stage: int = 0
    stage_steps: int = 0
    env_steps: int = 0
    evaluations: int = 0
    passes: int = 0  # evaluations in a row that met the criterion, in this stage
    best: list[float] = dataclasses.field(default_factory=list)
    best_at: dict[str, Any] = dataclasses.field(default_factory=dict)
    passed_at: dict[str, float] = dataclasses.field(default_factory=dict)
    wall_s: float = 0.0
    cpu_s: float = 0.0
    judge_s: float = 0.0
    finished: bool = False


def package_version(package: str) -> str:
    """Version of an installed distribution."""
    try:
        return version(package)
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "unknown"


def difference(stored: Any, given: Any, path: str = "") -> str:
    """The first place where two JSON values differ."""
    if isinstance(stored, dict) and isinstance(given, dict):
        for key in sorted({*stored, *given}):
            if stored.get(key) != given.get(key):
                return difference(stored.get(key), given.get(key), f"{path}{key}.")
    where = f"{path.rstrip('.')} " if path else ""
    return f"{where}was {stored!r}, now {given!r}"
