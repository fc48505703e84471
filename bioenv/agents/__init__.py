"""Agents: policies, the algorithms that train them, and rollouts.

Everything is loaded on first use; only the training part imports torch.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "Policy": "bioenv.agents.policy",
    "PhaseMirror": "bioenv.agents.policy",
    "Recipe": "bioenv.agents.recipe",
    "recipes": "bioenv.agents.recipe",
    "train": "bioenv.agents.training",
    "rollout": "bioenv.agents.rollout",
}

__all__ = ["PhaseMirror", "Policy", "Recipe", "recipes", "rollout", "train"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    # Kept under its name: importing the submodule rollout would otherwise shadow the function.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
