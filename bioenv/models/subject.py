"""Subject: whose body a model is to have."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from bioenv.errors import BioenvError

# Wider than any adult or school child on record, so that only slips are refused.
MASS_KG = (5.0, 500.0)
HEIGHT_M = (0.5, 2.6)
STRENGTH = (0.0, 20.0)


@dataclass(frozen=True)
class Subject:
    """A person to whom a model is scaled.

    Args:
        mass: kg.
        height: m.
        segment_lengths: m, joint centre to joint centre, by body name ("femur_r", or "femur" for
            both sides). Segments that are not named follow the height.
        strength: factor on the maximum isometric force of every muscle, or one by muscle name
            ("soleus_r", or "soleus" for both sides).

    Raises BioenvError when a figure is not finite or no person's: mass 5-500 kg,
    height 0.5-2.6 m, lengths 0-2.6 m, strength above 0 and up to 20.
    """

    mass: float
    height: float
    segment_lengths: Mapping[str, float] = field(default_factory=dict)
    strength: float | Mapping[str, float] = 1.0

    def __post_init__(self) -> None:
        _check("mass", self.mass, *MASS_KG, "kg")
        _check("height", self.height, *HEIGHT_M, "m")
        object.__setattr__(self, "segment_lengths", dict(self.segment_lengths))
        for name, length in self.segment_lengths.items():
            _check(f"length of {name!r}", length, 0.0, HEIGHT_M[1], "m")
        if isinstance(self.strength, Mapping):
            object.__setattr__(self, "strength", dict(self.strength))
            for name, factor in self.strength.items():
                _check(f"strength of {name!r}", factor, *STRENGTH, "(a factor)")
        else:
            _check("strength", self.strength, *STRENGTH, "(a factor)")

    def __hash__(self) -> int:
        strength = self.strength
        return hash(
            (
                self.mass,
                self.height,
                tuple(sorted(self.segment_lengths.items())),
                tuple(sorted(strength.items())) if isinstance(strength, Mapping) else strength,
            )
        )


def _check(what: str, value: float, low: float, high: float, unit: str) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not low < value <= high:
        raise BioenvError(
            f"impossible subject: {what} is {value!r}; expected a number above {low:g} "
            f"and up to {high:g} {unit}"
        )
