"""Subject: whose body a model is to have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Subject:
    """A person: mass kg, height m, segment lengths m by body name, strength factor (or one per muscle).

    Raises BioenvError when a figure is impossible.
    """

    mass: float
    height: float
    segment_lengths: Mapping[str, float] = field(default_factory=dict)
    strength: float | Mapping[str, float] = 1.0
