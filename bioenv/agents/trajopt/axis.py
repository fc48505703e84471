"""What a sweep changes: a setting of a recipe, its values, and the order to solve them in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bioenv.agents.trajopt.recipe import SolveRecipe
from bioenv.errors import BioenvError
from bioenv.models.interventions import NEUTRAL

_USUAL = {"strength": 1.0, "gravity": 9.81, "smoothing": 1.0, "softness": 1.0, "goals": 0.0}
"""Values that a recipe has where it does not say."""


@dataclass(frozen=True)
class Axis:
    """A setting of the recipe and the values that it takes, ascending."""

    key: str
    values: tuple[float, ...]

    def folder(self, value: float) -> str:
        """Name of a point's folder."""
        return f"{self.key}-{value:.6g}"


def parse(text: str) -> Axis:
    """An axis from "speed=0.6:2.0:8" (8 values, evenly spaced) or "strength.soleus=1,0.8,0.6".

    Raises BioenvError for anything else.
    """
    key, _, listed = text.partition("=")
    fault = BioenvError(
        f"--sweep takes key=first:last:count or key=value,value,... (numbers); got {text!r}"
    )
    try:
        if listed.count(":") == 2:
            first, last, count = listed.split(":")
            values = np.linspace(float(first), float(last), int(count)).tolist()
        else:
            values = [float(word) for word in listed.split(",")]
    except ValueError:
        raise fault from None
    # Twelve digits: 0.8 is 0.8, not 0.8000000000000003.
    found = tuple(sorted({float(f"{value:.12g}") for value in values}))
    if not key or len(found) < 2 or not np.isfinite(found).all():
        raise (
            fault
            if not key or not found
            else BioenvError(f"--sweep {key}: two different finite values or more, not {listed!r}")
        )
    return Axis(key, found)


def own_value(recipe: SolveRecipe, key: str) -> float | None:
    """The recipe's own value of a setting; the middle of a range, None where it is no number."""
    head, _, rest = key.partition(".")
    if head in ("strength", "gravity", "smoothing", "softness"):
        found: Any = recipe.parameters.get(key, _USUAL[head])
    elif head in NEUTRAL:
        found = recipe.changes.get(key, NEUTRAL[head])
    elif rest:
        found = (getattr(recipe, head, None) or {}).get(rest, _USUAL.get(head))
    else:
        found = getattr(recipe, key, None)
    if found is None or isinstance(found, str):
        return None
    return float(np.mean(found))


def route(values: Sequence[float], own: float | None) -> list[int]:
    """The order of solving: nearest to the recipe's own value, then up, then down."""
    first = 0 if own is None else int(np.argmin(np.abs(np.asarray(values) - own)))
    return [*range(first, len(values)), *range(first - 1, -1, -1)]
