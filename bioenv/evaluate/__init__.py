"""Judge a Motion: gait figures, curves against measured bands, physics, and the report."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bioenv.evaluate.scores import Evaluation as Evaluation
    from bioenv.evaluate.scores import Score as Score
    from bioenv.evaluate.scores import evaluate as evaluate

__all__ = ["Evaluation", "Score", "evaluate"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("bioenv.evaluate.scores"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
