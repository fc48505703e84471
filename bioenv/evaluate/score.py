"""One judged figure, and the band it is held against."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from bioenv.evaluate import bands


@dataclass(frozen=True)
class Score:
    """One judged figure.

    reference: the band or the measured value in words, "" without one; ok: inside the band, None
    where nobody gives a band; source: whose band; rewarded: whether training rewarded it, an
    optimization minimized it or it was imposed, so that it validates nothing; motion: whose it is.
    """

    name: str
    value: float
    unit: str
    reference: str = ""
    ok: bool | None = None
    source: str = ""
    rewarded: bool = False
    motion: str = ""

    def as_dict(self) -> dict[str, Any]:
        """JSON-able; a value that is not finite becomes None."""
        value = float(self.value) if math.isfinite(self.value) else None
        return {**asdict(self), "value": value}


def banded(name: str, value: float, unit: str, note: str = "") -> Score:
    """A score with the band of its name, when there is one; else what is published of people."""
    band = bands.BANDS.get(name)
    if band is None:
        people = bands.PEOPLE.get(name)
        if people is not None:
            source = f"{people.source}; {note}" if note else people.source
            return Score(name, value, unit, f"people {people.text}", None, source)
        return Score(name, value, unit, "", None, note)
    ok = bool(band.low <= value <= band.high)
    source = f"{band.source}; {note}" if note else band.source
    return Score(name, value, unit, band.text, ok, source)
